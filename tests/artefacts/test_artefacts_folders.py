"""Whose a folder is, and what becomes of what lies where a stage is to be."""

import os
import time
from pathlib import Path

import pytest

from limbeck import fsio
from limbeck.artefacts.folders import (
    bring_back,
    claim,
    erase_snapshot,
    find_aside,
    fresh,
    keep_apart,
    move_aside,
)
from limbeck.artefacts.stage import Provenance, read_done
from limbeck.errors import DataError, LimbeckError, UsageError


def _make(out: Path, files: dict[str, str], *, took: float = 0.0, adds: bool = False) -> None:
    with fresh(out, "samples", adds=adds) as folder:
        for name, content in files.items():
            fsio.write_text(folder / name, content)
        started = time.perf_counter() - took
        Provenance.of({}, None).finish(folder, "samples", started=started, summary={})


def _texts(folder: Path) -> dict[str, str]:
    names = (f for f in fsio.files_under(folder) if f.name not in ("done.json", "begun.json"))
    return {file.relative_to(folder).as_posix(): file.read_text() for file in names}


def test_cheap_work_of_our_own_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "s"
    _make(out, {"a.png": "1", "b.png": "1", "deep/c.png": "1"})
    _make(out, {"a.png": "2"})
    assert _texts(out) == {"a.png": "2"}
    assert not (out / "deep").exists()


def test_costly_work_is_kept_whole(tmp_path: Path) -> None:
    out = tmp_path / "s"
    _make(out, {"a.png": "1", "b.png": "1"}, took=100)
    _make(out, {"a.png": "2"})
    aside = out / "superseded" / "s-1"
    assert _texts(out) == {"a.png": "2", "superseded/s-1/a.png": "1", "superseded/s-1/b.png": "1"}
    assert read_done(aside) is not None


def test_what_a_person_added_or_changed_stays(tmp_path: Path) -> None:
    out = tmp_path / "s"
    _make(out, {"a.png": "1", "b.png": "1"})
    (out / "mine.docx").write_text("mine")
    (out / "b.png").write_text("edited")
    _make(out, {"a.png": "2", "b.png": "2"})
    assert _texts(out) == {
        "a.png": "2", "b.png": "2", "mine.docx": "mine", "superseded/s-1/b.png": "edited",
    }  # fmt: skip


def test_a_person_s_file_under_a_name_that_comes_is_moved(tmp_path: Path) -> None:
    out = tmp_path / "s"
    _make(out, {"a.png": "1"})
    (out / "c.png").write_text("mine")
    (out / "deep").write_text("a file where a folder comes")
    (out / "d").mkdir()
    (out / "d" / "inner.txt").write_text("a folder where a file comes")
    _make(out, {"c.png": "2", "deep/x.png": "2", "d": "2"})
    assert _texts(out) == {
        "c.png": "2", "deep/x.png": "2", "d": "2", "superseded/s-1/c.png": "mine",
        "superseded/s-1/deep": "a file where a folder comes",
        "superseded/s-1/d/inner.txt": "a folder where a file comes",
    }  # fmt: skip


def test_adding_keeps_what_was_made_before(tmp_path: Path) -> None:
    out = tmp_path / "s"
    _make(out, {"a.png": "1", "grid.png": "1"})
    _make(out, {"b.png": "2", "grid.png": "2"}, adds=True)
    assert _texts(out) == {"a.png": "1", "b.png": "2", "grid.png": "2"}
    done = read_done(out)
    assert done is not None
    assert set(done.files) == {"a.png", "b.png", "grid.png"}


def test_a_stage_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "s"
    _make(out, {"a.png": "1"})

    def fail() -> None:
        with fresh(out, "samples") as folder:
            (folder / "a.png").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _texts(out) == {"a.png": "1"}


def test_work_of_before_files_were_listed_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "s"
    _make(out, {"a.png": "1"})
    values = fsio.read_json(out / "done.json")
    fsio.write_json(out / "done.json", {k: v for k, v in values.items() if k != "files"})
    _make(out, {"b.png": "2"})
    assert _texts(out) == {"b.png": "2", "superseded/s-1/a.png": "1"}


@pytest.mark.parametrize("content", ["not json", "[]", '{"format": "other"}'])
def test_a_folder_that_is_not_limbeck_s_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(DataError, match=r"was not made by limbeck \(it holds config.json\)"):
        claim(tmp_path, "model")


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    _make(tmp_path / "s", {"a.png": "1"})
    with pytest.raises(DataError, match="holds samples"):
        claim(tmp_path / "s", "data")


