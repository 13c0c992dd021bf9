"""Between limbeck's files and those of other tools: datasets to them, networks from them."""

from limbeck.convert.export import export_data as export_data
from limbeck.convert.export import foresee as foresee
from limbeck.convert.networks import Converted as Converted
from limbeck.convert.networks import convert_network as convert_network
from limbeck.convert.networks import read_foreign as read_foreign

__all__ = ["Converted", "convert_network", "export_data", "foresee", "read_foreign"]
