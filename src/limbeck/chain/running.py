"""The one command: plan, ask where something would be superseded, walk."""

import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from limbeck import fsio, logs
from limbeck.artefacts.folders import (
    SUPERSEDED,
    check_place,
    claim,
    holds_work,
    keep_apart,
    seconds_of,
)
from limbeck.artefacts.lock import Heartbeat, hold
from limbeck.artefacts.run import HALF, STAGES, RunDir
from limbeck.artefacts.snapshots import snapshot_of
from limbeck.artefacts.stage import read_done
from limbeck.artefacts.takedowns import require_no_unfinished_takedown
from limbeck.chain.budget import spend
from limbeck.chain.request import (
    Group,
    Request,
    group_requests,
    settled,
    stored_request,
)
from limbeck.chain.stages import AGAIN, BACK, CHECK, TO_DO, TOGETHER, Chain, Halt, wait_for, walk
from limbeck.config import AUTO_COLUMN, RECOMMENDED, WITHOUT_GENERATOR, Config
from limbeck.curation import FORMULAS
from limbeck.data import Dataset
from limbeck.errors import DataError, UsageError
from limbeck.ingestion import Fetching
from limbeck.kit.device import machine, pick_device
from limbeck.processes import rank
from limbeck.training import check_fit, require_tensorboard

ABOUT = {
    "data": "reading, cropping and cleaning the photos",
    "raw": "training a first generator on all photos",
    "scores": "which photos are unlike the others",
    "keep": "which photos go on",
    "kept": "training the generator on those",
    "modes": "the kinds of image that it makes",
    "samples": "drawing images",
    "model": "the folder to keep and to share",
    "report": "a page that shows it all",
}
LONG = 60.0  # seconds of work that are not made again without a question


@dataclass(frozen=True)
class StageState:
    """Where a stage stands: done, stale (done for other photos or settings: the next run makes it
    again), partial (begun but not ended: the next run goes on), or missing."""

    name: str
    state: Literal["done", "stale", "partial", "missing"]
    seconds: float | None
    finished: str | None
    summary: Mapping[str, Any]


def status(out: Path) -> list[StageState]:
    """The stages of a run in order.

    Raises:
        DataError: `out` is not a run.
    """
    run_dir = RunDir(out)
    words = dict(_planned_again(run_dir))
    states = []
    for name in STAGES:
        folder = run_dir.root / name
        done = read_done(folder) if (folder / "begun.json").exists() else None
        if done is None:
            lost: Literal["partial", "missing"] = "partial" if folder.exists() else "missing"
            states.append(StageState(name, lost, None, None, {}))
        else:
            stale = words.get(name) in (AGAIN, BACK)
            state: Literal["stale", "done"] = "stale" if stale else "done"
            states.append(StageState(name, state, done.seconds, done.finished, done.summary))
    return states


def _planned_again(run_dir: RunDir) -> list[tuple[str, str]]:
    """What the command that made the run would do now; empty where its photos are out of reach."""
    run_dir.read()
    try:
        request = stored_request(run_dir)
    except DataError:
        return []
    if not request.photos.exists():
        return []
    return plan_request(request, run_dir.root)


@dataclass(frozen=True)
class Consequences:
    """What asking a run for something else than before would do to what it has made.

    Attributes:
        groups: the changed options, each group with the stages that it makes stale.
        unasked: stages that are stale whatever was changed: photos, overrides, marks or formulas
            did.
        stages: all that would be made again or may have to be, for whatever reason.
        seconds: what making those took.
    """

    groups: list[Group]
    unasked: Group
    stages: list[str]
    seconds: float

    def matters(self) -> bool:
        """Whether a person should be asked first."""
        asked = any(group.stages for group in self.groups)
        long = self.seconds > LONG or any(name in TOGETHER for name in self.stages)
        return bool(self.stages) and (asked or long)

    def lines(self) -> list[str]:
        """In words, a line each."""
        found = []
        for group in self.groups:
            found.append(f"{', '.join(map(str, group.changes))} {_effect(group)}")
        if self.unasked.stages:
            found.append(f"changed photos, overrides, marks or formulas: {_effect(self.unasked)}")
        return found


def _effect(group: Group) -> str:
    """A stage may turn out as it was, so what follows it is only perhaps made again."""
    if not group.stages:
        return "makes nothing stale"
    first, *rest = group.stages
    after = f", and with it {', '.join(rest)}" if rest else ""
    return f"makes {first} stale{after}: {logs.duration(group.seconds)} of work"


