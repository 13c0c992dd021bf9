"""The folders that limbeck writes: whose they are, who is writing, what becomes of what is there.

Nothing of a person's is ever removed, and no work of more than a minute: see `folders`.
"""

from limbeck.artefacts.folders import (
    SUPERSEDED,
    bring_back,
    check_place,
    claim,
    erase_snapshot,
    find_aside,
    fresh,
    holds_work,
    keep_apart,
    move_aside,
    seconds_of,
)
from limbeck.artefacts.lock import Heartbeat, Writer, hold, root_of, writer_of

__all__ = [
    "SUPERSEDED",
    "Heartbeat",
    "Writer",
    "bring_back",
    "check_place",
    "claim",
    "erase_snapshot",
    "find_aside",
    "fresh",
    "hold",
    "holds_work",
    "keep_apart",
    "move_aside",
    "root_of",
    "seconds_of",
    "writer_of",
]
