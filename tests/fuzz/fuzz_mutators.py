"""Ways to spoil a file: bytes of any kind, and the structure of the formats that limbeck reads.

Every mutator is `(data, rng) -> data`, a pure function of its arguments.
"""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Mutator = Callable[[bytes, Random], bytes]

_RAW = "\ue000raw{}\ue001"  # stands for text that json.dumps would not write
_RAWS = [
    "9" * 5000,
    "-1e999",
    "NaN",
    "Infinity",
    "[" * 2000 + "]" * 2000,
    '{"a":' * 100 + "1" + "}" * 100,
]
_VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 3_000_000, 2**31, 2**53, 2**63, 10**19, -(2**63), 1e308, -0.5,
    1e-320, "", "x", "\0", "../x", "/etc/passwd", "C:\\x", "nets-9", "\ud800", "\u202e\x1b[31m",
    "a" * 10_000, [], {}, [[]], [None], {"a": 1}, ["../x"], [0] * 1000,
]  # fmt: skip
_NUMBERS = [0, 1, -1, 127, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1]


def _place(data: bytes, rng: Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 2, 4, 8, 16, 64, 512)))


def flip(data: bytes, rng: Random) -> bytes:
    """A few bits."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8)) if data else 0):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flip_end(data: bytes, rng: Random) -> bytes:
    """A few bits of the last kilobyte, where parquet and zip describe themselves."""
    cut = max(0, len(data) - rng.choice((32, 256, 1024)))
    return data[:cut] + flip(data[cut:], rng)


def flip_begin(data: bytes, rng: Random) -> bytes:
    """A few bits of the first bytes, where most formats describe themselves."""
    cut = rng.choice((8, 32, 256))
    return flip(data[:cut], rng) + data[cut:]


def truncate(data: bytes, rng: Random) -> bytes:
    """The beginning only, or the end only."""
    at = rng.randrange(len(data) + 1)
    return data[:at] if rng.random() < 0.8 else data[at:]


def remove(data: bytes, rng: Random) -> bytes:
    """Without a stretch."""
    start, end = _place(data, rng)
    return data[:start] + data[end:]


def repeat(data: bytes, rng: Random) -> bytes:
    """A stretch many times."""
    start, end = _place(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 2, 100)) + data[end:]


def splice(data: bytes, rng: Random) -> bytes:
    """A stretch of itself somewhere else."""
    start, end = _place(data, rng)
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[start:end] + data[at + rng.choice((0, end - start)) :]


def number(data: bytes, rng: Random) -> bytes:
    """A telling number in place of some bytes."""
    code = rng.choice(("<q", ">q", "<i", "<h", "<b"))
    size = struct.calcsize(code)
    value = rng.choice(_NUMBERS) & (2 ** (8 * size) - 1)
    packed = value.to_bytes(size, "little" if code[0] == "<" else "big")
    at = rng.randrange(len(data) + 1)
    return data[:at] + packed + data[at + size :]


def junk(data: bytes, rng: Random) -> bytes:
    """Random bytes in place of some, or of all."""
    start, end = _place(data, rng) if rng.random() < 0.95 else (0, len(data))
    return data[:start] + rng.randbytes(end - start) + data[end:]


def encode(data: bytes, rng: Random) -> bytes:
    """Text in another encoding."""
    text = data.decode("utf-8", "replace") + rng.choice(("", "é", "\u2028", "\0"))
    name = rng.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "cp037", "utf-7"))
    return text.encode(name, "replace")


BYTES: list[Mutator] = [flip, flip, truncate, remove, repeat, splice, number, junk]


def _walk(value: Any, found: list[tuple[Any, Any]]) -> None:
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            _walk(value[key], found)


def change(value: Any, rng: Random) -> Any:
    """A JSON value with one place replaced, removed, renamed, added or doubled."""
    places: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        _walk(value, places)
    if not places or rng.random() < 0.02:
        return _odd(rng)
    node, key = rng.choice(places)
    way = rng.randrange(6)
    if way <= 2:
        node[key] = _odd(rng)
    elif way == 3:
        del node[key]
    elif way == 4 and isinstance(node, dict):
        node[str(rng.choice(("x", "\0", "__class__", "a" * 300)))] = node[key]
    elif isinstance(node[key], list):
        node[key] *= rng.choice((2, 1000))
    elif isinstance(node[key], int | float):
        node[key] = node[key] * rng.choice((-1, 2, 1000, 1e300)) + rng.choice((0, 1, -1))
    else:
        node[key] = [node[key]]
    return value


def _odd(rng: Random) -> Any:
    if rng.random() < 0.15:
        return _RAW.format(rng.randrange(len(_RAWS)))
    value = rng.choice(_VALUES)
    return json.loads(json.dumps(value)) if isinstance(value, dict | list) else value


def dump(value: Any) -> bytes:
    """JSON text; what stands for raw text becomes it."""
    text = json.dumps(value)
    for index, raw in enumerate(_RAWS):
        text = text.replace(json.dumps(_RAW.format(index)), raw)
    return text.encode()


def edit_json(data: bytes, rng: Random) -> bytes:
    """A document with one to three changes."""
    value = json.loads(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = change(value, rng)
    return dump(value)


def edit_line(data: bytes, rng: Random) -> bytes:
    """JSON lines with one line changed, or lost, or twice."""
    lines = data.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    lines[at : at + 1] = rng.choice(
        ([edit_json(lines[at], rng) + b"\n"], [], [lines[at]] * 3, [lines[at].rstrip()], [b"\n"])
    )
    return b"".join(lines)


def edit_csv(data: bytes, rng: Random) -> bytes:
    """A CSV with odd fields, quotes, separators and ends of lines."""
    rows = [line.split(",") for line in data.decode().splitlines()]
    row = rng.choice(rows)
    odd = (
        "",
        '"',
        '""',
        '"a',
        "a,b",
        "\r",
        "\0",
        "\n",
        ";",
        "é",
        "=1+1",
        "a" * 200_000,
        "nan",
        "1e9",
    )
    row[rng.randrange(len(row))] = rng.choice(odd)
    if rng.random() < 0.2:
        row.append("more")
    return rng.choice(("\n", "\r\n", "\r")).join(",".join(row) for row in rows).encode()


def edit_header(data: bytes, rng: Random) -> bytes:
    """A safetensors file whose header is another; its length fits, mostly."""
    length = int.from_bytes(data[:8], "little")
    header, rest = data[8 : 8 + length], data[8 + length :]
    if rng.random() < 0.15:
        length = rng.choice(
            (0, length - 1, length + 1, len(data), 2**20 + 1, 2**32, 2**63, 2**64 - 1)
        )
        return length.to_bytes(8, "little") + header + rest
    value = json.loads(header)
    if rng.random() < 0.5:
        name = rng.choice([key for key in value if key != "__metadata__"])
        value[name] = change(value[name], rng)
        header = dump(value)
    else:
        header = edit_json(header, rng)
    return len(header).to_bytes(8, "little") + header + rest


def edit_values(data: bytes, rng: Random) -> bytes:
    """A safetensors file with odd numbers: NaN, infinity, negative, zero."""
    length = 8 + int.from_bytes(data[:8], "little")
    odd = rng.choice((float("nan"), float("inf"), -1.0, 0.0, 3e38))
    at = length + 4 * rng.randrange(max((len(data) - length) // 4, 1))
    return data[:at] + struct.pack("<f", odd) + data[at + 4 :]


_KINDS: dict[pa.DataType, Any] = {
    pa.int64(): 1, pa.int8(): 1, pa.float32(): 0.5, pa.string(): "a", pa.large_string(): "a",
    pa.binary(): b"\xff", pa.bool_(): True, pa.timestamp("s"): 1, pa.null(): None,
    pa.list_(pa.int64()): [1] * 9,
}  # fmt: skip


def _column(table: pa.Table, at: int, rng: Random) -> pa.Array:
    rows, column = len(table), table.column(at)
    values = column.to_pylist()
    odd: list[Any] = [
        None,
        0,
        -1,
        2**31 - 1,
        float("nan"),
        float("inf"),
        "",
        "x" * 1000,
        "\0",
        "../x",
        True,
    ]
    if rng.random() < 0.5 and rows:
        kinds = [v for v in odd if values[0] is None or type(v) is type(values[0]) or v is None]
        values[rng.randrange(rows)] = rng.choice(kinds)
        return pa.array(values, column.type)
    kind = rng.choice(list(_KINDS))
    whole = _KINDS[kind]
    return pa.array([whole] * rows, kind)


def edit_table(data: bytes, rng: Random) -> bytes:
    """A parquet file with a column of another kind, name, or place, or other rows."""
    table = pq.read_table(io.BytesIO(data))
    at = rng.randrange(table.num_columns)
    way = rng.randrange(6)
    if way <= 1:
        column = _column(table, at, rng)
        table = table.set_column(at, table.column_names[at], column)
    elif way == 2:
        table = table.remove_column(at)
    elif way == 3:
        names = list(table.column_names)
        names[at] = rng.choice(("x", "", "a.b", names[0], "\0", "id"))
        table = table.rename_columns(names)
    elif way == 4:
        table = table.slice(rng.randrange(len(table) + 1))
    else:
        table = pa.concat_tables([table] * rng.choice((2, 50)))
    out = io.BytesIO()
    pq.write_table(table, out, compression=rng.choice(("zstd", "snappy", "none")),
                   use_dictionary=rng.random() < 0.5, version=rng.choice(("1.0", "2.6")),
                   data_page_version=rng.choice(("1.0", "2.0")))  # fmt: skip
    return out.getvalue()


def edit_zip(data: bytes, rng: Random) -> bytes:
    """An archive with another method, odd names, and members that unfold a thousandfold."""
    out = io.BytesIO()
    method = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", method) as new:
        for member in old.infolist():
            name, content = member.filename, old.read(member)
            if rng.random() < 0.3:
                name = rng.choice(
                    ("../x", "/x", "a\\..\\b", "x" * 300, "é", name.upper(), "a/" + name)
                )
            if rng.random() < 0.2:
                content = content * rng.choice((0, 2)) + b"\0" * rng.choice((0, 2**20))
            new.writestr(name, content)
    return out.getvalue() if rng.random() < 0.5 else flip_end(out.getvalue(), rng)


JSON: list[Mutator] = [edit_json, edit_json, edit_json, edit_json, encode, *BYTES[1:]]
LINES: list[Mutator] = [edit_line, edit_line, edit_line, edit_line, encode, *BYTES[1:]]
CSV: list[Mutator] = [edit_csv, edit_csv, edit_csv, encode, *BYTES[1:]]
TENSORS: list[Mutator] = [edit_header, edit_header, edit_header, edit_values, flip_begin, *BYTES]
TABLES: list[Mutator] = [edit_table, edit_table, flip_end, flip_end, flip_begin, number, *BYTES]
ZIPS: list[Mutator] = [edit_zip, edit_zip, flip_end, flip_end, flip_begin, *BYTES]
