from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from limbeck.cli import app, options
from limbeck.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("60m", 3600), ("6h", 21600), ("1h30m", 5400), ("1h1m1s", 3661), ("0.5h", 1800),
     (" 2M ", 120)],
)  # fmt: skip
def test_budgets(text: str, seconds: float) -> None:
    assert options.parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "60", "m", "1h 30m", "-5m", "0s", "30m1h", "1d", "h"])
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        options.parse_budget(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_budgets_add_up(hours: int, minutes: int, seconds: int) -> None:
    total = 3600 * hours + 60 * minutes + seconds
    if total:
        assert options.parse_budget(f"{hours}h{minutes}m{seconds}s") == total


@pytest.mark.parametrize(
    ("text", "count"), [("2GB", 2 * 10**9), ("500mb", 5 * 10**8), (" 0.5 kB", 500)]
)
def test_sizes_of_files(text: str, count: int) -> None:
    assert options.parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "0kB", "1e3MB", "2GiB", "1 000 MB"])
def test_what_is_no_size_of_a_file(text: str) -> None:
    with pytest.raises(UsageError, match="is no size of a file"):
        options.parse_bytes(text)


def test_settings_are_typed() -> None:
    pairs = ["train.batch=16", "train.lr=0.001", "train.mirror=false", "modes.space=lpips",
             "train.gamma=null", "a="]  # fmt: skip
    assert options.parse_settings(pairs) == {
        "train.batch": 16, "train.lr": 0.001, "train.mirror": False, "modes.space": "lpips",
        "train.gamma": None, "a": None,
    }  # fmt: skip
    assert options.parse_settings(None) == {}


@pytest.mark.parametrize("pair", ["train.batch", "=3", "a=[1"])
def test_what_is_no_setting(pair: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        options.parse_settings([pair])


def test_options_and_settings_reach_the_configuration() -> None:
    config = options.build_config(
        "tiny", seed=3, device="cpu", size=64, pairs=["train.batch=8"],
        changes={"train.kimg": 2.5, "kept_kimg": None},
    )  # fmt: skip
    assert (config.seed, config.device, config.net.size, config.data.size) == (3, "cpu", 64, 64)
    assert (config.train.batch, config.train.kimg, config.kept_kimg) == (8, 2.5, None)


def test_saying_a_thing_twice_is_refused() -> None:
    with pytest.raises(UsageError, match=r"train\.kimg is given twice"):
        options.build_config(
            "tiny", seed=0, device="cpu", pairs=["train.kimg=3"], changes={"train.kimg": 2.0}
        )
    with pytest.raises(UsageError, match="seed is given twice"):
        options.build_config("tiny", seed=0, device="cpu", pairs=["seed=3"])


def test_keep_rules() -> None:
    assert options.keep_changes(None, None, None, per_mode=False) == {}
    assert options.keep_changes(0.8, None, None, per_mode=True) == {
        "keep.fraction": 0.8, "keep.rule": "fraction", "keep.per_mode": True,
    }  # fmt: skip
    with pytest.raises(UsageError, match="--fraction and --count cannot go together"):
        options.keep_changes(0.8, None, 3, per_mode=False)


def test_a_budget_and_a_length_exclude_one_another(tmp_path: Path) -> None:
    args = ["run", str(tmp_path), "--out", str(tmp_path / "run"), "--time-budget", "60m"]
    result = CliRunner().invoke(app, [*args, "--kimg", "5", "--dry-run"])
    assert result.exit_code == 2
    assert "--time-budget" in result.stderr
