"""A dataset folder that a stranger made: every fault is named, nothing outside it is read."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.data import open_dataset, write_dataset
from limbeck.errors import DataError
from limbeck.fsio import sha256_file
from limbeck.records import ImageInfo, Status


@pytest.fixture
def root(tmp_path: Path) -> Path:
    infos = [
        ImageInfo(source=f"{i}.png", id=hashlib.sha256(b"%d" % i).hexdigest()[:16], width=9,
                  height=9, box=(0, 0, 9, 9), status=Status.ACCEPTED, label=0)
        for i in range(4)
    ]  # fmt: skip
    pictures = np.zeros((4, 3, 8, 8), dtype=np.uint8)
    write_dataset(tmp_path / "d", infos, pictures, 8, class_names=("a",), shard_bytes=3 * 192)
    return tmp_path / "d"


def index(root: Path) -> Any:
    return json.loads((root / "index.json").read_text())


def resign(root: Path, **changes: Any) -> None:
    """Make index.json agree with the files, as an attacker would."""
    values = index(root)
    for facts in [values["table"], *values["shards"]]:
        path = root / facts["file"]
        facts.update(bytes=path.stat().st_size, sha256=sha256_file(path))
    (root / "index.json").write_text(json.dumps({**values, **changes}))


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "images-00001.npy", "a\0b", "", 5, None])
def test_an_index_names_its_own_files_only(root: Path, name: object) -> None:
    for change in ("table", "shards"):
        values = index(root)
        (values["table"] if change == "table" else values["shards"][0])["file"] = name
        (root / "index.json").write_text(json.dumps(values))
        with pytest.raises(DataError, match=rf"index\.json.*{change}"):
            open_dataset(root)
        resign_from = index(root)
        resign_from["table"]["file"] = "images.parquet"
        resign_from["shards"][0]["file"] = "images-00000.npy"
        (root / "index.json").write_text(json.dumps(resign_from))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "size"), ({"size": "big"}, "size"), ({"size": 2**40}, "size"),
        ({"counts": []}, "counts"), ({"counts": {"listed": -1}}, "counts"),
        ({"table": None}, "table"), ({"class_names": "a"}, "class_names"),
        ({"shards": {}}, "shards"), ({"shards": [[]]}, r"shards\.0"),
        ({"class_names": [1]}, "class_names"), ({"surprise": 1}, "surprise"),
        ({"class_names": []}, None), ({"shards": []}, "4 and 4, with 0 images"),
        ({"size": 4}, None), ({"size": 16}, r"images-00000\.npy has too few bytes for 3 images"),
    ],
)  # fmt: skip
def test_an_index_of_other_values(root: Path, change: dict[str, Any], message: str | None) -> None:
    (root / "index.json").write_text(json.dumps({**index(root), **change}))
    if message is None:  # well formed: other facts than the pixels', or none about classes
        data = open_dataset(root)
        if "size" in change:
            with pytest.raises(DataError, match="not its index's"):
                data.at(8)
        return
    with pytest.raises(DataError, match=message):
        open_dataset(root)


def edit(root: Path, column: str, row: int, value: object) -> None:
    table = pq.read_table(root / "images.parquet")
    values = table.column(column).to_pylist()
    values[row] = value
    at = table.column_names.index(column)
    changed = table.set_column(at, column, pa.array(values, table.schema.field(column).type))
    pq.write_table(changed, root / "images.parquet")
    resign(root)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("source", "../../x.png", "outside the photos"), ("source", "/etc/x", "outside the photos"),
        ("source", "a.zip!b/../../c", "outside the photos"), ("source", "a\\..\\b", "outside"),
        ("source", "a\0b", "no file name"), ("source", None, "row 1: source"),
        ("status", "lost", "row 1: status"), ("status", "failed", "3 of them accepted"),
        ("reason", "why", "row 1: reason"), ("id", None, "no id"), ("shard", 2, "no image"),
        ("shard", -1, "shard: Input should be"), ("row", 0, "no image"), ("row", 9, "no image"),
        ("label", 1, "label 1 is not among 1"), ("label", None, "label None"),
        ("box", [1, 2, 3], "row 1: box"), ("width", -4, "width: Input should be"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_relied_on(
    root: Path, column: str, value: object, message: str
) -> None:
    edit(root, column, 1, value)
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(root)
    assert "images.parquet" in caught.value.what


def test_an_id_given_twice(root: Path) -> None:
    edit(root, "id", 1, open_dataset(root).ids[0])
    with pytest.raises(DataError, match="given twice"):
        open_dataset(root)


def test_columns_of_another_type(root: Path) -> None:
    table = pq.read_table(root / "images.parquet")
    changed = table.set_column(6, "width", table.column("width").cast(pa.string()))
    pq.write_table(changed, root / "images.parquet")
    resign(root)
    with pytest.raises(DataError, match="column 'width' is string, wanted int32"):
        open_dataset(root)


@pytest.mark.parametrize(
    "header", [b"{'descr': '|O', 'fortran_order': False, 'shape': (3,)}\n", b"(" * 60, b"{1: '\n",
               b"{'descr': '|u1', 'fortran_order': False, 'shape': (3, -3)}\n", b"\xff" * 40]
)  # fmt: skip
def test_pixels_with_a_strange_header(root: Path, header: bytes) -> None:
    path = root / "images-00000.npy"
    path.write_bytes(
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 900
    )
    resign(root)
    with pytest.raises(DataError, match=r"images-00000\.npy"):
        open_dataset(root).at(8)


@pytest.mark.timeout(20)
def test_pipes_and_devices_are_no_files(root: Path) -> None:
    for name in ("images-00000.npy", "images.parquet", "index.json"):
        (root / name).rename(root / "kept")
        os.mkfifo(root / name)
        with pytest.raises(DataError, match=f"{name} is no ordinary file"):
            open_dataset(root)
        (root / name).unlink()
        (root / "kept").rename(root / name)
    open_dataset(root)
