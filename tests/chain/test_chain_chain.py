import json
import shutil
from pathlib import Path

import pytest
import torch
from chain_takedown_run import score_at_random
from typer.testing import CliRunner

from limbeck import chain, fsio
from limbeck.artefacts.keep import read_keep
from limbeck.artefacts.run import STAGES, RunDir
from limbeck.chain import budget, stages
from limbeck.chain.request import Request, budgeted, settled
from limbeck.cli import app
from limbeck.config import Config
from limbeck.data import Dataset, open_dataset
from limbeck.errors import DataError, UsageError
from limbeck.evaluation import evaluate, strength
from limbeck.kit.selection import held_out
from limbeck.model import Pipeline
from limbeck.modes import ModeChange, mark_mode, mark_modes
from limbeck.presets import preset
from limbeck.reporting import report


def _config(**changes: object) -> Config:
    base: dict[str, object] = {"train.kimg": 0.032, "train.snapshot_kimg": 0.016}
    return preset("smoke").replace(**(base | changes))


@pytest.fixture(scope="module")
def finished(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    chain.run(photos, out, _config())
    return out


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what is made again and what stays: the page of `finished` is a real one."""

    def write(_: Path, *, out: Path) -> None:
        fsio.write_text(out / "index.html", "<p>a report</p>")

    monkeypatch.setattr(stages, "report", write)


@pytest.fixture
def no_scoring(monkeypatch: pytest.MonkeyPatch, no_page: None) -> None:
    """Nor do such tests look at scores, which take half of so short a run."""
    monkeypatch.setattr(stages, "score_photos", score_at_random)


def _made(out: Path) -> dict[str, str]:
    """When each stage was finished."""
    return {name: (out / name / "done.json").read_text() for name in STAGES}


def test_every_stage_is_done_and_design_s_files_are_there(finished: Path):
    assert [s.state for s in chain.status(finished)] == ["done"] * len(STAGES)
    for name in (
        "run.json", "data/index.json", "data/images.parquet", "raw/stats.jsonl",
        "scores/scores.parquet", "keep/keep.parquet", "keep/keep.csv", "modes/modes.safetensors",
        "modes/modes.json", "modes/mode-00.png", "samples/grid.png", "report/index.html",
        "model/config.json", "model/generator.safetensors", "model/encoder.safetensors",
        "model/modes.safetensors", "model/README.md", "model/samples.png",
    ):  # fmt: skip
        assert (finished / name).exists(), name


def test_the_same_call_does_nothing(copy: Path, photos: Path):
    before = _made(copy)
    chain.run(photos, copy, _config())
    assert _made(copy) == before


@pytest.mark.usefixtures("no_page")
def test_another_keep_rule_does_not_score_or_train_the_raw_networks_again(copy: Path, photos: Path):
    before = _made(copy)
    changed = _config(**{"keep.rule": "count", "keep.count": 20})
    chain.run(photos, copy, changed, yes=True)
    after = _made(copy)
    same = {name for name in STAGES if before[name] == after[name]}
    assert same == {"data", "raw", "scores"}
    assert json.loads(after["keep"])["summary"]["kept"] == 20


@pytest.mark.usefixtures("no_page")
def test_a_person_s_override_is_an_input_and_stays(copy: Path, photos: Path):
    kept = json.loads(_made(copy)["keep"])["summary"]["kept"]
    ids = (copy / "keep" / "keep.csv").read_text().splitlines()[1:]
    first = next(line.split(",")[0].strip('"') for line in ids if "true" in line.lower())
    overrides = copy / "keep" / "overrides.csv"
    overrides.write_text(f"id,keep,reason\n{first},no,I said so\n")
    with pytest.raises(UsageError, match="overrides, marks or formulas: makes keep stale"):
        chain.run(photos, copy, _config())
    chain.run(photos, copy, _config(), yes=True)
    summary = json.loads(_made(copy)["keep"])["summary"]
    assert summary["overridden"] == 1
    assert summary["kept"] == kept - 1
    assert "I said so" in overrides.read_text()


@pytest.mark.usefixtures("no_page")
def test_a_person_s_marks_of_modes_are_an_input_of_what_is_drawn_by_them(copy: Path, photos: Path):
    before, drawn = _made(copy), (copy / "samples" / "samples.json").read_text()
    mark_mode(copy, 0, name="lying down")
    words = dict(chain.plan(photos, copy, _config()))
    assert {name for name in STAGES if words[name] != "done"} == {"model", "report"}
    found = mark_mode(copy, 1, mark="never")
    words = dict(chain.plan(photos, copy, _config()))
    assert {name for name in STAGES if words[name] != "done"} == {"samples", "model", "report"}
    chain.run(photos, copy, _config(), yes=True)
    after = _made(copy)
    changed = {name for name in STAGES if before[name] != after[name]}
    assert changed == {"samples", "model", "report"}
    model = Pipeline.from_pretrained(copy, device="cpu")
    assert model.modes is not None
    assert model.modes.marks == found.marks
    rows = json.loads((copy / "samples" / "samples.json").read_text())["samples"]
    assert 1 not in {row["mode"] for row in rows}
    assert "| 1 |  | never sampled |" in (copy / "model" / "README.md").read_text()
    mark_modes(copy, [ModeChange(0, "", ""), ModeChange(1, "", "")])
    chain.run(photos, copy, _config(), yes=True)
    assert not (copy / "model" / "marks.csv").exists()
    assert (copy / "samples" / "samples.json").read_text() == drawn


@pytest.mark.usefixtures("no_page")
def test_a_stage_without_done_is_repaired(copy: Path, photos: Path):
    (copy / "modes" / "done.json").unlink()
    left = copy / ".tmp-left.json-99999999-00000000-00000000"
    left.write_text("x")
    mine = copy / ".tmp-notes"
    mine.write_text("a person's")
    assert {s.name: s.state for s in chain.status(copy)}["modes"] == "partial"
    assert dict(chain.plan(photos, copy, _config()))["modes"] == "to do"
    chain.run(photos, copy, _config(), yes=True)
    assert {s.state for s in chain.status(copy)} == {"done"}
    assert not left.exists()
    assert mine.read_text() == "a person's"


def test_a_plan_tells_what_changed_settings_would_make_again(copy: Path, photos: Path):
    changed = _config(**{"keep.rule": "count", "keep.count": 20})
    before = _made(copy)
    words = dict(chain.plan(photos, copy, changed))
    assert [words[name] for name in ("data", "raw", "scores")] == ["done"] * 3
    assert words["keep"] == "to make again"
    assert {words[name] for name in STAGES[4:]} == {"to check"}
    assert _made(copy) == before, "planning changes nothing"


@pytest.mark.usefixtures("no_page")
def test_status_sees_that_photos_changed(copy: Path, photos: Path, tmp_path: Path):
    fewer = tmp_path / "photos"
    shutil.copytree(photos, fewer)
    chain.run(fewer, copy, _config(), yes=True)
    next(fewer.iterdir()).unlink()
    states = {s.name: s.state for s in chain.status(copy)}
    assert states["data"] == "stale"
    shutil.rmtree(fewer)
    assert {s.state for s in chain.status(copy)} == {"done"}, "photos out of reach: as it was"


@pytest.mark.usefixtures("no_scoring")
def test_an_unfinished_training_is_kept_and_goes_on_when_it_is_wanted_again(
    copy: Path, photos: Path
):
    (copy / "raw" / "done.json").unlink()
    states = sorted(path.name for path in (copy / "raw").glob("state-*"))
    other = _config(**{"train.lr": 0.001})
    with pytest.raises(UsageError, match=r"train.lr: .* -> 0.001 makes raw stale"):
        chain.run(photos, copy, other)
    assert sorted(path.name for path in (copy / "raw").glob("state-*")) == states
    chain.run(photos, copy, other, yes=True)
    aside = copy / "superseded" / "raw-1"
    assert sorted(path.name for path in aside.glob("state-*")) == states
    assert dict(chain.plan(photos, copy, _config()))["raw"] == "to resume"
    chain.run(photos, copy, _config(), yes=True)
    assert not aside.exists(), "it is in its place again"
    assert {s.state for s in chain.status(copy)} == {"done"}


@pytest.mark.usefixtures("no_scoring")
def test_going_back_to_earlier_options_costs_no_training(copy: Path, photos: Path):
    before = _made(copy)
    chain.run(photos, copy, _config(**{"train.lr": 0.001}), yes=True)
    assert _made(copy)["raw"] != before["raw"]
    plan = dict(chain.plan(photos, copy, _config()))
    assert plan["raw"] == "to bring back"
    chain.run(photos, copy, _config(), yes=True)
    after = _made(copy)
    assert after["raw"] == before["raw"]
    assert after["kept"] == before["kept"]
    assert (copy / "superseded" / "raw-2").exists(), "the other one is kept in its turn"


def test_new_photos_make_everything_anew(copy: Path, photos: Path, tmp_path: Path):
    more = tmp_path / "photos"
    shutil.copytree(photos, more)
    for name in list(more.iterdir())[:3]:
        name.unlink()
    before = _made(copy)
    chain.run(more, copy, _config(), yes=True)
    assert all(before[name] != done for name, done in _made(copy).items())


@pytest.mark.usefixtures("no_scoring")
def test_a_budget_becomes_kimg_once(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    speeds = iter([4.0, 400.0])
    monkeypatch.setattr(budget, "measure_speed", lambda *_, **__: next(speeds))
    monkeypatch.setattr(budget, "seconds_per_photo", lambda *_: 0.001)
    out = tmp_path / "run"
    settings = _config(**{"train.snapshot_kimg": 0.128})
    chain.run(photos, out, settings, time_budget=110.0)
    config = RunDir(out).config()
    assert config.train.kimg == config.kept_kimg
    assert 0.1 < config.train.kimg < 0.16
    before = _made(out)
    chain.run(photos, out, settings, time_budget=110.0)
    assert _made(out) == before
    assert RunDir(out).config() == config


def test_a_budget_that_was_settled_gives_the_same_configuration_again(tmp_path: Path) -> None:
    asked = _config(**{"train.init_from": "nets"})
    request = Request(tmp_path / "photos", asked, time_budget=60.0)
    bought = budgeted(asked, 0.5, 0.2)
    assert (bought.train.d_warmup_kimg, asked.train.d_warmup_kimg) == (0.05, 1.0)
    run = RunDir(tmp_path)
    run.write(bought, requested=request.asked(), resolved=True)
    assert settled(run, request) == bought


def test_a_budget_knows_that_a_second_training_from_the_first_has_no_small_size(
    finished: Path, monkeypatch: pytest.MonkeyPatch
):
    def speed(_: Dataset, config: Config, **__: float) -> float:
        return 4.0 if config.train.grow else 2.0

    monkeypatch.setattr(budget, "measure_speed", speed)
    monkeypatch.setattr(budget, "seconds_per_photo", lambda *_: 0.0)
    monkeypatch.setattr(budget.time, "perf_counter", lambda: 0.0)
    grows = _config(**{"data.size": 64, "net.size": 64, "train.grow": 0.5, "kept_kimg": 0.032})
    dataset = open_dataset(finished / "data")
    kimg = {
        begin: budget.spend(grows.replace(kept_from=begin), dataset, 1e4)[0].train.kimg
        for begin in ("scratch", "raw")
    }
    assert kimg["raw"] / kimg["scratch"] == pytest.approx((2 / 4) / (1 / 4 + 1 / 2), rel=1e-3)
    begins = _config(**{"train.init_from": "nets"})
    for seconds, share in ((1e3, 0.1), (1e5, None)):
        train = budget.spend(begins, dataset, seconds)[0].train
        alone = round(train.kimg * share, 3) if share else begins.train.d_warmup_kimg
        assert train.d_warmup_kimg == alone


@pytest.mark.usefixtures("no_scoring")
def test_a_training_at_half_its_size_is_work_that_is_asked_for_and_comes_back(
    copy: Path, photos: Path
):
    raw = copy / "raw"
    for name in ("kept", "modes", "samples", "model", "report", "scores", "keep"):
        shutil.rmtree(copy / name)
    (raw / "half").mkdir()
    for path in list(raw.iterdir()):
        if path.name not in ("half", "begun.json"):
            path.rename(raw / "half" / path.name)
    (raw / "half" / "done.json").unlink()
    with pytest.raises(UsageError, match="makes raw stale"):
        chain.run(photos, copy, _config(seed=5))
    assert sorted((raw / "half").glob("state-*/state.json"))
    assert dict(chain.plan(photos, copy, _config()))["raw"] == "to resume"
    chain.run(photos, copy, _config(seed=5), yes=True)
    assert sorted((copy / "superseded" / "raw-1" / "half").glob("state-*/state.json"))
    assert dict(chain.plan(photos, copy, _config()))["raw"] == "to resume"


def test_a_budget_that_cannot_be_kept_says_what_would(photos: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="give at least"):
        chain.run(photos, tmp_path / "run", _config(), time_budget=5.0)


def test_status_needs_a_run(tmp_path: Path):
    with pytest.raises(DataError, match="not a run"):
        chain.status(tmp_path)


def test_raw_photos_are_never_touched(photos: Path, finished: Path):
    again = {p.name: fsio.sha256_file(p) for p in photos.iterdir()}
    chain.run(photos, finished, _config())
    assert {p.name: fsio.sha256_file(p) for p in photos.iterdir()} == again


def test_what_a_run_lacks_is_told_before_it_begins(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(UsageError, match="no score column 'recomended'"):
        chain.run(photos, out, _config(**{"keep.column": "recomended"}))
    assert not out.exists()


@pytest.mark.usefixtures("no_page")
def test_the_second_training_can_begin_with_the_first(copy: Path, photos: Path):
    """Its networks are an input then: what was trained from nothing is made again."""
    before = _made(copy)
    chain.run(photos, copy, _config(kept_from="raw"), yes=True)
    after = _made(copy)
    assert before["raw"] == after["raw"]
    assert before["kept"] != after["kept"]
    told = fsio.read_json(copy / "kept" / "transfer.json")
    assert told["missing"] == told["other_shape"] == []
    assert "begin" in fsio.read_json(copy / "kept" / "begun.json")["inputs"]
    assert [s.state for s in chain.status(copy)] == ["done"] * len(STAGES)


def test_photos_held_out_are_scored_and_measured_against_and_never_trained_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, tuple[str, ...]] = {}
    real = stages.train

    def spy(dataset: Dataset, config: Config, out: Path, *, begin: Path | None = None) -> object:
        seen[out.name] = tuple(dataset.ids)
        return real(dataset, config, out, begin=begin)

    monkeypatch.setattr(stages, "train", spy)
    out = tmp_path / "run"
    chain.run(photos, out, _config(hold_out=0.5))
    ids = open_dataset(out / "data").ids
    held = held_out(ids, 0.5)
    assert len(held) > 12
    assert set(seen["raw"]) == set(ids) - held
    assert seen["kept"]
    assert not held & set(seen["kept"])
    kept = read_keep(out / "keep")
    assert len(kept.kept) == len(ids)
    assert "held out" in (out / "model" / "README.md").read_text()
    rows = evaluate(out, device="cpu")
    distances = [row for row in rows if row["metric"] == "set_distance"]
    assert distances
    assert all(row["held_out"] and "held out" in str(row["column"]) for row in distances)
    assert {row["real"] for row in distances} == {len(held & set(kept.ids))}
    copies = [row for row in rows if row["metric"] == "memorising" and row["generator"] == "raw"]
    assert {row["photos"] for row in copies} == {len(ids) - len(held)}
    assert f"No training saw {len(held)} of the photos" in report(out).read_text()


@pytest.mark.usefixtures("no_page")
def test_psi_is_measured_where_it_is_asked_for_and_goes_with_the_model(
    copy: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (strength, stages):
        monkeypatch.setattr(module, "FEWEST_FOR_PSI", 12)
    before = _made(copy)
    chain.run(photos, copy, _config(**{"sample.psi": "auto"}), yes=True)
    after = _made(copy)
    assert {name for name in STAGES if before[name] == after[name]} == {
        "data", "raw", "scores", "keep", "kept",
    }  # fmt: skip
    measured = fsio.read_json(copy / "modes" / "psi.json")
    psi = measured["psi"]
    assert psi in strength.STRENGTHS
    assert fsio.read_json(copy / "samples" / "samples.json")["psi"] == psi
    pipe = Pipeline.from_pretrained(copy / "model")
    assert pipe.psi == psi
    assert torch.equal(pipe(range(3)), pipe(range(3), psi=psi))
    told = CliRunner().invoke(
        app, ["sample", str(copy), "--out", str(copy.parent / "s"), "--dry-run"]
    )
    assert f"psi {psi:g}" in told.output
    rows = evaluate(copy, device="cpu")
    assert {row["psi"] for row in rows if row["metric"] == "memorising"} == {1.0, psi}


@pytest.mark.usefixtures("no_page")
def test_too_few_photos_to_choose_psi_are_told_and_end_nothing(
    copy: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.run(photos, copy, _config(**{"sample.psi": "auto"}), yes=True)
    assert "psi stays 0.7" in capsys.readouterr().err
    assert not (copy / "modes" / "psi.json").exists()
    assert fsio.read_json(copy / "samples" / "samples.json")["psi"] == 0.7


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sample.psi": "auto", "sample.truncation": "none"}, "no strength to choose"),
        ({"sample.truncation": "multimodal-typical", "sample.typical": 0}, "above 0"),
    ],
)
def test_what_could_not_be_sampled_is_refused_before_a_run(
    settings: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        _config(**settings)


def test_a_set_with_too_many_bad_files_is_not_trained_on(photos: Path, tmp_path: Path) -> None:
    mixed, out = tmp_path / "p", tmp_path / "run"
    shutil.copytree(photos, mixed)
    (mixed / "note.txt").write_text("no photo")
    with pytest.raises(DataError, match=r"cannot be used, more than --max-reject 0\.01 allows"):
        chain.run(mixed, out, _config(), max_reject=0.01)
    assert [s.name for s in chain.status(out) if s.state == "done"] == ["data"]
    assert len(open_dataset(out / "data")) > 30, "it can be looked at"
