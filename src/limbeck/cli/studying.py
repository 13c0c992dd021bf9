"""The studies of `limbeck bench`: outliers, distillation, truncation, quality."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from limbeck import logs
from limbeck.cli.inputs import existing, is_model, networks_folder, open_networks
from limbeck.cli.outcome import Outcome
from limbeck.config import Config
from limbeck.errors import UsageError

if TYPE_CHECKING:
    from limbeck.evaluation import Judge

TRAININGS = {
    "distillation": ("raw", "kept", "random", "oracle"),
    "quality": ("preset", "stylegan2", "textbook"),
}  # what --only chooses among
_KIND_WIDTH = 9  # characters of a column of the table of outliers

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """What the command line said."""

    config: Config
    data: Path | None
    labels: Path | None
    networks: tuple[Path, ...]
    out: Path | None
    features: tuple[str, ...]
    pictures: int
    seeds: int
    only: tuple[str, ...] | None
    quick: bool
    seconds: float


def complete(subject: str, asked: Asked) -> None:
    """See that a study has what it needs.

    Raises:
        UsageError: something was not given.
        DataError: something does not exist.
    """
    given = {"DATA": asked.data, "--labels": asked.labels, "--out": asked.out}
    given["--networks"] = asked.networks[0] if asked.networks else None
    missing = [name for name in _NEEDS[subject] if given[name] is None]
    if missing or not asked.features:
        raise UsageError(
            f"bench {subject} needs {', '.join(missing) or 'features'}",
            f"limbeck bench {subject} {_EXAMPLES[subject]}",
        )
    if subject == "truncation" and len(asked.networks) > 1:
        raise UsageError(
            f"bench truncation measures one generator a call, {len(asked.networks)} were given",
            "call it once for each, with the same --out",
        )
    known = TRAININGS.get(subject, ())
    if unknown := sorted(set(asked.only or ()) - set(known)):
        raise UsageError(
            f"--only {', '.join(unknown)}: bench {subject} has no such training",
            f"choose among {', '.join(known)}, or none" if known else "leave --only out",
        )
    for path in asked.networks:
        existing(path, "model or networks")
    if asked.labels is not None:
        existing(asked.labels, "file of labels")


def _judge(asked: Asked) -> "Judge":
    from limbeck.artefacts.labels import read_truth
    from limbeck.evaluation import Judge

    assert asked.labels is not None, "see complete"
    return Judge(read_truth(asked.labels))


def outliers(asked: Asked) -> Outcome:
    """Every score and baseline against labelled outliers."""
    from limbeck.bench import bench_outliers
    from limbeck.data import open_dataset
    from limbeck.kit.device import pick_device

    assert asked.data is not None, "see complete"
    device = asked.config.device
    networks = [open_networks(path, device) for path in asked.networks]
    with TemporaryDirectory() as temporary:
        out = asked.out or Path(temporary)
        found = bench_outliers(
            open_dataset(asked.data), _judge(asked), out, networks=networks,
            config=asked.config.score, seed=asked.config.seed, device=pick_device(device),
        )  # fmt: skip
    _print(outlier_tables(found, logs.console().width))
    lines = [f"{found['outliers']} outliers, {found['in_domain']} in-domain photos"]
    if asked.out is None:
        return Outcome(found, [*lines, "these figures are written nowhere; --out DIR keeps them"])
    return Outcome(found, [*lines, f"study: {asked.out} (outliers.json, .png)"])


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


def distillation(asked: Asked) -> Outcome:
    """Training on raw, kept, random and clean photos, over several seeds."""
    from limbeck.bench import bench_distillation
    from limbeck.data import open_dataset

    assert asked.data is not None, "see complete"
    assert asked.out is not None, "see complete"
    found = bench_distillation(
        open_dataset(asked.data), _judge(asked), asked.config, asked.out, seeds=asked.seeds,
        features=asked.features, pictures=asked.pictures,
        only=TRAININGS["distillation"] if asked.only is None else asked.only,
    )  # fmt: skip
    _print(distillation_tables(found))
    lines = []
    if found["left_out"]:
        lines = [
            f"left out, not trained: {', '.join(found['left_out'])}",
            "compare differences, which are within seeds, rather than means over other seeds",
        ]
    for seed, costs in found["costs"].items():
        for name, cost in costs.items():
            lines.append(
                f"seed {seed}, {name}: {_share(cost['outliers_removed'])} of the outliers removed, "
                f"{_share(cost['in_domain_lost'])} of the in-domain photos lost"
            )
    return Outcome(found, [*lines, f"study: {asked.out} (distillation.json, .png)"])


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


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


def _print(tables: Sequence[Table | Text]) -> None:
    logs.show(Group(*tables))


def truncation(asked: Asked) -> Outcome:
    """Every way of truncating one generator against photos."""
    from limbeck.bench import bench_truncation
    from limbeck.data import open_dataset
    from limbeck.model import Pipeline

    assert asked.data is not None, "see complete"
    assert asked.out is not None, "see complete"
    device, dataset = asked.config.device, open_dataset(asked.data)
    (networks,) = asked.networks
    generator = (
        Pipeline.from_pretrained(networks, device=device)
        if is_model(networks)
        else open_networks(networks_folder(networks), device)
    )
    if asked.quick:
        found = bench_truncation(
            generator, dataset, asked.out, features=asked.features, count=asked.pictures,
            psis=(0.5, 0.7, 1.0), clusters=(8, 16), cluster_psis=(0.7,), base_clusters=16,
            samples=2000, map_samples=1024, seed=asked.config.seed,
        )  # fmt: skip
    else:
        found = bench_truncation(
            generator, dataset, asked.out, features=asked.features, count=asked.pictures,
            seed=asked.config.seed,
        )  # fmt: skip
    return Outcome(found, [*_truncation_lines(found), f"study: {asked.out}"])


def _truncation_lines(found: dict[str, Any]) -> list[str]:
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
            f"multimodal-lpips: {costs['assignment']:+.1%} over two pictures and one embedding"
        )
    return lines


def quality(asked: Asked) -> Outcome:
    """How good the pictures of each contestant are after how many seconds."""
    from limbeck.bench import bench_quality
    from limbeck.data import open_dataset

    assert asked.data is not None, "see complete"
    assert asked.out is not None, "see complete"
    found = bench_quality(
        open_dataset(asked.data), asked.config, asked.out, seconds=asked.seconds,
        seeds=asked.seeds, features=asked.features, pictures=asked.pictures,
        only=TRAININGS["quality"] if asked.only is None else asked.only,
    )  # fmt: skip
    _print([quality_table(found)])
    lines = [
        f"{row['contestant']}: "
        + (f"not at KID {row['kid']:.4g} ({row['features']}) within its training"
           if row["seconds"] is None else
           f"KID {row['kid']:.4g} ({row['features']}) after {row['seconds']:.0f} s, "
           f"{row['ratio']:.2f} x as fast as stylegan2")
        for row in found["reached"]
    ]  # fmt: skip
    return Outcome(found, [*lines, f"study: {asked.out} (quality.json, quality.png, grids.png)"])


def quality_table(found: Row) -> Table:
    """The last snapshot of every contestant: mean and deviation over seeds."""
    figures = ("kid", "fid", "precision", "recall", "coverage")
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("features", "contestant", "seconds", "kimg", *figures):
        words = name in ("features", "contestant")
        table.add_column(name, justify="left" if words else "right", no_wrap=True)
    groups: dict[tuple[str, str], dict[int, Row]] = {}
    for row in found["rows"]:
        groups.setdefault((row["features"], row["contestant"]), {})[row["seed"]] = row  # the last
    for (features, name), last in groups.items():
        rows = list(last.values())
        cells = []
        for figure in figures:
            values = [float(row[figure]) for row in rows]
            spread = stdev(values) if len(values) > 1 else None
            cells.append(_spread({"figure": figure, "mean": fmean(values), "spread": spread}))
        kimg = fmean(row["images"] for row in rows) / 1000
        table.add_row(
            features, name, f"{fmean(row['seconds'] for row in rows):.0f}", f"{kimg:.1f}", *cells
        )
    return table


STUDIES: dict[str, Callable[[Asked], Outcome]] = {
    "outliers": outliers, "distillation": distillation, "truncation": truncation,
    "quality": quality,
}  # fmt: skip
_NEEDS = {
    "outliers": ("DATA", "--labels"),
    "distillation": ("DATA", "--labels", "--out"),
    "truncation": ("DATA", "--networks", "--out"),
    "quality": ("DATA", "--out"),
}
_EXAMPLES = {
    "outliers": "DATA --labels FILE [--networks NETS]... [--out DIR]",
    "distillation": "DATA --labels FILE --out DIR --preset tiny --kimg 50",
    "truncation": "DATA --networks NETS --out DIR",
    "quality": "DATA --out DIR --preset tiny --seconds 600 --seeds 3",
}
