"""The verb export to numpy centres and to programs, and other people's centres as modes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from running import limbeck
from typer.testing import CliRunner

from limbeck import Pipeline
from limbeck.cli import app


def refused(code: int, *args: object) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return " ".join(result.stderr.split())


def test_centres_go_out_and_come_back_as_modes(smoke: Any, tmp_path: Path) -> None:
    model, file = smoke.run / "model", tmp_path / "centres.npy"
    answer = limbeck("export", model, "--to", "centres-npy", "--out", file)
    modes = Pipeline.from_pretrained(model, device="cpu").modes
    assert modes is not None
    assert (np.load(file) == modes.centres.numpy()).all()
    assert (answer["centres"], answer["layout"]) == (len(modes), "stylegan-xl")

    words = ["sample", smoke.run / "kept", "--seeds", "0-3", "--device", "cpu", "--out"]
    own = limbeck(*words, tmp_path / "own", "--truncation", "multimodal-lpips")
    names = ("Multimodal (LPIPS)", "Multimodal (L2)", "Global")
    theirs = limbeck(*words, tmp_path / "theirs", "--modes", file, "--truncation", names[0])
    assert theirs["truncation"] == own["truncation"] == "multimodal-lpips"
    for seed in range(4):
        name = f"seed00000{seed}.png"
        assert (tmp_path / "own" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()
    for name, truncation in zip(names[1:], ("multimodal-l2", "global"), strict=True):
        drawn = limbeck(*words, tmp_path / name, "--modes", file, "--truncation", name, "--dry-run")
        assert drawn["truncation"] == truncation

    limbeck("export", smoke.run / "kept", "--modes", file, "--out", tmp_path / "m")
    again = Pipeline.from_pretrained(tmp_path / "m", device="cpu").modes
    assert again is not None
    assert torch.equal(again.centres, modes.centres)
    assert (again.embeddings - modes.embeddings).abs().max() < 1e-5
    assert int(again.sizes.sum()) == 20_000


@pytest.mark.parametrize("layout", ["stylegan3-fun", "self-distilled"])
def test_the_other_layouts_are_folders_that_are_read_too(
    smoke: Any, tmp_path: Path, layout: str
) -> None:
    words = ["export", smoke.run, "--to", "centres-npy", "--layout", layout, "--out"]
    answer = limbeck(*words, tmp_path / "c")
    assert answer["files"] == (2 if layout == "self-distilled" else answer["centres"])
    limbeck("export", smoke.run, "--modes", tmp_path / "c", "--out", tmp_path / "m")
    modes = Pipeline.from_pretrained(smoke.run / "model", device="cpu").modes
    again = Pipeline.from_pretrained(tmp_path / "m", device="cpu").modes
    assert modes is not None
    assert again is not None
    assert torch.equal(again.centres, modes.centres)
    assert "not empty" in refused(3, *words, tmp_path / "c")


def test_centres_of_another_generator_are_refused(smoke: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", np.zeros((3, 5), np.float32))
    words = ["sample", smoke.run / "model", "--modes", tmp_path / "c.npy", "--out", tmp_path / "s"]
    assert "latents have" in refused(3, *words)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "centres-npy", "--half"], "--half means nothing"),
        (["--to", "model", "--layout", "stylegan-xl"], "--layout means nothing"),
        (["--to", "centres-npy", "--truncation", "global"], "--truncation means nothing"),
        (["--to", "torch-export"], "does not end in .pt2"),
        (["--to", "torch-export", "--truncation", "Globe", "--out", "g.pt2"], "no truncation"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    smoke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    out = [] if "--out" in words else ["--out", "m"]
    assert said in refused(2, "export", smoke.run, *words, *out)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_a_program_says_so_and_writes_nothing(smoke: Any, tmp_path: Path) -> None:
    out = tmp_path / "m.pt2"
    assert limbeck("export", smoke.run, "--to", "torch-export", "--out", out, "--dry-run")
    assert not out.exists()
    out.write_bytes(b"mine")
    words = ["export", smoke.run, "--to", "torch-export", "--out", out, "--dry-run"]
    assert "is there already" in refused(3, *words)


def test_a_model_becomes_a_space_as_it_is_or_with_what_was_asked_for(
    smoke: Any, tmp_path: Path
) -> None:
    out, model = tmp_path / "space", smoke.run / "model"
    words = ["export", model, "--to", "space", "--out"]
    limbeck(*words, out, "--dry-run")
    assert not out.exists()
    made = limbeck(*words, out)
    assert made["bytes"] == sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    assert (out / "app.py").is_file()
    for name in ("config.json", "README.md", "generator.safetensors"):
        assert (out / "model" / name).read_bytes() == (model / name).read_bytes()
    assert "not empty" in refused(3, *words, out)
    limbeck(*words, tmp_path / "half", "--half", "--licence", "mit")
    assert "license: mit\n" in (tmp_path / "half" / "README.md").read_text()
    half = Pipeline.from_pretrained(tmp_path / "half" / "model", device="cpu")
    assert half.licence == "mit"
    assert (half(range(2)).int() - Pipeline.from_pretrained(model)(range(2)).int()).abs().max() <= 3


@pytest.mark.slow
def test_a_run_becomes_an_onnx_file_and_a_program(smoke: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="onnxscript is absent: pip install 'limbeck[onnx]'")
    rule = ["--truncation", "Multimodal (L2)"]
    made = limbeck("export", smoke.run, "--to", "onnx", *rule, "--out", tmp_path / "m.onnx")
    assert made["truncation"] == "multimodal-l2"
    assert made["difference"] <= 1e-4
    assert made["bytes"] == (tmp_path / "m.onnx").stat().st_size
    model = smoke.run / "model"
    limbeck("export", model, "--to", "torch-export", *rule, "--out", tmp_path / "m.pt2")
    draw = torch.export.load(tmp_path / "m.pt2").module()
    pipeline = Pipeline.from_pretrained(model, device="cpu")
    from limbeck.latents import seeds_to_z

    z = seeds_to_z(range(3), pipeline.config.z_dim)
    images, _, _ = draw(z, torch.full((3,), 0.7), torch.full((3,), -1))
    wanted = pipeline(range(3), 0.7, "multimodal-l2", output="float")
    assert (images - wanted).abs().max() < 1e-5
