"""Quality over seconds: where curves cross, on hand-made numbers; a small study that goes on."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from limbeck import fsio, open_dataset
from limbeck.errors import UsageError
from limbeck.presets import preset
from studies.__main__ import app as studies
from studies.quality import CONTESTANTS, SNAPSHOTS, contestant, points, study_quality
from studies.time_to_quality import crossing, curve, reached


def _row(name: str, seed: int, seconds: float, kid: float, **more: float) -> dict[str, Any]:
    rest = {"fid": 1.0, "recall": 0.5, "coverage": 0.5, "precision": 0.5}
    return {"contestant": name, "seed": seed, "features": "f", "seconds": seconds, "kid": kid,
            "images": 8, **rest, **more}  # fmt: skip


def test_a_power_law_crosses_where_it_should() -> None:
    line = [(t, 100 / t) for t in (10.0, 100.0, 1000.0)]
    assert crossing(line, 0.5) == pytest.approx(200)
    assert crossing(line, 50) == 10
    assert crossing(line, 0.05) is None
    assert crossing([(10.0, 5.0), (20.0, 9.0), (40.0, 4.0)], 6) == 10


def test_seeds_are_averaged_as_logarithms() -> None:
    rows = [_row("a", seed, 10.0 * (seed + 1), kid) for seed, kid in ((0, 1.0), (1, 4.0))]
    assert curve(rows, "a", "f") == [(15.0, pytest.approx(2.0))]
    assert curve([_row("a", 0, 1.0, 1.0, recall=0.2)], "a", "f", "recall") == [(1.0, 0.2)]
    assert curve([_row("a", 0, 1.0, -0.1)], "a", "f")[0][1] == pytest.approx(1e-4)
    assert curve(rows, "b", "f") == []


def test_ratios_are_seconds_to_what_the_reference_reached() -> None:
    rows = [_row("stylegan2", 0, t, 100 / t) for t in (10.0, 100.0)]
    rows += [_row("preset", 0, t, 10 / t) for t in (1.0, 100.0)]
    rows += [_row("textbook", 0, t, 1000 / t) for t in (10.0, 100.0)]
    found = {row["contestant"]: row for row in reached(rows)}
    assert found["stylegan2"]["ratio"] == 1
    assert found["preset"]["seconds"] == pytest.approx(10)
    assert found["preset"]["ratio"] == pytest.approx(10)
    assert found["textbook"]["ratio"] is None
    assert reached([row for row in rows if row["contestant"] == "preset"]) == []


def test_contestants_draw_with_the_same_shapes() -> None:
    ours = preset("tiny")
    for name in CONTESTANTS:
        net = contestant(name, ours).net
        assert [net.channels(side) for side in (4, 8, 16, 32)] == [
            ours.net.channels(side) for side in (4, 8, 16, 32)
        ]
    assert contestant("stylegan2", ours).net.d_architecture == "resnet"
    book = contestant("textbook", ours)
    assert (book.net.mapping_layers, book.train.batch, book.train.encoder) == (8, 32, False)


@pytest.fixture(scope="module")
def study(smoke: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("quality") / "study"
    dataset = open_dataset(smoke.run / "data")
    given: dict[str, Any] = {"seconds": 2.0, "features": ("lpips-alex",), "pictures": 16}
    first = study_quality(dataset, preset("smoke"), out, only=("textbook",), **given)
    assert {row["contestant"] for row in first["rows"]} == {"textbook"}
    assert first["reached"] == []
    study_quality(dataset, preset("smoke"), out, **given)
    return out


def test_a_study_goes_on_and_draws(study: Path, smoke: Any) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in study.rglob("nets-*/*.safetensors")}
    found = study_quality(
        open_dataset(smoke.run / "data"), preset("smoke"), study, seconds=2.0,
        features=("lpips-alex",), pictures=16, only=(),
    )  # fmt: skip
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert {row["contestant"] for row in found["rows"]} == set(CONTESTANTS)
    assert {row["contestant"] for row in found["reached"]} == set(CONTESTANTS)
    assert found["trained_on"] + found["held_out"] == len(open_dataset(smoke.run / "data"))
    for name in ("quality.json", "quality.png", "grids.png"):
        assert (study / name).stat().st_size > 100


def test_a_contestant_begins_with_networks_beside_one_that_does_not(
    study: Path, smoke: Any, tmp_path: Path
) -> None:
    shutil.copytree(study, tmp_path / "study")
    found = study_quality(
        open_dataset(smoke.run / "data"), preset("smoke"), tmp_path / "study", seconds=2.0,
        features=("lpips-alex",), pictures=16, only=("tuned",), init_from=smoke.run,
    )  # fmt: skip
    assert found["reference"] == "preset"
    assert {row["contestant"] for row in found["reached"]} == {*CONTESTANTS, "tuned"}
    told = tmp_path / "study" / "seed-0" / "tuned" / "transfer.json"
    assert fsio.read_object(told)["loaded"]


def test_every_snapshot_stays_and_has_its_seconds(study: Path) -> None:
    for name in CONTESTANTS:
        found = points(study / "seed-0" / name)
        assert 2 <= len(found) <= SNAPSHOTS + 1
        assert [one.seconds for one in found] == sorted(one.seconds for one in found)
        assert all(one.seconds > 0 for one in found)


def test_a_training_that_grew_has_the_points_of_its_smaller_size(
    study: Path, tmp_path: Path
) -> None:
    done = study / "seed-0" / "preset"
    grown = tmp_path / "grown"
    shutil.copytree(done, grown / "half")
    shutil.copytree(done, grown, dirs_exist_ok=True)
    shutil.copy(done.with_name("preset-plan.json"), tmp_path / "grown-plan.json")
    first, *_, last = [path for path in grown.iterdir() if path.name.startswith("nets-")]
    assert first != last
    for path in grown.glob("nets-*"):
        if path != max(grown.glob("nets-*")):
            shutil.rmtree(path)
    shutil.rmtree(max((grown / "half").glob("nets-*")))
    found = points(grown)
    assert [point.images for point in found] == [point.images for point in points(done)]
    assert [point.folder.parent.name for point in found][-2:] == ["half", "grown"]


def test_the_verb(study: Path, smoke: Any) -> None:
    words = ["quality", str(smoke.run / "data"), "--out", str(study), "--preset", "smoke"]
    words += ["--seconds", "2", "--seeds", "1", "--pictures", "16", "--only", "none"]
    made = CliRunner().invoke(studies, words)
    assert made.exit_code == 0, made.output
    assert "stylegan2" in made.output
    wrong = CliRunner().invoke(studies, [*words[:-1], "cube"])
    assert wrong.exit_code == 2
    assert "choose among preset, stylegan2, textbook" in wrong.output
    changed = CliRunner().invoke(studies, [word if word != "2" else "3" for word in words])
    assert changed.exit_code == 3, changed.output
    assert "for other seconds" in " ".join(changed.output.split())
    with pytest.raises(UsageError, match="no contestant"):
        study_quality(open_dataset(smoke.run / "data"), preset("smoke"), study, only=("cube",))
