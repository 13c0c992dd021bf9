"""The training loop, on a page: step, tick, snapshot; signals, NaN and other processes."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import torch
from torch import Tensor

from limbeck import fsio, logs
from limbeck.artefacts.folders import claim
from limbeck.artefacts.lock import hold
from limbeck.artefacts.run import HALF
from limbeck.artefacts.snapshots import snapshots
from limbeck.artefacts.stage import BEGUN, Provenance, read_summary
from limbeck.config import Config
from limbeck.data import Dataset, Order, PixelView
from limbeck.errors import DataError, Interrupted, UsageError
from limbeck.kit.allocator import keep_memory
from limbeck.kit.device import pick_device
from limbeck.kit.images import to_float
from limbeck.kit.rng import Draws, generator
from limbeck.processes import rank
from limbeck.records import TrainSummary
from limbeck.training.ahead import Ahead
from limbeck.training.board import require_tensorboard
from limbeck.training.class_labels import class_labels
from limbeck.training.engine import Engine, Feed, NotFinite
from limbeck.training.growing import half
from limbeck.training.memory import check_disk, fit
from limbeck.training.phases import LossNetworks, phase_table
from limbeck.training.resuming import as_before, resume_or_create, roll_back
from limbeck.training.session import Session, train_slice
from limbeck.training.threads import Threads
from limbeck.training.transfer import check_fit
from limbeck.training.world import join, local_device


def feed_of(view: PixelView, labels: Tensor | None, config: Config, device: torch.device) -> Feed:
    """Real photos as a pure function of (seed, images seen) and the share of the batch.

    Where they are not in memory, those of the next step are read meanwhile.
    """
    batch = config.train.batch
    order = Order(len(view), batch, config.seed)
    ahead = Ahead(view)
    labels = None if labels is None else labels.to(device)

    def feed(images: int, share: int, shares: int) -> tuple[Tensor, Tensor | None]:
        rows = order.rows(images)[share::shares]
        pictures = ahead.take((images, share, shares), rows).to(device)
        then = images + batch
        ahead.begin((then, share, shares), order.rows(then)[share::shares], now=images)
        if config.train.mirror:
            draws = Draws(generator(config.seed, "mirror", images), device, share, shares)
            coin = draws.uniform(len(rows)) < 0.5
            pictures = torch.where(coin[:, None, None, None], pictures.flip(3), pictures)
        real = to_float(pictures).contiguous(memory_format=torch.channels_last)
        return real, None if labels is None else labels[torch.as_tensor(rows, device=device)]

    return feed


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


def train(
    dataset: Dataset,
    config: Config,
    out: Path,
    *,
    kimg: float | None = None,
    begin: Path | None = None,
) -> TrainSummary:
    """Train G, D and E together until `kimg` thousand photos were shown; resumes by itself.

    Under torchrun every process calls it alike; rank 0 alone writes, all return the same.

    Args:
        dataset: photos, read at `config.net.size`.
        config: the run's configuration (`train`, `net`, `seed`, `device` matter here).
        out: folder of the stage; docs/formats.md lists what it holds.
        kimg: overrides `config.train.kimg`.
        begin: networks to begin with, in place of `config.train.init_from`: a snapshot, a training
            or a run.

    Raises:
        Interrupted: a signal came; everything is saved, the same call continues.
        TrainingError: NaN after every roll-back, a process is gone, or `out` is another run's.
        DataError: too few photos, networks to begin with that do not fit, or the disk is full.
        UsageError: TensorBoard's files are asked for and its package is absent; or E shall learn
            alone and no G is named.
    """
    began = time.perf_counter()
    if config.train.tensorboard:
        require_tensorboard()
    device = pick_device(local_device(config.device))
    if device.type == "cpu":
        keep_memory()
    target = round((config.train.kimg if kimg is None else kimg) * 1000)
    config = config.replace(**{"train.kimg": target / 1000})  # what is decayed over
    if len(dataset) < 2:
        raise DataError(
            f"{dataset.root}: training needs at least 2 photos, it holds {len(dataset)}",
            "add photos (good generators take a thousand or more)",
        )
    judges = LossNetworks.of(config, device)
    phases = phase_table(config, judges)
    view = dataset.at(config.net.size)
    labels = None if config.train.encoder_only else class_labels(dataset, config)
    feed = feed_of(view.to(device), labels, config, device)
    if begin is None and config.train.init_from:
        begin = Path(config.train.init_from)
    if begin is None and config.train.encoder_only:
        raise UsageError(
            "train.encoder_only without a generator to invert", "name one with train.init_from"
        )
    if begin is not None and not snapshots(out, "state"):
        check_fit(config.net, begin)
    main = rank() == 0
    if main:
        claim(out, "train")
    with ExitStack() as stack:
        if main:
            stack.enter_context(hold(out))
            fsio.sweep(out)
            if not (out / BEGUN).exists():
                fsio.write_json(out / BEGUN, {"stage": "train"})
        shown = 0
        first = half(config)
        if first is not None and begin is None and not snapshots(out, "state"):
            begin, shown = _grown(dataset, first, out)
        world = stack.enter_context(join(device, config.train.timeout))
        stop = stack.enter_context(stop_flag())
        world.wait(device)
        with logs.working("preparing the networks"):
            check_disk(config, out, device)
            config = fit(as_before(config, out), device, world)
            state = resume_or_create(out, config, device, dataset.digest, begin, shown)
        threads = stack.enter_context(Threads.of(device, world.size))
        while True:
            judges.begin(state.networks, view)
            engine = Engine(config, state, phases, feed, world)
            session = Session(out, config, view, state.images, target) if world.main else None
            try:
                _steps(engine, session, threads, stop, target, out)
                break
            except NotFinite as error:
                state = roll_back(out, config, device, state, error, begin, shown)
        if session is not None:
            session.finish(state, dataset, began)
        world.wait(device)
    return read_summary(out, TrainSummary)


def _grown(dataset: Dataset, first: Config, out: Path) -> tuple[Path, int]:
    """Networks of half the size and the photos they have seen, trained in OUT/half where not there.

    The statistics go on from theirs.
    """
    folder = out / HALF
    provenance = Provenance.of({"dataset": dataset.digest}, train_slice(first, first.train.kimg))
    if not provenance.done_in(folder):
        logs.say(f"the first {first.train.kimg:g} kimg at {first.net.size} px")
        train(dataset, first, folder)
    told = read_summary(folder, TrainSummary)
    if rank() == 0 and not (out / "stats.jsonl").exists():
        fsio.write_text(out / "stats.jsonl", (folder / "stats.jsonl").read_text("utf-8"))
    return folder / (told.newest or told.networks), told.images


def _steps(
    engine: Engine,
    session: Session | None,
    threads: Threads,
    stop: threading.Event,
    target: int,
    out: Path,
) -> None:
    """Steps until `target` photos were shown, or until some process is asked to stop."""
    state = engine.state
    with session.display() if session else nullcontext():
        while state.images < target:
            with threads.timed():
                terms = engine.iterate()
            if session:
                session.after_step(state, terms)
            if engine.world.any(stop.is_set(), state.device):
                logs.say("asked to stop: saving first")
                if session:
                    session.save(state)
                engine.world.wait(state.device)  # torchrun ends all when one has left
                raise Interrupted(
                    f"stopped at {state.images / 1000:g} kimg, everything is saved in {out}",
                    "run the same command again to continue",
                )
