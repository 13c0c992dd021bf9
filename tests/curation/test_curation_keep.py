import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck import rundir
from limbeck.config import KeepConfig
from limbeck.curation import Scores, keep, read_keep, read_scores
from limbeck.errors import DataError, UsageError


def made(values: list[float]) -> Scores:
    ids = tuple(f"{i:016x}" for i in range(len(values)))
    return Scores.of(ids, {"recommended": np.array(values, float)}, {"recommended": "given"})


def rule(**values: float) -> KeepConfig:
    name = next(n for n in ("fraction", "threshold", "count") if n in values)
    return KeepConfig.model_validate({"rule": name, **values})


numbers = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40)
quick = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(numbers, st.floats(0.01, 1))
@quick
def test_kept_and_dropped_are_all_listed_once(
    tmp_path: Path, values: list[float], fraction: float
) -> None:
    scores = made(values)
    for config in (KeepConfig(), rule(fraction=fraction), rule(count=1)):
        result = keep(scores, tmp_path, config)
        assert sorted(result.ids + result.dropped) == sorted(scores.ids)
        assert result.summary.kept == len(result.ids)
        assert result.summary.kept + result.summary.dropped == result.summary.listed == len(values)
    highest_kept = result.summary.threshold
    assert highest_kept == min(values)


@given(numbers, st.integers(-6, 6), st.integers(-6, 6))
@quick
def test_a_higher_threshold_keeps_more(tmp_path: Path, values: list[float], a: int, b: int) -> None:
    low, high = sorted((a, b))
    low = max(low, int(min(values)))
    high = max(low, high)
    fewer = keep(made(values), tmp_path, rule(threshold=low))
    more = keep(made(values), tmp_path, rule(threshold=high))
    assert set(fewer.ids) <= set(more.ids)
    assert len(fewer.ids) == sum(v <= low for v in values)


def test_fraction_and_count_are_exact_even_with_ties(tmp_path: Path) -> None:
    scores = made([1.0] * 10)
    assert keep(scores, tmp_path, rule(fraction=0.3)).ids == scores.ids[:3]
    assert keep(scores, tmp_path, rule(count=7)).ids == scores.ids[:7]
    assert keep(scores, tmp_path, rule(fraction=1)).dropped == ()


def test_a_higher_score_never_goes_on_in_the_place_of_a_lower_one(tmp_path: Path) -> None:
    values = list(np.random.default_rng(0).normal(size=200))
    result = keep(made(values), tmp_path, KeepConfig())
    score = dict(zip(made(values).ids, values, strict=True))
    assert max(score[i] for i in result.ids) < min(score[i] for i in result.dropped)
    assert 0.6 <= len(result.ids) / 200 <= 0.95


