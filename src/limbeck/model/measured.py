"""Figures of quality that go with a model: those that `limbeck evaluate` took of its generator."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from limbeck import logs
from limbeck.artefacts.model_folder import Measured

_KEY = ("features", "photos", "psi", "truncation")


def figures_of(
    rows: Iterable[Mapping[str, Any]], generator: str, since: str
) -> tuple[Measured, ...]:
    """The newest figures of a run's generator, each way of measuring once.

    Args:
        rows: of metrics.jsonl, oldest first.
        generator: `raw` or `kept`: by the photos that it was trained on.
        since: when its training ended, UTC as ISO 8601; earlier figures are of other networks.
    """
    found: dict[tuple[object, ...], Measured] = {}
    for row in rows:
        if row.get("metric") != "set_distance" or row.get("generator") != generator:
            continue
        if str(row.get("date", "")) < since:
            continue
        values = {name: row[name] for name in Measured.model_fields if name in row}
        try:
            one = Measured.model_validate(values)
        except ValidationError as error:
            field = ".".join(str(part) for part in error.errors()[0]["loc"])
            logs.warn(f"a line of metrics.jsonl is left out: its {field} is no figure of ours")
            continue
        found[tuple(values.get(name) for name in _KEY)] = one
    return tuple(found.values())
