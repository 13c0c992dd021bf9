"""Centres as numpy files: the layouts of three tools, there and back, and what is refused."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from limbeck.artefacts.centre_files import CentreLayout, is_centre_file, read_centres, write_centres
from limbeck.errors import DataError

CENTRES = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
GOOD = CENTRES.numpy()
IMAGES = torch.arange(5 * 3 * 4 * 4).view(5, 3, 4, 4).to(torch.uint8)


@pytest.mark.parametrize("layout", list(CentreLayout))
def test_what_is_written_is_read_again(tmp_path: Path, layout: CentreLayout) -> None:
    out = tmp_path / ("c.npy" if layout is CentreLayout.STYLEGAN_XL else "c")
    write_centres(out, layout, CENTRES, num_ws=4, images=IMAGES, name="dogs")
    assert is_centre_file(out)
    assert torch.equal(read_centres(out, 6), CENTRES)


def test_each_layout_is_its_tools(tmp_path: Path) -> None:
    (file,) = write_centres(tmp_path / "c.npy", CentreLayout.STYLEGAN_XL, CENTRES, num_ws=4)
    centroids = np.load(file, allow_pickle=False)
    assert (centroids.shape, centroids.dtype) == ((5, 6), np.float32)

    files = write_centres(tmp_path / "fun", CentreLayout.STYLEGAN3_FUN, CENTRES, num_ws=4)
    assert [file.name for file in files] == [f"centroid_00{n}-5clusters.npy" for n in range(1, 6)]
    latent = np.load(files[2], allow_pickle=False)
    assert latent.shape == (1, 1, 4, 6)
    assert (latent[0, 0] == CENTRES[2].numpy()).all()

    files = write_centres(
        tmp_path / "demo", CentreLayout.SELF_DISTILLED, CENTRES, num_ws=4, images=IMAGES,
        name="dogs",
    )  # fmt: skip
    names = [file.relative_to(tmp_path / "demo").as_posix() for file in files]
    assert names == ["cluster_center_images/dogs.npy", "cluster_centers/dogs.npy"]
    assert (np.load(files[1], allow_pickle=False) == GOOD).all()
    pixels = np.load(files[0], allow_pickle=False)
    assert (pixels.shape, pixels.dtype) == ((5, 4, 4, 3), np.uint8)
    assert (pixels[3].transpose(2, 0, 1) == IMAGES[3].numpy()).all()


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_floats_of_any_width_and_order(tmp_path: Path, dtype: str, order: Any) -> None:
    np.save(tmp_path / "c.npy", np.asarray(CENTRES.half().numpy(), dtype, order))
    assert torch.equal(read_centres(tmp_path / "c.npy", 6), CENTRES.half().float())


def test_one_latent_and_layers_alike_are_points_of_w(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", CENTRES[0].numpy())
    assert torch.equal(read_centres(tmp_path / "one.npy", 6), CENTRES[:1])
    np.save(tmp_path / "layers.npy", CENTRES[:, None].expand(-1, 4, -1).numpy())
    assert torch.equal(read_centres(tmp_path / "layers.npy", 6), CENTRES)
    np.save(tmp_path / "plus.npy", np.random.RandomState(0).randn(5, 4, 6))
    with pytest.raises(DataError, match="layers differ"):
        read_centres(tmp_path / "plus.npy", 6)


class _Runs:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/limbeck-was-here"),))


def _bytes(array: Any, **more: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **more)
    return buffer.getvalue()


def _header(text: str) -> bytes:
    line = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line


BAD: dict[str, tuple[bytes, str]] = {
    "objects": (_bytes(np.array([_Runs()] * 6, object), allow_pickle=True), "no floats"),
    "pickle": (pickle.dumps(GOOD), "no .npy file"),
    "empty": (b"", "no .npy file"),
    "whole numbers": (_bytes(np.ones((5, 6), int)), "no floats"),
    "complex": (_bytes(GOOD.astype(complex)), "no floats"),
    "fields": (_bytes(np.zeros(6, [("a", "f4"), ("b", "f4")])), "no floats"),
    "another generator": (_bytes(np.ones((5, 7))), "have 6 numbers"),
    "a scalar": (_bytes(np.float32(1)), "no array of shape"),
    "no rows": (_bytes(np.ones((0, 6))), "0 centres"),
    "not finite": (_bytes(np.full((5, 6), np.inf)), "not finite"),
    "too large for float32": (_bytes(np.full((5, 6), 1e200)), "not finite"),
    "five axes": (_bytes(np.ones((1, 1, 1, 1, 6))), "shape"),
    "cut": (_bytes(GOOD)[:-3], "damaged"),
    "longer": (_bytes(GOOD) + b"more", "damaged"),
    "a shape without bytes": (
        _header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999, 6)}"),
        "damaged",
    ),
    "a negative shape": (
        _header("{'descr': '<f4', 'fortran_order': False, 'shape': (-5, 6)}"), "no array of shape",
    ),
    "code in the header": (_header("__import__('os').system('true')"), "no .npy file"),
    "brackets": (_header("(" * 9000), "no .npy file"),
    "another version": (b"\x93NUMPY\x09\x00" + b"\0" * 100, "no .npy file"),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(BAD))
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_what_is_no_array_of_centres_is_refused(tmp_path: Path, kind: str) -> None:
    content, said = BAD[kind]
    (tmp_path / "c.npy").write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_centres(tmp_path / "c.npy", 6)
    assert not Path("/tmp/limbeck-was-here").exists()


def test_folders_that_leave_open_what_is_meant(tmp_path: Path) -> None:
    write_centres(tmp_path / "fun", CentreLayout.STYLEGAN3_FUN, CENTRES, num_ws=4)
    (tmp_path / "fun" / "centroid_001-7clusters.npy").write_bytes(_bytes(GOOD))
    with pytest.raises(DataError, match="several sets"):
        read_centres(tmp_path / "fun", 6)
    demo = tmp_path / "demo" / "cluster_centers"
    demo.mkdir(parents=True)
    for name in ("dogs", "lions"):
        (demo / f"{name}.npy").write_bytes(_bytes(GOOD))
    with pytest.raises(DataError, match=r"dogs\.npy, lions\.npy"):
        read_centres(tmp_path / "demo", 6)
    assert not is_centre_file(tmp_path)
