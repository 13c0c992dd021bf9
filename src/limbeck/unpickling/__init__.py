"""Networks from strangers: pickles whose opcodes are interpreted and whose code never runs.

The front door is lazy, so that the child, which is given the file, starts in a fraction of a second
with the standard library and numpy alone.
"""

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    "read_network_file": "files",
    "inspect_network_file": "files",
    "NetworkFile": "records",
    "NetworkRecord": "records",
    "ModuleRecord": "records",
    "TensorRecord": "records",
}
__all__ = [
    "ModuleRecord", "NetworkFile", "NetworkRecord", "TensorRecord", "inspect_network_file",
    "read_network_file",
]  # fmt: skip

if TYPE_CHECKING:
    from limbeck.unpickling.files import inspect_network_file as inspect_network_file
    from limbeck.unpickling.files import read_network_file as read_network_file
    from limbeck.unpickling.records import ModuleRecord as ModuleRecord
    from limbeck.unpickling.records import NetworkFile as NetworkFile
    from limbeck.unpickling.records import NetworkRecord as NetworkRecord
    from limbeck.unpickling.records import TensorRecord as TensorRecord


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'limbeck.unpickling' has no attribute {name!r}")
    return getattr(importlib.import_module(f"limbeck.unpickling.{_HOME[name]}"), name)
