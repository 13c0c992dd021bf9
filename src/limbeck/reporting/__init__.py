"""One self-contained HTML page per run: why these photos were kept, and what came of it."""

from limbeck.reporting.page import page_style as page_style
from limbeck.reporting.page import report as report
from limbeck.reporting.page import report_provenance as report_provenance
from limbeck.reporting.trainings import FIGURES as FIGURES
from limbeck.reporting.trainings import STATISTICS as STATISTICS

__all__ = ["FIGURES", "STATISTICS", "page_style", "report", "report_provenance"]
