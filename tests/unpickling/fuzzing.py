"""Small honest files, spoilt at random, and what became of them.

python -m tests.unpickling.fuzzing SEED COUNT          in this process
python -m tests.unpickling.fuzzing SEED COUNT child    each through a child
A case is told by its seed and number: `python -m tests.unpickling.fuzzing SEED 1 again NUMBER`.
"""

import io
import pickletools
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import torch
from safetensors.torch import save

from limbeck.errors import DataError
from limbeck.unpickling import inspect_network_file
from limbeck.unpickling.child import warm_up
from limbeck.unpickling.opening import open_networks
from limbeck.unpickling.refusals import Refused
from limbeck.unpickling.writing import header, look_through
from tests.unpickling import attacks
from tests.unpickling.honest import Network, dumped, module, network, saved, snapshot

OPCODES = [op.code.encode("latin-1") for op in pickletools.opcodes]
NUMBERS = [0, 1, 2, 127, 128, 255, 256, 1 << 15, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
EVIL = [
    attacks.SYSTEM_CALL, attacks.name("os", "system"), attacks.name("builtins", "exec"),
    attacks.name("torch._utils", "_rebuild_tensor_v2"), attacks.name("numpy", "dtype"),
    attacks.name("dnnlib.tflib.network", "Network") + b")\x81", attacks.tensor(), b"}", b"]", b")",
    attacks.meta(b"}"), b"(", b"h\x00", b"q\x00", b"R", b"b", b"\x81", b"\x94", b"N", b"K\x01",
    attacks.data(attacks.stream()), b"\x95\x08\0\0\0\0\0\0\0", b"\x93", b"u", b"t", b"0", b".",
]  # fmt: skip


def seeds() -> list[bytes]:
    """One or two of each kind of file."""
    tensors = {"b4.w": torch.nn.Parameter(torch.ones(2, 2)), "avg": torch.ones(2)}
    snap = snapshot(G=network("Generator", tensors, {"z_dim": 4}), D=module("D", size=np.ones(2)))
    networks = []
    for role in "GDS":
        one = Network()
        vars(one).update(
            version=4, name=role, static_kwargs={"resolution": 4}, components={},
            build_module_src="", build_func_name=role, variables=[("w", np.ones(2, "<f4"))],
        )  # fmt: skip
        networks.append(one)
    state = {"g_ema": {"w": torch.ones(2)}, "latent_avg": torch.ones(2)}
    made = [dumped(value, protocol) for value in (snap, tuple(networks)) for protocol in (2, 4, 5)]
    made += [saved(state), saved(state, zipped=False)]
    return [*made, save({"G/w": torch.ones(2)}), attacks.holding(attacks.tensor())]


def _flip(data: bytearray, rng: Random) -> None:
    data[rng.randrange(len(data))] = rng.randrange(256)


def _opcode(data: bytearray, rng: Random) -> None:
    data[rng.randrange(len(data))] = rng.choice(OPCODES)[0]


def _insert(data: bytearray, rng: Random) -> None:
    at = rng.randrange(len(data))
    data[at:at] = rng.choice(EVIL)


def _cut(data: bytearray, rng: Random) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 2, 5, 40))]


def _double(data: bytearray, rng: Random) -> None:
    at = rng.randrange(len(data))
    piece = data[at : at + rng.choice((1, 3, 20, 200))]
    to = rng.randrange(len(data))
    data[to:to] = piece


def _number(data: bytearray, rng: Random) -> None:
    at = rng.randrange(max(len(data) - 8, 1))
    raw = struct.pack("<Q", rng.choice(NUMBERS))[: rng.choice((1, 2, 4, 8))]
    data[at : at + len(raw)] = raw


def _end(data: bytearray, rng: Random) -> None:
    del data[rng.randrange(len(data)) :]


WAYS: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip, _flip, _opcode, _opcode, _insert, _insert, _cut, _double, _number, _number, _end,
)  # fmt: skip


def case(files: list[bytes], seed: int, number: int) -> bytes:
    """The spoilt file of a case."""
    rng = Random(f"{seed}:{number}")
    data = bytearray(rng.choice(files))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(WAYS)(data, rng)
        if not data:
            break
    return bytes(data)


def here(data: bytes) -> str:
    """What becomes of a file in this process: `read` or `refused`; all else is an escape."""
    try:
        found = open_networks(memoryview(data))
        found.described()
        header(found, len(data))
        look_through(found, io.BytesIO().write)
    except Refused:
        return "refused"
    except MemoryError:
        return "short of memory"
    except Exception as error:
        return f"escape: {type(error).__name__}: {error}"
    return "read"


def in_child(data: bytes, folder: Path) -> str:
    """The same through a child; an event or a fault of the reader is an escape."""
    path = folder / "a.pkl"
    path.write_bytes(data)
    try:
        inspect_network_file(path)
    except DataError as error:
        if getattr(error, "event", "") or "fault of limbeck" in error.do:
            return f"escape: {error.what}"
        limited = ("its reader", "takes more than")
        return "limited" if any(word in error.what for word in limited) else "refused"
    return "read"


class Watch:
    """Counts the events of Python's audit hooks while a file is read."""

    def __init__(self) -> None:
        self.on, self.events = False, Counter[str]()
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: object) -> None:
        if self.on:
            self.events[event] += 1


def campaign(seed: int, count: int, seconds: float, *, children: bool) -> Counter[str]:
    """Outcomes of up to `count` cases in up to `seconds`; prints escapes with their numbers."""
    warm_up()
    files, outcomes, watch = seeds(), Counter[str](), Watch()
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            if number % 100 == 0 and time.monotonic() > ends:
                break
            data = case(files, seed, number)
            if children:
                outcome = in_child(data, Path(folder))
            else:
                watch.on = True
                outcome = here(data)
                watch.on = False
            outcomes[outcome.partition(":")[0]] += 1
            if watch.events:
                print(f"case {number}: events {dict(watch.events)}", flush=True)
                outcomes["events"] += watch.events.total()
                watch.events.clear()
            if outcome.startswith("escape"):
                print(f"case {number}: {outcome}", flush=True)
    return outcomes


if __name__ == "__main__":
    first, many = int(sys.argv[1]), int(sys.argv[2])
    if "again" in sys.argv:
        spoilt = case(seeds(), first, int(sys.argv[4]))
        open_networks(memoryview(spoilt))
    else:
        began, cpu = time.monotonic(), time.process_time()
        limit = float(sys.argv[4]) if len(sys.argv) > 4 else 1e9
        counts = campaign(first, many, limit, children="child" in sys.argv)
        print(
            dict(counts), f"{time.monotonic() - began:.0f} s, {time.process_time() - cpu:.0f} s cpu"
        )
