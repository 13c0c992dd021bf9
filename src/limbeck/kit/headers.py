"""The header of a safetensors file, read with suspicion. Needs no torch."""

from pathlib import Path

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.kit.stored import HEADER_BYTES, Place, places


def read_places(path: Path, do: str) -> tuple[dict[str, Place], dict[str, str], int]:
    """Where the tensors of a file lie, its metadata, and where in the file its header ends.

    Args:
        path: the file.
        do: what to do about a bad one.

    Raises:
        DataError: missing, no ordinary file, a header of more than `HEADER_BYTES` or `ENTRIES`, an
            unknown dtype, or tensors that do not fill the file exactly.
    """
    with fsio.open_regular(path) as (file, size):
        length = int.from_bytes(file.read(8), "little")
        if length > min(HEADER_BYTES, size - 8):
            limit = f"{size} bytes in all, the limit is {HEADER_BYTES}"
            raise DataError(f"{path} is damaged: a header of {length} bytes, {limit}", do)
        header = fsio.parse_json(file.read(length), f"{path} is damaged: its header", do)
    try:
        return *places(header, size - 8 - length), 8 + length
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}", do) from None
