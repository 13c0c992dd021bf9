"""One generator against sets of photos, drawn untruncated and truncated: rows kept in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limbeck import fsio, logs
from limbeck.config import Truncation
from limbeck.data import Dataset
from limbeck.evaluation import Drawn
from limbeck.kit.selection import evenly
from limbeck.latents import tensors_digest
from limbeck.metrics import (
    compare_sets,
    dataset_features,
    embedding_diversity,
    lpips_embeddings,
    picture_features,
)
from limbeck.nets import Networks
from limbeck.percept import Features

FORMAT_VERSION = 1
DIVERSITY = "lpips"  # the rows of LPIPS diversity, as `features`
_DIVERSE = 512  # images whose pairs are measured
_BATCH = 64

PhotoSets = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Draw:
    """A way of drawing."""

    name: str
    truncation: Truncation
    psi: float


DRAWS = (Draw("psi 1", "none", 1.0), Draw("psi 0.7 global", "global", 0.7))


class Measurer:
    """Measures generators against photos of one size.

    Args:
        dataset: the photos.
        features: names that `limbeck.percept.Features` knows.
        pictures: drawn of each generator, in each way.
        device: where trunks run.
        draws: ways of drawing.
        size: of photos and images, smaller ones are enlarged; None = the generator's.
    """

    def __init__(
        self,
        dataset: Dataset,
        features: Sequence[str],
        pictures: int,
        device: torch.device,
        draws: Sequence[Draw] = DRAWS,
        size: int | None = None,
    ) -> None:
        self._size = size
        self._dataset, self._pictures, self._device = dataset, pictures, device
        self._draws = tuple(draws)
        self._names = tuple(features)
        self._trunks: dict[str, Features] = {}
        self._photos: dict[tuple[str, int, tuple[str, ...]], Tensor] = {}

    def measured(self, networks: Networks, photos: PhotoSets, path: Path) -> list[dict[str, Any]]:
        """Rows of one generator; read from `path` where they stand there for the same things.

        A row a way of drawing, set of features and set of photos (as many images as photos, at
        most): `compare_sets`; and one a way of drawing with the `diversity` of 512 images.

        Args:
            networks: with G_ema.
            photos: name -> ids, each at most as many as images are drawn.
            path: a JSON file; written when all is measured.
        """
        digest = tensors_digest(networks.G_ema.state_dict())
        chosen = {name: fsio.digest_json(list(ids)) for name, ids in photos.items()}
        key = fsio.digest_json(
            [FORMAT_VERSION, digest, self._dataset.digest, chosen, self._names, self._pictures,
             [vars(draw) for draw in self._draws], self._size]
        )  # fmt: skip
        if path.exists() and (found := fsio.read_json(path)).get("key") == key:
            rows: list[dict[str, Any]] = found["rows"]
            return rows
        what = f"measuring {path.stem} of {path.parent.parent.name}"
        with logs.working(what, len(self._draws)) as task:
            rows = []
            for draw in self._draws:
                task.note = draw.name
                rows += self._rows(networks, draw, photos)
                task.step()
        fsio.write_json(path, {"key": key, "generator": digest, "rows": rows})
        return rows

    def _rows(self, networks: Networks, draw: Draw, photos: PhotoSets) -> list[dict[str, Any]]:
        drawn = Drawn(
            networks, self._pictures, psi=draw.psi, truncation=draw.truncation, size=self._size
        )
        size = drawn.size
        rows: list[dict[str, Any]] = []
        for name in self._names:
            fake = picture_features(drawn, self._trunk(name), drawn.key)
            for against, ids in photos.items():
                real = self._real(name, size, tuple(ids))
                compared = compare_sets(real, fake[: len(real)], features=name)
                values = compared.model_dump(mode="json", exclude={"features", "rounds", "spread"})
                rows.append({"draw": draw.name, "features": name, "photos": against, **values})
        variety = embedding_diversity(lpips_embeddings(drawn.first(_DIVERSE), self._device))
        rows.append(
            {"draw": draw.name, "features": DIVERSITY, "photos": "", "diversity": variety.overall,
             "jackknife": variety.overall_spread}
        )  # fmt: skip
        return rows

    def photo_diversity(self, photos: PhotoSets, size: int) -> dict[str, float]:
        """LPIPS diversity of 512 photos of each set, read at `size`."""
        found = {}
        for name, ids in photos.items():
            chosen = self._dataset.select(evenly(ids, _DIVERSE))
            pictures = (batch.images for batch in chosen.batches(size, _BATCH))
            with logs.working(f"measuring how varied {name} photos are"):
                found[name] = embedding_diversity(lpips_embeddings(pictures, self._device)).overall
        return found

    def _trunk(self, name: str) -> Features:
        if name not in self._trunks:
            self._trunks[name] = Features(name, self._device)
        return self._trunks[name]

    def _real(self, name: str, size: int, ids: tuple[str, ...]) -> Tensor:
        key = (name, size, ids)
        if key not in self._photos:
            self._photos[key] = dataset_features(
                self._dataset, self._trunk(name), size=size, ids=ids
            )
        return self._photos[key]
