"""Our inversion against StyleGAN2's projector: `python bench/projector.py MODEL DATA --out OUT`.

The projector as its paper has it (arXiv 1912.04958, appendix D): from w_avg, 1,000 steps of Adam at
0.1 with a rise and a fall, LPIPS-VGG16, noise on w that fades over three quarters of the steps, and
noise maps that are optimised too and held to white noise. One photo at a time, as it is written.

Both are judged by LPIPS-AlexNet, LPIPS-VGG16, L2 and PSNR after so many steps, with seconds of the
processor on one core. Photos are spread evenly over DATA; with `--held-out 0.2` over those that
`limbeck run --hold-out 0.2` shows to no training, with `--seen` as well over those it does.
Results: OUT/projector.json and OUT/projector.md, and each image. A cell that is in the JSON is not
run again.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limbeck.artefacts.model_networks import read_networks
from limbeck.data import open_dataset
from limbeck.editing import Inversion, invert
from limbeck.editing.inversion import Whitening
from limbeck.kit.images import save_png, to_float, to_uint8
from limbeck.kit.rng import generator
from limbeck.kit.selection import even_rows, held_out
from limbeck.latents import ModeCentres, draw_w, latents_of_seeds
from limbeck.nets import Networks
from limbeck.percept import LPIPS, at_least

STEPS = 1000
AT = (50, 200, 500, 1000)
_RATE, _RISE, _FALL = 0.1, 50, 250
_NOISE, _WHITE = 0.05, 1e5
Judges = dict[str, LPIPS]


def textbook(networks: Networks, photo: Tensor, vgg: LPIPS, steps: int, at: set[int]) -> Any:
    """Yields (step, seconds, image) of the projector for one photo [1, 3, S, S] in [-1, 1]."""
    G = networks.G_ema
    w = draw_w(G.mapping, networks.config, 10_000, 0)
    mean = w.mean(0)
    sigma = float((w - mean).square().sum(1).mean().sqrt())
    place = mean.clone().requires_grad_(True)
    layers = [layer for layer in G.modules() if hasattr(layer, "noise_const")]
    stored = [layer.noise_const for layer in layers]
    random = generator("projector")
    noises = [torch.randn(one.shape, generator=random).requires_grad_(True) for one in stored]
    optimiser = torch.optim.Adam([place, *noises], lr=_RATE, betas=(0.9, 0.999))
    wanted = vgg.embed(at_least(photo)).detach()
    used = 0.0
    try:
        for step in range(steps):
            begun = time.process_time()
            left = max(0.0, 1 - step / (0.75 * steps))
            rate = min(1.0, (step + 1) / _RISE, 0.5 - 0.5 * math.cos(
                math.pi * min(1.0, (steps - step) / _FALL)))  # fmt: skip
            optimiser.param_groups[0]["lr"] = _RATE * rate
            near = place + torch.randn(place.shape, generator=random) * _NOISE * sigma * left**2
            for layer, noise in zip(layers, noises, strict=True):
                layer.noise_const = noise
            image = G.synthesis(G.broadcast(near[None]), noise="const")
            loss = (vgg.embed(at_least(image)) - wanted).square().sum()
            loss = loss + _WHITE * sum(whiteness(noise) for noise in noises)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                for noise in noises:
                    noise.sub_(noise.mean()).mul_(noise.square().mean().rsqrt())
            used += time.process_time() - begun
            if step + 1 in at:
                with torch.no_grad():
                    yield step + 1, used, G.synthesis(G.broadcast(place[None]), noise="const")
    finally:
        for layer, one in zip(layers, stored, strict=True):
            layer.noise_const = one.detach()


def whiteness(noise: Tensor) -> Tensor:
    """Squared correlation of a noise map with its neighbours, over halved sizes down to 8 px."""
    total = noise.new_zeros(())
    while True:
        for axis in (0, 1):
            total = total + (noise * noise.roll(1, axis)).mean().square()
        if noise.shape[0] <= 8:
            return total
        noise = torch.nn.functional.avg_pool2d(noise[None, None], 2)[0, 0] * 2


@torch.no_grad()
def judged(photo: Tensor, image: Tensor, judges: Judges) -> dict[str, float]:
    """Distances of an image to its photo, both of 8 bits."""
    a, b = to_float(to_uint8(photo)), to_float(to_uint8(image))
    squared = float((a - b).square().mean()) / 4
    found = {f"lpips_{name}": float(one.distance(at_least(a), at_least(b))[0])
             for name, one in judges.items()}  # fmt: skip
    return found | {"l2": math.sqrt(squared), "psnr": -10 * math.log10(max(squared, 1e-10))}


def ours(
    networks: Networks, modes: ModeCentres | None, photo: Tensor, steps: int, lpips: Any
) -> tuple[float, Tensor]:
    """Seconds and image of our inversion after so many steps, a third of them in W."""
    begun = time.process_time()
    settings = Inversion(steps_w=steps // 3, steps_w_plus=steps - steps // 3, lpips=lpips)
    found = invert(networks, to_uint8(photo), settings, encoder=networks.E_ema, modes=modes)
    return time.process_time() - begun, to_float(found.final.images)


def stages(
    networks: Networks,
    modes: ModeCentres | None,
    photos: Tensor,
    keep: Callable[..., None],
    most: int,
) -> None:
    """Each stage of an inversion by itself: one w, a w for each layer, the generator tuned."""
    squares = to_uint8(photos)

    def run(name: str, step: int, settings: Inversion) -> None:
        begun = time.process_time()
        found = invert(networks, squares, settings, encoder=networks.E_ema, modes=modes)
        seconds = (time.process_time() - begun) / len(photos)
        for number, image in enumerate(to_float(found.final.images)):
            keep(name, step, number, seconds, image[None])

    assert networks.E_ema is not None
    guessed = networks.G_ema.synthesis(networks.G_ema.broadcast(networks.E_ema(photos)))
    for number, image in enumerate(guessed.detach()):
        keep("encoder", 0, number, 0.0, image[None])
    for step in (step for step in (0, 50, 200, 500) if step <= most):
        run("W", step, Inversion(steps_w=step, steps_w_plus=0))
        run("W+", step, Inversion(steps_w=step // 3, steps_w_plus=step - step // 3))
    for step in (step for step in (50, 200, 500) if step <= most):
        run("tuned", step, Inversion(steps_tune=step))


def round_trip(
    networks: Networks, modes: ModeCentres | None, count: int, keep: Callable[..., None]
) -> dict[str, float]:
    """Images of seeds inverted in W, and how far from their own w, in deviations."""
    ws = latents_of_seeds(
        networks, range(count), psi=0.7, truncation="global", modes=None, embedder=None
    )
    with torch.no_grad():
        images = networks.G_ema.synthesis(ws)
    whitening = Whitening.of(networks, 0)
    errors = {}
    for step in (0, 100, 300):
        settings = Inversion(steps_w=step, steps_w_plus=0)
        begun = time.process_time()
        found = invert(
            networks, to_uint8(images), settings, encoder=networks.E_ema, modes=modes
        ).final
        seconds = (time.process_time() - begun) / count
        apart = whitening.coordinates(found.ws[:, 0]) - whitening.coordinates(ws[:, 0])
        errors[f"{step} steps"] = float(apart.square().mean(1).sqrt().mean())
        for number, image in enumerate(to_float(found.images)):
            keep("seeds in W", step, number, seconds, image[None], images[number : number + 1])
    return errors


def main() -> None:
    """Run all cells that are not there, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=4)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--stages", action="store_true", help="our stages, and seeds back, alone")
    parser.add_argument("--held-out", type=float, default=0.0, help="of photos of this share alone")
    parser.add_argument("--seen", action="store_true", help="of those not held out alone")
    args = parser.parse_args()
    torch.set_num_threads(1)
    networks = read_networks(args.model).eval().prepare()
    modes = args.model / "modes.safetensors"
    centres = ModeCentres.load(modes) if modes.exists() else None
    judges = {name: LPIPS.load(name) for name in ("alex", "vgg16")}
    dataset = open_dataset(args.data)
    if args.held_out:
        out = held_out(dataset.ids, args.held_out)
        dataset = dataset.select([one for one in dataset.ids if (one in out) is not args.seen])
    rows = even_rows(len(dataset), args.photos)
    photos = to_float(dataset.at(networks.config.size)[rows])
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "projector.json"
    cells: dict[str, dict[str, float]] = json.loads(file.read_text()) if file.exists() else {}
    at = {step for step in AT if step <= args.steps}

    def keep(
        who: str, step: int, number: int, seconds: float, image: Tensor, like: Tensor | None = None
    ) -> None:
        found = judged(photos[number : number + 1] if like is None else like, image, judges)
        cells[f"{who} {step} {number}"] = {"seconds": seconds, **found}
        save_png(to_uint8(image)[0], args.out / f"{who}-{step}-{number}.png")
        file.write_text(json.dumps(cells, indent=1))
        print(
            who,
            step,
            number,
            {k: round(v, 3) for k, v in cells[f"{who} {step} {number}"].items()},
            flush=True,
        )

    if args.stages:
        stages(networks, centres, photos, keep, args.steps)
        errors = round_trip(networks, centres, args.photos, keep)
        text = table(cells, len(photos)) + f"\nw of seeds missed by, in deviations: {errors}\n"
        (args.out / "projector.md").write_text(text)
        return
    for number in range(len(photos)):
        photo = photos[number : number + 1]
        if f"textbook {max(at)} {number}" not in cells:
            for step, seconds, image in textbook(networks, photo, judges["vgg16"], args.steps, at):
                keep("textbook", step, number, seconds, image)
        for kind in ("alex", "vgg16"):
            for step in (0, *sorted(at - {STEPS})):
                if f"ours-{kind} {step} {number}" not in cells:
                    keep(f"ours-{kind}", step, number, *ours(networks, centres, photo, step, kind))
    (args.out / "projector.md").write_text(table(cells, len(photos)))


def table(cells: dict[str, dict[str, float]], count: int) -> str:
    """Means over photos, a row for each way and number of steps."""
    names = ("seconds", "lpips_alex", "lpips_vgg16", "l2", "psnr")
    lines = ["| | steps | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for who in dict.fromkeys(key.rsplit(" ", 2)[0] for key in cells):
        for step in sorted(
            {int(key.rsplit(" ", 2)[1]) for key in cells if key.rsplit(" ", 2)[0] == who}
        ):
            rows = [
                cells[f"{who} {step} {n}"] for n in range(count) if f"{who} {step} {n}" in cells
            ]
            means = [sum(row[name] for row in rows) / len(rows) for name in names]
            lines.append(f"| {who} | {step} | " + " | ".join(f"{m:.3f}" for m in means) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
