"""Networks of other tools: models made of their files, and models written as their files."""

from limbeck.foreign.networks import Converted as Converted
from limbeck.foreign.networks import convert_network as convert_network
from limbeck.foreign.networks import read_foreign as read_foreign
from limbeck.foreign.state_dict import write_state_dict as write_state_dict

__all__ = ["Converted", "convert_network", "read_foreign", "write_state_dict"]
