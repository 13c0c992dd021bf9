"""One self-contained HTML page per run: why these photos were kept, and what came of it."""

from limbeck.reporting.page import report as report

__all__ = ["report"]
