"""The objective, term by term: pure functions of tensors (StyleGAN2, arXiv 1912.04958).

Logits are float32 [N, 1]; images float32 [N, 3, S, S] in [-1, 1]; every loss is a scalar mean.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Non-saturating loss of G: mean softplus(-D(G(z))) (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake_logits).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Logistic loss of D: mean softplus(D(G(z))) + mean softplus(-D(x))."""
    return F.softplus(fake_logits).mean() + F.softplus(-real_logits).mean()


def relativistic_loss(better: Tensor, worse: Tensor) -> Tensor:
    """Relativistic pairing: mean softplus(-(better - worse)) (Jolicoeur-Martineau 2018).

    D calls it with (real, fake), G with (fake, real) logits; pairs are rows (Huang et al. 2024,
    arXiv 2501.05441, eq. 2). Stable with both R1 and R2 only.
    """
    return F.softplus(worse - better).mean()


def hinge_loss(real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor]) -> Tensor:
    """Hinge loss of D, summed over its heads: mean relu(1 - D(x)) + mean relu(1 + D(G(z))).

    Lim and Ye 2017 (arXiv 1705.02894); over heads as Sauer et al. 2021, eq. 2. G's is `-D(G(z))`,
    see `hinge_generator_loss`.
    """
    terms = [
        F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        for real, fake in zip(real_logits, fake_logits, strict=True)
    ]
    return torch.stack(terms).sum()


def hinge_generator_loss(fake_logits: Sequence[Tensor]) -> Tensor:
    """Loss of G under `hinge_loss`: -mean D(G(z)), summed over heads."""
    return -torch.stack([logits.mean() for logits in fake_logits]).sum()


def r1_penalty(real_logits: Tensor, real: Tensor) -> Tensor:
    """Per-picture |dD/dx|^2 [N] (Mescheder et al. 2018, eq. 9, without gamma / 2).

    `real` must require grad and be what D saw: with augmentation, the augmented images. On
    generated images the same term is R2 (eq. 10).
    """
    (gradient,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    return gradient.square().sum([1, 2, 3])


def path_lengths(pictures: Tensor, ws: Tensor, noise: Tensor) -> Tensor:
    """Per-picture |J_w^T y| [N] (StyleGAN2, eq. 4), y = noise / sqrt(H W), J by one product.

    Args:
        pictures: [N, 3, H, W], made from `ws`.
        ws: [N, num_ws, w_dim], requires grad.
        noise: standard normal, like `pictures`.
    """
    scale = (pictures.shape[2] * pictures.shape[3]) ** -0.5
    (gradient,) = torch.autograd.grad((pictures * noise * scale).sum(), ws, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()


def path_penalty(lengths: Tensor, mean: Tensor) -> Tensor:
    """Path-length penalty mean (|J^T y| - a)^2 (StyleGAN2, eq. 4).

    `mean` is the running average a before this step moves it, so that shares of a batch agree
    on it; the public code moves it first, a difference of one step at a decay of 0.01.
    """
    return (lengths - mean).square().mean()


def feature_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Mean over layers and images of |f(a) - f(b)|_1 / |f(b)|_1: scale-free, so D may grow.

    Our choice; by image, so that it is a mean over any shares of the batch.
    """
    terms = []
    for x, y in zip(a, b, strict=True):
        distance = (x - y).abs().mean((1, 2, 3), dtype=torch.float32)
        terms.append(distance / y.abs().mean((1, 2, 3), dtype=torch.float32).clamp_min(1e-6))
    return torch.stack(terms).mean()
