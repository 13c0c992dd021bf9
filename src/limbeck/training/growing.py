"""Networks that grow: layout is learned at small sizes, where a step costs little.

Progressive growing (Karras et al. 2018, arXiv 1710.10196) without its fading: each size is a
training of its own, and the next one takes over what has the same name and shape. With G's `skip`
architecture that is all of G but its new block, whose RGB layer begins small (`net.rgb_scale`).
"""

from collections.abc import Callable
from pathlib import Path

from limbeck import logs, rundir
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.records import TrainSummary

FIRST_SIZE = 16  # of networks that grow


def grown_sizes(config: Config) -> list[int]:
    """The smaller sizes that networks are trained at before they are `config`'s."""
    if not config.train.grow_kimg or config.train.init_from:
        return []
    return [2**i for i in range(4, config.net.size.bit_length() - 1)]


def smaller(config: Config, size: int) -> Config:
    """The training at a smaller size: the same widths, what the trunk sees in proportion, and
    neither encoder nor decay."""
    kimg, net = config.train.grow_kimg, config.net
    seen = max(net.d_feature_side * size // net.size // 32, 1) * 32
    changes: dict[str, object] = {
        "net.size": size, "data.size": size, "net.d_feature_side": seen,
        "train.grow_kimg": 0.0, "train.kimg": kimg, "train.snapshot_kimg": kimg,
        "train.encoder": False, "train.decay": 0.0, "train.quality_images": 0,
    }  # fmt: skip
    return config.replace(**changes)


def grow(
    dataset: Dataset, config: Config, out: Path, train: Callable[..., TrainSummary]
) -> tuple[Path | None, float]:
    """Train smaller networks, each from the one before, in OUT/grown-SIZE.

    Args:
        dataset: photos.
        config: of the networks in the end.
        out: the training's folder.
        train: `limbeck.training.train`.

    Returns:
        The folder of the last, None where nothing grows; and all seconds.
    """
    begin, seconds = None, 0.0
    for size in grown_sizes(config):
        folder = out / f"grown-{size}"
        done = rundir.read_done(folder) if folder.exists() else None
        if done is None:
            logs.say(f"growing: first at {size} px")
            train(dataset, smaller(config, size), folder, begin=begin)
            done = rundir.read_done(folder)
            assert done is not None, "train() writes done.json before it returns"
        begin, seconds = folder, seconds + float(done.summary["seconds"])
    return begin, seconds
