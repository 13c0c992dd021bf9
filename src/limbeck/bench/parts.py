"""`limbeck bench infer | ops | loader`: images, single operations, and the way of the photos."""

from typing import Any

import torch
from torch import Tensor

from limbeck.bench import textbook
from limbeck.bench.timing import Work, compare
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.kit.allocator import keep_memory
from limbeck.kit.device import compute_dtype, has_bf16, machine, pick_device
from limbeck.nets import Networks
from limbeck.ops import make_filter, modulated_conv2d, upsample2
from limbeck.training import Feed, feed_of, measure_speed


def _dtypes(device: torch.device) -> dict[str, torch.dtype]:
    both = {"fp32": torch.float32, "bf16": torch.bfloat16}
    return both if has_bf16(device) else {"fp32": torch.float32}


def _ratios(seconds: dict[str, Any], piece: str) -> dict[str, Any]:
    base = seconds["textbook"][piece]
    return {
        f"ratio_{name}": {
            unit: base[unit]["median"] / pieces[piece][unit]["median"] for unit in base
        }
        for name, pieces in seconds.items()
        if name != "textbook"
    }


def bench_infer(config: Config, *, batch: int = 4, repeats: int = 5) -> dict[str, Any]:
    """Seconds of G on a batch of w, against the textbook's."""
    device = pick_device(config.device)
    keep_memory()
    book = Networks.create(config.net, config.seed, encoder=False).to(device).eval()
    ws = torch.randn(batch, book.G.num_ws, config.net.w_dim, device=device)

    def ours(dtype: torch.dtype) -> Work:
        nets = Networks.create(config.net, config.seed, encoder=False).to(device).eval()
        nets.set_compute_dtype(dtype)
        nets.prepare()

        @torch.no_grad()
        def work() -> Tensor:
            picture: Tensor = nets.G.synthesis(ws, noise="none")
            return picture

        return work

    @torch.no_grad()
    def theirs() -> Tensor:
        return textbook.synthesis(book.G, ws, noise=False)

    contestants: dict[str, dict[str, Work]] = {"textbook": {"G": theirs}}
    contestants |= {name: {"G": ours(dtype)} for name, dtype in _dtypes(device).items()}
    seconds = compare(contestants, device, repeats)
    return {
        "bench": "infer",
        "size": config.net.size,
        "batch": batch,
        "repeats": repeats,
        "machine": machine(device),
        "seconds": {name: pieces["G"] for name, pieces in seconds.items()},
        "images_per_second": {
            name: batch / pieces["G"]["wall"]["median"] for name, pieces in seconds.items()
        },
        **_ratios(seconds, "G"),
    }


def bench_ops(
    *, channels: int = 128, size: int = 32, batch: int = 16, repeats: int = 20, device: str = "auto"
) -> dict[str, Any]:
    """Modulated convolution and FIR, forward and backward, against the textbook's."""
    where = pick_device(device)
    keep_memory()
    f = make_filter().to(where)
    weight = torch.randn(channels, channels, 3, 3, device=where, requires_grad=True)
    styles = torch.randn(batch, channels, device=where, requires_grad=True)

    def picture(dtype: torch.dtype, last: bool) -> Tensor:
        x = torch.randn(batch, channels, size, size, device=where, dtype=dtype)
        return (x.contiguous(memory_format=torch.channels_last) if last else x).requires_grad_(True)

    def both_ways(make: Any, x: Tensor, *others: Tensor) -> Work:
        return lambda: torch.autograd.grad(make(x).float().square().sum(), [x, *others])

    plain = picture(torch.float32, False)
    contestants: dict[str, dict[str, Work]] = {
        "textbook": {
            "modulated": both_ways(
                lambda x: textbook.modulated(x, weight, styles, f, 1, True), plain, weight, styles
            ),
            "modulated up": both_ways(
                lambda x: textbook.modulated(x, weight, styles, f, 2, True), plain, weight, styles
            ),
            "fir up": both_ways(lambda x: textbook.fir(x, f, (2, 1), up=2, gain=4.0), plain),
        }
    }
    for name, dtype in _dtypes(where).items():
        contestants[name] = {
            "modulated": both_ways(
                lambda x: modulated_conv2d(x, weight, styles), picture(dtype, True), weight, styles
            ),
            "modulated up": both_ways(
                lambda x: modulated_conv2d(x, weight, styles, up=2, f=f),
                picture(dtype, True), weight, styles,
            ),
            "fir up": both_ways(lambda x: upsample2(x, f), picture(dtype, True)),
        }  # fmt: skip
    seconds = compare(contestants, where, repeats)
    return {
        "bench": "ops",
        "channels": channels,
        "size": size,
        "batch": batch,
        "repeats": repeats,
        "machine": machine(where),
        "seconds": seconds,
        "ratios": {piece: _ratios(seconds, piece) for piece in seconds["textbook"]},
    }


def _batches(feed: Feed, batch: int) -> Work:
    """The next batch at each call."""
    clock = iter(range(0, 10**9, batch))
    return lambda: feed(next(clock), 0, 1)


def bench_loader(dataset: Dataset, config: Config, *, repeats: int = 50) -> dict[str, Any]:
    """Seconds to bring one batch from the store, resident and memory-mapped, beside one step."""
    device = pick_device(config.device)
    keep_memory()
    contestants: dict[str, dict[str, Work]] = {}
    for name, resident in (("resident", True), ("mapped", False)):
        view = dataset.at(config.net.size, resident=resident).to(device)
        feed = feed_of(view, None, config, device)
        contestants[name] = {"batch": _batches(feed, config.train.batch)}
    seconds = compare(contestants, device, repeats)
    step = config.train.batch / measure_speed(dataset, config, seconds=10.0)
    precision = compute_dtype(config.train.precision, device)
    return {
        "bench": "loader",
        "size": config.net.size,
        "batch": config.train.batch,
        "photos": len(dataset),
        "repeats": repeats,
        "machine": machine(device),
        "precision": str(precision).removeprefix("torch."),
        "step_seconds": step,
        "seconds": {name: pieces["batch"] for name, pieces in seconds.items()},
        "share_of_step": {
            name: pieces["batch"]["wall"]["median"] / step for name, pieces in seconds.items()
        },
    }
