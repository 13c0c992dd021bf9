"""The verb directions: on a small model folder, as a person calls it."""

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

QUICK = ("--range", "coarse", "--count", 1, "--samples", 200, "--bases", 4)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = preset("smoke").net
    networks = Networks.create(net, 0).eval()
    w = draw_w(networks.G_ema.mapping, net, 2, seed=1)
    modes = ModeCentres(w, embed_w(networks.G_ema, LPIPS.load("alex"), w), torch.tensor([2, 1]))
    folder = tmp_path_factory.mktemp("model") / "m"
    Pipeline(networks, modes, licence="CC0-1.0").save_pretrained(folder)
    return folder


def test_found_then_named(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned = limbeck("directions", model, "--method", "pca", "--out", out, *QUICK, "--dry-run")
    assert planned["images"] > 50
    assert not out.exists()
    found = limbeck("directions", model, "--method", "pca", "--out", out, *QUICK)
    (one,) = found["directions"]
    assert one["id"].startswith("pca-coarse-")
    assert one["effects"]["mode_changes"] is not None, "the model's own modes are looked at"
    named = limbeck("directions", out, "--name", f"{one['id']}=ears-up")
    assert named["names"] == {one["id"]: "ears-up"}
    again = limbeck("directions", model, "--method", "pca", "--out", out, *QUICK)
    assert again["directions"][0]["name"] == "ears-up"
    assert limbeck("directions", out, "--name", "ears-up=")["names"] == {}
    within = limbeck(
        "directions", model, "--method", "pca", "--out", tmp_path / "b", *QUICK, "--per-mode", 2
    )
    assert [each["mode"] for each in within["directions"]] == [0, 1]


def test_labels_of_seeds(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("seed,size\n" + "".join(f"{n},{n * n % 17}\n" for n in range(40)))
    found = limbeck(
        "directions", model, "--method", "labels", "--labels", path, "--out", tmp_path / "a", *QUICK
    )
    assert found["directions"][0]["label"]["rows"] == 40


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (["--out", "a"], "--method and --out are needed", 2),
        (["--method", "magic", "--out", "a"], "choose one of pca, sefa", 2),
        (["--method", "labels", "--out", "a"], "give a CSV with --labels", 2),
        (["--method", "labels", "--labels", "no.csv", "--out", "a"], "no such file of labels", 3),
        (["--method", "pca", "--out", "a", "--mode", "99"], "give a mode from 0 to 1", 2),
        (["--method", "pca", "--out", "a", "--range", "middling"], "is no layer or range", 2),
        (["--name", "a=b"], "holds no directions", 3),
        (["--name", "a=b", "--out", "a"], "leave out --out", 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_is_said(
    options: list[str],
    words: str,
    code: int,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["directions", str(model), *options, "--device", "cpu"])
    assert result.exit_code == code, result.output
    assert words in " ".join(result.output.split())
    assert not (tmp_path / "a").exists()
