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
