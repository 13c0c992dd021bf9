"""The model folder: a generator, its encoder and its modes, as anybody can load them safely."""

from limbeck.model.pipeline import Pipeline as Pipeline

__all__ = ["Pipeline"]
