"""k-means finds what was planted, in W and in LPIPS space."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from limbeck.artefacts.mode_files import count_modes
from limbeck.modes import clustering
from limbeck.modes.clustering import cluster, perceptual_points

SIZES = (90, 60, 30, 12)


def planted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points around four far corners in a mixed order, and the corner of each."""
    random = np.random.default_rng(seed)
    corners = np.eye(4, 8) * 10
    truth = random.permutation(np.repeat(np.arange(4), SIZES))
    points = corners[truth] + random.normal(size=(len(truth), 8))
    return points.astype(np.float32), truth


@pytest.mark.parametrize("seed", range(3))
def test_planted_clusters_are_recovered_the_largest_first(seed: int) -> None:
    points, truth = planted(seed)
    found = cluster(points, 4, seed)
    assert found.sizes.tolist() == list(SIZES)
    assert np.array_equal(found.labels, truth)
    for number, rows in enumerate(found.nearest):
        assert sorted(rows) == np.flatnonzero(truth == number).tolist()
        distances = ((points[rows] - points[truth == number].mean(0)) ** 2).sum(1)
        assert np.all(np.diff(distances) >= -1e-4)


def test_same_seed_same_clusters() -> None:
    points = planted(0)[0]
    first, second = cluster(points, 6, 1), cluster(points, 6, 1)
    assert np.array_equal(first.labels, second.labels)


def test_copies_make_fewer_clusters_and_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("limbeck.logs.warn", said.append)
    points = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0)
    found = cluster(points, 5, 0)
    assert found.sizes.tolist() == [10, 10]
    assert len(said) == 1
    assert said[0].startswith("only 2 clusters where 5 were asked for")


def test_found_counts_clusters_of_a_quarter_of_the_mean_share() -> None:
    assert count_modes(torch.tensor([10, 10, 10, 10])) == 4
    assert count_modes(torch.tensor([97, 1, 1, 1])) == 1
    assert count_modes(torch.tensor([25, 25, 25, 5])) == 4  # exactly a quarter of the mean
    assert count_modes(torch.tensor([26, 25, 25, 4])) == 3


class Plain:
    """A generator whose image is its latent, and a space that sees eight of its numbers."""

    @property
    def mapping(self) -> "Plain":
        return self

    @property
    def w_avg(self) -> Tensor:
        return torch.zeros(12)

    def w(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        return z

    def broadcast(self, w: Tensor) -> Tensor:
        return w

    def synthesis(self, ws: Tensor, noise: str = "const") -> Tensor:
        return ws.reshape(-1, 3, 2, 2).repeat_interleave(32, 2).repeat_interleave(32, 3)

    def embed(self, x: Tensor) -> Tensor:
        assert x.shape[-2:] == (64, 64)
        return x[:, :, ::32, ::32].flatten(1)[:, :8]


def test_clusters_that_only_show_in_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limbeck.modes.clustering._FIT_ROWS", 64)
    points, truth = planted(0)
    hidden = np.random.default_rng(1).normal(size=(len(points), 4)) * 100
    w = torch.from_numpy(np.concatenate([points, hidden], 1).astype(np.float32))
    plain = Plain()
    seen = perceptual_points(plain, plain, w, components=6, seed=0)
    assert seen.shape == (len(points), 6)
    assert np.array_equal(cluster(seen, 4, 0).labels, truth)
    in_w = cluster(w.numpy(), 4, 0)
    assert not np.array_equal(in_w.labels, truth), "W hides them, or this test shows nothing"


def test_projection_keeps_distances_when_no_axis_is_dropped() -> None:
    plain, w = Plain(), torch.randn(40, 12, generator=torch.Generator().manual_seed(0))
    points = perceptual_points(plain, plain, w, components=8, seed=0)
    seen = torch.from_numpy(points)
    assert seen.shape == (40, 8)
    assert torch.allclose(gaps(seen, range(40)), gaps(w[:, :8], range(40)), atol=1e-3)


def gaps(points: Tensor, rows: Sequence[int]) -> Tensor:
    chosen = points[list(rows)]
    return ((chosen[:, None] - chosen[None]) ** 2).sum(2)


def explained(points: np.ndarray, labels: np.ndarray) -> float:
    """The share of variance that lies between clusters."""
    inner = sum(points[labels == k].var(0).sum() * (labels == k).mean() for k in set(labels))
    return float(1 - inner / points.var(0).sum())


def test_means_of_a_sample_explain_nearly_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    points = (random.normal(size=(8000, 6)) * np.exp(-np.arange(6) / 2)).astype(np.float32)
    whole = explained(points, cluster(points, 8, 0).labels)
    fitted = []
    kept = clustering.fit_means
    monkeypatch.setattr(
        clustering,
        "fit_means",
        lambda x, count, seed: fitted.append(len(x)) or kept(x, count, seed),
    )
    monkeypatch.setattr(clustering, "FIT_AT_MOST", 2000)
    found = cluster(points, 8, 0)
    assert fitted == [2000]
    assert found.sizes.sum() == 8000
    assert explained(points, found.labels) > whole - 0.01
    assert np.array_equal(found.labels, cluster(points, 8, 0).labels)
