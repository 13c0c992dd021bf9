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
    with pytest.raises(DataError, match=r"absent\.safetensors does not exist"):
        ModeCentres.load(tmp_path / "absent.safetensors")
    path = tmp_path / "modes.safetensors"
    centres().save(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"modes\.safetensors is damaged"):
        ModeCentres.load(path)
    save_file({"centres": torch.zeros(3, 4)}, path)
    with pytest.raises(DataError, match="not a file of modes"):
        ModeCentres.load(path)


def test_other_shapes_dtypes_and_values_are_refused_by_file(tmp_path: Path) -> None:
    path, about = tmp_path / "modes.safetensors", {"format": "limbeck-modes", "format_version": "3"}
    c, e, s = torch.zeros(3, 4), torch.zeros(3, 7), torch.ones(3, dtype=torch.int64)
    for tensors, message in [
        ({"centres": c[:, :0], "embeddings": e, "sizes": s}, "3 centres of 0 numbers"),
        ({"centres": c, "embeddings": e[:, :0], "sizes": s}, "embeddings of 0"),
        ({"centres": c[:0], "embeddings": e[:0], "sizes": s[:0]}, "0 centres"),
        ({"centres": c, "embeddings": e[:2], "sizes": s}, "shapes"),
        ({"centres": c[0], "embeddings": e, "sizes": s}, "shapes"),
        ({"centres": c.half(), "embeddings": e, "sizes": s}, "centres is F16"),
        ({"centres": c, "embeddings": e, "sizes": s.int()}, "sizes is I32"),
        ({"centres": c, "embeddings": e * torch.nan, "sizes": s}, "embeddings not finite"),
        ({"centres": c, "embeddings": e, "sizes": s * 0}, "no counts"),
        ({"centres": c, "embeddings": e, "sizes": s * 2**62}, "no counts"),
        ({"centres": c, "embeddings": e, "sizes": torch.tensor([5, -1, 1])}, "negative"),
        ({"centres": torch.zeros(9000, 1), "embeddings": torch.zeros(9000, 1),
          "sizes": torch.ones(9000, dtype=torch.int64)}, "9000 centres of 1 numbers"),
        ({"centres": c, "embeddings": e, "sizes": s, "typical": torch.zeros(5, 3)}, "typical"),
        ({"centres": c, "embeddings": e, "sizes": s, "typical": torch.zeros(0, 4)}, "typical"),
        ({"centres": c, "embeddings": e, "sizes": s, "typical": c.half()}, "typical is F16"),
        ({"centres": c, "embeddings": e, "sizes": s, "typical": c * torch.nan}, "typical not"),
    ]:  # fmt: skip
        save_file(tensors, path, about)
        with pytest.raises(DataError, match=message) as caught:
            ModeCentres.load(path)
        assert str(path) in caught.value.what


def test_embeddings_of_another_width_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="have 7 numbers, LPIPS gives 9"):
        centres().distances(torch.zeros(2, 9))


def test_a_file_with_a_learned_map_gives_its_centres(tmp_path: Path) -> None:
    plain = {
        "centres": torch.rand(3, 4),
        "embeddings": torch.rand(3, 5),
        "sizes": torch.tensor([3, 2, 1]),
    }
    path, about = tmp_path / "modes.safetensors", {"format": "limbeck-modes", "format_version": "2"}
    save_file({**plain, "map.mean": torch.rand(4)}, path, metadata=about)
    found = ModeCentres.load(path)
    assert torch.equal(found.centres, plain["centres"])
    found.save(path)
    assert ModeCentres.load(path).digest() == found.digest()
