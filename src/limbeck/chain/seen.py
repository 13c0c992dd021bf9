"""Which trainings saw photos that are taken down: weights cannot forget, so they are named."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from limbeck import fsio
from limbeck.artefacts.keep import kept_ids
from limbeck.artefacts.snapshots import snapshots
from limbeck.artefacts.stage import BEGUN
from limbeck.artefacts.takedowns import TrainedWith, photos_of_training, read_takedowns
from limbeck.artefacts.transfers import TRANSFER
from limbeck.chain.named_photos import Found
from limbeck.chain.places import Place
from limbeck.data import Dataset
from limbeck.errors import LimbeckError
from limbeck.kit.selection import held_out
from limbeck.records import Status
from limbeck.training import pictured_rows


@dataclass(frozen=True)
class Seen:
    """What a training saw.

    Attributes:
        folder: of the training.
        told: how many of the photos, for the record.
        pictured: whether one of them is, or may be, in its pictures of reconstructions.
    """

    folder: Path
    told: TrainedWith
    pictured: bool

    @property
    def networks(self) -> int:
        """Snapshots and checkpoints that it holds."""
        kinds = ("nets", "state", "bad-state")
        return sum(len(list(self.folder.glob(f"{kind}-*"))) for kind in kinds)


def who_saw(places: Sequence[Place], found: Found) -> dict[Path, list[Seen]]:
    """The trainings of each place, by the place's folder, with what they saw of the photos.

    A training names its photos by a digest. It is compared with all sets of photos that these can
    have been: each dataset whole, without the photos held out, and what each keep list keeps of it.
    Where none fits, the training counts as having seen them all.
    """
    sets = list(_sets(places))
    taken = {photo.info.id for photo in found.photos if photo.info.status is Status.ACCEPTED}
    answer = {}
    for place in places:
        rest = {
            training.dataset: training.rest
            for one in read_takedowns(place.root)
            for training in one.trainings
        }
        seen = [_saw(place, folder, sets, taken, rest) for folder in place.trainings]
        answer[place.root] = [_inherited(one, seen) for one in seen]
    return answer


@dataclass(frozen=True)
class _Set:
    digest: str
    ids: tuple[str, ...]

    @property
    def rest(self) -> str:
        return ids_digest(self.ids)


def ids_digest(ids: Sequence[str]) -> str:
    """16 hex that name a set of photos by their ids alone, whatever pixels lie beside them."""
    return fsio.digest_json(sorted(ids))


def _sets(places: Sequence[Place]) -> Iterator[_Set]:
    lists = [ids for place in places for ids in _keep_lists(place)]
    shares = {place.config.hold_out for place in places if place.config} | {0.0}
    for data in (data for place in places for data in place.datasets):
        for share in shares:
            held = held_out(data.ids, share)
            for ids in (set(data.ids), *lists):
                yield _set_of(data, (ids & set(data.ids)) - held)


def _set_of(data: Dataset, ids: set[str]) -> _Set:
    chosen = data.select(ids)
    return _Set(chosen.digest, chosen.ids)


def _keep_lists(place: Place) -> Iterator[set[str]]:
    for folder in place.keeps:
        try:
            yield set(kept_ids(folder))
        except LimbeckError:
            continue  # damaged, or the table of it alone is gone


def _saw(
    place: Place,
    folder: Path,
    sets: Sequence[_Set],
    taken: set[str | None],
    rest: dict[str | None, str | None],
) -> Seen:
    digest = photos_of_training(folder)
    before = rest.get(digest)
    fits = (s for s in sets if s.digest == digest or (before and s.rest == before))
    one = next(fits, None) if digest is not None else None
    name = place.shown(folder)
    if one is None:
        told = TrainedWith(folder=name, dataset=digest, saw=len(taken), exact=not taken)
        return Seen(folder, told, pictured=bool(taken))
    gone = [photo for photo in one.ids if photo in taken]
    told = TrainedWith(
        folder=name, dataset=digest, photos=len(one.ids), saw=len(gone),
        rest=ids_digest([photo for photo in one.ids if photo not in taken]),
    )  # fmt: skip
    size = _size(folder)
    known = size is not None and one.digest == digest  # else rows may have been others
    shown = set(pictured_rows(len(one.ids), size)) if size is not None and one.ids else set()
    pictured = any(one.ids[row] in taken for row in shown) if known else bool(gone)
    return Seen(folder, told, pictured)


def _size(folder: Path) -> int | None:
    """Side of a training's images; None where no snapshot says it."""
    for _, nets in snapshots(folder, "nets")[-1:]:
        try:
            net = fsio.read_object(nets / "config.json").get("net")
        except LimbeckError:
            return None
        size = net.get("size") if isinstance(net, dict) else None
        return size if isinstance(size, int) else None
    return None


def _inherited(one: Seen, all_seen: Sequence[Seen]) -> Seen:
    """What goes on from another training of the run has also seen what that one saw."""
    if not _begins_from_another(one.folder):
        return one
    most = max((other.told.saw for other in all_seen if other.folder != one.folder), default=0)
    if most <= one.told.saw:
        return one
    exact = all(other.told.exact for other in all_seen)
    told = one.told.model_copy(update={"saw": most, "exact": exact})
    return Seen(one.folder, told, one.pictured)


def _begins_from_another(folder: Path) -> bool:
    try:
        inputs = fsio.read_object(folder / BEGUN).get("inputs", {})
    except (LimbeckError, OSError):
        inputs = {}
    return (isinstance(inputs, dict) and "begin" in inputs) or (folder / TRANSFER).exists()
