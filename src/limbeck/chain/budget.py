"""From seconds to kimg: what a time budget buys on this machine, measured once."""

import time

from limbeck import logs
from limbeck.chain.request import budgeted
from limbeck.config import Config
from limbeck.curation import seconds_per_photo
from limbeck.data import Dataset
from limbeck.errors import UsageError
from limbeck.kit.device import pick_device
from limbeck.nets import Networks
from limbeck.processes import ranks
from limbeck.training import half, measure_speed


def _least_kimg(config: Config) -> float:
    return config.train.batch * 16 / 1000


def spend(config: Config, dataset: Dataset, seconds: float) -> tuple[Config, dict[str, float]]:
    """Turn the seconds that are left into kimg of both trainings.

    A short measurement gives the training speed; scoring, modes and report are estimated from
    the sizes of their work; the rest is shared between the two trainings as `config` shares kimg.

    Returns:
        The configuration as `budgeted` gives it, and what was measured.

    Raises:
        UsageError: the budget does not reach for a few steps of each training.
    """
    began = time.perf_counter()
    together = ranks()
    mine = {"train.batch": max(config.train.batch // together, 2), "train.microbatch": None}
    alone = config if together == 1 else config.replace(**mine)
    trial = min(20.0, seconds * 0.05)
    rate = again = together * measure_speed(dataset, alone, seconds=trial)
    if half(alone) is not None and half(alone.second()) is None:
        again = together * measure_speed(dataset, alone.second(), seconds=trial)
    probe = Networks.create(config.net, config.seed, encoder=config.train.encoder)
    per_photo = seconds_per_photo(dataset, probe.to(pick_device(config.device)), config.score)
    fixed = 30 + 2 * config.modes.samples * 1e-3
    other = per_photo * len(dataset) * 1.1 + fixed
    spent = time.perf_counter() - began
    share = config.second().train.kimg / config.train.kimg
    both = 1000 / rate + share * 1000 / again  # seconds of a kimg of the first, with its second
    kimg = (seconds - spent - other) * 0.95 / both
    least = _least_kimg(config) / min(share, 1)
    if kimg < least:
        raise UsageError(
            f"the time budget is too short: about {other:.0f} s go to scoring, modes and report, "
            f"and training runs at {rate:.0f} images/s",
            f"give at least {logs.duration(60 + spent + other + 1.1 * least * both)} "
            "after ingestion, or a smaller preset",
        )
    kimg, second = round(kimg, 3), round(share * kimg, 3)
    logs.say(
        f"time budget: at {rate:.0f} images/s there is time for {kimg:g} kimg on all photos "
        f"and {second:g} kimg on those that are kept"
    )
    measured = {"images_per_second": round(rate, 2), "score_seconds_per_photo": per_photo}
    return budgeted(config, kimg, second), measured
