"""Reasons in words: the part that counts most in the fusion, whatever its scale."""

import numpy as np
import pytest

from limbeck.artefacts.contents import Scores
from limbeck.curation.formulas import FORMULAS, FUSED, recommended_formula
from limbeck.metrics import standardised, weighted_mean
from limbeck.reporting.reasons import GROUNDS, Grounds, ground, parts_of, percent


def table(
    count: int = 400, names: tuple[str, ...] = FUSED, odd: tuple[tuple[str, int, float], ...] = ()
) -> Scores:
    """Scores whose rows `odd` are so many times higher in one column."""
    random = np.random.default_rng(1)
    columns = {name: 10.0**k * random.lognormal(0, 0.3, count) for k, name in enumerate(names)}
    fused = weighted_mean(list(columns.values()))
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
    scores = table(odd=(("seam", 3, 9.0), ("lite0_ppca", 3, 4.0)))
    why = Grounds(scores, "recommended").of(3)
    assert why.words == "straight seam"
    assert GROUNDS["lite0_ppca"].words in why.also


def test_the_part_in_which_a_photo_lies_farthest_out_is_named() -> None:
    scores = table()
    names = list(FUSED)
    distance = np.stack([standardised(scores.column(n), np.inf) for n in names])
    grounds = Grounds(scores, "recommended")
    assert [grounds.of(row).column for row in range(400)] == [names[i] for i in distance.argmax(0)]


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
    assert {*FUSED} <= GROUNDS.keys()
    scores = {n for n in FORMULAS if not n.startswith("x_")}
    assert scores <= GROUNDS.keys()
    assert ground("of_tomorrow").words == "high of_tomorrow"


@pytest.mark.parametrize(
    ("share", "text"), [(0.5, "50 %"), (0.9973, "99.7 %"), (0.99999, "99.9 %"), (1.0, "all others")]
)
def test_percentages_never_round_up_to_all(share: float, text: str) -> None:
    assert percent(share) == text
