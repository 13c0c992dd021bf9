"""Mode centres on disk."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from limbeck.errors import DataError
from limbeck.latents import ModeCentres


def centres() -> ModeCentres:
    return ModeCentres(torch.randn(3, 4), torch.randn(3, 7), torch.tensor([5, 2, 1]))


def test_round_trip_is_bitwise(tmp_path: Path) -> None:
    first = centres()
    first.save(tmp_path / "modes.safetensors")
    second = ModeCentres.load(tmp_path / "modes.safetensors")
    for name in ("centres", "embeddings", "sizes"):
        assert torch.equal(getattr(first, name), getattr(second, name))
    assert first.digest() == second.digest() != centres().digest()
    assert len(second) == 3


def test_half_embeddings_load_as_float32_and_all_else_is_bitwise(tmp_path: Path) -> None:
    first = ModeCentres(
        torch.randn(40, 8), torch.randn(40, 3000), torch.arange(40, 0, -1, dtype=torch.int64)
    )
    first.save(tmp_path / "whole")
    first.save(tmp_path / "half", half=True)
    second = ModeCentres.load(tmp_path / "half")
    assert torch.equal(second.embeddings, first.embeddings.half().float())
    assert torch.equal(second.centres, first.centres)
    assert torch.equal(second.sizes, first.sizes)
    assert (tmp_path / "half").stat().st_size < 0.52 * (tmp_path / "whole").stat().st_size


def test_shapes_types_and_values_are_checked() -> None:
    c, e, s = torch.zeros(3, 4), torch.zeros(3, 7), torch.ones(3, dtype=torch.int64)
    bad = [
        (c, e[:2], s), (c[0], e, s), (c[:0], e[:0], s[:0]), (c.double(), e, s), (c, e, s.int()),
        (c, e * torch.nan, s), (c, e, -s),
    ]  # fmt: skip
    for arguments in bad:
        with pytest.raises(DataError, match="modes: "):
            ModeCentres(*arguments)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read modes"):
        ModeCentres.load(tmp_path / "absent.safetensors")
    path = tmp_path / "modes.safetensors"
    centres().save(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="cannot read modes"):
        ModeCentres.load(path)
    save_file({"centres": torch.zeros(3, 4)}, path)
    with pytest.raises(DataError, match="not a file of modes"):
        ModeCentres.load(path)
