"""Parameters, gradients and averages of the trained networks, each in one buffer.

What costs one operation a tensor elsewhere (Adam, averages, clearing and averaging gradients, the
check for NaN) is one operation here, and low-precision copies are made once a step instead of once
a use. The networks keep
their names and shapes: their parameters become views. Convolution weights lie channels_last in
memory, so that copies and gradients need no rearranging.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from limbeck.nets.layers import Layer
from limbeck.nets.networks import Networks
from limbeck.ops import squared_norms

_ALIGN = 16  # elements; every tensor begins on a 64-byte line in float32
_CHUNK = 2**18  # elements scaled at a time: 1 MB
_ORDER = ("G", "E", "D")  # the averaged ones first, and side by side


def _view(buffer: Tensor, start: int, like: Tensor, transposed: bool = False) -> Tensor:
    part = buffer[start : start + like.numel()]
    if like.ndim != 4:
        return part.view(like.shape)
    o, i, h, w = like.shape
    if transposed:
        return part.view(i, h, w, o).permute(3, 0, 1, 2)
    return part.view(o, h, w, i).permute(0, 3, 1, 2)


def _places(module: nn.Module, start: int) -> Iterator[tuple[nn.Parameter, int]]:
    for parameter in module.parameters():
        yield parameter, start
        start += -(-parameter.numel() // _ALIGN) * _ALIGN


def _length(module: nn.Module) -> int:
    return sum(-(-p.numel() // _ALIGN) * _ALIGN for p in module.parameters())


def _owners(module: nn.Module) -> dict[nn.Parameter, Layer]:
    """The layers by their weights."""
    found = {}
    for layer in module.modules():
        weight = getattr(layer, "weight", None)
        if isinstance(layer, Layer) and isinstance(weight, nn.Parameter):
            found[weight] = layer
    return found


def _transposed(layer: Layer | None) -> bool:
    return layer is not None and layer.ready_transposed


class Flat:
    """Takes over the parameters of `networks`; afterwards load into them, never replace them.

    Attributes:
        value: float32 [P], parameters of G, E and D in that order.
        grad: float32 [P], their gradients; `parameter.grad` is a view.
        mean: float32 [P'], parameters of G_ema and E_ema, as G and E lie in `value`.

    Args:
        networks: on their device; G, with or without D and E.
        dtype: in which convolutions compute; their weights are kept ready in it.
    """

    def __init__(self, networks: Networks, dtype: torch.dtype) -> None:
        there = networks.members()
        live = {name: there[name] for name in _ORDER if name in there}
        stops, at = {}, 0
        for name, module in live.items():
            stops[name] = slice(at, at + _length(module))
            at = stops[name].stop
        device = next(live["G"].parameters()).device
        self._slices = stops
        self.value = torch.zeros(at, device=device)
        self.grad = torch.zeros(at, device=device)
        averaged = {name: getattr(networks, f"{name}_ema") for name in stops if name != "D"}
        self.mean = torch.zeros(max(stops[name].stop for name in averaged), device=device)
        self._ready = torch.zeros(at, device=device, dtype=dtype)
        self._scratch = torch.zeros(_CHUNK, device=device)
        self._gains: dict[str, list[tuple[slice, float]]] = {name: [] for name in live}
        self._modulated: dict[str, list[Layer]] = {name: [] for name in live}
        with torch.no_grad():
            for name, module in live.items():
                self._adopt(name, module)
            for name, module in averaged.items():
                layers = _owners(module)
                for parameter, start in _places(module, stops[name].start):
                    view = _view(self.mean, start, parameter, _transposed(layers.get(parameter)))
                    parameter.data = view.copy_(parameter)
        self.refresh()

    def _adopt(self, name: str, module: nn.Module) -> None:
        layers = _owners(module)
        for parameter, at in _places(module, self._slices[name].start):
            layer = layers.get(parameter)
            transposed = _transposed(layer)
            parameter.data = _view(self.value, at, parameter, transposed).copy_(parameter)
            parameter.grad = _view(self.grad, at, parameter, transposed)
            if layer is None or parameter.ndim != 4:
                continue
            layer.ready = _view(self._ready, at, parameter, transposed)
            place = slice(at, at + parameter.numel())
            self._gains[name].append((place, layer.ready_gain))
            if layer.modulated:
                layer.norms = squared_norms(parameter)
                self._modulated[name].append(layer)

    @property
    def dtype(self) -> torch.dtype:
        """In which convolutions compute."""
        return self._ready.dtype

    def part(self, names: Sequence[str]) -> slice:
        """Where the networks `names` lie in the buffers, with what lies between them."""
        slices = [self._slices[name] for name in names]
        return slice(min(s.start for s in slices), max(s.stop for s in slices))

    @torch.no_grad()
    def refresh(self, names: Sequence[str] | None = None) -> None:
        """Bring what is kept ready of `names` (None = all) up to date; after every change."""
        for name in self._slices if names is None else names:
            if self.value.is_cuda:  # few launches; elsewhere little traffic
                places, gains = zip(*self._gains[name], strict=True)
                scaled = torch._foreach_mul([self.value[place] for place in places], list(gains))
                torch._foreach_copy_([self._ready[place] for place in places], scaled)
                self._refresh_norms(name)
                continue
            for place, gain in self._gains[name]:
                if gain == 1:
                    self._ready[place].copy_(self.value[place])
                    continue
                for start in range(place.start, place.stop, _CHUNK):  # scaled within the cache
                    part = slice(start, min(start + _CHUNK, place.stop))
                    chunk = self._scratch[: part.stop - part.start]
                    self._ready[part].copy_(torch.mul(self.value[part], gain, out=chunk))
            self._refresh_norms(name)

    def _refresh_norms(self, name: str) -> None:
        for layer in self._modulated[name]:
            weight, norms = layer.weight, layer.norms
            assert isinstance(weight, Tensor)
            assert norms is not None
            norms.copy_(squared_norms(weight))

    @torch.no_grad()
    def average(self, weight: float) -> None:
        """Move the averages towards G and E by `weight`."""
        self.mean.lerp_(self.value[: len(self.mean)], weight)
