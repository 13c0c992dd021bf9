"""The bundle on disk: bitwise round trip, and errors that say what differs."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from limbeck.config import NetConfig
from limbeck.errors import DataError, UsageError
from limbeck.nets import Networks, load_networks

NET = NetConfig(
    size=16, channel_base=128, channel_max=16, z_dim=12, w_dim=10, mapping_layers=2, num_classes=2
)


def perturbed(encoder: bool = True) -> Networks:
    """Networks in which no two members are equal."""
    nets = Networks.create(NET, seed=1, encoder=encoder)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in nets.state_dict().values():
            tensor.add_(torch.randn(tensor.shape, generator=rng))
    return nets


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    x, y = a.state_dict(), b.state_dict()
    return x.keys() == y.keys() and all(torch.equal(x[key], y[key]) for key in x)


@pytest.mark.parametrize("encoder", [True, False])
def test_round_trip_is_bitwise(tmp_path: Path, encoder: bool) -> None:
    nets = perturbed(encoder)
    nets.save(tmp_path / "n")
    again = load_networks(tmp_path / "n")
    assert again.config == NET
    assert equal(nets, again)
    assert (again.E is None) == (again.E_ema is None) == (not encoder)
    assert all(p.dtype == torch.float32 for p in again.parameters())
    assert all(p.requires_grad for p in again.G.parameters())
    assert not any(p.requires_grad for p in again.G_ema.parameters())
    wanted = {"config.json", "G.safetensors", "D.safetensors", "G_ema.safetensors"}
    wanted |= {"E.safetensors", "E_ema.safetensors"} if encoder else set()
    assert {p.name for p in (tmp_path / "n").iterdir()} == wanted


def test_saving_again_replaces_the_folder(tmp_path: Path) -> None:
    perturbed().save(tmp_path / "n")
    perturbed(encoder=False).save(tmp_path / "n", names=("G_ema",))
    assert {p.name for p in (tmp_path / "n").iterdir()} == {"config.json", "G_ema.safetensors"}


def test_half_precision_on_disk(tmp_path: Path) -> None:
    nets = perturbed()
    nets.save(tmp_path / "n", dtype=torch.float16, names=("G_ema", "E_ema"))
    assert load_file(tmp_path / "n/G_ema.safetensors")["mapping.w_avg"].dtype == torch.float16
    again = load_networks(tmp_path / "n")
    for key, value in again.G_ema.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, nets.G_ema.state_dict()[key].half().float())


def test_members_that_were_not_read_do_not_exist(tmp_path: Path) -> None:
    perturbed().save(tmp_path / "n")
    again = load_networks(tmp_path / "n", names=("G_ema",))
    assert list(again.members()) == ["G_ema"]
    assert again.E_ema is None
    with pytest.raises(AttributeError, match="'D'"):
        _ = again.D
    again.save(tmp_path / "m")
    assert equal(load_networks(tmp_path / "m").G_ema, again.G_ema)


def test_absent_members_cannot_be_asked_for(tmp_path: Path) -> None:
    nets = perturbed(encoder=False)
    with pytest.raises(UsageError, match="no E"):
        nets.save(tmp_path / "n", names=("G", "E"))
    nets.save(tmp_path / "n")
    with pytest.raises(UsageError, match="no E_ema"):
        load_networks(tmp_path / "n", names=("G_ema", "E_ema"))


def test_another_configuration_lists_the_differing_fields(tmp_path: Path) -> None:
    perturbed().save(tmp_path / "n")
    other = NET.model_copy(update={"size": 32, "w_dim": 11})
    with pytest.raises(DataError, match=r"size: 16 there, 32 wanted; w_dim: 10 there, 11 wanted"):
        load_networks(tmp_path / "n", expect=other)
    load_networks(tmp_path / "n", expect=NET)


def test_config_that_does_not_fit_the_tensors_names_them(tmp_path: Path) -> None:
    perturbed().save(tmp_path / "n")
    path = tmp_path / "n/config.json"
    about = json.loads(path.read_text())
    about["net"]["w_dim"] = 11
    path.write_text(json.dumps(about))
    with pytest.raises(DataError, match=r"conv1.affine.weight is \[16, 10\] instead of \[16, 11\]"):
        load_networks(tmp_path / "n")


def test_missing_and_surplus_tensors_are_named(tmp_path: Path) -> None:
    perturbed().save(tmp_path / "n")
    path = tmp_path / "n/D.safetensors"
    tensors = load_file(path)
    tensors["surplus"] = tensors.pop("b4.out.bias")
    save_file(tensors, path)
    with pytest.raises(DataError, match=r"b4.out.bias is missing; surplus is not part of it"):
        load_networks(tmp_path / "n")


def test_damaged_missing_and_newer_files(tmp_path: Path) -> None:
    perturbed().save(tmp_path / "n")
    whole = (tmp_path / "n/G.safetensors").read_bytes()
    (tmp_path / "n/G.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"G.safetensors is damaged"):
        load_networks(tmp_path / "n")
    (tmp_path / "n/G.safetensors").unlink()
    with pytest.raises(DataError, match=r"G.safetensors does not exist"):
        load_networks(tmp_path / "n")
    (tmp_path / "n/config.json").write_text('{"format_version": 99}')
    with pytest.raises(DataError, match=r"format_version is 99"):
        load_networks(tmp_path / "n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": "G"}, "names"),
        ({"names": ["G", "../G"]}, r"names\.1"),
        ({"names": 5}, "names"),
        ({"names": ["G"] * 100}, "names"),
        ({"net": []}, "net"),
        ({"net": {"mapping_layers": 3_000_000}}, r"net\.mapping_layers"),
        ({"dtype": "float16"}, "F32 instead of F16"),
        ({"dtype": "object"}, "dtype"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_strange_description_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    perturbed().save(tmp_path / "n")
    path = tmp_path / "n/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=message):
        load_networks(tmp_path / "n")


def test_tensors_of_other_kinds_are_refused(tmp_path: Path) -> None:
    perturbed().save(tmp_path / "n")
    path = tmp_path / "n/G.safetensors"
    tensors = load_file(path)
    for value, message in [
        (torch.zeros(10, dtype=torch.int32), "w_avg is I32 instead of F32"),
        (torch.full((10,), torch.nan), "w_avg not finite"),
    ]:
        save_file({**tensors, "mapping.w_avg": value}, path)
        with pytest.raises(DataError, match=message):
            load_networks(tmp_path / "n")


def test_compute_dtype_reaches_every_member() -> None:
    nets = perturbed()
    nets.set_compute_dtype(torch.bfloat16)
    z, c = torch.zeros(2, 12), torch.tensor([0, 1])
    assert nets.G_ema(z, c).dtype == torch.float32
    x = torch.zeros(2, 3, 16, 16)
    assert nets.D.features(x)[0].dtype == torch.bfloat16
    assert nets.E is not None
    assert nets.E.features(x)[0].dtype == torch.bfloat16
    assert all(p.dtype == torch.float32 for p in nets.parameters())
