"""From a folder or a zip of strangers' photos to a dataset that accounts for every file."""

from limbeck.ingestion.cropping import can_detect as can_detect
from limbeck.ingestion.cropping import crop_words as crop_words
from limbeck.ingestion.originals import Missing as Missing
from limbeck.ingestion.originals import Originals as Originals
from limbeck.ingestion.parting import ingest_part as ingest_part
from limbeck.ingestion.parts import Parts as Parts
from limbeck.ingestion.parts import part_folders as part_folders
from limbeck.ingestion.photo_classes import side_inputs as side_inputs
from limbeck.ingestion.preview import preview as preview
from limbeck.ingestion.quality import flag_words as flag_words
from limbeck.ingestion.ray_job import ingest_by_ray as ingest_by_ray
from limbeck.ingestion.rejections import rejections as rejections
from limbeck.ingestion.shards import Shard as Shard
from limbeck.ingestion.sources import Box as Box
from limbeck.ingestion.stage import ingest as ingest
from limbeck.ingestion.staleness import source_digest as source_digest

__all__ = [
    "Box",
    "Missing",
    "Originals",
    "Parts",
    "Shard",
    "can_detect",
    "crop_words",
    "flag_words",
    "ingest",
    "ingest_by_ray",
    "ingest_part",
    "part_folders",
    "preview",
    "rejections",
    "side_inputs",
    "source_digest",
]
