"""What `evaluate` measured of the generators, as tables for people."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from limbeck.reporting.charts import number
from limbeck.reporting.facts import Table

METRICS = ("set_distance", "diversity", "memorising")
_SETS = {"raw": "all photos", "kept": "kept photos", "clean": "ordinary photos"}
_DISTANCE = (
    "trained on", "against", "truncation", "of each", "KID", "FID", "precision", "recall",
    "density", "coverage",
)  # fmt: skip
_LEGEND = (
    "KID (± one standard error over the images) and FID say how far generated images are from "
    "photos (0 is best), precision and density "
    "how many of them look like photos, recall and coverage how much of the photos' variety they "
    "reach (1 is best); compare rows of one table with equal counts only, and published figures "
    "with those of inception only."
)
_DIVERSITY = ("images of", "truncation", "how many", "any two", "of one mode", "of two modes")
_COPIES = ("trained on", "truncation", "nearer than a photo", "z", "nearest 1 %")


def generator_tables(rows: Sequence[dict[str, Any]]) -> list[Table]:
    """A table of distances for each kind of features, one of variety, one of copies.

    Args:
        rows: of metrics.jsonl, the newest of each; rows of other metrics are left out.
    """
    of = {metric: [row for row in rows if row.get("metric") == metric] for metric in METRICS}
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in of["set_distance"]:
        by_kind.setdefault(str(row.get("features")), []).append(row)
    tables = [_distances(kind, found) for kind, found in by_kind.items()]
    if tables:
        tables[-1] = replace(tables[-1], note=_LEGEND)
    if of["diversity"]:
        tables.append(_diversity(of["diversity"]))
    if of["memorising"]:
        tables.append(_copies(of["memorising"]))
    return tables


def _distances(features: str, rows: Sequence[dict[str, Any]]) -> Table:
    shares = ("precision", "recall", "density", "coverage")
    body = tuple(
        (
            _photos(row.get("generator")), _against(row), _drawn(row), _counts(row),
            _with_error(row), _short(row.get("fid")),
            *(_share(row.get(name)) for name in shares),
        )
        for row in rows
    )  # fmt: skip
    title = f"Generated images against photos, by features of {features}"
    return Table(title, _DISTANCE, body, texts=3)


def _diversity(rows: Sequence[dict[str, Any]]) -> Table:
    body = tuple(
        (
            _whose(row), _drawn(row), _count(row.get("pictures")),
            *(_with_spread(row, name) for name in ("overall", "within", "between")),
        )
        for row in rows
    )  # fmt: skip
    note = (
        "Mean perceptual distance (LPIPS) between two images, ± one standard error: larger is "
        "more varied, and photos show what there is to reach."
    )
    return Table("Variety", _DIVERSITY, body, note, 2)


def _copies(rows: Sequence[dict[str, Any]]) -> Table:
    body = tuple(
        (
            _photos(row.get("generator")), _drawn(row), _share(row.get("closer")),
            _signed(row.get("z")), _percent(row.get("nearer_1")),
        )
        for row in rows
    )  # fmt: skip
    note = (
        "How often a generated image is nearer to a training photo than another photo is (0.5 by "
        "chance; z in standard deviations), and the share nearer than the nearest 1 % of photos "
        "(1 % by chance): much more may mean copies, but truncation brings images nearer as well."
    )
    return Table("Copies of training photos", _COPIES, body, note, 2)


def _photos(name: object) -> str:
    return _SETS.get(str(name), "-" if name is None else str(name))


def _against(row: dict[str, Any]) -> str:
    return _photos(row.get("photos")) + (", held out" if row.get("held_out") else "")


def _with_error(row: dict[str, Any]) -> str:
    error = row.get("kid_error")
    shown = _short(row.get("kid"))
    return f"{shown} ± {number(error)}" if isinstance(error, int | float) else shown


def _whose(row: dict[str, Any]) -> str:
    if "generator" in row:
        return f"trained on {_photos(row['generator'])}"
    return f"{_photos(row.get('photos'))} themselves"


def _drawn(row: dict[str, Any]) -> str:
    way, psi = row.get("truncation"), row.get("psi")
    if way is None:
        return "-"
    if way == "none":
        return "untruncated"
    return f"{way} {psi:g}" if isinstance(psi, int | float) else str(way)


def _counts(row: dict[str, Any]) -> str:
    return " : ".join(dict.fromkeys(_count(row.get(name)) for name in ("real", "fake")))


def _with_spread(row: dict[str, Any], name: str) -> str:
    spread = row.get(f"{name}_spread")
    return _share(row.get(name)) + (f" ± {spread:.3f}" if isinstance(spread, int | float) else "")


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "-"


def _short(value: object) -> str:
    return number(value) if isinstance(value, int | float) else "-"


def _share(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "-"


def _signed(value: object) -> str:
    return f"{value:+.1f}" if isinstance(value, int | float) else "-"


def _percent(value: object) -> str:
    return f"{100 * value:.1f} %" if isinstance(value, int | float) else "-"
