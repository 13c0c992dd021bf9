"""Style mixing: which layers come from where, and the sheet."""

import pytest
import torch

from limbeck.editing import Seeding, layers_named, mix, psi_by_layer, seed_points, sheet_size
from limbeck.errors import UsageError
from limbeck.latents import images_of_w
from tests.editing.walk_small import small


def test_a_mix_has_the_columns_layers_and_the_rows_others() -> None:
    networks, _ = small()
    rows = seed_points(networks, [0, 1], Seeding())
    columns = seed_points(networks, [5, 6, 7], Seeding())
    layers = layers_named("coarse", networks.G_ema.num_ws)
    made = mix(networks, rows, columns, "coarse")
    assert made.layers == layers
    assert made.mixed.shape == (2, 3, 3, 16, 16)
    ws = rows[1].ws.clone()
    ws[list(layers)] = columns[2].ws[list(layers)]
    (wanted,) = images_of_w(networks, ws[None])
    assert int((made.mixed[1, 2].int() - wanted.int()).abs().max()) <= 1
    assert not torch.equal(made.mixed[1, 2], made.rows[1])
    whole = mix(networks, rows, columns, "all")
    assert int((whole.mixed[0].int() - whole.columns.int()).abs().max()) <= 1
    single = mix(networks, rows, columns, [2])
    assert single.layers == (2,)


def test_the_sheet_has_the_images_at_its_margins() -> None:
    networks, _ = small()
    rows = seed_points(networks, [0, 1], Seeding())
    columns = seed_points(networks, [5, 6, 7], Seeding())
    made = mix(networks, rows, columns, "fine")
    sheet = made.sheet()
    assert sheet.shape[1:] == sheet_size(2, 3, 16) == (16 + 8 + 34, 16 + 8 + 52)
    assert int(sheet[:, :16, :16].min()) == 255
    assert torch.equal(sheet[:, :16, 24:40], made.columns[0])
    assert torch.equal(sheet[:, 42:58, :16], made.rows[1])
    assert torch.equal(sheet[:, 42:58, 60:76], made.mixed[1, 2])


def test_bad_grids_are_refused() -> None:
    networks, _ = small()
    points = seed_points(networks, [0], Seeding())
    for rows, columns, layers in (
        ([], points, "all"), (points, [], "all"), (points, points, "9-99"), (points, points, [99]),
        (points, points, []),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            mix(networks, rows, columns, layers)
    with pytest.raises(UsageError, match="sheet of"):
        sheet_size(1000, 1000, 64)


def test_strengths_by_layer() -> None:
    assert psi_by_layer("0-1:0.5,3-:1", 5, 0.7) == [0.5, 0.5, 0.7, 1, 1]
    assert psi_by_layer("all:0,fine:1.5", 6, 0.7) == [0, 0, 0, 0, 1.5, 1.5]
    for bad in ("", "0.5", "0-1", "0-1:x", "0-1:0.5,", "9:1", "0:nan"):
        with pytest.raises(UsageError):
            psi_by_layer(bad, 5, 0.7)
