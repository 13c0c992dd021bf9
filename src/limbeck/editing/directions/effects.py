"""What directions do, measured on base images: how much, where, and how steadily."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.editing.directions.candidates import Candidate
from limbeck.editing.directions.records import Effects
from limbeck.editing.steering import steered
from limbeck.kit.images import resize_area
from limbeck.latents import SPACE_SIZE, ModeCentres
from limbeck.nets import AnyGenerator
from limbeck.percept import LPIPS

LOOK_SIZE = 128
"""Images are compared at this side in pixels; at 64 AlexNet's later maps have 3 x 3 places."""
MAP_SIDE = 32
"""Of effect maps."""
_CHUNK = 16


@dataclass(frozen=True, eq=False)
class Looked:
    """What images look like.

    Attributes:
        parts: for each layer of LPIPS float32 [N, D_l] at `LOOK_SIZE`; squared distances add up.
        small: LPIPS embedding at 64 px, float32 [N, D], by which modes are told apart.
    """

    parts: list[Tensor]
    small: Tensor

    def distance(self, other: "Looked") -> Tensor:
        """LPIPS, float32 [N]."""
        pairs = zip(self.parts, other.parts, strict=True)
        return torch.stack([(a - b).square().sum(1) for a, b in pairs]).sum(0)


@dataclass(frozen=True, eq=False)
class Measured:
    """A candidate's effects.

    Attributes:
        candidate: of what.
        effects: the figures.
        map: float32 [MAP_SIDE, MAP_SIDE] in 0..1 on the CPU, where the picture changes.
        change: float32 [B, D] on the CPU: LPIPS embeddings at 64 px, those at a large strength less
            those at its opposite, each of unit length; directions that do the same have the same.
    """

    candidate: Candidate
    effects: Effects
    map: Tensor
    change: Tensor


def effect_mask(map_: Tensor) -> Tensor:
    """float [h, w] -> bool [h, w]: where it is above the middle of its smallest and largest value.

    It is all of the picture where the map is the same everywhere.
    """
    return map_ >= (map_.min() + map_.max()) / 2


class Observer:
    """Measures directions of one generator.

    Args:
        G: the generator.
        embedder: LPIPS-AlexNet on the generator's device.
        modes: centres, to see whether images change their mode; None = not looked at.
    """

    def __init__(self, G: AnyGenerator, embedder: LPIPS, modes: ModeCentres | None) -> None:
        self.G, self.embedder = G, embedder
        self.modes = None if modes is None else modes.to(G.mapping.w_avg.device)
        self._plain: tuple[Tensor, Looked] | None = None

    def _look(self, pictures: Tensor) -> Looked:
        pictures = pictures.float()
        parts = self.embedder.embed_layers(resize_area(pictures, LOOK_SIZE))
        return Looked(parts, self.embedder.embed(resize_area(pictures, SPACE_SIZE)))

    def _at(self, candidate: Candidate, bases: Tensor, strength: float) -> Looked:
        moves = [(candidate.direction, strength)] if strength else []
        looks = [self._look(steered(self.G, part, moves)) for part in torch.split(bases, _CHUNK)]
        parts = [torch.cat(some) for some in zip(*(look.parts for look in looks), strict=True)]
        return Looked(parts, torch.cat([look.small for look in looks]))

    @torch.no_grad()
    def measure(self, candidate: Candidate, bases: Tensor, strengths: Sequence[float]) -> Measured:
        """Draw every base image at every strength, and compare.

        The effect map: at each place of each layer of LPIPS the squared distance of embeddings,
        whose sum over places and layers is LPIPS; spread evenly over the pixels of the place,
        added up, divided by |strength|, averaged over base images and strengths, then divided by
        its maximum. For `inside` the mask of every second base image is laid over the change of the
        others, and the other way round.

        Args:
            candidate: the direction.
            bases: float32 [B, num_ws, w_dim], B >= 2.
            strengths: ascending, alike both ways, with 0; an odd number, at least three.
        """
        plain = self._undone(candidate, bases)
        looks = {s: plain if s == 0 else self._at(candidate, bases, s) for s in strengths}
        lpips = torch.stack([looks[s].distance(plain) for s in strengths], 1)
        steps = torch.tensor([abs(s) for s in strengths if s], device=lpips.device)
        moved = lpips[:, [i for i, s in enumerate(strengths) if s]]
        per_unit = float((moved / steps).mean())
        maps = torch.stack([self._map(looks[s], plain) / abs(s) for s in strengths if s]).mean(0)
        whole = maps.mean(0) / maps.mean(0).max().clamp_min(1e-12)
        inside, area = _inside(maps)
        ends = torch.stack([looks[s].distance(looks[strengths[0]]) for s in strengths], 1)
        least, most = _inner(strengths)
        change = looks[most].small - looks[least].small
        effects = Effects(
            lpips=tuple(lpips.mean(0).tolist()), lpips_per_unit=per_unit,
            local=per_unit * (inside - area), area=area, inside=inside,
            monotonic=_monotonic(strengths, ends), images=len(bases),
            mode_changes=self._mode_changes(plain, looks[least], looks[most]),
        )  # fmt: skip
        return Measured(candidate, effects, whole.cpu(), F.normalize(change, dim=1).cpu())

    def _undone(self, candidate: Candidate, bases: Tensor) -> Looked:
        """Base images as they are; kept while the same ones are asked for."""
        if self._plain is None or self._plain[0] is not bases:
            self._plain = (bases, self._at(candidate, bases, 0.0))
        return self._plain[1]

    def _map(self, looked: Looked, plain: Looked) -> Tensor:
        """float32 [B, MAP_SIDE, MAP_SIDE] whose mean is LPIPS."""
        total = torch.zeros(len(plain.small), MAP_SIDE, MAP_SIDE, device=plain.small.device)
        channels = self.embedder.trunk.channels
        for a, b, count in zip(looked.parts, plain.parts, channels, strict=True):
            side = round((a.shape[1] // count) ** 0.5)
            places = (a - b).square().view(len(a), count, side, side).sum(1, keepdim=True)
            total += F.interpolate(places * side**2, size=MAP_SIDE, mode="bilinear")[:, 0]
        return total

    def _mode_changes(self, plain: Looked, *others: Looked) -> float | None:
        if self.modes is None:
            return None
        before = self.modes.distances(plain.small).argmin(1)
        after = [self.modes.distances(other.small).argmin(1) for other in others]
        return float(torch.stack([mode != before for mode in after]).float().mean())


def _inner(strengths: Sequence[float]) -> tuple[float, float]:
    """The second strengths from either end, those at the ends of three."""
    at = 1 if len(strengths) > 3 else 0
    return strengths[at], strengths[-1 - at]


def _inside(maps: Tensor) -> tuple[float, float]:
    """Share of the change float [B, H, W] inside the mask of other images, and that mask's area."""
    halves = [maps[0::2].mean(0), maps[1::2].mean(0)]
    shares, areas = [], []
    for one, other in (halves, halves[::-1]):
        mask = effect_mask(one)
        shares.append(float((other * mask).sum() / other.sum().clamp_min(1e-12)))
        areas.append(float(mask.float().mean()))
    return sum(shares) / 2, sum(areas) / 2


def _monotonic(strengths: Sequence[float], ends: Tensor) -> float:
    """Mean over images of Spearman's correlation of strengths and float [B, S]; 0 where an image
    does not change at all."""
    from scipy.stats import spearmanr  # a second to load, and only here

    found = [
        0.0 if len(set(row)) == 1 else float(spearmanr(strengths, row).statistic)
        for row in ends.tolist()
    ]
    return sum(found) / len(found)
