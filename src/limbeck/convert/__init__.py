"""Datasets in the formats of other tools."""

from limbeck.convert.export import export_data as export_data
from limbeck.convert.export import foresee as foresee

__all__ = ["export_data", "foresee"]
