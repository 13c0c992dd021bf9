import pytest

from limbeck.config import Config, KeepConfig
from limbeck.curation import prospects
from limbeck.curation.advice import choose_column, cut_warnings, mode_warnings
from limbeck.curation.rules import Cut
from limbeck.presets import preset

NAMES = ("recommended", "without_generator", "lpips", "feature_ppca")


def test_auto_is_recommended_unless_the_networks_tell_no_photos_apart() -> None:
    for told in (None, 0.75, 0.95):
        assert choose_column("auto", NAMES, told) == ("recommended", [])
    column, (warning,) = choose_column("auto", NAMES, 0.52)
    assert column == "without_generator"
    assert "52% of the photos" in warning
    assert "--kimg" in warning
    assert choose_column("auto", ("recommended", "lpips"), 0.52) == ("recommended", [])


def test_what_a_person_asks_for_is_taken_with_a_word() -> None:
    for name in ("recommended", "lpips"):
        column, (warning,) = choose_column(name, NAMES, 0.5)
        assert column == name
        assert f"so {name} rests on reconstructions" in warning
    for name in ("feature_ppca", "without_generator", "unknown"):
        assert choose_column(name, NAMES, 0.5) == (name, [])


@pytest.mark.parametrize(
    ("photos", "name", "kimg", "words"),
    [
        (5000, "auto", 300, []),
        (1000, "auto", 200, []),
        (5000, "tiny", 60, []),
        (5000, "small", 105, []),
        (999, "tiny", 20, ["999 photos are few"]),
        (5000, "auto", 60, ["a training of 60 kimg is short"]),
        (5000, "tiny", 12, ["a training of 12 kimg is short"]),
        (1, "tiny", 0.5, ["1 photos are few", "a training of 0.5 kimg is short"]),
    ],
)
def test_prospects(photos: int, name: str, kimg: float, words: list[str]) -> None:
    config = preset(name).replace(**{"train.kimg": kimg})
    found = prospects(photos, config)
    assert len(found) == len(words)
    for warning, word in zip(found, words, strict=True):
        assert word in warning
        assert "--init-from" in warning
    few = [w for w in found if "photos are few" in w]
    assert prospects(photos, None) == few
    advice = ", or begin with a generator of something alike (--init-from)"
    assert prospects(photos, begun(config)) == [w.removesuffix(advice) for w in few]


def begun(config: Config) -> Config:
    """One that begins from trained networks."""
    return config.replace(**{"train.init_from": "nets"})


def test_warnings_of_a_cut_name_the_limit_that_decided() -> None:
    config = KeepConfig(auto_min=0.5, auto_max=0.9)
    assert cut_warnings(None, 1, 10, "lpips", config) == []
    assert cut_warnings(Cut(0.8, "shape", 0.8), 2, 10, "lpips", config) == []
    (upper,) = cut_warnings(Cut(0.9, "clamp", 0.98), 1, 10, "lpips", config)
    assert "keep.auto_max = 0.9 decided, not the shape of lpips" in upper
    assert "only 2.0%: 1 of 10 photos (10.0%) are dropped" in upper
    (lower,) = cut_warnings(Cut(0.5, "clamp", 0.3), 5, 10, "lpips", config)
    assert "keep.auto_min = 0.5 decided" in lower
    assert "asks to drop 70.0%" in lower
    (none,) = cut_warnings(Cut(0.9, "no cut", 1.0), 1, 10, "lpips", config)
    assert "no cut was found in the shape of lpips" in none
    assert "keep.auto_max = 0.9" in none


def test_modes_of_a_few_photos_are_not_named() -> None:
    numbers = [0] * 10 + [1] * 4 + [2] * 6
    found = mode_warnings({0: 1.0, 1: 0.0, 2: 0.1}, numbers, 0.7)
    assert len(found) == 1
    assert "mode 2 is gutted: 10% of its photos kept, 70% of all" in found[0]
    assert mode_warnings({}, None, 0.7) == []
