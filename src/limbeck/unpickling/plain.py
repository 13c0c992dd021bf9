"""Arguments and attributes as plain JSON values; anything else is refused by its place."""

from math import isfinite, prod

import numpy as np

from limbeck.unpickling.refusals import Budget, Refused, shown
from limbeck.unpickling.tokens import Array, Network, Tensor, Text, Token

_LEVELS = 24
_NUMBERS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
            "I8": "<i1", "U8": "<u1", "BOOL": "?"}  # fmt: skip
_MOST = 65_536  # numbers of an array that is an attribute


def plain(value: object, where: str, budget: Budget, level: int = 0) -> object:
    """A JSON value: tuples and sets become lists, numpy arrays lists of numbers.

    Args:
        value: what a pickle held.
        where: names it in errors.
        budget: what is left to spend.
        level: of nesting so far.

    Raises:
        Refused: a token, a number that is not finite, values within values without end.
    """
    budget.spend("values")
    if level > _LEVELS:
        raise Refused(f"{where} holds values within values, more than {_LEVELS}")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) >= 1 << 63:
            raise Refused(f"{where} is a number of more than 64 bits")
        return value
    if isinstance(value, float):
        return _finite(value, where)
    if isinstance(value, list | tuple):
        return [plain(one, where, budget, level + 1) for one in value]
    if isinstance(value, set):
        return [plain(one, where, budget, level + 1) for one in sorted(value, key=str)]
    if isinstance(value, dict):
        return {
            _name(key, where): plain(one, f"{where}.{shown(str(key), 40)}", budget, level + 1)
            for key, one in value.items()
        }
    if isinstance(value, Network) and value.token is Token.NAMESPACE and value.state is not None:
        return plain(value.state, where, budget, level + 1)
    if isinstance(value, Array) and value.tensor is not None:
        return _numbers(value.tensor, where, budget)
    what = "a long text" if isinstance(value, Text) else f"a {type(value).__name__}"
    raise Refused(f"{where} is {what}, no plain value")


def _finite(value: float, where: str) -> float:
    if not isfinite(value):
        raise Refused(f"{where} is not finite")
    return value


def _name(key: object, where: str) -> str:
    if type(key) is not str:
        raise Refused(f"{where} has a key that is no text")
    return key


def _numbers(tensor: Tensor, where: str, budget: Budget) -> object:
    count = tensor.storage.count
    if count > _MOST or tensor.storage.raw is None or tensor.storage.dtype not in _NUMBERS:
        raise Refused(f"{where} is an array of {count} numbers, no plain value")
    lists = sum(prod(tensor.shape[:i]) for i in range(1, len(tensor.shape)))  # also empty ones
    budget.spend("values", count + lists)
    flat = np.frombuffer(tensor.storage.raw.view(), _NUMBERS[tensor.storage.dtype])
    if not np.isfinite(flat).all():
        raise Refused(f"{where} is not finite")
    made = flat.reshape(tensor.shape) if tensor.dense else flat.reshape(tensor.shape[::-1]).T
    found: object = made.tolist()
    return found
