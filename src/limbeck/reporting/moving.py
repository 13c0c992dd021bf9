"""What to type next: to move the threshold, to overrule single photos, to train longer."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from limbeck.artefacts.contents import Artefacts
from limbeck.artefacts.keep import KeepList
from limbeck.config import Config
from limbeck.errors import UsageError
from limbeck.logs import duration
from limbeck.presets import preset

_STEP = 0.05
_TESTING = "smoke"


@dataclass(frozen=True)
class Command:
    """A command with what it is for and what would come of it."""

    purpose: str
    line: str
    effect: str


@dataclass(frozen=True)
class Moving:
    """How to move the threshold; `overrides` is the file for single photos."""

    commands: tuple[Command, ...]
    again: str
    overrides: str


def moving(run: Path, keep: KeepList) -> Moving:
    """Commands for a larger and a smaller kept share than today's, in steps of a twentieth."""
    total = len(keep.kept)
    kept = sum(keep.kept.values())
    share = kept / max(total, 1)
    more = min(_STEP * math.ceil(share / _STEP + 0.4), 0.99)
    less = max(_STEP * math.floor(share / _STEP - 0.4), _STEP)
    place = shlex.quote(str(run))
    commands = []
    for purpose, wanted in (("Keep more photos", more), ("Keep fewer photos", less)):
        count = min(max(math.floor(wanted * total + 0.5), 1), total)
        change = f"{abs(count - kept):,} {'more' if count > kept else 'fewer'} than now"
        if count != kept:
            commands.append(
                Command(
                    purpose,
                    f"limbeck run {place} --keep-fraction {wanted:.2g}",
                    f"keeps {count:,} of {total:,} ({wanted:.0%}), {change}",
                )
            )
    overrides = shlex.quote(str(run / "keep" / "overrides.csv"))
    return Moving(tuple(commands), f"limbeck run {place}", overrides)


def train_longer(run: Path, found: Artefacts, rate: float | None) -> Command | None:
    """A run beside this one with a longer training: the preset's own length, or twice this one.

    Args:
        run: folder of this run.
        found: its settings and the place of its photos.
        rate: photos a second, as measured.
    """
    config, photos = found.config, found.run_json.get("photos")
    if config is None or not isinstance(photos, str):
        return None
    name, longer = _longer(config)
    kimg, second = longer.train.kimg, longer.second().train.kimg
    line = (
        f"limbeck run {shlex.quote(photos)} --out {shlex.quote(f'{run}-longer')} "
        f"--preset {name} --kimg {kimg:g}"
    )
    if name == config.preset and preset(name).net.size != config.net.size:
        line += f" --size {config.net.size}"
    if config.train.init_from is not None:
        line += f" --init-from {shlex.quote(config.train.init_from)}"
        line += " --freeze-mapping" if config.train.freeze_mapping else ""
    if config.train.freeze_d and preset(name).net.d_architecture == config.net.d_architecture:
        line += f" --freezed {config.train.freeze_d}"
    if config.hold_out:
        line += f" --hold-out {config.hold_out:g}"
    if config.sample.psi == "auto":
        line += " --psi auto"
    took = f", about {duration(1000 * (kimg + second) / rate)} at this run's speed" if rate else ""
    return Command(
        "Train longer, in a folder beside this one",
        line,
        f"{kimg:g} thousand photos shown, then {round(second, 1):g} thousand of those kept{took}; "
        "this run stays as it is",
    )


def _longer(config: Config) -> tuple[str, Config]:
    name = config.preset if config.preset != _TESTING else "tiny"
    try:
        longer = preset(name)
    except UsageError:
        name, longer = "tiny", preset("tiny")
    if longer.train.kimg > 1.2 * config.train.kimg:
        return name, longer
    return name, longer.replace(**{"train.kimg": 2 * config.train.kimg})


def speed(stats: Sequence[Mapping[str, object]]) -> float | None:
    """Photos a second over a whole training, smaller sizes that came first included."""
    if not stats:
        return None
    images, seconds = (stats[-1].get(key) for key in ("images", "seconds"))
    if not isinstance(images, int | float) or not isinstance(seconds, int | float) or seconds <= 0:
        return None
    return images / seconds
