"""What the files of a dataset are called, and the columns of its table."""

import pyarrow as pa

from limbeck.records import Quality

FORMAT = "limbeck-dataset"
FORMAT_VERSION = 1
INDEX = "index.json"
TABLE = "images.parquet"
CROP_SHEET = "crops.jpg"
COPY_SHEET = "copies.jpg"
SHARD_BYTES = 512 * 2**20

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("sha256", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("box", pa.list_(pa.int32())),
        ("upscaled", pa.bool_()),
        ("label", pa.int32()),
        ("licence", pa.string()),
        ("author", pa.string()),
        ("url", pa.string()),
        ("phash", pa.string()),
        ("duplicate_of", pa.string()),
        ("shard", pa.int32()),
        ("row", pa.int32()),
    ]
)

SCORE = "q_"
"""What the columns of `Quality` begin with."""

ADDED = pa.schema(
    [
        *((name, pa.string()) for name in ("crop", "objects", "taken", "camera", "format")),
        ("copies", pa.int32()),
        ("bytes", pa.int64()),
        *((SCORE + name, pa.float32()) for name in Quality.model_fields),
        ("flags", pa.string()),
        *((name, pa.int64()) for name in ("offset", "length", "crc32")),
    ]
)
"""Columns that older tables lack; `objects` is JSON, null where there are none, `flags` are parted
by commas, null for what was not decoded. The last three say where in a tar an encoded image lies;
they are null in a raw store."""
