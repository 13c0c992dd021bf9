"""metrics.jsonl as tables; where a figure was measured twice, the newest counts."""

from collections.abc import Sequence
from typing import Any

from limbeck.reporting.facts import Table, words

_ABOUT = {"metric", "value", "seed", "preset", "size", "date", "limbeck", "machine", "column"}
_CONTROL = "auroc-untrained"


def measured_tables(rows: Sequence[dict[str, Any]]) -> list[Table]:
    """AUROC by column and kind (with the untrained control beside it), then every other figure."""
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        key = tuple(str(row.get(name, "")) for name in ("metric", "column", "generator"))
        newest[key[0], key[1], key[2]] = row
    aurocs = [r for (metric, _, _), r in newest.items() if metric == "auroc"]
    control = {
        column: row.get("value")
        for (metric, column, _), row in newest.items()
        if metric == _CONTROL
    }
    others = [r for (metric, _, _), r in newest.items() if metric not in {"auroc", _CONTROL}]
    tables = [_auroc(aurocs, control)] if aurocs else []
    return tables + [_other(row) for row in others]


def _auroc(rows: list[dict[str, Any]], control: dict[str, object]) -> Table:
    kinds = list(dict.fromkeys(k for row in rows for k in _kinds(row)))
    rows.sort(key=lambda r: (str(r.get("column")).startswith("x_"), -_sortable(r.get("value"))))
    head = ("score", "all kinds", *(["untrained"] if control else []), *(_plain(k) for k in kinds))
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


def _other(row: dict[str, Any]) -> Table:
    which = f" ({row['generator']} generator)" if row.get("generator") else ""
    body = [("value", words(row.get("value")))]
    for key, value in row.items():
        if key in _ABOUT or key == "generator":
            continue
        if isinstance(value, dict):
            body += [(f"{_plain(key)}: {_plain(str(k))}", words(v)) for k, v in value.items()]
        else:
            body.append((_plain(key), words(value)))
    return Table(_plain(str(row.get("metric", "figure"))) + which, ("figure", ""), tuple(body))


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _sortable(value: object) -> float:
    return float(value) if isinstance(value, int | float) else -1.0


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "-"
