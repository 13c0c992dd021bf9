"""The verb modes: names and marks of modes that were found before."""

from pathlib import Path

import pytest
import torch
from running import limbeck
from typer.testing import CliRunner

from limbeck import preset
from limbeck.cli import app
from limbeck.latents import ModeCentres, draw_w, embed_w
from limbeck.model import Pipeline
from limbeck.nets import Networks
from limbeck.percept import LPIPS


@pytest.fixture(scope="module")
def made() -> Pipeline:
    net = preset("smoke").net
    networks = Networks.create(net, 0).eval()
    w = draw_w(networks.G_ema.mapping, net, 6, seed=1)
    sizes = torch.tensor([6, 5, 4, 3, 2, 1])
    modes = ModeCentres(w, embed_w(networks.G_ema, LPIPS.load("alex"), w), sizes)
    return Pipeline(networks, modes, licence="CC0-1.0")


@pytest.fixture
def model(made: Pipeline, tmp_path: Path) -> Path:
    made.save_pretrained(tmp_path / "m")
    return tmp_path / "m"


def test_marked_listed_and_honoured(model: Path, tmp_path: Path) -> None:
    asked = ("--name", "3=lying", "--never", "1,5", "--merge", "2:0", "--hide", "4")
    limbeck("modes", model, *asked, "--dry-run")
    assert not (model / "marks.csv").exists()
    found = limbeck("modes", model, *asked)["modes"]
    marks = ["", "never", "merge:0", "", "hide", "never"]
    assert [row["mark"] for row in found] == marks
    assert [row["name"] for row in found] == ["", "", "", "lying", "", ""]
    assert limbeck("modes", model)["modes"] == found
    text = CliRunner().invoke(app, ["modes", str(model)]).output
    assert "14.3%" in text
    assert "hidden: [4]" in text
    limbeck("sample", model, "--seeds", "0-31", "--truncation", "multimodal-l2", "--out",
            tmp_path / "s")  # fmt: skip
    drawn = (tmp_path / "s" / "samples.json").read_text()
    assert '"mode": 1' not in drawn
    assert '"mode": 2' not in drawn
    limbeck("export", model, "--to", "centres-npy", "--out", tmp_path / "c.npy")
    cleared = limbeck("modes", model, "--clear", "0-5", "--name", "0=sitting")["modes"]
    assert {row["mark"] for row in cleared} == {""}
    assert cleared[0]["name"] == "sitting"


def test_export_carries_marks(model: Path, tmp_path: Path) -> None:
    limbeck("modes", model, "--never", "1", "--name", "1=text")
    limbeck("export", model, "--modes", model, "--out", tmp_path / "e")
    assert limbeck("modes", tmp_path / "e")["modes"][1]["mark"] == "never"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--never", "x"], "names no modes"),
        (["--never", "6"], "no mode 6 among 6"),
        (["--never", "0-5"], "all modes are marked never"),
        (["--merge", "2"], "has no :"),
        (["--merge", "2:x"], "no mark 'merge:x'"),
        (["--merge", "2:1", "--merge", "1:0"], "counts as mode 1, which counts as mode 0"),
        (["--never", "1", "--hide", "1"], "mode 1 is given two marks"),
        (["--name", "lying"], "has no ="),
        (["--name", "1=a:b"], "cannot be a mode's name"),
        (["--name", "1=a", "--out", "x"], "modes that were found before"),
        (["--clusters", "3"], "--clusters without --out"),
    ],
)
def test_what_cannot_be(model: Path, asked: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["modes", str(model), *asked])
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert not (model / "marks.csv").exists()


def test_a_place_without_modes(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["modes", str(tmp_path)])
    assert result.exit_code == 3
    assert "holds no modes" in result.output


def test_a_mode_that_is_never_drawn_is_refused_by_name(model: Path, tmp_path: Path) -> None:
    limbeck("modes", model, "--never", "1")
    for asked in (["sample", str(model), "--mode", "1"], ["walk", str(model), "mode:0", "mode:1"]):
        out = str(tmp_path / "out.webp") if asked[0] == "walk" else str(tmp_path / "out")
        result = CliRunner().invoke(app, [*asked, "--out", out])
        assert result.exit_code == 2
        told = " ".join(result.output.split())
        assert "mode 1 is not drawn: somebody marked it `never` in" in told
        assert "marks.csv" in told
