"""The judge of classes: the published network's shape, and real dogs where its weights are."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from development import DOGS
from limbeck.errors import UsageError, WeightsError
from limbeck.percept import Classifier, EfficientNetLite0, list_weights
from limbeck.percept.classifier import EfficientNetLite2


@pytest.fixture(scope="module")
def judge() -> Classifier:
    row = next(row for row in list_weights() if row.name == "efficientnet-lite2")
    if not row.present:
        pytest.skip(f"{row.name} is not here: {row.cure}")
    return Classifier()


def test_lite2_has_the_published_size_and_shares_nothing_with_lite0() -> None:
    net = EfficientNetLite2()
    # 21 blocks; 6.1 M parameters (the paper of EfficientNet-Lite)
    assert len(net.blocks) == 21
    assert sum(t.numel() for t in net.parameters()) == 6_092_072
    assert net.logits(torch.zeros(2, 3, 260, 260)).shape == (2, 1000)
    assert {t.data_ptr() for t in net.parameters()}.isdisjoint(
        t.data_ptr() for t in EfficientNetLite0().parameters()
    )


def test_absent_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="limbeck weights get efficientnet-lite2"):
        Classifier()


@pytest.mark.parity
@pytest.mark.dogs
def test_dogs_in_photos_are_named_whatever_the_batch(judge: Classifier) -> None:
    shown = []
    with zipfile.ZipFile(DOGS) as archive:
        rows = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        for row in [row for row in rows if not row["is_outlier"]][:24]:
            with Image.open(BytesIO(archive.read(f"images/{Path(row['file']).name}"))) as picture:
                small = picture.convert("RGB").resize((96, 96))
            shown.append(torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1))
    pictures = torch.stack(shown)
    got = judge.classes(pictures)
    assert got.dtype == torch.int64
    assert ((got >= 151) & (got <= 268)).float().mean() > 0.7, got.tolist()
    assert torch.equal(judge.classes_of(torch.split(pictures, 7)), got)
    assert judge.classes_of([]).shape == (0,)
    with pytest.raises(UsageError, match="give uint8 images"):
        judge.classes(pictures.float())
