"""Score columns of one batch of photos; what they need is prepared once in `Scorer`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from limbeck.config import ScoreConfig
from limbeck.curation.covariates import blur, covariates
from limbeck.curation.critic import Critic, has_critic
from limbeck.curation.embedding import Pictures, embed_many
from limbeck.curation.generated import FEATURE, LITE0, LITE0_SIDE, RESIDUAL
from limbeck.kit.distances import squared_distances
from limbeck.kit.images import to_float
from limbeck.latents import SPACE_SIZE
from limbeck.nets import Networks
from limbeck.percept import LPIPS, Features, at_least

MIDDLE_LAYERS = {"lpips_conv2": 1, "lpips_conv3": 2}
TOLD_APART = "told_apart"
_EQUAL = 1e-4  # relative; networks that have learned nothing draw one image for all


@dataclass(frozen=True)
class PhotoBatch:
    """Photos twice: uint8 at the networks' size, and at 64 px for LPIPS space.

    `networks`: [N, 3, S, S]; `space`: [N, 3, 64, 64]; on the networks' device.
    """

    networks: Tensor
    space: Tensor


class Scorer:
    """Everything fixed while the photos stream by: networks, LPIPS, images, centroid, centres."""

    def __init__(
        self,
        networks: Networks,
        lpips: LPIPS,
        config: ScoreConfig,
        *,
        centroid: Tensor,
        centres: Tensor | None,
        seed: int,
        pictures: int,
        photos: Tensor,
    ) -> None:
        """Draw the images; `centroid` is float [D] at 64 px, `centres` latents [K, w_dim].

        `photos`, uint8 [N, 3, S, S], are what D's minibatch statistic is taken from.
        """
        self.networks, self.lpips, self.config = networks, lpips, config
        g = networks.G_ema
        self.pictures = Pictures(
            g, lpips, networks.config, count=pictures, seed=seed, batch=config.batch
        )
        self.centroid = centroid
        self.lite0 = Features("efficientnet-lite0", g.mapping.w_avg.device, LITE0_SIDE)
        seen = to_float(photos).to(g.mapping.w_avg.device)
        self.critic = Critic(networks, seen) if has_critic(networks) else None
        self.centres: Tensor | None = None
        if centres is not None:
            latents = centres.to(g.mapping.w_avg.device, torch.float32)
            self.centres = embed_many(g, lpips, latents, config.batch)

    def columns(self, photos: PhotoBatch) -> dict[str, Tensor]:
        """Columns [N] of a batch: float, but `x_mode` int64; the set's means are still missing.

        `told_apart` is none: its mean over the set says what the reconstructions are worth. Nor are
        the features [N, D] that `norm_distances` takes.
        """
        x = to_float(photos.networks)
        layers, pooled = self.lpips.look(at_least(x, SPACE_SIZE))
        result = {**covariates(x), **self._space(photos, torch.cat(layers, 1))}
        result |= {FEATURE: pooled, LITE0: self.lite0(photos.networks)}
        if self.networks.E_ema is not None:
            result |= self._reconstruction(x, layers, pooled)
        if self.critic is not None:
            result["d_logit"] = -self.critic(x)
        return result

    def _space(self, photos: PhotoBatch, seen: Tensor) -> dict[str, Tensor]:
        """Distances in LPIPS space. `seen` embeds the photos as the networks see them.

        Images are compared with photos as blurred as they are; the centroid, of photos only, with
        photos as sharp as 64 px allow.
        """
        size = self.networks.config.size
        sharp = seen if size == SPACE_SIZE else self.lpips.embed(to_float(photos.space))
        alike = sharp if size > SPACE_SIZE else seen
        result = {
            "centroid": ((sharp - self.centroid) ** 2).sum(1),
            "nngen": self.pictures.nearest(alike),
        }
        if self.centres is not None:
            nearest = squared_distances(alike, self.centres).min(1)
            result |= {"mode_distance": nearest.values, "x_mode": nearest.indices}
        return result

    def _reconstruction(self, x: Tensor, layers: list[Tensor], pooled: Tensor) -> dict[str, Tensor]:
        """LPIPS and squared error of x and its mirror to their reconstructions, w, blurred copy."""
        w = self._encode(x)
        parts, again = self._compare(x, layers, w)
        if self.config.mirror:
            flipped = x.flip(3)
            mirrored = self.lpips.embed_layers(at_least(flipped, SPACE_SIZE))
            other, _ = self._compare(flipped, mirrored, self._encode(flipped))
            parts = {name: (value + other[name]) / 2 for name, value in parts.items()}
        w_avg = self.networks.G_ema.mapping.w_avg
        parts["w_distance"] = (((w - w_avg) / self.pictures.w_std) ** 2).mean(1).sqrt()
        parts[RESIDUAL] = pooled - again
        shown = at_least(x, SPACE_SIZE)
        hazy = self.lpips.embed(blur(shown, self.config.blur * shown.shape[-1] / SPACE_SIZE))
        parts["blur_distance"] = ((torch.cat(layers, 1) - hazy) ** 2).sum(1)
        return parts

    def _encode(self, x: Tensor) -> Tensor:
        encoder = self.networks.E_ema
        assert encoder is not None, "called only with an encoder"
        w: Tensor = encoder(x)
        return w.float()

    def _compare(
        self, x: Tensor, layers: list[Tensor], w: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Columns of x beside G(w), and AlexNet's pooled features of G(w)."""
        g = self.networks.G_ema
        picture = g.synthesis(g.broadcast(w), noise="const").float()
        others, pooled = self.lpips.look(at_least(picture, SPACE_SIZE))
        by_layer = [((a - b) ** 2).sum(1) for a, b in zip(layers, others, strict=True)]
        result = {"lpips": torch.stack(by_layer).sum(0), "l2": ((x - picture) ** 2).mean((1, 2, 3))}
        result[TOLD_APART] = told_apart(layers, others, result["lpips"])
        return result | {name: by_layer[index] for name, index in MIDDLE_LAYERS.items()}, pooled


def told_apart(photos: list[Tensor], pictures: list[Tensor], own: Tensor) -> Tensor:
    """[N]: 1 where a photo is nearer to its own reconstruction than to that of another photo.

    The other is the photo half a batch away. 0 where that one's is nearer, 1/2 where both are
    equally near: networks that draw the same for all give 1/2, and so does a photo alone.

    Args:
        photos, pictures: LPIPS embeddings by layer of the photos and of their reconstructions.
        own: LPIPS [N] of each photo to its own reconstruction.
    """
    pairs = zip(photos, pictures, strict=True)
    other = torch.stack([((a - b.roll(len(b) // 2, 0)) ** 2).sum(1) for a, b in pairs]).sum(0)
    equal = (other - own).abs() <= _EQUAL * own
    return torch.where(equal, 0.5, (own < other).to(own.dtype))
