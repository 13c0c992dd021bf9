"""Paired timing: contestants take turns in one process; medians, spread, CPU and wall seconds."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from limbeck import logs

Work = Callable[[], object]


class Clock:
    """Seconds of one piece of work: wall, and CPU of all threads; a CUDA device is waited for."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def _now(self) -> tuple[float, float]:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter(), time.process_time()

    def time(self, work: Work) -> tuple[float, float]:
        """(wall, CPU) seconds of one call."""
        wall, cpu = self._now()
        work()
        wall_after, cpu_after = self._now()
        return wall_after - wall, cpu_after - cpu


def spread(values: list[float]) -> dict[str, float]:
    """Median and half the range between the quartiles."""
    low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return {"median": statistics.median(values), "half_iqr": (high - low) / 2}


def compare(
    contestants: Mapping[str, Mapping[str, Work]],
    device: torch.device,
    repeats: int,
    warm: int = 1,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Time every piece of every contestant `repeats` times, in turns, after `warm` turns untimed.

    Args:
        contestants: name -> piece -> work.
        device: waited for before and after each call.
        repeats: at least 1; 5 or more for a figure to quote.

    Returns:
        name -> piece -> {"wall": {median, half_iqr}, "cpu": {...}} in seconds.
    """
    clock = Clock(device)
    found: dict[str, dict[str, list[tuple[float, float]]]] = {
        name: {piece: [] for piece in pieces} for name, pieces in contestants.items()
    }
    jobs = [(name, piece) for name, pieces in contestants.items() for piece in pieces]
    with logs.working("timing", (warm + repeats) * len(jobs)) as task:
        for turn in range(warm + repeats):
            for name, piece in jobs:
                task.note = f"{name}, {piece}"
                seconds = clock.time(contestants[name][piece])
                if turn >= warm:
                    found[name][piece].append(seconds)
                task.step()
    return {
        name: {
            piece: {"wall": spread([w for w, _ in times]), "cpu": spread([c for _, c in times])}
            for piece, times in pieces.items()
        }
        for name, pieces in found.items()
    }


def ceilings(device: torch.device, dtype: torch.dtype, seconds: float = 1.0) -> dict[str, float]:
    """What this machine reaches at best: TFLOP/s of a large convolution, GB/s of a large copy."""
    big = device.type == "cuda"
    n, c, side = (32, 512, 64) if big else (8, 256, 32)
    x = torch.randn(n, c, side, side, device=device, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    w = torch.randn(c, c, 3, 3, device=device, dtype=dtype)
    w = w.contiguous(memory_format=torch.channels_last)
    a = torch.empty(2**28 if big else 2**25, device=device)
    b = torch.empty_like(a)
    conv = best(lambda: torch.conv2d(x, w, padding=1), device, seconds)
    copy = best(lambda: b.copy_(a), device, seconds)
    return {
        "conv_tflops": 2 * n * side * side * c * c * 9 / conv / 1e12,
        "copy_gb_per_s": 2 * a.numel() * 4 / copy / 1e9,
    }


@torch.no_grad()
def best(work: Work, device: torch.device, seconds: float) -> float:
    """Shortest wall time of one call within about so many seconds."""
    clock = Clock(device)
    shortest, began = clock.time(work)[0], time.perf_counter()
    while time.perf_counter() - began < seconds:
        shortest = min(shortest, clock.time(work)[0])
    return shortest
