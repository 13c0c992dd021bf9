"""Too little memory is no fault of a photo: it ends the command, it never rejects a file."""

from collections.abc import Callable
from typing import TypeVar

from limbeck import logs
from limbeck.errors import LimbeckError
from limbeck.kit.memory import short_of_memory
from limbeck.records import Reason

T = TypeVar("T")
_MOST = 2 << 30  # no photo that is let in needs so much
_SPARE = 64 << 20
_BYTES_A_PIXEL = 16


class Rejected(Exception):
    """A file that cannot become an image: why, and the decoder's own words."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def sure(attempt: Callable[[], T], pixels: int = 0) -> T:
    """The result of decoding, or a verdict in which lack of memory has no part.

    Decoders call a file damaged when they cannot get memory, each in its own words. So a verdict of
    damage is checked by a second attempt and by asking for as much memory as `pixels` need; what
    still lacks memory where 2 GiB are free asks for more than any photo needs.

    Raises:
        Rejected: the file is at fault.
        MemoryError: the machine is.
    """
    try:
        return attempt()
    except Rejected as why:
        if why.reason not in (Reason.CORRUPT, Reason.UNSUPPORTED):
            raise
    except MemoryError:
        pass
    try:
        return attempt()
    except Rejected as why:
        if short_of_memory(_BYTES_A_PIXEL * pixels + _SPARE):
            raise MemoryError(why.detail) from why
        raise
    except MemoryError:
        if short_of_memory(_MOST):
            raise
        detail = f"it asks for more memory than a photo needs ({_MOST >> 30} GiB)"
        raise Rejected(Reason.TOO_LARGE, detail) from None


def out_of_memory(source: str) -> LimbeckError:
    """The error that ends the command."""
    return LimbeckError(
        f"not enough memory to read {logs.visible(source)}; nothing is wrong with it, and no "
        "dataset was written",
        "give limbeck more memory (ulimit -v, the container's limit), or let it read fewer photos "
        "at once: taskset -c 0 limbeck ...",
    )
