"""What the discriminator says of a photo by itself."""

import torch
from torch import Tensor

from limbeck.nets import Discriminator, Networks, ProjectedDiscriminator, trunk_shapes
from limbeck.percept import FeatureMaps

PHOTOS = 64


def has_critic(networks: Networks) -> bool:
    """Whether D can judge a photo: it is there, and needs no class."""
    return "D" in networks.members() and not networks.config.num_classes


class Critic:
    """D with the minibatch statistic that photos have on average.

    D has only ever seen groups of photos. A photo alone would have no spread at all, which D has
    seen of no photo; among its neighbours in the table it would be judged by them.

    Args:
        networks: with D, without classes.
        photos: float32 [N, 3, S, S] in [-1, 1], N >= 1, for the statistic.
    """

    def __init__(self, networks: Networks, photos: Tensor) -> None:
        """Measure the statistic."""
        self._D = networks.D
        shapes = trunk_shapes(networks.config)
        group = shapes.mbstd_group or len(photos)
        whole = len(photos) - len(photos) % group
        photos = photos[: whole or len(photos)]
        self._maps: FeatureMaps | None = None
        if isinstance(self._D, ProjectedDiscriminator):
            device = next(self._D.parameters()).device
            self._maps = FeatureMaps(shapes.d_feature_side, device=device)
            self._spreads = self._D.spread(self._see(self._D, photos))
        else:
            self._spread = self._D.spread(photos)

    def _see(self, D: ProjectedDiscriminator, x: Tensor) -> list[Tensor]:
        assert self._maps is not None
        return D.look(x, self._maps(x))

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """float32 [N, 3, S, S] in [-1, 1] -> [N], mean over heads, patches; higher: more real."""
        if isinstance(self._D, Discriminator):
            logits: Tensor = self._D(x, spread=self._spread)
            return logits.float().flatten()
        patches = self._D(self._see(self._D, x), spread=self._spreads)
        return torch.stack([p.mean((1, 2, 3)) for p in patches]).mean(0)
