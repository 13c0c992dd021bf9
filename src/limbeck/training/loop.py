"""The training loop, on a page: step, tick, snapshot; signals, NaN and other processes."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

import torch
from torch import Tensor

from limbeck import fsio, logs
from limbeck.artefacts.folders import claim, erase_snapshot
from limbeck.artefacts.lock import hold
from limbeck.artefacts.run import BEGUN, HALF, finish_stage, is_current, read_summary
from limbeck.artefacts.snapshots import snapshots
from limbeck.config import Config
from limbeck.data import Dataset, Order, PixelView
from limbeck.errors import DataError, Interrupted, LimbeckError, TrainingError
from limbeck.kit.allocator import keep_memory
from limbeck.kit.device import pick_device
from limbeck.kit.images import to_float
from limbeck.kit.rng import Draws, generator
from limbeck.records import TrainSummary
from limbeck.training.board import Board, require_tensorboard
from limbeck.training.classes import class_labels
from limbeck.training.engine import Engine, Feed, NotFinite, shares_of
from limbeck.training.grids import write_grids
from limbeck.training.growing import half
from limbeck.training.phases import Judges, Terms, phase_table
from limbeck.training.quality import Quality
from limbeck.training.room import check_disk, fit
from limbeck.training.state import TrainState, compared
from limbeck.training.stats import Stats
from limbeck.training.threads import Threads
from limbeck.training.transfer import photos_seen, transfer
from limbeck.training.world import World, join, local_device

MOST_ROLLBACKS = 3


def feed_of(view: PixelView, labels: Tensor | None, config: Config, device: torch.device) -> Feed:
    """Real photos as a pure function of (seed, images seen) and the share of the batch."""
    order = Order(len(view), config.train.batch, config.seed)
    labels = None if labels is None else labels.to(device)

    def feed(images: int, share: int, shares: int) -> tuple[Tensor, Tensor | None]:
        rows = order.rows(images)[share::shares]
        pictures = view[rows].to(device)
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


def _as_before(config: Config, out: Path) -> Config:
    """With the passes of the newest checkpoint: other passes would be other rounding."""
    found = snapshots(out, "state")
    if config.train.microbatch or not found:
        return config
    try:
        before = fsio.read_json(found[-1][1] / "state.json")["config"]["train"]["microbatch"]
        again = config.replace(**{"train.microbatch": before})
        shares_of(again, World(0, logs.ranks()))
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
        if logs.rank() == 0:
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
        told = transfer(state.networks, begin)
        state.before = _before(begin, images, config)
        state.flat.refresh(list(state.optimizers))
        logs.say(
            f"begins from {begin}: {len(told.loaded)} tensors are taken over; "
            f"{len(told.missing) + len(told.other_shape)} begin fresh "
            f"({len(told.missing)} not there, {len(told.other_shape)} of another shape)"
        )
        if logs.rank() == 0:
            fsio.write_json(out / "transfer.json", {k: list(v) for k, v in vars(told).items()})
    return state


def _before(begin: Path, images: int, config: Config) -> int:
    """Photos seen before this training's clock began at `images`.

    What is averaged is not what random networks were, so the average keeps its half-life. Begun
    anew, it would be hardly an average for a while: KID .42 -> 1.07 in 4 kimg (docs/log.md,
    2026-11-27). Networks of unknown age count as old.
    """
    seen = photos_seen(begin)
    if seen is None:
        seen = round(1000 * config.train.ema_kimg / (config.train.ema_rampup or 1.0))
    return max(seen - images, 0)


class Bystander:
    """What ranks other than 0 do beside training: nothing."""

    def display(self) -> AbstractContextManager[None]:
        """Progress while inside."""
        return nullcontext()

    def after_step(self, state: TrainState, terms: Terms) -> None:
        """Take the terms of one step; write what is due."""

    def save(self, state: TrainState) -> None:
        """A snapshot now."""


class Session(Bystander):
    """What rank 0 writes while training: statistics, snapshots, grids, figures of quality."""

    def __init__(
        self, out: Path, config: Config, view: PixelView, images: int, target: int
    ) -> None:
        self.out, self.config, self.view, self.target = out, config, view, target
        self.stats = Stats(out, images, target)
        self.quality = Quality(out, config, view, images)
        self.board = Board(out, images, config.train.tensorboard)

    @contextmanager
    def display(self) -> Iterator[None]:
        """Progress with rates and ETA."""
        with self.stats.display():
            try:
                yield
            except BaseException:
                self.board.close()
                raise

    def after_step(self, state: TrainState, terms: Terms) -> None:
        """Statistics at each tick, a snapshot where one is due."""
        train = self.config.train
        self.stats.add(terms, state.images)
        if state.images % round(train.tick_kimg * 1000) < train.batch:
            self._tick(state)
        due = state.images % round(train.snapshot_kimg * 1000) < train.batch
        if due and state.images < self.target:  # the last one is `finish`
            self.save(state)

    def save(self, state: TrainState) -> None:
        """Networks, grids, quality and state; the newest few stay, and the best networks.

        Raises:
            DataError: the disk is full; what was saved before is whole.
        """
        self._tick(state)
        with logs.working(f"writing the snapshot of {state.images / 1000:g} kimg"):
            state.networks.save(self.out / f"nets-{state.images:09d}")
            state.save(self.out / f"state-{state.images:09d}", self.config)
        with logs.working("drawing and measuring that snapshot"):
            write_grids(self.out, state, self.config, self.view)
            self.board.show(state.images)
            self.quality.measure(state)
        for kind in ("state", "nets"):
            for images, old in snapshots(self.out, kind)[: -self.config.train.keep_snapshots]:
                if kind == "state" or images != self.quality.best:
                    erase_snapshot(old)

    def _tick(self, state: TrainState) -> None:
        row = self.stats.tick(state)
        if row is not None:
            self.board.tell(row)

    def finish(self, state: TrainState, dataset: Dataset, began: float) -> None:
        """The last snapshot and done.json."""
        self.save(state)
        self.board.close()
        stats, best = self.stats, self.quality.best
        summary = TrainSummary(
            kimg=state.images / 1000,
            images=state.images,
            seconds=round(stats.total_seconds, 3),
            images_per_second=round(state.images / max(stats.total_seconds, 1e-9), 2),
            networks=f"nets-{state.images if best is None else best:09d}",
            newest=f"nets-{state.images:09d}",
            best=None if best is None else f"nets-{best:09d}",
            precision="bf16" if state.flat.dtype == torch.bfloat16 else "fp32",
            augment_p=state.augment_p,
            rollbacks=state.rollbacks,
            last=stats.last,
        )
        finish_stage(
            self.out, "train", inputs={"dataset": dataset.digest},
            config=train_slice(self.config, self.target / 1000), started=began,
            summary=summary.model_dump(),
        )  # fmt: skip


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
        DataError: too few photos, or the disk is full.
        UsageError: TensorBoard's files are asked for and its package is absent.
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
    judges = Judges.of(config, device)
    phases = phase_table(config, judges)
    view = dataset.at(config.net.size)
    feed = feed_of(view.to(device), class_labels(dataset, config), config, device)
    main = logs.rank() == 0
    if main:
        claim(out, "train")
    if begin is None and config.train.init_from:
        begin = Path(config.train.init_from)
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
            config = fit(_as_before(config, out), device, world)
            state = resume_or_create(out, config, device, dataset.digest, begin, shown)
        threads = stack.enter_context(Threads.of(device, world.size))
        while True:
            judges.begin(state.networks, view)
            engine = Engine(config, state, phases, feed, world)
            session = Session(out, config, view, state.images, target) if world.main else None
            try:
                _steps(engine, session or Bystander(), threads, stop, target, out)
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
    inputs, slice_ = {"dataset": dataset.digest}, train_slice(first, first.train.kimg)
    if not is_current(folder, inputs, slice_):
        logs.say(f"the first {first.train.kimg:g} kimg at {first.net.size} px")
        train(dataset, first, folder)
    told = read_summary(folder, TrainSummary)
    if logs.rank() == 0 and not (out / "stats.jsonl").exists():
        fsio.write_text(out / "stats.jsonl", (folder / "stats.jsonl").read_text("utf-8"))
    return folder / (told.newest or told.networks), told.images


def _steps(
    engine: Engine,
    session: Bystander,
    threads: Threads,
    stop: threading.Event,
    target: int,
    out: Path,
) -> None:
    """Steps until `target` photos were shown, or until some process is asked to stop."""
    state = engine.state
    with session.display():
        while state.images < target:
            with threads.timed():
                terms = engine.iterate()
            session.after_step(state, terms)
            if engine.world.any(stop.is_set(), state.device):
                logs.say("asked to stop: saving first")
                session.save(state)
                engine.world.wait(state.device)  # torchrun ends all when one has left
                raise Interrupted(
                    f"stopped at {state.images / 1000:g} kimg, everything is saved in {out}",
                    "run the same command again to continue",
                )


def train_slice(config: Config, kimg: float) -> dict[str, object]:
    """What a training depends on, for staleness."""
    return {
        "net": compared(config.net),
        "train": compared(config.train) | {"kimg": kimg},
        "seed": config.seed,
    }
