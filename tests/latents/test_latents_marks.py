"""A person's marks of modes, where truncation chooses a target."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from limbeck.config import Truncation
from limbeck.errors import DataError, UsageError
from limbeck.latents import ModeCentres, ModeMarks, Target, target_for

MANY: tuple[Truncation, ...] = ("multimodal-lpips", "multimodal-l2", "multimodal-typical")


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


MODES = ModeCentres(
    _random(5, 6, seed=1), _random(5, 20, seed=2), torch.tensor([8, 4, 3, 1, 0]),
    _random(40, 6, seed=3),
)  # fmt: skip


def _target(method: Truncation, modes: ModeCentres, mode: int | None = None) -> Target:
    w = _random(200, 6, seed=4)
    return target_for(
        method, w, w_avg=_random(6, seed=5), modes=modes, embeddings=_random(200, 20, seed=6),
        mode_index=mode,
    )  # fmt: skip


def _marked(**marks: object) -> ModeCentres:
    return replace(MODES, marks=ModeMarks(**marks))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", MANY)
def test_names_and_hiding_change_no_bit_of_what_is_drawn(method: Truncation) -> None:
    plain = _target(method, MODES)
    named = _target(method, _marked(names={0: "lying"}, hidden=frozenset({1, 2})))
    assert torch.equal(plain.w, named.w)
    assert plain.modes is not None
    assert named.modes is not None
    assert torch.equal(plain.modes, named.modes)
    assert _marked(names={0: "a"}).drawing_digest() == MODES.drawing_digest() == MODES.digest()


@pytest.mark.parametrize("method", MANY)
def test_a_mode_marked_never_is_no_target_and_the_others_keep_theirs(method: Truncation) -> None:
    plain, marked = _target(method, MODES), _target(method, _marked(never=frozenset({0, 3})))
    assert plain.modes is not None
    assert marked.modes is not None
    before, after = plain.modes, marked.modes
    assert set(before.tolist()) >= {0, 3}
    assert not {0, 3} & set(after.tolist())
    others = (before != 0) & (before != 3)
    assert torch.equal(after[others], before[others])
    assert torch.equal(marked.w[others], plain.w[others])
    if method != "multimodal-typical":
        assert torch.equal(marked.w, MODES.centres[after])


@pytest.mark.parametrize("method", MANY[:2])
def test_merged_modes_are_told_apart_by_their_own_centres_and_have_one_target(
    method: Truncation,
) -> None:
    plain, marked = _target(method, MODES), _target(method, _marked(merged={2: 1, 3: 1}))
    assert plain.modes is not None
    assert marked.modes is not None
    group = torch.isin(plain.modes, torch.tensor([1, 2, 3]))
    assert set(plain.modes[group].tolist()) == {1, 2, 3}
    assert set(marked.modes[group].tolist()) == {1}
    assert torch.equal(marked.modes[~group], plain.modes[~group])
    assert torch.equal(marked.w[~group], plain.w[~group])
    mean = (4 * MODES.centres[1] + 3 * MODES.centres[2] + MODES.centres[3]) / 8
    assert torch.allclose(marked.w[group], mean.expand_as(marked.w[group]))
    assert torch.equal(marked.w[group], marked.w[group][:1].expand_as(marked.w[group]))


def test_modes_without_members_can_be_merged() -> None:
    one = replace(MODES, sizes=torch.tensor([8, 4, 3, 0, 0]), marks=ModeMarks(merged={4: 3}))
    assert torch.allclose(one.targets[3], (one.centres[3] + one.centres[4]) / 2)


def test_the_index_of_a_merged_mode_is_the_group_and_of_a_never_mode_an_error() -> None:
    marked = _marked(never=frozenset({3}), merged={2: 1}, where="runs/dogs/modes/marks.csv")
    found = _target("index", marked, 2)
    assert found.modes is not None
    assert set(found.modes.tolist()) == {1}
    assert torch.equal(found.w[0], marked.targets[1])
    with pytest.raises(UsageError, match=r"somebody marked it `never` in runs/dogs/modes/marks"):
        _target("index", marked, 3)
    with pytest.raises(UsageError, match="no mode 5"):
        _target("index", marked, 5)


def test_no_typical_latent_is_left() -> None:
    one = replace(MODES, typical=MODES.centres[:1].clone(), marks=ModeMarks(never=frozenset({0})))
    with pytest.raises(UsageError, match="none but of those marked `never`"):
        _target("multimodal-typical", one)


def test_truncation_without_modes_is_not_touched() -> None:
    marked = _marked(never=frozenset({0, 1, 2, 3}))
    for method in ("none", "global"):
        assert torch.equal(_target(method, marked).w, _target(method, MODES).w)


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ({"never": frozenset(range(5))}, "all modes are marked never"),
        ({"hidden": frozenset({5})}, "no mode 5 among 5"),
        ({"merged": {1: 1}}, "counts as itself"),
        ({"merged": {1: 7}}, "counts as mode 7, which is not among 5"),
        ({"merged": {1: 2, 2: 3}}, "counts as mode 2, which counts as mode 3"),
        ({"merged": {1: 2, 2: 1}}, "counts as mode 2, which counts as mode 1"),
        ({"merged": {1: 2}, "never": frozenset({2})}, "which is marked never"),
    ],
)
def test_marks_that_do_not_go_together(marks: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        _marked(**marks)


def test_one_mark_a_mode() -> None:
    marks = ModeMarks().changed(2, name="lying", mark="never").changed(2, mark="merge:1")
    assert (marks.mark(2), marks.never, marks.names) == ("merge:1", frozenset(), {2: "lying"})
    assert not marks.changed(2, name="", mark="")
    for bad in ("Never", "merge", "merge:-1", "merge:1:2", "never "):
        with pytest.raises(UsageError, match="no mark"):
            marks.changed(2, mark=bad)


def test_marks_are_no_part_of_the_digest() -> None:
    marked = _marked(never=frozenset({1}))
    assert marked.digest() == MODES.digest()
    assert marked.drawing_digest() != MODES.digest()


def test_other_marks_share_the_tensors_and_forget_what_depends_on_marks() -> None:
    generator = torch.Generator().manual_seed(0)
    plain = ModeCentres(
        torch.randn(4, 8, generator=generator), torch.randn(4, 6, generator=generator),
        torch.tensor([4, 3, 2, 1]), torch.randn(9, 8, generator=generator),
    )  # fmt: skip
    marks = ModeMarks(never=frozenset({3}), merged={2: 0})
    w = torch.randn(50, 8, generator=generator)
    for modes in (plain, plain.with_marks(ModeMarks(never=frozenset({0})))):
        before = (modes.targets, modes.numbers, modes.typical_drawn, modes.nearest_w(w))
        made, built = modes.with_marks(marks), replace(plain, marks=marks)
        assert made.centres is plain.centres
        assert torch.equal(made.targets, built.targets)
        assert torch.equal(made.numbers, built.numbers)
        assert torch.equal(made.nearest_w(w), built.nearest_w(w))
        assert made.typical_drawn is not None
        assert built.typical_drawn is not None
        assert torch.equal(made.typical_drawn, built.typical_drawn)
        assert made.digest() == plain.digest()
        assert modes.targets is before[0]
        assert torch.equal(modes.nearest_w(w), before[3])
    with pytest.raises(DataError, match="as itself"):
        plain.with_marks(ModeMarks(merged={1: 1}))
