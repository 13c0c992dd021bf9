"""What was found in a file, before it is written."""

import re
from dataclasses import dataclass, field

from limbeck.unpickling.refusals import Budget, Refused, shown
from limbeck.unpickling.tokens import Array, Tensor

MOST_NETWORKS = 4
"""Of any layout: G, D, G_ema and one more."""
_NAME = re.compile(r"[A-Za-z0-9_./:+-]{1,256}")
Json = dict[str, object]


@dataclass
class Leaf:
    """A tensor of a network; `parameter` is None where the file does not tell."""

    tensor: Tensor
    parameter: bool | None


@dataclass
class FoundNetwork:
    """One network: see `records.NetworkRecord`."""

    class_name: str = ""
    init_args: list[object] = field(default_factory=list)
    init_kwargs: Json = field(default_factory=dict)
    tensors: dict[str, Leaf] = field(default_factory=dict)
    modules: dict[str, Json] = field(default_factory=dict)

    def add(self, name: object, value: object, parameter: bool | None, budget: Budget) -> None:
        """Note a tensor.

        Raises:
            Refused: no name, a name twice, or no tensor.
        """
        if isinstance(value, Array):
            value = value.tensor
        if type(name) is not str or not _NAME.fullmatch(name):
            raise Refused(f"a tensor is named {shown(repr(name))}")
        if not isinstance(value, Tensor):
            raise Refused(f"{name} is no tensor but a {type(value).__name__}")
        if name in self.tensors:
            raise Refused(f"two tensors are named {name}")
        budget.spend("tensors")
        told = value.parameter or None
        self.tensors[name] = Leaf(value, told if parameter is None else parameter)


@dataclass
class FoundFile:
    """A file: see `records.NetworkFile`."""

    kind: str
    networks: dict[str, FoundNetwork]
    resolution: int | None = None
    kimg: float | None = None
    training_set: Json = field(default_factory=dict)
    facts: Json = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    licence: str | None = None

    def described(self) -> Json:
        """As JSON, without the numbers of its tensors."""
        return {
            "kind": self.kind,
            "resolution": self.resolution,
            "kimg": self.kimg,
            "licence": self.licence or _licence(self.facts) or _licence(self.training_set),
            "training_set": self.training_set,
            "facts": self.facts,
            "left_out": self.left_out,
            "networks": {role: _described(one) for role, one in self.networks.items()},
        }


def _licence(facts: Json) -> str | None:
    for name, value in facts.items():
        if name.lower() in ("license", "licence") and isinstance(value, str):
            return value
    return None


def _described(network: FoundNetwork) -> Json:
    return {
        "class_name": network.class_name,
        "init_args": network.init_args,
        "init_kwargs": network.init_kwargs,
        "tensors": {
            name: {
                "dtype": leaf.tensor.storage.dtype,
                "shape": list(leaf.tensor.shape),
                "parameter": leaf.parameter,
            }
            for name, leaf in network.tensors.items()
        },
        "modules": network.modules,
    }


def power_of_two(value: object) -> int | None:
    """A side in pixels, if it is one that networks have."""
    if type(value) is int and 4 <= value <= 8192 and value & (value - 1) == 0:
        return value
    return None
