"""What a pickle's objects become: inert records of what was said, never the objects themselves."""

from dataclasses import dataclass, field
from enum import Enum
from math import prod

from limbeck.kit.stored import BYTES
from limbeck.unpickling.refusals import Refused

DIMENSIONS = 8


class Token(Enum):
    """Functions and classes that a network's pickle may name."""

    ORDERED_DICT = "collections.OrderedDict"
    SET = "set"
    BYTES = "bytes"
    ENCODE = "_codecs.encode"
    EASY_DICT = "dnnlib.EasyDict"
    PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
    NETWORK = "dnnlib.tflib.network.Network"
    NAMESPACE = "argparse.Namespace"
    TENSOR = "torch._utils._rebuild_tensor_v2"
    PARAMETER = "torch._utils._rebuild_parameter"
    STORAGE = "torch.storage._load_from_bytes"
    RECONSTRUCT = "numpy._core.multiarray._reconstruct"
    SCALAR = "numpy._core.multiarray.scalar"
    FROM_BUFFER = "numpy._core.numeric._frombuffer"
    NDARRAY = "numpy.ndarray"
    DTYPE = "numpy.dtype"


@dataclass(frozen=True)
class StorageType:
    """`torch.FloatStorage` and the like; `dtype` by its safetensors name."""

    dtype: str


class Raw:
    """Bytes that lie in the file, or in a text of it that stands for them; none are held.

    Before protocol 3, bytes are pickled as a text of as many letters, encoded as Latin-1.

    Args:
        source: the file, or bytes of their own.
        start, length: where in it.
        encoding: of the text; empty where the bytes are themselves there.
    """

    __slots__ = ("_take", "encoding", "length", "source", "start")

    def __init__(self, source: memoryview, start: int, length: int, encoding: str = "") -> None:
        self.source, self.start, self.length, self.encoding = source, start, length, encoding
        self._take: slice | None = None

    def view(self) -> memoryview:
        """The bytes; of a text they are made anew each time.

        Raises:
            Refused: the text is none, or its letters are no bytes.
        """
        there = self.source[self.start : self.start + self.length]
        if not self.encoding:
            return there
        try:
            made = memoryview(str(there, self.encoding).encode("latin-1"))
        except UnicodeError:
            raise Refused("a text that stands for bytes holds other letters", self.start) from None
        return made if self._take is None else made[self._take]

    def part(self, start: int, length: int) -> "Raw":
        """Some of them."""
        if not self.encoding:
            return Raw(self.source, self.start + start, length)
        made = Raw(self.source, self.start, self.length, self.encoding)
        made._take = slice(start, start + length)
        return made


@dataclass(frozen=True, eq=False)
class Text:
    """A text too long to be a name or a value; it stays in the file."""

    raw: Raw


@dataclass(eq=False)
class Storage:
    """Numbers in a row; where they lie is known once their stream was read to its end."""

    dtype: str
    count: int
    raw: Raw | None = None


@dataclass(frozen=True, eq=False)
class Tensor:
    """A view of a storage; `offset` and `strides` count elements.

    Raises:
        Refused: it leaves its storage, or two of its elements share a place.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    parameter: bool = False

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.strides) or len(self.shape) > DIMENSIONS:
            raise Refused(f"a tensor has {len(self.shape)} sizes and {len(self.strides)} strides")
        numbers = (self.offset, *self.shape, *self.strides)
        if any(type(n) is not int or not 0 <= n < 1 << 48 for n in numbers):
            raise Refused("a tensor's sizes, strides or offset are no whole numbers of its storage")
        if 0 in self.shape:
            return
        extent = 1
        pairs = zip(self.shape, self.strides, strict=True)
        for stride, size in sorted((st, si) for si, st in pairs if si > 1):
            if stride < extent:
                raise Refused(f"a tensor's elements overlap: {self.shape} by {self.strides}")
            extent += (size - 1) * stride
        if self.offset + extent > self.storage.count:
            raise Refused(
                f"a tensor of {self.shape} by {self.strides} leaves its storage of "
                f"{self.storage.count} numbers"
            )

    @property
    def bytes(self) -> int:
        """Of its elements."""
        return prod(self.shape) * BYTES[self.storage.dtype]

    @property
    def dense(self) -> bool:
        """Whether its elements lie in C order without gaps."""
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != step:
                return 0 in self.shape
            step *= size
        return True


def steps(shape: tuple[int, ...], *, fortran: bool = False) -> tuple[int, ...]:
    """Strides of a dense array, in elements."""
    if fortran:
        return tuple(reversed(steps(tuple(reversed(shape)))))
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


@dataclass(eq=False)
class NumpyType:
    """`numpy.dtype`: its letters, and the byte order once it is told."""

    letters: str
    order: str = ""


@dataclass(eq=False)
class Array:
    """`numpy.ndarray`; empty until it is built."""

    tensor: Tensor | None = None


@dataclass(eq=False)
class Persistent:
    """A module of the PyTorch era: `type, version, module_src, class_name, state`."""

    meta: dict[object, object]


@dataclass(eq=False)
class Network:
    """A network of the TensorFlow era, or an `argparse.Namespace`; `state` once it is built."""

    token: Token
    state: dict[object, object] | None = field(default=None)
