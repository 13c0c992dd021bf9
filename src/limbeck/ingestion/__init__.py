"""From a folder or a zip of strangers' photos to a dataset that accounts for every file."""

from limbeck.ingestion.cropping import can_detect as can_detect
from limbeck.ingestion.cropping import crop_words as crop_words
from limbeck.ingestion.decode import centre_box as centre_box
from limbeck.ingestion.journal import forget_in_flight as forget_in_flight
from limbeck.ingestion.optout import TOLD_LINES as TOLD_LINES
from limbeck.ingestion.optout import Wish as Wish
from limbeck.ingestion.optout import named_by as named_by
from limbeck.ingestion.optout import read_opt_out as read_opt_out
from limbeck.ingestion.optout import tell_unmatched as tell_unmatched
from limbeck.ingestion.photo_classes import side_inputs as side_inputs
from limbeck.ingestion.preview import preview as preview
from limbeck.ingestion.rejections import rejections as rejections
from limbeck.ingestion.stage import ingest as ingest
from limbeck.ingestion.staleness import source_digest as source_digest

__all__ = [
    "TOLD_LINES",
    "Wish",
    "can_detect",
    "centre_box",
    "crop_words",
    "forget_in_flight",
    "ingest",
    "named_by",
    "preview",
    "read_opt_out",
    "rejections",
    "side_inputs",
    "source_digest",
    "tell_unmatched",
]
