"""Too little memory is no fault of a photo: it ends the command, it never rejects a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limbeck import logs
from limbeck.errors import LimbeckError


def out_of_memory(source: str) -> LimbeckError:
    """The error that ends the command."""
    return LimbeckError(
        f"not enough memory to read {logs.visible(source)}; nothing is wrong with it, and no "
        "dataset was written",
        "give limbeck more memory (ulimit -v, the container's limit), or let it read fewer photos "
        "at once: taskset -c 0 limbeck ...",
    )


@contextmanager
def memory_errors(source: Path) -> Iterator[None]:
    """Memory that ran out anywhere is an error a person can act on."""
    try:
        yield
    except MemoryError as error:
        raise out_of_memory(str(source)) from error
    except RuntimeError as error:
        if "new thread" not in str(error):
            raise
        raise out_of_memory(str(source)) from error
