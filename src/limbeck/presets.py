"""Presets: functions from a size to a whole configuration (METHOD section 3)."""

from collections.abc import Callable

from limbeck import logs
from limbeck.config import Config, DataConfig, ModesConfig, NetConfig, SampleConfig, TrainConfig
from limbeck.errors import UsageError


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
        modes=ModesConfig(samples=256, clusters=4, exemplars=4, map_samples=64),
        sample=SampleConfig(seeds=8),
    )  # fmt: skip


def tiny(size: int = 32) -> Config:
    """Narrow networks for two CPU cores: about 100 images a second at 32 px.

    Made for a few thousand steps: small batches, a firm R1, no noise, path length or style mixing,
    and an encoder as fast as the generator that never sees a photo (docs/log.md, 2026-11-22).
    """
    return Config(
        preset="tiny",
        data=DataConfig(size=size),
        net=NetConfig(
            size=size, channel_base=32 * size, channel_max=128, z_dim=128, w_dim=128,
            mapping_layers=2,
        ),
        train=TrainConfig(
            kimg=150, batch=16, lr=0.0035, gamma=0.3, pl_weight=0.0, style_mixing=0.0,
            noise="none", ema_kimg=5.0, reconstruct="fake", encoder_lr_ratio=1.0,
            encoder_start_kimg=0.5, ada_kimg=100.0, tick_kimg=1.0, snapshot_kimg=10.0,
        ),
        modes=ModesConfig(samples=10_000, clusters=16),
    )  # fmt: skip


def small(size: int = 64) -> Config:
    """About 6 MB in fp16: a night on a CPU, half an hour on a GPU."""
    return Config(
        preset="small",
        data=DataConfig(size=size),
        net=NetConfig(
            size=size, channel_base=64 * size, channel_max=128, z_dim=128, w_dim=128,
            mapping_layers=2,
        ),
        train=TrainConfig(
            kimg=2000, batch=32, ema_kimg=10.0, encoder_start_kimg=20.0, ada_kimg=200.0,
            tick_kimg=4.0, snapshot_kimg=50.0,
        ),
        modes=ModesConfig(samples=20_000, clusters=32),
    )  # fmt: skip


def auto(size: int = 256) -> Config:
    """What stylegan2-ada calls `auto`: batch and width follow from the size and from how many
    processes torchrun started (one without it)."""
    ranks = logs.ranks()
    batch = max(min(ranks * min(4096 // size, 32), 64), ranks, 4)
    return Config(
        preset="auto",
        data=DataConfig(size=size),
        net=NetConfig(
            size=size, channel_base=32768 if size >= 512 else 16384, mapping_layers=2,
            mbstd_group=min(batch // ranks, 4),
        ),
        train=TrainConfig(
            batch=batch, lr=0.002 if size >= 1024 else 0.0025, ema_kimg=batch * 10 / 32,
            rec_measure="lpips-vgg16",
        ),
    )  # fmt: skip


def paper256(size: int = 256) -> Config:
    """The published recipe at 256 px (METHOD 3): batch 64, width 0.5, gamma 1, mapping 8."""
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
    "smoke": smoke, "tiny": tiny, "small": small, "auto": auto, "paper256": paper256,
    "paper512": paper512, "paper1024": paper1024,
}  # fmt: skip


def preset_names() -> list[str]:
    """Names that `preset` accepts."""
    return list(_PRESETS)


def preset(name: str, size: int | None = None) -> Config:
    """The configuration called `name`, at its own picture size or at `size` pixels.

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
