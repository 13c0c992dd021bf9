"""Files of a finished stage are changed all at once, and what is a person's stays in its place."""

import time
from pathlib import Path

import pytest

from limbeck import fsio
from limbeck.artefacts.amending import amended, is_own
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.stage import Provenance, read_done
from limbeck.errors import DataError


def _stage(out: Path) -> Path:
    with fresh(out, "keep") as folder:
        for name in ("a.txt", "b-1.txt", "b-2.txt", "deep/c.txt"):
            fsio.write_text(folder / name, "old")
        summary = {"count": 2, "rule": "auto"}
        Provenance.of({}, None).finish(folder, "keep", started=time.perf_counter(), summary=summary)
    (out / "mine").mkdir()
    (out / "mine" / "notes.txt").write_text("mine")
    (out / "link").symlink_to(out / "a.txt")
    return out


def _texts(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text()
        for file in fsio.files_under(folder)
        if file.name != "done.json" and not file.is_symlink()
    }


def test_new_versions_replace_old_ones_and_the_rest_stays(tmp_path: Path) -> None:
    out = _stage(tmp_path / "keep")
    with amended(out, {"count": 1}, ["b-*.txt"]) as building:
        fsio.write_text(building / "a.txt", "new")
        fsio.write_text(building / "b-1.txt", "new")
    assert _texts(out) == {
        "a.txt": "new", "b-1.txt": "new", "deep/c.txt": "old", "mine/notes.txt": "mine",
    }  # fmt: skip
    assert (out / "link").is_symlink()
    done = read_done(out)
    assert done is not None
    assert done.summary == {"count": 1, "rule": "auto"}
    assert sorted(done.files) == ["a.txt", "b-1.txt", "deep/c.txt"]
    assert all(is_own(out, name) for name in done.files)
    assert [p.name for p in tmp_path.iterdir()] == ["keep"]


def test_a_link_to_the_folder_stays_a_link(tmp_path: Path) -> None:
    out = _stage(tmp_path / "elsewhere")
    (tmp_path / "keep").symlink_to(out)
    with amended(tmp_path / "keep", {}) as building:
        fsio.write_text(building / "a.txt", "new")
    assert (tmp_path / "keep").is_symlink()
    assert (out / "a.txt").read_text() == "new"


def test_an_error_leaves_all_as_it_was(tmp_path: Path) -> None:
    out = _stage(tmp_path / "keep")
    before = _texts(out)

    def fail() -> None:
        with amended(out, {"count": 0}) as building:
            fsio.write_text(building / "a.txt", "new")
            raise DataError("stop")

    with pytest.raises(DataError, match="stop"):
        fail()
    assert _texts(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["keep"]


def test_what_somebody_changed_is_theirs(tmp_path: Path) -> None:
    out = _stage(tmp_path / "keep")
    assert is_own(out, "a.txt")
    (out / "a.txt").write_text("mine now")
    assert not is_own(out, "a.txt")
    assert not is_own(out, "mine/notes.txt")
    assert is_own(tmp_path, "anything"), "where nothing is listed, nobody can tell"
