"""Editing: inverting photos, directions of change, mixing, walks; on any generator with a w."""

from limbeck.editing.directions import Directions as Directions
from limbeck.editing.directions import DirectionSettings as DirectionSettings
from limbeck.editing.directions import Entry as Entry
from limbeck.editing.directions import Found as Found
from limbeck.editing.directions import find_directions as find_directions
from limbeck.editing.directions import images_needed as images_needed
from limbeck.editing.directions import name_direction as name_direction
from limbeck.editing.directions import read_directions as read_directions
from limbeck.editing.edits import BEFORE_AFTER as BEFORE_AFTER
from limbeck.editing.edits import Told as Told
from limbeck.editing.edits import edit as edit
from limbeck.editing.edits import edited_images as edited_images
from limbeck.editing.edits import limited as limited
from limbeck.editing.edits import parse_move as parse_move
from limbeck.editing.edits import soft_mask as soft_mask
from limbeck.editing.edits import write_edits as write_edits
from limbeck.editing.films import WALKED as WALKED
from limbeck.editing.films import FilmForm as FilmForm
from limbeck.editing.films import FilmKind as FilmKind
from limbeck.editing.films import Resample as Resample
from limbeck.editing.films import check_film as check_film
from limbeck.editing.films import film_kind as film_kind
from limbeck.editing.films import require_video as require_video
from limbeck.editing.films import write_film as write_film
from limbeck.editing.films import write_frames as write_frames
from limbeck.editing.folder import LATENTS as LATENTS
from limbeck.editing.folder import TUNED as TUNED
from limbeck.editing.folder import forget_parts as forget_parts
from limbeck.editing.folder import holds_inversion as holds_inversion
from limbeck.editing.folder import parts_of as parts_of
from limbeck.editing.folder import stages_told as stages_told
from limbeck.editing.folder import write_inversion as write_inversion
from limbeck.editing.inversion import Inversion as Inversion
from limbeck.editing.inverting import STAGES as STAGES
from limbeck.editing.inverting import Glance as Glance
from limbeck.editing.inverting import Inverted as Inverted
from limbeck.editing.inverting import invert as invert
from limbeck.editing.layers import RANGES as RANGES
from limbeck.editing.layers import layers_named as layers_named
from limbeck.editing.likeness import figures as figures
from limbeck.editing.mixing import Mixes as Mixes
from limbeck.editing.mixing import mix as mix
from limbeck.editing.mixing import mixed_latents as mixed_latents
from limbeck.editing.mixing import sheet_size as sheet_size
from limbeck.editing.mode_chains import ModeGraph as ModeGraph
from limbeck.editing.pacing import Easing as Easing
from limbeck.editing.points import Point as Point
from limbeck.editing.points import points_as_bytes as points_as_bytes
from limbeck.editing.points import read_points as read_points
from limbeck.editing.points import write_points as write_points
from limbeck.editing.psi_layers import psi_by_layer as psi_by_layer
from limbeck.editing.steering import Channel as Channel
from limbeck.editing.steering import Direction as Direction
from limbeck.editing.steering import Move as Move
from limbeck.editing.steering import Strength as Strength
from limbeck.editing.steering import affines as affines
from limbeck.editing.steering import moved as moved
from limbeck.editing.steering import steered as steered
from limbeck.editing.steering import style_changes as style_changes
from limbeck.editing.stops import KINDS as KINDS
from limbeck.editing.stops import HoldsEncoder as HoldsEncoder
from limbeck.editing.stops import Seeding as Seeding
from limbeck.editing.stops import Stop as Stop
from limbeck.editing.stops import mode_points as mode_points
from limbeck.editing.stops import parse_stop as parse_stop
from limbeck.editing.stops import photo_point as photo_point
from limbeck.editing.stops import photos_of as photos_of
from limbeck.editing.stops import points_of as points_of
from limbeck.editing.stops import seed_points as seed_points
from limbeck.editing.tuning import Tuned as Tuned
from limbeck.editing.tuning import changed as changed
from limbeck.editing.tuning import with_difference as with_difference
from limbeck.editing.tuning import write_difference as write_difference
from limbeck.editing.walking import Through as Through
from limbeck.editing.walking import Walk as Walk
from limbeck.editing.walking import swing as swing
from limbeck.editing.walking import walk as walk

__all__ = [
    "BEFORE_AFTER",
    "KINDS",
    "LATENTS",
    "RANGES",
    "STAGES",
    "TUNED",
    "WALKED",
    "Channel",
    "Direction",
    "DirectionSettings",
    "Directions",
    "Easing",
    "Entry",
    "FilmForm",
    "FilmKind",
    "Found",
    "Glance",
    "HoldsEncoder",
    "Inversion",
    "Inverted",
    "Mixes",
    "ModeGraph",
    "Move",
    "Point",
    "Resample",
    "Seeding",
    "Stop",
    "Strength",
    "Through",
    "Told",
    "Tuned",
    "Walk",
    "affines",
    "changed",
    "check_film",
    "edit",
    "edited_images",
    "figures",
    "film_kind",
    "find_directions",
    "forget_parts",
    "holds_inversion",
    "images_needed",
    "invert",
    "layers_named",
    "limited",
    "mix",
    "mixed_latents",
    "mode_points",
    "moved",
    "name_direction",
    "parse_move",
    "parse_stop",
    "parts_of",
    "photo_point",
    "photos_of",
    "points_as_bytes",
    "points_of",
    "psi_by_layer",
    "read_directions",
    "read_points",
    "require_video",
    "seed_points",
    "sheet_size",
    "soft_mask",
    "stages_told",
    "steered",
    "style_changes",
    "swing",
    "walk",
    "with_difference",
    "write_difference",
    "write_edits",
    "write_film",
    "write_frames",
    "write_inversion",
    "write_points",
]
