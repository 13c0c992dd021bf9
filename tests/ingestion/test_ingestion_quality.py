"""Each score falls as a photo gets worse in its own way, and says nothing against a good photo."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from limbeck.config import DataConfig
from limbeck.data import LIMITS, flags_of, open_dataset
from limbeck.demo import read_crawl
from limbeck.ingestion import flag_words, ingest
from limbeck.ingestion.quality import count_flags, measure
from limbeck.records import Flag, ImageInfo, Quality, Reason, Status

SIDE = 128


@pytest.fixture(scope="module")
def photos(crawl: Path) -> list[Image.Image]:
    """Ordinary photos of the drawn crawl, 128 px, without the few that the drawer made poor."""
    truth = read_crawl(crawl)
    names = [row.file for row in truth.rows if not row.is_outlier and row.planted is None]
    found = []
    for name in names[:40]:
        photo = ImageOps.fit(Image.open(crawl / "photos" / name).convert("RGB"), (SIDE, SIDE))
        if not flags_of(quality(photo)):
            found.append(photo)
    assert len(found) >= 30, "most ordinary photos carry no flag"
    return found[:16]


def quality(image: Image.Image, *, size: tuple[int, int] = (400, 300), crop: int = 300) -> Quality:
    pixels = np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))
    return measure(pixels, *size, crop)


def check(flag: Flag, good: Image.Image, worse: Sequence[Image.Image]) -> None:
    """The score falls from one to the next, and the last is flagged."""
    scores = [getattr(quality(image), flag) for image in (good, *worse)]
    assert all(a > b for a, b in itertools.pairwise(scores)), (flag, scores)
    assert flag in flags_of(quality(worse[-1])), scores


def test_blurring_lowers_sharpness(photos: list[Image.Image]) -> None:
    for photo in photos:
        soft = [photo.filter(ImageFilter.GaussianBlur(sigma)) for sigma in (0.6, 1, 1.5, 3)]
        check(Flag.BLUR, photo, soft)
        assert Flag.BLUR in flags_of(quality(soft[2]))


def test_sharpness_is_of_the_sharpest_part_and_of_what_is_stored(photos: list[Image.Image]) -> None:
    for photo in photos:
        behind = photo.filter(ImageFilter.GaussianBlur(3))
        behind.paste(photo.crop((32, 32, 96, 96)), (32, 32))
        assert Flag.BLUR not in flags_of(quality(behind))
        large = photo.resize((4 * SIDE, 4 * SIDE), Image.Resampling.BICUBIC)
        large = large.filter(ImageFilter.GaussianBlur(1.2))  # seen in the photo, gone in the square
        reduced = large.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        assert quality(reduced).blur > 0.8 * quality(photo).blur


def test_contrast_is_not_sharpness(photos: list[Image.Image]) -> None:
    for photo in photos:
        for pale in (ImageEnhance.Contrast(photo).enhance(0.4), photo.point(lambda v: v * 0.25)):
            assert quality(pale).blur == pytest.approx(quality(photo).blur, abs=0.1)


def test_darkening_and_brightening(photos: list[Image.Image]) -> None:
    for photo in photos:
        check(Flag.DARK, photo, [photo.point(lambda v, k=k: v * k) for k in (0.7, 0.4, 0.2)])
        check(
            Flag.BRIGHT,
            photo,
            [photo.point(lambda v, k=k: 255 - (255 - v) * k) for k in (0.5, 0.2)],
        )


def test_flat_colours_are_plain(photos: list[Image.Image]) -> None:
    for photo in photos:
        check(Flag.PLAIN, photo, [ImageOps.posterize(photo, bits) for bits in (3, 2, 1)])
    assert quality(Image.new("RGB", (SIDE, SIDE), "white")).plain == 0


def test_what_has_no_colour_of_its_own_is_grey(photos: list[Image.Image]) -> None:
    for photo in photos:
        pale = [ImageEnhance.Color(photo).enhance(share) for share in (0.5, 0.2, 0)]
        check(Flag.GREY, photo, pale)
        sepia = ImageOps.colorize(photo.convert("L"), (40, 20, 5), (255, 240, 210), (150, 120, 85))
        assert Flag.GREY in flags_of(quality(sepia))
    cards = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(cards)
    for place, colour in enumerate(("#b02050", "#20a040", "#3050c0")):
        pen.rectangle((0, 30 * place, SIDE, 30 * place + 25), fill=colour)
    assert Flag.GREY not in flags_of(quality(cards))


def test_small_and_narrow(photos: list[Image.Image]) -> None:
    for side, score in ((64, 0.5), (128, 1), (500, 1)):
        found = quality(photos[0], crop=side)
        assert found.small == score
        assert (Flag.SMALL in flags_of(found)) == (score < 0.67)
    for size, score in (((300, 100), 1 / 3), ((100, 300), 1 / 3), ((300, 200), 2 / 3)):
        found = quality(photos[0], size=size)
        assert found.narrow == pytest.approx(score)
        assert (Flag.NARROW in flags_of(found)) == (score < 0.4)


def captioned(photo: Image.Image, *, bar: bool) -> Image.Image:
    """As memes have it: in two lines of outlined capitals, or in black on a bar."""
    photo = photo.copy()
    pen = ImageDraw.Draw(photo)
    if bar:
        pen.rectangle((0, 0, SIDE, 30), fill="white")
        pen.text(
            (4, 2), "when they find the\nball and throw it", "black", ImageFont.load_default(11)
        )
        return photo
    font = ImageFont.load_default(16)
    for top, words in ((3, "NOBODY EVER"), (106, "THROWS IT")):
        pen.text((64, top), words, "white", font, "ma", stroke_width=1, stroke_fill="black")
    return photo


def test_captions_and_pages_are_text(photos: list[Image.Image]) -> None:
    for bar in (False, True):
        found = [Flag.TEXT in flags_of(quality(captioned(photo, bar=bar))) for photo in photos]
        assert sum(found) >= len(photos) - 1, bar
    page = Image.new("RGB", (SIDE, SIDE), "#fdf6e3")
    few, many = page.copy(), page.copy()
    for image, lines in ((few, 2), (many, 8)):
        pen = ImageDraw.Draw(image)
        pen.text((5, 4), "\n".join(["it was a cold day in"] * lines), "#202020")
    check(Flag.TEXT, page, [few, many])


def test_frames_count_by_their_area(photos: list[Image.Image]) -> None:
    for photo in photos:
        for wide in (1, 3, 10):
            inner = photo.resize((SIDE - 2 * wide, SIDE - 2 * wide))
            for colour in ("black", "white", "#806040"):
                framed = ImageOps.expand(inner, wide, colour)
                share = 1 - ((SIDE - 2 * wide) / SIDE) ** 2
                # an edge of the frame's own colour in the photo adds to it or hides it
                if quality(framed).border == pytest.approx(1 - share):
                    assert (Flag.BORDER in flags_of(quality(framed))) == (share > 0.03)
                    break
            else:
                pytest.fail(f"no frame of {wide} pixels was found")


def test_bars_on_one_side_are_black_or_white_and_walls_are_no_bars(
    photos: list[Image.Image],
) -> None:
    for photo in photos[:6]:
        for colour, counts in (("black", True), ("white", True), ("#b08868", False)):
            barred = photo.copy()
            ImageDraw.Draw(barred).rectangle((0, 0, SIDE, 19), fill=colour)
            ImageDraw.Draw(barred).line((0, 20, SIDE, 20), fill="#c02060")
            assert (quality(barred).border == pytest.approx(1 - 20 / SIDE)) == counts
    lamp = Image.new("RGB", (SIDE, SIDE), "white")
    ImageDraw.Draw(lamp).ellipse((30, 20, 100, 110), fill="#804020")
    assert quality(lamp).border == 1
    assert quality(Image.linear_gradient("L").resize((SIDE, SIDE))).border == 1


@settings(max_examples=40, deadline=None)
@given(
    side=st.integers(8, 150), low=st.integers(0, 255), span=st.integers(0, 255),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_any_square_has_scores(side: int, low: int, span: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    high = min(low + span, 255) + 1
    pixels = random.integers(low, high, (3, side, side)).astype(np.uint8)
    found = measure(pixels, side, side, side)  # the record refuses what is not in [0, 1]
    assert found == measure(pixels.copy(), side, side, side)
    if span == 0:
        assert {Flag.PLAIN, Flag.GREY} <= set(flags_of(found))


def test_every_flag_has_a_score_and_a_limit() -> None:
    assert list(LIMITS) == list(Flag) == list(Quality.model_fields)
    assert all(0 < limit.below < 1 for limit in LIMITS.values())
    perfect = Quality(**dict.fromkeys(Quality.model_fields, 1.0))
    assert flags_of(perfect) == ()
    for flag, limit in LIMITS.items():
        assert flags_of(perfect.model_copy(update={flag: limit.below})) == ()
        assert flags_of(perfect.model_copy(update={flag: limit.below - 1e-6})) == (flag,)


def test_flags_are_counted_among_accepted_photos() -> None:
    def info(name: str, status: Status, *flags: Flag) -> ImageInfo:
        return ImageInfo(source=name, status=status, flags=flags)

    infos = [
        info("a", Status.ACCEPTED, Flag.DARK, Flag.GREY),
        info("b", Status.ACCEPTED, Flag.GREY),
        info("c", Status.REJECTED, Flag.TEXT),
        info("d", Status.ACCEPTED),
    ]
    assert count_flags(infos) == {"dark": 1, "grey": 2}
    assert flag_words(count_flags(infos)) == "flagged, not dropped: 2 without colour, 1 dark"
    assert flag_words({}) == ""


def test_nothing_is_dropped_for_a_flag(photos: list[Image.Image], tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for number, photo in enumerate(photos[:4]):
        photo.save(root / f"{number}.png")
    photos[0].filter(ImageFilter.GaussianBlur(4)).crop((0, 0, 128, 50)).save(root / "bad.png")
    photos[1].convert("L").point(lambda v: v * 0.35).save(root / "night.png")
    (root / "note.txt").write_text("no photo")
    summary = ingest(root, tmp_path / "data", DataConfig(size=64, crop="center", min_side=16))
    assert (summary.listed, summary.accepted) == (7, 6)
    assert summary.flags == {"blur": 1, "dark": 1, "narrow": 1, "grey": 1, "small": 1}
    rows = {info.source: info for info in open_dataset(tmp_path / "data").listed()}
    assert set(rows["bad.png"].flags) == {Flag.BLUR, Flag.NARROW, Flag.SMALL}
    assert set(rows["night.png"].flags) == {Flag.DARK, Flag.GREY}
    assert rows["bad.png"].quality is not None
    assert rows["bad.png"].quality.narrow == pytest.approx(50 / 128)
    assert rows["note.txt"].reason is Reason.NOT_AN_IMAGE
    assert rows["note.txt"].quality is None
