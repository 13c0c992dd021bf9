"""Spoilt files of every format: each is read, or refused with an error that names it."""

import os
from pathlib import Path

import fuzz_campaign
import pytest
from fuzz_campaign import campaign, told
from fuzz_targets import TARGETS

from limbeck.errors import LimbeckError

FEW = 400


@pytest.mark.parametrize("name", TARGETS)
def test_sound_files_are_read(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    target.make(tmp_path)
    target.read(tmp_path)
    if target.sign is not None:
        target.sign(tmp_path)
        target.read(tmp_path)


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.mine])
def test_nothing_is_an_error_of_its_own(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    target.make(tmp_path)
    (tmp_path / target.file).write_bytes(b"")
    if name not in ("optimizers", "stats.jsonl", "overrides.csv", "metadata.jsonl"):
        with pytest.raises(LimbeckError) as caught:
            target.read(tmp_path)
        assert str(tmp_path) in caught.value.what


def test_a_few_spoilt_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_campaign, "FAILURES", tmp_path / "failures")
    report = campaign(1, count=FEW)
    assert sum(report.counts.values()) == FEW
    assert not report.failures, told(report)


@pytest.mark.fuzz
@pytest.mark.timeout(0)
def test_many_spoilt_files() -> None:
    seconds = float(os.environ.get("LIMBECK_FUZZ_SECONDS", "120"))
    report = campaign(int.from_bytes(os.urandom(4)), seconds=seconds)
    print(told(report))
    assert not report.failures, told(report)
