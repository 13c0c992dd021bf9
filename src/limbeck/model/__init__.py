"""The model folder: a generator, its encoder and its modes, as anybody can load them safely."""

from limbeck.model.card import TAKEN_DOWN as TAKEN_DOWN
from limbeck.model.card import restate_card as restate_card
from limbeck.model.folder import read_config as read_config
from limbeck.model.pipeline import Pipeline as Pipeline
from limbeck.model.sampling import parse_seeds as parse_seeds
from limbeck.model.sampling import sample as sample
from limbeck.model.sampling import write_samples as write_samples

__all__ = [
    "TAKEN_DOWN",
    "Pipeline",
    "parse_seeds",
    "read_config",
    "restate_card",
    "sample",
    "write_samples",
]
