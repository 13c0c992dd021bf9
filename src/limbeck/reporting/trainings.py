"""Training curves: what each training told, both trainings on common axes."""

from typing import Any

from limbeck.reporting.artefacts import Training
from limbeck.reporting.charts import Chart, curves

_FIRST = (
    "loss/G", "loss/D", "rec/l1", "rec/perceptual", "augment_p", "images_per_second", "signs/real",
)  # fmt: skip
_NOT_CURVES = {"images", "kimg", "seconds", "time"}
_WORDS = {
    "loss/G": "generator loss",
    "loss/D": "discriminator loss",
    "augment_p": "augmentation probability p",
    "images_per_second": "photos a second",
    "signs/real": "sign of D on photos (0.6 is the aim, near 1 is over-fitting)",
    "rec/l1": "reconstruction error, L1",
    "pl_mean": "path length",
}
MOST = 12


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _series(rows: list[dict[str, Any]], name: str) -> tuple[list[float], list[float]]:
    picked = [r for r in rows if _is_number(r.get(name)) and _is_number(r.get("images"))]
    return [float(r["images"]) / 1000 for r in picked], [float(r[name]) for r in picked]


def show_trainings(trainings: list[Training]) -> tuple[Chart, ...]:
    """One chart per statistic; the first training has CSS class `raw`, the second `kept`."""
    names = [k for t in trainings for row in t.stats for k, v in row.items() if _is_number(v)]
    unique = [n for n in dict.fromkeys(names) if n not in _NOT_CURVES]
    ordered = [n for n in _FIRST if n in unique] + [n for n in unique if n not in _FIRST]
    charts = []
    for name in ordered[:MOST]:
        series = [(t.name, *_series(t.stats, name)) for t in trainings]
        charts.append(curves(_WORDS.get(name, name), series, note=name if name in _WORDS else ""))
    return tuple(charts)
