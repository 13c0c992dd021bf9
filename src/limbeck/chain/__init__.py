"""The chain of stages and the one command that walks it."""

from limbeck.chain.applying import apply_rule, effects_of_rule
from limbeck.chain.encoding import Inverted, encoder_config, train_encoder
from limbeck.chain.marking import stale_by_marks
from limbeck.chain.named_photos import never_read
from limbeck.chain.request import Change, Group, Request, changes, settled, stored_request
from limbeck.chain.running import (
    ABOUT,
    Consequences,
    StageState,
    consequences,
    plan,
    plan_request,
    refusal,
    run,
    status,
)
from limbeck.chain.scoring import parts_by_ray, score_by_ray, score_photos, score_shard
from limbeck.chain.takedown import Part, TakingDown, plan_takedown, take_down

__all__ = [
    "ABOUT",
    "Change",
    "Consequences",
    "Group",
    "Inverted",
    "Part",
    "Request",
    "StageState",
    "TakingDown",
    "apply_rule",
    "changes",
    "consequences",
    "effects_of_rule",
    "encoder_config",
    "never_read",
    "parts_by_ray",
    "plan",
    "plan_request",
    "plan_takedown",
    "refusal",
    "run",
    "score_by_ray",
    "score_photos",
    "score_shard",
    "settled",
    "stale_by_marks",
    "status",
    "stored_request",
    "take_down",
    "train_encoder",
]
