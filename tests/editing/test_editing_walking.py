"""Walks: no jumps, every stop a frame, loops that close, frames that differ equally."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from limbeck import preset
from limbeck.editing import (
    Channel,
    Direction,
    ModeGraph,
    Point,
    Seeding,
    Walk,
    mode_points,
    seed_points,
    swing,
    walk,
)
from limbeck.editing.pacing import allot, eased, even_pace, squares_of
from limbeck.editing.ways import along, through_z
from limbeck.errors import UsageError
from limbeck.kit.images import to_uint8
from limbeck.latents import ModeCentres, ModeMarks, images_of_w, latents_of_seeds, seeds_to_z
from limbeck.nets import Networks
from limbeck.percept import LPIPS, at_least
from tests.editing.walk_small import small

HOW = {"psi": 0.5, "truncation": "multimodal-l2"}


def seeds(*numbers: int) -> tuple[Networks, ModeCentres, list[Point]]:
    networks, modes = small()
    how = Seeding(modes=modes, **HOW)  # type: ignore[arg-type]
    return networks, modes, seed_points(networks, numbers, how)


def steps(ws: Tensor) -> Tensor:
    return (ws[1:] - ws[:-1]).flatten(1).norm(dim=1)


def test_steps_are_shared_out_by_length() -> None:
    assert allot([1.0, 3.0], 8) == [2, 6]
    assert allot([0.0, 5.0, 0.0], 10) == [1, 8, 1]
    assert allot([0.0, 0.0], 5) in ([2, 3], [3, 2])
    assert sum(allot([0.1, 0.7, 0.33, 9.0], 101)) == 101
    with pytest.raises(UsageError, match="3 ways"):
        allot([1.0, 1.0, 1.0], 2)


def test_frames_differ_equally_though_the_way_bends_and_hurries() -> None:
    t = torch.linspace(0, 1, 401, dtype=torch.float64) ** 3
    bent = torch.stack([(9 * t).cos(), (9 * t).sin(), (t > 0.5) * (t - 0.5) * 40], 1).float()
    pace, length = even_pace(torch.linspace(0, 1, 401, dtype=torch.float64), squares_of(bent), 30)
    at = pace(torch.arange(31) / 30)
    assert at[0] == 0
    assert at[-1] == 1
    assert bool((at[1:] > at[:-1]).all())
    place = at * 400
    below = place.long().clamp_max(399)
    points = torch.lerp(bent[below], bent[below + 1], (place - below).float()[:, None])
    apart = steps(points)
    assert float(apart.max() / apart.median()) < 1.05
    assert length == pytest.approx(float(apart.sum()), rel=1e-3)
    still, nothing = even_pace(
        torch.linspace(0, 1, 9, dtype=torch.float64), torch.zeros(9, 9).double(), 4
    )
    assert nothing == 0
    assert torch.equal(still(torch.arange(5) / 4), torch.arange(5).double() / 4)


def test_easing_is_slow_at_both_ends() -> None:
    u = torch.linspace(0, 1, 11, dtype=torch.float64)
    smooth = eased(u, "smooth")
    assert smooth[0] == 0
    assert smooth[-1] == 1
    gaps = smooth[1:] - smooth[:-1]
    assert gaps[0] < gaps[4] / 3
    assert torch.allclose(gaps, gaps.flip(0))
    assert torch.equal(eased(u, "linear"), u)
    with pytest.raises(UsageError, match="no easing"):
        eased(u, "bouncy")  # type: ignore[arg-type]


def test_a_way_over_places_keeps_one_speed_and_meets_them() -> None:
    places = [torch.zeros(2, 3), torch.ones(2, 3), torch.ones(2, 3), 4 * torch.ones(2, 3)]
    way, times = along(places)
    assert times == pytest.approx([0, 0.25, 0.25, 1])
    ws = way(torch.linspace(0, 1, 21, dtype=torch.float64))
    assert torch.equal(ws[0], places[0])
    assert torch.equal(ws[-1], places[3])
    assert torch.allclose(ws[5], places[1])
    assert torch.allclose(steps(ws), steps(ws)[0].expand(20), rtol=1e-4)
    still, times = along([places[0], places[0]])
    assert torch.equal(still(torch.tensor([0.0, 0.5, 1.0])), torch.zeros(3, 2, 3))
    assert times == [0, 0]


def test_through_z_meets_its_ends_and_nothing_jumps_where_the_nearest_mode_changes() -> None:
    networks, modes, (a, b) = seeds(4, 5)
    assert a.z is not None
    assert b.z is not None
    t = torch.linspace(0, 1, 201, dtype=torch.float64)
    ws = through_z(networks, a, b, 0.5)(t)
    assert torch.equal(ws[0], a.ws)
    assert torch.equal(ws[-1], b.ws)
    assert float(steps(ws).max()) < 4 * float(steps(ws).median())
    # a target chosen anew for each frame does jump on this way
    z = torch.nn.functional.normalize(torch.stack([a.z, b.z]), dim=1)
    w = networks.G_ema.mapping.w(torch.lerp(z[:1], z[1:], t.float()[:, None]))
    nearest = torch.cdist(w, modes.centres).argmin(1)
    chosen = torch.lerp(modes.centres[nearest], w, 0.5)
    assert len(nearest.unique()) > 1
    assert float(steps(chosen).max()) > 4 * float(steps(chosen).median())


def test_through_z_is_the_seeds_own_truncation_at_every_strength() -> None:
    networks, modes = small()
    layered = [0.0, 0.5, 1.0, 0.7, 0.2][: networks.G_ema.num_ws]
    layered += [0.9] * (networks.G_ema.num_ws - len(layered))
    for psi in (0.0, 1.0, layered):
        how = Seeding(psi=psi, truncation="global", modes=modes)
        a, b = seed_points(networks, [1, 2], how)
        z = seeds_to_z([1, 2], networks.config.z_dim)
        way = through_z(networks, a, b, psi)
        middle = way(torch.tensor([0.5], dtype=torch.float64))
        unit = torch.nn.functional.normalize(z, dim=1)
        w = networks.G_ema.mapping.w(unit.sum(0, keepdim=True))
        strength = torch.as_tensor(psi).view(-1, 1)
        wanted = torch.lerp(networks.G_ema.mapping.w_avg.expand(1, networks.G_ema.num_ws, -1),
                            w[:, None].expand(-1, networks.G_ema.num_ws, -1), strength)  # fmt: skip
        assert torch.allclose(middle, wanted, atol=1e-5)
    same = through_z(networks, a, a, 1.0)(torch.linspace(0, 1, 5, dtype=torch.float64))
    assert torch.allclose(same, a.ws.expand(5, -1, -1), atol=1e-5)


def test_chains_go_over_what_lies_between_and_reach_what_lies_far() -> None:
    line = torch.arange(12.0)[:, None] * torch.ones(1, 4)
    modes = ModeCentres(torch.zeros(12, 8), line, torch.ones(12, dtype=torch.int64))
    graph = ModeGraph.of(modes, near=2)
    assert graph.chain(2, 7) == [2, 3, 4, 5, 6, 7]
    assert graph.chain(7, 2) == [7, 6, 5, 4, 3, 2]
    assert graph.chain(3, 3) == [3]
    assert graph.nearest(torch.tensor([[2.2] * 4, [50.0] * 4])) == [2, 11]
    islands = torch.cat([line[:6], line[:6] + 1000])
    far = ModeGraph.of(ModeCentres(torch.zeros(12, 8), islands, torch.ones(12).long()), near=2)
    assert far.chain(0, 11)[0] == 0
    assert far.chain(0, 11)[-1] == 11
    equal = ModeGraph.of(ModeCentres(torch.zeros(3, 8), torch.zeros(3, 4), torch.ones(3).long()))
    assert equal.chain(0, 2)[-1] == 2
    alone = ModeGraph.of(ModeCentres(torch.zeros(1, 8), torch.zeros(1, 4), torch.ones(1).long()))
    assert alone.chain(0, 0) == [0]


def test_chains_go_round_modes_that_are_never_drawn() -> None:
    line = torch.arange(6.0)[:, None] * torch.ones(1, 4)
    modes = ModeCentres(torch.randn(6, 8), line, torch.ones(6).long())
    assert ModeGraph.of(modes, near=2).chain(0, 4) == [0, 1, 2, 3, 4]
    marks = ModeMarks(never=frozenset({2}))
    graph = ModeGraph.of(replace(modes, marks=marks), near=2)
    assert graph.chain(0, 4) == [0, 1, 3, 4]
    assert graph.nearest(line[[2, 3]]) == [1, 3]
    merged = ModeGraph.of(replace(modes, marks=ModeMarks(merged={1: 0})), near=2)
    assert merged.nearest(line[[1]]) == [0]
    assert 1 not in merged.chain(0, 4)


@pytest.mark.parametrize(("through", "even"), [("straight", True), ("z", False), ("modes", True)])
def test_every_stop_is_a_frame_and_loops_close_to_the_bit(through: str, even: bool) -> None:
    networks, modes, stops = seeds(3, 8, 11)
    asked = {"through": through, "even": even, "modes": modes, "psi": 0.5, "batch": 1}
    for loop in (False, True):
        made = walk(networks, stops, frames=24, loop=loop, **asked)  # type: ignore[arg-type]
        ws = list(made.latents())
        assert len(made) == len(ws) == 24
        named = {name: frame for frame, name in made.landmarks}
        for point in stops:
            assert torch.equal(ws[named[point.name]], point.ws)
        frames = list(made)
        assert all(f.dtype == torch.uint8 and f.shape == (3, 16, 16) for f in frames)
        assert len(frames) == 24
    images = torch.stack(list(images_of_w(networks, torch.stack(ws), batch=1)))
    assert torch.equal(torch.stack(frames), images)
    end = made.legs[-1].way(torch.ones(1, dtype=torch.float64))  # what frame 24 would be
    assert torch.equal(end[0], ws[0])
    with torch.no_grad():
        again = to_uint8(networks.G_ema.synthesis(end))[0]
    assert torch.equal(again, frames[0])


def test_a_part_of_a_walk_is_its_frames() -> None:
    networks, _, stops = seeds(3, 8, 11)
    made = walk(networks, stops, frames=11, even=False, batch=1)
    every = list(made)
    for first, end in ((0, 11), (0, 1), (4, 7), (10, 11)):
        part = made.part(first, end)
        assert len(part) == end - first
        assert torch.equal(torch.stack(list(part)), torch.stack(every[first:end]))
    for first, end in ((3, 3), (-1, 2), (5, 12)):
        with pytest.raises(UsageError, match="give some from 0 to 10"):
            made.part(first, end)


def test_modes_on_the_way_are_told() -> None:
    networks, modes = small()
    a, b = mode_points(networks, modes, [0, 7])
    made = walk(networks, [a, b], frames=60, through="modes", modes=modes, even=False)
    graph = ModeGraph.of(modes)
    assert [name for _, name in made.landmarks] == [f"mode {n}" for n in graph.chain(0, 7)]
    ws = list(made.latents())
    for frame, name in made.landmarks:
        centre = modes.centres[int(name.split()[1])]
        nearest = min(range(60), key=lambda n: float((ws[n][0] - centre).norm()))
        assert abs(nearest - frame) <= 1


def test_even_frames_differ_less_unequally() -> None:
    networks, _, stops = seeds(3, 8)
    far = Point("far", stops[1].ws * 6)

    def unequal(even: bool) -> float:
        made = walk(networks, [*stops, far], frames=30, even=even, output="float")
        frames = at_least(torch.stack(list(made)))
        apart = LPIPS.load("alex").distance(frames[:-1], frames[1:])
        return float(apart.max() / apart.median())

    assert unequal(True) < 1.3
    assert unequal(False) > 3


def test_a_swing_goes_there_and_back() -> None:
    networks, _, (start, _) = seeds(3, 8)
    shift = torch.randn(start.ws.shape, generator=torch.Generator().manual_seed(0))
    for direction in (
        Direction("a", shift), Direction("c", channel=Channel("synthesis.b8.conv1", 1, 1.0))
    ):  # fmt: skip
        made = swing(networks, start, direction, low=-1, high=2, frames=12, even=False, batch=1)
        frames = torch.stack(list(made))
        assert isinstance(made, Walk)
        assert len(frames) == 12
        assert made.loop
        for n in range(1, 6):
            assert int((frames[n].int() - frames[12 - n].int()).abs().max()) <= 1
        assert not torch.equal(frames[0], frames[6])
        assert [frame for frame, _ in made.landmarks] == [0, 6]
        assert len(list(swing(networks, start, direction, low=0, high=1, frames=8))) == 8
    (low,) = images_of_w(networks, (start.ws - shift)[None])
    made = swing(networks, start, Direction("a", shift), low=-1, high=2, frames=4, even=False)
    assert int((next(iter(made)).int() - low.int()).abs().max()) <= 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stops": 1}, "name two stops"),
        ({"frames": 1}, "2 frames"),
        ({"frames": 3, "loop": True, "stops": 4}, "4 ways"),
        ({"noise": "random"}, "flicker"),
        ({"through": "modes", "modes": None}, "no modes"),
        ({"through": "tunnel"}, "no way"),
        ({"through": "z", "psi": [0.5]}, "layers"),
        ({"easing": "bouncy", "even": False}, "no easing"),
        ({"batch": 0}, "batch 0"),
    ],
)
def test_bad_walks_are_refused(change: dict[str, object], words: str) -> None:
    networks, modes, stops = seeds(1, 2, 3, 4)
    options = {"frames": 30, "modes": modes, "stops": 4, **change}
    with pytest.raises(UsageError, match=words):
        walk(networks, stops[: options.pop("stops")], **options)  # type: ignore[arg-type, misc]


def test_only_seeds_have_a_way_through_z() -> None:
    networks, modes, stops = seeds(1)
    with pytest.raises(UsageError, match="mode 2 is no seed"):
        walk(networks, [*stops, *mode_points(networks, modes, [2])], frames=9, through="z")


def test_classes_change_steadily_on_the_way_through_z() -> None:
    net = preset("smoke").replace(**{"net.num_classes": 3}).net
    networks = Networks.create(net, 0).eval()
    untouched = {"psi": 1.0, "truncation": "none"}
    a, b = (
        seed_points(networks, [n], Seeding(label=n, **untouched))[0]  # type: ignore[arg-type]
        for n in (1, 2)
    )
    assert (a.label, b.label) == (1, 2)
    ws = through_z(networks, a, b, 1.0)(torch.linspace(0, 1, 101, dtype=torch.float64))
    assert torch.equal(ws[-1], b.ws)
    assert float(steps(ws).max()) < 4 * float(steps(ws).median())
    raw = latents_of_seeds(
        networks, [2], psi=1.0, truncation="none", modes=None, embedder=None, labels=[2]
    )
    assert torch.allclose(ws[-2], raw[0], atol=0.1)
