"""The pickle machine: runs opcodes of protocols 0 to 5 over bytes that stay where they are.

What it makes are Python's own numbers, texts, lists, tuples, dicts and sets, and the inert tokens
of `tokens`. It knows the opcodes that honest networks are written with; the others are refused:
PERSID, INST, OBJ, NEWOBJ_EX, EXT1, EXT2, EXT4, DUP, FROZENSET, LONG4, the strings of Python 2 and
the buffers beside the file.
"""

from collections.abc import Callable

from limbeck.unpickling.admitted import Admitted
from limbeck.unpickling.building import build, made_by, reduced
from limbeck.unpickling.cursor import Cursor, integer, real
from limbeck.unpickling.refusals import Budget, Refused, shown
from limbeck.unpickling.tokens import Raw, StorageType, Text

NAME = 4096  # bytes of a text that becomes Python's
_STACK, _MARKS = 200_000, 500
_NO_MARK = "there is no mark to go back to"
_REFUSED = {
    0x32: "DUP", 0x50: "PERSID", 0x53: "STRING", 0x54: "BINSTRING", 0x55: "SHORT_BINSTRING",
    0x69: "INST", 0x6F: "OBJ", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x8B: "LONG4",
    0x91: "FROZENSET", 0x92: "NEWOBJ_EX", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
}  # fmt: skip


