"""Messages and progress for people, on stderr; results for programs on stdout are the command
line's alone.

A message is plain text (`say`, `warn`); whatever a name or a value holds is shown, never acted on.
Long work says what it does (`working`, `track`, `stages`) and is shown by one mechanism.
"""

from limbeck.logs.console import console as console
from limbeck.logs.console import hushed as hushed
from limbeck.logs.console import say as say
from limbeck.logs.console import show as show
from limbeck.logs.console import warn as warn
from limbeck.logs.progress import Task as Task
from limbeck.logs.progress import awake as awake
from limbeck.logs.progress import paused as paused
from limbeck.logs.progress import stages as stages
from limbeck.logs.progress import track as track
from limbeck.logs.progress import working as working
from limbeck.logs.text import bold as bold
from limbeck.logs.text import command as command
from limbeck.logs.text import line as line
from limbeck.logs.text import styled as styled
from limbeck.logs.text import visible as visible
from limbeck.logs.walk import Walk as Walk
from limbeck.logs.walk import duration as duration

__all__ = [
    "Task", "Walk", "awake", "bold", "command", "console", "duration", "hushed", "line",
    "paused", "say", "show", "stages", "styled", "track", "visible", "warn", "working",
]  # fmt: skip
