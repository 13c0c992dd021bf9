"""Editing: inverting photos, directions of change, mixing, walks; on any generator with a w."""

from limbeck.editing.directions import Directions as Directions
from limbeck.editing.directions import DirectionSettings as DirectionSettings
from limbeck.editing.directions import Entry as Entry
from limbeck.editing.directions import Found as Found
from limbeck.editing.directions import find_directions as find_directions
from limbeck.editing.directions import images_needed as images_needed
from limbeck.editing.directions import name_direction as name_direction
from limbeck.editing.directions import read_directions as read_directions
from limbeck.editing.folder import LATENTS as LATENTS
from limbeck.editing.folder import TUNED as TUNED
from limbeck.editing.folder import stages_told as stages_told
from limbeck.editing.folder import write_inversion as write_inversion
from limbeck.editing.inversion import Inversion as Inversion
from limbeck.editing.inverting import STAGES as STAGES
from limbeck.editing.inverting import Inverted as Inverted
from limbeck.editing.inverting import invert as invert
from limbeck.editing.layers import RANGES as RANGES
from limbeck.editing.layers import layers_named as layers_named
from limbeck.editing.points import Point as Point
from limbeck.editing.points import read_points as read_points
from limbeck.editing.points import write_points as write_points
from limbeck.editing.steering import Channel as Channel
from limbeck.editing.steering import Direction as Direction
from limbeck.editing.steering import Move as Move
from limbeck.editing.steering import Strength as Strength
from limbeck.editing.steering import affines as affines
from limbeck.editing.steering import moved as moved
from limbeck.editing.steering import steered as steered
from limbeck.editing.steering import style_changes as style_changes
from limbeck.editing.tuning import changed as changed
from limbeck.editing.tuning import with_difference as with_difference
from limbeck.editing.tuning import write_difference as write_difference

__all__ = [
    "LATENTS",
    "RANGES",
    "STAGES",
    "TUNED",
    "Channel",
    "Direction",
    "DirectionSettings",
    "Directions",
    "Entry",
    "Found",
    "Inversion",
    "Inverted",
    "Move",
    "Point",
    "Strength",
    "affines",
    "changed",
    "find_directions",
    "images_needed",
    "invert",
    "layers_named",
    "moved",
    "name_direction",
    "read_directions",
    "read_points",
    "stages_told",
    "steered",
    "style_changes",
    "with_difference",
    "write_difference",
    "write_inversion",
    "write_points",
]