class Machine:
    """Runs one pickle.

    Args:
        data: the file, or bytes of their own.
        start, end: where the pickle begins, and what it may not go beyond.
        admitted: globals that it may name.
        budget: what is left to spend.
        persistent: makes an object of a persistent id; None = there may be none.
        loads: makes a storage of the bytes of its stream; None = there may be none.
    """

    def __init__(
        self,
        data: memoryview,
        start: int,
        end: int,
        admitted: Admitted,
        budget: Budget,
        *,
        persistent: Callable[[object], object] | None = None,
        loads: Callable[[Raw], object] | None = None,
    ) -> None:
        self._bytes, self._start = Cursor(data, start, end), start
        self._admitted, self._budget = admitted, budget
        self._persistent, self._loads = persistent, loads
        self._stack: list[object] = []
        self._marks: list[list[object]] = []
        self._memo: dict[int, object] = {}
        self._frame_end = start

    def run(self) -> tuple[object, int]:
        """The object, and where the pickle ended.

        Raises:
            Refused: names the offset and the opcode.
        """
        while True:
            offset, name = self._bytes.at, ""
            try:
                code = self._bytes.take(1)[0]
                name = _NAMES.get(code) or _REFUSED.get(code, "")
                if code not in _OPCODES:
                    raise Refused(
                        "is not admitted" if name else f"the byte {code:#04x} is no opcode"
                    )
                self._budget.spend("operations")
                if name == "STOP":
                    return self._stopped(), self._bytes.at
                _OPCODES[code](self)
                if len(self._stack) > _STACK:
                    raise Refused("too much lies on the stack")
            except Refused as why:
                at = offset if why.offset is None else why.offset
                raise Refused(why.why, at, why.opcode or name, why.named) from None

    def _stopped(self) -> object:
        if len(self._stack) != 1 or self._marks:
            raise Refused("it ends with more or less than one object")
        return self._stack[0]

    # ---- the stack

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _pop(self) -> object:
        if not self._stack:
            raise Refused("the stack is empty")
        return self._stack.pop()

    def _top(self) -> object:
        if not self._stack:
            raise Refused("the stack is empty")
        return self._stack[-1]

    def _mark(self) -> None:
        if len(self._marks) >= _MARKS:
            raise Refused(f"marks within marks, more than {_MARKS}")
        self._marks.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[object]:
        if not self._marks:
            raise Refused(_NO_MARK)
        found, self._stack = self._stack, self._marks.pop()
        return found

    # ---- opcodes

    def _proto(self) -> None:
        if self._bytes.at != self._start + 1:
            raise Refused("it is told twice, or not at the beginning")
        if (version := self._bytes.number(1)) > 5:
            raise Refused(f"protocol {version} is not known")

    def _frame(self) -> None:
        length, at = self._bytes.number(8), self._bytes.at
        if at - 9 < self._frame_end:
            raise Refused("a frame begins within another")
        if length > self._bytes.left:
            raise Refused(f"a frame of {length} bytes, {self._bytes.left} are left")
        self._frame_end = at + length

    def _pop_one(self) -> None:
        """POP: what lies on top, which may be a mark."""
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def _int_line(self) -> None:
        line = self._bytes.line()
        truth = {b"00": False, b"01": True}.get(line)
        self._push(integer(line) if truth is None else truth)

    def _unicode_line(self) -> None:
        start, data = self._bytes.at, self._bytes.data
        line = self._bytes.line()
        self._push(self._text(Raw(data, start, len(line), "raw-unicode-escape")))

    def _unicode(self, size: int) -> None:
        raw = self._bytes.raw(self._bytes.number(size))
        self._push(self._text(Raw(raw.source, raw.start, raw.length, "utf-8")))

    def _text(self, raw: Raw) -> str | Text:
        if raw.length > NAME:
            return Text(raw)
        self._budget.spend("letters", raw.length)
        there = raw.source[raw.start : raw.start + raw.length]
        try:
            return str(there, raw.encoding)
        except UnicodeError:
            raise Refused("a text is none") from None

    def _tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise Refused("the stack is empty")
        found = tuple(self._stack[len(self._stack) - count :]) if count else ()
        del self._stack[len(self._stack) - count :]
        self._push(found)

    def _append(self, found: list[object]) -> None:
        target = self._top()
        if type(target) is not list:
            raise Refused("something is added to what is no list")
        target.extend(found)

    def _set_items(self, found: list[object]) -> None:
        target = self._top()
        if type(target) is not dict:
            raise Refused("something is put into what is no dict")
        _fill(target, found)

    def _dict(self) -> None:
        made: dict[object, object] = {}
        _fill(made, self._since_mark())
        self._push(made)

    def _add_items(self) -> None:
        found, target = self._since_mark(), self._top()
        if type(target) is not set:
            raise Refused("something is added to what is no set")
        target.update(_key(one) for one in found)

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise Refused(f"place {index} of the memo is empty")
        self._push(self._memo[index])

    def _put(self, index: int) -> None:
        if index in self._memo:
            raise Refused(f"place {index} of the memo is filled twice")
        self._budget.spend("memo")
        self._memo[index] = self._top()

    def _global_line(self) -> None:
        module, name = (shown(self._bytes.line().decode("latin-1"), NAME) for _ in range(2))
        self._look_up(module, name)

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise Refused("a global is not named by texts")
        self._look_up(module, name)

    def _look_up(self, module: str, name: str) -> None:
        token = self._admitted.get((module, name))
        if token is None:
            named = f"{shown(module)}.{shown(name)}"
            raise Refused(f"asks for {named}, which is not admitted", named=named)
        self._push(token)

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        self._push(reduced(function, arguments, self._loads, self._budget))

    def _new_object(self) -> None:
        arguments, kind = self._pop(), self._pop()
        self._push(made_by(kind, arguments))

    def _build(self) -> None:
        state = self._pop()
        build(self._top(), state, self._budget)

    def _persistent_id(self) -> None:
        if self._persistent is None:
            raise Refused("is not admitted here")
        self._push(self._persistent(self._pop()))


def _key(value: object) -> str | int | None:
    """What a dict may be asked for: hashing tuples of tuples may never end."""
    if value is None or type(value) in (str, bool) or (type(value) is int and abs(value) < 2**60):
        return value  # type: ignore[return-value]
    what = "a class" if isinstance(value, StorageType) else f"a {type(value).__name__}"
    raise Refused(f"{what} as a key")


def _fill(target: dict[object, object], found: list[object]) -> None:
    if len(found) % 2:
        raise Refused("a key has no value")
    for place in range(0, len(found), 2):
        target[_key(found[place])] = found[place + 1]


