"""What honest files hold comes out bit by bit, whatever protocol wrote them."""

import hashlib
import json
import pickle
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from limbeck.errors import DataError, NetworkFileError
from limbeck.unpickling import NetworkFile, inspect_network_file, read_network_file
from tests.unpickling.attacks import meta, text
from tests.unpickling.honest import (
    FIXTURES,
    SOURCE,
    Network,
    Persistent,
    drawn,
    dumped,
    generator_shapes,
    module,
    network,
    rewritten,
    saved,
    small,
    snapshot,
)

TENSORS = json.loads((FIXTURES / "tensors.json").read_text())
KINDS = {"sg2ada": "stylegan2-ada", "sg3code": "stylegan2-ada", "sg3r": "stylegan3",
         "sg3t": "stylegan3", "tf": "tensorflow"}  # fmt: skip


def told(found: NetworkFile) -> dict[str, Any]:
    """All tensors of a file, as tensors.json tells them."""
    return {
        f"{role}/{name}": {
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            "sha256": hashlib.sha256(array.tobytes()).hexdigest()[:32],
        }
        for role in found.networks
        for name, array in found.arrays(role).items()
    }


def read(data: bytes, tmp_path: Path, name: str = "file.pkl") -> NetworkFile:
    (tmp_path / name).write_bytes(data)
    return read_network_file(tmp_path / name, cache=tmp_path / "cache")


@pytest.mark.parametrize("name", TENSORS)
def test_reference_files_come_out_bitwise(name: str, tmp_path: Path) -> None:
    found = read_network_file(FIXTURES / f"{name}.pkl", cache=tmp_path)
    assert told(found) == TENSORS[name]
    assert found.kind == KINDS[name.split("_")[0]]
    assert found.resolution == 32


@pytest.mark.parametrize("protocol", [2, 3, 5])
@pytest.mark.parametrize("name", ["sg2ada_cond5_32", "sg3r_32", "tf_sg2_cond3_32"])
def test_other_protocols_come_out_bitwise(name: str, protocol: int, tmp_path: Path) -> None:
    data = rewritten((FIXTURES / f"{name}.pkl").read_bytes(), protocol)
    assert data[1] == protocol
    assert told(read(data, tmp_path)) == TENSORS[name]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", TENSORS)
def test_all_files_in_all_protocols(name: str, protocol: int, tmp_path: Path) -> None:
    data = rewritten((FIXTURES / f"{name}.pkl").read_bytes(), protocol)
    assert told(read(data, tmp_path)) == TENSORS[name]


def test_facts_of_a_stylegan2_file() -> None:
    found = inspect_network_file(FIXTURES / "sg2ada_cond5_32.pkl")
    assert (found.dataset, found.kimg, found.licence) == ("x.zip", None, None)
    made = found.networks["G_ema"]
    assert made.class_name == "Generator"
    assert made.init_kwargs["synthesis_kwargs"]["conv_clamp"] == 256
    assert made.tensors["mapping.w_avg"].parameter is False
    assert made.tensors["mapping.embed.weight"].parameter is True
    layer = made.modules["synthesis.b32.conv0"]
    assert layer.class_name == "SynthesisLayer"
    assert layer.attributes["conv_clamp"] == 256
    assert layer.attributes["act_gain"] == pytest.approx(2**0.5)
    with pytest.raises(Exception, match="were not read"):
        _ = found.tensors_path


def test_facts_of_a_stylegan3_file() -> None:
    found = inspect_network_file(FIXTURES / "sg3t_32.pkl")
    layer = found.networks["G_ema"].modules["synthesis.L0_24_16"].attributes
    assert layer["in_size"] == [24, 24]  # a numpy array
    assert layer["is_torgb"] is False


