"""The study of filtering: pairing on hand-made numbers, a small study that goes on, the verb."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from limbeck import open_dataset, preset
from limbeck.artefacts.labels import read_truth
from limbeck.artefacts.stage import read_done
from limbeck.cli import app
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.errors import DataError, UsageError
from limbeck.evaluation import HiddenLabels
from limbeck.kit.selection import evenly
from studies.__main__ import app as studies
from studies.distillation import (
    VARIANTS,
    Figure,
    differences,
    figures_of,
    over_seeds,
    random_ids,
    study_distillation,
)

KIMG = 0.064


def fid(variant: str, seed: int, value: float) -> Figure:
    return Figure("inception", "psi 1", "clean", "fid", variant, seed, value)


def test_means_and_paired_differences() -> None:
    figures = [
        fid("raw", 0, 10), fid("raw", 1, 20), fid("raw", 2, 30),
        fid("kept", 0, 8), fid("kept", 1, 17), fid("oracle", 5, 1),
    ]  # fmt: skip
    raw, kept, oracle = over_seeds(figures)
    assert (raw["mean"], raw["spread"]) == (20, 10)
    assert raw["seeds"] == {"0": 10, "1": 20, "2": 30}
    assert kept["mean"] == 12.5
    assert (oracle["mean"], oracle["spread"]) == (1, None)
    (difference,) = differences(figures)
    assert (difference["variant"], difference["minus"]) == ("kept", "raw")
    assert difference["seeds"] == {"0": -2, "1": -3}
    assert difference["mean"] == -2.5
    assert difference["spread"] == pytest.approx(0.5**0.5), "what a seed does to both drops out"


def test_rows_become_figures() -> None:
    about = {"draw": "psi 1", "features": "lpips", "photos": ""}
    assert figures_of(3, "kept", [{**about, "diversity": 0.5, "jackknife": 0.1}]) == [
        Figure("lpips", "psi 1", "", "diversity", "kept", 3, 0.5)
    ]


def test_subsets_are_pure_functions() -> None:
    ids = [str(i) for i in range(50)]
    drawn = random_ids(ids, 20, seed=1)
    assert drawn == random_ids(ids, 20, seed=1) != random_ids(ids, 20, seed=2)
    assert list(drawn) == sorted(set(drawn), key=int)
    assert evenly(ids, 3) == ("0", "24", "49")
    assert evenly(ids, 60) == tuple(ids)


@pytest.fixture(scope="module")
def dataset(smoke: Any) -> Dataset:
    return open_dataset(smoke.run / "data")


def config(**changes: Any) -> Config:
    settings = {"train.kimg": KIMG, "device": "cpu", **changes}
    return preset("smoke").replace(**settings)


def test_a_study_goes_on_where_it_stopped(dataset: Dataset, smoke: Any, tmp_path: Path) -> None:
    truth, out = HiddenLabels(read_truth(smoke.truth)), tmp_path / "study"
    given: dict[str, Any] = {"seeds": 1, "pictures": 24}
    waiting = study_distillation(
        dataset, truth, config(), out, only=("random", "oracle"), **given
    )  # fmt: skip
    assert waiting["left_out"] == ["seed 0 raw", "seed 0 kept", "seed 0 random"]
    assert {row["variant"] for row in waiting["rows"]} == {"oracle"}
    assert not waiting["paired"]
    # what the verb `train` makes is what the study would have made
    words = ["train", str(dataset.root), "--out", str(out / "seed-0" / "raw"), "--kimg", str(KIMG)]
    made = CliRunner().invoke(app, [*words, "--preset", "smoke", "--device", "cpu"])
    assert made.exit_code == 0, made.output
    before = (out / "seed-0" / "raw" / "done.json").read_bytes()
    found = study_distillation(dataset, truth, config(), out, **given)
    assert (out / "seed-0" / "raw" / "done.json").read_bytes() == before
    assert found["left_out"] == []
    counts = found["trained_on"]["0"]
    assert counts["raw"] == len(dataset)
    assert counts["kept"] == counts["random"] < counts["raw"]
    assert counts["oracle"] == found["clean"]
    for variant in VARIANTS:
        done = read_done(out / "seed-0" / variant)
        assert done is not None
        assert done.summary["kimg"] == KIMG, "all see equally many images"
    assert found["costs"]["0"].keys() == {"kept", "random"}
    rows = {(r["variant"], r["photos"], r["figure"]) for r in found["rows"]}
    for variant in VARIANTS:
        assert {(variant, p, "fid") for p in ("raw", "kept", "clean")} <= rows
        assert (variant, "", "diversity") in rows
    assert {row["draw"] for row in found["rows"]} == {"psi 1", "psi 0.7 global"}
    assert {row["variant"] for row in found["paired"]} == {"kept", "random", "oracle"}
    assert json.loads((out / "distillation.json").read_text()) == json.loads(json.dumps(found))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("distillation.train", "distillation.keep", "measure.compare_sets"):
            patch.setattr(f"studies.{name}", None)  # would be called
        again = study_distillation(dataset, truth, config(), out, **given)
    assert again["rows"] == found["rows"]
    with pytest.raises(DataError, match="other photos or with other settings"):
        study_distillation(dataset, truth, config(**{"train.kimg": 2 * KIMG}), out, **given)
    pytest.importorskip("matplotlib")
    assert (out / "distillation-lpips-alex.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_is_refused(dataset: Dataset, smoke: Any, tmp_path: Path) -> None:
    truth = HiddenLabels(read_truth(smoke.truth))
    with pytest.raises(UsageError, match="no variant"):
        study_distillation(dataset, truth, config(), tmp_path, only=("best",))
    with pytest.raises(UsageError, match="scores without them"):
        study_distillation(dataset, truth, config(**{"keep.per_mode": True}), tmp_path)
    with pytest.raises(DataError, match="3 photos or images"):
        study_distillation(dataset, truth, config(), tmp_path, pictures=3)
    assert not list(tmp_path.iterdir())


def test_the_verb(smoke: Any, tmp_path: Path) -> None:
    base = ["distillation", str(smoke.run / "data"), "--labels", str(smoke.truth)]
    full = [*base, "--out", str(tmp_path / "study"), "--preset", "smoke", "--kimg", "0.064"]
    for arguments, said in ((base, "--out"), ([*full, "--only", "best"], "no such training")):
        result = CliRunner().invoke(studies, arguments)
        assert result.exit_code == 2
        assert said in result.output
    with pytest.MonkeyPatch.context() as patch:
        seen: dict[str, Any] = {}

        def study(
            _: Dataset, __: HiddenLabels, asked: Config, out: Path, **given: Any
        ) -> dict[str, Any]:
            seen.update(given, kimg=asked.train.kimg, out=out)
            figures = [fid(v, s, 10.0 * s + len(v)) for v in ("raw", "kept") for s in (0, 1)]
            cost = {"outliers_removed": 0.5, "in_domain_lost": None}
            return {
                "features": ["inception"], "rows": over_seeds(figures), "left_out": ["seed 1 kept"],
                "paired": differences(figures), "costs": {"0": {"kept": cost}},
            }  # fmt: skip

        patch.setattr("studies.__main__.study_distillation", study)
        result = CliRunner().invoke(studies, [*full, "--seeds", "2", "--only", "none", "--json"])
    assert result.exit_code == 0, result.output
    assert (seen["kimg"], seen["seeds"], seen["only"]) == (0.064, 2, ())
    assert "8.00 ± 7.07" in result.output
    assert "+1.00 ± 0.00" in result.output
    assert "50.0% of the outliers removed, - of the in-domain" in result.output
    assert "left out, not trained: seed 1 kept" in result.output
