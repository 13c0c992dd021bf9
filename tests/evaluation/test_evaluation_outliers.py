from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from limbeck import fsio
from limbeck.artefacts.labels import Truth, TruthRow
from limbeck.errors import DataError
from limbeck.evaluation import keep_cost, outlier_auroc, untrained_control
from limbeck.metrics import auroc, average_precision, bootstrap_auroc, mode_recovery
from limbeck.records import ImageInfo, Status


class Table:
    def __init__(self, ids: list[str], **columns: list[float]) -> None:
        self.ids, self._columns = tuple(ids), columns

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._columns)

    def column(self, name: str) -> np.ndarray:
        return np.array(self._columns[name], dtype=np.float64)


def row(name: str, odd: bool | None, kind: str = "", label: str = "") -> TruthRow:
    return TruthRow(file=name, sha256="", is_outlier=odd, kind=kind, label=label, mode="")


def info(name: str) -> ImageInfo:
    return ImageInfo(source=name, id=name, status=Status.ACCEPTED)


TRUTH = Truth(
    [
        row("a", False, label="pug"),
        row("b", False, label="pug"),
        row("c", False, label="collie"),
        row("d", True, "text"),
        row("e", True, "sketch"),
        row("u", None),
        row("gone", True, "text"),
    ]
)
INFOS = [info(name) for name in "abcdeux"]
SCORES = Table(
    list("abcdeux"),
    good=[1, 2, 3, 9, 8, 5, 5],
    half=[1, 2, 3, 9, 0, 5, 5],
    flat=[1] * 7,
    x_mode=[0, 0, 1, 1, 0, 0, 0],
)


@pytest.mark.parametrize(
    ("values", "odd", "area"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], 1.0),
        ([4, 3, 2, 1], [0, 0, 1, 1], 0.0),
        ([1, 1, 1, 1], [0, 1, 0, 1], 0.5),
        ([1, 3, 2, 4], [0, 0, 1, 1], 0.75),
        ([1, 2, 2, 3], [0, 0, 1, 1], 0.875),
    ],
)
def test_auroc_of_known_rankings(values: list[float], odd: list[int], area: float) -> None:
    assert auroc(np.array(values, float), np.array(odd, bool)) == area


def test_auroc_of_two_gaussians_is_its_closed_form() -> None:
    random = np.random.default_rng(0)
    values = np.r_[random.normal(0, 1, 40000), random.normal(1.5, 1, 20000)]
    expected = norm.cdf(1.5 / np.sqrt(2))
    assert auroc(values, np.arange(60000) >= 40000) == pytest.approx(expected, abs=0.004)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_both_measures_agree_with_scikit_learn(pairs: list[tuple[int, bool]]) -> None:
    values = np.array([v for v, _ in pairs], float)
    odd = np.array([o for _, o in pairs], bool)
    if odd.all() or not odd.any():
        assert np.isnan(auroc(values, odd))
        return
    assert auroc(values, odd) == pytest.approx(roc_auc_score(odd, values))
    assert auroc(-values, odd) == pytest.approx(1 - auroc(values, odd))
    assert average_precision(values, odd) == pytest.approx(average_precision_score(odd, values))


def test_bootstrap_spread_is_reproducible_and_of_the_known_size() -> None:
    random = np.random.default_rng(1)
    values = np.r_[random.normal(0, 1, 300), random.normal(1, 1, 100)]
    odd = np.arange(400) >= 300
    spread = bootstrap_auroc(values, odd, rounds=200, seed=3)
    assert spread == bootstrap_auroc(values, odd, rounds=200, seed=3)
    area = auroc(values, odd)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + 99 * (q1 - area**2) + 299 * (q2 - area**2)
    assert spread == pytest.approx(np.sqrt(variance / 30000), rel=0.25)  # Hanley & McNeil 1982


def test_table_by_column_and_kind_with_unmatched_counted() -> None:
    table = outlier_auroc(SCORES, INFOS, TRUTH)
    assert table.columns() == ["good", "half", "flat"]
    assert table.kinds() == ["sketch", "text"]
    assert table.auroc("good") == 1
    assert table.auroc("half") == 0.5
    assert table.auroc("half", "text") == 1
    assert table.auroc("half", "sketch") == 0
    assert table.auroc("flat", "text") == 0.5
    whole = table.row("good")
    assert (whole.outliers, whole.in_domain) == (2, 3)
    assert table.row("good", "text").outliers == 1
    assert (table.photos_without_label, table.labels_without_photo) == (2, 1)
    with pytest.raises(KeyError, match="none"):
        table.auroc("none")


def test_labels_of_one_sort_give_no_auroc() -> None:
    with pytest.raises(DataError, match="0 are outliers"):
        outlier_auroc(Table(["a", "b"], s=[1, 2]), INFOS, TRUTH)


def test_cost_of_a_keep_list() -> None:
    cost = keep_cost(list("abcdeux"), list("ace"), INFOS, TRUTH)
    assert cost.outliers_removed == 0.5
    assert cost.in_domain_lost == pytest.approx(1 / 3)
    assert cost.removed_by_kind == {"sketch": 0.0, "text": 1.0}
    assert cost.kept_by_label == {"collie": 1.0, "pug": 0.5}
    assert cost.outlier_share_before == pytest.approx(2 / 5)
    assert cost.outlier_share_after == pytest.approx(1 / 3)


def test_keeping_everything_costs_and_removes_nothing() -> None:
    cost = keep_cost(list("abcde"), list("abcde"), INFOS, TRUTH)
    assert (cost.outliers_removed, cost.in_domain_lost) == (0, 0)
    assert cost.outlier_share_after == cost.outlier_share_before


def test_mode_recovery_of_a_known_table() -> None:
    true = dict(zip("abcdefgh", ["m1"] * 4 + ["m2"] * 3 + ["m3"], strict=True))
    found = dict(zip("abcdefgh", [0, 0, 0, 1, 1, 1, 1, 1], strict=True))
    result = mode_recovery(true, found)
    assert (result.true_modes, result.recovered, result.clusters) == (3, 2, 2)
    assert result.missed == ["m3"]
    assert result.purity == 6 / 8
    assert result.chance == 4 / 8


def test_mode_recovery_limits() -> None:
    true = {f"{i}": f"m{i % 4}" for i in range(40)}
    perfect = mode_recovery(true, {photo: int(mode[1]) + 7 for photo, mode in true.items()})
    assert (perfect.recovered, perfect.purity) == (4, 1)
    assert perfect.mutual_information == pytest.approx(1)
    lump = mode_recovery(true, dict.fromkeys(true, 0))
    assert (lump.recovered, lump.purity, lump.mutual_information) == (1, 0.25, 0)
    assert lump.missed == ["m1", "m2", "m3"]
    with pytest.raises(DataError, match="no photo has both"):
        mode_recovery(true, {"other": 1})


def test_the_untrained_control_is_marked_and_appended(tmp_path: Path) -> None:
    rows = untrained_control(tmp_path, SCORES, INFOS, TRUTH, seed=5)
    assert {str(row["metric"]) for row in rows} == {"auroc-untrained"}
    assert fsio.read_jsonl(tmp_path / "metrics" / "metrics.jsonl") == rows
    assert {row["column"]: row["value"] for row in rows} == {"good": 1.0, "half": 0.5, "flat": 0.5}
    assert all(row["seed"] == 5 and row["by_kind"] for row in rows)
