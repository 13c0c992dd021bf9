"""The scores of a run, made in parts and joined by `limbeck resume`."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finished_run import Smoke
from limbeck.artefacts.scores import read_scores
from limbeck.cli import app


@pytest.mark.slow
def test_a_run_joins_the_parts_of_its_scores(smoke: Smoke, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(smoke.run, run)
    shutil.rmtree(run / "scores")

    def told(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*words])
        assert result.exit_code == code, result.output
        return result.output

    assert "leave out --out" in told("score", str(run), "--shard", "0/1", "--seed", "3", code=2)
    assert "is a run" in told("score", str(run), code=2)
    assert "limbeck resume" in told("score", str(run), "--shard", "0/1", "--device", "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("limbeck.curation.scoring.BlockScorer", None)
        told("resume", str(run))
    assert not (run / "scores-parts").exists()
    one, other = (read_scores(folder / "scores").table for folder in (smoke.run, run))
    assert one.equals(other)
