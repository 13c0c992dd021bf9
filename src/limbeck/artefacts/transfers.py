"""What a training was begun with, and what of it was taken over: its transfer.json."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from limbeck import fsio
from limbeck.artefacts.model_folder import BEGUN_FROM, BEGUN_LICENCE, CONVERTED, read_config
from limbeck.artefacts.run import RUN
from limbeck.artefacts.snapshots import is_model, snapshot_of
from limbeck.records import Record

TRANSFER = "transfer.json"
_AGAIN = "move that file away to go on without what it says of where the training began"


class Origin(Record):
    """Networks to begin with, and what they say of themselves.

    Attributes:
        path: where they lay; relative to the run's folder (or to the training's, outside of a run)
            where they are part of it.
        licence: of a model folder.
        facts: `data` of a model folder's config.json.
        before: what those had begun with.
    """

    path: str
    licence: str | None = None
    facts: dict[str, str | int | float] = Field(default_factory=dict)
    before: Origin | None = None

    @property
    def name(self) -> str:
        """The folder's own name."""
        return Path(self.path).name

    @property
    def own(self) -> bool:
        """Whether they are of the same run or training."""
        return not Path(self.path).is_absolute()

    def words(self) -> str:
        """`ffhq, converted from network-snapshot-025000.pkl (stylegan2-ada)`."""
        file, layout = self.facts.get(CONVERTED), self.facts.get("layout")
        made = "" if file is None else f", converted from {file}"
        return f"{self.name}{made}" + (f" ({layout})" if made and layout else "")

    def foreign(self) -> Origin | None:
        """The nearest networks before the training that are not of the same run."""
        if not self.own:
            return self
        return None if self.before is None else self.before.foreign()


class Transfer(Record):
    """What a training took over of the networks that it began with.

    Attributes:
        loaded, missing, other_shape, unused: names of tensors, NETWORK.parameter.
        source: those networks; None where an earlier limbeck wrote this.
        d_alone_kimg: how long D learned alone first.
        before: photos that those networks had seen, as the training counted them; None where an
            earlier limbeck wrote this.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    other_shape: tuple[str, ...]
    unused: tuple[str, ...]
    source: Origin | None = None
    d_alone_kimg: float = 0.0
    before: int | None = None

    def fresh(self, network: str) -> bool:
        """Whether no weight of `network` (G, D, E, ...) was taken over."""
        return not any(is_weight(name, network) for name in self.loaded)

    def lines(self) -> list[str]:
        """One for each network: how much of it was taken over, and which parts begin fresh."""
        names = (*self.loaded, *self.missing, *self.other_shape)
        taken = set(self.loaded)
        found = []
        for network in dict.fromkeys(name.split(".")[0] for name in names):
            mine = [name for name in names if name.startswith(f"{network}.")]
            new = [name for name in mine if name not in taken]
            if self.fresh(network):
                found.append(f"{network}: begins fresh")
            elif new:
                parts = dict.fromkeys(_part(name) for name in new)
                found.append(
                    f"{network}: {len(mine) - len(new)} of {len(mine)} tensors are taken over; "
                    f"{', '.join(parts)} begin fresh"
                )
            else:
                found.append(f"{network}: all {len(mine)} tensors are taken over")
        if self.unused:
            parts = dict.fromkeys(_part(name, whole=True) for name in self.unused)
            found.append(f"not used: {', '.join(parts)}")
        return found


def is_weight(name: str, network: str) -> bool:
    """Whether a tensor is a weight of this network, no bias or buffer."""
    return name.startswith(f"{network}.") and name.endswith("weight")


def _part(name: str, whole: bool = False) -> str:
    """`synthesis.b64` of `G.synthesis.b64.conv0.weight`; with the network where `whole`."""
    network, *inner = name.split(".")[:3]
    kept = inner if inner[:1] == ["synthesis"] else inner[:1]
    return ".".join([network, *kept] if whole else kept)


def origin_of(source: Path, training: Path) -> Origin:
    """The networks meant by `source`, for a training in the folder `training`.

    Raises:
        DataError: no networks lie there.
    """
    snapshot = snapshot_of(source).resolve()
    home = training.resolve()
    if (home.parent / RUN).exists():
        home = home.parent
    inside = snapshot.is_relative_to(home)
    path = str(snapshot.relative_to(home) if inside else snapshot)
    if is_model(snapshot):
        about = read_config(snapshot)
        return Origin(path=path, licence=about.licence, facts=dict(about.data))
    told = read_transfer(snapshot.parent)
    return Origin(path=path, before=None if told is None else told.source)


def write_transfer(told: Transfer, folder: Path) -> None:
    """Write FOLDER/transfer.json."""
    fsio.write_json(folder / TRANSFER, told.model_dump(mode="json"))


def read_transfer(training: Path) -> Transfer | None:
    """What `write_transfer` wrote; None for a training that began from nothing.

    Raises:
        DataError: it is damaged.
    """
    path = training / TRANSFER
    return fsio.read_record(path, Transfer, _AGAIN) if path.exists() else None


def begun_facts(training: Path) -> dict[str, str]:
    """For the model card: the networks from elsewhere that a training began with.

    Raises:
        DataError: its record is damaged.
    """
    told = read_transfer(training)
    source = None if told is None or told.source is None else told.source.foreign()
    if source is None:
        return {}
    licence = "not stated" if source.licence is None else source.licence
    return {BEGUN_FROM: source.words(), BEGUN_LICENCE: licence}
