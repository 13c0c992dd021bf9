"""The C library's allocator: keep what is given back, or give it back to the system at once."""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # malloc.h
_MOST = 2**31 - 1
_LARGE = 2**21  # bytes; by default glibc keeps ever larger blocks, up to 32 MiB


def keep_memory() -> bool:
    """Make glibc keep and reuse big blocks of memory, for this process, from now on.

    Without it every large tensor is mapped from and given back to the system, page by page, at each
    operator. Called when training begins on a CPU. Does nothing without glibc.

    Returns:
        Whether it took effect.
    """
    return _told({_MMAP_THRESHOLD: _MOST, _TRIM_THRESHOLD: _MOST, _TOP_PAD: 2**28})


def spare_memory() -> bool:
    """Make glibc give blocks of more than 2 MiB back as soon as they are free, for this process.

    For what is done once and is large. It costs some time of the system, and saves what lies idle
    between the blocks in use. Does nothing without glibc.

    Returns:
        Whether it took effect.
    """
    return _told({_MMAP_THRESHOLD: _LARGE, _TRIM_THRESHOLD: _LARGE, _TOP_PAD: 0})


def _told(settings: dict[int, int]) -> bool:
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    taken = [int(mallopt(name, value)) for name, value in settings.items()]
    return sum(taken) == len(taken)
