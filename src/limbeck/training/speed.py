"""A short measurement that turns a time budget into kimg, once."""

import time
from collections.abc import Callable

from limbeck import logs
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.kit.device import pick_device
from limbeck.training.class_labels import class_labels
from limbeck.training.engine import Engine
from limbeck.training.growing import half
from limbeck.training.loop import feed_of
from limbeck.training.memory import fit
from limbeck.training.phases import LossNetworks, phase_table
from limbeck.training.state import TrainState
from limbeck.training.world import World


def measure_speed(
    dataset: Dataset,
    config: Config,
    seconds: float = 20.0,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Images per second of training, all phases on, by running throw-away networks.

    A training that grows is measured at each of its sizes, and the mean over its photos returned.

    Whole cycles of 16 iterations are timed (every lazy phase once or more) after a warm-up of
    one iteration, for at least one cycle and about `seconds` of `clock`.
    """
    if (first := half(config)) is not None:
        grow = config.train.grow
        alone = config.replace(**{"train.grow": 0.0})
        before = measure_speed(dataset, first, seconds / 2, clock)
        return 1 / (grow / before + (1 - grow) / measure_speed(dataset, alone, seconds / 2, clock))
    device = pick_device(config.device)
    config = config.replace(**{"train.encoder_start_kimg": 0.0})
    judges = LossNetworks.of(config, device)
    view = dataset.at(config.net.size).to(device)
    config = fit(config, device, World())
    feed = feed_of(view, class_labels(dataset, config), config, device)
    state = TrainState.create(config, device)
    engine = Engine(config, state, phase_table(config, judges), feed)
    state.images = config.train.batch
    engine.iterate()
    began, images, cycles = clock(), state.images, 0
    with logs.working("measuring how fast training is on this machine"):
        while cycles == 0 or clock() - began < seconds:
            for _ in range(16):
                engine.iterate()  # ends with a check of its numbers, so the device has caught up
            cycles += 1
    return (state.images - images) / (clock() - began)
