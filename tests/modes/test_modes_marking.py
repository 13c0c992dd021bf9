"""Names and marks where modes lie: in a folder of modes, a run, a model folder."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from limbeck import preset
from limbeck.artefacts.run import MARKS
from limbeck.config import ModesConfig
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.latents import ModeCentres, draw_w, embed_w, images_of_seeds
from limbeck.model import Pipeline
from limbeck.modes import ModeChange, assign, find_modes, mark_mode, mark_modes, modes_folder
from limbeck.nets import Networks
from limbeck.percept import LPIPS

NET = preset("smoke").net
CONFIG = ModesConfig(samples=60, clusters=4, space="w")


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    networks = Networks.create(NET, 0).eval()
    w = draw_w(networks.G_ema.mapping, NET, 4, seed=1)
    embeddings = embed_w(networks.G_ema, LPIPS.load("alex"), w)
    return Pipeline(networks, ModeCentres(w, embeddings, torch.tensor([4, 3, 2, 1])))


@pytest.fixture
def folder(pipeline: Pipeline, tmp_path: Path) -> Path:
    pipeline.save_pretrained(tmp_path / "m")
    return tmp_path / "m"


def test_a_model_is_marked_and_draws_so(pipeline: Pipeline, folder: Path, tmp_path: Path) -> None:
    plain = pipeline(range(40), psi=0.3)
    marked = mark_modes(
        folder, [ModeChange(0, mark="never"), ModeChange(3, "small", "merge:2"), ModeChange(1, "x")]
    )
    there = Pipeline.from_pretrained(folder, device="cpu")
    assert there.modes is not None
    assert there.modes.marks == marked.marks
    drawn = list(
        images_of_seeds(
            there, range(40), psi=0.3, truncation="multimodal-lpips", modes=there.modes,
            embedder=LPIPS.load("alex"),
        )
    )  # fmt: skip
    assert [one.seed for one in drawn] == list(range(40)), "one seed is one image"
    assert {one.mode for one in drawn} <= {1, 2}
    own = [n for n, one in enumerate(drawn) if torch.equal(one.image, plain[n])]
    assert {drawn[n].mode for n in own} <= {1}
    assert 0 < len(own) < 40
    mark_modes(folder, [ModeChange(mode, "", "") for mode in range(4)])
    assert torch.equal(Pipeline.from_pretrained(folder, device="cpu")(range(40), psi=0.3), plain)
    there.save_pretrained(tmp_path / "half", dtype="float16")
    half = Pipeline.from_pretrained(tmp_path / "half", device="cpu")
    assert half.modes is not None
    assert half.modes.marks == marked.marks, "float16 embeddings have another digest"
    assert half.modes.digest() != marked.digest()
    card = (tmp_path / "half" / "README.md").read_text()
    assert "| 0 |  | never sampled |" in card
    assert "| 3 | small | counts as mode 2 |" in card
    assert "The centres of its 2 modes" in card


def test_names_on_a_card_are_no_markup(pipeline: Pipeline, tmp_path: Path) -> None:
    assert pipeline.modes is not None
    modes = pipeline.modes
    pipeline.save_pretrained(tmp_path / "m")
    hostile = "<b>[x](http)|\u202e"
    with pytest.raises(UsageError, match="cannot be a mode's name"):
        mark_mode(tmp_path / "m", 0, name="http://")
    marked = mark_mode(tmp_path / "m", 0, name=hostile)
    Pipeline(pipeline_networks(pipeline), replace(modes, marks=marked.marks)).save_pretrained(
        tmp_path / "n"
    )
    card = (tmp_path / "n" / "README.md").read_text()
    assert "\u202e" not in card
    assert r"\<b\>\[x\](http)\|" in card


def pipeline_networks(pipeline: Pipeline) -> Networks:
    made = Networks(NET, names=("G_ema",))
    made.G_ema.load_state_dict(pipeline.G_ema.state_dict())
    return made.eval()


def test_what_is_refused_writes_nothing(folder: Path) -> None:
    mark_mode(folder, 2, mark="never")
    before = (folder / MARKS).read_bytes()
    changes: list[list[ModeChange]] = [
        [ModeChange(4, "x")],
        [ModeChange(0, "x"), ModeChange(1, mark="merge:2")],
        [ModeChange(1, mark="merge:1")],
        [ModeChange(0, "7")],
        [ModeChange(mode, mark="never") for mode in range(4)],
    ]
    for one in changes:
        with pytest.raises(UsageError) as caught:
            mark_modes(folder, one)
        assert caught.value.do
        assert (folder / MARKS).read_bytes() == before
    with pytest.raises(DataError, match="holds no modes"):
        modes_folder(folder.parent)


def test_marks_outlive_modes_found_anew(pipeline: Pipeline, tmp_path: Path) -> None:
    out = tmp_path / "modes"
    first = find_modes(pipeline, out, CONFIG)
    marked = mark_mode(out, 1, name="lying", mark="hide")
    assert find_modes(pipeline, out, CONFIG).mode_centres.marks == marked.marks
    other = find_modes(pipeline, out, CONFIG, seed=1)
    assert not other.mode_centres.marks, "numbers of other modes do not apply"
    assert other.mode_centres.marks.others == 1
    again = find_modes(pipeline, out, CONFIG)
    assert again.mode_centres.marks == marked.marks
    assert torch.equal(again.centres, first.centres)


def test_points_are_given_to_the_modes_that_count(pipeline: Pipeline) -> None:
    assert pipeline.modes is not None
    modes = replace(pipeline.modes, marks=pipeline.modes.marks.changed(3, mark="merge:1"))
    assert assign(modes.centres, modes).tolist() == [0, 1, 2, 1]


def test_a_stranger_s_bad_marks_are_named(folder: Path) -> None:
    (folder / MARKS).write_text("modes,mode,name,mark\nx,1,\x1b[31m,\n")
    with pytest.raises(LimbeckError, match=r"marks.csv:2") as caught:
        Pipeline.from_pretrained(folder, device="cpu")
    assert "\x1b" not in str(caught.value)
