"""The model folder: a generator, its encoder and its modes, as anybody can load them safely."""

from limbeck.model.folder import read_config as read_config
from limbeck.model.pipeline import Pipeline as Pipeline
from limbeck.model.sampling import parse_seeds as parse_seeds
from limbeck.model.sampling import sample as sample
from limbeck.model.sampling import write_samples as write_samples

__all__ = [
    "Pipeline",
    "parse_seeds",
    "read_config",
    "sample",
    "write_samples",
]
