"""Choosing psi by measurement: the best of those tried, by the figures themselves."""

from pathlib import Path

import pytest

from finished_run import Smoke
from limbeck import fsio
from limbeck.data import open_dataset
from limbeck.errors import DataError
from limbeck.evaluation import choose_psi, strength
from limbeck.metrics import SetDistance
from limbeck.nets import Networks
from limbeck.presets import preset


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Networks:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(strength, "FEWEST_FOR_PSI", 20)
    return Networks.create(preset("smoke").net, 0).eval()


def test_the_psi_taken_is_the_best_of_those_tried(networks: Networks, smoke: Smoke) -> None:
    photos = open_dataset(smoke.run / "data")
    found = choose_psi(networks, photos, truncation="global")
    assert [one.psi for one in found.tried] == list(strength.STRENGTHS)
    assert found.images == len(photos)
    assert found.psi == max(found.tried, key=lambda one: (one.balance, one.psi)).psi
    again = choose_psi(networks, photos, truncation="global")
    assert again == found


def test_precision_and_coverage_count_alike(
    networks: Networks, smoke: Smoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([(0.9, 0.2), (0.9, 0.6), (0.8, 0.7), (0.7, 0.8), (0.6, 0.9), (0.2, 0.9), (0, 0)])

    def measured(*_: object, **__: object) -> SetDistance:
        precision, coverage = next(figures)
        return SetDistance(
            features="", real=9, fake=9, fid=0, kid=0, kid_spread=0, precision=precision,
            recall=0, density=0, coverage=coverage, resize="", seed=0,
        )  # fmt: skip

    monkeypatch.setattr(strength, "compare_sets", measured)
    found = choose_psi(networks, open_dataset(smoke.run / "data"), truncation="global")
    assert found.psi == 0.7, "0.6 is as good: of equal ones the larger"
    assert found.tried[2].balance == found.tried[3].balance == pytest.approx(0.7467, abs=1e-4)
    assert found.tried[-1].balance == 0


def test_too_few_photos_are_told(smoke: Smoke) -> None:
    photos = open_dataset(smoke.run / "data")
    few = photos.select(photos.ids[:30])
    with pytest.raises(DataError, match="give psi as a number"):
        choose_psi(Networks.create(preset("smoke").net, 0), few, truncation="global")


def test_a_run_takes_what_was_measured(smoke: Smoke) -> None:
    assert not (smoke.run / "modes" / "psi.json").exists(), "only where auto is asked for"
    assert fsio.read_json(smoke.run / "model" / "config.json")["settings"]["sample"]["psi"] == 0.7
