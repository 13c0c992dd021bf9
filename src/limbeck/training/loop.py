"""The training loop, on a page: fetch, phases, averages, tick, snapshot."""

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from limbeck import fsio, logs, rundir
from limbeck.config import Config
from limbeck.data import Dataset, Order, PixelView
from limbeck.errors import DataError, Interrupted, TrainingError
from limbeck.kit.device import compute_dtype, pick_device
from limbeck.kit.images import to_float
from limbeck.kit.rng import generator
from limbeck.nets import Networks
from limbeck.percept import LPIPS
from limbeck.records import TrainSummary
from limbeck.training.augment import adapt_p
from limbeck.training.grids import write_grids
from limbeck.training.phases import Phase, Step, phase_table
from limbeck.training.state import TrainState, snapshots
from limbeck.training.stats import Stats


def run_phase(phase: Phase, nets: Networks, state: TrainState, step: Step) -> dict[str, Tensor]:
    """Take one row: gradients of its networks only, one Adam step each; returns named terms.

    Raises:
        TrainingError: the loss is not finite; nothing has been stepped.
    """
    for name in ("G", "D", "E"):
        module = getattr(nets, name)
        if module is not None:
            module.requires_grad_(name in phase.trains)
    loss, terms = phase.loss(nets, step)
    if not torch.isfinite(loss):
        raise TrainingError(
            f"{phase.name}: the loss is {loss.item()} at image {state.images}",
            "start another --out with a lower train.lr or a higher train.gamma; snapshots stay",
        )
    torch.autograd.backward(loss)
    for name in phase.trains:
        state.optimizers[name].step()
        state.optimizers[name].zero_grad(set_to_none=True)
    return {key: value.detach() for key, value in terms.items()}


def fetch(
    view: PixelView, order: Order, labels: Tensor | None, config: Config, state: TrainState
) -> Step:
    """The real batch of this iteration: a pure function of (seed, images seen)."""
    rows = order.rows(state.images)
    device = state.pl_mean.device
    real = to_float(view[rows].to(device))
    rng = generator(config.seed, "mirror", state.images)
    if config.train.mirror:
        coin = torch.rand(len(real), generator=rng).lt(0.5).to(device)
        real = torch.where(coin[:, None, None, None], real.flip(3), real)
    real = real.contiguous(memory_format=torch.channels_last)
    picked = None if labels is None else labels[torch.as_tensor(rows)].to(device)
    return Step(real, picked, state.augment_p, state.pl_mean, rng)


