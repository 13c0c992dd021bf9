"""Steering: shifts of latents, channels of styles, layers by name, files of latents."""

from pathlib import Path

import pytest
import torch

from limbeck.config import NetConfig
from limbeck.editing import (
    Channel,
    Direction,
    Point,
    affines,
    layers_named,
    read_points,
    steered,
    write_points,
)
from limbeck.errors import DataError, UsageError
from limbeck.nets import Generator

NET = NetConfig(size=16, channel_base=128, channel_max=16, z_dim=8, w_dim=8, mapping_layers=1)


@pytest.fixture(scope="module")
def generator() -> Generator:
    made = Generator(NET, 0).eval()
    made.requires_grad_(False)
    return made


def test_layers_by_name_and_number() -> None:
    assert layers_named("all", 10) == tuple(range(10))
    thirds = [layers_named(name, 10) for name in ("coarse", "middle", "fine")]
    assert sum(thirds, ()) == tuple(range(10))
    assert all(thirds)
    assert layers_named("0-2,5,4-", 7) == (0, 1, 2, 4, 5, 6)
    for bad in ("", "7", "3-1", "a", "-2", "1--2", "0-9999"):
        with pytest.raises(UsageError, match="layers"):
            layers_named(bad, 7)


def test_a_shift_is_added_to_each_image_by_its_strength(generator: Generator) -> None:
    ws = torch.randn(3, generator.num_ws, 8)
    shift = torch.randn(generator.num_ws, 8)
    found = steered(generator, ws, [(Direction("a", shift), torch.tensor([0.0, 1.0, -2.0]))])
    wanted = generator.synthesis(torch.stack([ws[0], ws[1] + shift, ws[2] - 2 * shift]))
    assert torch.allclose(found, wanted, atol=1e-6)


def test_a_channel_changes_its_style_alone_and_only_inside(generator: Generator) -> None:
    ws = torch.randn(2, generator.num_ws, 8)
    plain = steered(generator, ws, [])
    layer = "synthesis.b8.conv1"
    assert layer in affines(generator)
    direction = Direction("s", channel=Channel(layer, 3, 2.0))
    changed = steered(generator, ws, [(direction, 1.5)])
    with torch.no_grad():
        bias = affines(generator)[layer].bias
        assert isinstance(bias, torch.Tensor)
        bias[3] += 3.0
        wanted = generator.synthesis(ws)
        bias[3] -= 3.0
    assert torch.allclose(changed, wanted, atol=1e-6)
    assert not torch.allclose(changed, plain, atol=1e-3)
    assert torch.equal(steered(generator, ws, []), plain)


def test_directions_of_another_generator_are_refused(generator: Generator) -> None:
    ws = torch.randn(1, generator.num_ws, 8)
    with pytest.raises(UsageError, match="has the shape"):
        steered(generator, ws, [(Direction("a", torch.zeros(3, 8)), 1.0)])
    for channel in (Channel("synthesis.b64.conv0", 0, 1.0), Channel("synthesis.b4.conv1", 99, 1.0)):
        with pytest.raises(UsageError, match="no style channel"):
            steered(generator, ws, [(Direction("s", channel=channel), 1.0)])
    with pytest.raises(UsageError, match="neither"):
        Direction("nothing")


def test_points_come_back_with_their_names(tmp_path: Path) -> None:
    points = [Point("seed 5", torch.randn(4, 8)), Point("Köter.jpg", torch.randn(4, 8))]
    write_points(points, tmp_path / "a.safetensors")
    again = read_points(tmp_path / "a.safetensors")
    assert [point.name for point in again] == ["seed 5", "Köter.jpg"]
    assert all(torch.equal(a.ws, b.ws) for a, b in zip(points, again, strict=True))
    (tmp_path / "b.safetensors").write_bytes(b"no")
    for name in ("b", "c"):
        with pytest.raises(DataError, match=name):
            read_points(tmp_path / f"{name}.safetensors")
