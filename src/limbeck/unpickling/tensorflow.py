"""Networks of the TensorFlow era: `(G, D, Gs)`, each with its variables and components."""

import re
from collections.abc import Sequence

from limbeck.unpickling.found import FoundFile, FoundNetwork, power_of_two
from limbeck.unpickling.plain import plain
from limbeck.unpickling.refusals import Budget, Refused, shown
from limbeck.unpickling.tokens import Network, Text, Token

ROLES = ("G", "D", "Gs")
_LEVELS = 4
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_STATE = {
    "version", "name", "static_kwargs", "components", "build_module_src", "build_func_name",
    "variables",
}  # fmt: skip
_VERSIONS = range(2, 6)
_UNTRAINED = re.compile(r"(?:.*/)?(?:dlatent_avg|lod|noise\d+)")


def is_tensorflow(top: object) -> bool:
    """Whether it is three networks."""
    kinds = [isinstance(one, Network) for one in top] if isinstance(top, tuple | list) else []
    return len(kinds) == len(ROLES) and all(kinds)


def read_tensorflow(top: Sequence[object], budget: Budget) -> FoundFile:
    """The networks, their variables named `component/variable`.

    Raises:
        Refused: names the network and variable at fault.
    """
    networks = {}
    for role, one in zip(ROLES, top, strict=True):
        made = networks[role] = FoundNetwork()
        _walk(one, "", role, made, budget, 0)
        made.class_name = str(made.modules[""]["class_name"])
        kwargs = made.modules[""]["attributes"]
        made.init_kwargs = kwargs if isinstance(kwargs, dict) else {}
    resolution = power_of_two(networks["Gs"].init_kwargs.get("resolution"))
    return FoundFile(kind="tensorflow", networks=networks, resolution=resolution)


def _walk(
    network: object, path: str, role: str, made: FoundNetwork, budget: Budget, level: int
) -> None:
    where = f"{role} {path}".rstrip("/ ")
    budget.spend("modules")
    state = network.state if isinstance(network, Network) else None
    if level > _LEVELS or state is None or network.token is not Token.NETWORK:  # type: ignore[attr-defined]
        raise Refused(f"{where} is no network, or lies too deep in others")
    if state.keys() != _STATE or type(state["version"]) is not int:
        raise Refused(f"{where} is told otherwise than the TensorFlow era told networks")
    if state["version"] not in _VERSIONS:
        raise Refused(f"{where}: version {state['version']} of networks is not known")
    name, source = state["build_func_name"], state["build_module_src"]
    if type(name) is not str or not _NAME.fullmatch(name):
        raise Refused(f"{where} has no name of its function")
    if type(source) is not str and not isinstance(source, Text):
        raise Refused(f"{where}: its source is no text")
    kwargs = plain(state["static_kwargs"], f"{where}: static_kwargs", budget)
    variables, components = state["variables"], state["components"]
    if not isinstance(kwargs, dict) or type(variables) is not list or type(components) is not dict:
        raise Refused(f"{where} has no arguments, variables or components")
    made.modules[path.rstrip("/")] = {"class_name": name, "attributes": kwargs}
    for row in variables:
        if type(row) is not tuple or len(row) != 2 or type(row[0]) is not str:
            raise Refused(f"{where}: a variable is no pair of name and value")
        trained = _UNTRAINED.fullmatch(row[0]) is None
        made.add(path + row[0], row[1], trained, budget)
    for key, value in components.items():
        if type(key) is not str or not _NAME.fullmatch(key):
            raise Refused(f"{where}: a component is named {shown(repr(key))}")
        _walk(value, f"{path}{key}/", role, made, budget, level + 1)
