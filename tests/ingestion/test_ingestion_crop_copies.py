"""Copies that were cropped are found where it is asked for; other photos stay."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from ingestion_scenes import scene
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.ingestion import ingest
from limbeck.ingestion.crop_copies import CropCopies, alignment
from limbeck.ingestion.duplicates import thumbnail
from limbeck.records import Reason


def thumb(image: Image.Image) -> np.ndarray:
    square = image.resize((128, 128), Image.Resampling.LANCZOS)
    return thumbnail(np.asarray(square).transpose(2, 0, 1))


def test_alignment_finds_a_crop_at_its_scale_and_place() -> None:
    whole = scene(1, 128)
    large = torch.from_numpy(thumb(whole).astype(np.float32))
    for box in ((0, 0, 102, 102), (20, 5, 128, 113), (13, 13, 115, 115)):
        small = torch.from_numpy(thumb(whole.crop(box)).astype(np.float32))
        assert alignment(small, large) > 0.93
        assert alignment(small, large.flip(2)) < 0.85
    other = torch.from_numpy(thumb(scene(2, 128)).astype(np.float32))
    assert alignment(other, large) < 0.8
    assert alignment(large, large) == pytest.approx(1, abs=1e-4)
    assert alignment(2 * large - 90, large) == pytest.approx(1, abs=1e-3)  # contrast is no matter
    assert alignment(torch.full((3, 32, 32), 90.0), large) == -1
    assert alignment(large, torch.full((3, 32, 32), 90.0)) < 0.5


def test_the_nearest_embedding_is_aligned_and_must_be_near() -> None:
    copies = CropCopies()
    whole = scene(3, 128)
    near, far = np.eye(4, dtype=np.float32)[:2]
    assert copies.find(near, thumb(whole)) is None
    for number in range(3):
        copies.add(np.eye(4, dtype=np.float32)[number], thumb(scene(3 + number, 128)))
    crop = thumb(whole.crop((10, 10, 118, 118)))
    assert copies.find(near, crop) == 0
    assert copies.find(near, crop[:, :, ::-1].copy()) == 0
    assert copies.find(far, crop) is None  # near another one, which it is not a crop of
    assert copies.find(0.5 * near, crop) is None  # not near enough to be asked


def test_ingest_finds_cropped_copies_where_it_is_asked_to(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for seed in range(4):
        scene(seed, 128).save(root / f"{seed}.png")
    buffer = io.BytesIO()
    scene(0, 128).crop((6, 10, 120, 124)).save(buffer, "JPEG", quality=85)
    (root / "z.jpg").write_bytes(buffer.getvalue())
    plain = ingest(root, tmp_path / "plain", DataConfig(size=16, crop="center"))
    assert plain.accepted == 5
    config = DataConfig(size=16, crop="center", cropped_copies=True)
    assert ingest(root, tmp_path / "data", config).accepted == 4
    rows = {info.source: info for info in open_dataset(tmp_path / "data").listed()}
    assert rows["z.jpg"].reason is Reason.NEAR_DUPLICATE
    assert rows["z.jpg"].duplicate_of == rows["0.png"].id
