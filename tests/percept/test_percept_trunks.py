"""Trunks: shapes, padding laws, and the published networks' own numbers where weights are here."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from development import DOGS
from limbeck.errors import DataError, UsageError, WeightsError
from limbeck.kit.images import to_float
from limbeck.kit.rng import generator
from limbeck.percept import (
    LPIPS,
    EfficientNetLite0,
    Features,
    Inception,
    features_of,
    list_weights,
    resize_tf1,
)
from limbeck.percept.efficientnet import SameConv
from limbeck.percept.inception import Forked, Mixed
from limbeck.percept.plain_layers import fill
from limbeck.percept.trunks import VGG16
from limbeck.percept.weights import read_weights

HERE = Path(__file__).parent


def need(name: str) -> None:
    if not any(row.name == name and row.present for row in list_weights()):
        pytest.skip(f"{name} is not here: limbeck weights get {name}")


def pictures(count: int, side: int) -> Tensor:
    shape = (count, 3, side, side)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator("trunks", side))


def example() -> Tensor:
    with Image.open(HERE.parent / "fixtures" / "lpips" / "ex_ref.png") as picture:
        return torch.from_numpy(np.asarray(picture.convert("RGB")).copy()).permute(2, 0, 1)[None]


def scatter(net: nn.Module) -> None:
    """He-scaled weights and unit norms, so that every layer carries a signal."""
    noise = generator("weights")
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.ndim > 1:
                spread = (2 / tensor[0].numel()) ** 0.5
                tensor.copy_(torch.randn(tensor.shape, generator=noise) * spread)
            else:
                tensor.fill_(1.0 if name.endswith(("var", "weight")) else 0.0)
    net.eval().requires_grad_(False)


def test_inception_maps_299_px_to_2048_numbers() -> None:
    net = Inception()
    scatter(net)
    # Inception v3 has 23,834,568 parameters without its auxiliary head, 2,049,000 of them in the
    # classifier and two (gamma, beta) for each of 17,216 channels
    convolutions = 23_834_568 - 2_049_000 - 2 * 17_216
    assert sum(t.numel() for t in net.parameters()) == convolutions
    made = net((pictures(2, 299).float() - 128) / 128)
    assert made.shape == (2, 2048)
    assert torch.isfinite(made).all()
    assert made.std() > 0
    assert not torch.allclose(made[0], made[1])


def test_average_pools_leave_the_padding_out_and_the_last_pool_is_max() -> None:
    ramp = torch.arange(64.0).view(1, 1, 8, 8).expand(1, 1280, 8, 8)
    average, largest = Forked(1280, "average"), Forked(1280, "max")
    for block in (average, largest):
        scatter(block)
        with torch.no_grad():
            block.tower_2_conv.weight.zero_()
            block.tower_2_conv.weight[:, 0] = 1
            block.tower_2_conv.beta.zero_()
    scale = (1 + 1e-3) ** -0.5
    corner = torch.tensor([0.0, 1, 8, 9])
    assert average(ramp)[0, -1, 0, 0].item() == pytest.approx(corner.mean().item() * scale)
    assert largest(ramp)[0, -1, 0, 0].item() == pytest.approx(corner.max().item() * scale)
    last, before = Inception().blocks["mixed_10"], Inception().blocks["mixed_9"]
    assert isinstance(last, Forked)
    assert isinstance(before, Forked)
    assert (before.pool, last.pool) == ("average", "max")


def test_mixed_blocks_average_without_the_padding() -> None:
    block = Inception().blocks["mixed"]
    assert isinstance(block, Mixed)
    scatter(block)
    with torch.no_grad():
        block.tower_2.get_parameter("conv.weight").fill_(1 / 192)
    flat = block(torch.ones(1, 192, 5, 5))[0, -1]
    assert torch.allclose(flat, torch.full((5, 5), (1 + 1e-3) ** -0.5), atol=1e-6)


def test_resize_samples_where_tensorflow_1_does() -> None:
    ramp = torch.arange(64.0).view(1, 1, 1, 64).expand(1, 3, 64, 64)
    got = resize_tf1(ramp, 299)[0, 0, 7]
    want = (torch.arange(299, dtype=torch.float64) * 64 / 299).clamp(max=63).float()
    assert torch.allclose(got, want, atol=1e-5)
    down = resize_tf1(torch.arange(600.0).view(1, 1, 1, 600).expand(1, 1, 600, 600), 300)
    assert torch.equal(down[0, 0, 0], torch.arange(0.0, 600, 2))
    same = torch.rand(1, 3, 299, 299, generator=generator("same"))
    assert resize_tf1(same) is same


@pytest.mark.parametrize("length", [8, 9, 15, 16])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (1, 1)])
def test_same_padding_puts_the_odd_pixel_last(length: int, kernel: int, stride: int) -> None:
    conv = SameConv(2, 3, kernel, stride=stride)
    scatter(conv)
    x = torch.rand(1, 2, length, length, generator=generator("same", length))
    out = -(-length // stride)
    total = max((out - 1) * stride + kernel - length, 0)
    before = total // 2
    wide = F.pad(x, [kernel] * 4)
    want = F.conv2d(wide[..., kernel - before :, kernel - before :], conv.weight, None, stride)
    got = conv(x)
    assert got.shape[-2:] == (out, out)
    assert torch.allclose(got, want[..., :out, :out], atol=1e-6)


def test_lite0_has_the_published_size_and_shapes() -> None:
    net = EfficientNetLite0()
    scatter(net)
    assert sum(t.numel() for t in net.parameters()) == 4_652_008
    x = (pictures(2, 224).float() - 127) / 128
    assert net(x).shape == (2, 1280)
    assert net.logits(x).shape == (2, 1000)


@pytest.mark.parity
def test_inception_gives_the_published_networks_numbers() -> None:
    need("inception-fid")
    got = Features("inception")(example())[0]
    first = [0.3877298, 0.4433469, 0.6033376, 0.1909768, 0.2529190, 0.0162675]
    assert got.shape == (2048,)
    assert got[:6].tolist() == pytest.approx(first, abs=2e-5)
    assert got.mean().item() == pytest.approx(0.3110041, abs=1e-5)
    assert got.norm().item() == pytest.approx(21.5429459, rel=1e-5)
    assert (int(got.argmax()), got.max().item()) == (185, pytest.approx(3.5143045, rel=1e-5))


@pytest.mark.parity
@pytest.mark.dogs
def test_lite0_sees_dogs_in_dog_photos() -> None:
    need("efficientnet-lite0")
    trunk = EfficientNetLite0()
    fill(trunk, read_weights("efficientnet-lite0"))
    with zipfile.ZipFile(DOGS) as archive:
        rows = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()[:60]]
        files = [row["file"] for row in rows if not row["is_outlier"]][:24]
        shown = []
        for file in files:
            name = file if file in archive.namelist() else f"images/{file}"
            with Image.open(BytesIO(archive.read(name))) as picture:
                small = picture.convert("RGB").resize((224, 224))
            shown.append(torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1))
    x = torch.stack(shown).float()
    with torch.no_grad():
        top = trunk.logits((x - 127) / 128).argmax(1)
    dogs = ((top >= 151) & (top <= 268)).float().mean().item()
    assert dogs > 0.7, top.tolist()


def test_features_of_lpips_are_its_pooled_activations() -> None:
    extractor = Features("lpips-alex")
    assert (extractor.name, extractor.dim) == ("lpips-alex", 1152)
    shown = pictures(5, 64)
    got = features_of(shown.split(2), extractor)
    assert got.shape == (5, 1152)
    assert got.dtype == torch.float32
    assert torch.allclose(got, LPIPS.load("alex").pooled(to_float(shown)), rtol=1e-4, atol=1e-5)
    assert extractor(pictures(1, 16)).shape == (1, 1152)


def test_features_of_vgg16_are_its_pooled_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    net = LPIPS(VGG16())
    scatter(net.trunk)
    nets = {"vgg16": net}
    monkeypatch.setattr(LPIPS, "load", lambda name: nets[name])
    extractor = Features("lpips-vgg16")
    assert (extractor.name, extractor.dim) == ("lpips-vgg16", 1472)
    shown = pictures(2, 64)
    assert torch.allclose(extractor(shown), net.pooled(to_float(shown)))
    assert extractor(pictures(1, 16)).shape == (1, 1472)


class Means:
    """A real, small extractor: the mean of each channel, in 0..255."""

    name = "means"
    dim = 3

    def __call__(self, pictures: Tensor) -> Tensor:
        return pictures.float().mean((2, 3))


class Broken(Means):
    def __call__(self, pictures: Tensor) -> Tensor:
        return super().__call__(pictures) / 0


def test_any_extractor_will_do_and_nonsense_is_refused() -> None:
    shown = pictures(7, 16)
    assert torch.equal(features_of(iter(shown.split(3)), Means()), shown.float().mean((2, 3)))
    with pytest.raises(DataError, match="no images"):
        features_of([], Means())
    with pytest.raises(DataError, match="not finite"):
        features_of([shown], Broken())
    with pytest.raises(UsageError, match="choose one of inception"):
        Features("clip")
    with pytest.raises(UsageError, match="uint8"):
        Features("lpips-alex")(shown.float())


def test_features_never_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="limbeck weights get inception-fid"):
        Features("inception")
    assert list(tmp_path.iterdir()) == []
