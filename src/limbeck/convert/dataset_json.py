"""The zip that the public StyleGAN2-ADA and StyleGAN3 tools make and read."""

import json
import zipfile
from pathlib import Path

from limbeck import fsio, logs
from limbeck.convert.selection import Selection
from limbeck.convert.tables import METADATA, metadata_lines

ZIP = "dataset.zip"
_A_FOLDER = 1000  # images
_EPOCH = (1980, 1, 1, 0, 0, 0)  # so that the same photos make the same bytes


def write_dataset_json(chosen: Selection, folder: Path) -> list[str]:
    """dataset.zip: `00000/img00000000.png`, ..., dataset.json and metadata.jsonl; see `Writer`."""
    tell_side(chosen)
    files = zip_files(len(chosen))
    with (
        fsio.atomic_file(folder / ZIP) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, (_, png) in zip(files, chosen.pictures(), strict=True):
            _put(archive, name, png)
        _put(archive, "dataset.json", json.dumps({"labels": _labels(chosen, files)}).encode())
        _put(archive, METADATA, metadata_lines(chosen, files).encode())
    return [f"{ZIP}/{name}" for name in files]


def zip_files(count: int) -> list[str]:
    """Names of so many images."""
    return [f"{number // _A_FOLDER:05d}/img{number:08d}.png" for number in range(count)]


def tell_side(chosen: Selection) -> None:
    """Warn where those tools would refuse the side of the images."""
    side = chosen.size
    if side & (side - 1):
        lower = 1 << (side.bit_length() - 1)
        logs.warn(
            f"images of {side} x {side} pixels: the StyleGAN tools take powers of two alone; "
            f"--size {lower} makes such"
        )


def _labels(chosen: Selection, files: list[str]) -> list[tuple[str, int]] | None:
    """Pairs of name and class, or None without classes."""
    if not chosen.class_names:
        return None
    numbers = [photo.info.label or 0 for photo in chosen.photos]
    return list(zip(files, numbers, strict=True))


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.external_attr = 0o644 << 16
    archive.writestr(member, data)
