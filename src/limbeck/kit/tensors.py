"""Tensors on disk: safetensors, written so that a full disk is an OSError like any other."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write `path`; call it inside `fsio.atomic_file` or `fsio.atomic_dir`.

    The library's own `save_file` turns a full disk into an error of its own kind, which the callers
    could not tell from a damaged tensor.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    path.write_bytes(save(dict(tensors)))
