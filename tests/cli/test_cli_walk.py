"""The verbs walk and mix, and the drawing options of sample, as a person types them."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from running import limbeck
from typer.testing import CliRunner

from limbeck.cli import app
from limbeck.editing import Point, write_points
from limbeck.kit.images import save_png
from limbeck.model import Pipeline
from tests.model.model_small import small_pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walk") / "model"
    made = small_pipeline()
    for name, value in made.G_ema.named_parameters():
        if name.endswith("noise_strength"):
            value.fill_(0.3)
    made.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without encoder and modes."""
    folder = tmp_path_factory.mktemp("blind") / "model"
    whole = small_pipeline()
    whole.E_ema, whole.modes = None, None
    whole.save_pretrained(folder)
    return folder


def refused(code: int, *args: object) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return " ".join(result.stderr.split())


def test_a_walk_over_all_kinds_of_stops(model: Path, tmp_path: Path) -> None:
    whole = Pipeline.from_pretrained(model, device="cpu")
    latents, photo = tmp_path / "found.safetensors", tmp_path / "dog.png"
    ws = torch.zeros(2, whole.G_ema.num_ws, 16)
    write_points([Point("first", ws[0]), Point("second", ws[1] + 0.3)], latents)
    save_png(torch.randint(0, 256, (3, 40, 30), dtype=torch.uint8), photo)
    out = tmp_path / "walk.webp"
    stops = ["3", "mode:1", f"{latents}:1", photo]
    answer = limbeck("walk", model, *stops, "--out", out, "--loop", "--frames", 12, "--fps", 6)
    assert (answer["frames"], answer["seconds"], answer["side"]) == (12, 2.0, 256)
    names = [mark["name"] for mark in answer["landmarks"]]
    assert names == ["seed 3", "mode 1", "second", "dog.png"]
    with Image.open(out) as film:
        assert film.n_frames == 12
        assert film.size == (256, 256)


