"""All URLs of a list: what is here already, what is asked for, and what became of each."""

import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from queue import SimpleQueue
from random import Random
from typing import TYPE_CHECKING

from limbeck import logs
from limbeck.errors import UsageError
from limbeck.ingestion.fetching.network import Halt
from limbeck.ingestion.fetching.outcomes import Fate, NotFetched, Stopped
from limbeck.ingestion.fetching.schedule import Job, Schedule
from limbeck.ingestion.fetching.settings import Fetching
from limbeck.ingestion.fetching.store import Kept, Store
from limbeck.ingestion.fetching.targets import INSTALL, Target

if TYPE_CHECKING:
    from limbeck.ingestion.fetching.client import Client

_TOLD = 5  # reasons
_LAST_WORDS = 1.0  # seconds that workers have to end


def fetch_all(
    targets: Sequence[Target],
    store: Store,
    fetching: Fetching,
    unwanted: Callable[[str], bool] = lambda url: False,
) -> dict[str, Kept]:
    """Bring URLs into the store, and say what became of each.

    What is there and sound is not asked for again; nor, for `limits.remembered` days, is what
    failed for good or opted out. What may go better is. Interrupted and called again, it goes on.

    Args:
        targets: URLs, each once.
        store: where they are kept.
        fetching: ports, limits, network.
        unwanted: whether a URL opted out; asked of those that redirects lead to.

    Raises:
        UsageError: something must be fetched, and httpcore is missing.
        DataError: the store's folder holds something else, or cannot be written.
    """
    found: dict[str, Kept] = {}
    wanted = []
    for target in logs.track(targets, "looking what was fetched before", len(targets)):
        kept = settled(store, target, fetching.limits.remembered)
        if kept is None:
            wanted.append(target)
        else:
            found[target.url] = kept
    here = sum(kept.fate is Fate.FETCHED for kept in found.values())
    if wanted:
        store.begin()
        crew = Crew(wanted, store, fetching, unwanted)
        with (
            logs.working("fetching", len(wanted), "photos") as task,
            closing(crew.results()) as results,
        ):
            for done, kept in enumerate(results, 1):
                found[kept.url] = kept
                task.at(done)
    _tell(found, here)
    return found


def settled(store: Store, target: Target, days: float, *, verify: bool = True) -> Kept | None:
    """What became of a URL, if it need not be asked for; None if it must.

    Args:
        store: where it would be.
        target: the URL.
        days: for which a failure for good, and an opt-out, is believed.
        verify: read its body to see whether it is as it was.
    """
    kept = store.find(target.url)
    if kept is None or kept.fate is Fate.LATER:
        return None
    if kept.fate is Fate.FETCHED:
        return kept if not verify or store.sound(kept.sha256) else None
    return None if kept.older(days) else kept


def _tell(found: dict[str, Kept], here: int) -> None:
    fates = Counter(kept.fate for kept in found.values())
    failed = [kept for kept in found.values() if kept.fate in (Fate.GONE, Fate.LATER)]
    logs.say(
        f"fetched {fates[Fate.FETCHED] - here} of {len(found)} URLs, {here} were here already, "
        f"{fates[Fate.OPTED_OUT]} opted out, {len(failed)} could not be had"
    )
    whys = Counter(kept.detail for kept in failed).most_common()
    for why, count in whys[:_TOLD]:
        url = next(kept.url for kept in failed if kept.detail == why)
        logs.say(f"  {logs.visible(why)}: {count}, e.g. {url}")
    if len(whys) > _TOLD:
        logs.say(f"  and {sum(count for _, count in whys[_TOLD:])} for other reasons")


class Crew:
    """Workers that fetch; `results` gives what became of each URL, in no order.

    Raises:
        UsageError: httpcore is missing.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        store: Store,
        fetching: Fetching,
        unwanted: Callable[[str], bool] = lambda url: False,
    ) -> None:
        self._store = store
        self._seed = fetching.seed
        self._limits = fetching.limits
        self._halt = Halt()
        self._client = _client(fetching, self._halt, unwanted)
        self._schedule = Schedule(targets, fetching.limits)
        self._results: SimpleQueue[Kept | BaseException] = SimpleQueue()
        self._count = len(targets)

    def results(self) -> Generator[Kept]:
        """What became of the URLs, as it happens; leaving the loop ends the work at once.

        Raises:
            DataError: the store cannot be written.
        """
        threads = [
            threading.Thread(target=self._work, name=f"fetch-{number}", daemon=True)
            for number in range(min(self._limits.at_once, self._count))
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in range(self._count):
                result = self._results.get()
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            self._schedule.close()
            self._halt.stop()
            for thread in threads:
                thread.join(_LAST_WORDS / len(threads))

    def _work(self) -> None:
        try:
            while (job := self._schedule.take()) is not None:
                result = self._done(job)
                if result is not None:
                    self._results.put(result)
        except Stopped:
            pass
        except BaseException as error:  # a full disk, or a fault of ours: the caller's to hear
            self._results.put(error)

    def _done(self, job: Job) -> Kept | None:
        """What became of a job, or None where it is to be tried again."""
        target, host = job.target, job.target.host
        if why := self._schedule.why_not(host):
            kept = self._store.fail(target.url, Fate.LATER, why)
        else:
            try:
                data, headers = self._fetched(target)
            except NotFetched as failure:
                self._schedule.heard(host, silent=failure.silent and failure.fate is Fate.LATER)
                if self._again(job, failure):
                    return None
                self._halt.check()
                kept = self._store.fail(target.url, failure.fate, failure.detail)
            else:
                self._schedule.heard(host, silent=False)
                kept = self._store.keep(target.url, data, headers)
        self._schedule.settled(job)
        return kept

    def _fetched(self, target: Target) -> tuple[bytes, dict[str, str]]:
        """As `Client.fetch`; a fault of ours costs the URL on which it shows, not the others."""
        try:
            return self._client.fetch(target)
        except (NotFetched, Stopped, MemoryError):
            raise
        except Exception as error:
            self._halt.check()
            said = f"{type(error).__name__}: {error}"[:200]
            raise NotFetched(Fate.LATER, f"unexpected {said}; please report this") from error

    def _again(self, job: Job, failure: NotFetched) -> bool:
        """Put a job off, if it is worth another try."""
        wait = self._limits.backoff * 2**job.tries
        wait *= 0.5 + Random(f"{self._seed} {job.target.url} {job.tries}").random()
        if failure.wait is not None:
            self._schedule.rest(job.target.host, failure.wait)
            wait = max(wait, failure.wait)
        if not failure.again or job.tries >= self._limits.retries or wait > self._limits.rest:
            return False
        self._schedule.again(job, wait)
        return True


def _client(fetching: Fetching, halt: Halt, unwanted: Callable[[str], bool]) -> "Client":
    try:
        from limbeck.ingestion.fetching.client import Client
    except ImportError as error:
        if error.name not in ("httpcore", "h11", "certifi"):
            raise
        raise UsageError(
            f"photos of URL lists are fetched by httpcore, and {error.name} is missing",
            f"{INSTALL}, then run the same command again",
        ) from None
    return Client(fetching, halt, unwanted)
