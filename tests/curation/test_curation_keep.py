import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from limbeck.artefacts.keep import found_outliers, read_keep
from limbeck.artefacts.scores import Scores, read_scores
from limbeck.artefacts.stage import read_done
from limbeck.config import KeepConfig
from limbeck.curation import keep
from limbeck.errors import DataError, UsageError
from limbeck.records import KeepSummary


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
    random = np.random.default_rng(0)
    values = [*random.normal(size=160), *random.normal(5, 1, 40)]
    result = keep(made(values), tmp_path, KeepConfig())
    score = dict(zip(made(values).ids, values, strict=True))
    assert max(score[i] for i in result.ids) < min(score[i] for i in result.dropped)
    assert 0.75 <= len(result.ids) / 200 <= 0.85


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
    with pytest.raises(UsageError, match="per_mode needs") as error:
        keep(scores, tmp_path, config)
    assert "`limbeck score` finds the modes first" in error.value.do
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


def test_what_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="keeps none of 2"):
        keep(made([1.0, 2.0]), tmp_path, rule(threshold=0))
    with pytest.raises(UsageError, match="asks for 3 photos, and 2 are scored"):
        keep(made([1.0, 2.0]), tmp_path, rule(count=3))
    with pytest.raises(UsageError, match="no score column 'lpips'") as error:
        keep(made([1.0]), tmp_path, KeepConfig(column="lpips"))
    assert "recommended" in error.value.do