def test_frames_in_a_folder_and_the_length(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "frames"
    asked = ("walk", model, "0-2", "--out", out, "--seconds", 0.5, "--no-even", "--through", "z")
    answer = limbeck(*asked, "--easing", "smooth", "--psi", 0.5, "--cutoff", 2)
    assert answer["frames"] == 12
    assert sorted(p.name for p in out.glob("*.png"))[-1] == "frame-000011.png"
    first_seed = limbeck(
        "sample", model, "--seeds", "0", "--out", tmp_path / "s", "--psi", 0.5, "--cutoff", 2
    )
    assert first_seed["cutoff"] == 2
    both = (out / "frame-000000.png", tmp_path / "s" / "seed000000.png")
    first, drawn = (np.asarray(Image.open(path)).astype(int) for path in both)
    assert first.shape == (16, 16, 3)
    assert np.abs(first - drawn).max() <= 1
    limbeck(*asked, "--seconds", 0.25)
    assert len(list(out.glob("*.png"))) == 6


def test_an_mp4_is_probed(model: Path, tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="needs pip install 'limbeck[video]'")
    out = tmp_path / "walk.mp4"
    limbeck("walk", model, "0,1", "--out", out, "--seconds", 1, "--fps", 8, "--scale", 2)
    with av.open(str(out)) as film:
        (stream,) = film.streams.video
        assert (stream.frames, stream.width, float(stream.average_rate)) == (8, 32, 8)


def test_what_cannot_be_walked(
    model: Path, blind: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, photo = tmp_path / "a.webp", tmp_path / "dog.png"
    save_png(torch.zeros(3, 1, 1, dtype=torch.uint8), photo)
    assert "mode:3" in refused(2, "walk", model, "1", "dog", "--out", out)
    assert "no such photo" in refused(3, "walk", model, "1", "gone.jpg", "--out", out)
    assert "two stops" in refused(2, "walk", model, "1", "--out", out)
    assert "no film is written as .gif" in refused(2, "walk", model, "1,2", "--out", "a.gif")
    assert "limbeck invert" in refused(2, "walk", blind, "1", photo, "--out", out)
    assert "no modes" in refused(2, "walk", blind, "1", "mode:0", "--out", out)
    through = ("--through", "modes")
    assert "no modes" in refused(2, "walk", blind, "1,2", "--out", out, *through)
    assert "is no seed" in refused(2, "walk", model, "1", "mode:0", "--out", out, "--through", "z")
    both = ("--seconds", 1, "--frames", 9)
    assert "cannot go together" in refused(2, "walk", model, "1,2", "--out", out, *both)
    for length in ("nan", "inf", "-inf", "0", "1e9"):
        told = refused(2, "walk", model, "1,2", "--out", out, "--seconds", length)
        assert "2 to 1,000,000 frames" in told
    assert "2 to 1,000,000" in refused(2, "walk", model, "1,2", "--out", out, "--frames", 10**9)
    swing = ("--along", "0:-1:1", "--directions", tmp_path / "none", "--dry-run")
    assert "no such folder" in refused(3, "walk", model, "1", "--out", out, *swing)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    told = refused(2, "walk", model, "1,2", "--out", tmp_path / "a.mp4")
    assert "pip install 'limbeck[video]'" in told
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dog.png"]
    limbeck("walk", model, "1", photo, "--out", out, "--frames", 2)  # a photo of one pixel


def test_nothing_is_overwritten_unless_asked(model: Path, tmp_path: Path) -> None:
    film, grid = tmp_path / "a.webp", tmp_path / "a.png"
    for out, words in (
        (film, ("walk", model, "1,2", "--frames", 3, "--no-even")),
        (grid, ("mix", model, "--rows", "0", "--columns", "1")),
    ):
        out.write_bytes(b"mine")
        assert "--overwrite" in refused(3, *words, "--out", out)
        assert out.read_bytes() == b"mine"
        limbeck(*words, "--out", out, "--overwrite")
        assert out.read_bytes() != b"mine"


def test_a_mix(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "mix.png"
    asked = ("mix", model, "--rows", "0-1", "--rows", "mode:0", "--columns", "5,6", "--out", out)
    answer = limbeck(*asked, "--layers", "fine", "--noise", "none")
    assert answer["rows"] == ["seed 0", "seed 1", "mode 0"]
    assert answer["columns"] == ["seed 5", "seed 6"]
    assert answer["noise"] == "none"
    with Image.open(out) as sheet:
        assert sheet.size == (16 + 8 + 34, 16 + 8 + 52)
    assert "does not end in .png" in refused(2, *asked[:-1], tmp_path / "mix.jpg")
    assert "layers" in refused(2, *asked, "--overwrite", "--layers", "99")


@pytest.mark.parametrize("verb", ["walk", "mix", "sample"])
def test_a_dry_run_draws_nothing(verb: str, model: Path, tmp_path: Path) -> None:
    words = {
        "walk": ["0,1", "--out", "a.webp"],
        "mix": ["--rows", "0", "--columns", "1", "--out", "a.png"],
        "sample": ["--seeds", "0", "--out", "a"],
    }
    *args, name = words[verb]
    answer = limbeck(verb, model, *args, tmp_path / name, "--dry-run", "--psi-layers", "coarse:1")
    assert answer["dry_run"] is True
    assert answer["psi_layers"] == "coarse:1"
    assert not list(tmp_path.iterdir())


def test_layers_and_noise_of_samples(model: Path, tmp_path: Path) -> None:
    def drawn(name: str, *options: object) -> bytes:
        out = tmp_path / name
        limbeck("sample", model, "--seeds", "3", "--out", out, "--psi", 0.3, *options)
        assert json.loads((out / "samples.json").read_text())["samples"][0]["seed"] == 3
        return Image.open(out / "seed000003.png").tobytes()  # its words say how it was drawn

    plain = drawn("plain")
    assert drawn("all", "--psi-layers", "all:0.3") == plain
    assert drawn("none", "--cutoff", 0) == drawn("one", "--psi", 1) != plain
    assert drawn("fine", "--psi-layers", "fine:1") != plain
    assert drawn("const", "--noise", "const") == plain
    assert len({plain, drawn("random", "--noise", "random"), drawn("no", "--noise", "none")}) == 3
    assert "layers" in refused(
        2, "sample", model, "--out", tmp_path / "x", "--psi-layers", "0-99:1"
    )
    assert "number of layers" in refused(
        2, "sample", model, "--out", tmp_path / "x", "--cutoff", 99
    )
