import pytest
import torch
from torch import Tensor

from limbeck.errors import DataError
from limbeck.kit.rng import generator
from limbeck.metrics import memorised


def normal(count: int, name: str) -> Tensor:
    return torch.randn(count, 6, generator=generator("memorising", name))


def ids(count: int) -> list[str]:
    return [f"{index:016x}" for index in range(count)]


def test_figures_of_points_on_a_line() -> None:
    photos = torch.tensor([[0.0], [1.0], [3.0], [7.0]])  # nearest other: 1, 1, 2, 4
    pictures = torch.tensor([[0.5], [9.5], [3.0], [-3.0]])  # nearest: 0.5, 2.5, 0, 3
    found = memorised(photos, pictures, ids(4), shown=2)
    # of the 16 pairs the image is nearer in 4 (0.5) + 1 (2.5) + 4 (0) + 1 (3)
    assert found.closer == pytest.approx(10 / 16)
    assert found.z == pytest.approx((10 / 16 - 0.5) / (9 / (12 * 16)) ** 0.5)
    assert (found.nearer_1, found.nearer_5) == (0.5, 0.5)
    assert (found.pictures, found.photos, found.others) == (4, 4, 0)
    pairs = [(pair.picture, pair.photo, pair.distance) for pair in found.closest]
    assert pairs == [(2, ids(4)[2], 0.0), (0, ids(4)[0], 0.5)]


def test_fresh_draws_are_as_near_as_photos_and_copies_nearer() -> None:
    photos = normal(1000, "photos")
    fresh = memorised(photos, normal(1000, "fresh"), ids(1000))
    assert fresh.closer == pytest.approx(0.5, abs=0.04)
    assert fresh.nearer_1 == pytest.approx(0.01, abs=0.01)
    assert fresh.nearer_5 == pytest.approx(0.05, abs=0.02)
    assert fresh.median_ratio == pytest.approx(1, abs=0.05)
    assert abs(fresh.z) < 4
    some = torch.cat([normal(900, "fresh"), photos[:100] + 1e-3])
    copied = memorised(photos, some, ids(1000), shown=100)
    assert copied.nearer_1 > 0.1
    assert copied.z > 3
    assert {pair.photo for pair in copied.closest} == set(ids(100))
    assert all(pair.picture >= 900 for pair in copied.closest)


def test_held_out_photos_take_the_place_of_leaving_one_out() -> None:
    photos = normal(500, "photos")
    found = memorised(photos, normal(400, "fresh"), ids(500), held_out=normal(300, "held"))
    assert found.others == 300
    assert found.closer == pytest.approx(0.5, abs=0.06)
    same = memorised(photos, photos[:300], ids(500), held_out=photos[:300])
    assert (same.closer, same.median_ratio) == (0.5, None)


@pytest.mark.parametrize("chunk", [1, 13, 5000])
def test_chunks_do_not_matter(chunk: int) -> None:
    photos, pictures = normal(60, "photos"), normal(40, "pictures")
    assert memorised(photos, pictures, ids(60), chunk=chunk) == memorised(photos, pictures, ids(60))


def test_what_does_not_fit_is_told() -> None:
    for photos, pictures, names in ((1, 5, 1), (5, 0, 5), (5, 5, 4)):
        with pytest.raises(DataError, match="an id each"):
            memorised(normal(photos, "a"), normal(pictures, "b"), ids(names))
