"""Networks against the numbers of the public StyleGAN2 (tests/fixtures/reference/README.md)."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor

from limbeck.config import NetConfig
from limbeck.nets import Discriminator, Generator
from limbeck.ops import strided, winograd

REFERENCE = Path(__file__).parents[1] / "fixtures" / "reference" / "stylegan2_reference.safetensors"
NARROW = {"channel_base": 512, "channel_max": 32, "z_dim": 32}
CONFIGS = {
    "skip32": NetConfig(size=32, w_dim=32, mapping_layers=2, **NARROW),
    "deep64": NetConfig(size=64, w_dim=48, mapping_layers=8, mbstd_group=None, **NARROW),
    "orig16": NetConfig(
        size=16, w_dim=32, mapping_layers=2, g_architecture="orig", d_architecture="orig", **NARROW
    ),
}
pytestmark = pytest.mark.parity


@dataclass
class Case:
    """One reference case: networks filled with its parameters, inputs, outputs, name lists."""

    G: Generator
    D: Discriminator
    given: dict[str, Tensor]
    wanted: dict[str, Tensor]
    names: dict[str, list[str]]


def read(name: str) -> Case:
    parts: dict[str, dict[str, Tensor]] = {"G": {}, "D": {}, "in": {}, "out": {}}
    with safe_open(REFERENCE, "pt") as file:
        about = json.loads(file.metadata()["about"])
        for key in file.keys():  # noqa: SIM118 - not a dict
            case, _, rest = key.partition("/")
            if case == name:
                part, _, leaf = rest.partition("/")
                parts[part][leaf] = file.get_tensor(key)
    G, D = Generator(CONFIGS[name]), Discriminator(CONFIGS[name])
    G.load_state_dict(parts["G"])
    D.load_state_dict(parts["D"])
    names = {k: about[f"{name}/{k}"] for k in ("r1_paramgrad_names", "gen_paramgrad_names")}
    return Case(G, D, parts["in"], parts["out"], names)


@pytest.fixture(params=[256, 1], ids=["plain", "products"])
def convolution(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide layers are convolved in two ways; the reference networks are narrow, so ask for each."""
    monkeypatch.setattr(winograd, "least_channels", lambda: request.param)
    monkeypatch.setattr(strided, "_products_pay", lambda *_: request.param == 1)


@pytest.fixture(params=CONFIGS)
def case(request: pytest.FixtureRequest, convolution: None) -> Case:
    return read(request.param)


def relative(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return float(((a - b).abs().max() / b.abs().max()).detach())


def gradient_norms(module: torch.nn.Module, names: list[str]) -> Tensor:
    """Norm of each named gradient; a parameter without one has norm zero."""
    parameters = dict(module.named_parameters())
    found = [parameters[name].grad for name in names]
    return torch.stack([torch.zeros(()) if g is None else g.norm() for g in found])


def test_names_and_their_order_are_the_public_ones(case: Case) -> None:
    ours = [n for n, _ in case.G.named_parameters()]
    assert sorted(ours) == sorted(case.names["gen_paramgrad_names"])
    assert [n for n, _ in case.D.named_parameters()] == case.names["r1_paramgrad_names"]


@torch.no_grad()
def test_mapping_and_truncation(case: Case) -> None:
    z = case.given["z"]
    assert relative(case.G.mapping(z), case.wanted["ws"]) < 1e-5
    assert relative(case.G.mapping(z, psi=0.7), case.wanted["ws_psi0.7"]) < 1e-5


@torch.no_grad()
def test_pictures(case: Case) -> None:
    z = case.given["z"]
    assert relative(case.G(z, noise="const"), case.wanted["img_const"]) < 1e-5
    assert relative(case.G(z, noise="none"), case.wanted["img_none"]) < 1e-5
    assert relative(case.G.synthesis(case.given["ws_mixed"]), case.wanted["img_mixed"]) < 1e-5


def test_logits_and_r1(case: Case) -> None:
    real = case.wanted["img_const"].clone().requires_grad_(True)
    logits = case.D(real)
    assert relative(logits, case.wanted["logits"]) < 1e-5
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    penalty = gradient.square().sum((1, 2, 3))
    assert relative(penalty, case.wanted["r1_penalty"]) < 1e-4
    penalty.mean().backward()
    norms = gradient_norms(case.D, case.names["r1_paramgrad_names"])
    assert relative(norms, case.wanted["r1_paramgrad_norms"]) < 1e-4


def test_path_lengths(case: Case) -> None:
    ws = case.wanted["ws"].clone().requires_grad_(True)
    product = (case.G.synthesis(ws) * case.given["pl_noise"]).sum()
    (gradient,) = torch.autograd.grad(product, ws)
    lengths = gradient.square().sum(2).mean(1).sqrt()
    assert relative(lengths, case.wanted["pl_lengths"]) < 1e-4


def test_gradient_of_the_generator_loss(case: Case) -> None:
    F.softplus(-case.D(case.G(case.given["z"]))).mean().backward()
    norms = gradient_norms(case.G, case.names["gen_paramgrad_names"])
    assert relative(norms, case.wanted["gen_loss_paramgrad_norms"]) < 1e-4


@torch.no_grad()
def test_bf16_stays_near_fp32(case: Case) -> None:
    case.G.synthesis.compute_dtype = case.D.compute_dtype = torch.bfloat16
    picture = case.G(case.given["z"])
    assert picture.dtype == torch.float32
    assert 1e-5 < relative(picture, case.wanted["img_const"]) < 2e-2
    logits = case.D(case.wanted["img_const"])
    assert logits.dtype == torch.float32
    assert 1e-5 < relative(logits, case.wanted["logits"]) < 5e-2


@torch.no_grad()
def test_real_and_fake_in_one_batch_have_statistics_of_their_own(case: Case) -> None:
    real, fake = case.wanted["img_const"], case.wanted["img_mixed"]
    together = case.D(torch.cat([real, fake]), splits=2)
    assert relative(together, torch.cat([case.D(real), case.D(fake)])) < 1e-5
    assert relative(together[:8], case.wanted["logits"]) < 1e-5
