"""What a study found, as tables and lines on a terminal."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from limbeck import logs

_KIND_WIDTH = 9  # characters of a column of the table of outliers

Row = Mapping[str, Any]


def outlier_tables(found: Row, width: int) -> list[Table | Text]:
    """AUROC by score and kind, as many kinds beside one another as `width` characters hold."""
    rows: Sequence[Row] = found["rows"]
    name_width = max(len(row["score"]) for row in rows) + 12
    each = max((width - name_width - 18) // _KIND_WIDTH, 1)
    kinds = list(found["kinds"])
    parts = [kinds[start : start + each] for start in range(0, len(kinds), each)]
    tables: list[Table | Text] = []
    for part in parts:
        table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", title_justify="left")
        table.add_column("AUROC of", no_wrap=True)
        for name in (f"all\n{found['outliers']}", "AP\n"):
            table.add_column(name, justify="right", no_wrap=True, vertical="bottom")
        for kind in part:
            table.add_column(
                Text(f"{logs.visible(kind.replace('_', ' '))}\n{found['kinds'][kind]}"),
                justify="right",
                width=_KIND_WIDTH - 1, overflow="fold", vertical="bottom",
            )  # fmt: skip
        for row in rows:
            group = "" if row["group"] == "baseline" else f" {row['group']}"
            spread = f" ±{row['spread']:.3f}" if row["spread"] is not None else ""
            cells = [_auroc(row["by_kind"][kind], row, found, kind) for kind in part]
            overall = logs.line(_auroc(row, row, found, "all"), spread)
            precision = f"{row['average_precision']:.3f}".removeprefix("0")
            score = logs.line(row["score"], logs.styled(group, "dim"))
            table.add_row(score, overall, precision, *cells)
        tables.append(table)
    over = "photos (bootstrap)"
    if len(found["networks"]) > 1:
        over = f"networks; of baselines and untrained ones over {over}"
    note = f"bold green: best of its column; AP: average precision; ± over {over}"
    return [*tables, logs.line(note)]


def _auroc(value: Row, row: Row, found: Row, kind: str) -> Text:
    shown = f"{value['auroc']:.3f}".removeprefix("0")
    best = found["best"][kind]
    first = (row["score"], row["group"]) == (best["score"], best["group"])
    return logs.styled(shown, "bold green" if first else "")


def distillation_tables(found: Row) -> list[Table | Text]:
    """By features and way of drawing: figures on clean photos, differences to raw, the 2 x 2."""
    tables: list[Table | Text] = []
    for features in found["features"]:
        for draw in dict.fromkeys(row["draw"] for row in found["rows"]):
            where = f"{features}, {draw}"
            for key, title in (("rows", "trained on"), ("paired", "difference, paired by seed")):
                rows = [
                    row
                    for row in found[key]
                    if row["draw"] == draw
                    and (row["features"], row["photos"]) in ((features, "clean"), ("lpips", ""))
                ]
                tables += [Text(), logs.line(f"{where}, against clean photos: {title}")]
                tables.append(_spreads(rows, "figure", "variant"))
            rows = [
                row
                for row in found["rows"]
                if (row["features"], row["draw"], row["figure"]) == (features, draw, "fid")
            ]
            title = "fid, trained on (down) x measured against (across)"
            tables += [Text(), logs.line(f"{where}: {title}")]
            tables.append(_spreads(rows, "variant", "photos"))
    return tables


def _spreads(rows: Sequence[Row], down: str, across: str) -> Table:
    """Mean and deviation over seeds of each row, by two of its fields."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    columns = list(dict.fromkeys(row[across] for row in rows))
    minus = " - raw" if any("minus" in row for row in rows) else ""
    for name in columns:
        table.add_column(name + minus, justify="right", no_wrap=True)
    for head in dict.fromkeys(row[down] for row in rows):
        cells = {row[across]: _spread(row) for row in rows if row[down] == head}
        table.add_row(head, *(cells.get(name, "-") for name in columns))
    return table


