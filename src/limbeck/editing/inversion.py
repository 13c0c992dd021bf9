"""Photos to latents: the best of several starts, then optimisation in W, then layer by layer in W+.

Steps are taken in whitened coordinates: w = start + A v, A A^T the covariance of the generator's
own w. A step of the same length then costs as much in any direction, and v's length says how
unlikely a latent is (Zhu et al. 2020, arXiv 2012.09036, section 3.1). StyleGAN2's projector
(appendix D) steps in w itself, from the mean.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from limbeck.editing.likeness import Likeness, Trunk
from limbeck.errors import UsageError
from limbeck.kit.images import resize_area
from limbeck.kit.rng import derive_seed, generator
from limbeck.latents import SPACE_SIZE, HoldsGenerator, ModeCentres, draw_w, embed_w
from limbeck.nets import AnyGenerator, Encoder
from limbeck.percept import LPIPS
from limbeck.records import Record

Steps = Callable[[int], object]
"""Called with the number of steps done."""
Sights = Callable[[int, Tensor, Tensor], object]
"""Called with the number of steps done, and latents [N, num_ws, w_dim] with their images float
[N, 3, S, S], as the last of these steps found them."""
_DRAWN = 4096  # latents whose spread is measured
_LEAST = 0.02  # axes of less than so much of the largest deviation count as of so much
_SEARCHED = 512  # latents that are looked through where there is neither an encoder nor modes
_CHUNK = 32
_RISE, _FALL = 0.05, 0.25  # shares of the steps in which the rate rises and falls


class Inversion(Record):
    """Settings of an inversion.

    Attributes:
        steps_w: steps with one w for all layers.
        steps_w_plus: then steps with a w for each layer.
        steps_tune: then steps of the generator's own weights (pivotal tuning).
        lpips: network that is looked through while optimising; `vgg16` must have been fetched.
        pixels: weight of the mean squared difference of pixels.
        to_w: weight that holds the layers' w together.
        to_mode: weight that holds the latent to the nearest mode, or to w_avg.
        rate: length of Adam's steps, in standard deviations of w.
        tune_rate: of the weights' steps.
        keep_others: weight that holds what the tuned generator draws elsewhere to what it drew.
        batch: photos at once.
        seed: of what is drawn.
    """

    steps_w: int = Field(100, ge=0, le=100_000)
    steps_w_plus: int = Field(200, ge=0, le=100_000)
    steps_tune: int = Field(0, ge=0, le=100_000)
    lpips: Trunk = "alex"
    pixels: float = Field(4.0, ge=0, allow_inf_nan=False)
    to_w: float = Field(0.02, ge=0, allow_inf_nan=False)
    to_mode: float = Field(0.002, ge=0, allow_inf_nan=False)
    rate: float = Field(0.2, gt=0, allow_inf_nan=False)
    tune_rate: float = Field(1e-3, gt=0, allow_inf_nan=False)
    keep_others: float = Field(0.1, ge=0, allow_inf_nan=False)
    batch: int = Field(8, ge=1)
    seed: int = 0

    @classmethod
    def of(cls, **values: object) -> Self:
        """The settings.

        Raises:
            UsageError: names what is out of range.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            fault = error.errors()[0]
            name = ".".join(map(str, fault["loc"])) or "settings"
            raise UsageError(
                f"inversion: {name} = {fault['input']!r}: {fault['msg']}",
                "see `limbeck invert --help`",
            ) from None


@dataclass(frozen=True, eq=False)
class Whitening:
    """Where a generator's w lie: `mean` [w_dim], `root` A [w_dim, w_dim] and its inverse."""

    mean: Tensor
    root: Tensor
    inverse: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, networks: HoldsGenerator, seed: int) -> "Whitening":
        """Measured on 4,096 latents."""
        G = networks.G_ema
        drawn = draw_w(G.mapping, networks.config, _DRAWN, derive_seed(seed, "whitening"))
        w = drawn.cpu().double()
        mean = w.mean(0)
        variances, axes = torch.linalg.eigh(torch.cov((w - mean).T))
        spread = variances.clamp_min(0).sqrt()
        spread = spread.clamp_min(float(spread.max()) * _LEAST).clamp_min(1e-12)
        root, inverse = axes * spread, axes / spread
        return cls(*(one.float().to(drawn.device) for one in (mean, root, inverse)))

    def coordinates(self, w: Tensor) -> Tensor:
        """w [..., w_dim] in standard deviations from the mean: about 1 in each for a drawn w."""
        return (w - self.mean) @ self.inverse