def test_tensors_of_all_kinds_and_layouts(tmp_path: Path) -> None:
    source = torch.Generator().manual_seed(0)
    whole = torch.randn(4, 6, 5, generator=source)
    tensors = {
        "a.double": whole.double(), "a.half": whole.half(), "a.long": (100 * whole).long(),
        "a.int": (100 * whole).int(), "a.short": (100 * whole).short(), "a.byte": whole.byte(),
        "a.char": whole.char(), "a.bool": whole > 0, "a.turned": whole.permute(2, 0, 1),
        "a.part": whole[1:3, ::2, 1:4], "a.none": whole[:, :0], "a.one": whole[2, 3, 1],
        "a.brain": whole.bfloat16(), "a.last": whole[None].to(memory_format=torch.channels_last),
    }  # fmt: skip
    found = read(dumped(snapshot(G=network("Generator", tensors, {}))), tmp_path)
    arrays, stored = found.arrays("G"), load_file(found.tensors_path)
    for name, tensor in tensors.items():
        assert torch.equal(stored[f"G/{name}"], tensor), name
        if name == "a.brain":
            tensor = tensor.float()
        assert arrays[name].dtype == tensor.numpy().dtype
        assert np.array_equal(arrays[name], tensor.numpy())
        assert not arrays[name].flags.writeable
    before = found.tensors_path.read_bytes()
    own = found.arrays("G", writable=True)
    own["a.double"][:] = 7  # in this process's memory alone
    assert found.tensors_path.read_bytes() == before
    assert np.array_equal(found.arrays("G")["a.double"], tensors["a.double"].numpy())


def test_what_is_named_by_the_file_and_its_fields(tmp_path: Path) -> None:
    value = small() | {"license": "CC0", "progress": {"step": 3}}
    found = read(dumped(value), tmp_path, "network-snapshot-025000.pkl")
    assert (found.licence, found.kimg, found.dataset) == ("CC0", 25000.0, "dogs-32.zip")
    assert found.left_out == ["progress"]
    told_kimg = read(dumped(small() | {"cur_nimg": 1_200_000}), tmp_path)
    assert told_kimg.kimg == 1200.0
    for images in (True, -1000):
        assert read(dumped(small() | {"cur_nimg": images}), tmp_path).kimg is None


def test_a_module_is_what_was_told_when_it_was_made(tmp_path: Path) -> None:
    """The call copies its dict; what the file puts into it later is not the module's."""
    inside = meta(b"}").removesuffix(b"\x85R").removesuffix(b"tR")
    function, mark, told = inside.partition(b"(")
    later = b"(" + text("class_name") + text("Discriminator") + b"u"
    data = b"\x80\x04}(" + text("G") + function + mark + told + b"q\x40tR"
    data += text("x") + b"h\x40" + later + b"u."
    found = read(data, tmp_path)
    assert found.networks["G"].class_name == "Generator"


def rosinality(names: dict[str, Tensor]) -> dict[str, object]:
    args = Namespace(size=32, path="/data/cats.lmdb", mixing=0.9)
    optimizer = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.002}]}
    return {"g": OrderedDict(names), "d": {"final_conv.0.weight": torch.ones(2, 2)},
            "g_ema": OrderedDict(names), "g_optim": optimizer, "args": args, "ada_aug_p": 0.0,
            "latent_avg": torch.ones(4)}  # fmt: skip


@pytest.mark.parametrize("zipped", [True, False])
def test_rosinality_files(zipped: bool, tmp_path: Path) -> None:
    names = {
        "conv1.conv.modulation.weight": torch.randn(4, 3, generator=torch.Generator()),
        "convs.0.conv.blur.kernel": torch.ones(4, 4), "noises.noise_0": torch.ones(1, 1, 4, 4),
        **{f"to_rgbs.{i}.bias": torch.ones(1, 3, 1, 1) for i in range(3)},
    }  # fmt: skip
    found = read(saved(rosinality(names), zipped=zipped), tmp_path, "550000.pt")
    assert (found.kind, found.resolution, found.dataset) == ("rosinality", 32, "cats.lmdb")
    assert list(found.networks) == ["G", "D", "G_ema", "rest"]
    assert found.left_out == ["g_optim"]
    assert found.facts == {"args": {"size": 32, "path": "/data/cats.lmdb", "mixing": 0.9},
                           "ada_aug_p": 0.0}  # fmt: skip
    stored = load_file(found.tensors_path)
    assert all(torch.equal(stored[f"G_ema/{name}"], one) for name, one in names.items())
    assert torch.equal(stored["rest/latent_avg"], torch.ones(4))
    kept = found.networks["G"].tensors
    assert [n for n, one in kept.items() if not one.parameter] == [
        "convs.0.conv.blur.kernel", "noises.noise_0"
    ]  # fmt: skip


