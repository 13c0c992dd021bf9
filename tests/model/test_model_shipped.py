"""The model folder that lies in the repository (models/dogs-64)."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limbeck import Pipeline
from limbeck.kit.images import grid

FOLDER = Path(__file__).parents[2] / "models" / "dogs-64"


@pytest.fixture(scope="module")
def shipped() -> Pipeline:
    return Pipeline.from_pretrained(FOLDER, device="cpu")


def test_it_is_small_and_says_what_it_was_made_of(shipped: Pipeline) -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 30e6
    assert {file.suffix for file in FOLDER.iterdir()} <= {".safetensors", ".json", ".md", ".png"}
    assert shipped.settings is not None
    assert (shipped.settings.preset, shipped.config.size) == ("medium", 64)
    assert shipped.E_ema is not None
    assert shipped.modes is not None
    assert len(shipped.modes) == 64
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for words in ("Imagewoof", "non-commercial research", "photos: 8896"):
        assert words in card


def test_it_draws_what_its_card_shows(shipped: Pipeline) -> None:
    with Image.open(FOLDER / "samples.png") as picture:
        shown = np.asarray(picture.convert("RGB")).astype(int)
    drawn = grid(shipped(range(32)), 8).permute(1, 2, 0).numpy().astype(int)
    assert drawn.shape == shown.shape
    far = np.abs(drawn - shown).mean(axis=-1) > 8
    assert far.mean() < 0.05  # another machine may choose another mode where two are all but even


def test_it_inverts_what_it_draws(shipped: Pipeline) -> None:
    mine, other = shipped([3, 4], truncation="none", psi=1.0)
    _, again, distance = shipped.invert(mine)
    gaps = [float((again.float() - x.float()).abs().mean()) for x in (mine, other)]
    assert gaps[0] < gaps[1]
    assert 0 < distance < 0.6
