"""Flags are counted, explained and shown worst first; groups of copies are shown by name."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from reporting_fake_run import COUNT, HOSTILE, is_outlier, make_run, photo_id, quality, source

from limbeck.data import LIMITS, open_dataset
from limbeck.data.layout import ADDED
from limbeck.records import Flag
from limbeck.reporting.gallery import Gallery
from limbeck.reporting.page import report
from limbeck.reporting.quality import EXAMPLES, show_copies, show_flags


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("flags") / "balls", upto="data")


def gallery(run: Path) -> Gallery:
    return Gallery(open_dataset(run / "data"), 64, None, None, None, {}, None)


def test_flags_are_counted_and_the_worst_come_first(run: Path) -> None:
    checks = show_flags(gallery(run))
    blurred = [i for i in range(COUNT) if i % 4 == 0]
    grey = [i for i in range(COUNT) if is_outlier(i)]
    assert [(f.word, f.count) for f in checks.flags] == [
        ("blurred", len(blurred)), ("without colour", len(grey))
    ]  # fmt: skip
    assert (checks.scored, checks.flagged) == (COUNT, len({*blurred, *grey}))
    first = checks.flags[0]
    assert first.percent == pytest.approx(100 * len(blurred) / COUNT)
    assert (first.column, first.below) == ("q_blur", LIMITS[Flag.BLUR].below)
    assert [card.id for card in first.worst.cards] == [
        photo_id(i) for i in blurred[::-1][:EXAMPLES]
    ]
    assert first.worst.cards[0].score == f"{quality(blurred[-1]).blur:.2f}"


def test_the_page_shows_flags_and_copies(run: Path) -> None:
    page = report(run).read_text(encoding="utf-8")
    assert "photos carry a flag" in page
    assert LIMITS[Flag.BLUR].meaning in page
    assert "<code>q_blur</code> below 0.5" in page
    assert LIMITS[Flag.TEXT].meaning not in page, "none is with text"
    assert "Taken for copies" in page
    assert "again 6 &lt;i&gt;.jpg" in page
    assert "and 2 more" in page
    assert "<i>.jpg" not in page


def test_groups_name_what_was_kept_and_left_out(run: Path) -> None:
    copies = show_copies(open_dataset(run / "data").listed())
    assert copies.hidden == 0
    (group,) = copies.groups
    assert (group.number, group.kept, group.more) == (1, source(5), 2)
    assert source(5) == HOSTILE
    far = sorted(range(7), key=lambda n: (-(n ^ 5).bit_count(), n))
    assert group.left_out == tuple(f"again {n} <i>.jpg" for n in far[:5])


def test_a_dataset_without_scores_has_no_flags(tmp_path: Path) -> None:
    run = make_run(tmp_path / "old", upto="data")
    table = run / "data" / "images.parquet"
    pq.write_table(pq.read_table(table).drop_columns(ADDED.names), table)
    index = run / "data" / "index.json"
    text = index.read_text(encoding="utf-8").splitlines()
    size = next(n for n, line in enumerate(text) if '"file": "images.parquet"' in line) + 1
    text[size] = f'    "bytes": {table.stat().st_size},'
    index.write_text("\n".join(text), encoding="utf-8")
    checks = show_flags(gallery(run))
    assert (checks.scored, checks.flags) == (0, ())
    page = report(run).read_text(encoding="utf-8")
    assert "Flagged, not dropped" not in page
    assert "Taken for copies" in page, "groups lie in older tables too"
