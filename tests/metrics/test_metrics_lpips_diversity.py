from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from limbeck.errors import DataError
from limbeck.kit.images import resize_area, to_float
from limbeck.kit.rng import generator
from limbeck.metrics import embedding_diversity, lpips_diversity, lpips_embeddings
from limbeck.percept import LPIPS


def embeddings(count: int) -> Tensor:
    return torch.randn(count, 7, generator=generator("diversity", count)) + 5


def by_hand(e: Tensor, modes: list[int]) -> dict[str, float]:
    """Means over pairs, one by one."""
    kinds: dict[str, list[float]] = {"overall": [], "within": [], "between": []}
    for i, j in combinations(range(len(e)), 2):
        distance = float((e[i].double() - e[j].double()).square().sum())
        kinds["overall"].append(distance)
        kinds["within" if modes[i] == modes[j] else "between"].append(distance)
    return {kind: float(np.mean(values)) for kind, values in kinds.items()}


def test_means_are_those_over_pairs() -> None:
    e, modes = embeddings(23), [i * i % 5 for i in range(23)]
    found = embedding_diversity(e, torch.tensor(modes))
    expected = by_hand(e, modes)
    assert found.overall == pytest.approx(expected["overall"], rel=1e-10)
    assert found.within == pytest.approx(expected["within"], rel=1e-10)
    assert found.between == pytest.approx(expected["between"], rel=1e-10)
    assert (found.pictures, found.modes) == (23, 3)
    assert embedding_diversity(e).overall == found.overall


def test_spreads_are_the_jackknife() -> None:
    e, modes = embeddings(12), [i % 2 for i in range(12)]
    found = embedding_diversity(e, torch.tensor(modes))
    without = [
        by_hand(torch.cat([e[:i], e[i + 1 :]]), modes[:i] + modes[i + 1 :]) for i in range(12)
    ]
    for kind in ("overall", "within", "between"):
        values = np.array([one[kind] for one in without])
        expected = np.sqrt(11 / 12 * ((values - values.mean()) ** 2).sum())
        assert getattr(found, f"{kind}_spread") == pytest.approx(expected, rel=1e-8)


def test_the_spread_is_that_of_new_samples() -> None:
    sets = torch.randn(200, 60, 7, generator=generator("many"))
    found = [embedding_diversity(one) for one in sets]
    real = np.std([one.overall for one in found])
    told = np.mean([one.overall_spread for one in found if one.overall_spread is not None])
    assert told == pytest.approx(real, rel=0.2)


def test_equal_pictures_are_not_diverse_and_missing_pairs_are_null() -> None:
    same = embeddings(1).repeat(4, 1)
    found = embedding_diversity(same, torch.tensor([0, 0, 1, 1]))
    assert (found.overall, found.within, found.between) == (0, 0, 0)
    alone = embedding_diversity(embeddings(3), torch.tensor([4, 2, 9]))
    assert (alone.within, alone.within_spread, alone.modes) == (None, None, 3)
    one = embedding_diversity(embeddings(3), torch.tensor([1, 1, 1]))
    assert (one.between, one.between_spread) == (None, None)
    assert one.within == one.overall
    pair = embedding_diversity(embeddings(2))
    assert pair.overall_spread is None


def test_wrong_counts_are_told() -> None:
    with pytest.raises(ValueError, match="1 images"):
        embedding_diversity(embeddings(1))
    with pytest.raises(ValueError, match="modes"):
        embedding_diversity(embeddings(3), torch.tensor([0, 1]))
    with pytest.raises(DataError, match="no images"):
        lpips_embeddings([])


def test_embeddings_are_lpips_whatever_the_batch() -> None:
    pictures = torch.randint(
        0, 256, (6, 3, 16, 16), dtype=torch.uint8, generator=generator("pictures")
    )
    e = lpips_embeddings(torch.split(pictures, 4))
    assert e.shape == (6, 31872)
    large = to_float(resize_area(pictures, 64))
    with torch.no_grad():
        direct = LPIPS.load("alex").distance(large[:3], large[3:])
    assert torch.allclose((e[:3] - e[3:]).square().sum(1), direct, rtol=2e-2)
    assert lpips_diversity(pictures, batch=1) == pytest.approx(lpips_diversity(pictures), rel=1e-5)
