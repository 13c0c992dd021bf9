"""From strangers' photos, here or on the Internet, to a dataset that accounts for every one."""

from limbeck.ingestion.cropping import can_detect as can_detect
from limbeck.ingestion.cropping import crop_words as crop_words
from limbeck.ingestion.fetching import Fetching as Fetching
from limbeck.ingestion.originals import Missing as Missing
from limbeck.ingestion.originals import Originals as Originals
from limbeck.ingestion.photo_classes import side_inputs as side_inputs
from limbeck.ingestion.preview import preview as preview
from limbeck.ingestion.rejections import rejections as rejections
from limbeck.ingestion.sources import Box as Box
from limbeck.ingestion.stage import ingest as ingest
from limbeck.ingestion.staleness import source_digest as source_digest

__all__ = [
    "Box",
    "Fetching",
    "Missing",
    "Originals",
    "can_detect",
    "crop_words",
    "ingest",
    "preview",
    "rejections",
    "side_inputs",
    "source_digest",
]
