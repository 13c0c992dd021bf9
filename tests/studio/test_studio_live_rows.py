"""Reading statistics while another process writes them."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from limbeck import fsio
from limbeck.studio.live_rows import POINTS, LiveRows, thinned


def row(images: int, **more: Any) -> dict[str, Any]:
    return {"images": images, "loss/D": 2.0, **more}


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(fsio.json_line(each) for each in rows)


def append(file: Path, text: str) -> None:
    with open(file, "a") as out:
        out.write(text)


def test_a_half_written_line_waits_for_its_rest_and_nothing_is_read_twice(tmp_path: Path):
    file = tmp_path / "stats.jsonl"
    rows = LiveRows(file, ("loss/D",), "stats.jsonl")
    rows.look()
    assert len(rows) == 0
    assert not rows.there
    first, second = lines([row(1)]), lines([row(2)])
    append(file, first + second[:10])
    rows.look()
    mark = rows.mark
    assert rows.column("images").tolist() == [1]
    append(file, second[10:])
    rows.look()
    assert rows.column("images").tolist() == [1, 2]
    assert (rows.mark, rows.trouble) == (mark, "")


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path):
    file = tmp_path / "stats.jsonl"
    append(file, lines([row(i) for i in range(5)]))
    rows = LiveRows(file, (), "stats.jsonl")
    rows.look()
    mark = rows.mark
    fsio.write_text(file, lines([row(i) for i in range(3)]))  # as a training that goes on does
    append(file, lines([row(i, again=True) for i in range(3, 9)]))
    rows.look()
    assert rows.column("images").tolist() == list(range(9))
    assert rows.mark != mark


def test_a_file_that_was_changed_in_place_is_read_anew(tmp_path: Path):
    file = tmp_path / "stats.jsonl"
    append(file, lines([row(i) for i in range(10, 15)]))
    rows = LiveRows(file, (), "stats.jsonl")
    rows.look()
    with open(file, "r+") as out:
        out.write(lines([row(i) for i in range(20, 28)]))
    rows.look()
    assert rows.column("images").tolist() == list(range(20, 28))


def test_damaged_lines_are_left_out_and_named(tmp_path: Path):
    file = tmp_path / "stats.jsonl"
    append(file, lines([row(1)]) + '{"images": NaN}\n[]\n' + lines([row(2, **{"loss/D": "x"})]))
    rows = LiveRows(file, ("loss/D",), "raw/stats.jsonl")
    rows.look()
    assert rows.column("images").tolist() == [1, 2]
    assert np.isnan(rows.column("loss/D")[1])
    assert rows.trouble == "raw/stats.jsonl: line 2 is not JSON, and 1 more; it is left out"


def test_what_is_no_file_is_named_and_a_vanished_file_is_forgotten(tmp_path: Path):
    file = tmp_path / "stats.jsonl"
    os.mkfifo(file)
    rows = LiveRows(file, (), "stats.jsonl")
    rows.look()
    assert "is no ordinary file" in rows.trouble
    file.unlink()
    append(file, lines([row(1)]))
    rows.look()
    assert (len(rows), rows.trouble) == (1, "")
    file.unlink()
    rows.look()
    assert len(rows) == 0


def test_a_curve_is_thinned_to_its_extremes():
    x = np.arange(10_000.0)
    y = np.sin(x / 500)
    y[[1234, 7777]] = 9, -9
    y[5000:5010] = np.nan
    few_x, few_y = thinned(x, y)
    assert len(few_x) <= POINTS
    assert {1234.0, 7777.0, 0.0, 9999.0} <= set(few_x.tolist())
    assert (few_y.max(), few_y.min()) == (9, -9)
    assert (np.diff(few_x) > 0).all()
    assert thinned(x[:600], np.arange(600.0))[0].tolist() == x[:600].tolist()
