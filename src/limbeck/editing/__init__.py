"""Editing: inverting photos, directions of change, mixing, walks; on any generator with a w."""

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
    "Move",
    "Point",
    "Strength",
    "affines",
    "layers_named",
    "moved",
    "read_points",
    "steered",
    "style_changes",
    "write_points",
]
