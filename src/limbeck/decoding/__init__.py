"""Strangers' photos as pixels: decoded in child processes that little is allowed to.

The package imports neither torch nor scipy, so that a child starts in a fraction of a second.
"""

from limbeck.decoding.child import limits as limits
from limbeck.decoding.children import DEATH as DEATH
from limbeck.decoding.children import Decoders as Decoders
from limbeck.decoding.children import Photo as Photo
from limbeck.decoding.children import Stopped as Stopped
from limbeck.decoding.decode import ARCHIVE as ARCHIVE
from limbeck.decoding.decode import DECODING as DECODING
from limbeck.decoding.decode import HEIC as HEIC
from limbeck.decoding.decode import Box as Box
from limbeck.decoding.decode import Rejected as Rejected
from limbeck.decoding.decode import Square as Square
from limbeck.decoding.decode import centre_box as centre_box
from limbeck.decoding.embedded_facts import Facts as Facts
from limbeck.decoding.measures import scores_of as scores_of

__all__ = [
    "ARCHIVE", "DEATH", "DECODING", "HEIC", "Box", "Decoders", "Facts", "Photo", "Rejected",
    "Square", "Stopped", "centre_box", "limits", "scores_of",
]  # fmt: skip
