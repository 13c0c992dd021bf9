"""The parts of one listing in a folder: found by what they are, checked before they are joined."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck import fsio, logs
from limbeck.config import DataConfig
from limbeck.data import Dataset, PartFacts, open_dataset
from limbeck.decoding import Square
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.ingestion.part_rows import AllStored, Stored, in_order, photos_of
from limbeck.records import Status

OF_JOINING = ("near_duplicate_bits", "cropped_copies", "store")
"""Settings of `config.data` that only settle copies, or how the joined pixels are stored."""
_INDEX = "index.json"


def part_folders(source: Path) -> list[Path]:
    """The parts right below a folder, by name; none where it is no folder of parts.

    Raises:
        DataError: `source` is itself a part.
    """
    source = Path(source)
    if (own := _facts_of(source)) is not None:
        raise DataError(
            f"{source} is {own.words()} of a dataset",
            f"give the folder that holds all {own.of} parts: {source.parent}",
        )
    if not source.is_dir():
        return []
    try:
        below = sorted(path for path in source.iterdir() if not path.name.startswith("."))
    except OSError:
        return []  # whoever lists it says what is wrong
    return [path for path in below if path.is_dir() and _facts_of(path) is not None]


def _facts_of(folder: Path) -> PartFacts | None:
    """What index.json says of a part; None for whatever else there is."""
    path = folder / _INDEX
    if not path.is_file():
        return None
    try:
        values = fsio.read_json(path)
    except (LimbeckError, OSError):
        return None
    if not isinstance(values, dict) or not isinstance(values.get("part"), dict):
        return None
    return fsio.as_record(values["part"], PartFacts, f"{path}: part", "make this part again")


class Parts:
    """All parts of one listing, opened and compared.

    Attributes:
        facts: of the first part; all parts agree in what is read from here.
        side: of the stored squares, pixels.
        rows: of all parts, in the order of the listing, a photo's further objects behind it.
        class_names: of all parts, sorted; labels of `rows` number these.

    Args:
        folders: of `part_folders`.

    Raises:
        DataError: damaged, missing, doubled, of other photos, or made with other settings.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        datasets = [open_dataset(folder, part=True) for folder in folders]
        self._of = [_part_of(dataset) for dataset in datasets]
        self.facts = self._of[0]
        _check_alike(folders, datasets)
        _check_whole(folders, self._of)
        self.side = datasets[0].size
        self.class_names = sorted({name for data in datasets for name in data.class_names})
        self._views = [data.at(data.size, resident=False) if len(data) else None
                       for data in datasets]  # fmt: skip
        number = {name: index for index, name in enumerate(self.class_names)}
        stored = AllStored(
            one
            for part, dataset in enumerate(datasets)
            for photo in photos_of(
                _rows_of(part, dataset, number), _settings(self._of[part]),
                frozenset(self._of[part].objects),
            )
            for one in photo
        )  # fmt: skip
        held = sum(facts.held for facts in self._of)
        if not stored.photos == held == self.facts.listed:
            raise DataError(
                f"the parts hold {stored.photos} files, {self.facts.listed} were listed",
                "make the parts again from the same photos",
            )
        opted = {sha256: why for facts in self._of for sha256, why in facts.opted.items()}
        self.rows = AllStored(in_order(stored, opted))

    def objects(self) -> list[str]:
        """For each part, what its photos were cropped to, in words."""
        return [f"{', '.join(facts.objects) or 'any'} in {facts.words()}" for facts in self._of]

    def square(self, stored: Stored) -> Square:
        """A photo as the part decoded it."""
        view = self._views[stored.part]
        assert view is not None, "the part holds squares"
        assert stored.place >= 0, "the part decoded it"
        pixels: NDArray[np.uint8] = view[[stored.place]][0].numpy()
        return Square(pixels, stored.row.detail, stored.row.format or "")


def settings_of(facts: PartFacts, config: DataConfig) -> DataConfig:
    """The parts' settings, with those of `config` that belong to joining.

    Raises:
        UsageError: `config` asks for something else than the parts were made with.
    """
    theirs = _settings(facts)
    for name, field in DataConfig.model_fields.items():
        asked, made = getattr(config, name), getattr(theirs, name)
        if name in (*OF_JOINING, "size") or asked in (made, field.default):
            continue
        raise UsageError(
            f"data.{name}={asked}, and the parts were made with {made}",
            "leave the option out, or make the parts again",
        )
    return theirs.model_copy(update={name: getattr(config, name) for name in OF_JOINING})


def _settings(facts: PartFacts) -> DataConfig:
    return fsio.as_record(facts.settings, DataConfig, "settings of a part", "make it again")


def _part_of(dataset: Dataset) -> PartFacts:
    assert dataset.part is not None, "part_folders names parts alone"
    return dataset.part


def _rows_of(part: int, dataset: Dataset, number: dict[str, int]) -> Iterator[Stored]:
    place = 0
    names = dataset.class_names
    for row in dataset.listed():
        if names and row.label is not None and row.label < len(names):
            row = row.model_copy(update={"label": number[names[row.label]]})
        if row.status is Status.ACCEPTED:
            yield Stored(row, part, place)
            place += 1
        else:
            yield Stored(row, part)


def _check_alike(folders: Sequence[Path], datasets: Sequence[Dataset]) -> None:
    """All parts are of one listing, made in one way."""
    first = _part_of(datasets[0])
    for folder, dataset in zip(folders, datasets, strict=True):
        facts = _part_of(dataset)
        compared: tuple[tuple[str, Any, Any], ...] = (
            ("how many parts there are", facts.of, first.of),
            ("which photos were listed, their sizes and times", facts.listing, first.listing),
            ("settings", _settled(facts), _settled(first)),
            ("versions of what decodes", facts.codecs, first.codecs),
            ("what decides how photos are read", facts.way, first.way),
            ("files beside the photos", facts.inputs, first.inputs),
            ("stored side", dataset.size, datasets[0].size),
        )
        for what, theirs, ours in compared:
            if theirs != ours:
                raise DataError(
                    f"{folder} and {folders[0]} do not belong together; they differ in {what}: "
                    f"{_apart(theirs, ours)}",
                    "make one of them again as the other was made, or move it elsewhere",
                )


def _settled(facts: PartFacts) -> dict[str, Any]:
    return {key: value for key, value in facts.settings.items() if key not in OF_JOINING}


def _apart(theirs: Any, ours: Any) -> str:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        apart = sorted(k for k in theirs.keys() | ours.keys() if theirs.get(k) != ours.get(k))
        return "; ".join(f"{key} {theirs.get(key)} and {ours.get(key)}" for key in apart)
    return f"{theirs} and {ours}"


def _check_whole(folders: Sequence[Path], facts: Sequence[PartFacts]) -> None:
    """Each part is there once."""
    place: dict[int, Path] = {}
    for folder, one in zip(folders, facts, strict=True):
        if one.number in place:
            raise DataError(
                f"{place[one.number]} and {folder} are both {one.words()}",
                "move one of them elsewhere",
            )
        place[one.number] = folder
    if missing := [n for n in range(facts[0].of) if n not in place]:
        of = facts[0].of
        some = ", ".join(f"{n}/{of}" for n in missing[:5]) + (", ..." if missing[5:] else "")
        are, home = "is" if len(missing) == 1 else "are", folders[0].parent
        raise DataError(
            f"{len(missing)} of {of} parts {are} missing in {home}: {some}",
            f"make it: limbeck ingest {logs.visible(facts[0].photos)} "
            f"--out {home}/{missing[0]} --shard {missing[0]}/{of}, with the options of the others",
        )
