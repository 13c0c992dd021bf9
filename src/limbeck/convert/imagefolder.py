"""A folder of PNGs with metadata.jsonl, as Hugging Face's `imagefolder` reads it."""

import re
from collections.abc import Sequence
from pathlib import Path

from limbeck import fsio
from limbeck.convert.selection import Photo, Selection
from limbeck.convert.tables import METADATA, metadata_lines

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# Words by which loaders tell splits in names of folders, and names that Windows keeps for itself.
_SPLITS = re.compile(
    r"(^|[^a-z])(train|training|test|testing|eval|evaluation|valid|validation|val|dev)($|[^a-z])",
    re.IGNORECASE,
)
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
_ONE = "images"


def write_imagefolder(chosen: Selection, folder: Path) -> list[str]:
    """`images/ID.png`, or `CLASS/ID.png`, and metadata.jsonl; see `Writer`."""
    files = image_files(chosen)
    for place in sorted({name.split("/")[0] for name in files}):
        (folder / place).mkdir()
    for name, (_, png) in zip(files, chosen.pictures(), strict=True):
        (folder / name).write_bytes(png)
    fsio.write_text(folder / METADATA, metadata_lines(chosen, files))
    return files


def image_files(chosen: Selection) -> list[str]:
    """The name of each photo's file."""
    folders = class_folders(chosen.class_names)

    def name(photo: Photo) -> str:
        number = photo.info.label
        place = folders[number] if folders and number is not None else _ONE
        return f"{place}/{photo.id}.png"

    return [name(photo) for photo in chosen.photos]


def class_folders(names: Sequence[str]) -> list[str]:
    """A folder for each class: its name where all names are plain, else `class-0000`, ...

    Plain: letters, digits, `_` and `-`, different also where case does not count, no word that
    loaders take for a split (train, test, ...).
    """
    plain = all(
        _PLAIN.fullmatch(name) and not _SPLITS.search(name) and not _DEVICES.fullmatch(name)
        for name in names
    )
    if plain and len({name.lower() for name in names}) == len(names):
        return list(names)
    return [f"class-{number:04d}" for number in range(len(names))]
