"""Classes of photos for class-conditional training, only where `class_from` asks."""

from collections.abc import Sequence
from pathlib import Path

from limbeck import fsio
from limbeck.artefacts.labels import Truth, read_truth
from limbeck.config import DataConfig
from limbeck.data import PackedRows
from limbeck.errors import DataError
from limbeck.ingestion.sources import Entry
from limbeck.records import ImageInfo, Status


def read_classes(config: DataConfig) -> Truth | None:
    """The file that names classes, or None where there is none.

    Raises:
        DataError: it does not exist, or cannot be understood.
    """
    path = _class_path(config)
    return None if path is None else read_truth(path)


def classify(
    infos: Sequence[ImageInfo], entries: Sequence[Entry], config: DataConfig, given: Truth | None
) -> tuple[Sequence[ImageInfo], list[str]]:
    """Number the classes of accepted photos; returns the photos and the classes' names.

    Raises:
        DataError: a photo has none.
    """
    if config.class_from == "none":
        return infos, []
    tops = {e.source: e.top for e in entries}

    def name(info: ImageInfo) -> str:
        if given is None:
            return tops[info.source]
        row = given.of(info)
        return "" if row is None else row.label

    classes = {i.source: name(i) for i in infos if i.status is Status.ACCEPTED}
    if loose := [source for source, found in classes.items() if not found]:
        where, what = (
            ("lie in no folder", "put every photo into the folder of its class")
            if given is None
            else ("have no label there", "give every photo a row with its file and label")
        )
        raise DataError(
            f"class_from={config.class_from}: {len(loose)} photos {where}, e.g. {loose[0]}",
            f"{what}, or use class_from=none",
        )
    names = sorted(set(classes.values()))
    number = {name: index for index, name in enumerate(names)}
    return PackedRows(
        i.model_copy(update={"label": number[classes[i.source]]}) if i.source in classes else i
        for i in infos
    ), names


def side_inputs(config: DataConfig, opt_out: Path | None) -> dict[str, str]:
    """Digests of the files beside the photos that decide what the dataset is, by their use.

    Raises:
        DataError: the file with classes does not exist.
    """
    files = {"opt_out": opt_out, "class_from": _class_path(config)}
    return {name: fsio.sha256_file(path) for name, path in files.items() if path is not None}


def _class_path(config: DataConfig) -> Path | None:
    if config.class_from in ("none", "folder"):
        return None
    path = Path(config.class_from)
    if not path.is_file():
        raise DataError(
            f"class_from={config.class_from}: no such file",
            "say folder, none, or the name of a .csv or .jsonl file",
        )
    return path
