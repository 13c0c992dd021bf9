import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.config import (
    Config,
    KeepConfig,
    NetConfig,
    is_network_size,
    parse_config,
    setting_names,
)
from limbeck.errors import UsageError
from limbeck.presets import preset, preset_names


@given(size=st.integers(-5, 3000))
def test_network_sizes(size: int) -> None:
    powers = {8, 16, 32, 64, 128, 256, 512, 1024}
    assert is_network_size(size) == (size in powers)


def test_channels_follow_the_stylegan2_rule() -> None:
    net = NetConfig(size=1024, channel_base=32768, channel_max=512)
    assert [net.channels(r) for r in (4, 64, 128, 1024)] == [512, 512, 256, 32]


def test_json_round_trip_is_exact() -> None:
    for name in preset_names():
        config = preset(name)
        assert parse_config(config.model_dump(mode="json")) == config


def test_gamma_default_is_the_heuristic() -> None:
    config = preset("auto", 32).replace(**{"train.batch": 32})
    assert config.gamma() == pytest.approx(0.0002 * 32**2 / 32)
    assert config.replace(**{"train.gamma": 3.0}).gamma() == 3.0


def test_replace_changes_one_setting_and_leaves_the_original() -> None:
    config = preset("tiny")
    other = config.replace(**{"train.kimg": 1.5, "seed": 7})
    assert (other.train.kimg, other.seed) == (1.5, 7)
    assert (config.train.kimg, config.seed) == (60, 0)
    assert other.replace(**{"train.kimg": 60, "seed": 0}) == config


@pytest.mark.parametrize(
    ("name", "hint"),
    [("train.btch", "train.batch"), ("kimg", "kept_kimg"), ("net.sise", "net.size")],
)
def test_an_unknown_setting_names_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no setting '{name}'") as caught:
        preset("tiny").replace(**{name: 3})
    assert hint in caught.value.do


@pytest.mark.parametrize("name", ["train", "train.batch.x", "", "seed.x"])
def test_sections_and_nonsense_are_no_settings(name: str) -> None:
    with pytest.raises(UsageError):
        preset("tiny").replace(**{name: 3})


@pytest.mark.parametrize(
    "change",
    [{"net.size": 48}, {"train.kimg": -1}, {"net.size": 64}, {"sample.psi": 1.5},
     {"train.batch": 30}, {"sample.truncation": "local"}],
)  # fmt: skip
def test_values_out_of_range_name_the_field(change: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        preset("tiny").replace(**change)
    assert caught.value.do
    assert str(next(iter(change.values()))) in caught.value.what


def test_parse_suggests_the_nearest_field() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'train\.batch'"):
        parse_config({"train": {"btch": 3}})


@pytest.mark.parametrize(
    "values",
    [
        {"rule": "auto", "fraction": 0.5},
        {"rule": "fraction"},
        {"rule": "fraction", "threshold": 1.0},
        {"rule": "count", "count": 3, "fraction": 0.5},
        {"rule": "threshold", "threshold": 1.0, "per_mode": True},
    ],
)
def test_keep_rules_that_contradict_themselves(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"rule|threshold"):
        KeepConfig.model_validate(values)


def test_setting_names_are_exactly_what_replace_takes() -> None:
    config = Config()
    values = config.model_dump()
    for name in setting_names():
        node: object = values
        for part in name.split("."):
            assert isinstance(node, dict)
            node = node[part]
        assert config.replace(**{name: node}) == config


def test_a_second_training_from_the_first_is_shorter() -> None:
    config = preset("smoke").replace(**{"train.kimg": 3.0})
    assert config.second().train.kimg == 3
    assert config.replace(kept_from="raw").second().train.kimg == 1
    assert config.replace(kept_from="raw", kept_kimg=2.0).second().train.kimg == 2


def test_a_second_training_from_the_first_cools_from_its_start_and_never_grows() -> None:
    config = preset("small")
    assert config.train.grow > 0
    assert (config.train.decay, config.second().train.decay) == (0, 1)
    assert config.second().train.grow == 0
    anew = config.replace(kept_from="scratch").second()
    assert (anew.train.decay, anew.train.grow) == (0, config.train.grow)


def test_a_setting_of_earlier_runs_is_left_out_and_cannot_be_given() -> None:
    values = Config().model_dump(mode="json")
    values["modes"]["map_samples"] = 8192  # the size of a learned map that is gone
    assert parse_config(values) == Config()
    with pytest.raises(UsageError, match=r"no setting 'modes\.map_samples'"):
        Config().replace(**{"modes.map_samples": 8192})