def consequences(request: Request, out: Path) -> Consequences:
    """What `run` would make again of what stands in `out`, and because of which options.

    Raises:
        DataError: `photos` cannot be read.
    """
    run_dir = RunDir(out)
    if not run_dir.file.exists():
        return Consequences([], Group([]), [], 0.0)
    stages, seconds = _superseded(request, out)
    groups, unasked = [], Group([])
    try:
        before = replace(
            stored_request(run_dir), photos=request.photos, opt_out=request.opt_out,
            verify=request.verify, fetching=request.fetching,
        )  # fmt: skip
    except DataError:
        return Consequences([], Group([], stages, seconds), stages, seconds)
    if stages:
        unasked = Group([], *_superseded(before, out))
        groups = [
            Group(c, *_superseded(alone, out)) for c, alone in group_requests(before, request)
        ]
    return Consequences(groups, unasked, stages, seconds)


def _superseded(request: Request, out: Path) -> tuple[list[str], float]:
    words = plan_request(request, out)
    names = [
        name for name, word in words if word in (AGAIN, CHECK) and holds_work(Path(out) / name)
    ]
    return names, sum(_seconds(Path(out) / name) for name in names)


def _seconds(folder: Path) -> float:
    """Of a finished stage, or of training so far."""
    if spent := seconds_of(folder):
        return spent
    if rows := fsio.read_jsonl(folder / "stats.jsonl", ("seconds",)):
        return float(rows[-1]["seconds"])
    return _seconds(folder / HALF) if (folder / HALF).is_dir() else 0.0


def run(
    photos: Path,
    out: Path,
    config: Config,
    *,
    time_budget: float | None = None,
    opt_out: Path | None = None,
    yes: bool = False,
    strict: bool = False,
    verify: bool = False,
    fetching: Fetching | None = None,
    max_reject: float = 1.0,
) -> RunDir:
    """Photos in; dataset, generator, scores, kept set, second generator, modes, report out.

    Nothing that was there before is lost: `out` must be new, empty or a run; what other photos or
    settings supersede is kept in `out/superseded` where it took more than a minute, and taken
    again when they are asked for once more.

    Args:
        photos: a folder or an archive of images, or a list of URLs; never written to.
        out: the run's folder; the same call again skips what is done and goes on with the rest.
        config: what to do; resolved and written to run.json first.
        time_budget: seconds for the whole command, turned into kimg once and stored.
        opt_out: a file of ids, sha256, URLs or sources to leave out, one a line.
        yes: make again what other settings or photos make stale, without a question.
        strict: a line of `opt_out` that names no photo is an error.
        verify: read every photo to see whether one changed; without it, names, sizes and times of
            change tell.
        fetching: of a list of URLs: where photos are kept, ports; see `ingestion.Fetching`.
        max_reject: stop, with the dataset made, if a larger share of the files cannot be used.

    Raises:
        UsageError: settings or photos changed and finished work would be made again (not with
            `yes`); photos and `out` lie in one another; what the settings need is not here.
        DataError: `out` holds what limbeck did not make, or another process writes there; more
            than `max_reject` of the files cannot be used.
        LimbeckError: see the stages; what is finished stays finished.
    """
    began = time.perf_counter()
    fetching = fetching or Fetching()
    request = Request(
        Path(photos), config, time_budget, opt_out, strict, verify, max_reject, fetching
    )
    out = Path(out)
    _foresee(request, out)
    if rank() == 0:
        claim(out, "run")
    with hold(out) if rank() == 0 else nullcontext():
        if rank() == 0:
            if not yes and (found := consequences(request, out)).matters():
                raise UsageError(*refusal(found, out))
            fsio.sweep(out)
        return _run(request, out, began)


def refusal(found: Consequences, out: Path) -> tuple[str, str]:
    """The consequences as an error: what, and what to do."""
    return (
        f"{out} was made with other options or photos: {'; '.join(found.lines())}",
        "--yes (in Python yes=True) goes on and keeps the work that is superseded, in "
        f"{out / SUPERSEDED}, until the old options are asked for again",
    )


