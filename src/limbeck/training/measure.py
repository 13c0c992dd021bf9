"""A short measurement that turns a time budget into kimg, once."""

import time

from limbeck.config import Config
from limbeck.data import Dataset, Order
from limbeck.kit.device import compute_dtype, pick_device
from limbeck.percept import LPIPS
from limbeck.training.loop import class_labels, fetch, iterate
from limbeck.training.phases import phase_table
from limbeck.training.state import TrainState


def measure_speed(dataset: Dataset, config: Config, seconds: float = 20.0) -> float:
    """Images per second of training, all phases on, by running throw-away networks.

    Whole cycles of 16 iterations are timed (every lazy phase once or more) after a warm-up of
    one iteration, for at least one cycle and about `seconds`.
    """
    device = pick_device(config.device)
    config = config.replace(**{"train.encoder_start_kimg": 0.0})
    lpips = LPIPS.load("vgg16").to(device) if config.train.rec_measure == "lpips-vgg16" else None
    phases = phase_table(config, lpips)
    state = TrainState.create(config, device)
    state.networks.set_compute_dtype(compute_dtype(config.train.precision, device))
    labels = class_labels(dataset, config)
    view, order = dataset.at(config.net.size), Order(len(dataset), config.train.batch, config.seed)
    state.images = config.train.batch
    iterate(phases, state, fetch(view, order, labels, config, state), config)
    began, images, cycles = time.perf_counter(), state.images, 0
    while cycles == 0 or time.perf_counter() - began < seconds:
        for _ in range(16):
            terms = iterate(phases, state, fetch(view, order, labels, config, state), config)
        float(terms["loss/D"])  # waits for the device
        cycles += 1
    return (state.images - images) / (time.perf_counter() - began)
