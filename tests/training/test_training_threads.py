"""The number of threads of a training: what is fastest, on a machine that is made up here."""

from collections.abc import Callable

import pytest
import torch

from limbeck.training.threads import Threads


class Machine:
    """Steps take `seconds(threads)` on its clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
        self.now, self.threads = 0.0, threads
        monkeypatch.setattr(torch, "get_num_threads", lambda: self.threads)
        monkeypatch.setattr(torch, "set_num_threads", self._set)

    def _set(self, threads: int) -> None:
        self.threads = threads

    def run(self, threads: Threads, until: float, step: Callable[[int], float]) -> float:
        """Steps until the clock says `until`; seconds a step."""
        began, steps = self.now, 0
        while self.now < until:
            with threads.timed():
                self.now += step(self.threads)
            self.now += 0.01  # a snapshot, statistics: no part of a step
            steps += 1
        return (self.now - began) / steps


def alone(threads: int) -> float:
    return {1: 0.17, 2: 0.1, 3: 0.08, 4: 0.06}[threads]


def beside_one(threads: int) -> float:
    return {1: 0.18, 2: 0.5}[threads]


def test_alone_it_tries_once_and_keeps_all(monkeypatch: pytest.MonkeyPatch):
    machine = Machine(monkeypatch, 2)
    with Threads(fixed=False, clock=lambda: machine.now) as threads:
        changes: list[int] = []
        monkeypatch.setattr(
            torch, "set_num_threads", lambda n: (changes.append(n), machine._set(n))
        )
        machine.run(threads, 300, alone)
        assert changes == [1, 2]


def test_it_gives_way_to_a_neighbour_and_comes_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    machine = Machine(monkeypatch, 2)
    with Threads(fixed=False, clock=lambda: machine.now) as threads:
        machine.run(threads, 60, alone)
        assert machine.threads == 2
        machine.run(threads, 90, beside_one)
        assert machine.threads == 1
        assert machine.run(threads, 1000, beside_one) < 1.15 * beside_one(1)  # what trials cost
        machine.run(threads, 1200, alone)
        assert machine.threads == 2
    assert capsys.readouterr().err.count("1 of 2 threads: 2.8 times as fast") == 1


def test_a_busy_machine_is_seen_at_the_start(monkeypatch: pytest.MonkeyPatch):
    machine = Machine(monkeypatch, 2)
    with Threads(fixed=False, clock=lambda: machine.now) as threads:
        machine.run(threads, 40, beside_one)
        assert machine.threads == 1
    assert machine.threads == 2  # as before the training


def test_four_cores_try_three_and_two(monkeypatch: pytest.MonkeyPatch):
    machine = Machine(monkeypatch, 4)
    with Threads(fixed=False, clock=lambda: machine.now) as threads:
        machine.run(threads, 60, lambda n: {4: 0.5, 3: 0.1, 2: 0.12}[n])
        assert machine.threads == 3


def test_a_fixed_number_stays_and_a_neighbour_is_named_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    machine = Machine(monkeypatch, 2)
    with Threads(fixed=True, clock=lambda: machine.now) as threads:
        machine.run(threads, 60, alone)
        machine.run(threads, 200, beside_one)
        assert machine.threads == 2
    assert capsys.readouterr().err.count("without OMP_NUM_THREADS") == 1


@pytest.mark.parametrize(
    ("device", "processes", "fixed", "free"),
    [
        ("cpu", 1, None, True),
        ("cpu", 1, "2", False),
        ("cpu", 2, None, False),
        ("cuda", 1, None, False),
    ],
)
def test_who_may_change_it(
    device: str, processes: int, fixed: str | None, free: bool, monkeypatch: pytest.MonkeyPatch
):
    machine = Machine(monkeypatch, 2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if fixed is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", fixed)
    with Threads.of(torch.device(device), processes) as threads:
        threads._clock = lambda: machine.now
        threads._began = threads._tried_at = 0.0
        machine.run(threads, 60, beside_one)
        assert machine.threads == (1 if free else 2)
