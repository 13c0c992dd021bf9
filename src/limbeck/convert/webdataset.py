"""Tar shards of samples, as WebDataset reads them."""

import io
import json
import tarfile
from pathlib import Path

from limbeck import fsio
from limbeck.convert.selection import Photo, Selection

_BLOCK = 512
Member = tuple[str, bytes]


def write_webdataset(chosen: Selection, folder: Path) -> list[str]:
    """`shard-000000.tar`, ... of `ID.png`, `ID.json` and with classes `ID.cls`; see `Writer`."""
    files: list[str] = []
    samples = ((photo, _sample(photo, png)) for photo, png in chosen.pictures())
    sample = next(samples, None)
    shard = 0
    while sample is not None:
        name = f"shard-{shard:06d}.tar"
        with (
            fsio.atomic_file(folder / name) as temporary,
            tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar,
        ):
            size = 0
            while sample is not None and (not size or size <= chosen.shard_bytes):
                photo, members = sample
                _put(tar, members)
                files.append(f"{name}/{photo.id}.png")
                sample = next(samples, None)
                size += _bytes(members)
        shard += 1
    return files


def _sample(photo: Photo, png: bytes) -> list[Member]:
    """Files of one sample: names and bytes."""
    text = json.dumps(photo.known(), ensure_ascii=False)
    members = [(f"{photo.id}.png", png), (f"{photo.id}.json", text.encode())]
    if photo.label is not None:
        members.append((f"{photo.id}.cls", str(photo.info.label).encode()))
    return members


def _bytes(members: list[Member]) -> int:
    """What they take in a tar."""
    return sum(_BLOCK * (1 + -(-len(data) // _BLOCK)) for _, data in members)


def _put(tar: tarfile.TarFile, members: list[Member]) -> None:
    for name, data in members:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