def _spread(row: Row) -> str:
    """`mean ± deviation`, both to as many places as suit the mean or, if larger, the deviation."""
    mean, spread = row["mean"], row["spread"]
    places = 3
    if row["figure"] in ("fid", "kid"):  # of any size; the others lie near 0 to 1
        size = max(abs(mean), spread or 0.0)
        places = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 4
    sign = "+" if "minus" in row else ""
    shown = f"{mean:{sign}.{places}f}"
    return shown if spread is None else f"{shown} ± {spread:.{places}f}"


def truncation_lines(found: dict[str, Any]) -> list[str]:
    """What each way of truncating has at equal precision and at equal diversity, and its cost."""
    lines = []
    for name, measured in found["features"].items():
        if measured["precision_bought"] <= 0:
            lines.append(f"{name}: global truncation buys no precision on this generator")
        for what in ("precision", "diversity"):
            for space, methods in measured[f"at_equal_{what}"].items():
                lines.append(f"{name}, clusters in {space}: x global at equal {what}")
                for method, row in methods.items():
                    shown = ", ".join(
                        f"{metric} {ratio['mean']['mean']:.3f}" if ratio else f"{metric} -"
                        for metric, ratio in row.items()
                    )
                    lines.append(f"  {method:17} {shown}")
    costs = found["costs"] or {"ratio_to_global": {}}
    for name, ratio in costs["ratio_to_global"].items():
        lines.append(f"{name:29} {ratio:.3f} x the seconds of global")
    if "assignment" in costs:
        lines.append(
            f"multimodal-lpips: {costs['assignment']:+.1%} over two images and one embedding"
        )
    return lines


def quality_tables(found: Row) -> list[Table]:
    """The last snapshot of every contestant, a table a kind of features: mean and deviation over
    seeds."""
    figures = ("kid", "fid", "precision", "recall", "coverage")
    tables: dict[str, Table] = {}
    groups: dict[tuple[str, str], dict[int, Row]] = {}
    for row in found["rows"]:
        groups.setdefault((row["features"], row["contestant"]), {})[row["seed"]] = row  # the last
    for (features, name), last in groups.items():
        if features not in tables:
            tables[features] = Table(
                box=None, padding=(0, 1, 0, 0), header_style="bold", title=features,
                title_justify="left",
            )  # fmt: skip
            for head in ("", "seconds", *figures):
                justify: Literal["left", "right"] = "right" if head else "left"
                tables[features].add_column(head, justify=justify, no_wrap=True)
        rows = list(last.values())
        cells = [_short_spread(figure, [float(row[figure]) for row in rows]) for figure in figures]
        tables[features].add_row(name, f"{fmean(row['seconds'] for row in rows):.0f}", *cells)
    return list(tables.values())


def _short_spread(figure: str, values: Sequence[float]) -> str:
    """Mean and deviation in few digits: six columns have room on a terminal of 80."""
    places = {"kid": 3, "fid": 0}.get(figure, 2)
    shown = f"{fmean(values):.{places}f}"
    return shown if len(values) == 1 else f"{shown} ± {stdev(values):.{places}f}"


def dose_lines(found: Row) -> list[str]:
    """Each branch's outliers, KID and recall by share, and what differs from raw."""
    lines = []
    for row in found["rows"]:
        if row["figure"] == "outliers":
            others = {
                r["figure"]: r for r in found["rows"]
                if (r["share"], r["branch"]) == (row["share"], row["branch"])
            }  # fmt: skip
            lines.append(
                f"{row['share']:.0%} outliers, {row['branch']:6}: "
                + ", ".join(f"{name} {_spread_of_mean(others[name])}"
                            for name in ("outliers", "kid", "recall"))
            )  # fmt: skip
    for row in found["paired"]:
        if row["figure"] in ("outliers", "kid", "recall"):
            p = "-" if row["p"] is None else f"{row['p']:.3f}"
            where = "" if row["low"] is None else f" ({row['low']:+.4f} to {row['high']:+.4f})"
            lines.append(
                f"{row['share']:.0%} outliers, {row['branch']} - raw, {row['figure']}: "
                f"{row['mean']:+.4f}{where}, p {p}, {row['seeds']} seeds"
            )
    return lines


def _spread_of_mean(row: Row) -> str:
    return f"{row['mean']:.4f}" + ("" if row["error"] is None else f" ± {row['error']:.4f}")
