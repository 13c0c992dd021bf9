"""A model opens where only what limbeck needs is installed, and draws what the run drew."""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import limbeck

ROOT = Path(__file__).parents[1]
SEEDS = 8
DRAW = """
import hashlib, json, sys
folder, truncation, psi, count, blocked = sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:])

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from limbeck import Pipeline

pictures = Pipeline.from_pretrained(folder, device="cpu")(range(count), psi, truncation)
told = {
    "sha256": [hashlib.sha256(p.permute(1, 2, 0).numpy().tobytes()).hexdigest() for p in pictures],
    "limbeck": sys.modules["limbeck"].__file__,
    "extra": sorted({name.split(".")[0] for name in sys.modules} & set(blocked)),
}
print(json.dumps(told))
"""


def core() -> list[str]:
    """What `pip install limbeck` asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [str(line) for line in project["dependencies"]]


def optional_modules() -> set[str]:
    """Modules of this environment that no installation of limbeck without extras has."""
    wanted, known = [Requirement(line) for line in core()], {"limbeck"}
    while wanted:
        one = wanted.pop()
        name = canonicalize_name(one.name)
        if name in known or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        known.add(name)
        wanted += [Requirement(line) for line in metadata.requires(one.name) or ()]
    owners = metadata.packages_distributions()
    return {m for m, names in owners.items() if known.isdisjoint(map(canonicalize_name, names))}


def drawn_by(python: str | Path, run: Path, env: Mapping[str, str], blocked: set[str]) -> Any:
    """What another process says that it drew of the run's model, as the run itself samples."""
    told = json.loads((run / "samples" / "samples.json").read_text(encoding="utf-8"))
    words = [run / "model", told["truncation"], told["psi"], SEEDS, json.dumps(sorted(blocked))]
    done = subprocess.run(
        [python, "-c", DRAW, *map(str, words)], env=env, cwd=run, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def drawn_by_run(run: Path) -> list[str]:
    """sha256 of the pixels of the first seeds, as the run stored them."""
    hashes = []
    for seed in range(SEEDS):
        with Image.open(run / "samples" / f"seed{seed:06d}.png") as picture:
            hashes.append(hashlib.sha256(np.asarray(picture.convert("RGB")).tobytes()).hexdigest())
    return hashes


def test_the_model_of_a_run_needs_no_extra(smoke: Any) -> None:
    blocked = optional_modules()
    assert {"pytest", "hypothesis"} <= blocked
    assert blocked.isdisjoint({"torch", "numpy", "safetensors", "PIL", "pydantic", "limbeck"})
    source = str(Path(limbeck.__file__).parents[1])
    told = drawn_by(sys.executable, smoke.run, {**os.environ, "PYTHONPATH": source}, blocked)
    assert told["sha256"] == drawn_by_run(smoke.run)
    assert not told["extra"]


@pytest.mark.network
@pytest.mark.timeout(1200)
def test_the_model_of_a_run_opens_in_a_fresh_environment(smoke: Any, tmp_path: Path) -> None:
    """The wheel and its dependencies alone, in the pinned versions, in a new environment."""
    python = tmp_path / "fresh" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    hatch = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    quiet = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    for command, folder, env in (
        ([*hatch, "--directory", tmp_path], ROOT, dict(os.environ)),
        ([sys.executable, "-m", "venv", tmp_path / "fresh"], tmp_path, quiet),
    ):
        subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("limbeck-*.whl")
    install = [python, "-m", "pip", "install", "--quiet", "-c", constraints, wheel]
    done = subprocess.run(install, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    held = subprocess.run(
        [python, "-m", "pip", "list", "--format=json"], env=quiet, capture_output=True, check=True
    )
    names = {canonicalize_name(one["name"]) for one in json.loads(held.stdout)}
    assert names.isdisjoint({"huggingface-hub", "httpcore", "lmdb", "onnxruntime", "pytest"})
    told = drawn_by(python, smoke.run, quiet, set())
    assert Path(told["limbeck"]).is_relative_to(tmp_path / "fresh")
    assert told["sha256"] == drawn_by_run(smoke.run)
