"""One self-contained HTML page per run: why these photos were kept, and what came of it."""

from limbeck.reporting.page import page_style as page_style
from limbeck.reporting.page import report as report
from limbeck.reporting.page import report_provenance as report_provenance

__all__ = ["page_style", "report", "report_provenance"]
