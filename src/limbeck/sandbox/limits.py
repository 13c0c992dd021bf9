"""What a child takes from itself before it reads a stranger's file."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def say_nothing() -> None:
    """Standard input and output lead nowhere: what a library prints is no answer."""
    quiet = os.open(os.devnull, os.O_RDWR)
    for pipe in (0, 1, 2):
        os.dup2(quiet, pipe)


def clock(seconds: float) -> None:
    """End this process after so much processor time; 0 = never. The signal's own action is used,
    so that a decoder that never comes back to Python ends, too."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def limit_process(memory: int | None, *, written: int = 0, opened: bool = True) -> bool:
    """No core, so much written to a file, so much memory; where the system can limit these.

    Args:
        memory: bytes that it may take beside what it takes now; None = as much as there is.
        written: bytes that a file may have after it was written to.
        opened: whether it may open files, and start processes where it is not root's.

    Returns:
        whether `memory` is what limits its memory.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        now = _memory()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
        if not opened:
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        if memory is None or now is None:
            return False
        most = now + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        return True
    return False


def _memory() -> int | None:
    """Bytes of addresses that this process has now; None where the system does not say."""
    import resource

    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return None
