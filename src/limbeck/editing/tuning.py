"""Pivotal tuning (Roich et al. 2021, arXiv 2106.05744): a generator moved to draw given photos.

What changed is kept as a difference beside the model, which stays as it is.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from limbeck import fsio
from limbeck.editing.inversion import Inversion, Steps, rate_at
from limbeck.editing.likeness import Likeness
from limbeck.errors import DataError
from limbeck.kit.rng import derive_seed, generator
from limbeck.kit.tensors import compare, read_header, read_tensors, write_tensors
from limbeck.latents import HoldsGenerator, draw_w, tensors_digest
from limbeck.nets import AnyGenerator, AnyNet, Encoder, new_generator, prepare

_OTHERS, _EVERY, _ALPHA = 2, 4, 30.0
_FIXED = ("mapping.", "noise_const", "noise_strength", "filter", "magnitude_ema", "w_avg")
_FORMAT = "limbeck-tuned"
Difference = dict[str, Tensor]
"""Name of a parameter -> what is added to it, float32 of its shape."""


def tune(
    networks: HoldsGenerator,
    likeness: Likeness,
    ws: Tensor,
    settings: Inversion,
    done: Steps = lambda _: None,
) -> Difference:
    """One generator for all photos: its weights are moved until it draws them at these latents.

    The mapping, and noise, stay. So that it goes on drawing what it drew elsewhere, images at a way
    of 30 from a photo's latent towards a drawn one, or at the drawn one where that is nearer, are
    held to those before (section 3.2, locality regularisation; the weight differs). Every fourth
    step does so, with four times the weight.

    Args:
        networks: the generator, which is not changed.
        likeness: to the photos.
        ws: float32 [N, num_ws, w_dim], their latents.
        settings: steps, rate, weights, photos at once.
        done: told after each step.

    Returns:
        How its parameters differ from those of the generator.
    """
    before = networks.G_ema
    tuned = copy_of(networks)
    own = {k: p for k, p in tuned.named_parameters() if not any(part in k for part in _FIXED)}
    for parameter in own.values():
        parameter.requires_grad_(True)
    weights = list(own.values())
    optimiser = torch.optim.Adam(weights, lr=settings.tune_rate, betas=(0.9, 0.99))
    random = generator(settings.seed, "tuning")
    for step in range(settings.steps_tune):
        optimiser.param_groups[0]["lr"] = settings.tune_rate * rate_at(step, settings.steps_tune)
        start = step * settings.batch % len(ws)
        rows = slice(start, start + settings.batch)
        images = tuned.synthesis(ws[rows], noise="const")
        loss = likeness.rows(rows).seen_anew(images, random).mean()
        if settings.keep_others and step % _EVERY == 0:
            others = _others(networks, ws, derive_seed(settings.seed, "tuning", step))
            with torch.no_grad():
                drawn = before.synthesis(others, noise="const")
            kept = Likeness.to(drawn, likeness.lpips, likeness.pixels)
            away = kept.loss(tuned.synthesis(others, noise="const")).mean()
            loss = loss + settings.keep_others * _EVERY * away
        for parameter, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            parameter.grad = gradient
        optimiser.step()
        done(step + 1)
    old = before.state_dict()
    return {name: (own[name].detach() - old[name]).cpu() for name in own}


@torch.no_grad()
def _others(networks: HoldsGenerator, ws: Tensor, seed: int) -> Tensor:
    """Latents near the photos', towards drawn ones and no farther: float32 [2, num_ws, w_dim]."""
    G = networks.G_ema
    drawn = draw_w(G.mapping, networks.config, _OTHERS, seed)
    rows = torch.randint(len(ws), (_OTHERS,), generator=generator(seed, "rows")).to(ws.device)
    way = G.broadcast(drawn) - ws[rows]
    length = way.square().sum((1, 2), keepdim=True).sqrt().clamp_min(1e-8)
    return ws[rows] + way * (_ALPHA / length).clamp_max(1)


@torch.no_grad()
def changed(networks: HoldsGenerator, difference: Difference) -> AnyGenerator:
    """The generator with a difference added to it, ready to draw; `networks` stay as they are."""
    made = copy_of(networks)
    for name, parameter in made.named_parameters():
        if name in difference:
            parameter.add_(difference[name].to(parameter))
    prepare(made, torch.float32)
    return made


def copy_of(networks: HoldsGenerator) -> AnyGenerator:
    """A generator of the same weights, whose weights may change."""
    G = networks.G_ema
    made = new_generator(networks.config).to(G.mapping.w_avg.device).eval()
    made.load_state_dict(G.state_dict())
    made.synthesis.compute_dtype = G.synthesis.compute_dtype
    return made.requires_grad_(False)


def write_difference(networks: HoldsGenerator, difference: Difference, path: Path) -> None:
    """Write a difference as safetensors, in float32, with the digest of its generator.

    Raises:
        DataError: the file cannot be written.
    """
    with fsio.atomic_file(path) as temporary:
        write_tensors(difference, temporary, _about(networks))


def _about(networks: HoldsGenerator) -> dict[str, str]:
    digest = tensors_digest(networks.G_ema.state_dict())
    return {"format": _FORMAT, "format_version": "1", "generator": digest}


@dataclass(frozen=True, eq=False)
class Tuned:
    """A tuned generator with the encoder and shapes of the model that it came from."""

    G_ema: AnyGenerator
    E_ema: Encoder | None
    config: AnyNet


def with_difference(networks: HoldsGenerator, path: Path) -> AnyGenerator:
    """The generator as it was tuned; `networks` stay as they are.

    Raises:
        DataError: no such file, damaged, or of another generator.
    """
    again = "give the tuned.safetensors that `limbeck invert --tune` wrote for this model"
    if not path.is_file():
        raise DataError(f"{path}: no such file of a tuned generator", again)
    found, metadata = read_header(path, again)
    if metadata != _about(networks):
        raise DataError(f"{path} is no tuned form of this generator", again)
    shapes = {k: tuple(v.shape) for k, v in networks.G_ema.named_parameters() if k in found}
    if wrong := compare(found, shapes, {"F32"}):
        raise DataError(f"{path} does not fit this generator: {wrong}", again)
    return changed(networks, read_tensors(path, again))
