"""The verb demo: the whole pipeline on a drawn crawl whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from limbeck.cli.options import Device, DryRun, Json, Out, Seed, build_config
from limbeck.cli.outcome import Outcome, verb


@verb
def demo(
    out: Out = Path("demo"),
    count: Annotated[int, typer.Option("--count", min=50, help="Pictures to draw.")] = 3000,
    seed: Seed = 0,
    device: Device = "auto",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> Outcome:
    """Draw a crawl with planted outliers, run everything on it, and measure against the truth."""
    config = build_config("tiny", seed=seed, device=device)
    if dry_run:
        return Outcome(
            {"dry_run": True, "verb": "demo", "out": out, "count": count},
            [f"would draw {count} pictures and run everything in {escape(str(out))}"],
        )
    from limbeck import pipeline
    from limbeck.demo import draw_crawl

    draw_crawl(out / "crawl", count=count, seed=seed, workers=2)
    done = pipeline.run(out / "crawl" / "photos", out / "run", config)
    page = done.root / "report" / "index.html"
    return Outcome({"out": out, "report": page}, [f"report: {escape(str(page))}"])
