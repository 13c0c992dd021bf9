"""From a folder or a zip of strangers' photos to a dataset that accounts for every file."""

from limbeck.ingestion.decode import centre_box as centre_box
from limbeck.ingestion.photo_classes import side_inputs as side_inputs
from limbeck.ingestion.rejections import rejections as rejections
from limbeck.ingestion.stage import ingest as ingest
from limbeck.ingestion.staleness import source_digest as source_digest

__all__ = ["centre_box", "ingest", "rejections", "side_inputs", "source_digest"]
