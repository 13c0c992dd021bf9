"""limbeck: good image generators out of raw Internet photos.

Implements Self-Distilled StyleGAN (Mokady et al., arXiv 2202.12211): filter a photo collection by
how well its own generator reconstructs it, train again, truncate towards many modes.

Names are loaded when first used, so `import limbeck` costs milliseconds and no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Config": "limbeck.config",
    "preset": "limbeck.presets",
    "ingest": "limbeck.ingestion",
    "open_dataset": "limbeck.data",
    "export_data": "limbeck.convert",
    "train": "limbeck.training",
    "load_networks": "limbeck.nets",
    "score": "limbeck.curation",
    "keep": "limbeck.curation",
    "find_modes": "limbeck.modes",
    "sample": "limbeck.model",
    "evaluate": "limbeck.evaluation",
    "report": "limbeck.reporting",
    "run": "limbeck.chain",
    "take_down": "limbeck.chain",
    "Pipeline": "limbeck.model",
    "read_network_file": "limbeck.unpickling",
    "LimbeckError": "limbeck.errors",
}
__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from limbeck.chain import run as run
    from limbeck.chain import take_down as take_down
    from limbeck.config import Config as Config
    from limbeck.convert import export_data as export_data
    from limbeck.curation import keep as keep
    from limbeck.curation import score as score
    from limbeck.data import open_dataset as open_dataset
    from limbeck.errors import LimbeckError as LimbeckError
    from limbeck.evaluation import evaluate as evaluate
    from limbeck.ingestion import ingest as ingest
    from limbeck.model import Pipeline as Pipeline
    from limbeck.model import sample as sample
    from limbeck.modes import find_modes as find_modes
    from limbeck.nets import load_networks as load_networks
    from limbeck.presets import preset as preset
    from limbeck.reporting import report as report
    from limbeck.training import train as train
    from limbeck.unpickling import read_network_file as read_network_file


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'limbeck' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
