"""Presets: functions from a size to a whole configuration."""

from collections.abc import Callable

from limbeck.config import (
    Config,
    DataConfig,
    ModesConfig,
    NetConfig,
    SampleConfig,
    ScoreConfig,
    TrainConfig,
)
from limbeck.errors import UsageError
from limbeck.processes import ranks


def smoke(size: int = 16) -> Config:
    """Seconds on a CPU; for tests of the machinery only."""
    return Config(
        preset="smoke",
        data=DataConfig(size=size),
        net=NetConfig(
            size=size, channel_base=128, channel_max=16, z_dim=16, w_dim=16, mapping_layers=2
        ),
        train=TrainConfig(
            kimg=0.256, batch=8, ema_kimg=0.05, ema_rampup=None, encoder_start_kimg=0.0,
            ada_kimg=1.0, tick_kimg=0.064, snapshot_kimg=0.128,
        ),
        score=ScoreConfig(generated=64),
        modes=ModesConfig(samples=256, clusters=4, exemplars=4),
        sample=SampleConfig(seeds=8),
    )  # fmt: skip


def _projected(kimg: float, **changes: object) -> TrainConfig:
    """What every quick training shares: a projected discriminator's settings (docs/log.md).

    Batches of 8, for steps count more than photos; Adam at 0.0025 for G and a fifth of that for
    the heads; shifts and mirror as augmentation; neither noise, style mixing nor path lengths,
    which cost time and pay off later; an encoder that never sees a photo, so that it cannot learn
    outliers. The average is short, for G moves fast, and steps do not fall at the end of so short a
    training (docs/log.md, 2026-11-27).
    """
    values: dict[str, object] = {
        "kimg": kimg, "batch": 8, "lr": 0.0025, "d_lr_ratio": 0.2, "augment": "diff",
        "pl_weight": 0.0, "style_mixing": 0.0, "noise": "none", "reconstruct": "fake",
        "encoder_lr_ratio": 1.0, "encoder_every": 4, "encoder_start_kimg": 0.5,
        "ema_kimg": 2.0, "tick_kimg": 1.0, "snapshot_kimg": 10.0, **changes,
    }  # fmt: skip
    return TrainConfig.model_validate(values)


