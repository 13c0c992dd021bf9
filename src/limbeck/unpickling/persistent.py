"""Networks of the PyTorch era: modules that were told by class name and state."""

import re
from collections.abc import Iterable, Mapping

from limbeck.unpickling.found import FoundFile, FoundNetwork, Json, power_of_two
from limbeck.unpickling.plain import plain
from limbeck.unpickling.refusals import Budget, Refused, shown
from limbeck.unpickling.tokens import Persistent, Text

ROLES = ("G", "D", "G_ema")
_META = {"type", "version", "module_src", "class_name", "state"}
_VERSIONS = range(1, 7)
_LEVELS = 16
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_HELD = ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set")
_PASSED = ("training", *_HELD, "_init_args", "_init_kwargs")


def read_persistent(top: Mapping[object, object], budget: Budget) -> FoundFile:
    """The networks of a dict `G, D, G_ema, augment_pipe, training_set_kwargs`.

    Raises:
        Refused: names the module and attribute at fault.
    """
    networks = {}
    for role in ROLES:
        one = top.get(role)
        if isinstance(one, Persistent):
            networks[role] = _network(one, role, budget)
        elif one is not None:
            raise Refused(f"{role} is no module but a {type(one).__name__}")
    told = top.get("training_set_kwargs")
    training_set = plain(told, "training_set_kwargs", budget) if told is not None else {}
    if not isinstance(training_set, dict):
        raise Refused("training_set_kwargs is no dict")
    facts, left_out = _others(top, budget)
    first = networks.get("G_ema") or next(iter(networks.values()))
    attributes = first.modules[""]["attributes"]
    side = attributes.get("img_resolution") if isinstance(attributes, dict) else None
    images = facts.get("cur_nimg")
    return FoundFile(
        kind="stylegan3" if "synthesis.input" in first.modules else "stylegan2-ada",
        networks=networks,
        resolution=power_of_two(side),
        kimg=images / 1000 if type(images) is int and images >= 0 else None,
        training_set=training_set, facts=facts, left_out=left_out,
    )  # fmt: skip


def _others(top: Mapping[object, object], budget: Budget) -> tuple[Json, list[str]]:
    """What else the file holds: plain values, and names of what is none."""
    facts: Json = {}
    left_out = []
    for key, value in top.items():
        if key in ROLES or key == "training_set_kwargs":
            continue
        name = shown(str(key))
        if isinstance(value, bool | int | float | str):
            facts[name] = plain(value, name, budget)
        elif value is not None:
            left_out.append(name)
    return facts, left_out


def _network(root: Persistent, role: str, budget: Budget) -> FoundNetwork:
    made = FoundNetwork()
    state = _walk(root, "", role, made, budget, 0)
    made.class_name = str(made.modules[""]["class_name"])
    args = plain(state.get("_init_args", ()), f"{role}: its arguments", budget)
    kwargs = plain(state.get("_init_kwargs", {}), f"{role}: its arguments", budget)
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise Refused(f"{role}: its arguments are none")
    made.init_args, made.init_kwargs = args, kwargs
    return made


def _walk(
    module: Persistent, path: str, role: str, made: FoundNetwork, budget: Budget, level: int
) -> Mapping[object, object]:
    """Note a module and those within it; returns its state."""
    where = f"{role} {path}".rstrip()
    budget.spend("modules")
    if level > _LEVELS:
        raise Refused(f"{where}: modules within modules, more than {_LEVELS}")
    name, state = _meta(module, where)
    dot = f"{path}." if path else ""
    unsaved = state.get("_non_persistent_buffers_set", set())
    if type(unsaved) not in (set, list):
        raise Refused(f"{where}: its unsaved buffers are no set")
    for key, value in _held(state, "_parameters", where):
        if value is not None:
            made.add(dot + key, value, True, budget)
    for key, value in _held(state, "_buffers", where):
        if value is not None and key not in unsaved:  # type: ignore[operator]
            made.add(dot + key, value, False, budget)
    attributes: Json = {}
    for key, value in _named(state, "it", where):
        if "hook" in key:
            if value not in (None, False, True) and value != {}:
                raise Refused(f"{where}: {key} is not empty")
        elif key not in _PASSED:
            attributes[key] = plain(value, f"{where}: {key}", budget)
    made.modules[path] = {"class_name": name, "attributes": attributes}
    for key, value in _held(state, "_modules", where):
        if isinstance(value, Persistent):
            _walk(value, dot + key, role, made, budget, level + 1)
        elif value is not None:
            raise Refused(f"{where}: {key} is no module but a {type(value).__name__}")
    return state


def _meta(module: Persistent, where: str) -> tuple[str, Mapping[object, object]]:
    """Class name and state; the source text is passed over."""
    meta = module.meta
    name, state = meta.get("class_name"), meta.get("state")
    if meta.keys() != _META or meta["type"] != "class" or type(meta["version"]) is not int:
        raise Refused(f"{where}: a module is told otherwise than by type, version, source, class, "
                      "state")  # fmt: skip
    if meta["version"] not in _VERSIONS:
        raise Refused(f"{where}: version {meta['version']} of persistence is not known")
    if type(meta["module_src"]) is not str and not isinstance(meta["module_src"], Text):
        raise Refused(f"{where}: its source is no text")
    if type(name) is not str or not _NAME.fullmatch(name) or type(state) is not dict:
        raise Refused(f"{where}: a module has no class name, or no state")
    return name, state


def _held(state: Mapping[object, object], what: str, where: str) -> Iterable[tuple[str, object]]:
    found = state.get(what, {})
    if type(found) is not dict:
        raise Refused(f"{where}: {what} is no dict")
    return _named(found, what, where)


def _named(found: Mapping[object, object], what: str, where: str) -> Iterable[tuple[str, object]]:
    for key, value in found.items():
        if type(key) is not str or not _NAME.fullmatch(key):
            raise Refused(f"{where}: {what} has the name {shown(repr(key))}")
        yield key, value
