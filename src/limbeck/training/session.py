"""What the first process writes while training."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from limbeck import logs
from limbeck.artefacts.folders import erase_snapshot
from limbeck.artefacts.snapshots import snapshots
from limbeck.artefacts.stage import Provenance
from limbeck.config import Config
from limbeck.data import Dataset, PixelView
from limbeck.records import TrainSummary
from limbeck.training.board import Board
from limbeck.training.grids import write_grids
from limbeck.training.phases import Terms
from limbeck.training.snapshot_quality import Quality
from limbeck.training.state import TrainState, compared
from limbeck.training.stats import Stats


def train_slice(config: Config, kimg: float) -> dict[str, object]:
    """What a training depends on, for staleness."""
    return {
        "net": compared(config.net),
        "train": compared(config.train) | {"kimg": kimg},
        "seed": config.seed,
    }


class Session:
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
        settings = train_slice(self.config, self.target / 1000)
        provenance = Provenance.of({"dataset": dataset.digest}, settings)
        provenance.finish(self.out, "train", started=began, summary=summary.model_dump())
