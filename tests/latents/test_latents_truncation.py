"""Truncation: laws that hold for any latents."""

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from limbeck.config import Truncation
from limbeck.errors import UsageError
from limbeck.latents import (
    ModeCentres,
    nearest_embedding,
    nearest_l2,
    needs_pictures,
    target_for,
    truncate,
)

METHODS = get_args(Truncation)


def numbers(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def centres_of(count: int, w_dim: int = 6, width: int = 20, seed: int = 1) -> ModeCentres:
    return ModeCentres(
        numbers(count, w_dim, seed=seed), numbers(count, width, seed=seed + 1),
        torch.arange(count, 0, -1), numbers(3 * count, w_dim, seed=seed + 2),
    )  # fmt: skip


def target(method: Truncation, w: Tensor, modes: ModeCentres) -> Tensor:
    found = target_for(
        method, w, w_avg=numbers(6, seed=9), modes=modes, embeddings=numbers(len(w), 20, seed=5),
        mode_index=1 if method == "index" else None,
    )  # fmt: skip
    return found.w


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 9), clusters=st.integers(2, 5))
@settings(max_examples=15, deadline=None)
def test_psi_one_is_identity_and_psi_zero_is_the_target(
    method: Truncation, seed: int, count: int, clusters: int
) -> None:
    w, modes = numbers(count, 6, seed=seed), centres_of(clusters, seed=seed)
    to = target(method, w, modes)
    assert torch.equal(truncate(w, 1.0, to), w)
    assert torch.equal(truncate(w, 0.0, to), to.expand_as(w))
    half = truncate(w, 0.3, to)
    assert torch.allclose(half, to + 0.3 * (w - to), atol=1e-6)


def test_truncation_composes() -> None:
    w, to = numbers(5, 6, seed=0), numbers(6, seed=1)
    twice = truncate(truncate(w, 0.8, to), 0.5, to)
    assert torch.allclose(twice, truncate(w, 0.4, to), atol=1e-6)


def test_index_pulls_everyone_to_the_given_centre() -> None:
    modes, w = centres_of(4), numbers(3, 6, seed=0)
    for index in range(4):
        found = target_for("index", w, w_avg=w[0], modes=modes, mode_index=index)
        assert torch.equal(found.w, modes.centres[index].expand(3, -1))
        assert found.modes is not None
        assert found.modes.tolist() == [index] * 3


@pytest.mark.parametrize("method", ["multimodal-l2", "multimodal-lpips"])
def test_equal_centres_are_global_truncation(method: Truncation) -> None:
    w_avg = numbers(6, seed=3)
    modes = ModeCentres(
        w_avg.repeat(5, 1), numbers(5, 20, seed=4), torch.ones(5, dtype=torch.int64)
    )
    w = numbers(7, 6, seed=0)
    found = target_for(method, w, w_avg=w_avg, modes=modes, embeddings=numbers(7, 20, seed=5))
    assert torch.allclose(truncate(w, 0.6, found.w), truncate(w, 0.6, w_avg), atol=1e-6)


def test_nearest_is_the_nearest() -> None:
    w, centres = numbers(40, 6, seed=0) + 50, numbers(9, 6, seed=1) + 50
    brute = ((w[:, None].double() - centres[None].double()) ** 2).sum(2).argmin(1)
    assert torch.equal(nearest_l2(w, centres), brute)
    assert torch.equal(nearest_embedding(w, centres), brute)
    assert torch.equal(nearest_l2(centres, centres), torch.arange(9))


def test_only_perceptual_methods_need_pictures() -> None:
    assert [m for m in METHODS if needs_pictures(m)] == ["multimodal-lpips"]


def test_typical_pulls_to_the_nearest_typical_latent_and_says_its_mode() -> None:
    w, modes = numbers(7, 6, seed=0), centres_of(4)
    assert modes.typical is not None
    found = target_for("multimodal-typical", w, w_avg=w[0], modes=modes)
    assert torch.equal(found.w, modes.typical[nearest_l2(w, modes.typical)])
    assert found.modes is not None
    assert torch.equal(found.modes, nearest_l2(found.w, modes.centres))
    without = ModeCentres(modes.centres, modes.embeddings, modes.sizes)
    with pytest.raises(UsageError, match="these modes have none"):
        target_for("multimodal-typical", w, w_avg=w[0], modes=without)


def test_what_is_missing_is_named() -> None:
    w, modes = numbers(2, 6, seed=0), centres_of(3)
    with pytest.raises(UsageError, match="needs modes"):
        target_for("multimodal-l2", w, w_avg=w[0])
    with pytest.raises(UsageError, match="embeddings"):
        target_for("multimodal-lpips", w, w_avg=w[0], modes=modes)
    for index in (None, -1, 3):
        with pytest.raises(UsageError, match="from 0 to 2"):
            target_for("index", w, w_avg=w[0], modes=modes, mode_index=index)
    with pytest.raises(UsageError, match="give the modes of this generator"):
        target_for("multimodal-l2", w[:, :4], w_avg=w[0, :4], modes=modes)
    with pytest.raises(UsageError, match="no truncation"):
        target_for("gloabl", w, w_avg=w[0])  # type: ignore[arg-type]
