"""The modes of a generator: clusters of its latents, their centres, an atlas."""

from limbeck.modes.atlas import images_of_latents as images_of_latents
from limbeck.modes.clustering import Points as Points
from limbeck.modes.clustering import cluster as cluster
from limbeck.modes.clustering import perceptual_points as perceptual_points
from limbeck.modes.count import choose_count as choose_count
from limbeck.modes.find import assign as assign
from limbeck.modes.find import centres_of as centres_of
from limbeck.modes.find import find_modes as find_modes
from limbeck.modes.find import modes_provenance as modes_provenance
from limbeck.modes.importing import import_centres as import_centres
from limbeck.modes.marking import ModeChange as ModeChange
from limbeck.modes.marking import mark_mode as mark_mode
from limbeck.modes.marking import mark_modes as mark_modes
from limbeck.modes.marking import modes_folder as modes_folder
from limbeck.modes.marking import with_changes as with_changes
from limbeck.modes.marking import write_changes as write_changes
from limbeck.modes.typical import typical_latents as typical_latents

__all__ = [
    "ModeChange",
    "Points",
    "assign",
    "centres_of",
    "choose_count",
    "cluster",
    "find_modes",
    "images_of_latents",
    "import_centres",
    "mark_mode",
    "mark_modes",
    "modes_folder",
    "modes_provenance",
    "perceptual_points",
    "typical_latents",
    "with_changes",
    "write_changes",
]
