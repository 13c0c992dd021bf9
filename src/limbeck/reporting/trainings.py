"""Training curves: what each training told, both trainings on common axes."""

from collections.abc import Callable
from typing import Any

from limbeck.artefacts.contents import Training
from limbeck.reporting.charts import Chart, curves

Rows = list[dict[str, Any]]

FIGURES = {
    "kid": "KID of the snapshots to the photos (0 is best)",
    "spread": "variety of the images, in that of the photos (1 is best)",
}
"""What snapshots.jsonl holds, in words."""
STATISTICS = {
    "loss/G": "generator loss",
    "loss/D": "discriminator loss",
    "signs/real": "sign of D on photos (0.6 is the aim, near 1 is over-fitting)",
    "augment_p": "augmentation probability p",
    "rec/l1": "reconstruction error, L1",
    "rec_fake/l1": "reconstruction error of generated images, L1",
    "rec_real/l1": "reconstruction error of photos, L1",
    "E/std_ratio": "spread of the encoder's latents, in that of the generator's (1 is best)",
    "images_per_second": "photos a second",
}
"""What stats.jsonl holds, in words."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _series(rows: Rows, name: str) -> tuple[list[float], list[float]]:
    picked = [r for r in rows if _is_number(r.get(name)) and _is_number(r.get("images"))]
    return [float(r["images"]) / 1000 for r in picked], [float(r[name]) for r in picked]


def show_trainings(trainings: list[Training]) -> tuple[Chart, ...]:
    """One chart per figure; the first training has CSS class `raw`, the second `kept`.

    What was not recorded, never changed or has one point only is no curve and is left out.
    """
    return (
        *_charts(trainings, lambda t: t.snapshots, FIGURES),
        *_charts(trainings, lambda t: t.stats, STATISTICS),
    )


def _charts(
    trainings: list[Training], rows: Callable[[Training], Rows], words: dict[str, str]
) -> list[Chart]:
    charts = []
    for name, title in words.items():
        series = [(t.name, *_series(rows(t), name)) for t in trainings]
        drawn = [(kind, x, y) for kind, x, y in series if len(x) > 1]
        if any(max(y) > min(y) for _, _, y in drawn):
            charts.append(curves(title, drawn, note=name))
    return charts
