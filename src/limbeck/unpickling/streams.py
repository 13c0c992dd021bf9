"""Storages: the stream that torch.save wrote before 1.6, and the zip archive that it writes since.

The older one is also what each storage of a pickled network is, a pickle within a pickle: magic
number, protocol, facts of the machine, the object, names of its storages, and their raw numbers.
A network's storage in the newer form is refused, for nothing writes it: torch's storages ask for
the older one when they are pickled.
"""

from collections.abc import Callable

from limbeck.kit.stored import BYTES
from limbeck.unpickling.admitted import STATES, STORAGES, Admitted
from limbeck.unpickling.machine import Machine
from limbeck.unpickling.refusals import Budget, Refused, shown
from limbeck.unpickling.tokens import Raw, Storage, StorageType
from limbeck.unpickling.zips import Member, members

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_NUMBER, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class Storages:
    """Storages by their names, as persistent ids name them."""

    def __init__(self) -> None:
        self.by_name: dict[str, Storage] = {}

    def __call__(self, said: object) -> Storage:
        """`("storage", torch.FloatStorage, name, place, count, None)`; the last may be absent."""
        if type(said) is not tuple or len(said) not in (5, 6) or said[0] != "storage":
            raise Refused("a persistent id names no storage")
        kind, name, place, count = said[1:5]
        if not isinstance(kind, StorageType) or type(name) is not str or type(place) is not str:
            raise Refused("a persistent id names no storage")
        if type(count) is not int or not 0 <= count < 1 << 48 or said[5:] not in ((), (None,)):
            raise Refused("a persistent id names a view, or a storage of no size")
        known = self.by_name.setdefault(name, Storage(kind.dtype, count))
        if (known.dtype, known.count) != (kind.dtype, count):
            raise Refused(f"storage {shown(name)} is told twice, otherwise")
        return known


def read_stream(
    data: memoryview, start: int, end: int, admitted: Admitted, budget: Budget
) -> tuple[object, dict[str, Storage]]:
    """The object of a stream that fills `data[start:end]`, and its storages, placed.

    Raises:
        Refused: names the offset.
    """
    storages = Storages()
    magic, at = Machine(data, start, end, {}, budget).run()
    protocol, at = Machine(data, at, end, {}, budget).run()
    machine, at = Machine(data, at, end, {}, budget).run()
    made, at = Machine(data, at, end, admitted, budget, persistent=storages).run()
    names, at = Machine(data, at, end, {}, budget).run()
    if magic != _NUMBER or protocol != _PROTOCOL:
        raise Refused("a stream of storages without its magic number and protocol 1001", start)
    if type(machine) is not dict or machine.get("little_endian") is not True:
        raise Refused("a stream of storages from a machine of another byte order", start)
    if type(names) is not list or not all(type(name) is str for name in names):
        raise Refused("a stream of storages without their names", start)
    if sorted(names) != sorted(storages.by_name):
        raise Refused("a stream whose storages are not those it names", start)
    for name in names:
        at = _place(storages.by_name[name], data, at, end)
    if at != end:
        raise Refused(f"{end - at} bytes lie behind a stream of storages", at)
    return made, storages.by_name


def _place(storage: Storage, data: memoryview, at: int, end: int) -> int:
    """Tell a storage that its numbers lie at `at`, behind their count; returns where they end."""
    length = storage.count * BYTES[storage.dtype]
    if end - at < 8 + length:
        raise Refused(f"a storage of {length} bytes, {max(end - at - 8, 0)} are left", at)
    if int.from_bytes(data[at : at + 8], "little") != storage.count:
        raise Refused("a storage has another count of numbers than its name says", at)
    storage.raw = Raw(data, at + 8, length)
    return at + 8 + length


def loader(budget: Budget) -> Callable[[Raw], object]:
    """`torch.storage._load_from_bytes`: one storage out of the bytes of its stream."""

    def loads(raw: Raw) -> Storage:
        there = raw.view()  # of a text only for a moment
        start = 0 if raw.encoding else raw.start
        data = there if raw.encoding else raw.source
        if bytes(there[:4]) == b"PK\x03\x04":
            raise Refused("a storage as a zip archive, which torch never writes", raw.start)
        try:
            made, _ = read_stream(data, start, start + len(there), STORAGES, budget)
        except Refused as why:
            if not raw.encoding:
                raise
            inside = f"in the text of a storage, at its byte {why.offset or 0}: {why.why}"
            raise Refused(inside, raw.start, why.opcode, why.named) from None
        if not isinstance(made, Storage) or made.raw is None:
            raise Refused("the stream of a storage holds something else", raw.start)
        made.raw = raw.part(made.raw.start - start, made.raw.length)
        return made

    return loads


def read_archive(data: memoryview, budget: Budget) -> object:
    """The object of a zip archive of torch.save.

    Raises:
        Refused: names the offset.
    """
    found = members(data)
    roots = {name.partition("/")[0] for name in found}
    root = roots.pop() if len(roots) == 1 else ""
    pickled = found.get(f"{root}/data.pkl")
    if pickled is None:
        raise Refused("a zip archive that torch.save did not write: it has no data.pkl")
    if f"{root}/constants.pkl" in found or any(f"{root}/code/" in name for name in found):
        raise Refused("a TorchScript archive, which is a program")
    order = found.get(f"{root}/byteorder")
    if order is not None and bytes(data[order.start : order.end]) != b"little":
        raise Refused("an archive from a machine of another byte order", order.start)
    storages = Storages()
    machine = Machine(data, pickled.start, pickled.end, STATES, budget, persistent=storages)
    made, at = machine.run()
    if at != pickled.end:
        raise Refused(f"{pickled.end - at} bytes lie behind the pickle", at)
    for name, storage in storages.by_name.items():
        storage.raw = _member(data, found.get(f"{root}/data/{name}"), storage, name)
    return made


def _member(data: memoryview, member: Member | None, storage: Storage, name: str) -> Raw:
    length = storage.count * BYTES[storage.dtype]
    if member is None or member.end - member.start != length:
        raise Refused(f"storage {shown(name)} is not in the archive, or of another length")
    return Raw(data, member.start, length)
