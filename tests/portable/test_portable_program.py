"""The program as a function: the images of `limbeck sample`, by every truncation."""

import dataclasses

import pytest
import torch
from portable_models import small_model

from limbeck.config import Truncation
from limbeck.errors import UsageError
from limbeck.latents import ModeMarks, classes_of, images_of_seeds, seeds_to_z
from limbeck.model import Pipeline
from limbeck.percept import LPIPS
from limbeck.portable import own_rule, program_of

SEEDS = range(7)


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return small_model()


def wanted(
    model: Pipeline, psi: float, truncation: Truncation, mode: int | None = None
) -> tuple[torch.Tensor, list[int]]:
    drawn = list(
        images_of_seeds(
            model, SEEDS, psi=psi, truncation=truncation, modes=model.modes,
            embedder=LPIPS.load("alex"), mode_index=mode, as_float=True,
        )
    )  # fmt: skip
    return torch.stack([one.image for one in drawn]), [
        -1 if one.mode is None else one.mode for one in drawn
    ]


@pytest.mark.parametrize(
    "rule", ["multimodal-lpips", "multimodal-l2", "multimodal-typical", "global"]
)
def test_a_person_s_marks_are_in_the_program(rule: Truncation) -> None:
    marked = small_model()
    assert marked.modes is not None
    marks = ModeMarks(never=frozenset({0}), merged={3: 2})
    marked.modes = dataclasses.replace(marked.modes, marks=marks)
    program = program_of(marked, rule)
    z, psi = seeds_to_z(SEEDS, 16), torch.full((len(SEEDS),), 0.4)
    images, _, modes = program(z, psi, torch.full((len(SEEDS),), -1))
    by_hand, chosen = wanted(marked, 0.4, rule)
    assert torch.allclose(images, by_hand, atol=2e-5)
    assert modes.tolist() == chosen
    assert not {0, 3} & set(chosen)
    at_group = program(z, psi, torch.full((len(SEEDS),), 3))
    assert torch.allclose(at_group[0], wanted(marked, 0.4, "index", 3)[0], atol=2e-5)
    assert set(at_group[2].tolist()) == {2}
    with pytest.raises(IndexError):
        program(z, psi, torch.zeros(len(SEEDS), dtype=torch.int64))


@pytest.mark.parametrize("rule", ["multimodal-l2", "multimodal-typical", "global"])
@pytest.mark.parametrize("psi", [0.0, 0.6, 1.0])
def test_a_program_draws_what_sample_draws(model: Pipeline, rule: Truncation, psi: float) -> None:
    program = program_of(model, rule)
    given = program.example(len(SEEDS))
    given["psi"].fill_(psi)
    asked: dict[int, tuple[Truncation, int | None]] = {
        -1: (rule, None), -2: ("global", None), -3: ("multimodal-l2", None),
        -4: ("multimodal-typical", None), 2: ("index", 2),
    }  # fmt: skip
    for code, (truncation, mode) in asked.items():
        given["mode"].fill_(code)
        images, pixels, modes = program(**given)
        expected, chosen = wanted(model, psi, truncation, mode)
        assert (images - expected).abs().max() < 1e-5
        assert modes.tolist() == chosen
        assert pixels.dtype == torch.uint8
        assert (pixels.permute(0, 3, 1, 2).float() / 127.5 - 1 - expected).abs().max() < 0.5 / 127


def test_looking_at_images_chooses_the_papers_mode(model: Pipeline) -> None:
    program = program_of(model)
    given = program.example(len(SEEDS))
    images, _, modes = program(**given)
    expected, chosen = wanted(model, 0.7, "multimodal-lpips")
    assert modes.tolist() == chosen
    assert len(set(chosen)) > 1
    assert chosen != wanted(model, 0.7, "multimodal-l2")[1]
    assert (images - expected).abs().max() < 1e-5


def test_each_image_has_its_own_psi_and_mode(model: Pipeline) -> None:
    program = program_of(model, "multimodal-l2")
    given = program.example(4)
    given["psi"], given["mode"] = torch.tensor([0.0, 0.5, 1, 1.2]), torch.tensor([3, -1, -2, -4])
    together = program(**given)[0]
    for row in range(4):
        alone = program(**{name: one[row : row + 1] for name, one in given.items()})[0]
        assert (together[row] - alone[0]).abs().max() < 1e-5


def test_without_modes_the_rule_is_global() -> None:
    bare = small_model(modes=False)
    program = program_of(bare)
    given = program.example(len(SEEDS))
    images, _, modes = program(**given)
    assert (images - wanted(bare, 0.7, "global")[0]).abs().max() < 1e-5
    assert set(modes.tolist()) == {-1}
    for code in (0, -3):
        given["mode"].fill_(code)
        with pytest.raises(IndexError):
            program(**given)


@pytest.mark.parametrize("code", [4, -5])
def test_a_mode_that_is_none_is_an_error(model: Pipeline, code: int) -> None:
    program = program_of(model, "multimodal-l2")
    given = program.example()
    given["mode"].fill_(code)
    with pytest.raises(IndexError):
        program(**given)


def test_classes_have_their_own_global_mean() -> None:
    model = small_model(classes=3)
    program = program_of(model, "multimodal-l2")
    classes = classes_of(list(SEEDS), model.config)
    assert classes is not None
    z = seeds_to_z(SEEDS, model.config.z_dim)
    psi, mode = torch.full((len(SEEDS),), 0.4), torch.full((len(SEEDS),), -2)
    images = program(z, psi, mode, classes)[0]
    assert (images - wanted(model, 0.4, "global")[0]).abs().max() < 1e-5
    for label in (3, -1):
        with pytest.raises(IndexError):
            program(z, psi, mode, torch.full_like(classes, label))


@pytest.mark.parametrize("rule", ["none", "index"])
def test_rules_that_look_at_no_latent_are_refused(model: Pipeline, rule: Truncation) -> None:
    with pytest.raises(UsageError, match="no rule of its own"):
        own_rule(model.modes, rule)


def test_a_rule_needs_what_it_looks_at(model: Pipeline) -> None:
    with pytest.raises(UsageError, match="needs modes"):
        own_rule(None, "multimodal-l2")
    assert model.modes is not None
    bare = type(model.modes)(model.modes.centres, model.modes.embeddings, model.modes.sizes)
    with pytest.raises(UsageError, match="typical"):
        own_rule(bare, "multimodal-typical")