@pytest.mark.parametrize("zipped", [True, False])
def test_lucidrains_files(zipped: bool, tmp_path: Path) -> None:
    state = {
        "S.net.0.weight": torch.ones(2, 2), "G.initial_block": torch.ones(1, 4, 4, 4),
        "SE.net.0.weight": torch.ones(2, 2), "D.blocks.0.net.0.weight": torch.ones(3, 3),
        "D_aug.D.blocks.0.net.0.weight": torch.ones(3, 3),
        **{f"GE.blocks.{i}.conv1.weight": torch.full((2, 2), float(i)) for i in range(4)},
    }  # fmt: skip
    value = {"GAN": OrderedDict(state), "version": "1.8.1"}
    found = read(saved(value, zipped=zipped), tmp_path, "model_12.pt")
    assert (found.kind, found.resolution, found.facts) == ("lucidrains", 32, {"version": "1.8.1"})
    assert {role: len(one.tensors) for role, one in found.networks.items()} == {
        "G": 2, "G_ema": 5, "D": 1
    }  # fmt: skip
    assert found.left_out == ["D_aug.D.blocks.0.net.0.weight"]


def test_state_dicts_alone(tmp_path: Path) -> None:
    tensors = drawn(generator_shapes(16, 64, 8, 8), 1)
    layer = torch.nn.Linear(2, 2)  # its state dict has `_metadata`
    named = layer.state_dict(prefix="extra.")
    for name, tensor in tensors.items():
        named[name] = tensor.detach()
    found = read(saved(named), tmp_path, "g.pt")
    assert (found.kind, found.resolution) == ("stylegan2-ada", 16)
    stored = load_file(found.tensors_path)
    assert all(torch.equal(stored[f"G_ema/{name}"], one) for name, one in named.items())
    assert found.networks["G_ema"].tensors["mapping.w_avg"].parameter is False


def test_safetensors(tmp_path: Path) -> None:
    tensors = {"G/a.weight": torch.arange(6.0).reshape(2, 3), "b.weight": torch.ones(2).half()}
    save_file(tensors, tmp_path / "in.safetensors", metadata={"license": "apache-2.0"})
    found = read_network_file(tmp_path / "in.safetensors", cache=tmp_path / "cache")
    assert (found.kind, found.licence) == ("safetensors", "apache-2.0")
    assert np.array_equal(found.arrays("G")["a.weight"], tensors["G/a.weight"].numpy())
    assert found.networks["G_ema"].tensors["b.weight"].parameter is None


def test_text_protocols_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    """Protocols 0 and 1 know no NEWOBJ: a file without classes of its own is read."""
    value = small()
    for one in (value, value["G_ema"].meta["state"]):  # type: ignore[attr-defined]
        for name in ("training_set_kwargs", "_init_kwargs", "mapping_kwargs"):
            one.pop(name, None)
    for protocol in (0, 1):
        found = read(dumped(value, protocol), tmp_path)
        assert [len(n.tensors) for n in found.networks.values()] == [3]
    with pytest.raises(NetworkFileError, match=r"copy_?reg\._reconstructor"):
        read(dumped(small(), 1), tmp_path)


def test_single_numbers_of_numpy(tmp_path: Path) -> None:
    """TensorFlow gives variables without dimensions as scalars; attributes may be scalars, too."""
    networks = []
    for role in ("G", "D", "Gs"):
        one = Network()
        vars(one).update(
            version=4, name=role, static_kwargs={"resolution": 32}, components={},
            build_module_src=SOURCE, build_func_name=role, variables=[("lod", np.float32(0.5))],
        )  # fmt: skip
        networks.append(one)
    for protocol in (2, 4):
        found = read(dumped(tuple(networks), protocol), tmp_path)
        assert found.arrays("Gs")["lod"].shape == ()
        assert found.arrays("Gs")["lod"] == np.float32(0.5)
        assert found.networks["Gs"].tensors["lod"].parameter is False
    scalars = {"act_gain": np.float32(1.5), "is_torgb": np.bool_(True), "taps": np.int64(6)}
    made = read(dumped(snapshot(G=module("Generator", **scalars))), tmp_path)
    attributes = made.networks["G"].modules[""].attributes
    assert attributes == {"act_gain": 1.5, "is_torgb": True, "taps": 6}
    assert attributes["is_torgb"] is True


def test_modules_may_be_shared(tmp_path: Path) -> None:
    whole = small()
    made = whole["G_ema"]
    assert isinstance(made, Persistent)
    found = read(dumped(whole | {"G": made}), tmp_path)
    assert found.networks["G"] == found.networks["G_ema"]


