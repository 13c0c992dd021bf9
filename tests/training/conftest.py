import numpy as np
import pytest
import torch

from limbeck.data import Dataset, open_dataset
from limbeck.ingestion import ingest
from limbeck.kit.images import save_png
from limbeck.presets import preset


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two dozen smooth images as a dataset. Read-only for tests."""
    root = tmp_path_factory.mktemp("training") / "photos"
    rng = np.random.default_rng(0)
    for index in range(24):
        low = torch.from_numpy(rng.integers(0, 256, (1, 3, 4, 4)).astype(np.float32))
        picture = torch.nn.functional.interpolate(low, size=(32, 32), mode="bicubic")[0]
        save_png(picture.clamp(0, 255).to(torch.uint8), root / f"{index:02d}.png")
    ingest(root, root.parent / "data", preset("smoke").data)
    return open_dataset(root.parent / "data")
