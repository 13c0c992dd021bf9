"""Does a generator repeat its training photos? Nearest-photo distances against those of photos."""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from limbeck.errors import DataError
from limbeck.kit.distances import CHUNK
from limbeck.metrics.auroc import auroc
from limbeck.metrics.precision_recall import nearest
from limbeck.records import Record


class Lookalike(Record):
    """A generated image (its row) and the training photo nearest to it."""

    picture: int
    photo: str
    distance: float


class Memorising(Record):
    """Distances of generated images, and of other photos, to their nearest training photo."""

    pictures: int
    photos: int = Field(description="training photos")
    others: int = Field(description="held-out photos; 0 = each training photo against the rest")
    closer: float = Field(description="chance that an image is nearer than a photo; 0.5 = alike")
    z: float = Field(description="the same in standard deviations (Mann-Whitney); > 0 = nearer")
    nearer_1: float = Field(description="images nearer than the nearest 1 % of photos, a share")
    nearer_5: float = Field(description="images nearer than the nearest 5 % of photos, a share")
    median_ratio: float | None = Field(description="median of images / median of photos")
    closest: list[Lookalike] = Field(description="the nearest pairs, the nearest first")


def memorised(
    photos: Tensor,
    pictures: Tensor,
    ids: Sequence[str],
    *,
    held_out: Tensor | None = None,
    shown: int = 8,
    chunk: int = CHUNK,
) -> Memorising:
    """The data-copying test of Meehan et al. (2020, arXiv 2004.05675), without its cells.

    d(x) is the distance of x to its nearest training photo. For a generator that draws afresh from
    the photos' distribution, d of an image is distributed as d of a photo that was not trained on;
    one that copies comes nearer. Compared are the two distributions as wholes (`closer`, `z`) and
    their nearest ends (`nearer_1` is 0.01 by chance, `nearer_5` 0.05): a few copies show there
    alone. Where no photos are held out each training photo is left out in turn. Truncation and
    missing variety bring images nearer as well, since typical photos lie densely: look at
    `closest` before you speak of copies.

    Args:
        photos: features of the photos the generator was trained on, float [N >= 2, D].
        pictures: features of generated images, float [M >= 1, D].
        ids: N ids.
        held_out: features of photos of the same kind that were not trained on, float [K, D].
        shown: how many nearest pairs to name.
        chunk: rows of distances at once.

    Raises:
        DataError: too few photos or images, or another number of ids.
    """
    if len(photos) < 2 or not len(pictures) or len(ids) != len(photos):
        raise DataError(
            f"{len(pictures)} images against {len(photos)} photos with {len(ids)} ids",
            "give two photos or more, an id each, and at least one image",
        )
    left_out = held_out is None
    fresh, _ = nearest(photos if held_out is None else held_out, photos, itself=left_out,
                       chunk=chunk)  # fmt: skip
    drawn, which = nearest(pictures, photos, chunk=chunk)
    n, m = len(fresh), len(drawn)
    is_fresh = torch.arange(n + m) < n
    closer = auroc(torch.cat([fresh, drawn]).numpy(), is_fresh.numpy())
    deviation = ((n + m + 1) / (12 * n * m)) ** 0.5
    low, middle = fresh.quantile(torch.tensor([0.01, 0.05]).double()), float(fresh.median())
    order = drawn.argsort(stable=True)[:shown].tolist()
    return Memorising(
        pictures=m,
        photos=len(photos),
        others=0 if held_out is None else n,
        closer=closer,
        z=(closer - 0.5) / deviation,
        nearer_1=float((drawn < low[0]).double().mean()),
        nearer_5=float((drawn < low[1]).double().mean()),
        median_ratio=float(drawn.median()) / middle if middle > 0 else None,
        closest=[
            Lookalike(picture=i, photo=ids[int(which[i])], distance=float(drawn[i])) for i in order
        ],
    )
