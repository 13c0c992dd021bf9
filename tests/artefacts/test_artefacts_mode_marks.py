"""marks.csv: read, written, and what is wrong with it."""

import time
from pathlib import Path

import pytest

from limbeck.artefacts.folders import fresh
from limbeck.artefacts.mode_marks import read_marks, write_marks
from limbeck.artefacts.run import MARKS
from limbeck.artefacts.stage import Provenance
from limbeck.errors import DataError
from limbeck.latents import ModeMarks

OURS, OTHER = "0123456789abcdef", "fedcba9876543210"


def _write(folder: Path, *lines: str) -> None:
    (folder / MARKS).write_text("\n".join(["modes,mode,name,mark", *lines, ""]))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    marks = ModeMarks({3: "lying", 1: 'a "b"'}, frozenset({2}), frozenset({5}), {7: 3})
    write_marks(tmp_path, OURS, marks)
    found = read_marks(tmp_path, OURS, 8)
    assert found == marks
    assert found.where == str(tmp_path / MARKS)
    assert found.digest() == marks.digest() != ModeMarks().digest() == ""


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert not read_marks(tmp_path, OURS, 8)


def test_lines_about_other_modes_do_not_apply_and_stay(tmp_path: Path) -> None:
    _write(tmp_path, f"{OTHER},90,text,never", f"{OURS},1,,hide", "", f" {OURS} , 2 , sitting ,")
    found = read_marks(tmp_path, OURS, 8)
    assert (found.names, found.hidden, found.never) == ({2: "sitting"}, {1}, set())
    assert found.others == 1
    write_marks(tmp_path, OURS, ModeMarks())
    assert (tmp_path / MARKS).read_text() == f"modes,mode,name,mark\n{OTHER},90,text,never\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{OURS},1,x", "has 3 fields"),
        (f"{OURS},one,x,", "'one' is no mode's number"),
        (f"{OURS},-1,x,", "'-1' is no mode's number"),
        (f"{OURS},\u0663,x,", "is no mode's number"),
        (f"{OURS},8,x,", "no mode 8 among 8"),
        (f"{OURS},1,a:b,", "cannot be a mode's name"),
        (f"{OURS},1,{'x' * 61},", "cannot be a mode's name"),
        (f"{OURS},1,x,Never", "no mark 'Never'"),
        (f"{OTHER},1,x,Never", "no mark 'Never'"),
        (f"{OURS},1,x,merge:9", "which is not among 8"),
        (f"{OURS},1,x,merge:0", "which is marked never"),
        (f"{OURS},0,x,", "mode 0 has a line above"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    _write(tmp_path, f"{OURS},0,,never", line)
    with pytest.raises(DataError, match=words) as caught:
        read_marks(tmp_path, OURS, 8)
    assert f"{tmp_path / MARKS}:3" in caught.value.what
    assert caught.value.do


def test_all_modes_left_out(tmp_path: Path) -> None:
    _write(tmp_path, *(f"{OURS},{mode},,never" for mode in range(3)))
    with pytest.raises(DataError, match=r"marks.csv:4: all modes are marked never"):
        read_marks(tmp_path, OURS, 3)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / MARKS).open("wb") as file:
        file.truncate(9 * 2**20)
    with pytest.raises(DataError, match=MARKS):
        read_marks(tmp_path, OURS, 3)


def _stage(out: Path, kind: str, **files: str) -> None:
    with fresh(out, kind) as folder:
        for name, text in files.items():
            (folder / f"{name}.csv").write_text(text)
        Provenance.of({}, None).finish(folder, kind, started=time.perf_counter(), summary={})


def test_a_person_s_file_survives_modes_found_anew(tmp_path: Path) -> None:
    out = tmp_path / "modes"
    out.mkdir()
    (out / MARKS).write_text("mine")
    for _ in range(2):
        _stage(out, "modes", table="1")
        assert (out / MARKS).read_text() == "mine"


def test_a_model_s_copy_is_the_model_s_until_a_person_changes_it(tmp_path: Path) -> None:
    out = tmp_path / "model"
    _stage(out, "model", table="1", marks="1")
    _stage(out, "model", table="1", marks="2")
    assert (out / MARKS).read_text() == "2"
    assert not (out / "superseded").exists()
    _stage(out, "model", table="1")
    assert not (out / MARKS).exists(), "marks that were taken away are not left in the model"
    (out / MARKS).write_text("mine")
    _stage(out, "model", table="1")
    assert (out / MARKS).read_text() == "mine"
    _stage(out, "model", table="1", marks="3")
    assert (out / MARKS).read_text() == "3"
    assert (out / "superseded" / "model-1" / MARKS).read_text() == "mine"
