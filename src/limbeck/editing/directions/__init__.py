"""Directions of change in a generator's latents: found, measured, named."""

from limbeck.editing.directions.candidates import Candidate as Candidate
from limbeck.editing.directions.candidates import along as along
from limbeck.editing.directions.choosing import strongest as strongest
from limbeck.editing.directions.effects import LOOK_SIZE as LOOK_SIZE
from limbeck.editing.directions.effects import Measured as Measured
from limbeck.editing.directions.effects import Observer as Observer
from limbeck.editing.directions.effects import effect_mask as effect_mask
from limbeck.editing.directions.files import Directions as Directions
from limbeck.editing.directions.files import Found as Found
from limbeck.editing.directions.files import name_direction as name_direction
from limbeck.editing.directions.files import read_directions as read_directions
from limbeck.editing.directions.find import find_directions as find_directions
from limbeck.editing.directions.find import images_needed as images_needed
from limbeck.editing.directions.ground import Ground as Ground
from limbeck.editing.directions.ground import grounds_for as grounds_for
from limbeck.editing.directions.records import Effects as Effects
from limbeck.editing.directions.records import Entry as Entry
from limbeck.editing.directions.settings import DirectionSettings as DirectionSettings
