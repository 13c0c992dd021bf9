import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from limbeck.cli import app


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], Path]:
    out = tmp_path_factory.mktemp("demo") / "demo"
    args = ["demo", "--out", str(out), "--count", "60", "--kimg", "0.064", "--json"]
    args += ["--set", "net.channel_base=128", "--set", "modes.samples=64", "--set",
             "modes.clusters=4", "--set", "sample.seeds=4"]  # fmt: skip
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1]), out


def test_the_json_line_has_the_measured_figures(answer: tuple[dict[str, object], Path]):
    figures, _ = answer
    for name in ("auroc_lpips", "auroc_recommended", "outliers_removed", "in_domain_lost"):
        value = figures[name]
        assert isinstance(value, float)
        assert 0 <= value <= 1, name
    control = figures["control"]
    assert isinstance(control, dict)
    assert {"auroc_lpips", "auroc_recommended"} <= control.keys()
    modes = figures["modes"]
    assert isinstance(modes, dict)
    assert modes["true"] == 6
    assert 1 <= modes["recovered"] <= 6


def test_counts_add_up_and_every_stage_has_its_seconds(answer: tuple[dict[str, object], Path]):
    figures, _ = answer
    counts, seconds = figures["counts"], figures["seconds"]
    assert isinstance(counts, dict)
    assert counts["balanced"] is True
    assert counts["listed"] == counts["accepted"] + sum(counts["rejected"].values())
    assert counts["rejected"]["duplicate"] == 1
    assert isinstance(seconds, dict)
    stages = {"draw", "data", "raw", "scores", "keep", "kept", "modes", "report", "total"}
    assert stages <= seconds.keys()


def test_the_report_shows_the_labels(answer: tuple[dict[str, object], Path]):
    figures, out = answer
    page = Path(str(figures["report"]))
    assert page == out / "run" / "report" / "index.html"
    text = page.read_text(encoding="utf-8")
    assert "labelled outliers" in text
    assert "http://" not in text.replace("http://www.w3.org", "")
