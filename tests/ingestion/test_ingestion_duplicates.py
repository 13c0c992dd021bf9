"""Copies are found however they were saved; images that only look flat stay apart."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingestion_scenes import scene
from PIL import Image, ImageDraw

from limbeck.ingestion.duplicates import NearDuplicates, perceptual_hash, thumbnail
from limbeck.kit.rng import derive_seed


def _thumb(image: Image.Image) -> np.ndarray:
    return thumbnail(np.asarray(image.convert("RGB")).transpose(2, 0, 1))


def _again(image: Image.Image, quality: int, side: int) -> Image.Image:
    buffer = io.BytesIO()
    image.resize((side, side), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).resize(image.size, Image.Resampling.LANCZOS)


def test_thumbnail_is_the_block_mean() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 96, 96), dtype=np.uint8)
    wanted = pixels.reshape(3, 32, 3, 32, 3).mean(axis=(2, 4))
    assert np.abs(thumbnail(pixels) - wanted).max() <= 0.5
    for side in (8, 16, 33, 50, 97):
        flat = thumbnail(np.full((3, side, side), 9, dtype=np.uint8))
        assert flat.shape == (3, 32, 32)
        assert (flat == 9).all()


def test_resaved_copies_are_found() -> None:
    near = NearDuplicates(3)
    for seed in range(40):
        thumb = _thumb(scene(seed))
        assert near.find(perceptual_hash(thumb), thumb) is None
        near.add(perceptual_hash(thumb), thumb)
    found = 0
    for seed in range(40):
        thumb = _thumb(_again(scene(seed), 60, 70))
        index = near.find(perceptual_hash(thumb), thumb)
        assert index in (None, seed)
        found += index == seed
    assert found >= 38


def test_mirror_images_are_copies_and_turned_or_recoloured_ones_are_none() -> None:
    near = NearDuplicates(3)
    for seed in range(20):
        thumb = _thumb(scene(seed))
        near.add(perceptual_hash(thumb), thumb)
    drawn = scene(7)
    mirrored = _thumb(_again(drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 75, 80))
    assert near.find(perceptual_hash(mirrored), mirrored) == 7
    upside = _thumb(drawn.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    assert near.find(perceptual_hash(upside), upside) is None
    swapped = _thumb(Image.merge("RGB", drawn.split()[::-1]))
    assert near.find(perceptual_hash(_thumb(drawn)), swapped) is None


def test_flat_pictures_merge_only_with_their_like() -> None:
    near = NearDuplicates(3)
    for colour in range(0, 256, 5):
        thumb = _thumb(Image.new("RGB", (96, 96), (colour, 128, 255 - colour)))
        assert near.find(perceptual_hash(thumb), thumb) is None
        near.add(perceptual_hash(thumb), thumb)
    same = _thumb(Image.new("RGB", (96, 96), (50, 128, 205)))
    assert near.find(perceptual_hash(same), same) == 10


def test_pages_with_other_words_are_no_copies() -> None:
    near = NearDuplicates(3)
    for number in range(20):
        page = Image.new("RGB", (96, 96), "white")
        word = f"{derive_seed(number) % 10**8}"
        ImageDraw.Draw(page).text((20, 40), word, fill="black")
        thumb = _thumb(page)
        assert near.find(perceptual_hash(thumb), thumb) is None
        near.add(perceptual_hash(thumb), thumb)


@settings(max_examples=80, deadline=None)
@given(key=st.integers(0, 2**64 - 1), flips=st.sets(st.integers(0, 63), max_size=6))
def test_bands_miss_nothing_within_three_bits(key: int, flips: set[int]) -> None:
    other = key
    for bit in flips:
        other ^= 1 << bit
    thumb = np.zeros((3, 32, 32), dtype=np.uint8)
    for bits in range(-1, 4):
        near = NearDuplicates(bits)
        near.add(key, thumb)
        assert (near._find(other, thumb) == 0) == (len(flips) <= bits)


def test_more_bits_than_bands_can_find_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 3"):
        NearDuplicates(4)
