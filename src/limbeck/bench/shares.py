"""What each part of a step against a projected discriminator takes, on the engine's own step.

A clock is told where time goes from now on: by hooks as calls of a part begin and end, and by
identities in the graph as gradients come to it and leave it. On CUDA these moments are events,
which a recorded graph keeps, so a replay is measured and not the launching of its kernels.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from limbeck import logs
from limbeck.bench.timing import Work
from limbeck.config import Config
from limbeck.kit.device import compute_dtype
from limbeck.nets import Networks, trunk_shapes
from limbeck.percept import FeatureMaps
from limbeck.training import WARM, Engine, LossNetworks, TrainState, phase_table

OPTIMISERS, REST = "optimisers and averages", "rest"
PARTS = (
    "generator", "trunk on photos", "trunk on generated", "mixing", "heads for D", "heads for G",
    "pixel head",
)  # fmt: skip

Moment = tuple[str, bool, Any]  # part, whether on the way back, and a time or a CUDA event
Seconds = dict[tuple[str, bool], float]


class _Gate(torch.autograd.Function):
    """Identity; says when the gradients of all its tensors are there."""

    @staticmethod
    def forward(ctx: Any, tell: Callable[[], None], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.tell = tell
        return tensors

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        ctx.tell()
        return None, *gradients


class _Watch:
    """Moments of one row of a step; from each to the next, time belongs to a part.

    Attributes:
        inside: moments of losses and backward pass; a replayed graph tells them anew.
        around: those before and after.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.inside: list[Moment] = []
        self.around: list[Moment] = []
        self._looking = self._begun = False

    def _moment(self, part: str, back: bool = False) -> Moment:
        if self.device.type != "cuda":
            return part, back, time.perf_counter()
        event = torch.cuda.Event(enable_timing=True, external=True)  # type: ignore[no-untyped-call]
        event.record()
        return part, back, event

    def _at(self, part: str, back: bool = False) -> None:
        self.inside.append(self._moment(part, back))

    def _gate(self, x: Any, part: str) -> Any:
        """`x`, a tensor or a list, such that its gradients begin `part` on the way back."""
        tensors: Sequence[Tensor] = [x] if isinstance(x, Tensor) else x
        passed = _Gate.apply(lambda: self._at(part, True), *tensors)  # type: ignore[no-untyped-call]
        return passed[0] if isinstance(x, Tensor) else list(passed)

    def part(self, module: nn.Module, name: Callable[[Any], str], before: str = REST) -> None:
        """Count the calls of `module` as what `name` says of their arguments.

        Args:
            before: the part that made the first argument, as far as no other module did.
        """

        def enter(_: nn.Module, given: Any) -> Any:
            if not self._looking:
                return None
            self._at(name(given))
            return self._gate(given[0], before), *given[1:]

        def leave(_: nn.Module, given: Any, made: Any) -> Any:
            if not self._looking:
                return None
            made = self._gate(made, name(given))
            self._at(REST)
            return made

        module.register_forward_pre_hook(enter)
        module.register_forward_hook(leave)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Count from this optimiser's step to the end of a row as the optimisers'."""
        optimizer.register_step_pre_hook(lambda *_: self.around.append(self._moment(OPTIMISERS)))

    def begin(self) -> None:
        """A loss begins, with the generator; the first one of a row forgets the last row."""
        if not self._begun:
            self.inside.clear()
        self._begun = True
        self._at("generator")

    def seconds(self, work: Work, part: str, look: bool = False) -> Seconds:
        """Do `work`, which begins as `part`; with `look` others are told inside."""
        self._looking, self._begun = look, False
        self.around = [self._moment(part)]
        work()
        self.around.append(self._moment(REST))
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        line = [self.around[0], *(self.inside if look else []), *self.around[1:]]
        found: Seconds = defaultdict(float)
        for (part, back, one), (_, _, next_one) in pairwise(line):
            cuda = self.device.type == "cuda"
            found[part, back] += one.elapsed_time(next_one) / 1000 if cuda else next_one - one
        return found


def _name(watch: _Watch, networks: Networks, trunk: FeatureMaps) -> None:
    """Say which modules are which parts."""
    watch.part(networks.G.synthesis, lambda _: "generator", before="generator")
    watch.part(
        trunk, lambda _: "trunk on generated" if torch.is_grad_enabled() else "trunk on photos"
    )
    watch.part(networks.D.get_submodule("mixing"), lambda _: "mixing")
    *heads, last = networks.D.get_submodule("heads").children()
    for head in heads:
        watch.part(head, _of_head)
    pixels = trunk_shapes(networks.config).d_pixels
    watch.part(last, (lambda _: "pixel head") if pixels else _of_head)


def _of_head(given: Any) -> str:
    return "heads for D" if given[3] else "heads for G"


def step_shares(config: Config, real: Tensor, repeats: int) -> dict[str, Any]:
    """Seconds of a step by part, rows that are not due in each step by their share of it.

    Fetching photos and the check of a step's numbers are left out.

    Args:
        config: with a projected discriminator; an encoder is a part like others.
        real: photos, float32 [B, 3, S, S], where it runs.
        repeats: timed turns; each part's median counts.

    Returns:
        Plain values: `precision`, `seconds` and `parts` [{part, seconds, backward, share}], where
        `backward` are the seconds of a part that the backward pass takes; None of an encoder's.
    """
    whole = _seconds(config, real, repeats)
    total = sum(whole.values())
    seconds = {part: whole[part, False] + whole[part, True] for part, _ in list(whole)}
    others = [part for part in seconds if part not in (*PARTS, OPTIMISERS, REST)]
    return {
        "precision": str(compute_dtype(config.train.precision, real.device)).split(".")[-1],
        "seconds": total,
        "parts": [
            {
                "part": part,
                "seconds": seconds[part],
                "backward": None if part in others else whole[part, True],
                "share": seconds[part] / total,
            }
            for part in (*PARTS, *others, OPTIMISERS, REST)
            if part in seconds
        ],
    }


def _seconds(config: Config, real: Tensor, repeats: int) -> Seconds:
    """Of a mean step: medians of each row, by how often it is due."""
    device, watch = real.device, _Watch(real.device)
    state, judges = TrainState.create(config, device), LossNetworks.of(config, device)
    _name(watch, state.networks, vars(judges.critic)["maps"])
    for optimizer in state.optimizers.values():
        watch.step(optimizer)
    joint, *others = (row for row in phase_table(config, judges) if not row.warming)

    def loss(*given: Any) -> Any:
        watch.begin()
        return joint.loss(*given)

    rows = [replace(joint, loss=loss), *others]
    photos = real.contiguous(memory_format=torch.channels_last)
    engine = Engine(config, state, rows, lambda *_: (photos, None))
    jobs: list[tuple[str, int, Work]] = [
        (REST, 1, partial(engine.take, rows[0])),
        *((f"{r.name}, every {r.every}", r.every, partial(engine.take, r)) for r in others),
        (OPTIMISERS, 1, partial(state.update_averages, config)),
    ]
    warm = WARM + 1 if device.type == "cuda" else 1
    turns: list[list[Seconds]] = []
    with logs.working("timing the parts of a step", warm + repeats) as task:
        for _ in range(warm + repeats):
            turns.append([watch.seconds(work, part, part == REST) for part, _, work in jobs])
            task.step()
    whole: Seconds = defaultdict(float)
    for (_, every, _), told in zip(jobs, zip(*turns[warm:], strict=True), strict=True):
        for key in told[0]:
            whole[key] += statistics.median(one[key] for one in told) / every
    return whole
