"""Child processes that little is allowed to, for what strangers' files are read with.

The package imports the standard library only, so that a child starts in a fraction of a second.
"""

from limbeck.sandbox.limits import clock as clock
from limbeck.sandbox.limits import limit_process as limit_process
from limbeck.sandbox.limits import say_nothing as say_nothing
from limbeck.sandbox.process import Child as Child
from limbeck.sandbox.process import NotStarted as NotStarted
from limbeck.sandbox.wire import Garbled as Garbled
from limbeck.sandbox.wire import message as message
from limbeck.sandbox.wire import receive as receive
from limbeck.sandbox.wire import send as send

__all__ = [
    "Child", "Garbled", "NotStarted", "clock", "limit_process", "message", "receive", "say_nothing",
    "send",
]  # fmt: skip
