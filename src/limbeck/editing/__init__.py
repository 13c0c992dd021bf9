"""Editing: inverting photos, directions of change, mixing, walks; on any generator with a w."""

from limbeck.editing.directions import Directions as Directions
from limbeck.editing.directions import DirectionSettings as DirectionSettings
from limbeck.editing.directions import Entry as Entry
from limbeck.editing.directions import Found as Found
from limbeck.editing.directions import find_directions as find_directions
from limbeck.editing.directions import images_needed as images_needed
from limbeck.editing.directions import name_direction as name_direction
from limbeck.editing.directions import read_directions as read_directions
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

__all__ = [
    "RANGES",
    "Channel",
    "Direction",
    "DirectionSettings",
    "Directions",
    "Entry",
    "Found",
    "Move",
    "Point",
    "Strength",
    "affines",
    "find_directions",
    "images_needed",
    "layers_named",
    "moved",
    "name_direction",
    "read_directions",
    "read_points",
    "steered",
    "style_changes",
    "write_points",
]
