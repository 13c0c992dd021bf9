"""The drawn crawl: same seed same bytes, a truth that adds up, and files as promised."""

import hashlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from limbeck.demo import CrawlTruth, draw_crawl, read_crawl
from limbeck.demo.crawl import OUTLIER_SHARE, plan
from limbeck.demo.odd_ones import OUTLIER_KINDS
from limbeck.demo.picture import encode, picture_of
from limbeck.demo.scenes import MODE_NAMES, MODE_SHARES
from limbeck.errors import DataError, UsageError

COUNT = 40
EXTRA = {"exact_duplicate", "near_duplicate", "truncated", "not_an_image", "too_small"}


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> CrawlTruth:
    return draw_crawl(tmp_path_factory.mktemp("a") / "crawl", count=COUNT, seed=3, workers=1)


def test_truth_names_every_file_and_its_bytes(crawl: CrawlTruth) -> None:
    on_disk = {path.name: path.read_bytes() for path in crawl.photos.iterdir()}
    assert {row.file for row in crawl.rows} == on_disk.keys()
    assert len(crawl.rows) == COUNT + len(EXTRA)
    for row in crawl.rows:
        assert hashlib.sha256(on_disk[row.file]).hexdigest() == row.sha256
        assert row.is_outlier == (row.mode is None) == (row.outlier_kind is not None)
    assert read_crawl(crawl.root) == crawl
    assert not list(crawl.photos.glob("*.jsonl"))


def test_every_mode_kind_and_trap_is_there(crawl: CrawlTruth) -> None:
    assert set(crawl.modes()) == set(MODE_NAMES)
    assert set(crawl.kinds()) == {*OUTLIER_KINDS, "not_an_image"}
    assert set(crawl.planted()) == EXTRA | {"rotated", "png", "webp"}


def test_workers_do_not_change_a_byte(crawl: CrawlTruth, tmp_path: Path) -> None:
    again = draw_crawl(tmp_path / "crawl", count=COUNT, seed=3, workers=2)
    assert again.rows == crawl.rows


def test_another_seed_draws_other_pictures(crawl: CrawlTruth) -> None:
    ours = {order.seed for order in plan(COUNT, 3)}
    assert ours.isdisjoint(order.seed for order in plan(COUNT, 4))
    order = plan(COUNT, 4)[0]
    data = encode(picture_of(order), order.saved, order.seed)
    assert hashlib.sha256(data).hexdigest() not in {row.sha256 for row in crawl.rows}


def test_shares_are_exact_and_order_tells_nothing() -> None:
    orders = plan(3000, 0)
    odd = [order for order in orders if order.kind is not None]
    assert len(odd) == round(3000 * OUTLIER_SHARE)
    for mode, share in zip(MODE_NAMES, MODE_SHARES, strict=True):
        of_mode = sum(order.mode == mode for order in orders)
        assert abs(of_mode - share * 2700) < 6
    assert len({order.file for order in orders}) == 3000
    by_name = sorted(orders, key=lambda order: order.file)
    for listing in (orders, by_name):
        early = sum(order.kind is not None for order in listing[:1500])
        assert 110 < early < 190


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def test_traps_are_what_they_say(crawl: CrawlTruth) -> None:
    by_trap = {row.planted: row for row in crawl.rows}
    path = {trap: crawl.photos / row.file for trap, row in by_trap.items()}
    shas = [row.sha256 for row in crawl.rows]
    assert shas.count(by_trap["exact_duplicate"].sha256) == 2
    assert len(set(shas)) == len(shas) - 1
    broken = opened(path["truncated"])
    with pytest.raises(OSError, match="truncated"):
        broken.load()
    with pytest.raises(OSError, match="cannot identify"):
        opened(path["not_an_image"])
    assert min(opened(path["too_small"]).size) == 13
    turned = opened(path["rotated"])
    assert turned.getexif()[0x0112] == 6
    assert ImageOps.exif_transpose(turned).size == turned.size[::-1]
    assert opened(path["png"]).format == "PNG"
    assert opened(path["webp"]).format == "WEBP"


def test_a_rotated_photo_stands_upright(crawl: CrawlTruth) -> None:
    row = next(row for row in crawl.rows if row.planted == "rotated")
    order = next(order for order in plan(COUNT, 3) if order.file == row.file)
    shown = ImageOps.exif_transpose(opened(crawl.photos / row.file))
    error = np.asarray(shown, np.float32) - np.asarray(picture_of(order), np.float32)
    assert np.abs(error).mean() < 12


def test_pictures_are_photo_sized_and_not_flat(crawl: CrawlTruth) -> None:
    for row in crawl.rows:
        if row.planted in ("truncated", "not_an_image", "too_small", "near_duplicate"):
            continue
        picture = opened(crawl.photos / row.file)
        assert 128 <= min(picture.size) <= 160
        assert picture.mode == "RGB"
        if row.mode is not None:
            assert np.asarray(picture).std() > 12


def test_drawn_once(crawl: CrawlTruth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limbeck.demo.crawl.write_picture", None)
    assert draw_crawl(crawl.root, count=COUNT, seed=3) == crawl


def test_refuses_what_is_not_a_crawl(tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(b"a holiday")
    with pytest.raises(DataError, match="not a drawn crawl"):
        draw_crawl(tmp_path, count=COUNT, seed=0)
    assert (tmp_path / "mine.jpg").read_bytes() == b"a holiday"


@pytest.mark.parametrize(("count", "seed", "workers"), [(39, 0, 1), (40, -1, 1), (40, 0, 0)])
def test_refuses_nonsense(tmp_path: Path, count: int, seed: int, workers: int) -> None:
    with pytest.raises(UsageError, match="cannot draw"):
        draw_crawl(tmp_path / "crawl", count=count, seed=seed, workers=workers)


def test_workers_do_without_torch() -> None:
    code = "import sys, limbeck.demo.picture; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