@pytest.mark.parametrize("layout", ["pickle", "pt"])
def test_networks_may_share_their_tensors(layout: str, tmp_path: Path) -> None:
    """Each is written whole; the file has the numbers of one."""
    weight = torch.arange(2.0**20)
    if layout == "pickle":
        one = network("Generator", {"w": weight}, {})
        data = dumped(snapshot(G=one, D=network("D", {"w": weight}, {}), G_ema=one))
        name = "w"
    else:
        name = "conv1.conv.modulation.weight"
        state = {name: weight}
        data = saved({"g": state, "d": state, "g_ema": state, "latent_avg": weight})
    assert len(data) < 5 * weight.nbytes / 2
    found = read(data, tmp_path)
    assert all(np.array_equal(found.arrays(r)[name], weight) for r in ("G", "D", "G_ema"))


def test_one_network_may_not_become_more_than_the_file(tmp_path: Path) -> None:
    """However many others there are."""
    weight = torch.ones(2**19)
    bomb = network("Generator", {"a": weight, "b": weight}, {})
    empty = module("Generator")
    with pytest.raises(NetworkFileError, match="the tensors of G_ema have 4194304 bytes"):
        read(dumped(snapshot(G=empty, D=empty, G_ema=bomb)), tmp_path)


def test_reading_again_uses_what_is_kept(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.pkl", tmp_path / "cache"
    path.write_bytes(dumped(small()))
    first = read_network_file(path, cache=cache)
    assert first.folder is not None
    assert sorted(p.name for p in first.folder.iterdir()) == ["network.json", "tensors.safetensors"]
    before = first.tensors_path.stat().st_mtime_ns
    again = read_network_file(path, cache=cache)
    assert again == first
    assert again.tensors_path.stat().st_mtime_ns == before
    data = bytearray(first.tensors_path.read_bytes())
    data[-1] ^= 1
    first.tensors_path.write_bytes(data)
    assert told(read_network_file(path, cache=cache)) == told(read(dumped(small()), tmp_path))


def test_what_is_kept_without_a_tensor_is_read_again(tmp_path: Path) -> None:
    """Also where its sha256 is right."""
    path, cache = tmp_path / "a.pkl", tmp_path / "cache"
    path.write_bytes(dumped(small()))
    first = read_network_file(path, cache=cache)
    assert first.folder is not None
    whole = load_file(first.tensors_path)
    save_file({n: v for n, v in whole.items() if "w_avg" not in n}, first.tensors_path)
    with pytest.raises(DataError, match=r"lacks G_ema/mapping\.w_avg"):
        first.arrays("G_ema")
    facts = json.loads((first.folder / "network.json").read_text())
    facts["tensors_sha256"] = hashlib.sha256(first.tensors_path.read_bytes()).hexdigest()
    (first.folder / "network.json").write_text(json.dumps(facts))
    again = read_network_file(path, cache=cache)
    assert again == first
    assert "mapping.w_avg" in again.arrays("G_ema")


def test_what_another_version_of_the_reader_kept_is_read_again(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.pkl", tmp_path / "cache"
    path.write_bytes(dumped(small()))
    first = read_network_file(path, cache=cache)
    assert first.folder is not None
    for version in (None, first.reader + 1):
        facts = json.loads((first.folder / "network.json").read_text())
        assert facts.pop("reader") == first.reader
        facts |= {"licence": "of another reader"} | ({"reader": version} if version else {})
        (first.folder / "network.json").write_text(json.dumps(facts))
        assert read_network_file(path, cache=cache).licence is None


def test_the_cache_is_its_owners_alone(tmp_path: Path) -> None:
    cache = tmp_path / "above" / "networks"
    found = read_network_file(FIXTURES / "sg3t_32.pkl", cache=cache)
    assert found.folder is not None
    assert cache.stat().st_mode & 0o777 == found.folder.stat().st_mode & 0o777 == 0o700


def test_links_to_files_are_followed(tmp_path: Path) -> None:
    """As caches of model hubs are made of them."""
    (tmp_path / "link.pkl").symlink_to(FIXTURES / "sg3t_32.pkl")
    assert inspect_network_file(tmp_path / "link.pkl").kind == "stylegan3"


def test_a_pickle_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    with pytest.raises(NetworkFileError, match="holds no networks but a dict weights"):
        inspect_network_file(tmp_path / "a.pkl")
