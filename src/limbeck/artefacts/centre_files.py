"""Centres of latents as numpy files, in the layouts of other people's tools.

`stylegan-xl`: one file [K, w_dim] (its `--centroids-path`). `stylegan3-fun`: a folder of
`centroid_001-64clusters.npy`, ..., each [1, 1, num_ws, w_dim] with the same w in every layer (its
`--new-center`). `self-distilled`: `cluster_centers/NAME.npy` [K, w_dim] and
`cluster_center_images/NAME.npy` uint8 [K, S, S, 3] (the public demo of arXiv 2202.12211).
"""

import re
import tokenize
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck import fsio
from limbeck.artefacts.folders import check_new
from limbeck.artefacts.new_file import check_file
from limbeck.errors import DataError
from limbeck.latents import CENTRES, W_DIM
from limbeck.records import CentreLayout

_ONE = re.compile(r"centroid_([0-9]{1,6})-([0-9]{1,6})clusters\.npy")
_FLOATS = ("float16", "float32", "float64")
_LAYERS = 64  # of a generator, at most
_HEADER = 10_000  # bytes
_MISREAD = (
    ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError, Warning,
    tokenize.TokenError,
)  # fmt: skip
_WANTED = (
    "give an array of floats [K, w_dim] as StyleGAN-XL and the Self-Distilled demo have it, or a "
    "folder of stylegan3-fun's centroid_001-Kclusters.npy"
)


def is_centre_file(path: Path) -> bool:
    """Whether `path` is centres of another tool, by its name or by what lies in it."""
    path = Path(path)
    if not path.is_dir():
        return path.suffix.lower() == ".npy"
    return bool(_ones(path)) or (path / "cluster_centers").is_dir()


def read_centres(path: Path, w_dim: int) -> Tensor:
    """Centres float32 [K, w_dim] from a file or a folder of any of the layouts, in its order.

    Args:
        path: a .npy file, or a folder.
        w_dim: numbers of a latent of the generator that they are for.

    Raises:
        DataError: missing, damaged, objects, no floats, another shape, of another generator, values
            that are not finite; a latent whose layers differ; several sets in one folder.
    """
    path = Path(path)
    if path.is_dir():
        files = _ones(path) or [_only(path / "cluster_centers")]
    else:
        files = [path]
    rows = [_rows(file, _read(file, w_dim), w_dim) for file in files]
    with np.errstate(over="ignore"):  # seen below
        centres = torch.from_numpy(np.concatenate(rows).astype(np.float32))
    if not 0 < len(centres) <= CENTRES:
        raise DataError(f"{path}: {len(centres)} centres, 1 to {CENTRES} are possible", _WANTED)
    if not bool(torch.isfinite(centres).all()):
        raise DataError(f"{path}: values that are not finite in float32", "make the file again")
    return centres


def write_centres(
    out: Path,
    layout: CentreLayout,
    centres: Tensor,
    *,
    num_ws: int,
    images: Tensor | None = None,
    name: str = "limbeck",
) -> list[Path]:
    """Write centres as one of the layouts: the file `out`, or files in the folder `out`.

    Args:
        out: new; its folder is made.
        layout: whose.
        centres: float32 [K, w_dim].
        num_ws: layers of the synthesis, for `stylegan3-fun`.
        images: uint8 [K, 3, S, S] of the centres, for `self-distilled`.
        name: of the model, for `self-distilled`.

    Returns:
        the files.

    Raises:
        UsageError: a file's name that does not end in .npy.
        DataError: something lies at `out`, or it cannot be written.
    """
    if layout is CentreLayout.STYLEGAN_XL:
        check_file(out, ".npy")
    else:
        check_new(out)
    array = centres.detach().to("cpu", torch.float32).numpy()
    if layout is CentreLayout.STYLEGAN_XL:
        _save(out, array)
        return [out]
    with fsio.atomic_dir(out) as folder:
        if layout is CentreLayout.STYLEGAN3_FUN:
            for number, w in enumerate(array, 1):
                layers = np.broadcast_to(w, (1, 1, num_ws, len(w)))
                _save(folder / f"centroid_{number:03d}-{len(array)}clusters.npy", layers)
        else:
            assert images is not None, "the demo compares images"
            _save(folder / "cluster_centers" / f"{name}.npy", array)
            pixels = images.permute(0, 2, 3, 1).cpu().numpy()
            _save(folder / "cluster_center_images" / f"{name}.npy", pixels)
    return fsio.files_under(out)


