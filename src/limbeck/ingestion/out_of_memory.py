"""Too little memory is no fault of a photo: it ends the command, it never rejects a file."""

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
