"""Decisions of a person: on disk at once, undone later, and never at the cost of what was there."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from limbeck.artefacts.run import DECISIONS, OVERRIDES
from limbeck.artefacts.scores import Scores
from limbeck.config import KeepConfig
from limbeck.curation import Decisions, keep
from limbeck.curation.overrides import read_overrides
from limbeck.errors import DataError, UsageError

IDS = [f"{n:016x}" for n in range(20)]
NAMES = [f"a/{n}.jpg" for n in range(10)] + [f"b/{n}.jpg" for n in range(10, 20)]


def on_disk(folder: Path) -> dict[str, bool]:
    said = read_overrides(folder / OVERRIDES, IDS, NAMES).photos
    return {photo: word.keep for photo, word in said.items()}


def test_a_decision_is_in_the_file_when_it_returns(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path, IDS, NAMES)
    step = decisions.decide(IDS[:2], False, "blurred, and tiny")
    assert step.what == "2 photos dropped"
    assert on_disk(tmp_path) == {IDS[0]: False, IDS[1]: False}
    assert decisions.words[IDS[0]].reason == "blurred, and tiny"
    assert (tmp_path / OVERRIDES).read_text().splitlines()[0] == "photo,keep,reason"


def test_the_last_word_wins_and_can_be_taken_back_in_turn(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path, IDS, NAMES)
    decisions.decide([IDS[3]], True)
    decisions.decide([IDS[3], IDS[4]], False)
    assert on_disk(tmp_path) == {IDS[3]: False, IDS[4]: False}
    assert (step := decisions.undo()) is not None
    assert step.what == "taken back: 2 photos dropped"
    assert on_disk(tmp_path) == {IDS[3]: True}
    decisions.undo()
    assert on_disk(tmp_path) == {}
    assert decisions.undo() is None


def test_undo_goes_on_in_another_session(tmp_path: Path) -> None:
    Decisions(tmp_path, IDS, NAMES).decide([IDS[3]], True)
    Decisions(tmp_path, IDS, NAMES).decide([IDS[5]], False)
    later = Decisions(tmp_path, IDS, NAMES)
    later.undo()
    assert on_disk(tmp_path) == {IDS[3]: True}
    later.decide([IDS[6]], True)
    Decisions(tmp_path, IDS, NAMES).undo()
    Decisions(tmp_path, IDS, NAMES).undo()
    assert on_disk(tmp_path) == {}
    assert Decisions(tmp_path, IDS, NAMES).undo() is None


def test_left_to_the_rule_takes_back_a_word_by_id_alone(tmp_path: Path) -> None:
    (tmp_path / OVERRIDES).write_text("photo,keep\na/*,drop\n")
    decisions = Decisions(tmp_path, IDS, NAMES)
    decisions.decide([IDS[1]], True)
    assert on_disk(tmp_path)[IDS[1]] is True
    decisions.decide([IDS[1]], None)
    assert on_disk(tmp_path)[IDS[1]] is False  # the pattern's word
    assert decisions.words[IDS[1]].keep is False


def test_what_a_person_wrote_by_hand_stays_in_force(tmp_path: Path) -> None:
    written = f"photo;keep;reason\n{IDS[0]};yes;mine\nb/*;0;all of b\na/2.jpg;drop;\n{IDS[12]};1;\n"
    (tmp_path / OVERRIDES).write_text(written)
    before = on_disk(tmp_path)
    decisions = Decisions(tmp_path, IDS, NAMES)
    decisions.decide([IDS[13]], True)
    decisions.decide([IDS[12]], False)
    assert on_disk(tmp_path) == before | {IDS[13]: True, IDS[12]: False}
    decisions.undo()
    decisions.undo()
    assert on_disk(tmp_path) == before
    assert (tmp_path / "overrides-before.csv").read_text() == written


def test_a_file_changed_by_hand_meanwhile_is_read_again(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path, IDS, NAMES)
    decisions.decide([IDS[0]], True)
    with (tmp_path / OVERRIDES).open("a") as file:
        file.write(f"{IDS[7]},drop,by hand\n")
    assert decisions.refresh()
    decisions.decide([IDS[1]], True)
    assert on_disk(tmp_path) == {IDS[0]: True, IDS[7]: False, IDS[1]: True}


def test_decisions_before_the_first_list_do_not_stand_in_its_way(tmp_path: Path) -> None:
    folder = tmp_path / "keep"
    folder.mkdir()
    (folder / OVERRIDES).write_text("photo,keep\na/1.jpg,drop\n")
    Decisions(folder, IDS, NAMES).decide([IDS[5]], False, "mine")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    scores = Scores.of(tuple(IDS), {"lpips": np.arange(20.0)}, sources=NAMES)
    for count in (18, 12):
        kept = keep(scores, folder, KeepConfig(column="lpips", rule="count", count=count))
        assert kept.kept[IDS[5]] is False
        assert {name: (folder / name).read_bytes() for name in before} == before


def test_undo_leaves_what_was_changed_since(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path, IDS, NAMES)
    decisions.decide(IDS[:2], False)
    text = (tmp_path / OVERRIDES).read_text().replace(f"{IDS[0]},drop", f"{IDS[0]},keep")
    (tmp_path / OVERRIDES).write_text(text + f"{IDS[9]},keep,\n")
    decisions.undo()
    assert on_disk(tmp_path) == {IDS[0]: True, IDS[9]: True}


@pytest.mark.parametrize(
    ("photos", "reason"), [([], ""), (["f" * 16], ""), ([IDS[0]], "x" * 201), ([IDS[0]], "a\nb")]
)
def test_nothing_is_written_for_a_bad_decision(
    tmp_path: Path, photos: list[str], reason: str
) -> None:
    with pytest.raises(UsageError):
        Decisions(tmp_path, IDS, NAMES).decide(photos, True, reason)
    assert list(tmp_path.iterdir()) == []


def test_a_torn_last_line_was_not_acknowledged_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    Decisions(tmp_path, IDS, NAMES).decide([IDS[0]], True)
    journal = tmp_path / DECISIONS
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole[:40])
    after = Decisions(tmp_path, IDS, NAMES)
    assert len(after.steps) == 1
    after.decide([IDS[1]], True)
    assert len(Decisions(tmp_path, IDS, NAMES).steps) == 2
    journal.write_bytes(b'{"at": 3}\n' + whole)
    with pytest.raises(DataError, match=r"decisions\.jsonl:1 is damaged"):
        Decisions(tmp_path, IDS, NAMES)


def test_a_formula_in_a_reason_stays_text(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path, IDS, NAMES)
    decisions.decide([IDS[0]], True, '=HYPERLINK("x"), "quoted"')
    assert Decisions(tmp_path, IDS, NAMES).words[IDS[0]].reason == '=HYPERLINK("x"), "quoted"'


def test_a_kill_loses_no_acknowledged_decision(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from limbeck.curation import Decisions
        ids = [f"{n:016x}" for n in range(20)]
        decisions = Decisions(Path(sys.argv[1]), ids)
        while True:
            for photo in ids:
                for keep in (True, False):
                    decisions.decide([photo], keep)
                    print(photo, int(keep), flush=True)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(25)]
    os.kill(process.pid, signal.SIGKILL)
    lines += process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    acknowledged = dict(line.split() for line in lines if len(line.split()) == 2)
    said = on_disk(tmp_path)
    later = {photo for photo, keep in acknowledged.items() if said.get(photo) != bool(int(keep))}
    assert len(later) <= 1  # one more may have been written, and not told
    Decisions(tmp_path, IDS, NAMES).undo()
