"""The verb demo: the whole pipeline on a drawn crawl whose truth is known, measured against it."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from limbeck import logs
from limbeck.artefacts.stage import read_summary
from limbeck.cli.options import Kimg, Out, Shared, Yes
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.config import Config
from limbeck.records import IngestSummary

_PICTURES = 1000  # to draw from each generator when measuring, and photos of the control
_ENCODER_EVERY = 8  # half as often as `tiny`: what teapots lack at this length is a generator

Rows = list[dict[str, Any]]


@verb("settings", "seed", "device", "dry_run")
def demo(
    shared: Shared,
    out: Out = Path("demo"),
    count: Annotated[
        int, typer.Option("--count", min=50, help="Number of synthetic photos.")
    ] = 3000,
    kimg: Kimg = 19.0,
    yes: Yes = False,
) -> Outcome:
    """Make a synthetic crawl with known outliers, run everything on it, and measure the result.

    Ten minutes on two fast CPU cores, twenty on slow ones. Labels are used for measuring alone.
    """
    changes: dict[str, object] = {
        "train.kimg": kimg, "train.snapshot_kimg": 10.0, "train.encoder_every": _ENCODER_EVERY,
        "data.crop": "center",
    }  # fmt: skip
    config = shared.config("tiny", changes=changes)
    if shared.dry_run:
        return would(
            "demo",
            {"out": out, "count": count, "kimg": kimg},
            f"would draw {count} images into {out / 'crawl'}, train twice for "
            f"{kimg:g} kimg and write {out / 'run' / 'report' / 'index.html'}",
        )
    figures = _walk(out, count, config, yes)
    page = out / "run" / "report" / "index.html"
    share = figures["outliers_removed"]
    return Outcome(
        figures,
        [
            logs.line(
                "found outliers with AUROC ",
                logs.bold(f"{figures['auroc_recommended']:.3f}"),
                f" (paper's plain score {figures['auroc_lpips']:.3f}; untrained networks "
                f"{figures['control']['auroc_lpips']:.3f})",
            ),
            f"dropped {share:.0%} of the outliers and {figures['in_domain_lost']:.0%} of the rest; "
            f"{figures['modes']['recovered']} of {figures['modes']['true']} true modes found",
            f"report: {page}",
        ],
        then=logs.command(
            "limbeck",
            "run",
            "YOUR_PHOTOS",
            "--out",
            "runs/first",
            "--preset",
            config.preset,
            "--time-budget",
            "60m",
        ),
    )


def _walk(out: Path, count: int, config: Config, yes: bool) -> dict[str, Any]:
    """Draw, run, control, evaluate, report; returns the measured figures."""
    import os

    from limbeck import chain
    from limbeck.demo import draw_crawl
    from limbeck.evaluation import evaluate
    from limbeck.kit.device import machine, pick_device
    from limbeck.reporting import report

    began = time.perf_counter()
    draw_crawl(out / "crawl", count=count, seed=config.seed, workers=max(os.cpu_count() or 1, 1))
    seconds = {"draw": time.perf_counter() - began}
    truth, run = out / "crawl" / "truth.jsonl", out / "run"
    chain.run(out / "crawl" / "photos", run, config, yes=yes)
    seconds |= {stage.name: stage.seconds or 0.0 for stage in chain.status(run)}
    clock = time.perf_counter()
    logs.say(logs.bold("control"), ": the same scores from untrained networks ...")
    control = _control(out, config, truth)
    seconds["control"] = time.perf_counter() - clock
    clock = time.perf_counter()
    rows = evaluate(run, labels=truth, pictures=min(_PICTURES, count))
    seconds["evaluate"] = time.perf_counter() - clock
    report(run, labels=truth)
    seconds["total"] = time.perf_counter() - began
    return {
        "seed": config.seed,
        **_figures(rows),
        "control": {f"auroc_{row['column']}": round(row["value"], 4) for row in control},
        "counts": _counts(run),
        "images_per_second": chain.status(run)[1].summary["images_per_second"],
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "machine": machine(pick_device(config.device)),
        "report": str(run / "report" / "index.html"),
    }


def _control(out: Path, config: Config, truth: Path) -> Rows:
    """The plain score and the recommended one with networks that never saw a photo.

    A thousand photos are enough to tell a score from chance.
    """
    from limbeck.artefacts.labels import read_truth
    from limbeck.curation import score
    from limbeck.data import open_dataset
    from limbeck.evaluation import untrained_control
    from limbeck.kit.device import pick_device
    from limbeck.kit.selection import evenly
    from limbeck.nets import Networks

    whole = open_dataset(out / "run" / "data")
    dataset = whole.select(evenly(whole.ids, _PICTURES))
    networks = Networks.create(config.net, config.seed).to(pick_device(config.device))
    scores = score(dataset, networks, out / "control", config.score, seed=config.seed)
    return untrained_control(
        out / "run", scores, dataset.infos, read_truth(truth), seed=config.seed
    )


def _figures(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """AUROC of each column, what the keep list cost, true modes against found ones."""
    found: dict[str, Any] = {}
    for row in rows:
        if row["metric"] == "auroc" and not row["column"].startswith("x_"):
            found[f"auroc_{row['column']}"] = round(row["value"], 4)
            if row["column"] in ("lpips", "recommended"):
                kinds = {kind: round(value, 3) for kind, value in row["by_kind"].items()}
                found[f"by_kind_{row['column']}"] = kinds
        elif row["metric"] == "keep":
            found |= {key: row[key] for key in ("kept", "outliers_removed", "in_domain_lost")}
        elif row["metric"] == "modes":
            values = {
                "true": row["true_modes"],
                "recovered": row["recovered"],
                "clusters": row["clusters"],
                "purity": round(row["purity"], 3),
                "chance": round(row["chance"], 3),
            }
            found["modes" if row["generator"] == "kept" else "modes_raw"] = values
        elif row["metric"] == "lpips_diversity":
            found["lpips_diversity"] = round(row["value"], 4)
            found["lpips_diversity_photos"] = round(row["of_photos"], 4)
    return found


def _counts(run: Path) -> dict[str, Any]:
    summary = read_summary(run / "data", IngestSummary)
    counts = ("listed", "accepted", "opted_out", "failed", "rejected")
    return {**{key: getattr(summary, key) for key in counts}, "balanced": summary.balanced()}
