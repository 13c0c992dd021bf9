"""State dicts: what `torch.save` wrote of networks whose code is elsewhere, and safetensors.

Layouts: rosinality's stylegan2-pytorch (`g, d, g_ema, latent_avg, args`), lucidrains'
stylegan2_pytorch (`GAN, version`), and state dicts alone, told by their names.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from limbeck.unpickling.found import FoundFile, FoundNetwork, Json, power_of_two
from limbeck.unpickling.plain import plain
from limbeck.unpickling.refusals import Budget, Refused, Unknown, shown
from limbeck.unpickling.tokens import Network, Tensor

REST = "rest"
"""The role of tensors that belong to no network, as rosinality's `latent_avg`."""
_ROSINALITY = {"g": "G", "d": "D", "g_ema": "G_ema"}
_LUCIDRAINS = {"S": "G", "G": "G", "D": "D", "SE": "G_ema", "GE": "G_ema"}
_BUFFER = re.compile(r"(?:.*\.)?(?:kernel|noise_\d+|f|running_mean|running_var|latent_avg|"
                     r"num_batches_tracked|resample_filter|noise_const|w_avg|up_filter|"
                     r"down_filter|magnitude_ema|freqs|phases|transform)")  # fmt: skip
_ALONE: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"synthesis\.b\d+\.conv1\.weight"), "stylegan2-ada", "G_ema"),
    (re.compile(r"synthesis\.input\.freqs"), "stylegan3", "G_ema"),
    (re.compile(r"b\d+\.fromrgb\.weight"), "stylegan2-ada", "D"),
    (re.compile(r"conv1\.conv\.modulation\.weight"), "rosinality", "G_ema"),
    (re.compile(r"final_conv\.0\.weight"), "rosinality", "D"),
)
_SIDES: dict[str, Callable[[Iterable[str]], int]] = {
    "rosinality": lambda names: 4 << _distinct(r"to_rgbs\.(\d+)\.", names),
    "lucidrains": lambda names: 2 << _distinct(r"GE?\.blocks\.(\d+)\.", names),
    "stylegan2-ada": lambda names: max(
        (int(side) for name in names for side in re.findall(r"\bb(\d{1,4})\.", name)), default=0
    ),
    "stylegan3": lambda names: 0,
}


def _distinct(pattern: str, names: Iterable[str]) -> int:
    found = (re.match(pattern, name) for name in names)
    return min(len({match[1] for match in found if match}), 12)


def read_state(top: object, budget: Budget) -> FoundFile:
    """The networks of a `.pt` file.

    Raises:
        Refused: no layout that is known, or names what is at fault.
    """
    if type(top) is not dict or not all(type(key) is str for key in top):
        raise Unknown("it holds no dict of networks or tensors")
    if any(type(top.get(key)) is dict for key in _ROSINALITY):
        return _rosinality(top, budget)
    if type(top.get("GAN")) is dict:
        version = {k: plain(v, k, budget) for k, v in top.items() if k != "GAN"}
        return _lucidrains(top["GAN"], version, budget)
    if top and all(isinstance(value, Tensor) for value in top.values()):
        if any(key.startswith(("GE.", "SE.")) for key in top):
            return _lucidrains(top, {}, budget)
        return _alone(top, budget)
    names = ", ".join(shown(key, 30) for key in list(top)[:6])
    raise Unknown(f"it is of no layout that limbeck knows: {names}")


def _rosinality(top: Mapping[str, object], budget: Budget) -> FoundFile:
    networks: dict[str, FoundNetwork] = {}
    facts: Json = {}
    left_out = []
    for key, value in top.items():
        if key in _ROSINALITY:
            networks[_ROSINALITY[key]] = _network(value, budget)
        elif isinstance(value, Tensor):
            networks.setdefault(REST, FoundNetwork()).add(key, value, False, budget)
        elif isinstance(value, Network) or type(value) in (int, float, str, bool):
            facts[shown(key)] = plain(value, key, budget)
        elif value is not None:
            left_out.append(shown(key))
    return _file("rosinality", networks, facts, left_out)


def _lucidrains(state: Mapping[object, object], facts: Json, budget: Budget) -> FoundFile:
    """Style network and generator make one network; what repeats others is left out."""
    networks: dict[str, FoundNetwork] = {}
    left_out = []
    for name, value in state.items():
        role = _LUCIDRAINS.get(str(name).partition(".")[0])
        if role is None:
            left_out.append(shown(str(name)))
            continue
        networks.setdefault(role, FoundNetwork()).add(name, value, _kept(str(name)), budget)
    if not networks:
        raise Unknown("it is of no layout that limbeck knows: GAN without networks")
    return _file("lucidrains", networks, facts, left_out)


def _alone(state: Mapping[str, object], budget: Budget) -> FoundFile:
    """The tensors of one network."""
    for pattern, kind, role in _ALONE:
        if any(pattern.fullmatch(name) for name in state):
            return _file(kind, {role: _network(state, budget)}, {}, [])
    names = ", ".join(shown(key, 30) for key in list(state)[:6])
    raise Unknown(f"it is a state dict of no layout that limbeck knows: {names}")


def read_named(tensors: Mapping[str, Tensor], facts: Json, budget: Budget) -> FoundFile:
    """The tensors of a safetensors file; names that begin with `G/`, `D/`, `G_ema/` or `Gs/` tell
    the network, others are G_ema's.

    Raises:
        Refused: a name that no tensor has.
    """
    networks: dict[str, FoundNetwork] = {}
    for name, tensor in tensors.items():
        role, slash, rest = name.partition("/")
        if not slash or role not in ("G", "D", "G_ema", "Gs"):
            role, rest = "G_ema", name
        networks.setdefault(role, FoundNetwork()).add(rest, tensor, None, budget)
    return FoundFile(kind="safetensors", networks=networks, facts=facts)


def _network(state: object, budget: Budget) -> FoundNetwork:
    if type(state) is not dict:
        raise Refused("a network is told by no dict")
    made = FoundNetwork()
    for name, value in state.items():
        made.add(name, value, _kept(str(name)), budget)
    return made


def _kept(name: str) -> bool:
    """Whether its name is a parameter's."""
    return _BUFFER.fullmatch(name) is None


def _file(
    kind: str, networks: dict[str, FoundNetwork], facts: Json, left_out: list[str]
) -> FoundFile:
    names = [name for role in ("G_ema", "G", "D") for name in _names(networks.get(role))]
    return FoundFile(
        kind=kind, networks=networks, resolution=power_of_two(_SIDES[kind](names)), facts=facts,
        left_out=left_out,
    )  # fmt: skip


def _names(network: FoundNetwork | None) -> Iterable[str]:
    return network.tensors if network is not None else ()
