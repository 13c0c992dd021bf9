"""What REDUCE, NEWOBJ and BUILD do to tokens: check what is said, and note it down."""

from collections.abc import Callable, Sequence

from limbeck.kit.stored import BYTES
from limbeck.unpickling.refusals import Budget, Refused
from limbeck.unpickling.tokens import (
    DIMENSIONS,
    Array,
    Network,
    NumpyType,
    Persistent,
    Raw,
    Storage,
    StorageType,
    Tensor,
    Text,
    Token,
    steps,
)

_NUMPY = {
    "f8": "F64", "f4": "F32", "f2": "F16", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8",
    "u1": "U8", "b1": "BOOL",
}  # fmt: skip
_LATIN = ("latin1", "latin-1")
_ARGUMENTS = 8  # more than any function or state has
Loads = Callable[[Raw], object] | None


def made_by(kind: object, arguments: object) -> object:
    """`kind.__new__(*arguments)`.

    Raises:
        Refused: no class that is made so.
    """
    if arguments != ():
        raise Refused("an object is made of arguments")
    if kind in (Token.EASY_DICT, Token.ORDERED_DICT):
        return {}
    if kind in (Token.NETWORK, Token.NAMESPACE):
        assert isinstance(kind, Token)
        return Network(kind)
    raise Refused(f"{_named(kind)} is made by NEWOBJ")


def build(target: object, state: object, budget: Budget) -> None:
    """`target.__setstate__(state)`.

    Raises:
        Refused: nothing that is given a state, or no state of its kind.
    """
    if isinstance(target, Network) and target.state is None and type(state) is dict:
        target.state = state
    elif isinstance(target, NumpyType):
        _told(target, state)
    elif isinstance(target, Array) and target.tensor is None and type(state) is tuple:
        _exactly(state, 5)
        budget.spend("operations", sum(map(_cost, state)))
        _filled(target, state)
    elif type(target) is dict and type(state) is dict and state.keys() <= {"_metadata"}:
        return  # of a state dict: versions of modules
    else:
        raise Refused(f"a state for {_named(target)}, or a second one")


def reduced(function: object, arguments: object, loads: Loads, budget: Budget) -> object:
    """`function(*arguments)`.

    Raises:
        Refused: no function that is admitted, or arguments that no honest file has.
    """
    if not isinstance(function, Token) or type(arguments) is not tuple:
        raise Refused(f"{_named(function)} is called")
    if len(arguments) > _ARGUMENTS:
        raise Refused(f"{_named(function)} is called with {len(arguments)} arguments")
    budget.spend("operations", sum(map(_cost, arguments)))
    if function is Token.STORAGE and loads is not None:
        return loads(_raw(*_exactly(arguments, 1)))
    if function not in _FUNCTIONS:
        raise Refused(f"{_named(function)} is called")
    return _FUNCTIONS[function](arguments)


def _cost(argument: object) -> int:
    """Operations that looking at an argument takes: a list may be given to many functions, and a
    text is decoded each time that its bytes are asked for."""
    if isinstance(argument, list):
        return len(argument)
    if isinstance(argument, Raw) and argument.encoding:
        return argument.length >> 12
    return 0


def _named(value: object) -> str:
    if isinstance(value, Token):
        return value.value
    return (
        f"torch storage {value.dtype}" if isinstance(value, StorageType) else type(value).__name__
    )


def _exactly(arguments: Sequence[object], count: int) -> Sequence[object]:
    if len(arguments) != count:
        raise Refused(f"{len(arguments)} arguments instead of {count}")
    return arguments


def _raw(value: object) -> Raw:
    if not isinstance(value, Raw):
        raise Refused(f"{_named(value)} instead of bytes")
    return value


def _shape(value: object) -> tuple[int, ...]:
    if type(value) is not tuple or len(value) > DIMENSIONS:
        raise Refused(f"a shape is none, or has more than {DIMENSIONS} sizes")
    if not all(type(n) is int and 0 <= n < 1 << 48 for n in value):
        raise Refused("a shape is none")
    return value


def _ordered_dict(arguments: Sequence[object]) -> object:
    made: dict[object, object] = {}
    if arguments:  # as Python 2 wrote it
        (pairs,) = _exactly(arguments, 1)
        for pair in pairs if isinstance(pairs, list) else [None]:
            if not isinstance(pair, list | tuple) or len(pair) != 2 or type(pair[0]) is not str:
                raise Refused("an OrderedDict is not made of pairs")
            made[pair[0]] = pair[1]
    return made


def _set(arguments: Sequence[object]) -> object:
    if not arguments:
        return set()
    (items,) = _exactly(arguments, 1)
    if type(items) is not list or not all(type(one) in (str, int) for one in items):
        raise Refused("a set is not made of names")
    return set(items)


def _no_bytes(arguments: Sequence[object]) -> object:
    _exactly(arguments, 0)
    return Raw(memoryview(b""), 0, 0)


