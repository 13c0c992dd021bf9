"""From strangers' photos, here or on the Internet, to a dataset that accounts for every one."""

from limbeck.ingestion.counting import store_words as store_words
from limbeck.ingestion.cropping import can_detect as can_detect
from limbeck.ingestion.cropping import crop_words as crop_words
from limbeck.ingestion.fetching import Fetching as Fetching
from limbeck.ingestion.fetching import fetched_bodies as fetched_bodies
from limbeck.ingestion.fetching import forget_fetched as forget_fetched
from limbeck.ingestion.fetching import one_spelling as one_spelling
from limbeck.ingestion.optout import TOLD_LINES as TOLD_LINES
from limbeck.ingestion.optout import Wish as Wish
from limbeck.ingestion.optout import named_by as named_by
from limbeck.ingestion.optout import read_opt_out as read_opt_out
from limbeck.ingestion.optout import tell_unmatched as tell_unmatched
from limbeck.ingestion.originals import Missing as Missing
from limbeck.ingestion.originals import Originals as Originals
from limbeck.ingestion.parting import ingest_part as ingest_part
from limbeck.ingestion.parts import Parts as Parts
from limbeck.ingestion.parts import part_folders as part_folders
from limbeck.ingestion.photo_classes import side_inputs as side_inputs
from limbeck.ingestion.preview import preview as preview
from limbeck.ingestion.quality import count_flags as count_flags
from limbeck.ingestion.quality import flag_words as flag_words
from limbeck.ingestion.ray_job import ingest_by_ray as ingest_by_ray
from limbeck.ingestion.rejections import rejections as rejections
from limbeck.ingestion.shards import Shard as Shard
from limbeck.ingestion.sources import Box as Box
from limbeck.ingestion.stage import ingest as ingest
from limbeck.ingestion.staleness import source_digest as source_digest

__all__ = [
    "TOLD_LINES",
    "Box",
    "Fetching",
    "Missing",
    "Originals",
    "Parts",
    "Shard",
    "Wish",
    "can_detect",
    "count_flags",
    "crop_words",
    "fetched_bodies",
    "flag_words",
    "forget_fetched",
    "ingest",
    "ingest_by_ray",
    "ingest_part",
    "named_by",
    "one_spelling",
    "part_folders",
    "preview",
    "read_opt_out",
    "rejections",
    "side_inputs",
    "source_digest",
    "store_words",
    "tell_unmatched",
]
