"""Honest words about generators: what the figures say, and nothing that they do not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reporting_fake_run import keep_list

from limbeck.artefacts.contents import Artefacts, Training
from limbeck.artefacts.scores import Scores
from limbeck.reporting.assessment import assess
from limbeck.reporting.verdict import Level, judge


def trained(
    kimg: float, *rows: dict[str, Any], name: str = "kept", nets: Path = Path("nets")
) -> Training:
    return Training(name, [{"images_per_second": 50.0}], list(rows), nets, int(1000 * kimg), None)


def row(kimg: float, kid: float, spread: float = 0.8) -> dict[str, Any]:
    return {"images": int(1000 * kimg), "kid": kid, "spread": spread}


@pytest.mark.parametrize(
    ("training", "level"),
    [
        (trained(12, row(12, 31.0)), Level.POOR),
        (trained(12, row(12, 4e23, 8000.0)), Level.POOR),
        (trained(100, row(100, 0.85)), Level.ROUGH),
        (trained(260, row(260, 0.34)), Level.FAIR),
        (trained(260, row(260, 0.34, 0.2)), Level.POOR),
        (trained(260, row(240, 0.34), row(10, 9.0)), Level.FAIR),
        (trained(19), Level.POOR),
        (trained(2000), Level.UNKNOWN),
        (trained(2000, {"images": 2_000_000, "kid": None}), Level.UNKNOWN),
        (trained(2000, row(2000, float("nan"))), Level.UNKNOWN),
    ],
)
def test_levels(training: Training, level: Level) -> None:
    verdict = judge(training, 1000, [])
    assert verdict.level is level
    assert (level <= Level.ROUGH) == bool(verdict.faults)
    assert verdict.said


def test_figures_of_evaluate_count_where_they_are_of_this_generator() -> None:
    def measured(generator: str, truncation: str, coverage: float) -> dict[str, Any]:
        return {
            "metric": "set_distance", "generator": generator, "photos": generator,
            "truncation": truncation, "precision": 0.5, "coverage": coverage,
        }  # fmt: skip

    good = trained(300, row(300, 0.3))
    others = [measured("raw", "none", 0.01), measured("kept", "global", 0.01)]
    assert judge(good, 2000, others).level is Level.FAIR
    bad = judge(good, 2000, [*others, measured("kept", "none", 0.04)])
    assert bad.level is Level.POOR
    assert "coverage 0.04" in bad.known
    assert "coverage 0.04" in bad.faults


def test_lengths_are_told_in_passes_and_absurd_figures_are_capped() -> None:
    verdict = judge(trained(12, row(12, 4e23, 8000.0)), 10_000, [])
    assert verdict.known == (
        "12 kimg shown (each photo about 1.2 times)",
        "KID above 100",
        "variety 100",
    )


class _Photos:
    """As many photos as said."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count


def run_of(photos: int, raw: Training, kept: Training, column: str = "recommended") -> Artefacts:
    names = ("lpips_mid", "seam", "recommended")
    scores = Scores.of(("a",), {n: np.zeros(1) for n in names})
    keep = keep_list({"a": True}, column=column)
    found = Artefacts(Path("r"), {}, None, scores=scores, keep=keep, raw=raw, kept=kept)
    found.dataset = _Photos(photos)  # type: ignore[assignment]
    return found


def test_a_good_run_of_many_photos_gets_no_notice() -> None:
    good = row(300, 0.3)
    found = run_of(5000, trained(300, good, name="raw"), trained(300, good))
    quality = assess(Path("r"), found)
    assert quality.title == ""
    assert quality.known == quality.means == quality.todo == ()
    assert quality.command is None


def test_few_photos_are_said_even_where_the_figures_are_good() -> None:
    good = row(300, 0.3)
    quality = assess(Path("r"), run_of(400, trained(300, good, name="raw"), trained(300, good)))
    assert quality.title == "Few photos"
    assert quality.known == ("Only 400 photos: 1,000 are about the least.",)


def test_what_a_poor_generator_means_depends_on_the_score() -> None:
    bad = (trained(10, row(10, 30.0), name="raw"), trained(10, row(10, 30.0)))
    mixed = assess(Path("r"), run_of(5000, *bad))
    assert "1 compare photos with photos and hold already; lpips_mid asks" in mixed.means[0]
    blind = assess(Path("r"), run_of(5000, *bad, column="seam"))
    assert "asks no generator" in blind.means[0]
    asking = assess(Path("r"), run_of(5000, *bad, column="lpips_mid"))
    assert "means little" in asking.means[0]
    assert "colours and layouts" in mixed.means[1]
