"""The C library's allocator, told to keep what training gives back."""

import ctypes
import sys
from functools import cache

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # malloc.h
_MOST = 2**31 - 1


@cache
def keep_memory() -> bool:
    """Make glibc keep and reuse big blocks of memory, for this process, from now on.

    Without it every large tensor is mapped from and given back to the system, page by page, at each
    operator. Called when training begins on a CPU. Does nothing without glibc.

    Returns:
        Whether it took effect.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = {_MMAP_THRESHOLD: _MOST, _TRIM_THRESHOLD: _MOST, _TOP_PAD: 2**28}
    taken = [int(mallopt(name, value)) for name, value in settings.items()]
    return sum(taken) == len(taken)
