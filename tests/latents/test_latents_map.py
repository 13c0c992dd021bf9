"""The learned map w -> centre: what it computes, what it refuses, how it lies on disk."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from limbeck.errors import DataError, UsageError
from limbeck.latents import CentreMap, ModeCentres, needs_pictures, target_for


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def chooser(w_dim: int = 4, clusters: int = 3, hidden: int = 5) -> CentreMap:
    return CentreMap(
        numbers(w_dim), numbers(w_dim, seed=1).abs() + 0.1,
        (numbers(hidden, w_dim, seed=2), numbers(clusters, hidden, seed=3)),
        (numbers(hidden, seed=4), numbers(clusters, seed=5)),
    )  # fmt: skip


def centres(with_map: bool = True) -> ModeCentres:
    sizes = torch.tensor([5, 2, 1])
    return ModeCentres(numbers(3, 4), numbers(3, 7), sizes, chooser() if with_map else None)


def test_one_layer_is_the_nearest_centre_in_w() -> None:
    c, mean, scale = numbers(6, 4), numbers(4, seed=1), torch.tensor([1.0, 2.0, 0.5, 3.0])
    weight = c * scale  # -|w - c|^2 / 2 = w.c - |c|^2 / 2 - |w|^2 / 2, with w = scale x + mean
    bias = c @ mean - (c**2).sum(1) / 2
    w = numbers(50, 4, seed=2)
    found = CentreMap(mean, scale, (weight,), (bias,)).choose(w)
    assert torch.equal(found, torch.cdist(w, c).argmin(1))
    assert found.dtype == torch.int64


def test_hidden_layers_are_rectified() -> None:
    one = CentreMap(
        torch.zeros(1), torch.ones(1), (torch.tensor([[1.0], [-1.0]]), torch.eye(2)),
        (torch.zeros(2), torch.tensor([0.0, 0.5])),
    )  # fmt: skip
    w = torch.tensor([[2.0], [0.4], [-3.0]])  # logits (2, .5), (.4, .5), (0, 3.5)
    assert one.choose(w).tolist() == [0, 1, 1]


def test_it_is_a_truncation_without_pictures() -> None:
    modes, w = centres(), numbers(9, 4, seed=8)
    found = target_for("multimodal-map", w, w_avg=w[0], modes=modes)
    assert modes.map is not None
    assert found.modes is not None
    assert torch.equal(found.modes, modes.map.choose(w))
    assert torch.equal(found.w, modes.centres[found.modes])
    assert not needs_pictures("multimodal-map")
    with pytest.raises(UsageError, match="modes with a map"):
        target_for("multimodal-map", w, w_avg=w[0], modes=centres(with_map=False))
    with pytest.raises(UsageError, match="needs modes"):
        target_for("multimodal-map", w, w_avg=w[0])


def test_round_trip_is_bitwise_and_the_digest_covers_it(tmp_path: Path) -> None:
    first = centres()
    first.save(tmp_path / "modes.safetensors")
    second = ModeCentres.load(tmp_path / "modes.safetensors")
    assert first.map is not None
    assert second.map is not None
    assert first.map.tensors().keys() == second.map.tensors().keys()
    for name, tensor in first.map.tensors().items():
        assert torch.equal(tensor, second.map.tensors()[name]), name
    assert first.digest() == second.digest() == first.to("cpu").digest()
    assert first.digest() != centres(with_map=False).digest()
    assert set(load_file(tmp_path / "modes.safetensors")) >= {"centres", "map.mean", "map.bias1"}


def test_files_of_version_1_are_read_and_have_no_map(tmp_path: Path) -> None:
    path, old = tmp_path / "modes.safetensors", centres(with_map=False)
    tensors = {name: getattr(old, name) for name in ("centres", "embeddings", "sizes")}
    about = {"format": "limbeck-modes", "format_version": "1"}
    save_file(tensors, path, about)
    back = ModeCentres.load(path)
    assert back.map is None
    assert back.digest() == old.digest()
    save_file(tensors | chooser().tensors(), path, about)
    with pytest.raises(DataError, match="not a file of modes"):
        ModeCentres.load(path)


def test_a_damaged_map_is_refused(tmp_path: Path) -> None:
    path, good = tmp_path / "modes.safetensors", centres()
    good.save(path)
    tensors, about = load_file(path), {"format": "limbeck-modes", "format_version": "2"}

    def refused(match: str, **changes: Tensor | None) -> None:
        changed = {**tensors, **{name.replace("_", "."): t for name, t in changes.items()}}
        save_file({name: t for name, t in changed.items() if t is not None}, path, about)
        with pytest.raises(DataError, match=match):
            ModeCentres.load(path)

    refused("are no map", map_bias0=None)
    refused("are no map", map_other=torch.zeros(1))
    refused("do not fit one another", map_weight0=torch.zeros(5, 3))
    refused("do not fit one another", map_scale=torch.ones(5))
    refused("not positive", map_scale=torch.zeros(4))
    refused("not finite", map_bias1=torch.full((3,), torch.nan))
    refused("mean is F64", map_mean=torch.zeros(4).double())
    wrong = chooser(clusters=2)
    with pytest.raises(DataError, match="4 numbers to 2 centres, wanted 4 to 3"):
        ModeCentres(good.centres, good.embeddings, good.sizes, wrong)
    with pytest.raises(DataError, match="5 numbers to 3 centres"):
        ModeCentres(good.centres, good.embeddings, good.sizes, chooser(w_dim=5))
