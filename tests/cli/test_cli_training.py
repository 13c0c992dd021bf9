"""Classes, transfer, benchmarks and several processes, from the command line."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import limbeck
from typer.testing import CliRunner

import limbeck as package
from limbeck.artefacts.run import STAGES
from limbeck.cli import app
from limbeck.nets import load_networks


@pytest.fixture(scope="module")
def classes(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crawl's photos in two sub-folders."""
    root = tmp_path_factory.mktemp("classes")
    photos = sorted((crawl / "photos").iterdir())
    for number, photo in enumerate(photos):
        folder = root / ("even", "odd")[number % 2]
        folder.mkdir(exist_ok=True)
        shutil.copy(photo, folder / photo.name)
    return root


def test_sub_folders_become_classes_of_the_networks(classes: Path, tmp_path: Path) -> None:
    limbeck("ingest", classes, "--out", tmp_path / "data", "--size", 16, "--class-from", "folder")
    done = limbeck(
        "train", tmp_path / "data", "--out", tmp_path / "nets", "--preset", "smoke",
        "--kimg", 0.016, "--cond",
    )  # fmt: skip
    nets = load_networks(tmp_path / "nets" / done["networks"])
    assert nets.config.num_classes == 2
    assert nets.D.mapping is not None


def test_a_whole_run_with_classes(classes: Path, tmp_path: Path) -> None:
    answer = limbeck(
        "run", classes, "--out", tmp_path / "run", "--preset", "smoke", "--kimg", 0.016,
        "--class-from", "folder",
    )  # fmt: skip
    assert set(answer["stages"].values()) == {"done"}
    limbeck("sample", tmp_path / "run" / "model", "--seeds", "0-3", "--out", tmp_path / "samples")


def test_training_begins_from_networks_that_exist(smoke: Any, tmp_path: Path) -> None:
    out = tmp_path / "second"
    limbeck(
        "train", smoke.run / "data", "--out", out, "--preset", "smoke", "--kimg", 0.008,
        "--init-from", smoke.run, "--freezed", 1,
    )  # fmt: skip
    told = json.loads((out / "transfer.json").read_text())
    assert told["loaded"]
    assert told["missing"] == told["other_shape"] == []


def test_bench_prints_ratios_and_one_json_line(smoke: Any) -> None:
    small = ["--preset", "smoke", "--batch", 4, "--repeats", 1]
    train = limbeck("bench", "train", *small)
    assert train["ratio_fp32"]["wall"] > 0
    assert train["contestants"]["fp32"]["seconds_per_kimg"] > 0
    assert limbeck("bench", "infer", *small)["images_per_second"]["textbook"] > 0
    loader = limbeck("bench", "loader", smoke.run / "data", "--preset", "smoke", "--repeats", 2)
    assert 0 < loader["share_of_step"]["resident"] < 1


def test_bench_loader_asks_for_a_dataset() -> None:
    result = CliRunner().invoke(app, ["bench", "loader"])
    assert result.exit_code == 2
    assert "DATA" in result.output


def test_two_processes_walk_the_whole_chain(crawl: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {
        "PYTHONPATH": str(Path(package.__file__).parents[1]), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
        "--master-addr", "127.0.0.1", "--master-port", str(port), "-m", "limbeck", "run",
        str(crawl / "photos"), "--out", str(tmp_path / "run"), "--preset", "smoke",
        "--kimg", "0.032", "--json",
    ]  # fmt: skip
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1, "rank 0 alone answers"
    answer = json.loads(lines[0])
    assert set(answer["stages"]) == set(STAGES)
    assert set(answer["stages"].values()) == {"done"}
