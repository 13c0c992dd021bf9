"""Smaller images first: a generator at half the size is several times as fast to train.

What it has learnt goes on: the blocks of both sizes have the same names and shapes, and so do heads
on features of the same side, so only the new block of the whole size begins fresh (docs/log.md,
2026-11-27). Unlike progressive growing (Karras et al. 2018) nothing fades in: the new block adds
to the smaller image from its first step on.
"""

from limbeck.config import Config

SMALLEST = 32
"""Pixels below which nothing grows: 16 px kept few kinds of image (docs/log.md)."""


def half(config: Config) -> Config | None:
    """The training at half the size that comes before `config`'s; None where nothing grows.

    It shows the first `train.grow` of the photos, and may itself begin at half its size. Steps do
    not fall in it, for the training is not at its end.
    """
    size = config.net.size // 2
    if config.train.grow == 0 or size < SMALLEST:
        return None
    return config.replace(
        **{
            "data.size": size, "net.size": size, "train.decay": 0.0,
            "train.kimg": shown_before(config) / 1000,
            "train.grow": config.train.grow if size // 2 >= SMALLEST else 0.0,
        }
    )  # fmt: skip


def shown_before(config: Config) -> int:
    """Photos that are shown at half the size first: whole batches."""
    batch = config.train.batch
    return max(round(config.train.grow * config.train.kimg * 1000 / batch), 1) * batch
