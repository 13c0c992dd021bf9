"""Spoilt files are read or refused; there is no third way."""

import os

import pytest

from tests.unpickling.attacks import MARK
from tests.unpickling.fuzzing import campaign, here, in_child, seeds


def test_seeds_are_sound(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert [here(data) for data in seeds()] == ["read"] * len(seeds())
    assert in_child(seeds()[0], tmp_path) == "read"


def test_some_spoilt_files() -> None:
    counts = campaign(1, 2000, 60, children=False)
    assert counts["read"] + counts["refused"] == 2000
    assert counts["read"] > 20
    assert counts["events"] == 0
    assert not os.path.lexists(MARK)


@pytest.mark.fuzz
@pytest.mark.timeout(0)
@pytest.mark.parametrize("children", [False, True])
def test_many_spoilt_files(children: bool) -> None:
    seconds = float(os.environ.get("LIMBECK_FUZZ_SECONDS", "120")) / 2
    counts = campaign(2, 10**6, seconds, children=children)
    assert counts["escape"] == counts["events"] == 0, counts
    assert not os.path.lexists(MARK)
