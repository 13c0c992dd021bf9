"""Joint training of generator, discriminator and encoder (docs/method.md, 'Joint training')."""

from limbeck.training.board import require_tensorboard as require_tensorboard
from limbeck.training.class_labels import conditional as conditional
from limbeck.training.engine import Engine as Engine
from limbeck.training.engine import Feed as Feed
from limbeck.training.graphs import WARM as WARM
from limbeck.training.graphs import graphs_wanted as graphs_wanted
from limbeck.training.grids import pictured_rows as pictured_rows
from limbeck.training.growing import half as half
from limbeck.training.loop import feed_of as feed_of
from limbeck.training.loop import train as train
from limbeck.training.phases import LossNetworks as LossNetworks
from limbeck.training.phases import phase_table as phase_table
from limbeck.training.session import train_slice as train_slice
from limbeck.training.snapshot_quality import advice as snapshot_advice
from limbeck.training.speed import measure_speed as measure_speed
from limbeck.training.state import TrainState as TrainState
from limbeck.training.stats import encoder_advice as encoder_advice
from limbeck.training.transfer import begun_networks as begun_networks
from limbeck.training.transfer import check_fit as check_fit
from limbeck.training.transfer import shaped_like as shaped_like
from limbeck.training.transfer import shapes_of as shapes_of

__all__ = [
    "WARM",
    "Engine",
    "Feed",
    "LossNetworks",
    "TrainState",
    "begun_networks",
    "check_fit",
    "conditional",
    "encoder_advice",
    "feed_of",
    "graphs_wanted",
    "half",
    "measure_speed",
    "phase_table",
    "pictured_rows",
    "require_tensorboard",
    "shaped_like",
    "shapes_of",
    "snapshot_advice",
    "train",
    "train_slice",
]
