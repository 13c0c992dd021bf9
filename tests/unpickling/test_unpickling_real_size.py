"""A file as large as the published ones: 1024 pixels, G, D and G_ema, about 360 MB."""

import os
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from limbeck.unpickling import files, read_network_file
from tests.unpickling.honest import (
    discriminator_shapes,
    drawn,
    dumped,
    generator_shapes,
    network,
    snapshot,
)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [4, 2])
def test_a_file_of_real_size(
    protocol: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = drawn(generator_shapes(1024, 32768, 512, 512), 0)
    networks = {
        "G": network("Generator", generator, {"z_dim": 512, "img_resolution": 1024}),
        "D": network("Discriminator", drawn(discriminator_shapes(1024, 32768, 512), 1), {}),
        "G_ema": network("Generator", drawn(generator_shapes(1024, 32768, 512, 512), 2), {}),
    }
    path = tmp_path / "big.pkl"
    path.write_bytes(dumped(snapshot(**networks), protocol))
    size = path.stat().st_size
    peaks = []
    child = files._in_child

    def watched(*arguments: object) -> tuple[bytes, int]:
        answer = child(*arguments)  # type: ignore[arg-type]
        peaks.append(answer[1])
        return answer

    monkeypatch.setattr(files, "_in_child", watched)
    before, began = os.times(), time.monotonic()
    found = read_network_file(path, cache=tmp_path / "cache")
    spent, after = time.monotonic() - began, os.times()
    processor = after.children_user + after.children_system - before.children_user
    processor -= before.children_system
    with safe_open(found.tensors_path, "pt") as stored:
        for name, tensor in generator.items():
            assert torch.equal(stored.get_tensor(f"G/{name}"), tensor), name
    assert 0 < peaks[0] < 1.5 * size
    with capsys.disabled():
        print(
            f"\nprotocol {protocol}: {size / 1e6:.0f} MB read in {spent:.1f} s "
            f"({processor:.1f} s of processor in the child), child's memory "
            f"{peaks[0] / 1e6:.0f} MB = {peaks[0] / size:.2f} of the file"
        )
