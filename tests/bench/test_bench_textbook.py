"""The baseline is the same mathematics, and the benchmark's figures are consistent."""

import json

import pytest
import torch

from limbeck.bench import bench_infer, bench_ops, bench_train, textbook
from limbeck.cli.bench import _parts
from limbeck.kit.rng import generator
from limbeck.nets import Networks
from limbeck.ops import strided, winograd
from limbeck.presets import preset


@pytest.fixture
def nets() -> Networks:
    networks = Networks.create(preset("smoke").net, 0)
    with torch.no_grad():
        for name, parameter in networks.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(generator=generator("bias", name))
    return networks


def test_pictures_logits_and_gradients_are_limbecks(nets: Networks):
    z = torch.randn(4, nets.G.z_dim, generator=generator("z"))
    w = textbook.mapping(nets.G, z)
    torch.testing.assert_close(w, nets.G.mapping.w(z), rtol=1e-5, atol=1e-6)
    ws = nets.G.broadcast(w.detach())
    found = {}
    for name, generate, judge in (
        ("limbeck", lambda: nets.G.synthesis(ws, noise="none"), nets.D),
        ("textbook", lambda: textbook.synthesis(nets.G, ws, noise=False),
         lambda x: textbook.discriminator(nets.D, x)),
    ):  # fmt: skip
        nets.zero_grad(set_to_none=True)
        picture = generate()
        logits = judge(picture)
        torch.autograd.backward(logits.square().sum())
        grads = {k: p.grad.clone() for k, p in nets.named_parameters() if p.grad is not None}
        found[name] = (picture.detach(), logits.detach(), grads)
    for a, b in zip(found["limbeck"][:2], found["textbook"][:2], strict=True):
        assert (a - b).abs().max() / b.abs().max() < 1e-5
    ours, theirs = found["limbeck"][2], found["textbook"][2]
    shared = [k for k in theirs if k in ours]
    assert len(shared) > 20
    for key in shared:
        scale = theirs[key].abs().max().clamp_min(1e-6)
        assert (ours[key] - theirs[key]).abs().max() / scale < 1e-4, key


def test_bench_train_adds_up():
    found = bench_train(preset("smoke").replace(**{"train.batch": 4}), repeats=2)
    row = found["contestants"]["fp32"]
    assert sum(row["share"].values()) == pytest.approx(1, abs=0.01)
    weights = {"G": 1, "G-path": 0.25, "D": 1, "D-R1": 1 / 16, "average": 1}
    whole = sum(row["phases"][k]["wall"]["median"] * w for k, w in weights.items())
    assert row["seconds"]["wall"] == pytest.approx(whole)
    base = found["contestants"]["textbook"]["seconds"]["wall"]
    assert found["ratio_fp32"]["wall"] == pytest.approx(base / whole)
    assert found["gflop_per_image"] > 0
    json.dumps(found, allow_nan=False)


def test_bench_infer_and_ops_report_every_side():
    infer = bench_infer(preset("smoke"), batch=2, repeats=1)
    assert {"textbook", "fp32"} <= infer["images_per_second"].keys()
    ops = bench_ops(channels=8, size=8, batch=4, repeats=1, device="cpu")
    assert ops["ratios"].keys() == {"modulated", "modulated up", "fir up"}
    json.dumps([infer, ops], allow_nan=False)


def test_operations_count_as_direct_convolution(monkeypatch: pytest.MonkeyPatch):
    config = preset("smoke").replace(**{"train.batch": 4})
    counts = []
    for least in (10**9, 1):
        monkeypatch.setattr(winograd, "least_channels", lambda least=least: least)
        monkeypatch.setattr(strided, "_LEAST_CHANNELS", least)
        counts.append(bench_train(config, repeats=1, against=False)["gflop_per_image"])
    assert counts[0] == counts[1]


def test_a_projected_discriminator_is_timed_as_one_row_beside_stylegan2():
    config = preset("smoke").replace(
        **{
            "net.d_architecture": "projected",
            "net.d_feature_side": 32,
            "train.augment": "diff",
            "train.batch": 4,
            "train.pl_weight": 0.0,
        }
    )
    found = bench_train(config, repeats=1)
    ours, book = found["contestants"]["fp32"], found["contestants"]["textbook"]
    assert ours["share"].keys() == {"GD", "average"}
    assert "E-real, every 4" in {row["part"] for row in found["step"]["parts"]}
    assert book["share"].keys() == {"G", "G-path", "D", "D-R1", "average"}  # what it publishes
    assert (ours["batch"], book["batch"]) == (4, 32)
    assert "tflops" not in book
    each = [row["seconds"]["wall"] / row["batch"] for row in (book, ours)]
    assert found["ratio_fp32"]["wall"] == pytest.approx(each[0] / each[1])
    json.dumps(found, allow_nan=False)


def test_the_table_of_parts_fits_a_terminal():
    rows = [("generator", 0.0213, 0.0151, 0.6), ("E-fake, every 4", 0.0142, None, 0.4)]
    parts = [dict(zip(("part", "seconds", "backward", "share"), row, strict=True)) for row in rows]
    step = {"precision": "float32", "seconds": 0.0355, "parts": parts}
    assert _parts(step, 8) == [
        "a step of 8 photos, float32: 35.5 ms",
        "                                    ms  backward   share",
        "  generator                      21.30     15.10   60.0%",
        "  E-fake, every 4                14.20             40.0%",
    ]
    assert _parts(None, None) == []
