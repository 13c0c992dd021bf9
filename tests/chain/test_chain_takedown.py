"""A photo that is taken down is gone from every file of the run, and weights that saw it are named.

The run is real (see `chain_takedown_run`), and so is the search: every image in it, those inside
the report too, is compared with the photo, and every table and text is asked for its names.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from chain_takedown_run import (
    AUTHOR,
    COPIES,
    TAKEN,
    URL,
    Killed,
    draw_walk,
    drawn,
    link_copy,
    make_run,
    naming,
    settings,
    showing,
)
from typer.testing import CliRunner

from limbeck import chain, fsio
from limbeck.artefacts.amending import is_own
from limbeck.artefacts.keep import read_keep
from limbeck.artefacts.lock import hold
from limbeck.artefacts.scores import read_scores
from limbeck.artefacts.takedowns import TAKEDOWNS, read_takedowns, stained
from limbeck.cli import app
from limbeck.data import Dataset, is_taken, open_dataset
from limbeck.errors import DataError, UsageError
from limbeck.ingestion import ingest, source_digest
from limbeck.ingestion.fetching import Fate, Store
from limbeck.model import read_config
from limbeck.percept import cache_folder

STRIDE = 24  # of the kills that a default run tries; `-m slow` tries them all
NAMES = ("p03.png", "twin.png", "q-again.jpg", URL + '"', AUTHOR)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_walk(tmp_path_factory.mktemp("walk") / "photos")


@pytest.fixture(scope="module")
def finished(walk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that tests copy."""
    return make_run(walk, tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports are written without drawing anything."""

    def write(root: Path) -> None:
        fsio.write_text(root / "report" / "index.html", "<p>a report</p>")

    monkeypatch.setattr(chain.takedown, "report", write)


def listing(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "list.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def limbeck(*words: object) -> tuple[int, dict[str, Any], str]:
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    return result.exit_code, json.loads(lines[-1]) if lines else {}, result.stderr


def contents(root: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of change of every file, but for the notes of the lock."""
    return {
        file.relative_to(root).as_posix(): (file.read_bytes(), file.lstat().st_mtime_ns)
        for file in fsio.files_under(root)
        if not file.name.startswith(".limbeck")
    }


def ids_of(data: Dataset, *sources: str) -> tuple[str, ...]:
    return tuple(str(i.id) for i in data.listed() if i.source in sources and i.id)


def pixels_of(data: Dataset) -> dict[str, bytes]:
    return {str(i.id): p.tobytes() for i, p in zip(data.infos, data.stored(), strict=True)}


def gone(root: Path, names: tuple[str, ...]) -> bool:
    return naming(root, names) == set()


def test_a_photo_is_gone_from_every_file(run: Path, walk: Path, tmp_path: Path) -> None:
    data = open_dataset(run / "data")
    ids = ids_of(data, *COPIES)
    (stored,) = (pixels_of(data)[photo] for photo in ids if photo in data.ids)
    others = {k: v for k, v in pixels_of(data).items() if k not in ids}
    shown = {"data/images-00000.npy", "data/crops.jpg", "report/index.html"}
    assert shown <= showing(run, drawn(3)), "the search finds what is there"
    assert {"data/images.parquet", "keep/keep.csv", "report/index.html"} <= naming(run, NAMES)
    before = contents(walk)
    header = (run / "keep/keep.csv").read_text().splitlines()[0]

    code, told, said = limbeck("take-down", run, "--list", listing(tmp_path, URL), "--yes")

    assert code == 0, told
    assert {(p["source"], p["why"]) for p in told["photos"]} == {
        (TAKEN, "named"), ("walk/twin.png", "copy"), ("walk/q-again.jpg", "near copy"),
    }  # fmt: skip
    assert str(walk / TAKEN) in said, "the person's own photo is named, for it stays"
    assert contents(walk) == before
    assert showing(run, drawn(3)) == set()
    assert showing(run / "report", drawn(4)) == {"index.html"}, "others are still shown"
    assert naming(run, NAMES) == set()
    assert naming(run, ids) == {TAKEDOWNS}
    shards = b"".join(file.read_bytes() for file in run.rglob("*.npy"))
    assert stored not in shards
    after = open_dataset(run / "data", verify=True)
    assert pixels_of(after) == others
    assert after.counts == {
        "listed": 19, "accepted": 15, "rejected": {"not_an_image": 1}, "opted_out": 3, "failed": 0,
    }  # fmt: skip
    assert len(read_scores(run / "scores")) == 15
    assert len(read_keep(run / "keep").kept) == 15
    assert (run / "keep/keep.csv").read_text().splitlines()[0] == header
    assert "Photos were taken down" in (run / "report/index.html").read_text("utf-8")
    assert not list(run.rglob(".tmp-*"))
    (record,) = read_takedowns(run)
    assert record.finished is not None
    assert set(record.ids) == set(ids)
    listed = json.loads((run / "data/done.json").read_text())["files"]
    assert sorted(listed) == ["images-00000.npy", "images.parquet", "index.json"]
    assert all(is_own(run / "data", name) for name in listed)


def test_the_dataset_is_what_an_ingestion_without_the_photo_makes(
    run: Path, walk: Path, tmp_path: Path, no_report: None
) -> None:
    listed = listing(tmp_path, *COPIES)
    chain.take_down([run], listed)
    ingest(walk, tmp_path / "again", settings().data, opt_out=listed)
    assert open_dataset(run / "data").digest == open_dataset(tmp_path / "again").digest


def test_trainings_samples_and_models_are_named(run: Path, tmp_path: Path, no_report: None) -> None:
    kept = read_keep(run / "keep").kept
    (photo,) = (i for i in ids_of(open_dataset(run / "data"), TAKEN))
    done = chain.take_down([run], listing(tmp_path, TAKEN))
    told = {one.folder: one for one in done.parts[0].weights}
    assert (told["raw"].photos, told["raw"].saw, told["raw"].exact) == (16, 1, True)
    assert ("kept" in told) == kept[photo]
    made = " ".join(done.parts[0].entry.made)
    assert all(f"{name}: " in made for name in ("raw", "kept", "model", "samples", "modes"))
    assert "raw was trained with 1 photo that was since taken down" in map(str, stained(run))
    _, status, said = limbeck("status", run)
    assert status["taken_down"] == 3
    assert "raw was trained with 1 photo" in said


@pytest.mark.parametrize("kept", [True, False])
def test_the_model_card_says_it_where_its_training_saw_it(
    run: Path, tmp_path: Path, no_report: None, kept: bool
) -> None:
    words = read_keep(run / "keep").kept
    names = {i.id: i.source for i in open_dataset(run / "data").infos}
    photo = next(photo for photo, flag in words.items() if flag is kept)
    chain.take_down([run], listing(tmp_path, names[photo]))
    card = (run / "model/README.md").read_text("utf-8")
    assert ("since taken down: 1." in card or "since taken down: 2." in card) == kept
    assert ("taken down" in read_config(run / "model").data) == kept
    assert is_own(run / "model", "config.json")
    code, _, _ = limbeck("export", run, "--out", tmp_path / "shared")
    assert code == 0
    assert ("taken down" in read_config(tmp_path / "shared").data) == kept


def test_a_dry_run_and_a_refusal_write_nothing(run: Path, tmp_path: Path) -> None:
    before = contents(tmp_path) | {"list.txt": (f"{TAKEN}\n".encode(), 0)}
    file = listing(tmp_path, TAKEN)
    code, told, said = limbeck("take-down", run, "--list", file, "--dry-run")
    assert code == 0
    assert told["dry_run"] is True
    assert [p["source"] for p in told["photos"]] == list(COPIES)
    assert "images removed: 1" in said
    assert limbeck("take-down", run, "--list", file)[0] == 2, "nobody is there to be asked"
    after = contents(tmp_path)
    assert after.keys() == before.keys()
    assert {k: v for k, v in after.items() if k != "list.txt"} == {
        k: v for k, v in before.items() if k != "list.txt"
    }


def test_a_list_that_names_nothing_says_so(run: Path, tmp_path: Path) -> None:
    before = contents(run)
    file = listing(tmp_path, "nobody.png", "# a comment")
    code, told, said = limbeck("take-down", run, "--list", file, "--yes")
    assert code == 0
    assert told["unmatched"] == ["line 1: nobody.png (no photo goes by this name)"]
    assert "nothing to take down" in said
    code, told, _ = limbeck("take-down", run, "--list", file, "--yes", "--strict")
    assert code == 3
    assert contents(run) == before
    assert not (run / TAKEDOWNS).exists()
    with pytest.raises(UsageError, match="no list"):
        chain.take_down([run])


def test_no_shard_of_before_is_left(run: Path, tmp_path: Path, no_report: None) -> None:
    assert len(list((run / "data").glob("images-*.npy"))) == 3
    chain.take_down([run], listing(tmp_path, "walk/p15.png"))
    assert [p.name for p in (run / "data").glob("images-*.npy")] == ["images-00000.npy"]
    assert showing(run / "data", drawn(15)) == set()
    assert showing(run / "data", drawn(14)) == {"images-00000.npy"}


def test_any_of_the_copies_takes_all_down(run: Path, tmp_path: Path, no_report: None) -> None:
    found = chain.plan_takedown([run], listing(tmp_path, "q-again.jpg")).found
    assert sorted(photo.info.source for photo in found.photos) == sorted(COPIES)


def test_what_is_a_persons_stays_and_is_told(run: Path, tmp_path: Path, no_report: None) -> None:
    mine = run / "keep" / "overrides.csv"
    mine.write_text(f"photo,keep,reason\nwalk/p04.png,1,\n{TAKEN},0,not mine\n")
    (run / "data" / "deep").mkdir()
    (run / "data" / "deep" / "notes.txt").write_text("look at p03.png again\n")
    (run / "keep" / "keep.csv").write_text((run / "keep" / "keep.csv").read_text() + "\n")
    texts = {f: f.read_bytes() for f in (mine, run / "keep/keep.csv", run / "data/deep/notes.txt")}
    done = chain.take_down([run], listing(tmp_path, TAKEN))
    assert {left.file: left.why for left in done.parts[0].left} == {
        mine: "names them in line 3",
        run / "data/deep/notes.txt": "names them in line 1",
        run / "keep/keep.csv": "names them in line 5",
    }
    assert {file: file.read_bytes() for file in texts} == texts


def test_other_rows_of_metrics_features_and_boards_go(
    run: Path, tmp_path: Path, no_report: None
) -> None:
    data = open_dataset(run / "data")
    photo, other = ids_of(data, TAKEN)[0], ids_of(data, "walk/p04.png")[0]
    pairs = [{"seed": 1, "photo": p, "distance": 0.5} for p in (photo, other)]
    fsio.append_jsonl(run / "metrics/metrics.jsonl", {"metric": "memorising", "closest": pairs})
    fsio.append_jsonl(run / "metrics/metrics.jsonl", {"metric": "diversity", "value": 0.5})
    (run / "raw/tensorboard").mkdir()
    (run / "raw/tensorboard/events.out.tfevents.1").write_bytes(b"a sheet")
    from limbeck.metrics import dataset_features
    from limbeck.percept import Features

    features = Features("lpips-alex")
    kept = Features("lpips-alex")
    dataset_features(data, features, size=16)
    strangers = ingest_one(tmp_path)
    dataset_features(strangers, kept, size=16)
    assert len(list((cache_folder() / "features").glob("*"))) >= 2
    before = set((cache_folder() / "features").glob("*"))

    chain.take_down([run], listing(tmp_path, TAKEN))

    rows = fsio.read_jsonl(run / "metrics/metrics.jsonl")
    assert rows == [
        {"metric": "memorising", "closest": [pairs[1]]}, {"metric": "diversity", "value": 0.5},
    ]  # fmt: skip
    assert not (run / "raw/tensorboard").exists()
    assert len(before - set((cache_folder() / "features").glob("*"))) == 1


def test_parts_of_scores_go(run: Path, tmp_path: Path, no_report: None) -> None:
    block = run / "scores-parts" / "block-000000.safetensors"
    block.parent.mkdir()
    block.write_bytes(b"features of photos")
    (block.parent / "mine.txt").write_text("mine")
    code, _, said = limbeck("take-down", run, "--list", listing(tmp_path, URL), "--yes")
    assert code == 0, said
    assert [path.name for path in block.parent.iterdir()] == ["mine.txt"]


def test_what_was_fetched_of_a_photo_goes(run: Path, tmp_path: Path, no_report: None) -> None:
    store = Store(tmp_path / "fetched")
    store.begin()
    written = fsio.read_object(run / "run.json") | {"fetched": str(store.folder)}
    fsio.write_json(run / "run.json", written)
    infos = {info.source: info for info in open_dataset(run / "data").listed()}
    url = infos[TAKEN].url
    assert url
    for address, body in ((url, b"the photo"), ("https://a.example/other", b"another")):
        store.keep(address, body, {})
    chain.take_down([run], listing(tmp_path, TAKEN))
    left = [file.read_bytes() for file in store.folder.rglob("bodies/*/*")]
    assert left == [b"another"]
    kept = Store(store.folder).find(url)
    assert kept is not None
    assert kept.fate is Fate.OPTED_OUT


def test_files_of_a_person_that_are_called_alike_stay(
    run: Path, tmp_path: Path, no_report: None
) -> None:
    mine = [run / "data/images-mine.npy", run / "raw/rec-of-my-cat.png"]
    for file in mine:
        file.write_bytes(b"mine")
    chain.take_down([run], listing(tmp_path, TAKEN))
    assert [file.read_bytes() for file in mine] == [b"mine"] * 2


def ingest_one(tmp_path: Path) -> Dataset:
    folder = tmp_path / "strangers"
    folder.mkdir()
    for number in (50, 51):
        drawn(number).save(folder / f"{number}.png")
    ingest(folder, tmp_path / "other", settings().data)
    return open_dataset(tmp_path / "other")


def test_superseded_stages_are_cleaned_and_can_still_come_back(
    run: Path, tmp_path: Path, no_report: None
) -> None:
    for name in ("data", "keep", "kept", "report"):
        shutil.copytree(run / name, run / "superseded" / f"{name}-1")
    ids = ids_of(open_dataset(run / "data"), *COPIES)
    chain.take_down([run], listing(tmp_path, TAKEN))
    assert showing(run, drawn(3)) == set()
    assert naming(run, (*NAMES, *ids)) == {TAKEDOWNS}
    aside = run / "superseded" / "data-1"
    assert open_dataset(aside, verify=True).digest == open_dataset(run / "data").digest
    listed = json.loads((aside / "done.json").read_text())["files"]
    assert listed
    assert all(is_own(aside, name) for name in listed)


def test_only_trainings_whose_sheets_show_it_lose_them(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_report: None
) -> None:
    sheets = sorted(run.glob("raw/rec-*.png"))
    row = open_dataset(run / "data").ids.index(ids_of(open_dataset(run / "data"), TAKEN)[0])
    others = np.array([r for r in range(16) if r != row])
    monkeypatch.setattr(chain.seen, "pictured_rows", lambda photos, size: others[:photos])
    done = chain.plan_takedown([run], listing(tmp_path, TAKEN))
    assert len(sheets) == 2
    assert not [s for s in done.parts[0].steps if "raw/rec-" in s.words]


def test_a_training_of_unknown_photos_counts_as_having_seen_them(
    run: Path, tmp_path: Path, no_report: None
) -> None:
    begun = json.loads((run / "raw/begun.json").read_text())
    fsio.write_json(run / "raw/begun.json", begun | {"inputs": {"dataset": "0" * 16}})
    done = chain.take_down([run], listing(tmp_path, TAKEN))
    raw = next(one for one in done.parts[0].weights if one.folder == "raw")
    assert (raw.saw, raw.exact, raw.photos) == (1, False, None)
    assert not list(run.glob("raw/rec-*.png"))
    assert "with up to 1 photo" in str(next(s for s in stained(run) if s.folder == "raw"))


def test_what_a_training_began_from_counts(run: Path, tmp_path: Path, no_report: None) -> None:
    kept = read_keep(run / "keep").kept
    names = {i.id: i.source for i in open_dataset(run / "data").infos}
    dropped = next(names[photo] for photo, flag in kept.items() if not flag)
    begun = json.loads((run / "kept/begun.json").read_text())
    begun["inputs"]["begin"] = "f" * 16
    fsio.write_json(run / "kept/begun.json", begun)
    done = chain.take_down([run], listing(tmp_path, dropped))
    assert {one.folder for one in done.parts[0].weights} == {"raw", "kept"}


def test_a_second_photo_later_adds_up_and_training_again_clears_it(
    run: Path, tmp_path: Path, no_report: None
) -> None:
    chain.take_down([run], listing(tmp_path, TAKEN))
    done = chain.take_down([run], listing(tmp_path, "walk/p05.png", TAKEN, URL))
    raw = next(one for one in done.parts[0].weights if one.folder == "raw")
    assert (raw.saw, raw.exact, raw.photos) == (1, True, 15), "the rest is known by its ids"
    assert next(s for s in stained(run) if s.folder == "raw").saw == 2
    ids = [i for one in read_takedowns(run) for i in one.ids]
    again = chain.plan_takedown([run], listing(tmp_path, ids[0]))
    assert again.nothing
    assert again.found.unmatched[0].endswith("(it was taken down before)")
    begun = json.loads((run / "raw/begun.json").read_text())
    fsio.write_json(run / "raw/begun.json", begun | {"inputs": {"dataset": "1" * 16}})
    assert "raw" not in {one.folder for one in stained(run)}, "it is another training now"


def test_the_photos_stay_out_of_what_is_made_later(
    run: Path, walk: Path, tmp_path: Path, no_report: None
) -> None:
    ids = ids_of(open_dataset(run / "data"), *COPIES)
    chain.take_down([run], listing(tmp_path, TAKEN))
    digest = open_dataset(run / "data").digest
    words = dict(chain.plan_request(chain.stored_request(chain_run(run)), run))
    assert (words["data"], words["raw"]) == ("done", "to make again")
    assert source_digest(walk, verify=run / "data") == source_digest(walk), "nothing changed"
    code, told, _ = limbeck("resume", run)
    assert code == 2, "hours of training are not made again without a question"
    assert "raw" in told["error"]
    again = ingest(walk, run / "data", settings().data)
    assert again.opted_out == 3
    assert open_dataset(run / "data").digest == digest
    assert gone(run / "data", (*NAMES, *ids))


def chain_run(run: Path) -> Any:
    from limbeck.artefacts.run import RunDir

    return RunDir(run)


def test_a_dataset_alone(walk: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    ingest(walk, data, settings().data)
    ids = ids_of(open_dataset(data), *COPIES)
    code, told, _ = limbeck("take-down", data, "--list", listing(tmp_path, "p03.png"), "--yes")
    assert code == 0, told
    assert showing(data, drawn(3)) == set()
    assert naming(data, (*NAMES, *ids)) == {TAKEDOWNS}
    digest = open_dataset(data, verify=True).digest
    assert ingest(walk, data, settings().data).opted_out == 3
    assert open_dataset(data).digest == digest
    _, status, said = limbeck("status", data)
    assert status["taken_down"] == 3
    assert "photos taken down: 3" in said


def test_stages_that_stand_alone_go_with_their_dataset(
    run: Path, tmp_path: Path, no_report: None
) -> None:
    for name in ("data", "raw", "scores", "keep"):
        shutil.copytree(run / name, tmp_path / "apart" / name)
    where = [tmp_path / "apart" / name for name in ("data", "raw", "scores", "keep")]
    ids = ids_of(open_dataset(where[0]), *COPIES)
    code, told, said = limbeck("take-down", *where, "--list", listing(tmp_path, TAKEN), "--yes")
    assert code == 0, told
    assert showing(tmp_path / "apart", drawn(3)) == set()
    records = {f"{name}/{TAKEDOWNS}" for name in ("data", "raw", "scores", "keep")}
    assert naming(tmp_path / "apart", (*NAMES, *ids)) == records
    assert "raw: trained on 16 photos, 1 of those that go" in said
    assert "this training was trained with 1 photo" in limbeck("status", where[1])[2]


def test_a_dataset_elsewhere_and_a_run_that_moved(
    run: Path, tmp_path: Path, no_report: None
) -> None:
    (run / "data").rename(tmp_path / "dogs")
    values = fsio.read_object(run / "run.json")
    fsio.write_json(run / "run.json", values | {"data": str(tmp_path / "dogs")})
    moved = run.rename(tmp_path / "moved")
    chain.take_down([moved], listing(tmp_path, TAKEN))
    assert showing(tmp_path / "moved", drawn(3)) == showing(tmp_path / "dogs", drawn(3)) == set()
    assert gone(moved, NAMES)
    assert gone(tmp_path / "dogs", NAMES)
    assert read_takedowns(moved)[0].sha256 == read_takedowns(tmp_path / "dogs")[0].sha256


def test_a_linked_stage_stays_a_link(run: Path, tmp_path: Path, no_report: None) -> None:
    (run / "data").rename(tmp_path / "big")
    (run / "data").symlink_to(tmp_path / "big")
    chain.take_down([run], listing(tmp_path, TAKEN))
    assert (run / "data").is_symlink()
    assert showing(tmp_path / "big", drawn(3)) == set()


def test_an_unfinished_run(run: Path, tmp_path: Path) -> None:
    for name in ("scores", "keep", "kept", "modes", "samples", "model", "report"):
        shutil.rmtree(run / name)
    (run / "raw/done.json").unlink()
    done = chain.take_down([run], listing(tmp_path, TAKEN))
    assert [(one.folder, one.saw) for one in done.parts[0].weights] == [("raw", 1)]
    assert showing(run, drawn(3)) == set()
    assert not (run / "report").exists()


def test_refusals(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = listing(tmp_path, TAKEN)
    with pytest.raises(UsageError, match="part of the run"):
        chain.take_down([run / "data"], file)
    with pytest.raises(DataError, match="no such folder"):
        chain.take_down([tmp_path / "nowhere"], file)
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match="holds nothing that limbeck made"):
        chain.take_down([tmp_path / "mine"], file)
    with hold(run), pytest.raises(DataError, match="being written"):
        in_child(lambda: chain.take_down([run], file))
    shutil.copytree(run / "data", tmp_path / "alone")
    monkeypatch.chdir(tmp_path / "alone")
    with pytest.raises(UsageError, match="the folder you are in"):
        chain.take_down([Path()], file)
    assert not (run / TAKEDOWNS).exists()


def in_child(act: Any) -> None:
    """Run in another process; its DataError comes back."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
        except DataError as error:
            os.write(write, error.what.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    if text := os.read(read, 10_000).decode():
        raise DataError(text)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    "part", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, STRIDE))]
)
def test_killed_anywhere_it_is_whole_and_a_second_call_finishes(
    finished: Path,
    walk: Path,
    tmp_path: Path,
    no_report: None,
    part: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIMBECK_QUIET", "1")
    monkeypatch.setattr(fsio, "_fsync", lambda path: None)  # a killed process, no lost power
    old = open_dataset(finished / "data")
    ids = ids_of(old, *COPIES)
    file = listing(tmp_path, URL)
    wanted = link_copy(finished, tmp_path / "wanted")
    chain.take_down([wanted], file)
    new, whole = open_dataset(wanted / "data").digest, read_takedowns(wanted)[0]
    number, states = 1 + part, set()
    while True:
        run = link_copy(finished, tmp_path / f"run-{number}")
        if not Killed(file, run).at(number):
            break
        fsio.sweep(run)
        states.add(open_dataset(run / "data", verify=True).digest)
        read_scores(run / "scores")
        read_keep(run / "keep")
        if (run / TAKEDOWNS).exists() and read_takedowns(run)[0].finished is None:
            with pytest.raises(DataError, match="did not end"):
                chain.plan(walk, run, settings())
            chain.take_down([run])  # no list is needed to finish
        else:
            chain.take_down([run], file)
        assert open_dataset(run / "data", verify=True).digest == new
        assert [p.name for p in run.rglob("*.npy")] == ["images-00000.npy"], f"kill {number}"
        assert naming(run, (*ids, *NAMES)) == {TAKEDOWNS}, f"kill {number}"
        assert not {"data/crops.jpg", *(f"raw/{n.name}" for n in run.glob("raw/rec-*"))} & {
            f.relative_to(run).as_posix() for f in fsio.files_under(run)
        }
        assert (run / "report/index.html").read_text() == "<p>a report</p>"
        (record,) = read_takedowns(run)
        assert record.finished is not None
        assert (record.ids, record.photos, record.images) == (whole.ids, 3, 1)
        assert {(t.folder, t.saw) for t in record.trainings} == {
            (t.folder, t.saw) for t in whole.trainings
        }
        assert not list(run.rglob(".tmp-*"))
        shutil.rmtree(run)
        number += STRIDE
    assert number > 20
    assert states == {old.digest, new}


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_dataset_alone_survives_every_kill(
    walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMBECK_QUIET", "1")
    monkeypatch.setattr(fsio, "_fsync", lambda path: None)
    first = tmp_path / "first"
    ingest(walk, first, settings().data)
    file, number = listing(tmp_path, URL), 1
    old = open_dataset(first)
    while True:
        data = link_copy(first, tmp_path / f"data-{number}")
        if not Killed(file, data).at(number):
            break
        fsio.recover(data)
        assert len(open_dataset(data, verify=True)) in (len(old), len(old) - 1), f"kill {number}"
        chain.take_down([data], file)
        assert naming(data, (*ids_of(old, *COPIES), *NAMES)) == {TAKEDOWNS}, f"kill {number}"
        assert len(open_dataset(data, verify=True)) == len(old) - 1
        assert not list(tmp_path.rglob(".tmp-*"))
        if number % 8 == 1:
            assert ingest(walk, data, settings().data).opted_out == 3
        number += 1
    assert number > 10


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_kill_forgets_no_folder_beside_the_dataset(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMBECK_QUIET", "1")
    monkeypatch.setattr(fsio, "_fsync", lambda path: None)
    file, number = listing(tmp_path, URL), 1
    while True:
        where = [link_copy(finished / n, tmp_path / f"apart-{number}" / n) for n in ("data", "raw")]
        if not Killed(file, *where).at(number):
            break
        chain.take_down(where, file)
        assert not list(where[1].glob("rec-*.png")), f"kill {number}"
        assert stained(where[1])[0].saw == 1, f"kill {number}"
        number += 3
    assert number > 10


def test_the_table_names_nobody_and_older_lists_are_scrubbed(
    run: Path, walk: Path, tmp_path: Path, no_report: None
) -> None:
    done = fsio.read_object(run / "data/done.json")
    done["summary"]["opt_out_lines"] = ["line 1: P03.png (ambiguous)", "line 2: nobody.png (none)"]
    done["summary"]["opt_out_lines"][0] = f"line 1: {TAKEN} (ambiguous)"
    fsio.write_json(run / "data/done.json", done)
    chain.take_down([run], listing(tmp_path, TAKEN))
    lines = fsio.read_object(run / "data/done.json")["summary"]["opt_out_lines"]
    assert lines == ["line 2: nobody.png (none)"]
    rows = pq.read_table(run / "data/images.parquet").to_pylist()
    taken = [row for row in rows if row["detail"] == "taken down"]
    assert len(taken) == 3
    for row in taken:
        known = {key for key, value in row.items() if value not in (None, 0, False)}
        assert known == {"source", "sha256", "status", "reason", "detail"}
    assert sum(map(is_taken, open_dataset(run / "data").listed())) == 3