def test_hidden_files_do_not_make_a_folder_full(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").write_text("x")
    claim(tmp_path, "run")


def test_overrides_may_be_there_first(tmp_path: Path) -> None:
    (tmp_path / "overrides.csv").write_text("id,keep,reason\n")
    claim(tmp_path, "keep")
    with pytest.raises(DataError, match="not made by limbeck"):
        claim(tmp_path, "data")


@pytest.mark.parametrize("out", ["photos", "photos/out", "", "link", "link/out"])
def test_photos_and_output_lie_apart(tmp_path: Path, out: str) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to("photos")
    with pytest.raises(UsageError, match="lie in one another"):
        keep_apart(tmp_path / "photos", tmp_path / out)
    keep_apart(tmp_path / "photos", tmp_path / "photos-out")


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_an_output_that_is_a_file_is_refused(tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        claim(tmp_path / out, "run")


def test_a_folder_that_cannot_be_made_is_a_clear_error() -> None:
    with pytest.raises(LimbeckError, match="cannot make the folder"):
        claim(Path("/proc/limbeck-out"), "run")


def test_a_link_goes_as_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "film.mkv").write_text("film")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    (tmp_path / "run" / "raw").symlink_to(tmp_path / "far")
    assert move_aside(tmp_path / "run" / "raw") == tmp_path / "run" / "superseded" / "raw-1"
    assert (tmp_path / "far" / "film.mkv").read_text() == "film"
    assert (tmp_path / "run" / "superseded" / "raw-1").is_symlink()


def test_erasing_never_leaves_the_folder_or_follows_a_link(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    for file in (inside / "a", inside / "deep" / "b", inside / "c", outside / "x"):
        file.write_text("x")
    (inside / "link").symlink_to(outside)
    fsio.erase(inside, ["a", "deep/b", "link/x", "../out/x", str(outside / "x"), "absent", "deep"])
    left = {file.relative_to(tmp_path).as_posix() for file in fsio.files_under(tmp_path)}
    assert left == {"in/c", "in/link", "out/x"}
    assert not (inside / "deep").exists(), "empty"
    fsio.erase(inside, ["link"])
    assert not (inside / "link").is_symlink()
    assert (outside / "x").exists()


def test_pruning_a_snapshot_spares_what_somebody_put_there(tmp_path: Path) -> None:
    for name in ("state-1", "state-2"):
        for file in ("state.json", "optimizers.safetensors", "networks/G.safetensors"):
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text("x")
    for file in ("notes.txt", "mine.safetensors"):
        (tmp_path / "state-2" / "networks" / file).write_text("mine")
    erase_snapshot(tmp_path / "state-1")
    erase_snapshot(tmp_path / "state-2")
    assert _texts(tmp_path) == {
        "state-2/networks/notes.txt": "mine", "state-2/networks/mine.safetensors": "mine",
    }  # fmt: skip


def test_a_superseded_stage_that_is_not_whole_is_not_taken_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    wanted = Provenance.of({"a": "1"}, "x")
    _make(run / "samples", {"a.png": "1", "b.png": "1"}, took=100)
    wanted.begin(run / "samples")
    _make(run / "samples", {"c.png": "2"})
    aside = find_aside(run / "samples", wanted)
    assert aside == run / "superseded" / "samples-1"
    assert find_aside(run / "samples", Provenance.of({}, "y")) is None
    (aside / "b.png").rename(tmp_path / "b.png")
    assert find_aside(run / "samples", wanted) is None
    (tmp_path / "b.png").rename(aside / "b.png")
    bring_back(run / "samples", aside)
    assert _texts(run / "samples") == {"a.png": "1", "b.png": "1"}
    assert not aside.exists()


def test_sweeping_takes_only_what_a_dead_process_left(tmp_path: Path) -> None:
    dead = ".tmp-a.json-99999999-00000000-00000000"
    names = [dead, ".tmp-mine", ".tmp-a.json-x", f".tmp-a.json-{os.getppid()}-00000000-00000000"]
    for name in names:
        (tmp_path / name).write_text("x")
    mine = fsio.beside(tmp_path / "b.json")
    mine.write_text("being written")
    old = tmp_path / ".tmp-old-nets-99999999-00000000-00000000"
    old.mkdir()
    (old / "G").write_text("the only one")
    assert fsio.sweep(tmp_path) == 2
    assert {p.name for p in tmp_path.iterdir()} == {*names[1:], mine.name, "nets"}
    assert (tmp_path / "nets" / "G").read_text() == "the only one"


def test_replacing_a_folder_keeps_what_the_new_one_does_not_have(tmp_path: Path) -> None:
    for number in (1, 2):
        with fsio.atomic_dir(tmp_path / "nets") as folder:
            (folder / "G").write_text(str(number))
        (tmp_path / "nets" / f"note-{number}").write_text("mine")
    assert _texts(tmp_path / "nets") == {"G": "2", "note-1": "mine", "note-2": "mine"}