def iterate(
    phases: list[Phase], state: TrainState, step: Step, config: Config
) -> dict[str, Tensor]:
    """One iteration: the rows that are due, ADA, the averages, the clock."""
    terms: dict[str, Tensor] = {}
    for phase in phases:
        if phase.due(state.images, config.train.batch):
            step.rng = generator(config.seed, phase.name, state.images, device=_rng_device(state))
            terms |= run_phase(phase, state.networks, state, step)
    batch, train = config.train.batch, config.train
    state.sign_sum += float(terms["signs/real"]) * batch
    state.sign_count += batch
    if train.augment == "ada" and (state.images // batch) % train.ada_every == train.ada_every - 1:
        mean_sign = state.sign_sum / state.sign_count
        state.augment_p = adapt_p(
            state.augment_p, mean_sign, train.ada_target, state.sign_count, train.ada_kimg
        )
        state.sign_sum, state.sign_count = 0.0, 0
    state.images += batch
    state.update_averages(config)
    return terms


def _rng_device(state: TrainState) -> torch.device:
    """CUDA draws on the device; elsewhere the CPU generator is the portable one."""
    device = state.pl_mean.device
    return device if device.type == "cuda" else torch.device("cpu")


@contextmanager
def stop_flag() -> Iterator[threading.Event]:
    """Set by SIGINT, SIGTERM or SIGUSR1, so that the loop saves and ends by itself."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    names = [n for n in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, n)]
    before = {n: signal.signal(getattr(signal, n), lambda *_: event.set()) for n in names}
    try:
        yield event
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def resume_or_create(out: Path, config: Config, device: torch.device, dataset: str) -> TrainState:
    """The newest sound checkpoint in `out`, else a fresh state; damaged ones are named."""
    for _, folder in reversed(snapshots(out, "state")):
        try:
            state = TrainState.load(folder, config, device, dataset)
        except DataError as error:
            logs.warn(str(error))
            continue
        logs.say(f"resuming {out} at {state.images / 1000:g} kimg")
        return state
    return TrainState.create(config, device, dataset)


def snapshot(out: Path, state: TrainState, config: Config, view: PixelView) -> Path:
    """Networks, state and grids at this image count; of each kind the newest few stay."""
    nets_dir = out / f"nets-{state.images:09d}"
    state.networks.save(nets_dir)
    write_grids(out, state, config, view)
    state.save(out / f"state-{state.images:09d}", config)
    for kind in ("state", "nets"):
        for _, old in snapshots(out, kind)[: -config.train.keep_snapshots]:
            shutil.rmtree(old)
    return nets_dir


def train(
    dataset: Dataset, config: Config, out: Path, *, kimg: float | None = None
) -> TrainSummary:
    """Train G, D and E together until `kimg` thousand photos were shown; resumes by itself.

    Args:
        dataset: photos, read at `config.net.size`.
        config: the run's configuration (`train`, `net`, `seed`, `device` matter here).
        out: folder of the stage: stats.jsonl, grid-*.png, nets-*, state-*, done.json.
        kimg: overrides `config.train.kimg`.

    Raises:
        Interrupted: a signal came; everything is saved, the same call continues.
        TrainingError: the loss became NaN, or `out` holds another run.
        DataError: too few photos.
    """
    began = time.perf_counter()
    device = pick_device(config.device)
    dtype = compute_dtype(config.train.precision, device)
    target = round((config.train.kimg if kimg is None else kimg) * 1000)
    batch = config.train.batch
    if len(dataset) < 2:
        raise DataError(
            f"{dataset.root}: {len(dataset)} photos cannot train a generator", "add photos"
        )
    lpips = LPIPS.load("vgg16").to(device) if config.train.rec_measure == "lpips-vgg16" else None
    phases = phase_table(config, lpips)
    out.mkdir(parents=True, exist_ok=True)
    fsio.sweep(out)
    state = resume_or_create(out, config, device, dataset.digest)
    state.networks.set_compute_dtype(dtype)
    view, order = dataset.at(config.net.size), Order(len(dataset), batch, config.seed)
    labels = class_labels(dataset, config)
    stats = Stats(out, state.images, target)
    with stop_flag() as stop, stats.display(out.name):
        while state.images < target:
            step = fetch(view, order, labels, config, state)
            stats.add(iterate(phases, state, step, config))
            if state.images % round(config.train.tick_kimg * 1000) < batch:
                stats.tick(state)
            due = state.images % round(config.train.snapshot_kimg * 1000) < batch
            if stop.is_set() or (due and state.images < target):
                snapshot(out, state, config, view)
            if stop.is_set():
                raise Interrupted(
                    f"stopped at {state.images / 1000:g} kimg, everything is saved in {out}",
                    "run the same command again to continue",
                )
    stats.tick(state)
    nets_dir = snapshot(out, state, config, view)
    summary = TrainSummary(
        kimg=state.images / 1000,
        images=state.images,
        seconds=round(stats.total_seconds, 3),
        images_per_second=round(state.images / max(stats.total_seconds, 1e-9), 2),
        networks=nets_dir.name,
        precision="bf16" if dtype == torch.bfloat16 else "fp32",
        augment_p=state.augment_p,
        last=stats.last,
    )
    rundir.finish(
        out, "train", inputs={"dataset": dataset.digest}, config=train_slice(config, target / 1000),
        started=began, summary=summary.model_dump(),
    )  # fmt: skip
    return summary


def train_slice(config: Config, kimg: float) -> dict[str, object]:
    """What a training depends on, for staleness."""
    return {
        "net": config.net.model_dump(),
        "train": config.train.model_dump() | {"kimg": kimg},
        "seed": config.seed,
    }


def class_labels(dataset: Dataset, config: Config) -> Tensor | None:
    """int64 [N] of the dataset's classes, or None for unconditional networks.

    Raises:
        DataError: a photo without a class, or more classes than the networks know.
    """
    if config.net.num_classes == 0:
        return None
    found = [info.label for info in dataset.infos]
    missing = sum(label is None for label in found)
    top = max((label for label in found if label is not None), default=-1)
    if missing or top >= config.net.num_classes:
        raise DataError(
            f"{dataset.root}: {missing} photos without a class, largest class {top}, "
            f"networks have {config.net.num_classes}",
            "ingest with --set data.class_from=folder, or train with net.num_classes=0",
        )
    return torch.tensor(found, dtype=torch.int64)
