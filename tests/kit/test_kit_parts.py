import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from limbeck.errors import UsageError
from limbeck.kit import device, images, rng
from limbeck.kit.selection import held_out

keys = st.lists(st.integers(-(2**63), 2**63) | st.text(max_size=8), min_size=1, max_size=4)


@given(keys)
def test_seeds_are_a_pure_function_of_their_keys(path: list[int | str]) -> None:
    seed = rng.derive_seed(*path)
    assert 0 <= seed < 2**63
    assert seed == rng.derive_seed(*path)


def test_seeds_tell_apart_types_and_boundaries() -> None:
    paths: list[tuple[int | str, ...]] = [(1,), ("1",), (1, 2), (12,), ("a", "b"), ("ab",), (2, 1)]
    assert len({rng.derive_seed(*path) for path in paths}) == len(paths)
    digest = hashlib.sha256(b"int:0\x1fstr:noise\x1fint:3").hexdigest()
    assert rng.derive_seed(0, "noise", 3) == int(digest[:16], 16) // 2


def test_generators_repeat_and_leave_global_state_alone() -> None:
    before = torch.get_rng_state()
    a = torch.randn(5, generator=rng.generator(0, "x"))
    b = torch.randn(5, generator=rng.generator(0, "x"))
    c = torch.randn(5, generator=rng.generator(1, "x"))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def test_every_byte_survives_the_trip_through_floats() -> None:
    bytes_ = torch.arange(256, dtype=torch.uint8)
    floats = images.to_float(bytes_)
    assert floats.dtype == torch.float32
    assert (float(floats[0]), float(floats[255])) == (-1.0, 1.0)
    assert torch.equal(images.to_uint8(floats), bytes_)
    assert images.to_uint8(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


@pytest.mark.parametrize(("side", "size"), [(8, 4), (12, 4), (128, 32)])
def test_an_integer_factor_is_the_block_mean(side: int, size: int) -> None:
    x = torch.rand(2, 3, side, side, generator=rng.generator(0))
    factor = side // size
    blocks = x.reshape(2, 3, size, factor, size, factor).mean((3, 5))
    torch.testing.assert_close(images.resize_area(x, size), blocks)


@pytest.mark.parametrize(("shape", "size"), [((20, 20), 8), ((16, 24), 8), ((8, 8), 20)])
def test_resizing_keeps_constant_pictures_and_dtype(shape: tuple[int, int], size: int) -> None:
    x = torch.full((1, 3, *shape), 77, dtype=torch.uint8)
    small = images.resize_area(x, size)
    assert small.shape == (1, 3, size, size)
    assert small.dtype == torch.uint8
    assert small.unique().tolist() == [77]
    assert images.resize_area(small, size) is small


def test_a_grid_lays_pictures_row_by_row() -> None:
    pictures = torch.stack([torch.full((3, 4, 4), v, dtype=torch.uint8) for v in (10, 20, 30)])
    sheet = images.grid(pictures, columns=2, gap=2)
    assert sheet.shape == (3, 10, 10)
    assert [int(sheet[0, y, x]) for y, x in ((0, 0), (0, 6), (6, 0), (6, 6))] == [10, 20, 30, 255]
    assert sheet[:, 4:6].unique().tolist() == [255]


def test_png_is_lossless(tmp_path: Path) -> None:
    picture = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8, generator=rng.generator(0))
    images.save_png(picture, tmp_path / "a.png")
    for source in (tmp_path / "a.png", io.BytesIO(images.encode_png(picture))):
        with Image.open(source) as opened:
            back = torch.from_numpy(np.array(opened)).permute(2, 0, 1)
        assert torch.equal(back, picture)


def test_devices() -> None:
    assert device.pick_device("cpu") == torch.device("cpu")
    assert device.pick_device().type in ("cpu", "cuda", "mps")
    with pytest.raises(UsageError, match="device 'toaster'") as caught:
        device.pick_device("toaster")
    assert "auto" in caught.value.do


def test_precision_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for flags, dtype in (({"avx512_bf16"}, torch.bfloat16), ({"avx2"}, torch.float32)):
        monkeypatch.setattr(device, "_cpu_flags", lambda flags=flags: frozenset(flags))
        assert device.compute_dtype("auto", cpu) == dtype
        assert device.compute_dtype("fp32", cpu) == torch.float32
        assert device.compute_dtype("bf16", cpu) == torch.bfloat16


def test_machine_names_what_a_figure_must_carry() -> None:
    facts = device.machine(torch.device("cpu"))
    assert {"platform", "cpu", "cores", "threads", "torch", "device", "bf16"} <= facts.keys()
    assert facts["device"] == "cpu"
    assert facts["cores"] >= 1


def test_each_photo_decides_for_itself_whether_it_is_held_out() -> None:
    ids = [f"{number:08x}" for number in range(4000)]
    held = held_out(ids, 0.2)
    assert 0.17 < len(held) / len(ids) < 0.23
    assert held_out(ids, 0.0) == frozenset()
    assert held_out(ids, 1.0) == frozenset(ids)
    assert held_out(ids[:100], 0.2) == held & set(ids[:100])
    assert held_out(ids, 0.1) < held
