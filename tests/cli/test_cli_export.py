import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from running import limbeck
from typer.testing import CliRunner

from limbeck import Pipeline, fsio
from limbeck.cli import app
from limbeck.latents import ModeCentres


def refused(*args: object) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 2, result.output
    return str(result.stderr)


@pytest.mark.parametrize("source", [".", "kept"])
def test_export_of_a_run_is_its_model_folder_at_half_the_bytes(
    smoke: Any, tmp_path: Path, source: str
) -> None:
    out = tmp_path / "model"
    answer = limbeck(
        "export", smoke.run / source, "--out", out, "--half", "--licence", "testing only",
        "--fact", "photos=40", "--fact", "share=0.5", "--fact", "of=teapots = pots",
    )  # fmt: skip
    whole, half = (Pipeline.from_pretrained(f, device="cpu") for f in (smoke.run / "model", out))
    assert half.settings == whole.settings
    assert half.data == {**whole.data, "photos": 40, "share": 0.5, "of": "teapots = pots"}
    assert whole.data.keys() == {"column", "kept", "kimg", "photos"}
    assert half.licence == "testing only"
    gap = (half(range(4)).int() - whole(range(4)).int()).abs()
    assert gap.max() <= 3
    weights = sum(f.stat().st_size for f in (smoke.run / "model").glob("*r.safetensors"))
    assert sum(f.stat().st_size for f in out.glob("*r.safetensors")) < 0.7 * weights
    assert answer["bytes"] == sum(f.stat().st_size for f in out.glob("*.safetensors"))
    card = (out / "README.md").read_text()
    assert "teapots = pots" in card
    assert "kept by the rule `auto`" in card


def test_a_training_alone_brings_its_settings_and_needs_no_modes(
    smoke: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "training"
    (snapshot,) = sorted((smoke.run / "kept").glob("nets-*"))[-1:]
    (state,) = sorted((smoke.run / "kept").glob("state-*"))[-1:]
    for folder in (snapshot, state):
        shutil.copytree(folder, copy / folder.name)
    limbeck("export", copy / snapshot.name, "--out", tmp_path / "m")
    alone = Pipeline.from_pretrained(tmp_path / "m", device="cpu")
    assert alone.modes is None
    assert "kept by the rule" not in (tmp_path / "m" / "README.md").read_text()
    assert alone.settings is not None
    assert alone.settings.train.kimg == int(snapshot.name.split("-")[1]) / 1000
    shutil.rmtree(copy / state.name)
    limbeck("export", copy / snapshot.name, "--out", tmp_path / "n")
    assert Pipeline.from_pretrained(tmp_path / "n", device="cpu").settings is None


@pytest.mark.parametrize("fact", ["photos", "=3", "a=1,a=2"])
def test_a_fact_without_a_name_or_value_or_twice_is_told(
    smoke: Any, tmp_path: Path, fact: str
) -> None:
    words = [w for one in fact.split(",") for w in ("--fact", one)]
    assert "NAME=VALUE" in refused("export", smoke.run, "--out", tmp_path / "m", *words)
    assert not (tmp_path / "m").exists()


def test_a_model_folder_is_not_exported_again(smoke: Any, tmp_path: Path) -> None:
    assert "already" in refused("export", smoke.run / "model", "--out", tmp_path / "m")


def test_a_dry_run_writes_nothing(smoke: Any, tmp_path: Path) -> None:
    answer = limbeck("export", smoke.run, "--out", tmp_path / "m", "--dry-run")
    assert answer["dtype"] == "float32"
    assert not (tmp_path / "m").exists()


def test_raw_networks_do_not_get_the_kept_ones_modes(smoke: Any, tmp_path: Path) -> None:
    raw = smoke.run / "raw"
    assert limbeck("export", raw, "--out", tmp_path / "m")["modes"] is None
    assert Pipeline.from_pretrained(tmp_path / "m", device="cpu").data == {}
    drawn = limbeck("sample", raw, "--seeds", "0", "--out", tmp_path / "s", "--device", "cpu")
    assert drawn["truncation"] == "global"


def test_modes_of_another_width_are_refused_before_anything_is_written(
    smoke: Any, tmp_path: Path
) -> None:
    other = ModeCentres(torch.zeros(2, 5), torch.zeros(2, 9), torch.ones(2, dtype=torch.int64))
    (tmp_path / "modes").mkdir()
    other.save(tmp_path / "modes" / "modes.safetensors")
    words = ["export", smoke.run, "--modes", tmp_path / "modes", "--out", tmp_path / "m"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 3
    assert "belong to another generator" in " ".join(result.stderr.split())
    assert not (tmp_path / "m").exists()


def test_what_was_measured_goes_onto_the_card_and_weights_into_shards(
    smoke: Any, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(smoke.run, tmp_path / "run"))
    row = {
        "metric": "set_distance", "value": 0.1, "generator": "kept", "features": "inception",
        "photos": "kept", "held_out": False, "psi": 1.0, "truncation": "none", "real": 50,
        "fake": 50, "fid": 123.5, "kid": 0.1, "precision": 0.6, "recall": 0.5, "density": 0.4,
        "coverage": 0.3, "date": "2999-01-01T00:00:00+00:00",
    }  # fmt: skip
    old = {**row, "fid": 99.0, "photos": "raw", "date": "2001-01-01T00:00:00+00:00"}
    fsio.append_jsonl(run / "metrics" / "metrics.jsonl", old)
    fsio.append_jsonl(run / "metrics" / "metrics.jsonl", row)
    limbeck("export", run, "--out", tmp_path / "m", "--max-shard", "20kB")
    model = Pipeline.from_pretrained(tmp_path / "m", device="cpu")
    assert [one.fid for one in model.measured] == [123.5], "older ones are of other networks"
    card = (tmp_path / "m" / "README.md").read_text()
    assert "value: 123.5" in card
    assert "50 images, 50 kept photos" in card
    assert (tmp_path / "m" / "generator.safetensors.index.json").exists()
    assert limbeck("status", tmp_path / "m")["kind"] == "model"
    limbeck("export", run / "raw", "--out", tmp_path / "n")
    assert Pipeline.from_pretrained(tmp_path / "n", device="cpu").measured == ()
    assert "20 kilobytes" in refused(
        "export", run, "--out", tmp_path / "o", "--max-shard", "20 kilobytes"
    )
