"""How much images of a generator look like photos: what inversion makes small, and its figures."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.errors import UsageError
from limbeck.kit.images import resize_area, to_float, to_uint8
from limbeck.percept import LPIPS, at_least
from limbeck.records import Record

Trunk = Literal["alex", "vgg16"]
_ENLARGED = 64  # pixels by which views are larger, at most
_SEEN = 256  # larger images are averaged down for LPIPS (StyleGAN2, appendix D)


class Figures(Record):
    """How far an image is from a photo, both of 8 bits, at the generator's size.

    Attributes:
        lpips: LPIPS-AlexNet, on at least 64 and at most 256 px.
        l2: root of the mean squared difference of pixels in [0, 1].
        psnr: in decibels; higher is nearer.
    """

    lpips: float
    l2: float
    psnr: float


def seen(x: Tensor) -> Tensor:
    """Images [N, 3, S, S] as LPIPS looks at them: 64 to 256 px."""
    return at_least(resize_area(x, _SEEN) if x.shape[-1] > _SEEN else x, 64)


@dataclass(frozen=True, eq=False)
class Likeness:
    """Photos that images are compared with.

    Attributes:
        photos: float32 [N, 3, S, S] in [-1, 1].
        lpips: what looks at them.
        pixels: weight of the mean squared difference of pixels beside LPIPS.
    """

    photos: Tensor
    lpips: LPIPS
    pixels: float
    _embedded: list[Tensor]

    @classmethod
    @torch.no_grad()
    def to(cls, photos: Tensor, lpips: LPIPS, pixels: float) -> "Likeness":
        """The likeness to these photos, float32 [N, 3, S, S] in [-1, 1]."""
        return cls(photos, lpips, pixels, lpips.embed_layers(seen(photos)))

    def loss(self, images: Tensor) -> Tensor:
        """LPIPS + pixels x mean squared difference of each image to its photo, float32 [N]."""
        if images.shape != self.photos.shape:
            raise UsageError(f"images {list(images.shape)} for photos {list(self.photos.shape)}")
        parts = zip(self.lpips.embed_layers(seen(images)), self._embedded, strict=True)
        perceived = torch.stack([(a - b).square().sum(1) for a, b in parts]).sum(0)
        return perceived + self._apart(images)

    def seen_anew(self, images: Tensor, random: torch.Generator) -> Tensor:
        """As `loss`, LPIPS on another view of photos and images alike, drawn at random.

        Both are mirrored or not, shifted by up to an eighth of the side and enlarged, images of 64
        px up to twofold, larger ones less. An image that looks right in one view alone is one that
        fools the network, so latents that are found through many views also look right to networks
        that nobody asked.
        """
        photos = seen(self.photos)
        view = _View.drawn(photos.shape[-1], random)
        return self.lpips.distance(view(seen(images)), view(photos)) + self._apart(images)

    def _apart(self, images: Tensor) -> Tensor:
        return self.pixels * (images - self.photos).square().mean((1, 2, 3))

    def rows(self, rows: slice) -> "Likeness":
        """Of some of the photos."""
        parts = [part[rows] for part in self._embedded]
        return Likeness(self.photos[rows], self.lpips, self.pixels, parts)


@dataclass(frozen=True)
class _View:
    """One way of looking: mirrored or not, shifted by (down, right) pixels, enlarged."""

    mirrored: bool
    down: int
    right: int
    side: int

    @classmethod
    def drawn(cls, size: int, random: torch.Generator) -> "_View":
        mirror, down, right, zoom = torch.rand(4, generator=random).tolist()
        most = 2 * (size // 8) + 1
        side = size + round(zoom * min(size, _ENLARGED))
        return cls(mirror < 0.5, int(down * most), int(right * most), side)

    def __call__(self, x: Tensor) -> Tensor:
        size, edge = x.shape[-1], x.shape[-1] // 8
        x = F.pad(x.flip(3) if self.mirrored else x, (edge,) * 4, mode="reflect")
        x = x[:, :, self.down : self.down + size, self.right : self.right + size]
        return F.interpolate(x, size=self.side, mode="bilinear", align_corners=False)


@torch.no_grad()
def figures(photos: Tensor, images: Tensor, alex: LPIPS) -> list[Figures]:
    """How far images are from photos, for each of them.

    Args:
        photos, images: float [N, 3, S, S] in [-1, 1]; they are rounded to 8 bits first.
        alex: LPIPS-AlexNet.
    """
    a, b = (to_float(to_uint8(x)) for x in (photos, images))
    squared = (a - b).square().mean((1, 2, 3)) / 4
    perceived = alex.distance(seen(a), seen(b))
    decibels = -10 * squared.clamp_min(1e-10).log10()
    rows = zip(perceived.tolist(), squared.sqrt().tolist(), decibels.tolist(), strict=True)
    return [Figures(lpips=one, l2=two, psnr=three) for one, two, three in rows]
