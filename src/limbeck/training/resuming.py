"""Where a training begins: at its newest sound checkpoint, from other networks, or afresh."""

from pathlib import Path

import torch

from limbeck import fsio, logs
from limbeck.artefacts.snapshots import snapshots
from limbeck.artefacts.transfers import origin_of, write_transfer
from limbeck.config import Config
from limbeck.errors import DataError, LimbeckError, TrainingError
from limbeck.processes import rank, ranks
from limbeck.training.engine import NotFinite, shares_of
from limbeck.training.state import TrainState
from limbeck.training.transfer import photos_seen, transfer
from limbeck.training.world import World

MOST_ROLLBACKS = 3


def as_before(config: Config, out: Path) -> Config:
    """With the passes of the newest checkpoint: other passes would be other rounding."""
    found = snapshots(out, "state")
    if config.train.microbatch or not found:
        return config
    try:
        before = fsio.read_json(found[-1][1] / "state.json")["config"]["train"]["microbatch"]
        again = config.replace(**{"train.microbatch": before})
        shares_of(again, World(0, ranks()))
    except (LimbeckError, KeyError, TypeError):
        return config  # damaged, or made by another number of processes
    return again


def resume_or_create(
    out: Path,
    config: Config,
    device: torch.device,
    dataset: str,
    begin: Path | None = None,
    images: int = 0,
) -> TrainState:
    """The newest sound checkpoint in `out`, or a fresh state where there is none yet.

    A fresh one begins with the networks in `begin`, where that is given, at `images`. Damaged
    checkpoints are named, and moved aside by rank 0 as `bad-state-*`.

    Raises:
        DataError: there are checkpoints, and none of them can be read.
    """
    found = snapshots(out, "state")
    for number, (_, folder) in enumerate(reversed(found)):
        try:
            state = TrainState.load(folder, config, device, dataset)
        except DataError as error:
            logs.warn(error)
            continue
        logs.say(f"resuming {out} at {state.images / 1000:g} kimg")
        if rank() == 0:
            for _, bad in found[len(found) - number :]:
                bad.rename(bad.with_name(f"bad-{bad.name}"))
        return state
    if found:
        raise DataError(
            f"{out}: none of {len(found)} checkpoints can be read",
            "move the folder away to begin anew, or use the limbeck that wrote it",
        )
    state = TrainState.create(config, device, dataset)
    state.images = images
    if begin is not None:
        told = transfer(state.networks, begin, averages=config.train.encoder_only)
        state.before = _before(begin, images, config)
        state.flat.refresh()
        logs.say(f"begins from {begin}:")
        for line in told.lines():
            logs.say("  ", line)
        alone = 0.0 if config.train.encoder_only or not told.fresh("D") else (
            config.train.d_warmup_kimg
        )  # fmt: skip
        if alone:
            state.warm = images + round(alone * 1000)
            logs.say(f"  D learns alone for {alone:g} kimg first")
        if rank() == 0:
            more = {
                "source": origin_of(begin, out), "d_alone_kimg": alone, "before": state.before,
            }  # fmt: skip
            write_transfer(told.model_copy(update=more), out)
    return state


def _before(begin: Path, images: int, config: Config) -> int:
    """Photos seen before this training's clock began at `images`.

    The average keeps its half-life, for there are no random networks to forget. Begun anew, it
    would be hardly an average for a while: KID 0.58 -> 1.07 in 4 kimg, where one that goes on has
    0.64 (docs/log.md, 2026-11-27). Networks of unknown age count as old, and so do those that a
    training made of such.
    """
    seen = photos_seen(begin)
    if seen is None:
        seen = round(1000 * config.train.ema_kimg / (config.train.ema_rampup or 1.0))
    return max(seen - images, 0)


def roll_back(
    out: Path,
    config: Config,
    device: torch.device,
    state: TrainState,
    error: NotFinite,
    begin: Path | None = None,
    images: int = 0,
) -> TrainState:
    """The last checkpoint, to go on with other randomness.

    Raises:
        TrainingError: it has been done three times.
    """
    if state.rollbacks >= MOST_ROLLBACKS:
        raise TrainingError(
            f"{error}, after {MOST_ROLLBACKS} roll-backs",
            "start another --out with a lower train.lr or a higher train.gamma; snapshots stay",
        )
    again = resume_or_create(out, config, device, state.dataset, begin, images)
    again.rollbacks = state.rollbacks + 1
    logs.warn(
        f"{error}: back to {again.images / 1000:g} kimg, with other random numbers "
        f"({again.rollbacks} of {MOST_ROLLBACKS})"
    )
    return again
