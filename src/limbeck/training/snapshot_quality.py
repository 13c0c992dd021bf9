"""How good the snapshots are, cheaply, and what to tell the person who waits.

A snapshot's figure is KID (Binkowski et al. 2018, arXiv 1801.01401: squared MMD, cubic polynomial
kernel, unbiased) between photos and samples of G_ema on LPIPS-AlexNet's pooled features, which ship
with limbeck, each divided by its spread over the photos. It ranks snapshots of one run; it is
no KID to quote, which needs Inception features and more images (`limbeck evaluate`).
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limbeck import fsio, logs
from limbeck.config import Config
from limbeck.data import PixelView
from limbeck.kit.selection import even_rows
from limbeck.metrics import kernel_distance_of_all
from limbeck.percept import Features
from limbeck.training.grids import draw_samples
from limbeck.training.state import TrainState

ALIKE = 0.3  # of the photos' spread: below it, samples are too much alike
WORSE = 1.5  # times the best figure
PATIENCE = 3  # snapshots
_LEAST_SCALE = 0.01


class Quality:
    """Figures of a run's snapshots, in `snapshots.jsonl`: images, kid, spread (samples / photos).

    Args:
        out: folder of the training.
        config: `train.quality_images` images a side; 0 = no figures.
        view: the photos.
        images: rows beyond it were told by a session that was killed; they go.
    """

    def __init__(self, out: Path, config: Config, view: PixelView, images: int) -> None:
        self.path, self.config, self.view = out / "snapshots.jsonl", config, view
        wanted = 0 if config.train.encoder_only else config.train.quality_images
        self.count = min(wanted, len(view))
        told = fsio.read_jsonl(self.path, ("images", "kid"))
        self.rows = [row for row in told if row["images"] <= images]
        if self.path.exists():
            fsio.write_text(self.path, "".join(fsio.json_line(row) for row in self.rows))
        self._photos: Tensor | None = None
        self._told: set[str] = set()

    @property
    def best(self) -> int | None:
        """Images of the snapshot with the smallest figure, or None."""
        if not self.rows:
            return None
        return int(min(self.rows, key=lambda row: float(row["kid"]))["images"])

    def measure(self, state: TrainState) -> None:
        """Add a row for the networks as they are, and warn where the rows call for it."""
        if self.count < 2 or any(row["images"] == state.images for row in self.rows):
            return
        features = Features("lpips-alex", state.device)
        if self._photos is None:
            shown = self.view[even_rows(len(self.view), self.count)]
            self._photos = _embed(features, shown)
        samples = _embed(features, draw_samples(state, self.config, self.count))
        row = {
            "images": state.images,
            **figures(self._photos, samples),
            "pictures": self.count,
        }
        self.rows.append(row)
        fsio.append_jsonl(self.path, row)
        for topic, text in advice(self.rows, state.augment_p).items():
            if topic not in self._told:
                self._told.add(topic)
                logs.warn(text)


def _embed(features: Features, pictures: Tensor) -> Tensor:
    return torch.cat([features(part).cpu() for part in torch.split(pictures, 64)])


def figures(photos: Tensor, samples: Tensor) -> dict[str, float]:
    """`kid` and `spread` (samples / photos) of features, float32 [N, D] and [M, D].

    A feature's unit is its spread over the photos, at least a hundredth of the typical one: what no
    photo shows and one sample does must not outweigh all the rest.
    """
    spread = photos.std(0)
    scale = spread.clamp_min(max(_LEAST_SCALE * float(spread.median()), 1e-6))
    return {
        "kid": round(kernel_distance_of_all(photos / scale, samples / scale), 6),
        "spread": round(_spread(samples, scale) / (_spread(photos, scale) or 1), 4),
    }


def _spread(features: Tensor, scale: Tensor) -> float:
    """Root mean square distance from the mean, in units of the photos' spread."""
    return math.sqrt(float((features / scale).var(0).mean()))


def advice(rows: Sequence[dict[str, Any]], augment_p: float) -> dict[str, str]:
    """What the figures of snapshots, oldest first, say to a person: topic -> one sentence.

    * `alike`: samples spread less than 0.3 of the photos.
    * `worse`: the last three are all above 1.5 times the best.
    * `augment`: the augmentation has gone to its limit, D has learnt the photos by heart.
    """
    if not rows:
        return {}
    best = min(rows, key=lambda row: float(row["kid"]))
    told = {}
    after = [row for row in rows if row["images"] >= best["images"]]
    if float(rows[-1]["spread"]) < ALIKE and float(best["spread"]) >= ALIKE:
        since = next(row for row in after if float(row["spread"]) < ALIKE)
        told["alike"] = (
            f"likely collapse since kimg {since['images'] / 1000:g}: samples have "
            f"{rows[-1]['spread']:.2f} of the photos' variety; best snapshot kimg "
            f"{best['images'] / 1000:g}. Start again with a higher train.gamma or a lower train.lr"
        )
    worse = [float(row["kid"]) > WORSE * max(float(best["kid"]), 1e-6) for row in after[1:]]
    if len(worse) >= PATIENCE and all(worse[-PATIENCE:]):
        told["worse"] = (
            f"images get worse since kimg {best['images'] / 1000:g} (KID {best['kid']:.3g}, now "
            f"{rows[-1]['kid']:.3g}); that snapshot is kept. More photos or a higher gamma help"
        )
    if augment_p > 0.9:
        told["augment"] = (
            f"augmentation is at p = {augment_p:.2f}: D knows the photos by heart; "
            "more photos, or a shorter training, would help"
        )
    return told
