"""The study of the dose: what is trained on and what judges, its test, and a whole small one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import ttest_rel
from typer.testing import CliRunner

from limbeck import fsio
from limbeck.cli import app
from limbeck.errors import DataError
from studies import dose
from studies.__main__ import app as studies
from studies.dose import BRANCHES, FALSE_ALARMS, FIGURES, Judge, differences, means, split
from studies.ducks import draw_ducks


def test_no_photo_both_trains_and_judges() -> None:
    fine = np.random.default_rng(0).random(2000) < 0.8
    for share, seed in ((0.1, 0), (0.3, 0), (0.5, 1)):
        rows = split(fine, share, 300, seed)
        assert len(rows.trained) == 300
        assert (~fine[rows.trained]).mean() == pytest.approx(share, abs=0.01)
        assert not set(rows.trained.tolist()) & set(rows.judging.tolist())
        assert (~fine[rows.judging]).sum() == round(0.4 * (~fine).sum())
        assert fine[rows.judging].sum() >= 1000
    one, other = split(fine, 0.3, 300, 0), split(fine, 0.3, 300, 1)
    assert one.trained.tolist() != other.trained.tolist()
    assert one.trained.tolist() == split(fine, 0.3, 300, 0).trained.tolist()


def test_the_judge_is_wrong_about_as_many_ordinary_ones_as_it_may() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(900, 30, generator=random)
    odd = np.arange(900) >= 600
    x[600:] += 1.0
    judge = Judge.of(x, odd, 0)
    fresh = torch.randn(2000, 30, generator=random)
    assert judge.share(fresh) == pytest.approx(FALSE_ALARMS, abs=0.04)
    assert judge.caught > 0.9
    assert judge.share(fresh + 1.0) > 0.9
    with pytest.raises(DataError, match="held out"):
        Judge.of(x[:610], odd[:610], 0)


def test_differences_to_raw_are_tested_in_pairs() -> None:
    random = np.random.default_rng(1)
    cells: list[dict[str, Any]] = [
        {"share": 0.3, "branches": {b: dict.fromkeys(FIGURES, random.random()) for b in BRANCHES}}
        for _ in range(5)
    ]
    rows = {(row["branch"], row["figure"]): row for row in differences(cells)}
    row = rows["kept", "kid"]
    kept, raw = ([cell["branches"][b]["kid"] for cell in cells] for b in ("kept", "raw"))
    wanted = ttest_rel(kept, raw)
    assert row["p"] == pytest.approx(wanted.pvalue)
    interval = wanted.confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert next(r for r in means(cells) if r["branch"] == "raw")["seeds"] == 5
    assert differences(cells[:1])[0]["p"] is None


def test_a_whole_one_is_trained_measured_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "cache"))
    run = CliRunner().invoke
    labels = draw_ducks(tmp_path / "ducks", count=90, outliers=60, seed=0, workers=1)
    photos, data, out = tmp_path / "ducks" / "photos", tmp_path / "data", tmp_path / "out"
    assert not run(app, ["ingest", str(photos), "--out", str(data), "--size", "16"]).exit_code
    asked = [
        "dose", str(data), "--labels", str(labels), "--out", str(out), "--preset", "smoke",
        "--shares", "0.3", "--seeds", "2", "--photos", "50", "--kimg", "0.032", "--pictures", "24",
    ]  # fmt: skip
    refused = run(studies, [*asked, "--features", "lpips-alex"])
    assert refused.exit_code
    assert "judge itself" in refused.output
    monkeypatch.setattr(dose, "FILTERS_WITH", ())
    asked += ["--features", "lpips-alex"]
    made = run(studies, asked)
    assert made.exit_code == 0, made.output
    found = fsio.read_json(out / "dose.json")
    assert [cell["seed"] for cell in found["cells"]] == [0, 1]
    cell = found["cells"][0]
    assert cell["photos"]["raw"] == 50
    assert cell["photos"]["random"] == cell["photos"]["kept"]
    assert cell["outliers_in"]["raw"] == pytest.approx(0.3)
    assert cell["outliers_in"]["oracle"] == 0
    assert cell["photos"]["oracle"] == 35
    assert set(cell["branches"]) == set(BRANCHES)
    assert all(0 <= one["outliers"] <= 1 and one["kid"] > 0 for one in cell["branches"].values())
    folder = out / "share-0.3" / "seed-0"
    assert fsio.read_json(folder / "oracle" / "done.json")["summary"]["images"] == 16
    assert (folder / "images.png").exists()
    assert (out / "dose.png").exists()
    before = (folder / "measured.json").stat().st_mtime_ns
    again = run(studies, asked)
    assert again.exit_code == 0, again.output
    assert (folder / "measured.json").stat().st_mtime_ns == before
    assert fsio.read_json(out / "dose.json")["cells"] == found["cells"]
    other = run(studies, [*asked, "--set", "train.lr=0.001"])
    assert other.exit_code
    assert "other settings" in other.output
