"""The advice to train longer: its command and what it says of the time."""

from pathlib import Path

import pytest

from limbeck.artefacts.contents import Artefacts
from limbeck.presets import preset
from limbeck.reporting.moving import speed, train_longer


@pytest.mark.parametrize(
    ("name", "kimg", "line", "words"),
    [
        ("tiny", 30, "--preset tiny --kimg 60", "60 thousand photos shown, then 20 thousand"),
        ("tiny", 60, "--preset tiny --kimg 120", "120 thousand photos shown, then 40 thousand"),
        ("smoke", 1, "--preset tiny --kimg 60", "60 thousand photos shown, then 20 thousand"),
        ("gone", 9, "--preset tiny --kimg 60", "60 thousand photos shown, then 20 thousand"),
        ("auto", 25000, "--kimg 50000", "50000 thousand photos shown, then 50000 thousand"),
    ],
)
def test_longer(name: str, kimg: float, line: str, words: str) -> None:
    config = preset("tiny" if name == "gone" else name).replace(
        **{"preset": name, "train.kimg": kimg}
    )
    told = train_longer(Path("run"), Artefacts(Path("run"), {"photos": "photos"}, config), 10.0)
    assert told is not None
    assert line in told.line
    assert words in told.effect


def test_photos_held_out_stay_so_and_psi_is_measured_again() -> None:
    config = preset("tiny").replace(**{"hold_out": 0.25, "sample.psi": "auto"})
    told = train_longer(Path("run"), Artefacts(Path("run"), {"photos": "photos"}, config), 10.0)
    assert told is not None
    assert told.line.endswith("--kimg 120 --hold-out 0.25 --psi auto")


def test_it_begins_with_the_same_networks_again() -> None:
    changes = {"train.init_from": "my models/ffhq", "train.freeze_mapping": True}
    config = preset("auto").replace(**changes, **{"train.freeze_d": 2})
    told = train_longer(Path("run"), Artefacts(Path("run"), {"photos": "photos"}, config), 10.0)
    assert told is not None
    assert told.line.endswith("--init-from 'my models/ffhq' --freeze-mapping --freezed 2")


def test_the_speed_is_that_of_all_sizes_together() -> None:
    stats = [{"images": 600, "seconds": 10.0}, {"images": 1000, "seconds": 40.0}]
    assert speed(stats) == 25
    assert speed([]) is None
    assert speed([{"images_per_second": 3.0}]) is None
