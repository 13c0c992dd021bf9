"""Which of the two stores a dataset gets where nobody says."""

from limbeck.kit.memory import whole_memory
from limbeck.records import StoreKind

RAW_SHARE = 0.5
"""Raw squares are fast while the system keeps them in memory, beside everything else."""
RAW_BYTES = 64 * 2**30


def choose_store(asked: str, images: int, side: int) -> tuple[StoreKind, str]:
    """The store for so many squares, and why, in words.

    Args:
        asked: raw, shards, or auto: shards where raw pixels take more than half of the memory that
            this process may have, or more than 64 GiB.
        images: at most so many squares.
        side: of a square, pixels.
    """
    if asked != "auto":
        return StoreKind(asked), "as asked for"
    raw = images * 3 * side**2
    memory = whole_memory()
    share = RAW_BYTES if memory is None else int(RAW_SHARE * memory)
    limit = min(share, RAW_BYTES)
    half = f"half of the memory here, {_size(share)}"
    what = half if limit == share and memory is not None else _size(RAW_BYTES)
    if raw > limit:
        return StoreKind.SHARDS, f"raw pixels would take up to {_size(raw)}, more than {what}"
    return StoreKind.RAW, f"raw pixels take up to {_size(raw)}, no more than {what}"


def _size(count: int) -> str:
    """Bytes in words."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count / 2**10:.3g} KiB"
