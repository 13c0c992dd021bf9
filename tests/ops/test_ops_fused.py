"""Scale, bias, noise and leaky ReLU in one pass: the plain form, its twin, and who takes which."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.config import NetConfig
from limbeck.nets import Discriminator, Generator, Layer
from limbeck.ops import epilogue, fused, fused_epilogue

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
CASES = [(True, 2), (True, 1), (True, 0), (False, 0)]  # scaled, rows of noise


def given(scaled: bool, noise_rows: int, dtype: torch.dtype = torch.float64) -> list[Tensor | None]:
    rng = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=dtype)

    y, scale, bias = draw(2, 3, 4, 5), draw(2, 3, 1, 1), draw(1, 3, 1, 1)
    noise = draw(noise_rows, 1, 4, 5) if noise_rows else None
    return [y, scale if scaled else None, bias, noise]


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("LIMBECK_FUSED", raising=False)
    fused._trouble.cache_clear()
    yield
    fused._trouble.cache_clear()


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin's own algebra, without waiting for a compiler."""
    monkeypatch.setattr(fused, "_compiled", lambda function: function)


@pytest.mark.parametrize(("scaled", "rows"), CASES)
@pytest.mark.parametrize("gradients", [True, False])
def test_the_plain_form_is_its_formula(scaled: bool, rows: int, gradients: bool):
    y, scale, bias, noise = given(scaled, rows)
    assert y is not None
    assert bias is not None
    z = y * (1 if scale is None else scale) + bias + (0 if noise is None else noise)
    with torch.set_grad_enabled(gradients):
        found = epilogue(y.clone(), scale, bias, noise)
    torch.testing.assert_close(found, F.leaky_relu(z, 0.2))


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(("scaled", "rows"), CASES)
def test_the_twin_has_the_plain_form_s_derivatives(scaled: bool, rows: int):
    inputs = [None if t is None else t.requires_grad_(True) for t in given(scaled, rows)]
    leaves = [t for t in inputs if t is not None]

    def twin(*tensors: Tensor) -> Tensor:
        rest = iter(tensors)
        return epilogue(*[None if t is None else next(rest) for t in inputs], fused=True)

    wanted = torch.autograd.grad(epilogue(*inputs).square().sum(), leaves)
    found = torch.autograd.grad(twin(*leaves).square().sum(), leaves)
    torch.testing.assert_close(found, wanted)
    assert torch.autograd.gradcheck(twin, leaves)
    assert torch.autograd.gradgradcheck(twin, leaves)


@pytest.mark.usefixtures("uncompiled")
def test_networks_with_the_twin_are_the_networks():
    net = NetConfig(size=16, z_dim=16, w_dim=16, channel_base=128, channel_max=16)
    G, D = Generator(net, 0), Discriminator(net, 0)
    with torch.no_grad():
        for p in (*G.parameters(), *D.parameters()):
            p.add_(0.1)
    parameters = [*G.synthesis.parameters(), *D.parameters()]
    z = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    found = []
    for twin in (False, True):
        for layer in (*G.modules(), *D.modules()):
            if isinstance(layer, Layer):
                layer.fused = twin
        logits = D(G(z))
        found.append([logits, *torch.autograd.grad(logits.sum(), parameters)])
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    ("asked", "device", "size", "taken", "why"),
    [
        (None, CPU, 512, False, "CUDA"),
        (None, CUDA, 256, False, "512 px"),
        ("0", CUDA, 1024, False, "LIMBECK_FUSED=0"),
        ("1", CPU, 64, True, "equal to the plain"),
    ],
)
def test_who_takes_the_twin_and_why(
    asked: str | None,
    device: torch.device,
    size: int,
    taken: bool,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
):
    if asked is not None:
        monkeypatch.setenv("LIMBECK_FUSED", asked)
    found = fused_epilogue(device, size)
    assert found[0] == taken
    assert why in found[1]


def _breaks(function: Callable[..., Any]) -> Callable[..., Any]:
    raise RuntimeError("it raised:\nno compiler\nthird line")


def _lies(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda y, *rest: y * 1.01


@pytest.mark.parametrize(("twin", "why"), [(_breaks, "no compiler"), (_lies, "differ")])
def test_trouble_means_the_plain_form(
    twin: Callable[..., Any], why: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LIMBECK_FUSED", "1")
    monkeypatch.setattr(fused, "_compiled", twin)
    if twin is _lies:
        monkeypatch.setattr(fused, "_compiled", lambda f: _lies(f) if f is fused._forward else f)
    taken, reason = fused_epilogue(CPU, 64)
    assert not taken
    assert why in reason
    assert "third line" not in reason


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, while compiling
def test_the_compiled_twin_on_this_machine(monkeypatch: pytest.MonkeyPatch):
    """What TorchInductor makes of it, on the CPU; needs a C++ compiler."""
    monkeypatch.setenv("LIMBECK_FUSED", "1")
    assert fused_epilogue(CPU, 64) == (True, "compiled by TorchInductor, equal to the plain")
    for dtype, limit in ((torch.float32, 1e-5), (torch.bfloat16, 5e-2)):
        for scaled, rows in CASES:
            inputs = [
                None if t is None else t.detach().requires_grad_(True)
                for t in given(scaled, rows, dtype)
            ]
            leaves = [t for t in inputs if t is not None]
            found = []
            for twin in (False, True):
                out = epilogue(*inputs, fused=twin)
                (first,) = torch.autograd.grad(out.sum(), leaves[0], create_graph=True)
                found.append([out, *torch.autograd.grad(out.square().sum() + first.sum(), leaves)])
            for a, b in zip(*found, strict=True):
                torch.testing.assert_close(a, b, rtol=limit, atol=limit)
