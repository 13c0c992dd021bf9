"""An encoder for a generator that somebody else trained, which stays as it is.

As pSp (Richardson et al. 2021, arXiv 2008.00951) and e4e (Tov et al. 2021, arXiv 2102.02766) do it
in outline: pixels, LPIPS and latents; one w for an image, where they have one a layer.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from limbeck import logs
from limbeck.config import Config, DataConfig, NetConfig, parse_config
from limbeck.data import Dataset, PixelView, open_dataset
from limbeck.errors import UsageError
from limbeck.ingestion import ingest
from limbeck.kit.device import pick_device
from limbeck.kit.images import save_png, to_float
from limbeck.kit.selection import even_rows
from limbeck.latents import images_of_seeds
from limbeck.nets import Networks, load_networks
from limbeck.percept import LPIPS, at_least
from limbeck.records import Record, TrainSummary
from limbeck.training import begun_networks, train

DRAWN = 256
"""Generated images that stand for photos where there are none."""
_MEASURED = 256


class Inverted(Record):
    """What an encoder's images are like.

    lpips: mean LPIPS-AlexNet between images and G(E(image)), at 64 px or more; lower is better.
    lpips_mean: the same to the generator's one mean image, which an encoder must beat.
    images: how many were measured; drawn: whether they were generated rather than photos.
    """

    summary: TrainSummary
    lpips: float
    lpips_mean: float
    images: int
    drawn: bool


def encoder_config(base: Config, net: NetConfig, on_samples: bool) -> Config:
    """The settings of an encoder's training for a generator of shapes `net`.

    It learns by LPIPS-AlexNet, which ships with limbeck and scores photos too; where VGG16's
    weights are here, `train.rec_measure` lpips-vgg16 keeps the two apart.

    Args:
        base: where seed, device and what is not named here come from.
        net: of the generator; classes included.
        on_samples: E learns from generated images alone; else from photos in turn.

    Raises:
        UsageError: settings of `base` that do not go with it.
    """
    settings = {
        "encoder_only": True, "reconstruct": "fake" if on_samples else "both",
        "rec_measure": "lpips-alex", "rec_l1": 0.0, "rec_l2": 1.0, "rec_perceptual": 0.8,
        "rec_w": 0.1, "rec_scale": 1.0, "augment": "none", "grow": 0.0, "decay": 0.5,
        "encoder_lr_ratio": 1.0, "pl_weight": 0.0, "gamma": None,
    }  # fmt: skip
    values = base.model_dump() | {"net": net.model_dump()}
    values["data"] = values["data"] | {"size": net.size}
    values["train"] = values["train"] | settings
    return parse_config(values)


def train_encoder(source: Path, out: Path, config: Config, data: Path | None) -> Inverted:
    """Train E for the generator in `source`; the same call goes on where it stopped.

    Args:
        source: a snapshot, a training, a run or a model folder.
        out: folder of the training, as `limbeck.training.train` makes it, without a D.
        config: of `encoder_config`.
        data: a dataset of photos; None = 256 generated images stand for them.

    Raises:
        DataError: no networks lie in `source`, or no dataset in `data`.
        UsageError: photos are asked for and there are none.
    """
    if data is None and config.train.reconstruct != "fake":
        raise UsageError("an encoder that learns from photos needs them", "give a dataset")
    with _pictures(source, config, data) as dataset:
        summary = train(dataset, config, out, begin=source)
        networks = load_networks(out / summary.networks, ["G_ema", "E_ema"])
        found = _measure(networks, dataset.at(config.net.size))
    return Inverted(summary=summary, drawn=data is None, **found)


@contextmanager
def _pictures(source: Path, config: Config, data: Path | None) -> Iterator[Dataset]:
    """The photos; or images of the generator, the same for the same seed, as a dataset."""
    if data is not None:
        yield open_dataset(data)
        return
    with tempfile.TemporaryDirectory() as folder:
        photos, size = Path(folder) / "images", config.net.size
        networks = begun_networks(source).to(pick_device(config.device)).eval().prepare()
        with logs.working(f"drawing {DRAWN} images"):
            seeds = range(config.seed, config.seed + DRAWN)
            drawn = images_of_seeds(
                networks, seeds, psi=1.0, truncation="none", modes=None, embedder=None
            )
            for one in drawn:
                save_png(one.image, photos / f"{one.seed:09d}.png")
        how = DataConfig(size=size, min_side=1, crop="none", near_duplicate_bits=-1)
        ingest(photos, Path(folder) / "data", how)
        yield open_dataset(Path(folder) / "data")


@torch.no_grad()
def _measure(networks: Networks, view: PixelView) -> dict[str, float | int]:
    """LPIPS of reconstructions, and of the mean image, over up to 256 images."""
    assert networks.E_ema is not None
    lpips, G = LPIPS.load("alex"), networks.G_ema.eval()
    rows = even_rows(len(view), min(_MEASURED, len(view)))
    mean = G.synthesis(G.broadcast(G.mapping.w_avg[None]), noise="const")
    own, constant = [], []
    for part in torch.split(to_float(view[rows]), 16):
        again = G.synthesis(G.broadcast(networks.E_ema(part)), noise="const")
        own.append(lpips.distance(at_least(part), at_least(again.clamp(-1, 1))))
        alike = mean.clamp(-1, 1).expand(len(part), -1, -1, -1)
        constant.append(lpips.distance(at_least(part), at_least(alike)))
    return {
        "lpips": float(torch.cat(own).mean()),
        "lpips_mean": float(torch.cat(constant).mean()),
        "images": len(rows),
    }