def _save(path: Path, array: NDArray[Any]) -> None:
    with fsio.atomic_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)


def _ones(folder: Path) -> list[Path]:
    """Files of stylegan3-fun, by number.

    Raises:
        DataError: of several sets, or some are missing.
    """
    found = [(match, file) for file in folder.iterdir() if (match := _ONE.fullmatch(file.name))]
    numbers = sorted(int(match[1]) for match, _ in found)
    counts = {int(match[2]) for match, _ in found}
    if found and (len(counts) > 1 or numbers != list(range(1, counts.pop() + 1))):
        raise DataError(
            f"{folder}: centroid files of several sets, or some are missing",
            "give a folder with the files of one set, all of them",
        )
    return [file for _, file in sorted(found, key=lambda one: int(one[0][1]))]


def _only(folder: Path) -> Path:
    files = sorted(folder.glob("*.npy"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files[:8])
        raise DataError(
            f"{folder}: {len(files)} .npy files ({names}), which of them is not said"
            if files
            else f"{folder} holds no .npy file",
            "give the file itself",
        )
    return files[0]


def _read(path: Path, w_dim: int) -> NDArray[Any]:
    """The array, once its header fits the file and the limits."""
    with fsio.open_regular(path, CENTRES * W_DIM * 8 + _HEADER) as (file, size):
        shape, fortran, dtype = _header(file, path)
        if dtype.hasobject or dtype.newbyteorder("=").name not in _FLOATS:
            raise DataError(f"{path}: an array of {dtype}, no floats", _WANTED)
        if not 1 <= len(shape) <= 4 or not all(type(n) is int and n >= 0 for n in shape):
            raise DataError(f"{path}: no array of shape {list(shape)[:8]} is known", _WANTED)
        if shape[-1] != w_dim:
            raise DataError(
                f"{path}: shape {list(shape)}, the generator's latents have {w_dim} numbers",
                "give the centres of this generator",
            )
        count = int(np.prod(shape, dtype=object))
        if count * dtype.itemsize != size - file.tell():
            raise DataError(
                f"{path} is damaged: shape {list(shape)} of {dtype} in {size} bytes",
                "fetch the file again",
            )
        values = np.frombuffer(file.read(), dtype=dtype)
    return values.reshape(shape, order="F" if fortran else "C")


def _header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and dtype; only literals are read, and no objects ever."""
    from numpy.lib import format as npy

    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # headers of Python 2
            version = npy.read_magic(file)
            shape, fortran, dtype = readers[version](file, max_header_size=_HEADER)
    except _MISREAD as error:
        raise DataError(
            f"{path} is no .npy file of numbers ({fsio.plain(str(error))[:120]})", _WANTED
        ) from None
    return shape, fortran, dtype


def _rows(path: Path, array: NDArray[Any], w_dim: int) -> NDArray[Any]:
    """[w_dim], [K, w_dim], [K, num_ws, w_dim] or [1, 1, num_ws, w_dim] -> [K, w_dim]."""
    shape = array.shape
    if array.ndim == 4 and shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and 0 < array.shape[1] <= _LAYERS:
        if not bool((array == array[:, :1]).all()):
            raise DataError(
                f"{path}: latents whose layers differ are no points of W",
                "modes lie in W: give centres with the same w in every layer",
            )
        array = array[:, 0]
    if array.ndim not in (1, 2):
        raise DataError(f"{path}: shape {list(shape)}", _WANTED)
    return array.reshape(-1, w_dim)
