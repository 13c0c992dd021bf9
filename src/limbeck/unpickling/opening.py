"""Which kind of file it is, by its first bytes, and the reader for it."""

import json

from limbeck.kit.stored import BYTES, HEADER_BYTES, places
from limbeck.unpickling.admitted import NETWORKS, STATES
from limbeck.unpickling.found import FoundFile, Json
from limbeck.unpickling.machine import Machine
from limbeck.unpickling.persistent import ROLES, read_persistent
from limbeck.unpickling.refusals import Budget, Refused, Unknown, shown
from limbeck.unpickling.state_dicts import read_named, read_state
from limbeck.unpickling.streams import MAGIC, loader, read_archive, read_stream
from limbeck.unpickling.tensorflow import is_tensorflow, read_tensorflow
from limbeck.unpickling.tokens import Persistent, Raw, Storage, Tensor, steps

_PICKLES = b"\x80(}])c"


def open_networks(data: memoryview) -> FoundFile:
    """What a file holds; no number of its tensors is looked at.

    Raises:
        Refused: it is none of the kinds that limbeck reads, damaged, or holds what is not admitted.
    """
    budget = Budget()
    begins = bytes(data[:16])
    if begins.startswith(b"PK"):
        return read_state(read_archive(data, budget), budget)
    if begins.startswith(MAGIC):
        return read_state(read_stream(data, 0, len(data), STATES, budget)[0], budget)
    if begins[8:9] == b"{" and int.from_bytes(begins[:8], "little") <= HEADER_BYTES:
        return _safetensors(data, budget)
    if not begins or begins[0] not in _PICKLES:
        raise Unknown(f"it is no pickle, no archive of torch and no safetensors: {begins!r}", 0)
    made, end = Machine(data, 0, len(data), NETWORKS, budget, loads=loader(budget)).run()
    if end != len(data):
        raise Refused(f"{len(data) - end} bytes lie behind the pickle", end)
    if is_tensorflow(made):
        return read_tensorflow(made, budget)  # type: ignore[arg-type]
    if type(made) is dict and any(isinstance(made.get(role), Persistent) for role in ROLES):
        return read_persistent(made, budget)
    what = ", ".join(shown(str(key), 20) for key in list(made)[:6]) if type(made) is dict else ""
    raise Unknown(f"it holds no networks but a {type(made).__name__} {what}".rstrip(), 0)


def _safetensors(data: memoryview, budget: Budget) -> FoundFile:
    length = int.from_bytes(data[:8], "little")
    start = 8 + length
    if start > len(data):
        raise Refused(f"a header of {length} bytes, {len(data) - 8} are there", 0)
    try:
        header = json.loads(bytes(data[8:start]).decode("utf-8"), object_pairs_hook=_once)
        found, metadata = places(header, len(data) - start)
    except (ValueError, RecursionError) as error:
        raise Refused(f"its header is damaged: {shown(str(error))}", 8) from None
    tensors = {}
    for name, place in found.items():
        dtype, shape = place.stored.dtype, place.stored.shape
        raw = Raw(data, start + place.start, place.end - place.start)
        storage = Storage(dtype, raw.length // BYTES[dtype], raw)
        tensors[name] = Tensor(storage, 0, shape, steps(shape))
    facts: Json = {shown(key): shown(value, 500) for key, value in metadata.items()}
    return read_named(tensors, facts, budget)


def _once(pairs: list[tuple[str, object]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
