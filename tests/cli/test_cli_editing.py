"""The verbs invert and edit, on a small model folder: photos in, latents out, edited images."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from running import limbeck
from typer.testing import CliRunner

from limbeck import editing, preset
from limbeck.cli import app
from limbeck.editing import DirectionSettings, find_directions, read_points, write_difference
from limbeck.latents import ModeCentres, draw_w, embed_w
from limbeck.model import Pipeline
from limbeck.nets import Networks
from limbeck.percept import LPIPS

QUICK = ["--steps-w", "2", "--steps", "3"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained, with an encoder and modes."""
    config = preset("smoke")
    networks = Networks.create(config.net, 0).eval()
    centres = draw_w(networks.G_ema.mapping, config.net, 3, seed=1)
    embeddings = embed_w(networks.G_ema, LPIPS.load("alex"), centres)
    modes = ModeCentres(centres, embeddings, torch.tensor([3, 2, 1]))
    folder = tmp_path_factory.mktemp("editing") / "model"
    Pipeline(networks, modes, config=config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for number in range(2):
        colours = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(colours).resize((90, 60), Image.Resampling.BICUBIC).save(
            folder / f"dog{number}.png"
        )
    return folder


def refused(*args: object) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code in (2, 3), result.output
    return " ".join(result.stderr.split())


def test_photos_to_latents_and_again(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "inverted"
    (photos / "dog0.png").stat()
    first = limbeck(
        "invert", photos / "dog0.png", photos / "dog1.png", "--model", model, "--out", out,
        "--tune", 2, *QUICK,
    )  # fmt: skip
    assert first["summary"]["photos"] == 2
    assert first["left_out"] == []
    assert [point.name for point in read_points(out / "latents.safetensors")] == [
        "dog0.png", "dog1.png"
    ]  # fmt: skip
    told = json.loads((out / "inversion.json").read_text())
    assert list(told["photos"][0]["figures"]) == ["start", "w", "w_plus", "tuned"]
    names = {file.name for file in out.iterdir()}
    assert {"strip-0000.png", "strip-0001.png", "strips.png", "tuned.safetensors"} <= names
    assert ".inverting" not in names
    done = (out / "done.json").read_bytes()
    limbeck(
        "invert", photos / "dog0.png", photos / "dog1.png", "--model", model, "--out", out,
        "--tune", 2, *QUICK,
    )  # fmt: skip
    assert (out / "done.json").read_bytes() == done, "what is there is not made again"
    latents = (out / "latents.safetensors").read_bytes()
    (out / "latents.safetensors").unlink()
    limbeck(
        "invert", photos / "dog0.png", photos / "dog1.png", "--model", model, "--out", out,
        "--tune", 2, *QUICK,
    )  # fmt: skip
    assert (out / "latents.safetensors").read_bytes() == latents, "what is gone is made again"


def test_a_stopped_inversion_goes_on(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, inverting = tmp_path / "inverted", editing.inverting
    real, steps = inverting.optimise, []

    def stopping(*args: Any, **named: Any) -> Any:
        steps.append(named["layerwise"])
        if len(steps) == 3:
            raise KeyboardInterrupt
        return real(*args, **named)

    monkeypatch.setattr(inverting, "optimise", stopping)
    args = ["invert", photos, "--model", model, "--out", out, "--batch", 1, *QUICK]
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 4, result.output
    assert not (out / "done.json").exists()
    limbeck(*args)
    assert steps == [False, True, False, False, True], "the first photo is not done again"


def test_what_cannot_be_inverted_is_answered(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tiny, text = tmp_path / "tiny.png", tmp_path / "text.jpg"
    Image.new("RGB", (1, 1)).save(tiny)
    text.write_text("no photo")
    said = refused("invert", tiny, "--model", model, "--out", out, *QUICK)
    assert "no usable photo among 1 files in what was given" in said
    assert "too_small" in said
    assert "not_an_image" in refused("invert", text, "--model", model, "--out", out, *QUICK)
    some = limbeck("invert", tiny, photos / "dog0.png", "--model", model, "--out", out, *QUICK)
    assert some["summary"]["photos"] == 1
    assert some["left_out"] == ["tiny.png: left out (too_small)"]
    assert not (out / ".inverting").exists()
    os.mkfifo(tmp_path / "pipe.jpg")
    said = refused("invert", tmp_path / "pipe.jpg", "--model", model, "--out", tmp_path / "no")
    assert "is no file and no folder" in said
    given = ("invert", photos, "--model", model, "--out", tmp_path / "no")
    assert "crop = 'odd'" in refused(*given, "--crop", "odd")
    assert "steps_w_plus = 100001" in refused(*given, "--steps", 100_001)
    assert "lie in one another" in refused(*given[:-1], photos / "out")
    assert not (tmp_path / "no").exists()
    assert not (photos / "out").exists()
    gone = tmp_path / "gone.png"
    some_args = ["invert", photos, "--model", model, "--out", tmp_path / "d"]
    assert "no such file of the detector" in refused(*some_args, "--detector", gone)
    assert "no such photo" in refused("invert", gone, "--model", model, "--out", out)
    said = refused("invert", photos, tiny, "--model", model, "--out", out)
    assert "give one folder or archive alone" in said
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("a person's")
    said = refused("invert", photos, "--model", model, "--out", tmp_path / "mine", *QUICK)
    assert "not made by limbeck" in said
    assert (tmp_path / "mine" / "letter.txt").read_text() == "a person's"


def test_edited_images(model: Path, photos: Path, tmp_path: Path) -> None:
    ways, out = tmp_path / "ways", tmp_path / "edited"
    pipeline = Pipeline.from_pretrained(model)
    settings = DirectionSettings.of(method="sefa", count=2, samples=100, bases=4)
    found = find_directions(pipeline, ways, settings, modes=pipeline.modes)
    which = found.all[0].direction.id
    given = ["edit", model, "0-1", photos / "dog0.png", "--directions", ways]
    dry = limbeck(*given, "--move", f"{which}:2", "--out", out, "--dry-run")
    assert dry["dry_run"]
    assert not out.exists()
    done = limbeck(*given, "--move", f"{which}:2", "--move", "1:-1", "--blend", "--out", out)
    assert done["points"] == ["seed 0", "seed 1", "dog0.png"]
    assert all(Path(image).exists() for image in done["images"])
    film = tmp_path / "there-and-back.webp"
    given_walk = ["walk", model, "3", "--directions", ways, "--no-even", "--frames", 4]
    told = limbeck(*given_walk, "--along", f"{which}:-2:2", "--out", film)
    assert told["frames"] == 4
    assert film.exists()
    assert "both" in refused(*given_walk, "--out", tmp_path / "b.webp")
    assert "one stop" in refused(
        "walk",
        model,
        "3-4",
        "--directions",
        ways,
        "--along",
        "0:-2:2",
        "--out",
        tmp_path / "b.webp",
    )
    assert "no direction 'x'" in refused(*given, "--move", "x:1", "--out", tmp_path / "a")
    assert "DIRECTION:STRENGTH" in refused(*given, "--move", "x", "--out", tmp_path / "a")
    assert "layers" in refused(*given, "--move", "0:1", "--layers", "99", "--out", tmp_path / "a")
    # a seed is one latent, whatever was tuned to draw it
    difference = {name: torch.randn_like(one) for name, one in pipeline.G_ema.named_parameters()
                  if name.startswith("synthesis") and "affine" not in name}  # fmt: skip
    write_difference(pipeline, difference, tmp_path / "tuned.safetensors")
    seeds = ["edit", model, "0-9", "--directions", ways, "--move", "0:0"]
    limbeck(*seeds, "--out", tmp_path / "plain")
    limbeck(*seeds, "--tuned", tmp_path / "tuned.safetensors", "--out", tmp_path / "tuned")
    plain, tuned = (read_points(tmp_path / name / "latents.safetensors")
                    for name in ("plain", "tuned"))  # fmt: skip
    for one, two in zip(plain, tuned, strict=True):
        assert torch.equal(one.ws, two.ws)
    pictures = [(tmp_path / name / "edit-0000.png").read_bytes() for name in ("plain", "tuned")]
    assert pictures[0] != pictures[1]
    other = tmp_path / "other"
    Pipeline(Networks.create(preset("smoke").net, 5), None).save_pretrained(other)
    said = refused("edit", other, "0", *given[4:], "--move", "0:1", "--out", tmp_path / "a")
    assert "another generator" in said
    assert not (tmp_path / "a").exists()


def test_photos_of_one_name_and_a_linked_folder(model: Path, photos: Path, tmp_path: Path) -> None:
    given = []
    for place in ("a", "b", "c"):
        (tmp_path / place).mkdir()
        # what the third one would be called to tell it from the first
        name = "0002-dog.png" if place == "b" else "dog.png"
        given.append(tmp_path / place / name)
        Image.new("RGB", (40, 40), ("red", "green", "blue")["abc".index(place)]).save(given[-1])
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    told = limbeck("invert", *given, "--model", model, "--out", link, *QUICK)
    assert told["summary"]["photos"] == 3
    assert link.is_symlink()
    assert (tmp_path / "real" / "latents.safetensors").is_file()
    assert not (link / ".inverting").exists()


def test_one_writer_at_a_time(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    start = (
        "import sys; from pathlib import Path; from limbeck.artefacts.lock import hold\n"
        "with hold(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        said = refused("invert", photos, "--model", model, "--out", out, *QUICK)
        assert "being written by another limbeck" in said
        other.communicate(b"")
    assert limbeck("invert", photos, "--model", model, "--out", out, *QUICK)["summary"]
