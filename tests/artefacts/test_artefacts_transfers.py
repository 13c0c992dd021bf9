"""What a training began with is told, over any number of trainings."""

from pathlib import Path

import pytest

from limbeck import fsio
from limbeck.artefacts.run import RUN
from limbeck.artefacts.transfers import (
    TRANSFER,
    Origin,
    Transfer,
    begun_facts,
    origin_of,
    read_transfer,
    write_transfer,
)
from limbeck.errors import DataError
from limbeck.model import Pipeline
from limbeck.nets import Networks
from limbeck.presets import preset

TAKEN = Transfer(
    loaded=("G.synthesis.b4.conv1.weight", "G.synthesis.b4.conv1.bias"),
    missing=("D.b16.conv0.weight",), other_shape=("G.synthesis.b8.conv0.weight",),
    unused=("E.fc.weight",),
)  # fmt: skip


def _begin(training: Path, source: Path) -> Origin:
    """A training that began with `source`, and a snapshot of it."""
    origin = origin_of(source, training)
    write_transfer(TAKEN.model_copy(update={"source": origin}), training)
    return origin


def test_a_model_folder_says_its_licence_and_facts_to_the_second_training(tmp_path: Path) -> None:
    nets = Networks(preset("smoke").net, 1, ("G", "G_ema"))
    facts = {"converted from": "a.pkl", "layout": "stylegan2-ada"}
    Pipeline(nets, None, licence="MIT", data=facts).save_pretrained(tmp_path / "ffhq")
    run = tmp_path / "run"
    nets.save(run / "raw" / "nets-000000064")
    fsio.write_json(run / RUN, {})
    first = _begin(run / "raw", tmp_path / "ffhq")
    assert (first.own, first.licence, first.facts) == (False, "MIT", facts)
    second = _begin(run / "kept", run / "raw" / "nets-000000064")
    assert (second.path, second.own, second.before) == ("raw/nets-000000064", True, first)
    told = {
        "begun from": "ffhq, converted from a.pkl (stylegan2-ada)",
        "licence of what it was begun from": "MIT",
    }
    assert begun_facts(run / "raw") == begun_facts(run / "kept") == told
    # outside of a run its networks are somebody else's
    third = _begin(tmp_path / "more", run / "kept" / ".." / "raw" / "nets-000000064")
    assert (third.own, third.licence) == (False, None)
    assert begun_facts(tmp_path / "more")["licence of what it was begun from"] == "not stated"


def test_what_began_with_its_own_half_or_with_nothing_owes_nobody(tmp_path: Path) -> None:
    Networks(preset("smoke").net, 1, ("G",)).save(tmp_path / "half" / "nets-000000064")
    assert begun_facts(tmp_path) == {}
    assert _begin(tmp_path, tmp_path / "half" / "nets-000000064").own
    assert begun_facts(tmp_path) == {}


def test_records_come_back_older_ones_too_and_damaged_ones_are_named(tmp_path: Path) -> None:
    assert read_transfer(tmp_path) is None
    told = TAKEN.model_copy(
        update={"source": Origin(path="/x/ffhq", before=Origin(path="/y")), "d_alone_kimg": 0.5}
    )
    write_transfer(told, tmp_path)
    assert read_transfer(tmp_path) == told
    older = {name: list(getattr(TAKEN, name)) for name in ("loaded", "missing", "other_shape")}
    fsio.write_json(tmp_path / TRANSFER, {**older, "unused": list(TAKEN.unused)})
    assert read_transfer(tmp_path) == TAKEN
    (tmp_path / TRANSFER).write_text("{")
    with pytest.raises(DataError, match=TRANSFER):
        read_transfer(tmp_path)


def test_lines_name_what_begins_fresh() -> None:
    assert TAKEN.lines() == [
        "G: 2 of 3 tensors are taken over; synthesis.b8 begin fresh",
        "D: begins fresh",
        "not used: E.fc",
    ]
