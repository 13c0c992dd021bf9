"""One training step: the rows that are due, their gradients over all shares, Adam, the averages.

A batch of N is shared out as rows s, s + S, s + 2 S, ... to S shares: one for each pass of each
process. Every share draws its rows of the whole batch's randomness and forms whole minibatch-std
groups, so the step is the same, up to rounding, for any number of processes and passes.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from limbeck.config import Config
from limbeck.errors import LimbeckError, UsageError
from limbeck.kit.device import rng_device
from limbeck.kit.rng import Draws, derive_seed
from limbeck.nets import Layer, ProjectedDiscriminator
from limbeck.ops import fused_epilogue
from limbeck.training.augment import adapt_p
from limbeck.training.critics import Step
from limbeck.training.graphs import Recorder, graphs_wanted
from limbeck.training.phases import Moves, Phase, Terms
from limbeck.training.state import TrainState
from limbeck.training.world import World

Photos = tuple[Tensor, Tensor | None]  # float32 [n, 3, S, S] in [-1, 1] and int64 [n] or None
Feed = Callable[[int, int, int], Photos]  # of (images seen, share, shares)


class NotFinite(LimbeckError):
    """A loss or gradient is NaN or infinite; the averages and the clock have not moved."""


def _mean(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    if len(parts) == 1:
        return {key: value.detach() for key, value in parts[0].items()}
    return {key: torch.stack([p[key].detach() for p in parts]).mean(0) for key in parts[0]}


def shares_of(config: Config, world: World) -> tuple[list[int], int]:
    """The shares of a batch that this process computes, and how many there are.

    Raises:
        UsageError: the batch cannot be shared out into whole minibatch-std groups.
    """
    batch = config.train.batch
    group = min(config.net.mbstd_group or batch, batch)
    local = batch // world.size
    micro = min(config.train.microbatch or local, local)
    shrink = config.train.pl_batch_shrink if config.train.pl_weight > 0 and micro < batch else 1
    if batch % world.size or micro < 1 or local % micro or micro % group or micro % shrink:
        raise UsageError(
            f"a batch of {batch} does not divide into {world.size} processes with passes of "
            f"{micro} in groups of {group}",
            "choose train.batch as a multiple of processes x train.microbatch, and that as a "
            "multiple of net.mbstd_group and train.pl_batch_shrink",
        )
    passes = local // micro
    return [world.rank + world.size * i for i in range(passes)], world.size * passes


def pace_of(config: Config, images: int) -> float:
    """Factor of all learning rates at `images`: 1, and over the last `decay` down to 0 (cosine)."""
    length, decay = config.train.kimg * 1000, config.train.decay
    if decay == 0:
        return 1.0
    left = min(max((length - images) / (decay * length), 0.0), 1.0)
    return (1 - math.cos(math.pi * left)) / 2


class Engine:
    """Takes steps of one training.

    Args:
        config: the run's configuration.
        state: what the steps change.
        phases: the rows of a step, in order.
        feed: where photos come from.
        world: the processes that take each step together.

    Raises:
        UsageError: as `shares_of`.
    """

    def __init__(
        self,
        config: Config,
        state: TrainState,
        phases: list[Phase],
        feed: Feed,
        world: World | None = None,
    ) -> None:
        self.config, self.state, self.phases, self.feed = config, state, phases, feed
        self.world = world or World()
        self.mine, self.shares = shares_of(config, self.world)
        critic = state.networks.members().get("D")
        self._critic = critic if isinstance(critic, ProjectedDiscriminator) else None
        self._frozen = [] if critic is None else _first_layers(critic, config.train.freeze_d)
        if config.train.freeze_mapping:
            self._frozen += _first_layers(state.networks.G.mapping)
        where = rng_device(state.device)
        self._rngs = {
            (phase.name, share): torch.Generator(where) for phase in phases for share in self.mine
        }
        fused, _ = fused_epilogue(state.device, config.net.size)
        for module in state.networks.modules():
            if isinstance(module, Layer):
                module.fused = fused
        self._recorder = Recorder() if graphs_wanted(state.device)[0] else None
        self._p = torch.zeros((), device=state.device)
        self._photos: list[Photos] = []

    def iterate(self) -> Terms:
        """One iteration; returns the named terms as scalars, averaged over the whole batch.

        Raises:
            NotFinite: a term or gradient is not; go back to a checkpoint.
            TrainingError: another process is gone.
        """
        state, batch = self.state, self.config.train.batch
        self._fetch()
        found: Terms = {}
        sums = []
        for phase in self.phases:
            if phase.due(state.images, batch, state.warm):
                found |= self.take(phase)
                sums.append(state.flat.grad[state.flat.part(phase.trains)].sum())
        values = torch.stack([*found.values(), *sums])
        if not bool(torch.isfinite(values).all()):  # the one wait for the device
            odd = [name for name, value in found.items() if not bool(torch.isfinite(value))]
            raise NotFinite(
                f"{', '.join(odd) or 'a gradient'} is not finite at image {state.images}"
            )
        if "signs/real" in found:
            self._adapt(float(found["signs/real"]))
        state.images += batch
        state.update_averages(self.config)
        return dict(zip(found, values[: len(found)].unbind(), strict=True))

    def _fetch(self) -> None:
        """This step's photos, into tensors that keep their place where phases are recorded."""
        photos = [self.feed(self.state.images, share, self.shares) for share in self.mine]
        if self._recorder is None or not self._photos:
            self._photos = photos
            return
        for (real, labels), (new, new_labels) in zip(self._photos, photos, strict=True):
            real.copy_(new)
            if labels is not None and new_labels is not None:
                labels.copy_(new_labels)

    def take(self, phase: Phase) -> Terms:
        """One row: mean gradient over the whole batch, one Adam step a network, running means."""
        state, flat = self.state, self.state.flat
        if not self._photos:
            self._fetch()
        for share in self.mine:
            self._rngs[phase.name, share].manual_seed(self._seed(phase))
        if self._recorder is None:
            terms, moves = self._gradients(phase, state.augment_p)
        else:
            self._p.fill_(state.augment_p)
            augmented = state.augment_p > 0
            p = self._p if augmented else 0.0
            rngs = [self._rngs[phase.name, share] for share in self.mine]
            terms, moves = self._recorder.run(
                (phase.name, augmented), lambda: self._gradients(phase, p), rngs
            )
        self.world.average(flat.grad[flat.part(phase.trains)])
        terms, moves = self._average_facts(terms, moves)
        pace = pace_of(self.config, state.images)
        for name in phase.trains:
            state.step(name, pace)
        flat.refresh(phase.trains)
        if "D" in phase.trains and self._critic is not None:
            self._critic.settle()
        self._move(moves)
        return terms

    def _gradients(self, phase: Phase, p: float | Tensor) -> tuple[Terms, Moves]:
        """Leave the phase's mean gradient over this process's shares in the flat buffer."""
        state = self.state
        self._train_only(phase)
        state.flat.grad[state.flat.part(phase.trains)].zero_()
        parts: list[tuple[Terms, Moves]] = []
        for share, (real, labels) in zip(self.mine, self._photos, strict=True):
            draws = Draws(self._rngs[phase.name, share], state.device, share, self.shares)
            step = Step(real, labels, p, state.pl_mean, draws)
            loss, terms, moves = phase.loss(state.networks, step)
            torch.autograd.backward(loss / len(self.mine))
            parts.append((terms, moves))
        return _mean([terms for terms, _ in parts]), _mean([moves for _, moves in parts])

    def _seed(self, phase: Phase) -> int:
        """All randomness is a function of (seed, phase, images seen); other numbers after a NaN."""
        retry = (self.state.rollbacks,) if self.state.rollbacks else ()
        return derive_seed(self.config.seed, phase.name, self.state.images, *retry)

    def _train_only(self, phase: Phase) -> None:
        for name, module in self.state.networks.members().items():
            if not name.endswith("_ema"):
                module.requires_grad_(name in phase.trains)
        for layer in self._frozen:
            layer.requires_grad_(False)

    def _average_facts(self, *groups: dict[str, Tensor]) -> tuple[dict[str, Tensor], ...]:
        """Terms and running means over all processes, in one message."""
        if self.world.size == 1:
            return groups
        values = [value for group in groups for value in group.values()]
        whole = self.world.average(torch.cat([value.reshape(-1).float() for value in values]))
        parts = iter(torch.split(whole, [value.numel() for value in values]))
        return tuple(
            {key: next(parts).reshape(value.shape) for key, value in group.items()}
            for group in groups
        )

    @torch.no_grad()
    def _move(self, moves: dict[str, Tensor]) -> None:
        nets, train = self.state.networks, self.config.train
        if "w_avg" in moves:
            nets.G.mapping.w_avg.lerp_(moves["w_avg"].float(), 1 - train.w_avg_beta)
            if nets.E is not None:
                nets.E.w_avg.copy_(nets.G.mapping.w_avg)
        if "pl_mean" in moves:
            self.state.pl_mean.lerp_(moves["pl_mean"].float(), train.pl_decay)

    def _adapt(self, sign: float) -> None:
        """ADA: the strength follows the mean sign of D on photos."""
        state, train = self.state, self.config.train
        state.sign_sum += sign * train.batch
        state.sign_count += train.batch
        last = (state.images // train.batch) % train.ada_every == train.ada_every - 1
        if train.augment == "ada" and last:
            mean = state.sign_sum / state.sign_count
            state.augment_p = adapt_p(
                state.augment_p, mean, train.ada_target, state.sign_count, train.ada_kimg
            )
            state.sign_sum, state.sign_count = 0.0, 0


def _first_layers(module: torch.nn.Module, count: int | None = None) -> list[Layer]:
    """The first `count` layers from the image inwards (Freeze-D, Mo et al. 2020); None = all."""
    return [layer for layer in module.modules() if isinstance(layer, Layer)][:count]
