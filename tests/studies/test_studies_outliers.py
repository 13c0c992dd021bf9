"""The study of outliers: baselines with known answers, rows over networks, the verb."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from limbeck import fsio, load_networks, open_dataset
from limbeck.artefacts.labels import Truth, TruthRow, read_truth
from limbeck.artefacts.scores import Scores
from limbeck.config import ScoreConfig
from limbeck.errors import DataError, UsageError
from limbeck.evaluation import HiddenLabels, OutlierRow, OutlierTable
from studies.__main__ import app as studies
from studies.outliers import (
    baseline_columns,
    best_scores,
    blind_columns,
    neighbour_distance,
    score_rows,
    study_outliers,
)


def table(values: Mapping[str, tuple[float, float, float]]) -> OutlierTable:
    """Columns with an AUROC overall, on cartoons, on text."""
    rows = []
    for column, found in values.items():
        for kind, auroc in zip(("all", "cartoon", "text"), found, strict=True):
            rows.append(
                OutlierRow(
                    column=column, kind=kind, auroc=auroc, average_precision=auroc / 2,
                    spread=0.01 if kind == "all" else None, outliers=4, in_domain=9,
                )
            )  # fmt: skip
    return OutlierTable(rows=rows, photos_without_label=0, labels_without_photo=0)


def test_the_tenth_neighbour_is_another_photo() -> None:
    line = torch.arange(1000, dtype=torch.float32)[:, None]
    found = neighbour_distance(line, 2)
    assert found[0] == pytest.approx(2)
    assert found[1:-1] == pytest.approx(1)
    assert neighbour_distance(line[:3], 10) == pytest.approx([2, 1, 2])


def test_rows_are_means_over_networks_with_their_spread() -> None:
    first = table({"lpips": (0.7, 0.6, 0.9), "old": (0.5, 0.5, 0.5)})
    rows = score_rows("trained", [first, table({"lpips": (0.9, 0.8, 0.9)})])
    lpips, old = rows
    assert lpips["auroc"] == pytest.approx(0.8)
    assert lpips["average_precision"] == pytest.approx(0.4)
    assert lpips["spread"] == pytest.approx(0.2 / 2**0.5)
    assert (lpips["spread_over"], lpips["tables"]) == ("networks", 2)
    assert lpips["by_kind"]["cartoon"]["auroc"] == pytest.approx(0.7)
    assert lpips["by_kind"]["text"] == {"auroc": 0.9, "spread": 0}
    assert (old["spread"], old["spread_over"], old["tables"]) == (0.01, "photos", 1)


def test_the_best_of_each_kind_is_no_covariate() -> None:
    rows = score_rows("trained", [table({"a": (0.8, 0.6, 0.9), "x_edges": (0.99, 0.99, 0.99)})])
    rows += score_rows("baseline", [table({"b": (0.7, 0.9, 0.5)})])
    best = best_scores(rows)
    assert {k: (v["score"], v["group"]) for k, v in best.items()} == {
        "all": ("a", "trained"), "cartoon": ("b", "baseline"), "text": ("a", "trained"),
    }  # fmt: skip


def test_columns_that_ignore_the_networks_are_told_by_their_values() -> None:
    def scores(**columns: list[float]) -> Scores:
        arrays = {name: np.array(values) for name, values in columns.items()}
        return Scores.of(("1", "2"), arrays, dict.fromkeys(arrays, "-"))

    one = scores(centroid=[1.0, 2.0], lpips=[1.0, 2.0], gone=[0.0, 0.0], x_mode=[1.0, 1.0])
    other = scores(centroid=[1.0, 2.0 + 1e-9], lpips=[1.0, 2.1], x_mode=[1.0, 1.0])
    assert blind_columns([one, other]) == ["centroid"]


def test_a_judge_measures_and_names_clean_photos(smoke: Any) -> None:
    dataset = open_dataset(smoke.run / "data")
    truth = read_truth(smoke.truth)
    judge = HiddenLabels(truth)
    clean = judge.clean(dataset.infos)
    rows = truth.join(dataset.infos)
    assert clean == tuple(i for i in dataset.ids if i in rows and rows[i].is_outlier is False)
    cost = judge.cost(clean, dataset.infos)
    assert (cost.outliers_removed, cost.in_domain_lost) == (1, 0)
    odd = np.array([float(i not in clean) for i in dataset.ids])
    found = judge.outliers(Scores.of(dataset.ids, {"oracle": odd}), dataset.infos)
    assert found.auroc("oracle") == 1


def test_baselines_and_score_columns_in_one_table(smoke: Any, tmp_path: Path) -> None:
    dataset = open_dataset(smoke.run / "data")
    nets = [load_networks(p) for p in sorted((smoke.run / "raw").glob("nets-*"))[-2:]]
    judge, config = HiddenLabels(read_truth(smoke.truth)), ScoreConfig(generated=64)
    given: dict[str, Any] = {"config": config, "features": ("lpips-alex",)}
    found = study_outliers(dataset, judge, tmp_path, networks=nets, **given)
    rows = {(row["score"], row["group"]): row for row in found["rows"]}
    for name in ("random", "gauss:alex", "ppca:alex", "knn10:alex", "centroid", "x_contrast"):
        assert rows[name, "baseline"]["spread_over"] == "photos"
        assert (name, "trained") not in rows
    for name in ("lpips", "d_logit", "recommended"):
        assert rows[name, "trained"]["tables"] == len(nets) == 2
        assert rows[name, "untrained"]["tables"] == 1
    own = baseline_columns(dataset, [], seed=0, device=torch.device("cpu"))
    alone = judge.outliers(own.only(["centroid"]), dataset.infos)
    assert rows["centroid", "baseline"]["auroc"] == pytest.approx(alone.auroc("centroid"), abs=1e-6)
    assert json.loads((tmp_path / "outliers.json").read_text()) == json.loads(json.dumps(found))
    overall = [row["auroc"] for row in found["rows"]]
    assert overall == sorted(overall, reverse=True)
    assert sum(found["kinds"].values()) == found["outliers"]
    pytest.importorskip("matplotlib")
    assert (tmp_path / "outliers.png").read_bytes().startswith(b"\x89PNG")
    folders = sorted(tmp_path.glob("scores-*/done.json"))
    assert len(folders) == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("limbeck.curation.scoring.compute", None)  # would be called
        again = study_outliers(dataset, judge, tmp_path, networks=nets, **given)
    assert again["rows"] == found["rows"]
    other = load_networks(sorted((smoke.run / "raw").glob("nets-*"))[0])
    other.config = other.config.model_copy(update={"z_dim": 8})
    with pytest.raises(UsageError, match="different shapes"):
        study_outliers(dataset, judge, tmp_path, networks=[nets[0], other], **given)


def test_wrong_labels_are_told_before_any_work(smoke: Any, tmp_path: Path) -> None:
    row = TruthRow(file="nobody.png", sha256="", is_outlier=True, kind="", label="", mode="")
    with pytest.raises(DataError, match="named in the labels"):
        study_outliers(
            open_dataset(smoke.run / "data"), HiddenLabels(Truth([row])), tmp_path,
            config=ScoreConfig(generated=64), features=("lpips-alex",),
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_the_verb(smoke: Any, tmp_path: Path) -> None:
    base = ["outliers", str(smoke.run / "data")]
    missing = CliRunner().invoke(studies, base)
    assert missing.exit_code == 2
    assert "--labels" in missing.output
    with_labels = [*base, "--labels", str(smoke.truth), "--device", "cpu", "--json"]
    alone = CliRunner().invoke(studies, with_labels)
    assert alone.exit_code == 0, alone.output
    values = json.loads(alone.stdout.splitlines()[-1])
    assert {row["group"] for row in values["rows"]} == {"baseline"}
    assert "--out DIR keeps them" in alone.output
    out = tmp_path / "study"
    whole = [*with_labels, "--networks", str(smoke.run / "raw"), "--out", str(out)]
    result = CliRunner().invoke(studies, whole)
    assert result.exit_code == 0, result.output
    assert (out / "outliers.json").exists()
    assert "recommended untrained" in result.output


def test_kinds_of_labels_are_no_markup(smoke: Any, tmp_path: Path) -> None:
    rows = fsio.read_jsonl(smoke.truth)
    for row in rows:
        row["outlier_kind"] = row["outlier_kind"] and "a[/b]"
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(fsio.json_line(row) for row in rows), encoding="utf-8")
    words = ["outliers", str(smoke.run / "data"), "--labels", str(labels)]
    assert "a[/b]" in CliRunner().invoke(studies, words).output
