"""The chain of stages and the one command that walks it."""

from limbeck.pipeline.request import Change, Group, Request, changes, settled, stored_request
from limbeck.pipeline.running import (
    Consequences,
    StageState,
    consequences,
    plan,
    plan_request,
    refusal,
    run,
    status,
)

__all__ = [
    "Change",
    "Consequences",
    "Group",
    "Request",
    "StageState",
    "changes",
    "consequences",
    "plan",
    "plan_request",
    "refusal",
    "run",
    "settled",
    "status",
    "stored_request",
]
