"""`limbeck bench train`: one iteration against the textbook's, phase by phase."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from limbeck.bench.contestants import contestant
from limbeck.bench.shares import step_shares
from limbeck.bench.textbook import Textbook
from limbeck.bench.timing import Work, ceilings, compare
from limbeck.config import Config
from limbeck.kit.allocator import keep_memory
from limbeck.kit.device import has_bf16, machine, pick_device
from limbeck.ops import direct_convolutions
from limbeck.training import WARM, Engine, LossNetworks, TrainState, phase_table


def bench_train(config: Config, *, repeats: int = 5, against: bool = True) -> dict[str, Any]:
    """Seconds of one full iteration (each phase by how often it is due; average), by phase.

    Against a projected discriminator the textbook is StyleGAN2 of the same widths with the public
    settings (`limbeck.bench.contestants`), batches, R1 and path lengths included: ratios are of
    seconds an image, and `step` says what the parts of limbeck's step take
    (`limbeck.bench.shares`).

    Args:
        config: shapes, batch, device; the encoder is left out on both sides, but not of `step`.
        repeats: turns of each contestant; medians are reported.
        against: also time the textbook.

    Returns:
        Plain values: contestants with seconds by phase, `ratio_fp32` and `ratio_bf16` (wall and
        CPU seconds of the textbook over limbeck's), utilisation of the measured ceiling; maybe
        `step`.
    """
    device = pick_device(config.device)
    keep_memory()
    asked, config = config, config.replace(**{"train.encoder": False})
    projected = config.net.d_architecture == "projected"
    book = contestant("textbook", config) if projected else config
    real = _photos(config, device)
    kinds = ["fp32", "bf16"] if has_bf16(device) else ["fp32"]
    contestants: dict[str, dict[str, Work]] = {}
    if against:
        contestants["textbook"] = _textbook(book, device, _photos(book, device))
    for kind in kinds:
        contestants[kind] = _limbeck(config.replace(**{"train.precision": kind}), device, real)
    weights = _weights(config)
    memory: dict[str, float] = {}
    whole = sum(_flops(work) * weights[name] for name, work in contestants["fp32"].items())
    seconds = compare(contestants, device, repeats, warm=WARM + 1 if device.type == "cuda" else 1)
    if device.type == "cuda":  # before `ceilings`, which takes memory of its own
        memory["memory_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
    result: dict[str, Any] = {
        "bench": "train",
        "size": config.net.size,
        "batch": config.train.batch,
        "channel_base": config.net.channel_base,
        "channel_max": config.net.channel_max,
        "repeats": repeats,
        "machine": machine(device),
        "gflop_per_image": whole / config.train.batch / 1e9,
        "contestants": {},
        **memory,
    }
    for name, pieces in seconds.items():
        theirs = book if name == "textbook" else config
        row = _row(pieces, theirs)
        if not (projected and name == "textbook"):  # another computation
            row["tflops"] = whole / row["seconds"]["wall"] / 1e12
        if name in kinds:
            dtype = torch.bfloat16 if name == "bf16" else torch.float32
            row["ceiling"] = ceilings(device, dtype)
            row["utilisation"] = row["tflops"] / row["ceiling"]["conv_tflops"]
        result["contestants"][name] = row
    if against:
        base = result["contestants"]["textbook"]
        for kind in kinds:
            ours = result["contestants"][kind]
            more = ours["batch"] / base["batch"]
            result[f"ratio_{kind}"] = {
                unit: more * base["seconds"][unit] / ours["seconds"][unit]
                for unit in base["seconds"]
            }
    if projected:
        result["step"] = step_shares(asked, real, repeats)
    return result


def _photos(config: Config, device: torch.device) -> Tensor:
    shape = config.train.batch, 3, config.net.size, config.net.size
    return torch.rand(shape, device=device) * 2 - 1


def _row(pieces: dict[str, Any], config: Config) -> dict[str, Any]:
    """An iteration out of its phases."""
    weights, batch = _weights(config), config.train.batch
    total = {
        unit: sum(pieces[p][unit]["median"] * weights[p] for p in pieces)
        for unit in ("wall", "cpu")
    }
    return {
        "batch": batch,
        "seconds": total,
        "images_per_second": batch / total["wall"],
        "seconds_per_kimg": 1000 * total["wall"] / batch,
        "share": {
            p: round(pieces[p]["wall"]["median"] * weights[p] / total["wall"], 3) for p in pieces
        },
        "phases": pieces,
    }


def _weights(config: Config) -> dict[str, float]:
    train = config.train
    path = 1 / train.pl_every if train.pl_weight > 0 else 0.0
    penalty = 1 / train.r1_every if config.gamma() > 0 else 0.0
    r2 = penalty if train.loss == "relativistic" else 0.0
    return {
        "G": 1.0,
        "GD": 1.0,
        "G-path": path,
        "D": 1.0,
        "D-R1": penalty,
        "D-R2": r2,
        "average": 1.0,
    }


def _limbeck(config: Config, device: torch.device, real: Tensor) -> dict[str, Work]:
    state = TrainState.create(config, device)
    photos = real.contiguous(memory_format=torch.channels_last)
    rows = phase_table(config, LossNetworks.of(config, device))
    phases = [row for row in rows if not row.warming]
    engine = Engine(config, state, phases, lambda *_: (photos, None))
    found: dict[str, Work] = {phase.name: _bind(engine.take, phase) for phase in engine.phases}
    return found | {"average": lambda: state.update_averages(config)}


def _bind(work: Callable[..., object], *given: object) -> Work:
    return lambda: work(*given)


def _textbook(config: Config, device: torch.device, real: Tensor) -> dict[str, Work]:
    book = Textbook(config, device)
    rows = {"G": book.g_main, "G-path": book.g_path, "D": book.d_main, "D-R1": book.d_r1}
    weights = _weights(config)
    found = {name: _bind(work, real) for name, work in rows.items() if weights[name] > 0}
    return found | {"average": book.average}


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up what torch's own formulas say of every operator (its FlopCounterMode trips over
    a gradient inside a loss)."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        found = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.total += int(formula(*args, **(kwargs or {}), out_val=found))
        return found


def _flops(work: Work) -> int:
    """Floating-point operations of one call: convolutions and matrix products, both directions.

    Convolutions count as direct ones, however they are computed, so that figures compare.
    """
    counter = _Counter()
    with direct_convolutions(), counter:
        work()
    return counter.total
