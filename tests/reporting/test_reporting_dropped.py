"""The list of the dropped: whole, capped where it must be, a person's word told apart."""

from pathlib import Path

import numpy as np
import pytest
from reporting_fake_run import keep_list, make_run

from limbeck.artefacts.contents import KeepList, Scores, read_artefacts
from limbeck.data import Dataset
from limbeck.reporting import dropped
from limbeck.reporting.dropped import Dropped, list_dropped
from limbeck.reporting.gallery import Gallery
from limbeck.reporting.moving import moving
from limbeck.reporting.reasons import Grounds


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scores, KeepList, Dataset]:
    found = read_artefacts(make_run(tmp_path_factory.mktemp("list") / "balls", upto="keep"))
    assert found.scores is not None
    assert found.keep is not None
    assert found.dataset is not None
    return found.scores, found.keep, found.dataset


def listed(scores: Scores, keep: KeepList, dataset: Dataset | None) -> Dropped:
    return list_dropped(scores, keep, Grounds(scores, "recommended"), dataset)


def overruled(keep: KeepList, **words: bool) -> KeepList:
    said = dict.fromkeys(words, "person: mine")
    kept, reasons = {**keep.kept, **words}, {**keep.reasons, **said}
    return keep_list(kept, reasons, keep.summary)


def test_a_persons_word_is_told_apart(parts: tuple[Scores, KeepList, Dataset]) -> None:
    scores, keep, dataset = parts
    out = next(photo for photo, kept in keep.kept.items() if not kept)
    kept = next(photo for photo, kept in keep.kept.items() if kept)
    result = listed(scores, overruled(keep, **{out: True, kept: False}), dataset)
    rows = {row.id: row for row in result.rows}
    assert (rows[out].decision, rows[out].reason) == ("kept", dropped.PERSON)
    assert (rows[kept].decision, rows[kept].also) == ("dropped", ("mine",))
    assert result.total == 12
    assert result.rescued == 1
    assert sum(reason.count for reason in result.reasons) == 12
    assert result.hidden == 0


def test_an_overruled_photo_is_not_at_the_threshold(
    parts: tuple[Scores, KeepList, Dataset],
) -> None:
    scores, keep, dataset = parts
    out = next(photo for photo, kept in keep.kept.items() if not kept)
    keep = overruled(keep, **{out: False})
    gallery = Gallery(dataset, 16, scores, keep, Grounds(scores, "recommended"), {}, None)
    strips = gallery.strips()
    assert len(strips.first_dropped.cards) == 11
    assert out not in {card.id for card in strips.first_dropped.cards}


def test_large_lists_lose_pictures_first_and_names_last(
    parts: tuple[Scores, KeepList, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropped, "THUMBNAILS", 5)
    monkeypatch.setattr(dropped, "ROWS", 9)
    result = listed(*parts)
    assert [row.thumb is not None for row in result.rows] == [True] * 5 + [False] * 4
    assert (result.thumbs, result.total, result.hidden) == (5, 12, 3)
    assert sum(reason.count for reason in result.reasons) == 12, "counts leave nothing out"
    assert [row.order for row in result.rows] == list(range(9))


def test_photos_that_are_gone_keep_their_line(
    parts: tuple[Scores, KeepList, Dataset],
) -> None:
    scores, keep, _ = parts
    result = listed(scores, keep, None)
    assert len(result.rows) == 12
    assert not any(row.thumb or row.source for row in result.rows)


@pytest.mark.parametrize(
    ("kept", "lines"),
    [
        (800, ("--keep-fraction 0.85", "--keep-fraction 0.75")),
        (817, ("--keep-fraction 0.85", "--keep-fraction 0.75")),
        (950, ("--keep-fraction 0.99", "--keep-fraction 0.9")),
        (990, ("--keep-fraction 0.95",)),
        (50, ("--keep-fraction 0.1",)),
    ],
)
def test_commands_move_the_share_by_about_a_twentieth(kept: int, lines: tuple[str, ...]) -> None:
    keep = keep_list({str(i): i < kept for i in range(1000)})
    found = moving(Path("my runs/dogs"), keep)
    assert tuple(c.line.split("' ")[1] for c in found.commands) == lines
    assert all(c.line.startswith("limbeck run 'my runs/dogs' ") for c in found.commands)
    assert found.overrides == "'my runs/dogs/keep/overrides.csv'"


def test_ranks_do_not_need_pictures(parts: tuple[Scores, KeepList, Dataset]) -> None:
    scores, _, dataset = parts
    gallery = Gallery(dataset, 16, scores, None, None, {}, None)
    strips = gallery.strips()
    assert not strips.last_kept.cards
    assert len(strips.ends) == 2
    assert all(card.kept is None for strip in strips.ends for card in strip.cards)
    assert np.isfinite([float(card.score) for card in strips.ends[0].cards]).all()
