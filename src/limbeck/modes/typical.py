"""Typical latents: of many, those whose images lie densest among the images of all."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from limbeck import logs
from limbeck.kit.rng import derive_seed
from limbeck.kit.tensors import gathered
from limbeck.latents import pooled_w
from limbeck.nets import AnyGenerator
from limbeck.percept import LPIPS

PART = 4  # one of so many is typical
_NEIGHBOUR = 10
_COMPONENTS = 64
_CHUNK = 64


def typical_latents(G: AnyGenerator, embedder: LPIPS, w: Tensor, seed: int) -> Tensor:
    """The quarter of w whose images have their tenth nearest neighbour nearest, that order.

    Distances are of the AlexNet features of images (spatial means, 64 main axes). Each is a latent
    that the generator draws an image of: the mean of a cluster is none, it lies nearer to the
    middle of W than any latent does.

    Args:
        G: the generator.
        embedder: LPIPS-AlexNet.
        w: float [N, w_dim] in random order.
        seed: of the randomised PCA.

    Returns:
        float32 [N // 4, w_dim] on the CPU, at least one.
    """
    parts = torch.split(w, _CHUNK)
    shown = logs.track(parts, "looking for typical images", len(parts))
    features = gathered(len(w), (pooled_w(G, embedder, part).cpu() for part in shown)).numpy()
    kept = min(_COMPONENTS, *features.shape)
    state = derive_seed(seed, "typical") % 2**32
    points = PCA(n_components=kept, svd_solver="randomized", random_state=state).fit_transform(
        features
    )
    x = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32))
    nearest = min(_NEIGHBOUR + 1, len(x))  # an image is its own nearest
    blocks = torch.split(x, 1024)
    apart = torch.cat([torch.cdist(part, x).kthvalue(nearest, 1).values for part in blocks])
    chosen = torch.argsort(apart, stable=True)[: max(len(w) // PART, 1)]
    return w[chosen.to(w.device)].float().cpu()
