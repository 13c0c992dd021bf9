"""metrics.jsonl as tables; where a figure was measured twice, the newest counts."""

from collections.abc import Sequence
from typing import Any

from limbeck.reporting.facts import Setting, Table, plain, words
from limbeck.reporting.generator_tables import METRICS, generator_tables

_ABOUT = {
    "metric", "column", "value", "generator", "seed", "preset", "size", "date", "limbeck",
    "machine", "command", "dataset_photos", "listed", "kept", "resize", "first_seed",
    "subset_seed", "closest",
}  # fmt: skip
_TITLES = {
    "keep": "What the filter removed and what it cost, as shares",
    "modes": "True modes found again",
    "path_length": "Perceptual path length",
    "lpips_diversity": "Diversity: mean LPIPS between two samples, and between two photos",
}
_VALUE_IS_NAMED = {"keep", "modes"}
_CONTROL = "auroc-untrained"


def measured_tables(rows: Sequence[dict[str, Any]]) -> tuple[list[Table], list[Setting]]:
    """AUROC by column and kind beside its untrained control, the generators, the rest as lists."""
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        metric, column, generator = (str(row.get(k, "")) for k in ("metric", "column", "generator"))
        newest[metric, column, generator] = row
    aurocs = [r for (metric, _, _), r in newest.items() if metric == "auroc"]
    control = {
        column: row.get("value")
        for (metric, column, _), row in newest.items()
        if metric == _CONTROL
    }
    tabled = {"auroc", _CONTROL, *METRICS}
    others = [r for (metric, _, _), r in newest.items() if metric not in tabled]
    tables = [_auroc(aurocs, control)] if aurocs else []
    return tables + generator_tables(list(newest.values())), [_other(row) for row in others]


def _auroc(rows: list[dict[str, Any]], control: dict[str, object]) -> Table:
    kinds = list(dict.fromkeys(k for row in rows for k in _kinds(row)))
    rows.sort(key=lambda r: (str(r.get("column")).startswith("x_"), -_sortable(r.get("value"))))
    head = ("score", "all kinds", *(["untrained"] if control else []), *(plain(k) for k in kinds))
    body = []
    for row in rows:
        column, spread = str(row.get("column")), row.get("spread")
        overall = _figure(row.get("value"))
        if isinstance(spread, int | float):
            overall += f" ± {spread:.3f}"
        middle = [_figure(control.get(column))] if control else []
        by_kind = _kinds(row)
        body.append((column, overall, *middle, *(_figure(by_kind.get(kind)) for kind in kinds)))
    first = rows[0]
    note = (
        f"AUROC over {words(first.get('outliers'))} labelled outliers and "
        f"{words(first.get('in_domain'))} ordinary photos: 0.5 is chance, 1 is perfect; ± is one "
        "bootstrap standard deviation. Columns named x_... are covariates, not scores."
    )
    if control:
        note += " Untrained: the same column with networks that never saw a photo."
    return Table("How well each score finds the labelled outliers", head, tuple(body), note)


def _kinds(row: dict[str, Any]) -> dict[str, object]:
    by_kind = row.get("by_kind")
    return dict(by_kind) if isinstance(by_kind, dict) else {}


def _other(row: dict[str, Any]) -> Setting:
    metric = str(row.get("metric", "figure"))
    which = f" ({row['generator']} generator)" if row.get("generator") else ""
    body: list[tuple[str, str]] = []
    if "value" in row and metric not in _VALUE_IS_NAMED:
        body.append(("value", words(row["value"])))
    for key, value in row.items():
        if key in _ABOUT:
            continue
        if isinstance(value, dict):
            body += [(f"{plain(key)}: {plain(str(k))}", words(v)) for k, v in value.items()]
        else:
            body.append((plain(key), words(value)))
    return Setting(_TITLES.get(metric, plain(metric)) + which, tuple(body))


def _sortable(value: object) -> float:
    return float(value) if isinstance(value, int | float) else -1.0


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "-"
