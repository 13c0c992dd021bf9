"""CUDA graphs: one recorded launch for all that a phase does to the gradients.

Below 512 px a step is thousands of small kernels, and launching them takes longer than running
them. A phase's losses and backward passes are recorded once and replayed; Adam, averages and the
exchange between processes stay outside, as a handful of launches on flat buffers. What varies from
step to step lies in tensors that keep their place: photos, augment strength, running means, and the
generators, which are seeded before each replay. Elsewhere than on CUDA nothing here is used.
"""

import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch

from limbeck.training.phases import Moves, Terms

Compute = Callable[[], tuple[Terms, Moves]]
WARM = 3  # plain runs before recording: lazy initialisation and choice of algorithms are over then


def graphs_wanted(device: torch.device) -> tuple[bool, str]:
    """Whether phases are recorded on `device`, and why (or why not)."""
    if device.type != "cuda":
        return False, "CUDA graphs need a CUDA device"
    if os.environ.get("LIMBECK_GRAPHS") == "0":
        return False, "LIMBECK_GRAPHS=0"
    return True, "one CUDA graph a phase"


@dataclass
class _Recorded:
    graph: torch.cuda.CUDAGraph
    found: tuple[Terms, Moves]


class Recorder:
    """Runs computations plainly until they are warm, records them, then replays them."""

    def __init__(self) -> None:
        self._runs: dict[Hashable, int] = {}
        self._recorded: dict[Hashable, _Recorded] = {}
        self._pool = torch.cuda.graph_pool_handle()
        # Plain runs before recording belong on the stream that will be recorded.
        self._aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def run(
        self, key: Hashable, compute: Compute, generators: list[torch.Generator]
    ) -> tuple[Terms, Moves]:
        """Do `compute`, which is the same work at every call with this key.

        Args:
            key: names the work; whatever changes the launches belongs into it.
            compute: reads and writes tensors that keep their place.
            generators: its sources of randomness, seeded for this step.

        Returns:
            What `compute` returns; overwritten by the next run with this key.
        """
        if key not in self._recorded:
            self._runs[key] = self._runs.get(key, 0) + 1
            if self._runs[key] <= WARM:
                return self._run_aside(compute)
            self._recorded[key] = self._record(compute, generators)
        recorded = self._recorded[key]
        recorded.graph.replay()
        return recorded.found

    def _run_aside(self, compute: Compute) -> tuple[Terms, Moves]:
        main = torch.cuda.current_stream()
        self._aside.wait_stream(main)
        with torch.cuda.stream(self._aside):
            found = compute()
        main.wait_stream(self._aside)
        return found

    def _record(self, compute: Compute, generators: list[torch.Generator]) -> _Recorded:
        seeds = [generator.initial_seed() for generator in generators]
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        torch.cuda.synchronize()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._aside):
            found = compute()
        for generator, seed in zip(generators, seeds, strict=True):
            generator.manual_seed(seed)  # recording drew nothing; the replay begins where it should
        return _Recorded(graph, found)
