"""Files that somebody else may have written, read with suspicion: ordinary, small, well formed.

Whatever is wrong with a file, its reader raises a `DataError` that names it; it never waits, and a
small file never takes much memory.
"""

import json
import math
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from limbeck.errors import DataError, LimbeckError

# Caps on what is read. The largest documents that limbeck writes take well under 1 MB, the longest
# training's statistics about 10 MB; as Python values text takes up to 25 times its size.
JSON_BYTES = 16 * 2**20
LINES_BYTES = 32 * 2**20
_DEPTH = 64  # of lists and objects; limbeck's own files have 6
_DIGITS = 20  # of an integer: 64 bits
_FAULTS = 4  # named in one message
_WORDS = 300  # letters of one fault

_NO_MEMORY = ("os error 12", "allocate memory", "Unable to allocate")
_NODES = (dict, list)
_Model = TypeVar("_Model", bound=BaseModel)


@contextmanager
def open_regular(path: Path, most: int | None = None) -> Iterator[tuple[BinaryIO, int]]:
    """An ordinary file, open for reading, and its size; never waits for a pipe or a device.

    Args:
        path: links are followed.
        most: bytes that it may have.

    Raises:
        DataError: missing, no ordinary file, larger than `most`, or it cannot be read.
    """
    with _opened(path) as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise DataError(f"{path} is no ordinary file", _ITSELF)
        if most is not None and facts.st_size > most:
            raise DataError(
                f"{path} has {facts.st_size} bytes, the limit is {most}",
                "limbeck writes no such file; fetch or make it again",
            )
        try:
            yield file, facts.st_size
        except OSError as error:
            raise _unreadable(path, error) from error


def _opened(path: Path) -> BinaryIO:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist", "check the folder's name") from None
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:  # a zero byte in the name
        raise DataError(f"{str(path)!r} is no file name: {error}", "check the name") from None
    try:
        return open(descriptor, "rb")
    except IsADirectoryError:
        os.close(descriptor)
        raise DataError(f"{path} is no ordinary file", _ITSELF) from None


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{path} cannot be read: {error.strerror or error}",
        "check the disk and the file's permissions",
    )


_ITSELF = "put the file itself there"


def read_bytes(path: Path, most: int) -> bytes:
    """The bytes of an ordinary file of at most `most` bytes.

    Raises:
        DataError: as `open_regular`.
    """
    with open_regular(path, most) as (file, size):
        return file.read(size)  # not beyond: what claims to be empty (in /proc) might never end


def read_text(path: Path, most: int) -> str:
    """UTF-8 text of at most `most` bytes, with or without a byte order mark.

    Raises:
        DataError: as `open_regular`, or it is not UTF-8.
    """
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}", "save it as UTF-8") from None


def parse_json(
    data: bytes, where: str, do: str = "move it away and run the same command again"
) -> Any:
    """A JSON document out of UTF-8 bytes.

    Args:
        data: the bytes.
        where: names them in errors.
        do: what to do about a bad one.

    Raises:
        DataError: not JSON, nested deeper than 64 levels, a number that is not finite or has more
            than 20 digits, or half a surrogate pair in a text.
    """
    try:
        value = json.loads(
            data.decode("utf-8"), parse_int=_integer, parse_float=_finite, parse_constant=_finite
        )
        if b"\\ud" in data or b"\\uD" in data:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError, MemoryError) as error:
        raise misread(error, f"{where} is not JSON", do) from None
    if _deeper(value, _DEPTH):
        raise DataError(f"{where} is not JSON of ours: more than {_DEPTH} levels deep", do)
    return value


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:_DIGITS]} is not finite")
    return value


def _deeper(value: Any, levels: int) -> bool:
    level = [value] if isinstance(value, _NODES) else []
    for _ in range(levels):
        inner = (node.values() if isinstance(node, dict) else node for node in level)
        level = [value for values in inner for value in values if isinstance(value, _NODES)]
        if not level:
            return False
    return True


def read_json(path: Path, most: int = JSON_BYTES) -> Any:
    """Read a JSON document.

    Raises:
        DataError: the file is missing, is no ordinary file, is too large or is not JSON (as
            `parse_json`).
    """
    return parse_json(read_bytes(path, most), str(path))


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON document that is an object.

    Raises:
        DataError: as `read_json`, or it is none.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise DataError(
            f"{path} holds no JSON object", "move it away and run the same command again"
        )
    return value


def read_record(
    path: Path, kind: type[_Model], do: str = "move it away and run the same command again"
) -> _Model:
    """Read a JSON document as a record.

    Raises:
        DataError: as `read_json`, or names the fields at fault.
    """
    return as_record(read_json(path), kind, str(path), do)


def as_record(values: Any, kind: type[_Model], where: str, do: str) -> _Model:
    """Plain values as a record.

    Args:
        values: what a file held.
        kind: the record.
        where: names the file, and the place in it, in errors.
        do: what to do about a bad one.

    Raises:
        DataError: names the fields at fault.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise DataError(f"{where}: {_faults(error)}", do) from None


def _faults(error: ValidationError) -> str:
    """The first few fields at fault and what is wrong with them, on one line."""
    count = error.error_count()
    if count > 1000:  # listing them would take more memory than the file
        return f"{count} fields are wrong"
    told = [
        f"{'.'.join(map(str, fault['loc'])) or 'value'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    more = f" and {count - _FAULTS} more" if count > _FAULTS else ""
    return "; ".join(plain(text) for text in told[:_FAULTS]) + more


def misread(error: Exception, what: str, do: str) -> LimbeckError:
    """What to raise where a library failed on a file: it is damaged, unless memory ran out.

    Args:
        error: the library's.
        what: what is said of a damaged file; begins with its name.
        do: what to do about it.
    """
    reason = plain(str(error)) or type(error).__name__
    if isinstance(error, MemoryError) or any(sign in reason for sign in _NO_MEMORY):
        return LimbeckError(
            f"{what}: there is not enough memory ({reason})",
            "the file may be sound: free some memory and run again",
        )
    return DataError(f"{what}: {reason}", do)


def plain(text: str) -> str:
    """Text out of a file, fit for a message: one short line without control characters."""
    short = text[:_WORDS]
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in short)


def read_jsonl(path: Path, numbers: Collection[str] = ()) -> list[dict[str, Any]]:
    """Read JSON lines; a torn last line (killed while appending) is ignored.

    Args:
        path: the file; one that does not exist has no rows.
        numbers: fields that every row must have, each a number.

    Raises:
        DataError: no ordinary file, too large, a line that is no JSON object, or one without such a
            field.
    """
    if not os.path.lexists(path):
        return []
    rows: list[dict[str, Any]] = []
    lines = read_bytes(path, LINES_BYTES).splitlines()
    for number, line in enumerate(lines, 1):
        try:
            row = parse_json(line, f"{path}:{number}", "remove the line")
        except DataError:
            if number < len(lines):
                raise
            continue
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number} is no JSON object", "remove the line")
        for name in numbers:
            if not isinstance(row.get(name), int | float) or isinstance(row[name], bool):
                raise DataError(f"{path}:{number}: {name!r} is no number", "remove the line")
        rows.append(row)
    return rows