Step = Callable[[Machine], None]
_TABLE: dict[str, tuple[int, Step]] = {
    "PROTO": (0x80, Machine._proto),
    "FRAME": (0x95, Machine._frame),
    "STOP": (0x2E, lambda m: None),
    "MARK": (0x28, Machine._mark),
    "POP": (0x30, Machine._pop_one),
    "POP_MARK": (0x31, lambda m: m._since_mark().clear()),
    "NONE": (0x4E, lambda m: m._push(None)),
    "NEWTRUE": (0x88, lambda m: m._push(True)),
    "NEWFALSE": (0x89, lambda m: m._push(False)),
    "INT": (0x49, Machine._int_line),
    "BININT": (0x4A, lambda m: m._push(m._bytes.signed(4))),
    "BININT1": (0x4B, lambda m: m._push(m._bytes.number(1))),
    "BININT2": (0x4D, lambda m: m._push(m._bytes.number(2))),
    "LONG": (0x4C, lambda m: m._push(integer(m._bytes.line().removesuffix(b"L")))),
    "LONG1": (0x8A, lambda m: m._push(m._bytes.long())),
    "FLOAT": (0x46, lambda m: m._push(real(m._bytes.line()))),
    "BINFLOAT": (0x47, lambda m: m._push(m._bytes.real())),
    "UNICODE": (0x56, Machine._unicode_line),
    "BINUNICODE": (0x58, lambda m: m._unicode(4)),
    "SHORT_BINUNICODE": (0x8C, lambda m: m._unicode(1)),
    "BINUNICODE8": (0x8D, lambda m: m._unicode(8)),
    "BINBYTES": (0x42, lambda m: m._push(m._bytes.raw(m._bytes.number(4)))),
    "SHORT_BINBYTES": (0x43, lambda m: m._push(m._bytes.raw(m._bytes.number(1)))),
    "BINBYTES8": (0x8E, lambda m: m._push(m._bytes.raw(m._bytes.number(8)))),
    "BYTEARRAY8": (0x96, lambda m: m._push(m._bytes.raw(m._bytes.number(8)))),
    "EMPTY_DICT": (0x7D, lambda m: m._push({})),
    "DICT": (0x64, Machine._dict),
    "SETITEM": (0x73, lambda m: m._set_items([m._pop(), m._pop()][::-1])),
    "SETITEMS": (0x75, lambda m: m._set_items(m._since_mark())),
    "EMPTY_LIST": (0x5D, lambda m: m._push([])),
    "LIST": (0x6C, lambda m: m._push(m._since_mark())),
    "APPEND": (0x61, lambda m: m._append([m._pop()])),
    "APPENDS": (0x65, lambda m: m._append(m._since_mark())),
    "EMPTY_TUPLE": (0x29, lambda m: m._push(())),
    "TUPLE": (0x74, lambda m: m._push(tuple(m._since_mark()))),
    "TUPLE1": (0x85, lambda m: m._tuple(1)),
    "TUPLE2": (0x86, lambda m: m._tuple(2)),
    "TUPLE3": (0x87, lambda m: m._tuple(3)),
    "EMPTY_SET": (0x8F, lambda m: m._push(set())),
    "ADDITEMS": (0x90, Machine._add_items),
    "GET": (0x67, lambda m: m._get(integer(m._bytes.line()))),
    "BINGET": (0x68, lambda m: m._get(m._bytes.number(1))),
    "LONG_BINGET": (0x6A, lambda m: m._get(m._bytes.number(4))),
    "PUT": (0x70, lambda m: m._put(integer(m._bytes.line()))),
    "BINPUT": (0x71, lambda m: m._put(m._bytes.number(1))),
    "LONG_BINPUT": (0x72, lambda m: m._put(m._bytes.number(4))),
    "MEMOIZE": (0x94, lambda m: m._put(len(m._memo))),
    "GLOBAL": (0x63, Machine._global_line),
    "STACK_GLOBAL": (0x93, Machine._stack_global),
    "REDUCE": (0x52, Machine._reduce),
    "NEWOBJ": (0x81, Machine._new_object),
    "BUILD": (0x62, Machine._build),
    "BINPERSID": (0x51, Machine._persistent_id),
}
_OPCODES: dict[int, Step] = dict(_TABLE.values())
_NAMES = {code: name for name, (code, _) in _TABLE.items()}
