"""Tasks of one core each on a Ray cluster; errors for people come back as they are raised here."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from limbeck import errors, logs
from limbeck.errors import LimbeckError, UsageError

RETRIES = 2  # of a task whose process died
Failure = tuple[str, str, str]  # class, what, what to do


@contextmanager
def cluster() -> Iterator[ModuleType]:
    """Ray, connected: the cluster of RAY_ADDRESS, else this machine; left as it was found.

    Raises:
        UsageError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "Ray is not installed", "pip install 'limbeck[ray]', or make parts by --shard"
        ) from error
    ours = not ray.is_initialized()
    if ours:
        local: dict[str, Any] = (
            {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
        )
        ray.init(log_to_driver=False, logging_level="ERROR", **local)
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def run_tasks(
    ray: ModuleType,
    work: Callable[..., Failure | None],
    calls: Sequence[tuple[Any, ...]],
    what: str,
) -> None:
    """Run `work(*call)` for each call, as tasks; the first failure ends the others.

    Args:
        ray: of `cluster`.
        work: a function of a module, which gives its failure back (see `failure_of`).
        calls: arguments, plain values.
        what: is being done, for the person.

    Raises:
        LimbeckError: the failure of a task.
    """
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(work)
    waiting = [task.remote(*call) for call in calls]
    try:
        with logs.working(what, len(waiting)) as progress:
            while waiting:
                done, waiting = ray.wait(waiting)
                for failure in ray.get(done):
                    _raise(failure)
                progress.step(len(done))
    except BaseException:
        for one in waiting:
            ray.cancel(one)
        raise


def failure_of(work: Callable[[], object]) -> Failure | None:
    """Do the work; its error in words, which Ray would wrap, or None."""
    try:
        work()
    except LimbeckError as error:
        return type(error).__name__, error.what, error.do
    return None


def _raise(failure: Failure | None) -> None:
    if failure is not None:
        name, what, do = failure
        raise getattr(errors, name)(what, do)