@torch.no_grad()
def starts(
    networks: HoldsGenerator,
    encoder: Encoder | None,
    modes: ModeCentres | None,
    likeness: Likeness,
    alex: LPIPS,
    seed: int,
) -> Tensor:
    """Where each photo's optimisation begins, float32 [N, w_dim].

    The nearest to the photo, by `likeness`, of: E(photo), the mode's centre whose image looks most
    like it, and w_avg. Without an encoder and without modes also the one of 512 drawn latents.

    Args:
        networks: the generator.
        encoder: E, if there is one.
        modes: its modes, if they are known.
        likeness: to the photos.
        alex: LPIPS-AlexNet.
        seed: of the drawn latents.
    """
    G, photos = networks.G_ema, likeness.photos
    tried = [G.mapping.w_avg.expand(len(photos), -1)]
    if encoder is not None:
        tried.append(encoder(photos).float())
    embedded = alex.embed(resize_area(photos, SPACE_SIZE))
    if modes is not None:
        modes = modes.to(photos.device)
        tried.append(modes.centres[modes.distances(embedded).argmin(1)])
    elif encoder is None:
        drawn = draw_w(G.mapping, networks.config, _SEARCHED, derive_seed(seed, "starts"))
        looks = torch.cat([embed_w(G, alex, part) for part in torch.split(drawn, _CHUNK)])
        tried.append(drawn[torch.cdist(embedded, looks).argmin(1)])
    losses = torch.stack([likeness.loss(G.synthesis(G.broadcast(w))) for w in tried])
    return torch.stack(tried)[losses.argmin(0), torch.arange(len(photos), device=photos.device)]


def mode_targets(G: AnyGenerator, modes: ModeCentres | None, w: Tensor) -> Tensor:
    """The nearest mode's centre in W, or w_avg: float32 [N, w_dim]."""
    if modes is None:
        return G.mapping.w_avg.expand_as(w)
    centres = modes.centres.to(w.device)
    return centres[torch.cdist(w, centres).argmin(1)]


def optimise(
    G: AnyGenerator,
    likeness: Likeness,
    ws: Tensor,
    goal: Tensor,
    whitening: Whitening,
    settings: Inversion,
    *,
    layerwise: bool,
    steps: int,
    done: Sights = lambda *_: None,
) -> Tensor:
    """Latents whose images are nearer to the photos; never farther than those at the start.

    Loss of a photo: `likeness.seen_anew` + to_mode x mean square of the distance to `goal` in
    deviations, and, layer by layer, + to_w x the layers' variance in deviations. Adam; the rate
    rises over the first twentieth and falls to zero over the last quarter.

    Args:
        G: the generator; its parameters stay.
        likeness: to the photos.
        ws: float32 [N, num_ws, w_dim].
        goal: float32 [N, w_dim], where latents are held to.
        whitening: of this generator.
        settings: weights and rate.
        layerwise: each layer by itself (W+), or one change for all (W).
        steps: how many.
        done: told after each step; an error that it raises ends all.
    """
    layers = ws.shape[1] if layerwise else 1
    v = ws.new_zeros(len(ws), layers, ws.shape[2], requires_grad=True)
    optimiser = torch.optim.Adam([v], lr=settings.rate, betas=(0.9, 0.99))
    random = generator(settings.seed, "views", layerwise)
    placed = whitening.coordinates(ws) - whitening.coordinates(goal)[:, None]
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = settings.rate * rate_at(step, steps)
        there = ws + v @ whitening.root.T
        images = G.synthesis(there, noise="const")
        offset = placed + v
        held = settings.to_mode * offset.square().mean((1, 2))
        if layerwise:
            held = held + settings.to_w * offset.var(1, correction=0).mean(1)
        loss = (likeness.seen_anew(images, random) + held).sum()
        (v.grad,) = torch.autograd.grad(loss, [v])
        optimiser.step()
        done(step + 1, there.detach(), images.detach())
    return nearer(G, likeness, ws, (ws + v @ whitening.root.T).detach())


@torch.no_grad()
def nearer(G: AnyGenerator, likeness: Likeness, before: Tensor, after: Tensor) -> Tensor:
    """For each photo the latents [N, num_ws, w_dim] whose image is nearer to it."""
    losses = [likeness.loss(G.synthesis(ws, noise="const")) for ws in (before, after)]
    better = (losses[1] < losses[0])[:, None, None]
    return torch.where(better, after, before)


def rate_at(step: int, steps: int) -> float:
    """Share of the rate at a step: rises over a twentieth, falls by a cosine over a quarter."""
    rise = min(1.0, (step + 1) / max(_RISE * steps, 1))
    left = (steps - step) / max(_FALL * steps, 1)
    return rise * (1.0 if left >= 1 else 0.5 - 0.5 * math.cos(math.pi * left))
