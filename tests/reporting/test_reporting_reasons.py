"""Reasons in words: the part that counts most in the fusion, whatever its scale."""

import numpy as np
import pytest

from limbeck.artefacts.contents import Scores
from limbeck.curation.formulas import FORMULAS, FUSED, FUSED_PLUS, recommended_formula
from limbeck.metrics.fusion import fisher_tails, tail_share
from limbeck.reporting.reasons import GROUNDS, Grounds, far_out, ground, parts_of, percent


def table(
    count: int = 400, names: tuple[str, ...] = FUSED, odd: tuple[tuple[str, int, float], ...] = ()
) -> Scores:
    """Scores whose rows `odd` are so many times higher in one column."""
    random = np.random.default_rng(1)
    columns = {name: 10.0**k * random.lognormal(0, 0.3, count) for k, name in enumerate(names)}
    fused = fisher_tails(list(columns.values()))
    for name, row, times in odd:
        columns[name][row] *= times
    columns["recommended"] = fused
    columns["x_mode"] = np.zeros(count)
    formulas = dict.fromkeys(columns, "") | {"recommended": recommended_formula(columns, names)}
    return Scores.of(tuple(f"{i:016x}" for i in range(count)), columns, formulas)


@pytest.mark.parametrize("name", FUSED)
def test_the_planted_part_is_named(name: str) -> None:
    scores = table(odd=((name, 7, 5.0),))
    why = Grounds(scores, "recommended").of(7)
    assert why.column == name
    assert why.words == GROUNDS[name].words
    assert why.more == "all others"


def test_two_parts_are_both_named_the_farther_first() -> None:
    scores = table(odd=(("seam", 3, 9.0), ("centroid", 3, 4.0)))
    why = Grounds(scores, "recommended").of(3)
    assert why.words == "straight seam"
    assert GROUNDS["centroid"].words in why.also


def test_the_order_is_that_of_the_fusions_own_terms() -> None:
    """Within the reach of the tails, the largest distance is the largest -log p."""
    scores = table()
    names = list(FUSED)
    terms = np.stack([-np.log(tail_share(scores.column(n))) for n in names])
    floor = -np.log(0.5 / terms.shape[1])
    reached = (terms < floor - 1e-9).all(0)
    distance = np.stack([far_out(scores.column(n)) for n in names])
    assert reached.sum() > 300
    assert (terms.argmax(0) == distance.argmax(0))[reached].all()


def test_parts_are_read_from_the_formula() -> None:
    assert parts_of(table(), "recommended") == FUSED
    assert parts_of(table(), "centroid") == ("centroid",)
    bare = Scores.of(("a",), {n: np.zeros(1) for n in ("recommended", "seam")})
    assert parts_of(bare, "recommended") == ("seam",)
    formula = {"seam": "", "without_generator": recommended_formula(("seam",), ("seam",))}
    blind = Scores.of(("a",), {n: np.zeros(1) for n in formula}, formula)
    assert parts_of(blind, "without_generator") == ("seam",)
    assert Grounds(blind, "without_generator").of(0).words == "straight seam"
    alone = Scores.of(("a",), {"recommended": np.zeros(1)})
    assert parts_of(alone, "recommended") == ("recommended",)
    assert Grounds(alone, "recommended").of(0).words == "high recommended"


def test_every_column_that_can_be_chosen_has_words() -> None:
    assert {*FUSED, *FUSED_PLUS} <= GROUNDS.keys()
    scores = {n for n in FORMULAS if not n.startswith("x_")} - {"rank_fusion"}
    assert scores <= GROUNDS.keys()
    assert ground("of_tomorrow").words == "high of_tomorrow"


def test_columns_without_spread_or_rows_blame_nothing() -> None:
    assert far_out(np.ones(5)).tolist() == [0] * 5
    assert far_out(np.zeros(0)).size == 0
    assert np.isfinite(far_out(np.array([-1.0, 0.0, 2.0, 3.0, 9.0]))).all()


@pytest.mark.parametrize(
    ("share", "text"), [(0.5, "50 %"), (0.9973, "99.7 %"), (0.99999, "99.9 %"), (1.0, "all others")]
)
def test_percentages_never_round_up_to_all(share: float, text: str) -> None:
    assert percent(share) == text
