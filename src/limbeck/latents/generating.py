"""Drawing: latents at random or by seed, what their images look like, seeds to images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from limbeck import logs
from limbeck.config import Truncation
from limbeck.errors import DataError, UsageError
from limbeck.kit.images import to_pil, to_uint8
from limbeck.kit.rng import Draws, generator
from limbeck.latents.centres import ModeCentres
from limbeck.latents.class_shares import Labels, classes_of, typical_w
from limbeck.latents.drawing import embed_w, layered, seeds_to_z
from limbeck.latents.requests import (
    NoiseKind,
    Psi,
    Seeds,
    check_batch,
    check_noise,
    check_seeds,
    is_whole,
    layered_psi,
)
from limbeck.latents.truncation import needs_pictures, target_for, truncate
from limbeck.nets import AnyGenerator, AnyNet
from limbeck.percept import LPIPS


class HoldsGenerator(Protocol):
    """Networks of a run, or a model folder's pipeline."""

    @property
    def G_ema(self) -> AnyGenerator: ...  # noqa: D102
    @property
    def config(self) -> AnyNet: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Sample:
    """One seed's image, on the CPU, and the mode it was pulled to, if any.

    `image` is uint8 [3, S, S], or float32 in [-1, 1] where that was asked for.
    """

    seed: int
    image: Tensor
    mode: int | None

    @property
    def pil(self) -> Image.Image:
        """The image as a PIL RGB image."""
        return to_pil(self.image if self.image.dtype == torch.uint8 else to_uint8(self.image))


@dataclass(frozen=True, eq=False)
class _Pull:
    """How latents are truncated; see `target_for`."""

    psi: Psi
    truncation: Truncation
    modes: ModeCentres | None
    embedder: LPIPS | None
    mode_index: int | None

    def __call__(
        self, G: AnyGenerator, w: Tensor, typical: Tensor
    ) -> tuple[Tensor, list[int | None]]:
        """float [N, w_dim] or [N, num_ws, w_dim] -> the same, truncated, and each row's mode.

        Where layers have strengths of their own, [N, num_ws, w_dim] comes back in either case.

        `typical` [w_dim] or [N, w_dim] is where global truncation goes.
        Latents of several layers go to one target, chosen by their mean over the layers, or by
        their image.
        """
        embeddings = None
        if needs_pictures(self.truncation) and self.modes is not None and self.embedder is not None:
            embeddings = embed_w(G, self.embedder, w)
        target = target_for(
            self.truncation, w if w.ndim == 2 else w.mean(1), w_avg=typical,
            modes=self.modes, embeddings=embeddings, mode_index=self.mode_index,
        )  # fmt: skip
        chosen = [None] * len(w) if target.modes is None else target.modes.tolist()
        if self.truncation == "none":
            return w, chosen
        if isinstance(self.psi, float):
            goal = target.w.unsqueeze(-2) if w.ndim == 3 else target.w
            return truncate(w, self.psi, goal), chosen
        return truncate(layered(G, w), self.psi, target.w.unsqueeze(-2)), chosen


def _pull(
    networks: HoldsGenerator,
    psi: Psi,
    truncation: Truncation,
    modes: ModeCentres | None,
    embedder: LPIPS | None,
    mode_index: int | None,
    cutoff: int | None = None,
) -> _Pull:
    """The request, checked; a strength outside 0..1 is said once."""
    num_ws = networks.G_ema.num_ws
    psi = layered_psi(psi, num_ws, cutoff)
    if mode_index is not None and not is_whole(mode_index):
        raise UsageError(f"mode {mode_index!r} is no whole number", "give one, counted from 0")
    beyond = [one for one in ([psi] if isinstance(psi, float) else psi) if not 0 <= one <= 1]
    if beyond and truncation != "none":
        effect = "exaggerates what is special" if beyond[0] > 1 else "draws the opposite"
        logs.warn(f"psi {beyond[0]:g} {effect}; 0 is the typical image, 1 the one as trained")
    device = networks.G_ema.mapping.w_avg.device
    return _Pull(psi, truncation, modes.to(device) if modes else None, embedder, mode_index)


