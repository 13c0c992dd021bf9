"""ONNX and torch.export files: what they say, and that their images are the program's."""

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
from portable_models import small_model

from limbeck.errors import DataError, UsageError
from limbeck.latents import images_of_seeds, seeds_to_z
from limbeck.portable import (
    FACTS,
    TOLERANCE,
    Program,
    facts_of,
    program_of,
    require_onnx,
    save_onnx,
    save_torch_export,
    trace,
    write_onnx,
    write_torch_export,
)

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript", reason="onnxscript is absent: pip install 'limbeck[onnx]'")
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "onnx_sample.py"


class Made:
    """Both files of one model."""

    def __init__(self, folder: Path, rule: Any = None, half: bool = False, **model: Any) -> None:
        self.model = small_model(**model)
        self.program: Program = program_of(self.model, rule)
        self.facts = facts_of(self.model, self.program)
        self.onnx, self.pt2 = folder / "m.onnx", folder / "m.pt2"
        traced = trace(self.program)
        save_torch_export(traced, self.facts, self.pt2)
        self.difference = save_onnx(traced, self.program, self.facts, self.onnx, half=half)

    def session(self) -> Any:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(self.onnx, options, ["CPUExecutionProvider"])

    def gap(self, session: Any, given: dict[str, torch.Tensor]) -> float:
        """Largest difference of images; the modes must be the same."""
        images, pixels, modes = session.run(None, {n: one.numpy() for n, one in given.items()})
        wanted = self.program(**given)
        assert modes.tolist() == wanted[2].tolist()
        assert np.abs(pixels.astype(int) - wanted[1].numpy().astype(int)).max() <= 1
        return float((wanted[0] - torch.from_numpy(images)).abs().max())


def sweep(made: Made, counts: range, seeds: int) -> float:
    """The worst difference over seeds, three psi, every mode, and batches of these sizes."""
    session, given, worst = made.session(), made.program.example(seeds), 0.0
    codes = [*made.program.known(), *range(len(made.model.modes or ()))]
    for psi in (0.0, 0.7, 1.0):
        given["psi"].fill_(psi)
        for code in codes:
            given["mode"].fill_(code)
            worst = max(worst, made.gap(session, given))
    for count in counts:
        some = made.program.example(count)
        some["mode"] = torch.tensor(codes).repeat(count)[:count]
        worst = max(worst, made.gap(session, some))
    return worst


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"), "multimodal-l2")


def test_onnxruntime_draws_what_pytorch_draws(made: Made) -> None:
    assert made.difference is not None
    assert made.difference <= TOLERANCE
    assert sweep(made, range(1, 6), 9) <= TOLERANCE


def test_the_file_says_what_it_is(made: Made) -> None:
    session = made.session()
    facts = session.get_modelmeta().custom_metadata_map
    assert facts == made.facts
    assert facts["licence"] == "testing only"
    assert json.loads(facts["truncations"]) == {
        "-1": "multimodal-l2", "-2": "global", "-3": "multimodal-l2", "-4": "multimodal-typical",
    }  # fmt: skip
    assert [one["share"] for one in json.loads(facts["modes"])] == [0.4, 0.3, 0.2, 0.1]
    inputs = {one.name: (one.type, one.shape[1:]) for one in session.get_inputs()}
    assert inputs == {"z": ("tensor(float)", [16]), "psi": ("tensor(float)", []),
                      "mode": ("tensor(int64)", [])}  # fmt: skip
    outputs = {one.name: (one.type, one.shape[1:]) for one in session.get_outputs()}
    assert outputs == {"images": ("tensor(float)", [3, 8, 8]), "modes": ("tensor(int64)", []),
                       "pixels": ("tensor(uint8)", [8, 8, 3])}  # fmt: skip
    assert not isinstance(session.get_inputs()[0].shape[0], int)


@pytest.mark.parametrize("code", [4, -5])
def test_a_mode_that_is_none_fails_in_onnxruntime_too(made: Made, code: int) -> None:
    given = made.program.example()
    given["mode"].fill_(code)
    with pytest.raises(Exception, match=r"invalid index"):
        made.session().run(None, {name: one.numpy() for name, one in given.items()})


def test_torch_alone_loads_the_program(made: Made) -> None:
    said = {FACTS: ""}
    loaded = torch.export.load(made.pt2, extra_files=said).module()
    assert json.loads(said[FACTS]) == made.facts
    for count in (1, 5):
        given = made.program.example(count)
        for one, other in zip(loaded(*given.values()), made.program(**given), strict=True):
            assert torch.equal(one, other) or (one - other).abs().max() < 1e-5