def test_the_record_says_who_decided(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    clear = [*random.normal(0, 1, 900), *random.normal(6, 1, 100)]
    found = keep(made(clear), tmp_path, KeepConfig()).summary
    assert found.decided_by == "shape"
    assert found.warnings == []
    assert found.outliers is not None
    assert found_outliers(found.outliers, 1000).startswith("about 9.9% (9.7% to 10%) of")
    many = [*random.normal(0, 1, 500), *random.normal(9, 1, 500)]
    found = keep(made(many), tmp_path, KeepConfig()).summary
    assert found.decided_by == "shape"
    assert found.kept == 500
    assert "about 50% of the photos look like outliers; so many bend" in found.warnings[0]
    found = keep(made(many), tmp_path, KeepConfig(auto_min=0.6)).summary
    assert found.decided_by == "clamp"
    assert found.kept == 600
    (warning,) = found.warnings
    assert "keep.auto_min = 0.6 decided" in warning
    assert "asks to drop 50.0%" in warning
    assert "400 of 1000 photos (40.0%) are dropped" in warning
    few = [*random.normal(0, 1, 9900), *random.normal(9, 1, 100)]
    found = keep(made(few), tmp_path, KeepConfig(auto_max=0.95)).summary
    assert found.decided_by == "clamp"
    assert "keep.auto_max = 0.95 decided" in found.warnings[0]
    even = made(list(np.linspace(0, 1, 1000)))
    found = keep(even, tmp_path, KeepConfig()).summary
    assert found.decided_by == "no cut"
    assert found.kept == 1000
    assert "no group of photos stands apart" in found.warnings[0]
    assert "or so many that they count as typical" in found.warnings[0]
    assert found.outliers is not None
    assert found_outliers(found.outliers, 1000) == (
        "no group of these 1,000 photos stands apart as outliers"
    )
    found = keep(even, tmp_path, KeepConfig(auto_max=0.95)).summary
    assert "no cut was found" in found.warnings[0]
    for warning in (*found.warnings,):
        assert "strips at the threshold" in warning
        assert "--keep-fraction" in warning
    found = keep(made(clear), tmp_path, rule(fraction=0.9)).summary
    assert found.decided_by == "asked"
    assert found.warnings == []
    assert read_keep(tmp_path).summary == found


def test_records_of_before_are_read() -> None:
    old = {
        "listed": 2, "kept": 1, "dropped": 1, "overridden": 0, "column": "recommended",
        "rule": "auto", "threshold": 1.0, "modes_kept": {}, "warnings": [],
    }  # fmt: skip
    summary = KeepSummary.model_validate(old)
    assert summary.decided_by is None
    assert summary.overrides_idle == 0


@pytest.mark.parametrize("count", [1, 2, 3, 50])
@pytest.mark.parametrize("per_mode", [False, True])
def test_photos_that_are_all_alike_all_go_on(tmp_path: Path, count: int, per_mode: bool) -> None:
    scores = made([1.5] * count)
    config = KeepConfig(per_mode=per_mode)
    result = keep(scores, tmp_path, config, modes=dict.fromkeys(scores.ids, 3))
    assert result.ids == scores.ids
    assert result.summary.threshold == 1.5
    assert result.summary.decided_by == "no cut"
    assert "no group of photos stands apart" in result.summary.warnings[0]


@pytest.mark.parametrize("values", [[1.0, 2.0], [0.0, 5.0], [-1.0, 1.0], [1.0, 2.0, 90.0]])
def test_two_or_three_photos_give_a_list(tmp_path: Path, values: list[float]) -> None:
    found = keep(made(values), tmp_path, KeepConfig()).summary
    assert 0 < found.kept <= len(values)
    assert np.isfinite(found.threshold)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    for sources, who in ((None, f"{1:016x}"), (("a.jpg", "b.jpg", "c.jpg"), "b.jpg")):
        table = made([1.0, 2.0, 3.0]).table.set_column(1, "recommended", pa.array([1.0, bad, 3.0]))
        if sources is not None:
            table = table.append_column("source", pa.array(sources))
        scores = Scores(table, made([1.0]).summary)
        for config in (KeepConfig(), rule(threshold=2), rule(count=1)):
            with pytest.raises(DataError, match=f"of 1 of 3 photos is no finite .*{who}: "):
                keep(scores, tmp_path, config)
    assert not (tmp_path / "done.json").exists()


def test_an_empty_table_and_rules_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    empty = Scores.of((), {"recommended": np.zeros(0)}, {"recommended": "given"})
    with pytest.raises(DataError, match="holds no photo"):
        keep(empty, tmp_path, KeepConfig())
    for name in ("threshold", "fraction"):
        for value in (np.nan, np.inf):
            with pytest.raises(ValidationError):
                rule(**{name: value})
    with pytest.raises(ValidationError, match=r"auto_min 0.9 is above auto_max 0.8"):
        KeepConfig(auto_min=0.9, auto_max=0.8)


def test_the_threshold_is_a_number_when_only_a_person_keeps(tmp_path: Path) -> None:
    scores = made([1.0, 2.0])
    (tmp_path / "overrides.csv").write_text(f"id,keep\n{scores.ids[1]},yes\n")
    found = keep(scores, tmp_path, rule(threshold=0.5)).summary
    assert (found.kept, found.threshold) == (1, 0.5)


def test_files_hold_what_the_record_says(tmp_path: Path) -> None:
    scores = made([3.0, 1.0, 2.0])
    result = keep(scores, tmp_path, rule(count=2))
    again = read_keep(tmp_path)
    assert again.ids == result.ids == (scores.ids[1], scores.ids[2])
    assert again.summary == result.summary
    with open(tmp_path / "keep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["keep"] for row in rows] == ["false", "true", "true"]
    assert list(rows[0]) == ["id", "source", "keep", "reason", "score"]
    done = read_done(tmp_path)
    assert done is not None
    (tmp_path / "overrides.csv").write_text(f"id,keep,reason\n{scores.ids[0]},1,x\n")
    keep(scores, tmp_path, rule(count=2))
    changed = read_done(tmp_path)
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
    assert again.sources is None
    named = Scores.of(("a", "b"), {"lpips": np.ones(2)}, {"lpips": "f"}, sources=("1.jpg", "2.jpg"))
    named.save(tmp_path)
    again = read_scores(tmp_path)
    assert again.sources == ("1.jpg", "2.jpg")
    assert again.names == ("lpips",)
    scores.save(tmp_path)
    again = read_scores(tmp_path)
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


def test_a_kind_of_its_own_is_kept_and_said(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    apart = np.arange(1000) >= 880
    values = random.normal(size=1000) + 6 * apart
    near = random.lognormal(0, 0.2, 1000)
    ids = tuple(f"{i:04d}" for i in range(1000))

    def found(lonely: np.ndarray) -> KeepSummary:
        columns = {"recommended": values, "feature_knn": near, "lite0_knn": lonely}
        return keep(Scores.of(ids, columns), tmp_path, KeepConfig()).summary

    mode = found(near)
    assert mode.kept == 1000
    assert mode.outliers is None
    (warning,) = mode.warnings
    assert "of 1000 photos (11.9%) stand apart, but lie as close to one another" in warning
    assert found(near * np.where(apart, 2, 1)).dropped == pytest.approx(120, abs=5)


def test_where_outliers_are_known_to_be_many_the_cut_looks_for_many(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    apart = np.arange(1000) >= 880
    values = random.normal(size=1000) + 6 * apart
    near = random.lognormal(0, 0.2, 1000)  # outliers are near one another then
    columns = {"recommended": values, "seam": values, "feature_knn": near, "lite0_knn": near}
    ids = tuple(f"{i:04d}" for i in range(1000))

    def found(core: np.ndarray, column: str = "auto") -> KeepSummary:
        scores = Scores.of(ids, {**columns, "x_core": core})
        return keep(scores, tmp_path, KeepConfig(column=column)).summary

    assert found(np.ones(1000)).dropped == 0  # they would be a kind of its own
    many = found(1.0 - apart)
    assert many.dropped >= 120
    assert many.outliers is not None
    assert many.outliers.high >= 0.25
    assert found(1.0 - apart, "seam").dropped == 0  # the core is none of this column's