def _finished(pictures: Tensor, as_float: bool) -> Tensor:
    """What synthesis gives -> uint8, or float32 in [-1, 1], on the CPU.

    Raises:
        DataError: it gives no numbers.
    """
    if not bool(torch.isfinite(pictures).all()):
        raise DataError(
            "this generator draws images that are not finite",
            "its weights are of no use: get others",
        )
    return (pictures.float().clamp(-1, 1) if as_float else to_uint8(pictures)).cpu()


def images_of_seeds(
    networks: HoldsGenerator,
    seeds: Seeds,
    *,
    psi: Psi,
    truncation: Truncation,
    modes: ModeCentres | None,
    embedder: LPIPS | None,
    mode_index: int | None = None,
    batch: int = 16,
    noise: NoiseKind = "const",
    labels: Labels = "natural",
    as_float: bool = False,
    cutoff: int | None = None,
) -> Iterator[Sample]:
    """One image a seed, whatever the others: the one implementation of drawing.

    The same within 1/255 across batch sizes, bitwise where a chunk has the same size. `labels`
    matter to class-conditional generators. `as_float` gives float32 images
    in [-1, 1] for uint8 ones. A psi outside 0..1 is drawn, with a warning. `psi` and `cutoff`: see
    `layered_psi`.

    Raises:
        UsageError: as `check_seeds`, `check_psi` and `target_for`; a batch below 1; labels that do
            not fit.
    """
    chosen = check_seeds(seeds)
    pull = _pull(networks, psi, truncation, modes, embedder, mode_index, cutoff)
    check_noise(noise)
    step = 1 if noise == "random" else check_batch(batch)
    pulled = _pulled_seeds(networks, chosen, labels, pull, step)
    return _each_seed(networks.G_ema, pulled, noise, as_float)


def latents_of_seeds(
    networks: HoldsGenerator,
    seeds: Seeds,
    *,
    psi: Psi,
    truncation: Truncation,
    modes: ModeCentres | None,
    embedder: LPIPS | None,
    mode_index: int | None = None,
    batch: int = 16,
    labels: Labels = "natural",
    cutoff: int | None = None,
) -> Tensor:
    """The truncated latents that `images_of_seeds` draws: float32 [N, num_ws, w_dim], on the
    generator's device.

    Raises:
        UsageError: as `images_of_seeds`.
    """
    chosen = check_seeds(seeds)
    pull = _pull(networks, psi, truncation, modes, embedder, mode_index, cutoff)
    G = networks.G_ema
    parts = _pulled_seeds(networks, chosen, labels, pull, check_batch(batch))
    found = [layered(G, w) for _, w, _ in parts]
    w_avg = G.mapping.w_avg
    return torch.cat(found) if found else w_avg.new_empty(0, G.num_ws, len(w_avg))


_Pulled = tuple[Sequence[int], Tensor, list[int | None]]


def _pulled_seeds(
    networks: HoldsGenerator, seeds: Sequence[int], labels: Labels, pull: _Pull, step: int
) -> Iterator[_Pulled]:
    """Seeds, their truncated w, and the modes that they were pulled to, some at a time."""
    classes = classes_of(seeds, networks.config, labels)
    mapping = networks.G_ema.mapping
    typical = mapping.w_avg
    if pull.truncation == "global":
        typical = typical_w(mapping, networks.config, classes)
    return _each_pulled(networks, seeds, classes, typical, pull, step)


@torch.no_grad()
def _each_pulled(
    networks: HoldsGenerator,
    seeds: Sequence[int],
    classes: Tensor | None,
    typical: Tensor,
    pull: _Pull,
    step: int,
) -> Iterator[_Pulled]:
    G, z_dim = networks.G_ema, networks.config.z_dim
    device = G.mapping.w_avg.device
    for start in range(0, len(seeds), step):
        chunk = seeds[start : start + step]
        c = None if classes is None else classes[start : start + step].to(device)
        w = G.mapping.w(seeds_to_z(chunk, z_dim).to(device), c)
        goal = typical if typical.ndim == 1 else typical[start : start + step]
        yield chunk, *pull(G, w, goal)