def test_the_example_draws_the_seeds_without_torch(made: Made, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    (tmp_path / "limbeck.py").write_text("raise ImportError('no limbeck here')")
    seeds, command = (0, 7, 42), [sys.executable, str(EXAMPLE), str(made.onnx), "0,7,42", "0.5"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    wanted = list(
        images_of_seeds(
            made.model, seeds, psi=0.5, truncation="multimodal-l2", modes=made.model.modes,
            embedder=None,
        )
    )  # fmt: skip
    assert done.stdout.splitlines() == [f"seed {one.seed}: mode {one.mode}" for one in wanted]
    for one in wanted:
        shown = np.asarray(Image.open(tmp_path / f"seed{one.seed:06d}.png")).astype(int)
        assert np.abs(shown - one.image.permute(1, 2, 0).numpy().astype(int)).max() <= 1


def test_the_examples_latents_are_limbecks(made: Made) -> None:
    names: dict[str, Any] = {}
    exec(EXAMPLE.read_text(encoding="utf-8").partition("session =")[0], names)
    for size in (16, 256, 512):
        found = np.stack([names["latent"](seed, size) for seed in range(20)])
        assert np.abs(found - seeds_to_z(range(20), size).numpy()).max() < 1e-6


@pytest.mark.parametrize("write", [write_onnx, write_torch_export])
def test_what_is_there_stays(made: Made, tmp_path: Path, write: Any) -> None:
    there = tmp_path / ("m.onnx" if write is write_onnx else "m.pt2")
    there.write_bytes(b"mine")
    with pytest.raises(DataError, match="is there already"):
        write(made.model, there)
    assert there.read_bytes() == b"mine"
    with pytest.raises(UsageError, match="does not end in"):
        write(made.model, tmp_path / "m.bin")


def test_a_graph_that_draws_something_else_is_not_written(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison that stands before writing, fed a graph of other weights."""
    from limbeck.portable import onnx_file

    other = program_of(small_model(8), "multimodal-l2")
    with torch.no_grad():
        other.G.synthesis.block(8).torgb.bias.add_(0.01)  # type: ignore[union-attr]
    assert onnx_file._difference(made.onnx.read_bytes(), other) == pytest.approx(0.01, abs=1e-4)
    monkeypatch.setattr(onnx_file, "_difference", lambda content, program: 0.01)
    monkeypatch.setattr(torch.onnx, "export", lambda *a, **k: _Stored(made.onnx))
    with pytest.raises(DataError, match=r"differ from PyTorch's by 0\.01"):
        save_onnx(None, made.program, made.facts, tmp_path / "m.onnx", half=False)  # type: ignore[arg-type]
    assert not (tmp_path / "m.onnx").exists()


class _Stored:
    """What torch.onnx.export gives, of a file made before."""

    def __init__(self, path: Path) -> None:
        import onnx_ir

        self.model = onnx_ir.load(path)


def test_absent_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from limbeck.portable import onnx_file

    monkeypatch.setattr(onnx_file.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="onnx and onnx_ir and onnxscript") as told:
        require_onnx()
    assert "limbeck[onnx]" in told.value.do


@pytest.mark.slow
def test_the_papers_truncation_over_64_seeds_and_batches_to_33(tmp_path: Path) -> None:
    made = Made(tmp_path, size=16)
    assert made.difference is not None
    assert sweep(made, range(1, 34), 64) <= TOLERANCE
    loaded = torch.export.load(made.pt2).module()
    given = made.program.example(5)
    for one, other in zip(loaded(*given.values()), made.program(**given), strict=True):
        assert torch.equal(one, other) or (one - other).abs().max() < 1e-5


@pytest.mark.slow
def test_half_of_the_bytes_and_almost_the_same_images(made: Made, tmp_path: Path) -> None:
    half = Made(tmp_path, "multimodal-l2", half=True)
    assert half.onnx.stat().st_size < made.onnx.stat().st_size
    assert sweep(half, range(1, 3), 9) <= 0.02


@pytest.mark.slow
def test_classes_are_an_input(tmp_path: Path) -> None:
    made = Made(tmp_path, "multimodal-l2", classes=3)
    assert json.loads(made.facts["classes"]) == ["a", "b", "c"]
    assert sweep(made, range(1, 5), 9) <= TOLERANCE
    given = made.program.example()
    given["label"].fill_(3)
    with pytest.raises(Exception, match=r"invalid index"):
        made.session().run(None, {name: one.numpy() for name, one in given.items()})


@pytest.mark.slow
def test_without_modes_there_is_the_global_mean(tmp_path: Path) -> None:
    made = Made(tmp_path, modes=False)
    assert json.loads(made.facts["truncations"]) == {"-1": "global", "-2": "global"}
    assert sweep(made, range(1, 5), 9) <= TOLERANCE
