"""The list of boxes that the paper's authors released: it names photos and holds no pixels."""

import json
from pathlib import Path

from limbeck import fsio, logs
from limbeck.convert.selection import Photo, Selection
from limbeck.errors import DataError
from limbeck.ingestion import Box, Missing, Originals

MANIFEST = "manifest.json"
_NAMED = 3
_GIVE = "give the photos that the dataset was made of: --originals PHOTOS"
Placed = dict[str, tuple[str, Box]]


def find_originals(chosen: Selection, given: Path | None) -> Path:
    """What the dataset was made of: as given, else as its run says.

    Raises:
        DataError: neither says, or nothing is there.
    """
    path = given or chosen.source
    if path is None:
        raise DataError(
            "a manifest's boxes are in pixels of the original photos, before EXIF turns them, and "
            f"{chosen.dataset.root} does not say where its photos lie",
            _GIVE,
        )
    if not path.exists():
        raise DataError(f"the original photos are not at {path}", _GIVE)
    return path


def place(chosen: Selection, path: Path) -> Placed:
    """id -> its photo's path below the photos, and its box in pixels of the file before EXIF.

    Every original is read, for its orientation and to see that it is still the same file. Those
    that are not there any more are told and left out.

    Args:
        chosen: the photos.
        path: what their dataset was made of.

    Raises:
        DataError: none of them is there, or it cannot be listed.
    """
    placed: Placed = {}
    missing: list[str] = []
    with Originals(path) as photos:
        for photo in logs.track(chosen.photos, "reading originals", len(chosen)):
            try:
                placed[photo.id] = photos.find(photo.info)
            except Missing as why:
                missing.append(f"{logs.visible(photo.info.source)} ({why})")
    if not placed:
        raise DataError(f"none of the {len(missing)} originals is at {path}: {missing[0]}", _GIVE)
    if missing:
        some = ", ".join(missing[:_NAMED])
        logs.warn(f"left out of the manifest, {len(missing)} originals cannot be read: {some}")
    return placed


def write_manifest(chosen: Selection, placed: Placed, folder: Path) -> list[str]:
    """manifest.json; returns the photos' names in it, in the order of `chosen`."""
    fsio.write_text(folder / MANIFEST, manifest(chosen.photos, placed))
    return [placed[photo.id][0] for photo in chosen.photos]


def manifest(photos: list[Photo], placed: Placed) -> str:
    """A JSON array, one item a line: `image_name`, `bounding_box` [y0, y1, x0, x1], and where
    known `licence`, `author` and `url`."""
    return "[\n" + ",\n".join(_item(photo, *placed[photo.id]) for photo in photos) + "\n]\n"


def _item(photo: Photo, name: str, box: Box) -> str:
    left, top, right, bottom = box
    info = photo.info
    facts = {"licence": info.licence, "author": info.author, "url": info.url}
    item = {
        "image_name": name,
        "bounding_box": [top, bottom, left, right],
        **{key: value for key, value in facts.items() if value is not None},
    }
    return json.dumps(item)
