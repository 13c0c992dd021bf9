"""A learned map w -> centre that saves the synthesis pass of multimodal-lpips.

multimodal-lpips draws G(w), embeds it and looks which centre's image is nearest. Where w goes is
a function of w alone, so a small network can learn it from latents that were once looked at.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck import logs
from limbeck.kit.distances import squared_distances
from limbeck.kit.rng import generator
from limbeck.latents import CentreMap, embed_w, nearest_l2
from limbeck.nets import Generator
from limbeck.percept import LPIPS
from limbeck.records import MapQuality

HIDDEN = (512,)
SOFTNESS = 2.0
_BATCH, _LR, _DECAY, _DROPPED = 256, 2e-3, 1e-2, 0.3
_EPOCHS, _PATIENCE = 80, 30
_CHUNK = 64


@torch.no_grad()
def lpips_to_centres(
    G: Generator, embedder: LPIPS, w: Tensor, centres: Tensor, head: Tensor | None = None
) -> Tensor:
    """LPIPS between the image of each w and each centre's: float32 [N, K] on the CPU.

    Args:
        G: the generator.
        embedder: LPIPS.
        w: float [N, w_dim].
        centres: float [K, D], embeddings of the centres' images at 64 px.
        head: embeddings of the first images where they are known, float32 [<= N, D]; the
            others are drawn.
    """
    known = 0 if head is None else len(head)
    parts = []
    if head is not None:
        near = centres.to(head.device)
        parts = [squared_distances(part, near).cpu() for part in torch.split(head, _CHUNK)]
    rest = torch.split(w[known:], _CHUNK) if len(w) > known else ()
    near = centres.to(w.device)
    for part in logs.track(rest, "looking at images for the map", len(rest)):
        parts.append(squared_distances(embed_w(G, embedder, part), near).cpu())
    return torch.cat(parts)


def learn_map(
    w: Tensor, distances: Tensor, centres: Tensor, seed: int
) -> tuple[CentreMap, MapQuality]:
    """Fit a map on three quarters of the latents; measure it on an eighth that it never saw.

    The other eighth says when to stop.

    Args:
        w: float [N >= 16, w_dim] in random order.
        distances: float [N, K], LPIPS of G(w) to the centres' images (`lpips_to_centres`).
        centres: float [K, w_dim], for the baseline (nearest in W).
        seed: of the first weights and of the order.
    """
    w, distances, centres = w.detach().float().cpu(), distances.float().cpu(), centres.cpu()
    fitted, stops = 3 * len(w) // 4, 7 * len(w) // 8
    found = fit_map(w[:stops], distances[:stops], fitted, seed)
    unseen, wanted = w[stops:], distances[stops:]
    nearest = wanted.min(1)

    def against(chosen: Tensor) -> tuple[float, float]:
        extra = wanted.gather(1, chosen[:, None])[:, 0] - nearest.values
        differs = chosen != nearest.indices
        regret = float(extra[differs].mean()) if bool(differs.any()) else 0.0
        return float((~differs).float().mean()), regret

    agreement, regret = against(found.choose(unseen))
    agreement_l2, regret_l2 = against(nearest_l2(unseen, centres))
    return found, MapQuality(
        fitted=fitted, held_out=len(unseen), agreement=agreement, agreement_l2=agreement_l2,
        regret=regret, regret_l2=regret_l2, distance=float(nearest.values.mean()),
    )  # fmt: skip


def fit_map(w: Tensor, distances: Tensor, fitted: int, seed: int) -> CentreMap:
    """Train on the first `fitted` rows, stop by the others; AdamW, minibatches, on the CPU.

    The labels are soft (`soft_labels`), so that a near tie costs little; they agree more often than
    hard ones, and dropout helps as much, for labelled latents are few. The step falls along a half
    cosine. The weights kept are those with the smallest mean LPIPS of the chosen centre.

    Args:
        w: float32 [N, w_dim] on the CPU.
        distances: float32 [N, K].
        fitted: rows to learn from; less than N.
        seed: of the first weights, the order and the dropout.
    """
    mean, scale = w[:fitted].mean(0), w[:fitted].std(0)
    scale = torch.where(scale > 1e-6 * scale.max(), scale, scale.max().clamp_min(1e-6))
    labels, x = soft_labels(distances), (w - mean) / scale
    layers = _first_layers([w.shape[1], *HIDDEN, distances.shape[1]], seed)
    best, waited, lowest = layers, 0, math.inf
    layers = [layer.clone().requires_grad_() for layer in layers]
    adam = torch.optim.AdamW(layers, lr=_LR, weight_decay=_DECAY)
    for epoch in range(_EPOCHS):
        adam.param_groups[0]["lr"] = _LR * (1 + math.cos(math.pi * epoch / _EPOCHS)) / 2
        random = generator(seed, "map", epoch)
        for rows in torch.split(torch.randperm(fitted, generator=random), _BATCH):
            _step(adam, layers, x[rows], labels[rows], random)
        chosen = _logits([layer.detach() for layer in layers], x[fitted:]).argmax(1, keepdim=True)
        reached = float(distances[fitted:].gather(1, chosen).mean())
        if reached < lowest:
            best, waited, lowest = [layer.detach().clone() for layer in layers], 0, reached
        else:
            waited += 1
        if waited > _PATIENCE:
            break
    return CentreMap(mean, scale, tuple(best[0::2]), tuple(best[1::2]))


@torch.enable_grad()
def _step(
    adam: torch.optim.Optimizer, layers: list[Tensor], x: Tensor, labels: Tensor,
    random: torch.Generator,
) -> None:  # fmt: skip
    adam.zero_grad(set_to_none=True)
    loss = F.cross_entropy(_logits(layers, x, random), labels)
    torch.autograd.backward(loss)
    adam.step()


def soft_labels(distances: Tensor) -> Tensor:
    """softmax(-LPIPS / tau), float [N, K]; tau is twice the median gap between the nearest two."""
    if distances.shape[1] == 1:
        return torch.ones_like(distances)
    two = distances.topk(2, dim=1, largest=False).values
    tau = SOFTNESS * float((two[:, 1] - two[:, 0]).median())
    if tau <= 0:
        return F.one_hot(distances.argmin(1), distances.shape[1]).to(distances.dtype)
    return torch.softmax(-distances / tau, dim=1)


def _first_layers(widths: list[int], seed: int) -> list[Tensor]:
    """Weight, bias, weight, ...: normal with gain sqrt(2) (He et al. 2015), zero."""
    random = generator(seed, "map")
    layers = []
    for inputs, outputs in pairwise(widths):
        layers.append(torch.randn(outputs, inputs, generator=random) * math.sqrt(2 / inputs))
        layers.append(torch.zeros(outputs))
    return layers


def _logits(layers: list[Tensor], x: Tensor, random: torch.Generator | None = None) -> Tensor:
    """As `CentreMap.choose`; with `random` a share of each hidden layer is dropped."""
    for number in range(0, len(layers), 2):
        if number:
            x = x.relu()
            if random is not None:
                x = x * (torch.rand(x.shape, generator=random) >= _DROPPED) / (1 - _DROPPED)
        x = F.linear(x, layers[number], layers[number + 1])
    return x
