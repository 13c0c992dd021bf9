"""A small baseline JPEG encoder: any sampling, any component numbers, no markers but its own."""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.decoding.drawn_files import segment

_ZIGZAG = sorted(
    ((y, x) for y in range(8) for x in range(8)),
    key=lambda p: (p[0] + p[1], p[0] if (p[0] + p[1]) % 2 else p[1]),
)
_K = np.arange(8)
_DCT = np.cos((2 * _K[None] + 1) * _K[:, None] * np.pi / 16) / 2
_DCT[0] /= np.sqrt(2)


def jpeg(
    planes: Sequence[NDArray[np.floating]], sampling: Sequence[tuple[int, int]],
    ids: Sequence[int] = (1, 2, 3), extra: bytes = b"",
) -> bytes:  # fmt: skip
    """Full-size planes [H, W] in [0, 255] -> JPEG, each averaged to its sampling (h, v)."""
    high, wide = planes[0].shape
    most = [max(s[i] for s in sampling) for i in (0, 1)]
    across, down = -(-wide // (8 * most[0])), -(-high // (8 * most[1]))
    blocks = [
        _blocks(plane, most[0] // h, most[1] // v, across * h, down * v)
        for plane, (h, v) in zip(planes, sampling, strict=True)
    ]
    frame = struct.pack(">BHHB", 8, high, wide, len(planes))
    scan = struct.pack(">B", len(planes))
    for number, (h, v) in zip(ids, sampling, strict=True):
        frame += struct.pack(">BBB", number, h << 4 | v, 0)
        scan += struct.pack(">BB", number, 0)
    dc = bytes([0, 0, 0, 0, 12, *[0] * 12]) + bytes(range(12))
    ac = bytes([0x10, *[0] * 8, 255, *[0] * 7]) + bytes(range(255))
    return (
        b"\xff\xd8" + extra + segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC0, frame)
        + segment(0xC4, dc) + segment(0xC4, ac) + segment(0xDA, scan + b"\0\x3f\0")
        + _scan(blocks, sampling, across, down) + b"\xff\xd9"
    )  # fmt: skip


def _blocks(
    plane: NDArray[np.floating], dx: int, dy: int, across: int, down: int
) -> NDArray[np.int64]:
    """Quantised coefficients [down, across, 64] in zigzag order."""
    high, wide = plane.shape
    full = np.pad(plane, ((0, down * 8 * dy - high), (0, across * 8 * dx - wide)), mode="edge")
    small = full.reshape(down * 8, dy, across * 8, dx).mean((1, 3)) - 128
    tiles = small.reshape(down, 8, across, 8).transpose(0, 2, 1, 3)
    turned = np.rint(_DCT @ tiles @ _DCT.T).astype(np.int64)
    return turned[..., [y for y, _ in _ZIGZAG], [x for _, x in _ZIGZAG]]


def _scan(
    blocks: Sequence[NDArray[np.int64]], sampling: Sequence[tuple[int, int]], across: int, down: int
) -> bytes:
    bits: list[str] = []
    before = [0] * len(blocks)
    for my in range(down):
        for mx in range(across):
            for number, (h, v) in enumerate(sampling):
                for y in range(v):
                    for x in range(h):
                        block = blocks[number][my * v + y, mx * h + x]
                        bits += _coded(block, before[number])
                        before[number] = int(block[0])
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big")
    return data.replace(b"\xff", b"\xff\0")


def _coded(block: NDArray[np.int64], before: int) -> list[str]:
    """Bits of a block: codes of 4 bits for DC sizes, of 9 bits for AC symbols."""
    size, bits = _number(int(block[0]) - before)
    found = [f"{size:04b}", bits]
    last = int(np.flatnonzero(block)[-1]) if block.any() else 0
    run = 0
    for value in block[1 : last + 1]:
        if value == 0:
            run += 1
            continue
        while run > 15:
            found.append(f"{0xF0:09b}")
            run -= 16
        size, bits = _number(int(value))
        found += [f"{run << 4 | size:09b}", bits]
        run = 0
    if last < 63:
        found.append(f"{0:09b}")
    return found


def _number(value: int) -> tuple[int, str]:
    size = abs(value).bit_length()
    return size, f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""