def _encode(arguments: Sequence[object]) -> object:
    """`_codecs.encode(text, "latin1")`: how bytes were written before protocol 3."""
    text, encoding = _exactly(arguments, 2)
    if encoding not in _LATIN:
        raise Refused("bytes that are encoded otherwise than by Latin-1")
    if isinstance(text, Text):
        return text.raw
    if not isinstance(text, str):
        raise Refused(f"{_named(text)} instead of text")
    try:
        made = text.encode("latin-1")
    except UnicodeError:
        raise Refused("a text that stands for bytes holds other letters") from None
    return Raw(memoryview(made), 0, len(made))


def _persistent(arguments: Sequence[object]) -> object:
    (meta,) = _exactly(arguments, 1)
    if type(meta) is not dict or len(meta) > _ARGUMENTS:
        raise Refused("a module is not told by a small dict")
    return Persistent(dict(meta))  # as it is now: the file may change its own afterwards


def _tensor(arguments: Sequence[object]) -> object:
    """`_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`."""
    storage, offset, shape, strides, grad, hooks = _exactly(arguments, 6)
    if not isinstance(storage, Storage) or type(grad) is not bool or hooks != {}:
        raise Refused("a tensor without a storage, or with hooks")
    if type(offset) is not int or type(strides) is not tuple:
        raise Refused("a tensor's sizes, strides or offset are no whole numbers of its storage")
    return Tensor(storage, offset, _shape(shape), strides)


def _parameter(arguments: Sequence[object]) -> object:
    tensor, grad, hooks = _exactly(arguments, 3)
    if not isinstance(tensor, Tensor) or type(grad) is not bool or hooks != {}:
        raise Refused("a parameter without a tensor, or with hooks")
    return Tensor(tensor.storage, tensor.offset, tensor.shape, tensor.strides, True)


def _dtype(arguments: Sequence[object]) -> object:
    """`numpy.dtype("f4", False, True)`."""
    letters = arguments[0] if arguments else None
    if not isinstance(letters, str) or letters not in _NUMPY or len(arguments) not in (1, 3):
        raise Refused("numbers of a kind that is not admitted")
    return NumpyType(letters)


def _told(target: NumpyType, state: object) -> None:
    """`(3, "<", None, None, None, -1, -1, 0)`: no structure, no fields, no flags."""
    if target.order or type(state) is not tuple or len(state) != 8:
        raise Refused("a kind of numbers is told twice, or is none")
    order = state[1]
    plain = state[0] == 3 and state[2:5] == (None,) * 3 and state[7] == 0
    if not plain or order not in ("<", "|") or (order == "|") != (target.letters[1] == "1"):
        raise Refused("numbers of a kind that is not admitted")
    target.order = order


def _kind(value: object) -> str:
    """Safetensors' name of a numpy dtype."""
    if not isinstance(value, NumpyType) or not (value.order or value.letters[1] == "1"):
        raise Refused("an array of no kind of numbers")
    return _NUMPY[value.letters]


def _array(kind: str, raw: Raw, shape: tuple[int, ...], fortran: bool) -> Tensor:
    length = raw.length if not raw.encoding else len(raw.view())
    made = Tensor(
        Storage(kind, length // BYTES[kind], raw), 0, shape, steps(shape, fortran=fortran)
    )
    if made.bytes != length:
        raise Refused(f"an array of {made.bytes} bytes in {length}")
    return made


def _reconstruct(arguments: Sequence[object]) -> object:
    """`_reconstruct(ndarray, (0,), b"b")`: an array that BUILD will fill."""
    kind, shape, _ = _exactly(arguments, 3)
    if kind is not Token.NDARRAY or shape != (0,):
        raise Refused("an array of another class")
    return Array()


def _filled(target: Array, state: tuple[object, ...]) -> None:
    """`(1, shape, dtype, is_fortran, bytes)`."""
    if state[0] != 1 or type(state[3]) is not bool:
        raise Refused("the content of an array is none")
    target.tensor = _array(_kind(state[2]), _raw(state[4]), _shape(state[1]), state[3])


def _from_buffer(arguments: Sequence[object]) -> object:
    """`_frombuffer(bytes, dtype, shape, order)`: an array of protocol 5."""
    raw, kind, shape, order = _exactly(arguments, 4)
    if order not in ("C", "F"):
        raise Refused("an array of an order that is not known")
    return Array(_array(_kind(kind), _raw(raw), _shape(shape), order == "F"))


def _scalar(arguments: Sequence[object]) -> object:
    """`scalar(dtype, bytes)`: an array without dimensions, as TensorFlow gives single numbers."""
    kind, raw = _exactly(arguments, 2)
    return Array(_array(_kind(kind), _raw(raw), (), False))


_FUNCTIONS: dict[Token, Callable[[Sequence[object]], object]] = {
    Token.ORDERED_DICT: _ordered_dict,
    Token.SET: _set,
    Token.BYTES: _no_bytes,
    Token.ENCODE: _encode,
    Token.PERSISTENT: _persistent,
    Token.TENSOR: _tensor,
    Token.PARAMETER: _parameter,
    Token.RECONSTRUCT: _reconstruct,
    Token.SCALAR: _scalar,
    Token.FROM_BUFFER: _from_buffer,
    Token.DTYPE: _dtype,
}
