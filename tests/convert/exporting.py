"""Drawn photos with facts and classes, and datasets of them."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import Dataset, open_dataset
from limbeck.ingestion import ingest

CONFIG = DataConfig(size=16, crop="center", near_duplicate_bits=-1)
WHOLE = DataConfig(size=16, crop="none", near_duplicate_bits=-1)
FACTS = [
    {"licence": "CC-BY-4.0", "author": "Ada", "url": "https://a.example/0"},
    {"author": "=1+1"},
    {"licence": "CC0", "url": "https://a.example/2?x=1,2"},
]


def jpeg(seed: int, size: tuple[int, int] = (60, 44), orientation: int = 1) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    photo = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    photo.save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


def draw(folder: Path, count: int = 8, classes: Sequence[str] = ()) -> Path:
    """Photos of every EXIF orientation and metadata.jsonl: facts of the first three."""
    lines = []
    for n in range(count):
        name = f"{classes[n % len(classes)]}/p{n}.jpg" if classes else f"p{n}.jpg"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(n, (60 + n, 44), 1 + n % 8))
        lines.append({"file_name": name, **(FACTS[n] if n < len(FACTS) else {})})
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def dataset(folder: Path, count: int = 8, classes: Sequence[str] = ()) -> Dataset:
    """An ingested `draw` in `folder`/data."""
    draw(folder / "photos", count, classes)
    config = CONFIG.model_copy(update={"class_from": "folder" if classes else "none"})
    ingest(folder / "photos", folder / "data", config)
    return open_dataset(folder / "data")


def pixels(data: Dataset) -> torch.Tensor:
    """uint8 [len, 3, S, S], as stored."""
    return data.at(data.size)[range(len(data))]


def facts(data: Dataset) -> list[tuple[str | None, str | None, str | None]]:
    """Licence, author and URL of every photo."""
    return [(i.licence, i.author, i.url) for i in data.infos]


def by_content(data: Dataset) -> dict[bytes, tuple[str | None, str | None, str | None]]:
    """Pixels of a photo -> its facts; equal where two datasets are, whatever their order."""
    images = pixels(data).numpy()
    return {image.tobytes(): known for image, known in zip(images, facts(data), strict=True)}