def _run(request: Request, out: Path, began: float) -> RunDir:
    run_dir = RunDir(out)
    resolved = settled(run_dir, request)
    facts = machine(pick_device(request.config.device))
    extra: dict[str, Any] = {
        "requested": request.asked(), **request.places(), "machine": facts,
    }  # fmt: skip
    if rank() == 0:
        write_request(run_dir, request, resolved, extra)

    def settle(dataset: Dataset) -> Config:
        heart, now = Heartbeat(out), resolved
        while rank() and now is None:  # rank 0 settles the budget
            wait_for(heart, request.config.train.timeout, "it measures this machine")
            now = settled(run_dir, request)
        if now is None and request.time_budget is not None:
            left = request.time_budget - (time.perf_counter() - began)
            now, measured = spend(request.config, dataset, left)
            run_dir.write(now, **extra, resolved=True, measured=measured)
        return now or request.config

    with logs.stages(ABOUT) as progress:
        chain = Chain(run_dir, resolved or request.config, progress)
        walk(chain, request, settle)
    return run_dir


def write_request(
    run_dir: RunDir, request: Request, resolved: Config | None, extra: Mapping[str, Any]
) -> None:
    """run.json: untouched where the same is asked, else written; the one before stays beside it."""
    if run_dir.file.exists():
        stored = run_dir.read()
        same = stored.get("requested") == request.asked()
        if same and {key: stored.get(key) for key in request.places()} == request.places():
            return
        if same:
            fsio.write_json(run_dir.file, stored | request.places())
            return
        number = 1
        while (run_dir.root / f"run-{number}.json").exists():
            number += 1
        fsio.write_json(run_dir.root / f"run-{number}.json", stored)
        if "measured" in stored and resolved is not None and request.time_budget:
            extra = {**extra, "measured": stored["measured"]}
    run_dir.write(resolved or request.config, **extra, resolved=resolved is not None)


def _foresee(request: Request, out: Path) -> None:
    """What is wrong or missing is told before ingestion, not after a training.

    Raises:
        UsageError: photos and `out` in one another; networks to begin with that are none or lie
            in `out`; a keep rule on a score that is not made.
        DataError: `out`, or a stage's folder in it, holds what limbeck did not make; a take-down
            was begun there and did not end.
    """
    if not request.photos.exists():
        raise DataError(
            f"{request.photos}: no such folder or archive of photos",
            f"where they lie now: limbeck run PHOTOS --out {out}",
        )
    keep_apart(request.photos, out)
    check_place(out, "run")
    require_no_unfinished_takedown(out)
    for name in STAGES:
        check_place(out / name, "train" if name in TOGETHER else name)
    config = request.config
    if config.train.init_from:
        snapshot = snapshot_of(Path(config.train.init_from))
        if snapshot.resolve().is_relative_to(out.resolve()):
            raise UsageError(
                f"train.init_from {snapshot} lies in {out}, which is to be written",
                "copy these networks to another place first",
            )
        if config.data.class_from == "none":  # else the photos say how many classes there are
            check_fit(config.net, snapshot)
    if config.train.tensorboard:
        require_tensorboard()
    columns = (AUTO_COLUMN, RECOMMENDED, WITHOUT_GENERATOR, *FORMULAS)
    if config.keep.column not in columns:
        raise UsageError(
            f"keep.column: no score column {config.keep.column!r}",
            f"choose one of {', '.join(columns)}",
        )


def plan(
    photos: Path,
    out: Path,
    config: Config,
    *,
    time_budget: float | None = None,
    opt_out: Path | None = None,
    verify: bool = False,
    fetching: Fetching | None = None,
) -> list[tuple[str, str]]:
    """What `run` would do, without doing it.

    Returns:
        (stage, word): "done"; "to do"; "to resume" (a training begun and not ended); "to bring
        back" (superseded before, and wanted again); "to make again" (its photos or settings
        changed); "to check" (there, but it depends on one that will be made).

    Raises:
        UsageError, DataError: as `run` before it writes anything.
    """
    request = Request(
        Path(photos), config, time_budget, opt_out, verify=verify, fetching=fetching or Fetching()
    )
    _foresee(request, Path(out))
    return plan_request(request, Path(out))


def plan_request(request: Request, out: Path) -> list[tuple[str, str]]:
    """As `plan`, for what `stored_request` gives."""
    run_dir = RunDir(out)
    resolved = settled(run_dir, request)
    chain = Chain(run_dir, resolved or request.config)

    def settle(_: Dataset) -> Config:
        if resolved is None:
            raise Halt
        return chain.config

    with suppress(Halt):
        walk(chain, request, settle)

    def word(name: str) -> str:
        return CHECK if holds_work(Path(out) / name) else TO_DO

    return [(name, chain.found.get(name) or word(name)) for name in STAGES]
