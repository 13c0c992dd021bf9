"""Edited images: moves, layers, masks, folders, and the same by a pipeline's methods."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from model_small import small_pipeline
from PIL import Image
from torch import Tensor

from limbeck.editing import (
    Channel,
    Direction,
    Inversion,
    Point,
    Told,
    affines,
    edit,
    edited_images,
    invert,
    limited,
    parse_move,
    read_points,
    soft_mask,
    write_difference,
    write_edits,
)
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.model import Pipeline


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return small_pipeline()


@pytest.fixture(scope="module")
def direction(pipeline: Pipeline) -> Direction:
    G = pipeline.G_ema
    return Direction("a", torch.randn(G.num_ws, 16, generator=torch.Generator().manual_seed(0)))


def test_moves_are_read_from_the_right() -> None:
    assert parse_move("pca-all-00:2") == ("pca-all-00", 2.0)
    assert parse_move("ears: up:-1.5") == ("ears: up", -1.5)
    for bad in ("pca", ":2", "a:", "a:nan", "a:b", "a:inf"):
        with pytest.raises(UsageError, match="DIRECTION:STRENGTH"):
            parse_move(bad)


def test_a_direction_in_some_layers(direction: Direction) -> None:
    part = limited(direction, (1, 2))
    assert part.shift is not None
    assert direction.shift is not None
    assert torch.equal(part.shift[1:3], direction.shift[1:3])
    assert not part.shift[0].any()
    assert not part.shift[3:].any()
    empty = Direction("b", torch.zeros_like(direction.shift))
    with pytest.raises(UsageError, match="changes nothing"):
        limited(empty, (0,))
    with pytest.raises(UsageError, match="channel"):
        limited(Direction("c", channel=Channel("synthesis.b4.conv1", 0, 1.0)), (0,))


def test_outside_of_the_mask_an_image_stays(pipeline: Pipeline, direction: Direction) -> None:
    ws = pipeline.G_ema.broadcast(pipeline.G_ema.mapping.w_avg[None]).clone()
    before = edit(pipeline, ws, [])
    after = edit(pipeline, ws, [(direction, 8.0)])
    assert torch.equal(before, pipeline.generate(ws))
    mask = torch.zeros(8, 8)
    mask[:, :4] = 1
    half = edit(pipeline, ws, [(direction, 8.0)], mask=mask)
    size = pipeline.config.size
    edge = size // 2 + size // 8
    assert torch.equal(half[..., edge:], before[..., edge:])
    assert torch.equal(half[..., : size - edge], after[..., : size - edge])
    assert not torch.equal(before, after)
    soft = soft_mask(mask, size)
    assert soft.shape == (1, 1, size, size)
    assert float(soft.min()) == 0
    assert float(soft.max()) == pytest.approx(1)


def test_strengths_go_to_their_own_images(pipeline: Pipeline, direction: Direction) -> None:
    ws = pipeline.G_ema.broadcast(pipeline.G_ema.mapping.w_avg[None]).repeat(3, 1, 1)
    strengths = torch.tensor([0.0, 4.0, 8.0])
    together = edit(pipeline, ws, [(direction, strengths)], batch=2)
    single = [edit(pipeline, ws[:1], [(direction, float(s))])[0] for s in strengths]
    apart = (together.int() - torch.stack(single).int()).abs().max()
    assert int(apart) <= 1


def test_a_folder_of_edits(pipeline: Pipeline, direction: Direction, tmp_path: Path) -> None:
    points = pipeline.points([1, 2])
    told = [Told("a", "wild", 2.0)]
    out = tmp_path / "edits"
    files = write_edits(pipeline, points, [(direction, 2.0)], told, out)
    assert [file.name for file in files] == ["edit-0000.png", "edit-0001.png"]
    ws = torch.stack([point.ws for point in points])
    wanted = edit(pipeline, ws, [(direction, 2.0)])
    with Image.open(files[1]) as opened:
        found = np.asarray(opened).transpose(2, 0, 1)
    assert np.array_equal(found, wanted[1].numpy())
    with Image.open(out / "before-after.png") as opened:
        assert opened.width >= 4 * 128
    moved = read_points(out / "latents.safetensors")
    assert [point.name for point in moved] == ["seed 1", "seed 2"]
    assert torch.equal(pipeline.generate(moved[0].ws[None])[0], wanted[0])
    assert json.loads((out / "edits.json").read_text())["moves"][0]["name"] == "wild"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.txt").write_text("a person's")
    with pytest.raises(LimbeckError, match="not made by limbeck"):
        write_edits(pipeline, points, [(direction, 2.0)], told, tmp_path / "mine")


def test_many_edits_are_drawn_one_by_one(
    pipeline: Pipeline, direction: Direction, tmp_path: Path
) -> None:
    ws = torch.stack([point.ws for point in pipeline.points(range(5))])
    drawn: list[int] = []
    hook = pipeline.G_ema.synthesis.register_forward_hook(lambda *_: drawn.append(1))
    images = edited_images(pipeline, ws, [(direction, 2.0)], batch=2)
    first = next(images)
    assert len(drawn) == 1, "no more than a batch is drawn before its turn"
    hook.remove()
    together = edit(pipeline, ws, [(direction, 2.0)], batch=2)
    assert torch.equal(torch.stack([first, *images]), together)
    assert edit(pipeline, ws[:0], []).shape == (0, 3, pipeline.config.size, pipeline.config.size)
    with pytest.raises(DataError, match="smaller strengths"):
        edit(pipeline, ws, [(direction, 1e38)])
    with pytest.raises(UsageError, match="batch 0"):
        edit(pipeline, ws, [], batch=0)
    points = [Point(str(row), ws[0]) for row in range(100)]
    write_edits(pipeline, points, [(direction, 2.0)], [Told("a", None, 2.0)], tmp_path / "many")
    with Image.open(tmp_path / "many" / "before-after.png") as sheet:
        assert sheet.height == 32 * (128 + 2) - 2, "96 pairs, three in a row"


def test_what_cannot_be_drawn_is_said_before(pipeline: Pipeline, direction: Direction) -> None:
    channel = Direction("c", channel=Channel(next(iter(affines(pipeline.G_ema))), 0, 1.0))
    for one in (direction, channel):
        for strength in (torch.ones(3), math.nan, "2", torch.tensor([1.0, math.inf])):
            with pytest.raises(UsageError, match="strength"):
                pipeline.edit([0, 1], [(one, strength)])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="pairs"):
        pipeline.edit(0, [direction])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="a mask"):
        pipeline.edit(0, [(direction, 1.0)], mask=torch.ones(3, 3, 3))
    for draw in (
        lambda: pipeline.edit(0, [], noise="odd"),  # type: ignore[arg-type]
        lambda: pipeline.mix(0, 1, noise="odd"),  # type: ignore[arg-type]
        lambda: pipeline([0], noise="odd"),  # type: ignore[arg-type]
    ):
        with pytest.raises(UsageError, match="no noise 'odd'"):
            draw()
    with pytest.raises(UsageError, match="layers"):
        pipeline.mix(0, 1, [1.5])  # type: ignore[list-item]
    for frames in (2.5, math.nan, 1):
        with pytest.raises(UsageError, match="2 frames or more"):
            pipeline.walk([0, 1], frames)  # type: ignore[arg-type]
    for steps in (-1, 1.5, 10**9):
        with pytest.raises(UsageError, match="inversion: steps_w"):
            pipeline.invert(pipeline([0], output="pil")[0], steps=steps)  # type: ignore[arg-type]


def test_places_of_every_kind(pipeline: Pipeline) -> None:
    image = pipeline([3], output="pil")[0]
    places = pipeline.points([5, image, "mode:1", Point("mine", pipeline.points(2)[0].ws)])
    assert [place.name for place in places] == ["seed 5", "image", "mode 1", "mine"]
    w = torch.randn(2, 16)
    assert torch.equal(pipeline.points(w)[1].ws, pipeline.G_ema.broadcast(w)[1])
    assert [p.name for p in pipeline.points(torch.tensor([1, 2]))] == ["seed 1", "seed 2"]
    for bad in (None, {"a": 1}, 1.5, "nowhere"):
        with pytest.raises(UsageError, match="latent space"):
            pipeline.points(bad)  # type: ignore[arg-type]


def test_a_pipeline_edits_mixes_and_walks(
    pipeline: Pipeline, direction: Direction, tmp_path: Path
) -> None:
    images = pipeline.edit([0, 1], [(direction, 3.0)], output="pil")
    assert isinstance(images, list)
    assert images[0].size == (pipeline.config.size,) * 2
    floats = pipeline.edit([0, 1], [(direction, 3.0)], output="float")
    assert isinstance(floats, Tensor)
    assert floats.is_floating_point()
    mixes = pipeline.mix([0, 1], [2, 3, 4], "fine")
    assert mixes.mixed.shape[:2] == (2, 3)
    walk = pipeline.walk([0, "mode:1"], 5, even=False)
    frames = torch.stack(list(walk))
    assert len(walk) == len(frames) == 5
    assert torch.equal(frames[0], pipeline.generate(pipeline.points(0)[0].ws[None])[0])


def test_seeds_are_truncated_as_asked_by_every_method(
    pipeline: Pipeline, direction: Direction
) -> None:
    layers = [0.2] * pipeline.G_ema.num_ws
    for asked in ({"psi": layers}, {"cutoff": 1}, {"truncation": "index", "mode_index": 1}):
        wanted = pipeline([0, 1], **asked)  # type: ignore[arg-type]
        assert not torch.equal(wanted, pipeline([0, 1]))
        edited = pipeline.edit([0, 1], [(direction, 0.0)], **asked)  # type: ignore[arg-type]
        mixes = pipeline.mix([0, 1], [2], **asked)  # type: ignore[arg-type]
        walk = pipeline.walk([0, 1], 2, even=False, **asked)  # type: ignore[arg-type]
        for images in (edited, mixes.rows, torch.stack(list(walk))):
            assert isinstance(images, Tensor)
            assert int((images.int() - wanted.int()).abs().max()) <= 1
    # truncated by nothing, the way through z is the mapping of the great circle itself
    walk = pipeline.walk([0, 1], 3, through="z", even=False, truncation="none")
    ends = [point.z for point in pipeline.points([0, 1])]
    assert ends[0] is not None
    assert ends[1] is not None
    a, b = (z.double() / z.double().norm() for z in ends)
    halfway = ((a + b) / (a + b).norm() * len(a) ** 0.5).float()
    w = pipeline.G_ema.mapping.w(halfway[None], None)[0]
    assert torch.allclose(list(walk.latents())[1][0], w, atol=1e-4)


def test_a_tuned_pipeline_leaves_the_model_as_it_is(pipeline: Pipeline, tmp_path: Path) -> None:
    photo = pipeline([7], truncation="none")
    settings = Inversion(steps_w=0, steps_w_plus=0, steps_tune=2, tune_rate=0.01)
    found = invert(pipeline, photo, settings, encoder=pipeline.E_ema)
    assert found.difference is not None
    file = tmp_path / "tuned.safetensors"
    write_difference(pipeline, found.difference, file)
    tuned = pipeline.tuned(file)
    assert torch.equal(tuned.generate(found.final.ws), found.final.images)
    assert not torch.equal(pipeline.generate(found.final.ws), found.final.images)
    with pytest.raises(DataError, match="no tuned form"):
        tuned.tuned(file)
