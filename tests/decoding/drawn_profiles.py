"""ICC profiles written byte by byte."""

import struct
from collections.abc import Mapping

import numpy as np

Curve = float | None
"""A power; None stands for the curve of sRGB."""


def _s15(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _profile(space: bytes, pcs: bytes, device: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s4sII4sII", start + len(body), b"\0\0\0\0", 0x02400000, device, space, pcs,
        b"\7\xd0\0\1\0\1\0\0\0\0\0\0", b"acsp", b"\0\0\0\0", 0, 0, b"\0\0\0\0", 0, 0,
    )  # fmt: skip
    head = (head + struct.pack(">I", 0) + _s15(0.9642, 1.0, 0.8249)).ljust(128, b"\0")
    return head + struct.pack(">I", len(tags)) + table + body


def _curve(power: Curve) -> bytes:
    if power is not None:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(power * 256)) + b"\0\0"
    v = np.arange(1024) / 1023
    light = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    numbers = np.rint(light * 65535).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + numbers


_WORDS = {
    b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + b"\0" * 78,
    b"cprt": b"text\0\0\0\0none\0",
    b"wtpt": b"XYZ \0\0\0\0" + _s15(0.9642, 1.0, 0.8249),
}


def matrix_profile(columns: np.ndarray, power: Curve) -> bytes:
    """An RGB display's: columns of red, green, blue in XYZ of D50 [3, 3], and a curve."""
    tags = dict(_WORDS)
    for number, name in enumerate("rgb"):
        tags[f"{name}XYZ".encode()] = b"XYZ \0\0\0\0" + _s15(*columns[:, number])
        tags[f"{name}TRC".encode()] = _curve(power)
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags)


def grey_profile(power: Curve) -> bytes:
    return _profile(b"GRAY", b"XYZ ", b"mntr", {**_WORDS, b"kTRC": _curve(power)})


def ink_profile(shift: np.ndarray) -> bytes:
    """A CMYK printer's whose L*a*b* is (100, 0, 0) plus the inks' [4] share of `shift` [4, 3]."""
    corners = np.array([[k >> 3 & 1, k >> 2 & 1, k >> 1 & 1, k & 1] for k in range(16)])
    lab = np.array([100.0, 0, 0]) + corners @ shift
    stored = np.rint(np.stack([lab[:, 0] * 2.55, lab[:, 1] + 128, lab[:, 2] + 128], 1))
    assert stored.min() >= 0
    assert stored.max() <= 255
    even = bytes(range(256))
    table = (
        b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + _s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
        + even * 4 + stored.astype(np.uint8).tobytes() + even * 3
    )  # fmt: skip
    return _profile(b"CMYK", b"Lab ", b"prtr", {**_WORDS, b"A2B0": table})
