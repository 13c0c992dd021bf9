"""The chain of stages and the one command that walks it."""

from limbeck.chain.request import Change, Group, Request, changes, settled, stored_request
from limbeck.chain.running import (
    Consequences,
    StageState,
    consequences,
    plan,
    plan_request,
    refusal,
    run,
    status,
)
from limbeck.chain.stages import score_photos

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
    "score_photos",
    "settled",
    "status",
    "stored_request",
]