@torch.no_grad()
def _each_seed(
    G: AnyGenerator, pulled: Iterator[_Pulled], noise: NoiseKind, as_float: bool
) -> Iterator[Sample]:
    for chunk, w, modes in pulled:
        random = Draws(generator("noise", chunk[0])) if noise == "random" else None
        pictures = G.synthesis(layered(G, w), noise=noise, rng=random)
        for seed, image, mode in zip(chunk, _finished(pictures, as_float), modes, strict=True):
            yield Sample(seed, image, mode)


def check_latents(networks: HoldsGenerator, w: Tensor | NDArray[Any]) -> Tensor:
    """float [N, w_dim] or [N, num_ws, w_dim] -> the same in float32, on the generator's device.

    Raises:
        UsageError: another shape or type, or values that are not finite.
    """
    w_avg = networks.G_ema.mapping.w_avg
    given = torch.as_tensor(w).detach()
    dim, layers = len(w_avg), networks.G_ema.broadcast(w_avg[None]).shape[1]
    shape = tuple(given.shape)
    fits = given.is_floating_point() and shape[1:] in ((dim,), (layers, dim))
    if not fits:
        hint = "; w[None] makes one latent a batch" if shape in ((dim,), (layers, dim)) else ""
        raise UsageError(
            f"latents {given.dtype} {list(shape)} do not fit this generator",
            f"give floats [N, {dim}] or [N, {layers}, {dim}]{hint}",
        )
    if not bool(torch.isfinite(given).all()):
        raise UsageError("latents hold values that are not finite", "look at where they come from")
    return given.to(w_avg.device, torch.float32)


def images_of_w(
    networks: HoldsGenerator,
    w: Tensor | NDArray[Any],
    *,
    psi: Psi = 1.0,
    truncation: Truncation = "none",
    modes: ModeCentres | None = None,
    embedder: LPIPS | None = None,
    mode_index: int | None = None,
    batch: int = 16,
    noise: NoiseKind = "const",
    as_float: bool = False,
    cutoff: int | None = None,
) -> Iterator[Tensor]:
    """One image a latent, as it is, or pulled to a target as `images_of_seeds` does.

    Args:
        networks: whose averaged generator draws.
        w: float [N, w_dim], or [N, num_ws, w_dim] with another w for each layer.
        psi: strength of the truncation; 1 = none.
        truncation: as `target_for`; latents of several layers go to one target.
        modes: centres of this generator's latents.
        embedder: LPIPS, where `needs_pictures`.
        mode_index: the centre for `index`.
        batch: at once.
        noise: `const`; `random`, another for each image, the same in each call; `none`.
        as_float: images float32 in [-1, 1].
        cutoff: as `layered_psi`.

    Yields:
        Image uint8 (or float32) [3, S, S] on the CPU.

    Raises:
        UsageError: as `check_latents`, `check_psi` and `target_for`; a batch below 1.
    """
    latents = check_latents(networks, w)
    pull = _pull(networks, psi, truncation, modes, embedder, mode_index, cutoff)
    check_noise(noise)
    step = 1 if noise == "random" else check_batch(batch)
    return _each_latent(networks.G_ema, latents, pull, step, noise, as_float)


@torch.no_grad()
def _each_latent(
    G: AnyGenerator, w: Tensor, pull: _Pull, batch: int, noise: NoiseKind, as_float: bool
) -> Iterator[Tensor]:
    for start in range(0, len(w), batch):
        pulled, _ = pull(G, w[start : start + batch], G.mapping.w_avg)
        random = Draws(generator("noise", start)) if noise == "random" else None
        pictures = G.synthesis(layered(G, pulled), noise=noise, rng=random)
        yield from _finished(pictures, as_float)
