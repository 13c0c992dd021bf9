"""Shares of a step: time lands in the part that took it, and looking changes nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from limbeck.bench import shares
from limbeck.config import Config
from limbeck.nets import Flat, Generator, ProjectedDiscriminator
from limbeck.nets.mapping import Mapping
from limbeck.nets.projected import Head, Mixing
from limbeck.percept import FeatureMaps
from limbeck.presets import preset
from limbeck.training import Engine, LossNetworks, TrainState, critics, phase_table

CPU = torch.device("cpu")


def _config(**changes: object) -> Config:
    heads = {
        "net.d_architecture": "projected", "net.d_feature_side": 32, "net.d_head_width": 8,
        "net.d_pixels": True, "train.augment": "diff", "train.batch": 4, "train.pl_weight": 0.0,
        "train.style_mixing": 0.0, "train.encoder": False, "train.precision": "fp32",
    }  # fmt: skip
    return preset("smoke").replace(**heads | changes)


def _photos(config: Config) -> torch.Tensor:
    return torch.rand(config.train.batch, 3, config.net.size, config.net.size) * 2 - 1


class _Clock:
    """Stands still but for what is planted."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def plant(
        self, patch: pytest.MonkeyPatch, owner: Any, name: str, there: float, back: float = 0.0
    ) -> None:
        """Let `owner.name` take so many seconds, and as many more on the way back."""
        inner = getattr(owner, name)

        def slow(*given: Any, **named: Any) -> Any:
            self.now += there
            made = inner(*given, **named)
            return self._later(made, back) if back else made

        patch.setattr(owner, name, slow)

    def _later(self, made: Any, back: float) -> Any:
        clock = self

        class Slow(torch.autograd.Function):
            @staticmethod
            def forward(_: Any, *x: torch.Tensor) -> tuple[torch.Tensor, ...]:
                return x

            @staticmethod
            def backward(_: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, ...]:
                clock.now += back
                return gradients

        tensors = [made] if isinstance(made, torch.Tensor) else made
        passed = Slow.apply(*tensors)  # type: ignore[no-untyped-call]
        return passed[0] if isinstance(made, torch.Tensor) else list(passed)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(shares, "time", SimpleNamespace(perf_counter=clock))
    synthesis = type(Generator(preset("smoke").net).synthesis)
    costs: list[tuple[Any, str, float, float]] = [
        (Mapping, "w", 1, 2), (synthesis, "forward", 4, 8), (FeatureMaps, "forward", 16, 32),
        (Mixing, "forward", 64, 128), (Head, "forward", 256, 512), (critics, "translate", 0.25, 0),
        (ProjectedDiscriminator, "settle", 1024, 0), (TrainState, "update_averages", 2048, 0),
        (Flat, "refresh", 8192, 0),
    ]  # fmt: skip
    for cost in costs:
        clock.plant(monkeypatch, *cost)
    return clock


def _told(config: Config) -> dict[str, tuple[float, float | None]]:
    found = shares.step_shares(config, _photos(config), repeats=1)
    assert sum(row["share"] for row in found["parts"]) == pytest.approx(1)
    assert sum(row["seconds"] for row in found["parts"]) == pytest.approx(found["seconds"])
    return {row["part"]: (row["seconds"], row["backward"]) for row in found["parts"]}


JOINT = {
    "generator": (15, 10),
    "trunk on photos": (16, 0),
    "trunk on generated": (48, 32),
    "mixing": (2 * 64 + 128, 128),
    "heads for D": (4 * 768, 4 * 512),
    "heads for G": (4 * 768, 4 * 512),
    "pixel head": (2 * 768, 2 * 512),
    shares.OPTIMISERS: (1024 + 2048 + 8192, 0),
    shares.REST: (0.5, 0),
}


@pytest.mark.parametrize("micro", [4, 2])
def test_time_lands_in_the_part_that_took_it(planted: _Clock, micro: int) -> None:
    passes = 4 // micro
    wanted = {
        part: both if part == shares.OPTIMISERS else tuple(passes * x for x in both)
        for part, both in JOINT.items()
    }
    assert _told(_config(**{"train.microbatch": micro, "net.mbstd_group": 2})) == wanted


def test_without_a_head_on_pixels_none_is_told(planted: _Clock) -> None:
    found = _told(_config(**{"net.d_pixels": False}))
    assert found == {part: both for part, both in JOINT.items() if part != "pixel head"}


def test_the_encoder_is_a_part_by_how_often_it_is_due(planted: _Clock) -> None:
    found = _told(
        _config(**{"train.encoder": True, "train.reconstruct": "fake", "train.encoder_every": 4})
    )
    seconds, back = found.pop("E-fake, every 4")
    assert back is None
    there = 1 + 2 * 4 + 2 * 16  # w; images of it and of E's answer; the trunk on both
    assert seconds == (there + 8 + 32) / 4
    optimisers = found.pop(shares.OPTIMISERS)
    assert optimisers == (1024 + 2048 + 8192 * 5 / 4, 0)
    assert found == {part: both for part, both in JOINT.items() if part != shares.OPTIMISERS}


def test_looking_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    config, engines = _config(**{"train.encoder": True}), []

    def kept(*given: Any) -> Engine:
        engines.append(Engine(*given))
        return engines[0]

    monkeypatch.setattr(shares, "Engine", kept)
    real = _photos(config)
    shares.step_shares(config, real, repeats=2)
    state = TrainState.create(config, CPU)
    photos = real.contiguous(memory_format=torch.channels_last)
    plain = Engine(
        config, state, phase_table(config, LossNetworks.of(config, CPU)), lambda *_: (photos, None)
    )
    for _ in range(3):
        for phase in plain.phases:
            if not phase.warming:
                plain.take(phase)
        state.update_averages(config)
    watched = engines[0].state.networks.state_dict()
    assert all(torch.equal(x, watched[key]) for key, x in state.networks.state_dict().items())
