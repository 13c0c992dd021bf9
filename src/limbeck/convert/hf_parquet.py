"""Parquet files with the images inside, as Hugging Face's `datasets` writes and reads them."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from limbeck import fsio
from limbeck.convert.selection import Photo, Selection

_GROUP = 100  # rows; a reader unfolds one group at a time
_TEXTS = ("id", "source", "licence", "author", "url", "crop")
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write_hf_parquet(chosen: Selection, folder: Path) -> list[str]:
    """`train-00000-of-00001.parquet`, ...; see `Writer`."""
    pictures = chosen.pictures()
    shards: list[list[str]] = []
    while names := _write_shard(chosen, folder / f"{len(shards):05d}.parquet", pictures):
        shards.append(names)
    files = []
    for number, names in enumerate(shards):
        name = f"train-{number:05d}-of-{len(shards):05d}.parquet"
        (folder / f"{number:05d}.parquet").rename(folder / name)
        files += [f"{name}/{photo}" for photo in names]
    return files


def _write_shard(
    chosen: Selection, path: Path, pictures: Iterator[tuple[Photo, bytes]]
) -> list[str]:
    """Write pictures until the shard is full; returns their names, none where no picture is left
    and no file was written."""
    group = list(islice(pictures, _GROUP))
    if not group:
        return []
    names, size, schema = [], 0, _schema(chosen)
    with (
        fsio.atomic_file(path) as temporary,
        pq.ParquetWriter(
            temporary, schema, compression="zstd",
            use_dictionary=[*_TEXTS], write_statistics=[*_TEXTS],
        ) as writer,
    ):  # fmt: skip
        while group:
            writer.write_table(_table(group, schema), row_group_size=_GROUP)
            names += [f"{photo.id}.png" for photo, _ in group]
            size += sum(len(png) for _, png in group)
            group = list(islice(pictures, _GROUP)) if size <= chosen.shard_bytes else []
    return names


def _schema(chosen: Selection) -> pa.Schema:
    """Columns, and in the metadata what `datasets` makes of them."""
    text = {"dtype": "string", "_type": "Value"}
    number = {"dtype": "int32", "_type": "Value"}
    fields = [("image", _IMAGE), *((name, pa.string()) for name in _TEXTS)]
    features: dict[str, object] = {"image": {"_type": "Image"}, **dict.fromkeys(_TEXTS, text)}
    fields.append(("box", pa.list_(pa.int32())))
    features["box"] = {"feature": number, "_type": "Sequence"}
    if chosen.class_names:
        fields.append(("label", pa.int64()))
        features["label"] = {"names": list(chosen.class_names), "_type": "ClassLabel"}
    about = json.dumps({"info": {"features": features}})
    return pa.schema(fields, metadata={"huggingface": about})


def _table(group: list[tuple[Photo, bytes]], schema: pa.Schema) -> pa.Table:
    rows = [
        {
            **photo.facts(),
            "image": {"bytes": png, "path": f"{photo.id}.png"},
            "label": photo.info.label,
        }
        for photo, png in group
    ]
    return pa.Table.from_pylist(rows, schema=schema)