def _heads(size: int, seen: int, **shapes: float) -> NetConfig:
    """Shapes of a quick training: the trunk sees about `seen` pixels, one more head the image."""
    values: dict[str, object] = {
        "size": size, "mapping_layers": 2, "d_architecture": "projected",
        "d_feature_side": min(max(seen // 32, 1) * 32, 512), "d_pixels": True, "rgb_scale": 0.2,
        "mbstd_group": 8, **shapes,
    }  # fmt: skip
    return NetConfig.model_validate(values)


def tiny(size: int = 32) -> Config:
    """Narrow networks for two CPU cores: dogs' heads after 30 kimg, 20 minutes of one AVX2 core.

    The second training goes on from the first one's networks (docs/log.md, 2026-11-27).
    """
    return Config(
        preset="tiny",
        data=DataConfig(size=size),
        net=_heads(size, 2 * size, channel_base=32 * size, channel_max=128, z_dim=128, w_dim=128),
        train=_projected(60),
        kept_from="raw",
        modes=ModesConfig(samples=10_000, clusters=16),
    )


def small(size: int = 64) -> Config:
    """64 px: dogs that one recognises after 105 kimg, 100 minutes of one AVX2 core.

    The first 60 kimg are shown at 32 px (docs/log.md, 2026-11-27: measured as two trainings, one
    after the other; 48 and 32 kimg in one go were too few).
    """
    return Config(
        preset="small",
        data=DataConfig(size=size),
        net=_heads(
            size, size, channel_base=16 * size, channel_max=128, z_dim=128, w_dim=128
        ),
        train=_projected(105, grow=0.57),
        kept_from="raw",
        modes=ModesConfig(samples=20_000, clusters=32),
    )  # fmt: skip


def medium(size: int = 64) -> Config:
    """64 px for minutes of a GPU: dogs in four minutes of an H100, on kept photos in two
    more (docs/log.md, 2026-11-27).

    The first training's steps do not fall: they do in the second, which goes on from it. A training
    that stands alone wants `train.decay=0.3`.
    """
    return _wide("medium", size, kimg=480, kept_kimg=240, snapshot_kimg=80)


def base(size: int = 128) -> Config:
    """128 px for hours of a GPU. Settings of `medium`; no training this long was measured."""
    return _wide("base", size, kimg=5000, snapshot_kimg=250, decay=0.3)


def large(size: int = 256) -> Config:
    """256 px for a night of a GPU. Settings of `medium`; none this long was measured."""
    return _wide("large", size, kimg=10_000, snapshot_kimg=500, decay=0.3)


def _wide(
    name: str, size: int, kimg: float, *, kept_kimg: float | None = None, **changes: object
) -> Config:
    """Shapes and settings for a GPU.

    Batches of 32, for its steps take little longer than those of 8; a mapping that learns ten times
    as fast as StyleGAN2's, whose rate is for 25,000 kimg.
    """
    return Config(
        preset=name,
        data=DataConfig(size=size),
        net=_heads(
            size, max(size, 128), channel_base=128 * size, channel_max=256 if size <= 64 else 512,
            z_dim=256, w_dim=256, mapping_lr=0.1,
        ),
        train=_projected(
            kimg, batch=32, ema_kimg=10.0, encoder_every=8, tick_kimg=size / 16, **changes
        ),
        kept_kimg=kept_kimg,
        kept_from="raw",
        modes=ModesConfig(samples=60_000, clusters=64),
    )  # fmt: skip


def suggested(device: str, seconds: float | None = None) -> tuple[str, str]:
    """A preset for somebody who names none, and why, as a sentence's end.

    Args:
        device: kind of torch device that will train: cpu, cuda or mps.
        seconds: time budget of the whole command, if any.
    """
    hours = None if seconds is None else seconds / 3600
    if device == "cpu":
        if hours is not None and hours >= 2:
            return "small", "64 px, for there is no GPU but two hours or more"
        return "tiny", "32 px, for there is no GPU"
    if hours is None or hours < 3:
        return "medium", "64 px, minutes on a GPU"
    if hours < 10:
        return "base", "128 px, for there is a GPU and three hours or more"
    return "large", "256 px, for there is a GPU and ten hours or more"


def auto(size: int = 256) -> Config:
    """What stylegan2-ada calls `auto`: batch and width follow from the size and from how many
    processes torchrun started (one without it)."""
    count = ranks()
    batch = max(min(count * min(4096 // size, 32), 64), count, 4)
    return Config(
        preset="auto",
        data=DataConfig(size=size),
        net=NetConfig(
            size=size, channel_base=32768 if size >= 512 else 16384, mapping_layers=2,
            mbstd_group=min(batch // count, 4),
        ),
        train=TrainConfig(
            batch=batch, lr=0.002 if size >= 1024 else 0.0025, ema_kimg=batch * 10 / 32,
            rec_measure="lpips-vgg16",
        ),
    )  # fmt: skip


def paper256(size: int = 256) -> Config:
    """The published recipe at 256 px: batch 64, width 0.5, gamma 1, mapping 8."""
    return Config(
        preset="paper256",
        data=DataConfig(size=size),
        net=NetConfig(size=size, channel_base=16384, mbstd_group=8, mapping_layers=8),
        train=TrainConfig(
            batch=64, gamma=1.0, ema_kimg=20.0, ema_rampup=None, rec_measure="lpips-vgg16"
        ),
    )


def paper512(size: int = 512) -> Config:
    """The published recipe at 512 px: batch 64, width 1, gamma 0.5."""
    return Config(
        preset="paper512",
        data=DataConfig(size=size),
        net=NetConfig(size=size, mbstd_group=8, mapping_layers=8),
        train=TrainConfig(
            batch=64, gamma=0.5, ema_kimg=20.0, ema_rampup=None, rec_measure="lpips-vgg16"
        ),
    )


def paper1024(size: int = 1024) -> Config:
    """The published recipe at 1024 px: batch 32, width 1, gamma 2, step 0.002."""
    return Config(
        preset="paper1024",
        data=DataConfig(size=size),
        net=NetConfig(size=size, mbstd_group=4, mapping_layers=8),
        train=TrainConfig(
            batch=32, lr=0.002, gamma=2.0, ema_kimg=10.0, ema_rampup=None,
            rec_measure="lpips-vgg16",
        ),
    )  # fmt: skip


_PRESETS: dict[str, Callable[..., Config]] = {
    "smoke": smoke, "tiny": tiny, "small": small, "medium": medium, "base": base, "large": large,
    "auto": auto, "paper256": paper256, "paper512": paper512, "paper1024": paper1024,
}  # fmt: skip


def preset_names() -> list[str]:
    """Names that `preset` accepts."""
    return list(_PRESETS)


def preset(name: str, size: int | None = None) -> Config:
    """The configuration called `name`, at its own image size or at `size` pixels.

    Raises:
        UsageError: no such preset, or a size that networks cannot have.
    """
    if name not in _PRESETS:
        raise UsageError(f"no preset {name!r}", f"choose one of {', '.join(preset_names())}")
    try:
        return _PRESETS[name]() if size is None else _PRESETS[name](size)
    except ValueError as error:
        raise UsageError(
            f"preset {name!r} at size {size}: not a network size",
            "use a power of two from 8 to 1024",
        ) from error
