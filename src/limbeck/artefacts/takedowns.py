"""takedowns.json: which photos were taken down from a run or a dataset, by hash, and what stays.

It lies in the run's folder, or in that of a dataset which is no run's. It is written before the
first file is touched and once more when all is done, and it is what keeps the photos out for good.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, StringConstraints

from limbeck import fsio
from limbeck.artefacts.folders import SUPERSEDED
from limbeck.artefacts.lock import root_of
from limbeck.artefacts.run import TAKEDOWNS as TAKEDOWNS
from limbeck.artefacts.snapshots import snapshots
from limbeck.artefacts.stage import BEGUN, DONE
from limbeck.errors import DataError, LimbeckError
from limbeck.records import Record

MOST = 100_000  # photos on record: the file stays far below what is read of JSON
_AGAIN = "bring the file back from a copy: it keeps photos out that were taken down"
_Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class TrainedWith(Record):
    """What a training had seen of the photos when they were taken down.

    Attributes:
        folder: of the training, below the run (or the folder that was named).
        dataset: digest of the photos that it was trained on; None where nothing says it.
        photos: how many those were; None where nothing says it.
        saw: how many of them were taken down, or are among those that the networks it began from
            had seen.
        exact: False = at most so many; which photos it saw cannot be told any more.
        rest: digest of the ids of the photos that it saw and that stay.
    """

    folder: str
    dataset: str | None = None
    photos: NonNegativeInt | None = None
    saw: NonNegativeInt
    exact: bool = True
    rest: str | None = None


class TakeDown(Record):
    """One take-down.

    Attributes:
        begun, finished: UTC; `finished` is None from before the first file is touched until the
            last one is done.
        limbeck: version.
        ids, sha256: of the photos, their copies and near copies.
        photos: how many listed files these were.
        images: how many of them were in a dataset.
        report: there was a report, to be written anew.
        removed: what was removed or rewritten, relative to the folder.
        trainings: that had seen them.
        made: what these trainings made, and what cannot be taken back.
    """

    begun: str
    finished: str | None = None
    limbeck: str
    ids: tuple[_Word, ...]
    sha256: tuple[_Word, ...]
    photos: NonNegativeInt
    images: NonNegativeInt
    report: bool = False
    removed: tuple[str, ...] = ()
    trainings: tuple[TrainedWith, ...] = ()
    made: tuple[str, ...] = ()


class _File(Record):
    format: Literal["limbeck-takedowns"] = "limbeck-takedowns"
    format_version: Literal[1] = 1
    takedowns: tuple[TakeDown, ...] = Field(max_length=10**5)


def read_takedowns(root: Path) -> tuple[TakeDown, ...]:
    """The take-downs of a run or dataset, the oldest first; none where nothing was taken down.

    Raises:
        DataError: the file cannot be read. Nothing goes on without it.
    """
    path = Path(root) / TAKEDOWNS
    if not path.exists():
        return ()
    return fsio.read_record(path, _File, _AGAIN).takedowns


def write_takedowns(root: Path, takedowns: Sequence[TakeDown]) -> None:
    """Write the file.

    Raises:
        DataError: more than `MOST` photos; it cannot be written.
    """
    if sum(len(one.sha256) for one in takedowns) > MOST:
        raise DataError(
            f"{root}: more than {MOST} photos would be on record as taken down",
            "ingest again into another folder, with --opt-out LIST",
        )
    values = _File(takedowns=tuple(takedowns)).model_dump(mode="json")
    fsio.write_json(Path(root) / TAKEDOWNS, values)


def unfinished_takedown(root: Path) -> TakeDown | None:
    """The take-down that was begun and not ended, or None."""
    return next((one for one in read_takedowns(root) if one.finished is None), None)


def require_no_unfinished_takedown(root: Path) -> None:
    """Nothing is made of photos that are being taken down.

    Raises:
        DataError: a take-down was begun here and did not end.
    """
    open_one = unfinished_takedown(root)
    if open_one is not None:
        raise DataError(
            f"{root}: a take-down of {open_one.photos} photos, begun {open_one.begun}, did not end",
            f"finish it: limbeck take-down {root}",
        )


def taken_hashes(out: Path) -> frozenset[str]:
    """sha256 of the photos that stay out of a dataset in `out`, or of the run that it is of."""
    place = out.parent if fsio.is_temporary(out) else out
    roots = {place.absolute(), root_of(place)}
    return frozenset(sha for root in roots for one in read_takedowns(root) for sha in one.sha256)


def photos_of_training(folder: Path) -> str | None:
    """Digest of the photos that a training was begun with; None where no file says it."""
    newest = [state / "state.json" for _, state in snapshots(folder, "state")[-1:]]
    for path in (folder / BEGUN, folder / DONE, *newest):
        try:
            values = fsio.read_object(path)
        except (LimbeckError, OSError):
            continue
        inputs = values.get("inputs")
        found = inputs.get("dataset") if isinstance(inputs, dict) else values.get("dataset")
        if isinstance(found, str):
            return found
    return None


@dataclass(frozen=True)
class Stained:
    """A training that stands there and saw photos which were taken down since.

    `saw` is at most so many unless `exact`.
    """

    folder: str
    saw: int
    exact: bool

    def __str__(self) -> str:
        who = "this training" if self.folder == "." else self.folder
        most = "" if self.exact else "up to "
        what = "photo that was" if self.saw == 1 else "photos that were"
        return f"{who} was trained with {most}{self.saw} {what} since taken down"

    @property
    def superseded(self) -> bool:
        """Whether another training has taken its place."""
        return self.folder.startswith(f"{SUPERSEDED}/")


def stained(root: Path, takedowns: Sequence[TakeDown] | None = None) -> list[Stained]:
    """The trainings of a run (or of another folder) that saw photos which were since taken down.

    One that has been made again since is not among them, but the superseded one is.

    Args:
        root: the folder.
        takedowns: instead of those that are on record there.
    """
    root, found = Path(root), dict[str, Stained]()
    for one in read_takedowns(root) if takedowns is None else takedowns:
        for training in one.trainings:
            for folder in _still_there(root, training) if training.saw else ():
                name = folder.relative_to(root).as_posix()
                before = found.get(name, Stained(name, 0, True))
                saw, exact = before.saw + training.saw, before.exact and training.exact
                found[name] = Stained(name, saw, exact)
    return list(found.values())


def _still_there(root: Path, training: TrainedWith) -> Iterator[Path]:
    """Where the training lies: in its place, or superseded since."""
    place = root / training.folder
    moved = sorted(root.glob(f"{SUPERSEDED}/{place.name}-*")) if place.parent == root else []
    for folder in (place, *moved):
        known = training.dataset is not None
        same = photos_of_training(folder) == training.dataset if known else folder == place
        if same and folder.is_dir():
            yield folder
