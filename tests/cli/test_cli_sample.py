"""The verb sample on the model that lies in the repository."""

from pathlib import Path

import pytest
from running import limbeck
from typer.testing import CliRunner

from limbeck import logs
from limbeck.cli import app

MODEL = Path(__file__).parents[2] / "models" / "dogs-64"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--psi", "nan"], "psi nan is no finite number"),
        (["--psi", "inf"], "psi inf is no finite number"),
        (["--seeds", ""], "'' is no seed or range"),
        (["--seeds", "0..7"], "'0..7' is no seed or range"),
        (["--seeds", "1.5"], "write whole numbers from 0 on and ranges of them, e.g. 0-7,42"),
        (["--seeds", str(2**63)], "is out of range"),
        (["--seed", str(2**63 - 3)], "is out of range"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
@pytest.mark.parametrize("dry", [True, False])
def test_what_cannot_be_drawn_is_2(
    options: list[str], words: str, dry: bool, tmp_path: Path
) -> None:
    args = ["sample", str(MODEL), "--out", str(tmp_path / "out"), *options]
    result = CliRunner().invoke(app, [*args, "--dry-run"] if dry else args)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert not (tmp_path / "out").exists()


def test_psi_beyond_1_warns_and_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(logs, "warn", told.append)
    answer = limbeck("sample", MODEL, "--out", tmp_path, "--seeds", "1,2", "--psi", 1.4)
    assert answer["psi"] == 1.4
    assert len(told) == 1
    assert "psi 1.4 exaggerates" in told[0]
    assert (tmp_path / "seed000001.png").exists()
    limbeck("sample", MODEL, "--out", tmp_path, "--seeds", "1,2", "--psi", 0.4)
    assert len(told) == 1
