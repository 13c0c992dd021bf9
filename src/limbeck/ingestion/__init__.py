"""From a folder or a zip of strangers' photos to a dataset that accounts for every file."""

from limbeck.ingestion.classes import side_inputs as side_inputs
from limbeck.ingestion.decode import centre_box as centre_box
from limbeck.ingestion.source import source_digest as source_digest
from limbeck.ingestion.stage import ingest as ingest

__all__ = ["centre_box", "ingest", "side_inputs", "source_digest"]
