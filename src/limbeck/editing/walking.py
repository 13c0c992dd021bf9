"""Walks in latent space: from stop to stop, frame by frame; to and fro along a direction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from limbeck.editing.evening import evened
from limbeck.editing.legs import Leg
from limbeck.editing.mode_chains import ModeGraph
from limbeck.editing.pacing import Easing, Pace, allot, eased
from limbeck.editing.points import Point
from limbeck.editing.steering import Direction
from limbeck.editing.ways import along, straight, through_z
from limbeck.errors import DataError, UsageError
from limbeck.kit.images import to_uint8
from limbeck.latents import (
    HoldsGenerator,
    ModeCentres,
    NoiseKind,
    Psi,
    check_batch,
    embed_w,
    is_whole,
    layered_psi,
)
from limbeck.percept import LPIPS

Through = Literal["straight", "modes", "z"]
"""`straight` in W; from centre to centre of `modes` that lie near one another; `z`: on the great
circle between seeds."""


@dataclass(frozen=True, eq=False)
class Walk:
    """Frames of a walk: `len` of them; iterating draws them, a few at a time, anew each time.

    Attributes:
        networks: what draws.
        legs: the ways between the stops.
        times: for each leg float64 [n], t of its frames.
        loop: whether the frame after the last one would be the first.
        landmarks: frame and name of each stop, and of each mode on the way.
        noise: `const` or `none`.
        batch: frames drawn at once.
        output: `uint8`, or `float` for float32 in [-1, 1].
    """

    networks: HoldsGenerator
    legs: tuple[Leg, ...]
    times: tuple[Tensor, ...]
    loop: bool
    landmarks: tuple[tuple[int, str], ...]
    noise: NoiseKind = "const"
    batch: int = 16
    output: Literal["uint8", "float"] = "uint8"

    def __len__(self) -> int:
        return sum(len(t) for t in self.times)

    def part(self, first: int, end: int) -> "Walk":
        """Frames `first` to `end` - 1 as a walk of their own, without landmarks.

        Raises:
            UsageError: there are no such frames.
        """
        if not 0 <= first < end <= len(self):
            raise UsageError(f"frames {first} to {end - 1}", f"give some from 0 to {len(self) - 1}")
        legs, times, start = [], [], 0
        for leg, t in zip(self.legs, self.times, strict=True):
            kept = t[max(first - start, 0) : max(end - start, 0)]
            start += len(t)
            if len(kept):
                legs.append(leg)
                times.append(kept)
        return replace(self, legs=tuple(legs), times=tuple(times), loop=False, landmarks=())

    @torch.no_grad()
    def latents(self) -> Iterator[Tensor]:
        """Latents of each frame, float32 [num_ws, w_dim]; what a direction adds is not in them."""
        for leg, times in zip(self.legs, self.times, strict=True):
            for t in torch.split(times, self.batch):
                yield from leg.way(t)

    @torch.no_grad()
    def __iter__(self) -> Iterator[Tensor]:
        """Images uint8 (or float32) [3, S, S] on the CPU.

        Raises:
            DataError: the generator gives no numbers.
        """
        for leg, times in zip(self.legs, self.times, strict=True):
            for t in torch.split(times, self.batch):
                pictures = leg.draw(self.networks, t, self.noise)
                if not bool(torch.isfinite(pictures).all()):
                    raise DataError("this generator draws images that are not finite", "get others")
                whole = self.output == "uint8"
                yield from (to_uint8(pictures) if whole else pictures).cpu()


@torch.no_grad()
def walk(
    networks: HoldsGenerator,
    stops: Sequence[Point],
    *,
    frames: int,
    loop: bool = False,
    through: Through = "straight",
    even: bool = True,
    easing: Easing = "linear",
    modes: ModeCentres | None = None,
    psi: Psi = 1.0,
    cutoff: int | None = None,
    noise: NoiseKind = "const",
    batch: int = 16,
    output: Literal["uint8", "float"] = "uint8",
    progress: bool = False,
) -> Walk:
    """Frames on the way from stop to stop; every stop is a frame.

    Args:
        networks: `Networks`, or a `Pipeline`.
        stops: two or more places; see `points_of`.
        frames: how many; a loop of N frames is closed: frame N would be frame 0.
        loop: go on from the last stop to the first.
        through: see `Through`. With `modes` a leg leads from its start to the centre of the mode
            whose image is nearest, along a chain of centres that are near one another (see
            `ModeGraph`), and to its end.
        even: set frames so that LPIPS between neighbours is about equal; see
            `evened`. Otherwise each leg takes equally long and t moves at one speed.
        easing: `linear`, or `smooth`: slower near each stop.
        modes: needed to go through them.
        psi: with `z`, the strength by which the stops were truncated; see `through_z`.
        cutoff: with `z`, how many layers were truncated.
        noise: `const` or `none`.
        batch: frames drawn at once.
        output: `uint8` or `float`.
        progress: show how far measuring is.

    Returns:
        The walk: iterate over it to draw.

    Raises:
        UsageError: too few stops or frames, modes or z that are missing, another option.
    """
    if len(stops) < 2:
        raise UsageError(f"a walk from {len(stops)} stop", "name two stops or more")
    ends = [*stops[1:], *(stops[:1] if loop else [])]
    starts = stops if loop else stops[:-1]
    pairs = list(zip(starts, ends, strict=True))
    if through == "straight":
        legs = [Leg(straight(a.ws, b.ws), ((0.0, a.name),)) for a, b in pairs]
    elif through == "z":
        strengths = layered_psi(psi, networks.G_ema.num_ws, cutoff)
        legs = [Leg(through_z(networks, a, b, strengths), ((0.0, a.name),)) for a, b in pairs]
    elif through == "modes":
        legs = _through_modes(networks, pairs, modes)
    else:
        raise UsageError(f"no way through {through!r}", "choose straight, modes or z")
    made = _timed(networks, legs, frames, loop, even, easing, noise, batch, progress)
    last = [] if loop else [(frames - 1, stops[-1].name)]
    return replace(made, landmarks=(*made.landmarks, *last), output=output)


def swing(
    networks: HoldsGenerator,
    start: Point,
    direction: Direction,
    *,
    low: float,
    high: float,
    frames: int,
    even: bool = True,
    easing: Easing = "linear",
    noise: NoiseKind = "const",
    batch: int = 16,
    output: Literal["uint8", "float"] = "uint8",
    progress: bool = False,
) -> Walk:
    """A closed loop along a direction: from strength `low` to `high` and back.

    Args:
        networks: `Networks`, or a `Pipeline`.
        start: the place to which the direction is added.
        direction: a shift of latents, or a channel of a style.
        low: first strength.
        high: the strength halfway.
        frames: how many.
        even, easing, noise, batch, output, progress: as `walk`.

    Raises:
        UsageError: too few frames, or a direction of another generator.
    """
    still = straight(start.ws, start.ws)
    name = f"{start.name} {direction.id}"
    legs = [
        Leg(still, ((0.0, f"{name} {a:+g}"),), (direction, a, b))
        for a, b in ((low, high), (high, low))
    ]
    made = _timed(networks, legs, frames, True, even, easing, noise, batch, progress)
    return replace(made, output=output)


def _through_modes(
    networks: HoldsGenerator, pairs: Sequence[tuple[Point, Point]], modes: ModeCentres | None
) -> list[Leg]:
    if modes is None:
        raise UsageError(
            "this model has no modes that a walk could lead through",
            "make them with `limbeck modes` and give --modes, or go straight",
        )
    G = networks.G_ema
    device = G.mapping.w_avg.device
    modes = modes.to(device)
    graph, embedder = ModeGraph.of(modes), LPIPS.load("alex").to(device)
    legs: list[Leg] = []
    for a, b in pairs:
        start, goal = graph.nearest(embed_w(G, embedder, torch.stack([a.ws, b.ws])))
        chain = graph.chain(start, goal)
        way, times = along([a.ws, *G.broadcast(modes.targets[chain]), b.ws])
        passed = zip(times[1:-1], chain, strict=True)
        marks = [(t, f"mode {mode}") for t, mode in passed if 0 < t < 1]
        legs.append(Leg(way, ((0.0, a.name), *marks)))
    return legs


def _timed(
    networks: HoldsGenerator,
    legs: Sequence[Leg],
    frames: int,
    loop: bool,
    even: bool,
    easing: Easing,
    noise: NoiseKind,
    batch: int,
    progress: bool,
) -> Walk:
    """Say at which t of which leg each frame is taken."""
    if noise not in ("const", "none"):
        raise UsageError(f"noise {noise!r} would flicker from frame to frame", "give const or none")
    check_batch(batch)
    if not is_whole(frames) or frames < 2:
        raise UsageError(f"{frames!r} frames", "give a whole number, 2 frames or more")
    steps = frames if loop else frames - 1
    shares = allot([1.0] * len(legs), steps)
    paces: list[Pace] = [lambda share: share] * len(legs)
    if even:
        shares, paces = evened(networks, legs, steps, noise=noise, batch=batch, progress=progress)
    times, landmarks, first = [], [], 0
    for leg, share, pace in zip(legs, shares, paces, strict=True):
        u = torch.arange(share, dtype=torch.float64) / share
        times.append(pace(eased(u, easing)))
        marks = [(int((times[-1] - t).abs().argmin()), name) for t, name in leg.marks]
        landmarks += [(first + frame, name) for frame, name in marks]
        first += share
    if not loop:
        times[-1] = torch.cat([times[-1], times[-1].new_ones(1)])
    return Walk(networks, tuple(legs), tuple(times), loop, tuple(landmarks), noise, batch)
