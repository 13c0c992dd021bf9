import numpy as np
import pytest
import torch

from limbeck.curation.seams import strongest_seam


def photos(count: int = 6, side: int = 48) -> torch.Tensor:
    """Smooth images with a soft, slanted edge: like photos, without a seam."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:side, 0:side] / side
    made = []
    for _ in range(count):
        slope, where = random.uniform(0.2, 1.0), random.uniform(0.6, 1.0)
        picture = np.tanh(12 * (x + slope * y - where))
        made.append(np.stack([picture * random.uniform(0.4, 0.9) for _ in range(3)]))
    return torch.tensor(np.stack(made), dtype=torch.float32)


def test_a_step_over_more_than_half_of_a_line_counts_and_over_less_does_not() -> None:
    picture = torch.zeros(3, 3, 16, 20)
    picture[1, 1, :9, 12:] = 0.5  # nine of sixteen rows, in one channel
    picture[2, 1, :7, 12:] = 0.5
    assert strongest_seam(picture).tolist() == [0.0, 0.5, 0.0]


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_two_photos_side_by_side_stand_out_whichever_way_they_lie(turn: int) -> None:
    plain = photos()
    collages = torch.cat([plain[:3, :, :, :20], plain[3:, :, :, 20:]], dim=3)
    assert strongest_seam(collages.rot90(turn, (2, 3))).min() > 2 * strongest_seam(plain).max()


def test_neither_mirroring_nor_brightness_changes_it() -> None:
    x = torch.rand(4, 3, 24, 24) * 2 - 1
    seams = strongest_seam(x)
    for other in (x.flip(3), x.flip(2), x.transpose(2, 3), x + 0.3):
        torch.testing.assert_close(strongest_seam(other), seams)
    torch.testing.assert_close(strongest_seam(x * 0.5), seams * 0.5)
