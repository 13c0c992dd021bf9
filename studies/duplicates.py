"""`python -m studies duplicates`: which copies of photos ingestion finds, by how they were made.

Some photos are copied once a transformation; the copies are looked for among all photos, as
ingestion looks for them. Recall is the share of copies found; precision the share of what was found
that is the photo it was made of. No label is read.
"""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limbeck import __version__, fsio, logs
from limbeck.data import Dataset
from limbeck.errors import DataError
from limbeck.ingestion.crop_copies import CropCopies, Embedder
from limbeck.ingestion.duplicates import NearDuplicates, perceptual_hash, thumbnail
from limbeck.kit.device import machine, pick_device
from limbeck.kit.rng import derive_seed

FORMAT_VERSION = 1
_FEWEST = 20
_BITS = 3

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def _saved(quality: int, scale: float = 1.0) -> Change:
    def change(photo: Image.Image, random: np.random.Generator) -> Image.Image:
        side = round(scale * photo.width)
        buffer = io.BytesIO()
        small = photo.resize((side, side), Image.Resampling.LANCZOS) if scale < 1 else photo
        small.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return change


def _cropped(share: float) -> Change:
    """A square of a share of the side, anywhere in the photo, saved as JPEG 85."""

    def change(photo: Image.Image, random: np.random.Generator) -> Image.Image:
        side = round(share * photo.width)
        left, top = (int(n) for n in random.integers(0, photo.width - side + 1, 2))
        return _saved(85)(photo.crop((left, top, left + side, top + side)), random)

    return change


def _mirrored(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    return _saved(85)(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), random)


CHANGES: dict[str, Change] = {
    "JPEG 75": _saved(75),
    "JPEG 40": _saved(40),
    "0.67 of the size, JPEG 75": _saved(75, 0.67),
    "half of the size, JPEG 60": _saved(60, 0.5),
    "mirrored, JPEG 85": _mirrored,
    "cropped to 0.98": _cropped(0.98),
    "cropped to 0.95": _cropped(0.95),
    "cropped to 0.9": _cropped(0.9),
    "cropped to 0.8": _cropped(0.8),
}


def study_duplicates(
    dataset: Dataset, out: Path, *, copies: int = 500, seed: int = 0
) -> dict[str, Any]:
    """Look for copies of `copies` photos among all; writes `out/duplicates.json`.

    Returns:
        what the file holds: a row a transformation with recall, precision and the count found.

    Raises:
        DataError: fewer than 20 photos.
    """
    if len(dataset) < _FEWEST:
        raise DataError(f"{len(dataset)} photos, {_FEWEST} are the least", "give more photos")
    view = dataset.at(dataset.size, resident=False)
    near, crops, embedder = NearDuplicates(_BITS), CropCopies(), Embedder()
    for row in logs.track(range(len(dataset)), "hashing photos", len(dataset)):
        pixels = view[[row]][0].numpy()
        thumb = thumbnail(pixels)
        near.add(perceptual_hash(thumb), thumb)
        crops.add(embedder.of(pixels), thumb)
    random, size = np.random.default_rng(derive_seed(seed, "duplicates")), dataset.size
    chosen = random.permutation(len(dataset))[:copies]
    rows: list[dict[str, Any]] = []
    for name, change in CHANGES.items():
        found = [
            _found(near, crops, embedder, change(_photo(view[[place]][0].numpy()), random), size)
            for place in chosen
        ]
        for kind, indices in zip(("hash", "hash and crops"), zip(*found, strict=True), strict=True):
            right = sum(index == place for index, place in zip(indices, chosen, strict=True))
            named = sum(index is not None for index in indices)
            recall = right / len(chosen)
            precision = right / named if named else None
            rows.append(
                {"change": name, "by": kind, "copies": len(chosen), "found": named,
                 "recall": recall, "precision": precision}
            )  # fmt: skip
            logs.say(f"{name}, {kind}: recall {recall:.3f}, of {named} found {right} are right")
    values = {
        "bench": "duplicates",
        "format_version": FORMAT_VERSION,
        "dataset": dataset.digest,
        "photos": len(dataset),
        "seed": seed,
        "rows": rows,
        "machine": machine(pick_device("cpu")),
        "limbeck": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    out.mkdir(parents=True, exist_ok=True)
    fsio.write_json(out / "duplicates.json", values)
    return values


def _photo(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _found(
    near: NearDuplicates, crops: CropCopies, embedder: Embedder, copy: Image.Image, side: int
) -> tuple[int | None, int | None]:
    """What ingestion takes a copy for, once it is brought to the store's size: by its hash alone,
    and with `data.cropped_copies`."""
    square = copy.resize((side, side), Image.Resampling.LANCZOS)
    pixels = np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))
    thumb = thumbnail(pixels)
    by_hash = near.find(perceptual_hash(thumb), thumb)
    return by_hash, crops.find(embedder.of(pixels), thumb) if by_hash is None else by_hash
