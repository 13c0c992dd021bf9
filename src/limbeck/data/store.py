"""Writing a dataset: shards of pixels, one table row per listed file, and index.json last.

A folder without index.json is a dataset that was not finished; readers refuse it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from torch import Tensor

from limbeck import __version__, fsio
from limbeck.data.encoding import Encoded, decode
from limbeck.data.index import shard_name
from limbeck.data.layout import (
    ADDED,
    FORMAT,
    FORMAT_VERSION,
    INDEX,
    SCHEMA,
    SCORE,
    SHARD_BYTES,
    TABLE,
)
from limbeck.data.packed import PackedRows
from limbeck.data.raw_pixels import write_raw
from limbeck.data.tar_pixels import TarPlaces, write_tar
from limbeck.errors import DataError
from limbeck.records import ImageInfo, Status, StoreKind

_COLUMNS = pa.schema([*SCHEMA, *ADDED])
_ROWS = 2**12  # rows turned into columns at once

Picture = NDArray[np.uint8] | Tensor | Encoded


def write_dataset(
    root: Path,
    infos: Iterable[ImageInfo],
    pictures: Iterable[Picture],
    size: int,
    *,
    class_names: Sequence[str] = (),
    shard_bytes: int = SHARD_BYTES,
    part: Mapping[str, Any] | None = None,
    kind: StoreKind = StoreKind.RAW,
) -> None:
    """Write a dataset folder; memory holds one image at a time (of tars, a block of them).

    `infos` is read only after the last image, so it may be a list (or `PackedRows`) that the
    producer of `pictures` fills on its way.

    Args:
        root: a folder without a dataset; it is made if need be.
        infos: one row per listed file; the accepted ones in the order of `pictures`. `shard` and
            `row` are filled in here.
        pictures: uint8 [3, size, size] RGB or encoded, one for each accepted row.
        size: side of the stored images, pixels.
        class_names: names of the labels 0, 1, ...; empty = unconditional.
        shard_bytes: a shard holds at most this many bytes of raw pixels (at least one image).
        part: plain values of `PartFacts`, where this is a part of a listing.
        kind: how pixels are stored: as they are, or encoded in tars; the digest is the same.

    Raises:
        DataError: an image of another shape, counts that differ, an id given twice, a label
            without a name, a disk that cannot be written, or a dataset that is there already.
    """
    root = Path(root)
    if (root / INDEX).exists():
        raise DataError(f"{root} holds a dataset already", "give another folder")
    root.mkdir(parents=True, exist_ok=True)
    per_shard = max(1, shard_bytes // (3 * size * size))
    shards, tars = _write_shards(root, iter(pictures), size, per_shard, kind)
    rows = infos if isinstance(infos, Sequence) else PackedRows(infos)
    _check_rows(rows, sum(int(s["rows"]) for s in shards), len(class_names))
    placed = _placed(rows, shards, tars)
    write_index(root, rows, placed, shards, size, class_names, part)


def write_index(
    root: Path,
    rows: Sequence[ImageInfo],
    placed: Iterable[ImageInfo],
    shards: Sequence[Mapping[str, Any]],
    size: int,
    class_names: Sequence[str],
    part: Mapping[str, Any] | None = None,
) -> None:
    """Write images.parquet and, last, index.json.

    Args:
        root: the folder.
        rows: one per listed file.
        placed: the same with `shard` and `row` where the pixels lie.
        shards: what index.json says of each file of pixels.
        size: side of the stored images, pixels.
        class_names: names of the labels.
        part: what index.json says of a part of a listing; None for a whole one.
    """
    with fsio.atomic_file(root / TABLE) as temporary:
        _write_table(iter(placed), temporary)
    fsio.write_json(
        root / INDEX,
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "limbeck": __version__,
            "size": size,
            "counts": _counts(rows),
            "class_names": list(class_names),
            "table": _facts(root / TABLE),
            "shards": list(shards),
            **({} if part is None else {"part": dict(part)}),
        },
    )


def _write_table(rows: Iterator[ImageInfo], path: Path) -> None:
    with pq.ParquetWriter(path, _COLUMNS, compression="zstd") as writer:
        while some := list(islice(rows, _ROWS)):
            writer.write_table(_to_table(some))


def _to_table(rows: Sequence[ImageInfo]) -> pa.Table:
    values = [row.model_dump(mode="json") for row in rows]
    for row in values:
        row["objects"] = json.dumps(row["objects"]) if row["objects"] else None
        scores = row.pop("quality")
        row["flags"] = None if scores is None else ",".join(row["flags"])
        row.update((SCORE + name, score) for name, score in (scores or {}).items())
    return pa.Table.from_pylist(values, schema=_COLUMNS)


def _facts(path: Path) -> dict[str, Any]:
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": fsio.sha256_file(path),
    }


def _write_shards(
    root: Path, pictures: Iterator[Picture], size: int, per_shard: int, kind: StoreKind
) -> tuple[list[dict[str, Any]], list[TarPlaces]]:
    """Write all shards; returns what index.json says of them, and where images lie in tars."""
    shards: list[dict[str, Any]] = []
    places: list[TarPlaces] = []
    while (first := next(pictures, None)) is not None:
        path = root / shard_name(len(shards), kind)
        some = _checked(chain([first], islice(pictures, per_shard - 1)), path, size)
        if kind is StoreKind.SHARDS:
            places.append(write_tar(path, some, size))
            facts: dict[str, Any] = {"rows": len(places[-1]), "pixels": places[-1].pixels}
        else:
            facts = {"rows": write_raw(path, (_plain(one, size) for one in some), size)}
        shards.append({**_facts(path), **facts})
    return shards, places


def _checked(
    pictures: Iterable[Picture], path: Path, size: int
) -> Iterator[NDArray[np.uint8] | Encoded]:
    """Squares of the one shape that the store takes; those that are encoded pass."""
    for row, picture in enumerate(pictures):
        if isinstance(picture, Encoded):
            yield picture
            continue
        pixels = np.ascontiguousarray(np.asarray(picture))
        if pixels.shape != (3, size, size) or pixels.dtype != np.uint8:
            raise DataError(
                f"image {row} of {path.name} is {pixels.dtype} {pixels.shape}, "
                f"the store takes uint8 (3, {size}, {size})"
            )
        yield pixels


def _plain(picture: NDArray[np.uint8] | Encoded, size: int) -> NDArray[np.uint8]:
    if isinstance(picture, Encoded):
        return np.ascontiguousarray(decode(picture.data, size))
    return picture


def _check_rows(infos: Sequence[ImageInfo], images: int, classes: int) -> None:
    """Check what a reader will rely on."""
    accepted = sum(info.status is Status.ACCEPTED for info in infos)
    if accepted != images:
        raise DataError(f"{images} images for {accepted} accepted rows")
    ids: set[str] = set()
    for info in infos:
        if info.status is not Status.ACCEPTED:
            continue
        if info.id is None or info.id in ids:
            raise DataError(f"accepted rows need ids of their own; wrong: {info.id!r}")
        ids.add(info.id)
        if classes and not (info.label is not None and 0 <= info.label < classes):
            raise DataError(f"{info.source}: label {info.label} is not among {classes} classes")


def _placed(
    infos: Iterable[ImageInfo], shards: Sequence[Mapping[str, Any]], tars: Sequence[TarPlaces]
) -> Iterator[ImageInfo]:
    """The rows, those accepted with the place of their image."""
    places = ((shard, row) for shard, facts in enumerate(shards) for row in range(facts["rows"]))
    for info in infos:
        if info.status is not Status.ACCEPTED:
            yield info
            continue
        shard, row = next(places)
        place = {"shard": shard, "row": row, "offset": None, "length": None, "crc32": None}
        if tars:
            tar = tars[shard]
            place |= {
                "offset": tar.offsets[row], "length": tar.lengths[row], "crc32": tar.crc32s[row]
            }  # fmt: skip
        yield info.model_copy(update=place)


def _counts(rows: Sequence[ImageInfo]) -> dict[str, Any]:
    fates = Counter((row.status, row.reason.value) for row in rows)
    status: Counter[Status] = Counter()
    for (what, _), count in fates.items():
        status[what] += count
    rejected = {why: n for (what, why), n in fates.items() if what is Status.REJECTED}
    return {
        "listed": len(rows),
        "accepted": status[Status.ACCEPTED],
        "rejected": dict(sorted(rejected.items())),
        "opted_out": status[Status.OPTED_OUT],
        "failed": status[Status.FAILED],
    }
