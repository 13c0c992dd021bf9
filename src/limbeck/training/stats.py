"""What training tells: one line of stats.jsonl a tick, and a live display with rates and ETA."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import Tensor

from limbeck import fsio, logs
from limbeck.training.state import TrainState

_ENCODER_RANGE = (0.3, 3.0)
_PATIENCE = 10
_WARM_UP = "the first steps take longest"


def encoder_ratio(terms: Mapping[str, float]) -> float | None:
    """std(E(x)) / std(M(z)), which should lie in [0.3, 3]; None without an encoder."""
    if "E/w_std" not in terms or "w_std" not in terms:
        return None
    return terms["E/w_std"] / max(terms["w_std"], 1e-9)


def encoder_advice(ratios: Sequence[float]) -> str:
    """What to tell a person of `encoder_ratio`, tick by tick; empty where the encoder is sound.

    It is not where E has given (nearly) one image for every photo for ten ticks.
    """
    low, high = _ENCODER_RANGE
    last = ratios[-_PATIENCE:]
    if len(last) < _PATIENCE or any(low <= ratio <= high for ratio in last):
        return ""
    return (
        f"the encoder gives nearly the same answer for every photo (its latents spread "
        f"{last[-1]:.2f} times as wide as the generator's; {low} to {high} is sound), so "
        "reconstructions may all look alike. Train longer; if that does not help, start "
        "again with another --set train.encoder_lr_ratio"
    )


class Stats:
    """Means of named terms between ticks, speed, and where they are shown.

    Rows carry `images, kimg, seconds (of training, all sessions), cpu_seconds (what this
    process used of all cores meanwhile), images_per_second, augment_p, pl_mean` and the mean
    of every term since the last tick.
    """

    def __init__(self, out: Path, images: int, target: int) -> None:
        self.path = out / "stats.jsonl"
        self.target = target
        told = fsio.read_jsonl(self.path, ("images", "seconds", "images_per_second"))
        rows = [row for row in told if row["images"] <= images]
        if self.path.exists():  # a killed session may have told of images that were not saved
            fsio.write_text(self.path, "".join(fsio.json_line(row) for row in rows))
        self.before = float(rows[-1]["seconds"]) if rows else 0.0
        self._cpu_before = float(rows[-1].get("cpu_seconds", self.before)) if rows else 0.0
        self.last: dict[str, float] = {}
        self.rate = float(rows[-1]["images_per_second"]) if rows else 0.0
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._tick_images = images
        self._started = self._tick_time = time.perf_counter()
        self._cpu_started = time.process_time()
        self._ratios: list[float] = []
        self._warned = False
        self._task: logs.Task | None = None
        self._images, self._note = images, ""

    @property
    def total_seconds(self) -> float:
        """Wall seconds of training over all sessions."""
        return self.before + time.perf_counter() - self._started

    @contextmanager
    def display(self) -> Iterator[None]:
        """Show how far training is while inside."""
        first = self._images
        with logs.working("training", self.target, "images", kimg=True, done=first) as self._task:
            self._task.at(first, _WARM_UP)
            yield
        self._task = None

    def add(self, terms: dict[str, Tensor], images: int | None = None) -> None:
        """Take the terms of one iteration, `images` after it; no wait for the device."""
        if self._task is not None and images is not None:
            self._task.at(images, self._note)
        for key, value in terms.items():
            self._sums[key] = self._sums[key] + value if key in self._sums else value.float()
            self._counts[key] = self._counts.get(key, 0) + 1

    def tick(self, state: TrainState) -> dict[str, Any] | None:
        """Write a row, refresh the display, return the row; without new images do nothing."""
        if state.images == self._tick_images:
            return None
        now = time.perf_counter()
        self.rate = (state.images - self._tick_images) / max(now - self._tick_time, 1e-9)
        self.last = {
            key: round(float(total) / self._counts[key], 6) for key, total in self._sums.items()
        }
        ratio = encoder_ratio(self.last)
        if ratio is not None:
            self.last["E/std_ratio"] = round(ratio, 6)
            self._watch(ratio)
        row: dict[str, Any] = {
            "images": state.images,
            "kimg": state.images / 1000,
            "seconds": round(self.total_seconds, 3),
            "cpu_seconds": round(self._cpu_before + time.process_time() - self._cpu_started, 3),
            "images_per_second": round(self.rate, 2),
            "augment_p": round(state.augment_p, 6),
            "pl_mean": round(float(state.pl_mean), 6),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            **self.last,
        }
        fsio.append_jsonl(self.path, row)
        self._note = self._losses()
        self._sums, self._counts = {}, {}
        self._tick_images, self._tick_time = state.images, now
        return row

    def _watch(self, ratio: float) -> None:
        """Warn once when the encoder is not sound."""
        self._ratios = [*self._ratios, ratio][-_PATIENCE:]
        if not self._warned and (text := encoder_advice(self._ratios)):
            self._warned = True
            logs.warn(text)

    def _losses(self) -> str:
        """The last losses, for the display."""
        known = {"loss/G": "loss G", "loss/D": "D", "rec/l1": "reconstruction"}
        shown = [f"{word} {self.last[key]:.2f}" for key, word in known.items() if key in self.last]
        return ", ".join(shown)
