"""The modes of a generator: clusters of its latents, their centres, an atlas."""

from limbeck.modes.finding import Modes as Modes
from limbeck.modes.finding import assign as assign
from limbeck.modes.finding import find_modes as find_modes
from limbeck.modes.finding import read_modes as read_modes

__all__ = ["Modes", "assign", "find_modes", "read_modes"]
