"""Many photos inverted: in batches that are kept as they are finished, with images and figures."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from limbeck import fsio, logs
from limbeck.editing.inversion import (
    Inversion,
    Sights,
    Whitening,
    mode_targets,
    optimise,
    starts,
)
from limbeck.editing.likeness import Figures, Likeness, figures
from limbeck.editing.tuning import Difference, changed, tune
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.kit.images import to_float, to_uint8
from limbeck.kit.tensors import read_tensors, write_tensors
from limbeck.latents import HoldsGenerator, ModeCentres, tensors_digest
from limbeck.logs import Task
from limbeck.nets import AnyGenerator, Encoder
from limbeck.percept import LPIPS

STAGES = {"start": "start", "w": "W", "w_plus": "W+", "tuned": "tuned"}
"""Names of the stages, and how they are shown."""
Watch = Callable[["Glance"], object]
"""Told how an inversion goes on; an error that it raises ends it."""
_DRAWN = 16
_SECONDS = "seconds"  # that tuning took, kept beside what changed


@dataclass(frozen=True, eq=False)
class Stage:
    """What one stage of an inversion found.

    Attributes:
        ws: float32 [N, num_ws, w_dim] on the CPU.
        images: uint8 [N, 3, S, S] on the CPU, what is drawn there.
        figures: how far they are from the photos.
        seconds: that the stage took, for each photo; of what was kept before, those of then.
    """

    ws: Tensor
    images: Tensor
    figures: list[Figures]
    seconds: float


@dataclass(frozen=True, eq=False)
class Inverted:
    """Photos, and the latents that were found for them.

    Attributes:
        photos: uint8 [N, 3, S, S].
        stages: by name, in the order of `STAGES`; the last one holds what was found.
        difference: of the tuned generator, where it was tuned.
    """

    photos: Tensor
    stages: dict[str, Stage]
    difference: Difference | None = None

    @property
    def final(self) -> Stage:
        """What was found in the end."""
        return list(self.stages.values())[-1]


@dataclass(frozen=True, eq=False)
class Glance:
    """A batch on its way.

    Attributes:
        stage: `start`, `w` or `w_plus`.
        step: steps taken in this batch, of both stages together; 0 at the start.
        of: how many there will be.
        ws: float32 [N, num_ws, w_dim], where the step began.
        images: float [N, 3, S, S] in about [-1, 1], what is drawn there.
    """

    stage: str
    step: int
    of: int
    ws: Tensor
    images: Tensor


@dataclass(frozen=True)
class _Kept:
    """Finished parts in a folder, under the digest of all that they depend on; None keeps none."""

    folder: Path | None
    of: Mapping[str, object] = field(default_factory=dict)

    def path(self, kind: str, photos: Tensor, ws: Tensor | None = None) -> Path | None:
        if self.folder is None:
            return None
        parts = {"photos": photos} | ({} if ws is None else {"ws": ws})
        name = fsio.digest_json({**self.of, "kind": kind, "parts": tensors_digest(parts)})
        return self.folder / f"{kind}-{name}.safetensors"

    @staticmethod
    def read(path: Path | None) -> dict[str, Tensor] | None:
        if path is None or not path.is_file():
            return None
        try:
            return read_tensors(path, "remove it")
        except LimbeckError:
            return None  # it is made again

    @staticmethod
    def write(path: Path | None, tensors: Mapping[str, Tensor]) -> None:
        if path is not None:
            with fsio.atomic_file(path) as temporary:
                write_tensors({k: v.cpu().contiguous() for k, v in tensors.items()}, temporary)


def invert(
    networks: HoldsGenerator,
    photos: Tensor,
    settings: Inversion | None = None,
    *,
    encoder: Encoder | None = None,
    modes: ModeCentres | None = None,
    kept: Path | None = None,
    watch: Watch | None = None,
) -> Inverted:
    """The latents whose images look most like photos.

    From the best of E(photo), the mode that looks most like it, and w_avg, first with one w for all
    layers, then with one for each, and where asked for with the generator's own weights.

    Args:
        networks: the generator, which is not changed.
        photos: uint8 [N, 3, S, S], squares of the generator's size.
        settings: steps, weights, rates; None = the usual ones.
        encoder: of this generator, if there is one.
        modes: of this generator, if they are known.
        kept: folder where finished batches are kept, so that the same call goes on after it was
            stopped. None = nowhere.
        watch: shown every batch at its start and at each step; batches that were kept are not.

    Raises:
        UsageError: photos of another form, or none.
        WeightsError: LPIPS's weights are absent.
        DataError: the generator draws what is not finite; `kept` cannot be written.
    """
    settings = settings or Inversion()
    size = networks.config.size
    if photos.dtype != torch.uint8 or photos.shape[1:] != (3, size, size) or not len(photos):
        raise UsageError(
            f"photos {photos.dtype} {list(photos.shape)} for a generator of {size} px",
            f"give uint8 [N, 3, {size}, {size}], N at least 1",
        )
    of = {
        "generator": tensors_digest(networks.G_ema.state_dict()),
        "encoder": "" if encoder is None else tensors_digest(encoder.state_dict()),
        "modes": "" if modes is None else modes.digest(),
        "settings": settings.model_dump(mode="json"),
    }
    work = _Work(networks, encoder, modes, settings, _Kept(kept, of), watch)
    total = len(photos) * (settings.steps_w + settings.steps_w_plus)
    found: list[dict[str, Tensor]] = []
    with logs.working("inverting photos", total or len(photos), "steps") as task:
        for number, part in enumerate(torch.split(photos, settings.batch)):
            begun = number * settings.batch * (settings.steps_w + settings.steps_w_plus)
            found.append(work.batch(part, task, begun))
    stages = {
        name: work.stage(photos, torch.cat([one[name] for one in found]), networks.G_ema,
                         float(sum(one[f"seconds.{name}"] for one in found)))
        for name in STAGES if name in found[0]
    }  # fmt: skip
    if not settings.steps_tune:
        return Inverted(photos, stages)
    ws = list(stages.values())[-1].ws
    tuned, difference, seconds = work.tuned(photos, ws)
    stages["tuned"] = work.stage(photos, ws, tuned, seconds)
    return Inverted(photos, stages, difference)


class _Work:
    """What all batches of an inversion share."""

    def __init__(
        self,
        networks: HoldsGenerator,
        encoder: Encoder | None,
        modes: ModeCentres | None,
        settings: Inversion,
        kept: _Kept,
        watch: Watch | None,
    ) -> None:
        self.networks, self.encoder, self.modes = networks, encoder, modes
        self.watch = watch or (lambda _: None)
        self.settings, self.kept = settings, kept
        self.device = networks.G_ema.mapping.w_avg.device
        self.alex = LPIPS.load("alex").to(self.device)
        same = settings.lpips == "alex"
        self.guide = self.alex if same else LPIPS.load(settings.lpips).to(self.device)
        self.whitening = Whitening.of(networks, settings.seed)

    def likeness(self, photos: Tensor) -> Likeness:
        return Likeness.to(to_float(photos.to(self.device)), self.guide, self.settings.pixels)

    def batch(self, photos: Tensor, task: Task, begun: int) -> dict[str, Tensor]:
        """ws of each stage, and `seconds.NAME`."""
        path = self.kept.path("latents", photos)
        known = self.kept.read(path)
        if known is not None:
            return known
        settings, G = self.settings, self.networks.G_ema
        likeness, count = self.likeness(photos), len(photos)
        clock = time.perf_counter()
        w = starts(self.networks, self.encoder, self.modes, likeness, self.alex, settings.seed)
        ws = G.broadcast(w).clone()
        with torch.no_grad():
            first = G.synthesis(ws)
        if not bool(torch.isfinite(likeness.loss(first)).all()):
            raise DataError("this generator draws images that are not finite", "get other weights")
        total, before = settings.steps_w + settings.steps_w_plus, 0
        self.watch(Glance("start", 0, total, ws, first))
        found = {"start": ws, "seconds.start": torch.tensor(time.perf_counter() - clock)}
        plans = {"w": (False, settings.steps_w), "w_plus": (True, settings.steps_w_plus)}
        for name, (layerwise, steps) in plans.items():
            if not steps:
                continue
            clock, goal = time.perf_counter(), mode_targets(G, self.modes, ws.mean(1))
            ws = optimise(
                G, likeness, ws, goal, self.whitening, settings, layerwise=layerwise, steps=steps,
                done=self._teller(task, begun, count, name, before, total),
            )  # fmt: skip
            begun, before = begun + steps * count, before + steps
            found |= {name: ws, f"seconds.{name}": torch.tensor(time.perf_counter() - clock)}
        self.kept.write(path, found)
        return {name: tensor.cpu() for name, tensor in found.items()}

    def _teller(
        self, task: Task, begun: int, count: int, name: str, before: int, total: int
    ) -> Sights:
        def told(step: int, ws: Tensor, images: Tensor) -> None:
            task.at(begun + step * count)
            self.watch(Glance(name, before + step, total, ws, images))

        return told

    def tuned(self, photos: Tensor, ws: Tensor) -> tuple[AnyGenerator, Difference, float]:
        """The generator tuned to all photos, how it differs, and seconds."""
        path = self.kept.path("tuned", photos, ws)
        clock, known = time.perf_counter(), self.kept.read(path)
        if known is not None:
            seconds = float(known.pop(_SECONDS))
            return changed(self.networks, known), known, seconds
        with logs.working("tuning the generator", self.settings.steps_tune, "steps") as task:
            likeness = self.likeness(photos)
            found = tune(self.networks, likeness, ws.to(self.device), self.settings, task.at)
        seconds = time.perf_counter() - clock
        self.kept.write(path, {**found, _SECONDS: torch.tensor(seconds)})
        return changed(self.networks, found), found, seconds

    @torch.no_grad()
    def stage(self, photos: Tensor, ws: Tensor, G: AnyGenerator, seconds: float) -> Stage:
        images: list[Tensor] = []
        measured: list[Figures] = []
        for rows in torch.split(torch.arange(len(ws)), _DRAWN):
            drawn = G.synthesis(ws[rows].to(self.device), noise="const").float()
            images.append(to_uint8(drawn).cpu())
            measured += figures(to_float(photos[rows].to(self.device)), drawn, self.alex)
        return Stage(ws, torch.cat(images), measured, seconds / len(photos))


def mean_figures(rows: Sequence[Figures]) -> Figures:
    """Their means over photos."""
    return Figures(**{name: sum(getattr(row, name) for row in rows) / len(rows)
                      for name in Figures.model_fields})  # fmt: skip
