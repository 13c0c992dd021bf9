"""Files that attack a reader, each as bytes; whoever runs their code leaves a file at MARK."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.unpickling.honest import SOURCE, dumped, module, network, saved, small, snapshot

MARK = "/tmp/limbeck-attack-was-executed"
SHELL = f"touch {MARK}"
PYTHON = f"open({MARK!r}, 'w').close()"
STOP = b"."
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
SYSTEM = b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def data(raw: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(raw)) + raw


def name(module_: str, what: str) -> bytes:
    return b"c" + f"{module_}\n{what}\n".encode()


def call(module_: str, what: str, *arguments: bytes) -> bytes:
    return name(module_, what) + b"(" + b"".join(arguments) + b"tR"


def within(value: bytes) -> bytes:
    """A snapshot whose training_set_kwargs is what these opcodes make."""
    return b"\x80\x04}(" + text("training_set_kwargs") + value + GOOD + b"u."


def meta(state: bytes, kind: str = "class", class_name: str = "Generator") -> bytes:
    """A module with this state."""
    inside = b"}(" + text("type") + text(kind) + text("version") + b"K\x06"
    inside += text("module_src") + text(SOURCE) + text("class_name") + text(class_name)
    inside += text("state") + state + b"u"
    return call("torch_utils.persistence", "_reconstruct_persistent_obj", inside)


def stream(
    count: int = 4,
    *,
    system: bytes = SYSTEM,
    numbers: bytes | None = None,
    made: bytes | None = None,
    told: int | None = None,
    names: bytes | None = None,
) -> bytes:
    """A storage of float32, as torch.save wrote it before 1.6."""  # fmt: skip
    person = b"(" + text("storage") + name("torch", "FloatStorage") + text("0") + text("cpu")
    person += b"J" + struct.pack("<i", count) + b"Nt" + b"Q."
    raw = struct.pack("<f", 1.0) * count if numbers is None else numbers
    listed = b"\x80\x02]" + text("0") + b"a." if names is None else names
    size = struct.pack("<q", count if told is None else told)
    return MAGIC + system + b"\x80\x02" + (made or person) + listed + size + raw


def tensor(storage: bytes | None = None, offset: bytes = b"K\x00", shape: bytes = b"K\x04\x85",
           strides: bytes = b"K\x01\x85", hooks: bytes = b"}") -> bytes:  # fmt: skip
    loaded = call(
        "torch.storage", "_load_from_bytes", data(stream() if storage is None else storage)
    )
    return call(
        "torch._utils", "_rebuild_tensor_v2", loaded, offset, shape, strides, b"\x89", hooks
    )


def holding(value: bytes, key: str = "w") -> bytes:
    """A generator with one buffer."""
    state = b"}(" + text("_buffers") + b"}" + text(key) + value + b"su"
    return b"\x80\x04}" + text("G") + meta(state) + b"s."


def pack(*numbers: int) -> bytes:
    """A tuple of numbers."""
    return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", one) for one in numbers) + b"t"


GOOD = text("G") + meta(b"}")
SYSTEM_CALL = call("os", "system", text(SHELL))


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return made.getvalue()


def archive(pickled: bytes, **more: bytes) -> bytes:
    return zipped({"archive/data.pkl": pickled, **more})


def linked() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as one:
        entry = zipfile.ZipInfo("archive/data.pkl")
        entry.external_attr = 0o120777 << 16
        one.writestr(entry, "/etc/passwd")
    return made.getvalue()


def overlapping() -> bytes:
    """Two members of one place."""
    whole = bytearray(archive(b"\x80\x02}.", **{"archive/data/0": b"\0" * 9}))
    at = whole.rindex(b"PK\x01\x02")
    whole[at + 42 : at + 46] = struct.pack("<I", 0)
    return bytes(whole)


def safetensors(header: dict[str, Any] | bytes, body: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + body


def entry(start: int, end: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [(end - start) // 4], "data_offsets": [start, end]}


def weights(value: float, dtype: torch.dtype = torch.float32) -> bytes:
    tensors = {"w": torch.tensor([1.0, value], dtype=dtype)}
    return dumped(snapshot(G=network("Generator", tensors, {})))


def replaced(old: bytes, new: bytes, whole: bytes | None = None) -> bytes:
    whole = dumped(small(), 2) if whole is None else whole
    assert old in whole
    return whole.replace(old, new, 1)


def laughs() -> bytes:
    """Lists of lists of lists, ten times each: 10^9 values in 1 KB."""
    made = b"]" + b"q\x64" + b"(" + b"K\x01" * 10 + b"e0"
    for place in range(9):
        made += b"]" + b"q" + bytes([0x65 + place]) + b"(" + (b"h" + bytes([0x64 + place])) * 10
        made += b"e0"
    return made + b"h\x6d"


def cycle() -> bytes:
    """A module within itself."""
    state = b"}q\x32(" + text("_modules") + b"}q\x33u"
    whole = meta(state)
    return b"\x80\x04}" + text("G") + whole + b"q\x34" + b"h\x33" + text("a") + b"h\x34s0" + b"s."


def copies() -> bytes:
    """A storage of 1 MB that a thousand tensors share."""
    storage = torch.zeros(1 << 18)
    tensors = {f"w{i}": storage for i in range(1000)}
    big = dumped(snapshot(G=network("Generator", tensors, {})))
    assert len(big) < 3 << 20
    return big


def many() -> bytes:
    one = torch.zeros(1)
    return dumped(snapshot(G=network("Generator", {f"w{i}": one for i in range(10_050)}, {})))


def scalar(letters: str, raw: bytes, state: bytes = b"") -> bytes:
    kind = call("numpy", "dtype", text(letters), b"\x89", b"\x88")
    plain = b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return call("numpy.core.multiarray", "scalar", kind + (state or plain), data(raw))


def objects() -> bytes:
    array = np.array([None, "a"], dtype=object)
    return dumped(snapshot(G=module("Generator", size=array)))


def structured() -> bytes:
    array = np.zeros(2, dtype=[("a", "f4"), ("b", "f4")])
    return dumped(snapshot(G=module("Generator", size=array)))


def attribute(value: object) -> bytes:
    return dumped(snapshot(G=module("Generator", conv_clamp=value)))


def swapped_global() -> bytes:
    """A place of the memo that is an honest function when it is looked at and another later."""
    honest = name("collections", "OrderedDict") + b"q\x010"
    return within(honest + name("os", "system") + b"q\x010h\x01(" + text(SHELL) + b"tR")


Made = Callable[[], bytes]
FILES: dict[str, Made] = {
    "REDUCE of os.system": lambda: within(SYSTEM_CALL),
    "REDUCE of posix.system": lambda: within(call("posix", "system", text(SHELL))),
    "REDUCE of exec": lambda: within(call("builtins", "exec", text(PYTHON))),
    "REDUCE of eval, Python 2": lambda: within(call("__builtin__", "eval", text(PYTHON))),
    "REDUCE of subprocess": lambda: within(call("subprocess", "call", b"]" + text("sh") + b"a")),
    "REDUCE of importlib": lambda: within(call("importlib", "import_module", text("this"))),
    "REDUCE of torch.load": lambda: within(call("torch", "load", text("/tmp/x.pt"))),
    "REDUCE of pickle.loads": lambda: within(call("pickle", "loads", data(b"N."))),
    "REDUCE of getattr": lambda: within(call("builtins", "getattr", text("a"), text("b"))),
    "REDUCE of runpy": lambda: within(call("runpy", "_run_code", text(PYTHON))),
    "STACK_GLOBAL of exec": lambda: within(text("builtins") + text("exec") + b"\x93"),
    "STACK_GLOBAL of no texts": lambda: within(b"K\x01K\x02\x93"),
    "a dotted name": lambda: within(
        text("torch_utils.persistence")
        + text("_reconstruct_persistent_obj.__globals__") + b"\x93"
    ),
    "a dotted module": lambda: within(name("numpy.core.multiarray.os", "system")),
    "a name with a line end": lambda: within(
        text("os\nsystem\ncos") + text("system") + b"\x93"
    ),
    "NEWOBJ of a class": lambda: within(name("subprocess", "Popen") + b")\x81"),
    "NEWOBJ with arguments": lambda: within(name("dnnlib.util", "EasyDict") + b"(K\x01t\x81"),
    "NEWOBJ of a function": lambda: within(name("numpy", "dtype") + b")\x81"),
    "NEWOBJ_EX": lambda: within(name("dnnlib.util", "EasyDict") + b")}\x92"),
    "INST": lambda: within(b"(" + text(SHELL) + b"ios\nsystem\n"),
    "OBJ": lambda: within(b"(" + name("os", "system") + text(SHELL) + b"o"),
    "EXT1": lambda: within(b"\x82\x01"),
    "EXT4": lambda: within(b"\x84\x01\x00\x00\x00"),
    "PERSID": lambda: within(b"Pos.system\n"),
    "BINPERSID outside of a storage": lambda: within(text("a") + b"Q"),
    "DUP": lambda: within(b"K\x012"),
    "STRING with escapes": lambda: within(b"S'\\x41'\n"),
    "NEXT_BUFFER": lambda: within(b"\x97"),
    "an opcode that is none": lambda: within(b"\xff"),
    "protocol 6": lambda: b"\x80\x06" + dumped(small())[2:],
    "PROTO in the middle": lambda: within(b"\x80\x04N"),
    "REDUCE of an object": lambda: within(b"])R"),
    "REDUCE with an empty stack": lambda: b"\x80\x04R.",
    "REDUCE of a tensor's function with others' arguments": lambda: within(
        call("torch._utils", "_rebuild_tensor_v2", b"K\x01" * 6)
    ),
    "BUILD of a class": lambda: within(name("dnnlib.tflib.network", "Network") + b"}b"),
    "BUILD of a dict": lambda: within(b"}}" + text("__class__") + b"Nsb"),
    "BUILD of a list": lambda: within(b"]" + b"}b"),
    "code in a storage": lambda: holding(tensor(b"\x80\x02" + SYSTEM_CALL + STOP)),
    "code in a storage's object": lambda: holding(tensor(stream(made=SYSTEM_CALL + STOP))),
    "code in a storage's facts": lambda: holding(
        tensor(stream(system=b"\x80\x02" + SYSTEM_CALL + STOP))
    ),
    "code in a storage's names": lambda: holding(
        tensor(stream(names=b"\x80\x02" + SYSTEM_CALL + STOP))
    ),
    "a storage within a storage": lambda: holding(
        tensor(stream(made=call("torch.storage", "_load_from_bytes", data(stream())) + STOP))
    ),
    "a zip archive as a storage": lambda: holding(tensor(saved(torch.zeros(4)))),
    "code in a zip archive as a storage": lambda: holding(
        tensor(archive(b"\x80\x02" + SYSTEM_CALL + STOP))
    ),
    "a storage larger than its bytes": lambda: holding(tensor(stream(1 << 30, numbers=b"1234"))),
    "a storage of another count": lambda: holding(tensor(stream(told=3))),
    "bytes behind a storage": lambda: holding(tensor(stream() + b"\0" * 8)),
    "a storage of big-endian numbers": lambda: holding(
        tensor(stream(system=SYSTEM.replace(b"\x88", b"\x89")))
    ),
    "a storage of no name": lambda: holding(tensor(stream(names=b"\x80\x02]."))),
    "a tensor of stride 0": lambda: holding(
        tensor(shape=pack(1 << 40), strides=pack(0))
    ),
    "a tensor that overlaps itself": lambda: holding(
        tensor(shape=pack(2, 2), strides=pack(1, 1))
    ),
    "a tensor beyond its storage": lambda: holding(tensor(shape=pack(5))),
    "a tensor's offset beyond": lambda: holding(tensor(offset=b"K\x01")),
    "a tensor's offset below": lambda: holding(tensor(offset=b"J\xff\xff\xff\xff")),
    "sizes whose product overflows": lambda: holding(
        tensor(shape=pack(1 << 33, 1 << 33), strides=pack(1 << 33, 1))
    ),
    "sizes of 2^62": lambda: holding(tensor(shape=pack(1 << 62), strides=pack(1))),
    "negative sizes": lambda: holding(tensor(shape=pack(-2, -2), strides=pack(2, 1))),
    "negative strides": lambda: holding(tensor(shape=pack(2), strides=pack(-1))),
    "sizes and strides of other counts": lambda: holding(tensor(strides=pack(2, 1))),
    "sizes that are no numbers": lambda: holding(tensor(shape=b"]\x85")),
    "many dimensions": lambda: holding(tensor(shape=pack(*[1] * 40), strides=pack(*[1] * 40))),
    "NaN": lambda: weights(float("nan")),
    "infinity": lambda: weights(float("-inf")),
    "NaN in half precision": lambda: weights(float("nan"), torch.float16),
    "infinity in bfloat16": lambda: weights(float("inf"), torch.bfloat16),
    "a thousand tensors of one storage": copies,
    "more tensors than networks have": many,
    "an array of objects": objects,
    "an array of structures": structured,
    "a scalar object": lambda: within(scalar("O8", b"\0" * 8)),
    "a scalar of a wrong length": lambda: within(scalar("f8", b"\0" * 4)),
    "a big-endian scalar": lambda: within(
        scalar("f8", b"\0" * 8, b"(K\x03" + text(">") + b"NNNK\x00K\x00K\x00tb")
    ),
    "an array of another class": lambda: within(
        call("numpy.core.multiarray", "_reconstruct", name("numpy", "dtype"), pack(0), data(b"b"))
    ),
    "bytes encoded by another codec": lambda: within(
        call("_codecs", "encode", text("a"), text("rot13"))
    ),
    "a memo overwritten": swapped_global,
    "a memo never filled": lambda: within(b"h\x77"),
    "a bomb of the memo": lambda: within(b"]" + b"\x94" * 900_000),
    "a bomb of marks": lambda: b"\x80\x04" + b"(" * 900_000 + STOP,
    "a bomb of operations": lambda: within(b"N0" * 600_000 + b"N"),
    "a bomb of lists in lists": lambda: within(b"]" * 100_000 + b"a" * 99_999),
    "a bomb of tuples in tuples": lambda: within(b")" + b"\x85" * 300_000),
    "a bomb of shared lists": lambda: within(laughs()),
    "a list within itself": lambda: within(b"]\x94h\x00a"),
    "a dict within itself": lambda: within(b"}q\x50" + text("a") + b"h\x50s"),
    "a module within itself": cycle,
    "a bomb of sets": lambda: within(
        b"](" + b"".join(b"J" + struct.pack("<i", i) for i in range(100_000)) + b"eq\x010"
        + name("builtins", "set") + b"q\x020" + b"h\x02h\x01\x85R0" * 100_000 + b"N"
    ),
    "a bomb of arguments": lambda: within(
        b"(" + b"N" * 100_000 + b"tq\x010" + name("_codecs", "encode") + b"q\x020"
        + b"h\x02h\x01R0" * 100_000 + b"N"
    ),
    "a bomb of sizes": lambda: holding(
        tensor(shape=b"(" + b"K\x01" * 100_000 + b"t", strides=b"(" + b"K\x01" * 100_000 + b"t")
    ),
    "a bomb of texts": lambda: within(
        (b"X\xff\x0f\x00\x00" + b"a" * 4095) * 5_000 + b"0" * 4_999
    ),
    "a bomb of numbers": lambda: within(b"\x8b\xff\xff\xff\x7f" + b"\1" * 100),
    "a number of many digits": lambda: within(b"I" + b"9" * 100_000 + b"\n"),
    "a line without end": lambda: within(b"I" + b"9" * 3_000_000),
    "bytes longer than the file": lambda: within(b"\x8e" + struct.pack("<Q", 1 << 62)),
    "a text longer than the file": lambda: within(b"\x8d" + struct.pack("<Q", 1 << 63)),
    "a frame longer than the file": lambda: b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N.",
    "a frame within a frame": lambda: (
        b"\x80\x04\x95" + struct.pack("<Q", 11) + b"\x95" + struct.pack("<Q", 1) + b"N."
    ),
    "a text that is none": lambda: within(b"X\x02\x00\x00\x00\xff\xfe"),
    "a key that must be hashed deeply": lambda: within(b"}" + b")" + b"\x85" * 1000 + b"Ns"),
    "a list as a key": lambda: within(b"}]Ns"),
    "a key without a value": lambda: within(b"}(Nu"),
    "an append to no list": lambda: within(b"NNa"),
    "another pickle behind": lambda: dumped(small()) + b"\x80\x04" + SYSTEM_CALL + STOP,
    "bytes behind": lambda: dumped(small()) + b"\0",
    "a file cut short": lambda: dumped(small())[:-20],
    "two objects left": lambda: b"\x80\x04NN.",
    "hooks": lambda: dumped(snapshot(G=module("Generator", _forward_hooks={1: "a"}))),
    "a tensor with hooks": lambda: holding(tensor(hooks=b"}K\x01Ns")),
    "a module of another kind": lambda: b"\x80\x04}" + text("G") + meta(b"}", "module") + b"s.",
    "a module of a later version": lambda: replaced(b"K\x06", b"K\x63"),
    "a class named by a path": lambda: (
        b"\x80\x04}" + text("G") + meta(b"}", class_name="../../G") + b"s."
    ),
    "a module without state": lambda: b"\x80\x04}" + text("G") + meta(b"N") + b"s.",
    "a tensor named by a path": lambda: holding(tensor(), "../../etc/passwd"),
    "a tensor named by a number": lambda: b"\x80\x04}" + text("G") + meta(
        b"}" + text("_buffers") + b"}K\x01" + tensor() + b"ss"
    ) + b"s.",
    "two tensors of one name": lambda: b"\x80\x04}" + text("G") + meta(
        b"}(" + text("_buffers") + b"}" + text("w") + tensor() + b"s"
        + text("_parameters") + b"}" + text("w") + tensor() + b"su"
    ) + b"s.",
    "a weight that is a text": lambda: holding(text("a")),
    "an argument that is a tensor": lambda: attribute(torch.zeros(2)),
    "an argument of many lists without numbers": lambda: attribute(
        np.zeros((300_000, 0), np.float32)
    ),
    "an argument of lists in lists without numbers": lambda: attribute(
        np.zeros((300_000, 0, 2), np.float32)
    ),
    "an argument that is NaN": lambda: attribute(float("nan")),
    "an argument of 80 bits": lambda: attribute(1 << 80),
    "an argument that is a class": lambda: holding(name("torch._utils", "_rebuild_parameter")),
    "an argument of a million numbers": lambda: attribute(np.zeros(1_000_000)),
    "a G that is a text": lambda: b"\x80\x04}" + text("G") + text("G") + b"s.",
    "networks in a list": lambda: dumped([module("Generator")]),
    "a state dict in the place of a module": lambda: dumped({"G": {"w": torch.zeros(2)}}),
    "a TensorFlow network without state": lambda: (
        b"\x80\x04" + (name("dnnlib.tflib.network", "Network") + b")\x81") * 3 + b"\x87."
    ),
    "a TensorFlow network given two states": lambda: (
        b"\x80\x04" + name("dnnlib.tflib.network", "Network") + b")\x81}b}b."
    ),
    "an archive with code": lambda: archive(b"\x80\x02" + SYSTEM_CALL + STOP),
    "an archive that is packed": lambda: zipped(
        {"archive/data.pkl": b"\x80\x02}." * 99}, zipfile.ZIP_DEFLATED
    ),
    "an archive of a program": lambda: archive(b"\x80\x02}.", **{"archive/code/a.py": b""}),
    "an archive with a link": linked,
    "an archive whose members overlap": overlapping,
    "an archive without its pickle": lambda: zipped({"archive/version": b"3"}),
    "an archive of two roots": lambda: zipped({"a/data.pkl": b"N.", "b/data.pkl": b"N."}),
    "an archive of names that climb": lambda: zipped({"../data.pkl": b"N."}),
    "an archive without its storages": lambda: archive(
        b"\x80\x02}" + text("w") + b"(" + text("storage") + name("torch", "FloatStorage")
        + text("0") + text("cpu") + b"K\x04tQs."
    ),
    "an archive cut short": lambda: saved({"g": {"w": torch.zeros(4)}})[:-8],
    "an archive of a layout unknown": lambda: saved({"w": torch.zeros(4)}),
    "an old .pt with code": lambda: MAGIC + SYSTEM + b"\x80\x02" + SYSTEM_CALL + STOP,
    "safetensors with a long header": lambda: struct.pack("<Q", 1 << 20) + b"{}",
    "safetensors that overlap": lambda: safetensors(
        {"a": entry(0, 8), "b": entry(4, 12)}, b"\0" * 12
    ),
    "safetensors beyond the file": lambda: safetensors({"a": entry(0, 1 << 40)}, b"\0" * 8),
    "safetensors of one name twice": lambda: safetensors(
        b'{"a":%s,"a":%s}' % ((json.dumps(entry(0, 8)).encode(),) * 2), b"\0" * 8
    ),
    "safetensors with NaN": lambda: safetensors({"a": entry(0, 4)}, b"\0\0\xc0\x7f"),
    "safetensors of brackets": lambda: safetensors(b"{" + b'"a":[' * 100_000, b""),
    "a script": lambda: b"#!/bin/sh\n" + SHELL.encode(),
}  # fmt: skip