def test_per_mode_keeps_the_same_share_of_each(tmp_path: Path) -> None:
    values = [float(row % 30 + 6 * (row // 30)) for row in range(90)]
    scores = made(values)
    modes = {photo: row // 30 for row, photo in enumerate(scores.ids)}
    flat = keep(scores, tmp_path, rule(fraction=0.5), modes=modes)
    assert flat.summary.modes_kept[0] > 0.65
    assert flat.summary.modes_kept[2] < 0.35
    config = KeepConfig(rule="fraction", fraction=0.5, per_mode=True)
    fair = keep(scores, tmp_path, config, modes=modes)
    assert fair.summary.modes_kept == {0: 0.5, 1: 0.5, 2: 0.5}
    assert fair.summary.warnings == []
    assert fair.summary.kept == flat.summary.kept
    with pytest.raises(UsageError, match="per_mode needs"):
        keep(scores, tmp_path, config)
    with pytest.raises(UsageError, match="89 scored photos have no mode"):
        keep(scores, tmp_path, config, modes={scores.ids[0]: 0})


def test_a_mode_of_odd_photos_is_named_and_not_saved_by_a_quota(tmp_path: Path) -> None:
    scores = made([float(i) for i in range(90)])
    modes = {photo: row // 30 for row, photo in enumerate(scores.ids)}
    for per_mode in (False, True):
        config = KeepConfig(rule="fraction", fraction=0.5, per_mode=per_mode)
        found = keep(scores, tmp_path, config, modes=modes).summary
        assert found.kept == 45
        assert found.modes_kept[2] == 0.0
        assert len(found.warnings) == 1
        assert "mode 2 is gutted: 0%" in found.warnings[0]


def test_a_person_wins_and_the_file_stays_as_it_is(tmp_path: Path) -> None:
    scores = made([0.0, 1.0, 2.0, 3.0])
    first, second, _, last = scores.ids
    text = f"id,keep,reason\n{first},no,logo: mine\n{last},1,\n\n{second},yes,ok\n"
    (tmp_path / "overrides.csv").write_text(text)
    result = keep(scores, tmp_path, rule(fraction=0.5))
    assert result.ids == (scores.ids[1], scores.ids[3])
    assert result.summary.overridden == 2
    assert result.summary.threshold == 1.0
    assert result.table.column("reason").to_pylist() == [
        "person: logo: mine", "person: ok", "recommended too high", "person",
    ]  # fmt: skip
    assert (tmp_path / "overrides.csv").read_text() == text


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["photo,keep,reason"], "overrides.csv:1: header"),
        (["id,keep,reason", "{id},perhaps,x"], "overrides.csv:2: keep is 'perhaps'"),
        (["id,keep,reason", "{id},1,x", "zzz,1,x"], "overrides.csv:3: no photo 'zzz'"),
        (["id,keep,reason", "{id},1,x", "{id},0,x"], "overrides.csv:3: .* given before"),
        (["id,keep,reason", "", "{id},1"], "overrides.csv:3: 2 fields"),
    ],
)
def test_a_bad_override_names_its_line(tmp_path: Path, lines: list[str], message: str) -> None:
    scores = made([0.0, 1.0])
    (tmp_path / "overrides.csv").write_text("\n".join(lines).format(id=scores.ids[0]))
    with pytest.raises(DataError, match=message):
        keep(scores, tmp_path, rule(count=1))
    assert not (tmp_path / "done.json").exists()


def test_what_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="keeps none of 2"):
        keep(made([1.0, 2.0]), tmp_path, rule(threshold=0))
    with pytest.raises(UsageError, match=r"keep.count = 3 of 2"):
        keep(made([1.0, 2.0]), tmp_path, rule(count=3))
    with pytest.raises(UsageError, match="no score column 'lpips'") as error:
        keep(made([1.0]), tmp_path, KeepConfig(column="lpips"))
    assert "recommended" in error.value.do


def test_files_hold_what_the_record_says(tmp_path: Path) -> None:
    scores = made([3.0, 1.0, 2.0])
    result = keep(scores, tmp_path, rule(count=2))
    again = read_keep(tmp_path)
    assert again.ids == result.ids == (scores.ids[1], scores.ids[2])
    assert again.summary == result.summary
    with open(tmp_path / "keep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["keep"] for row in rows] == ["false", "true", "true"]
    assert list(rows[0]) == ["id", "keep", "reason", "score"]
    done = rundir.read_done(tmp_path)
    assert done is not None
    (tmp_path / "overrides.csv").write_text(f"id,keep,reason\n{scores.ids[0]},1,x\n")
    keep(scores, tmp_path, rule(count=2))
    changed = rundir.read_done(tmp_path)
    assert changed is not None
    assert changed.inputs["overrides"] != done.inputs["overrides"]
    with pytest.raises(DataError, match="no finished keep list"):
        read_keep(tmp_path / "elsewhere")


def test_scores_survive_the_disk_and_refuse_what_is_not_finite(tmp_path: Path) -> None:
    modes = np.array([2, 0])
    scores = Scores.of(
        ("a", "b"),
        {"lpips": np.array([0.5, 0.25]), "x_mode": modes},
        {"lpips": "f", "x_mode": "g", "unused": "h"},
    )
    assert scores.modes() == {"a": 2, "b": 0}
    scores.save(tmp_path)
    again = read_scores(tmp_path)
    assert again.table.equals(scores.table)
    assert again.summary.columns == {"lpips": "f", "x_mode": "g"}
    assert again.names == ("lpips", "x_mode")
    again.to_csv(tmp_path / "scores.csv")
    assert (tmp_path / "scores.csv").read_text().splitlines()[1] == '"a",0.5,2'
    assert made([1.0]).modes() is None
    with pytest.raises(DataError, match="'lpips' of photo b is nan"):
        Scores.of(("a", "b"), {"lpips": np.array([1, np.nan])}, {"lpips": "f"})
    with pytest.raises(DataError, match="no formula"):
        Scores.of(("a",), {"new": np.array([1.0])}, {})
    with pytest.raises(DataError, match="holds no scores"):
        read_scores(tmp_path / "elsewhere")
    (tmp_path / "scores.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(DataError, match="is damaged"):
        read_scores(tmp_path)
