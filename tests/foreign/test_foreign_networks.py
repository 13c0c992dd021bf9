"""Networks of other tools as model folders: the published images, and the verbs that take them."""

import json
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from finished_run import Smoke
from limbeck.artefacts.model_networks import read_networks
from limbeck.cli import app
from limbeck.data import open_dataset, write_dataset
from limbeck.errors import DataError, LimbeckError
from limbeck.foreign import Converted, convert_network, read_foreign
from limbeck.model import Pipeline
from limbeck.nets import Discriminator, Networks, load_networks
from limbeck.presets import preset
from limbeck.training import shapes_of
from tests.cli.running import limbeck
from tests.nets.public_networks import NAMES, foreign
from tests.unpickling.honest import EasyDict, dumped, network, snapshot

FILES = Path(__file__).parents[1] / "unpickling/fixtures"
UNCONDITIONAL = "sg2ada_uncond_32"
FEW = 20


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What was read of a file is kept apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("converted") / "model"
    answer = limbeck("convert", FILES / f"{UNCONDITIONAL}.pkl", "--out", out, "--licence", "MIT")
    assert (answer["role"], answer["discriminator"], answer["licence"]) == ("G_ema", True, "MIT")
    return out


@pytest.fixture(scope="module")
def few(smoke: Smoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of some of the photos, which take less long to score."""
    whole, out = open_dataset(smoke.run / "data"), tmp_path_factory.mktemp("few") / "data"
    pixels = (torch.from_numpy(one.copy()) for one in islice(whole.stored(), FEW))
    write_dataset(out, whole.infos[:FEW], pixels, whole.size)
    return out


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_a_folder_draws_what_the_public_code_draws(name: str, tmp_path: Path) -> None:
    made = convert_network(FILES / f"{name}.pkl", tmp_path / "model")
    file = foreign(name)
    want, labels = file.expected, file.classes
    networks = read_networks(tmp_path / "model")
    for G in (networks.G_ema, Pipeline.from_pretrained(tmp_path / "model", device="cpu").G_ema):
        image = G(want["z"], labels, float(want["psi"]))
        torch.testing.assert_close(image, want["img"], atol=1e-5, rtol=0)
    assert ("D" in networks.members()) == (not name.startswith(("sg3t", "sg3r")))
    if "D" in networks.members():
        assert isinstance(networks.D, Discriminator)
        torch.testing.assert_close(networks.D(image, labels), want["d"], atol=2e-5, rtol=0)
    else:
        assert any("StyleGAN3" in note for note in made.notes)
    told = json.loads((tmp_path / "model" / "config.json").read_text())
    assert told["data"]["converted from"] == f"{name}.pkl"


def _written(nets: Networks, path: Path, role: str = "G_ema") -> None:
    """G_ema as stylegan2-ada-pytorch would have written it."""
    net, G = nets.config, nets.G_ema
    trained = {name for name, _ in G.named_parameters()}
    tensors = {
        name: value.clone().requires_grad_(name in trained)
        for name, value in G.state_dict().items()
    }
    arguments = {
        "z_dim": net.z_dim, "c_dim": 0, "w_dim": net.w_dim, "img_resolution": net.size,
        "img_channels": 3,
        "mapping_kwargs": EasyDict(num_layers=net.mapping_layers, lr_multiplier=net.mapping_lr),
        "synthesis_kwargs": EasyDict(channel_base=net.channel_base, channel_max=net.channel_max),
    }  # fmt: skip
    path.write_bytes(dumped(snapshot(**{role: network("Generator", tensors, arguments)})))


def test_a_limbeck_generator_comes_back_bit_for_bit(tmp_path: Path) -> None:
    nets = Networks(preset("smoke").net, 5, ("G_ema",)).prepare()
    _written(nets, tmp_path / "network-snapshot-000012.pkl")
    made = read_foreign(tmp_path / "network-snapshot-000012.pkl")
    assert made.discriminator is None
    assert any("holds no D" in note for note in made.notes)
    assert made.model.data["kimg"] == 12
    again = made.model.G_ema.state_dict()
    assert all(torch.equal(value, again[k]) for k, value in nets.G_ema.state_dict().items())
    drawn = made.model(range(3), truncation="none")
    assert torch.equal(drawn, Pipeline(nets, None)(range(3), truncation="none"))


@pytest.mark.skipif(sys.platform != "linux", reason="says what is mapped in /proc")
def test_weights_stay_on_disk(tmp_path: Path) -> None:
    _written(Networks(preset("smoke").net, 5, ("G_ema",)), tmp_path / "a.pkl")
    made = read_foreign(tmp_path / "a.pkl")
    place = made.model.G_ema.mapping.fc0.weight.data_ptr()
    for line in Path("/proc/self/maps").read_text().splitlines():
        first, end = (int(number, 16) for number in line.split()[0].split("-"))
        if first <= place < end:
            assert line.endswith("tensors.safetensors")
            break
    else:
        pytest.fail("a weight that is nowhere")


def test_libraries_for_photos_are_not_loaded() -> None:
    heavy = "import sys, limbeck.foreign; print({'scipy', 'sklearn', 'pyarrow'} & {*sys.modules})"
    told = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_modes_and_samples_by_the_command_line_alone(model: Path, tmp_path: Path) -> None:
    modes, quick = tmp_path / "modes", ["--set", "modes.samples=64", "--clusters", 4]
    limbeck("modes", model, "--out", modes, "--typical", 0, *quick)
    drawn = tmp_path / "samples"
    limbeck("sample", model, "--modes", modes, "--truncation", "multimodal-lpips",
            "--seeds", "0-3", "--out", drawn)  # fmt: skip
    assert len(list(drawn.glob("seed*.png"))) == 4
    limbeck("export", model, "--modes", modes, "--out", tmp_path / "whole")
    whole = Pipeline.from_pretrained(tmp_path / "whole", device="cpu")
    assert whole.modes is not None
    assert len(whole.modes) <= 4
    assert whole.licence == "MIT"
    assert "D" in read_networks(tmp_path / "whole").members()


def test_a_training_begins_with_g_and_d(model: Path, smoke: object, tmp_path: Path) -> None:
    data = smoke.run / "data"  # type: ignore[attr-defined]
    common = ["--preset", "smoke", "--init-from", model, "--kimg", 0.008]
    limbeck("train", data, "--out", tmp_path / "nets", *common, "--no-encoder")
    told = json.loads((tmp_path / "nets" / "transfer.json").read_text())
    assert not told["missing"]
    assert not told["other_shape"]
    state = json.loads((tmp_path / "nets" / "state-000000008" / "state.json").read_text())
    assert (state["warm"], state["config"]["net"]["size"]) == (0, 32)
    assert shapes_of(tmp_path / "nets").w_dim == read_networks(model).config.w_dim


def test_a_run_begins_with_a_model(model: Path, crawl: Path, tmp_path: Path) -> None:
    answer = limbeck(
        "run", crawl / "photos", "--out", tmp_path / "run", "--preset", "smoke", "--size", 16,
        "--kimg", 0.016, "--init-from", model, "--freeze-mapping", "--set", "score.generated=20",
        "--set", "modes.samples=64",
    )  # fmt: skip
    assert set(answer["stages"].values()) == {"done"}
    told = json.loads((tmp_path / "run" / "raw" / "transfer.json").read_text())
    assert any(name.startswith("G.synthesis.b32.") for name in told["unused"])
    assert told["source"]["licence"] == "MIT"
    assert told["source"]["facts"]["converted from"] == f"{UNCONDITIONAL}.pkl"
    page = (tmp_path / "run" / "report" / "index.html").read_text(encoding="utf-8")
    assert f"model, converted from {UNCONDITIONAL}.pkl (stylegan2-ada)" in page
    made = tmp_path / "run" / "model"
    data = json.loads((made / "config.json").read_text())["data"]
    assert data["begun from"] == f"model, converted from {UNCONDITIONAL}.pkl (stylegan2-ada)"
    card = " ".join((made / "README.md").read_text(encoding="utf-8").split())
    assert "the licence of the weights that its training began with: MIT" in card
    assert "by limbeck" in card  # its own training made it, whatever it began with
    mapping = read_networks(model).G_ema.mapping.fc0.weight
    newest = load_networks(tmp_path / "run" / "raw" / answer_networks(tmp_path / "run" / "raw"))
    assert torch.equal(newest.G.mapping.fc0.weight, mapping)


def answer_networks(training: Path) -> str:
    return str(json.loads((training / "done.json").read_text())["summary"]["networks"])


def test_an_encoder_then_scores(model: Path, few: Path, tmp_path: Path) -> None:
    quick = ["--kimg", 0.016, "--preset", "smoke", "--set", "train.rec_l2=0.5"]
    answer = limbeck("train", few, "--encoder-only", model, "--out", tmp_path / "nets", *quick)
    assert answer["drawn"] is False
    state = json.loads(next((tmp_path / "nets").glob("state-*/state.json")).read_text())
    assert state["config"]["train"]["rec_l2"] == 0.5  # options lie above what an encoder takes
    scored = limbeck("score", few, tmp_path / "nets", "--out", tmp_path / "scores",
                     "--set", "score.generated=32")  # fmt: skip
    assert {"lpips", "recommended"} <= set(scored["columns"])
    assert "d_logit" not in scored["columns"]


def test_a_model_scores_photos_as_it_is(few: Path, tmp_path: Path) -> None:
    limbeck("convert", FILES / "sg3r_32.pkl", "--out", tmp_path / "model")
    scored = limbeck("score", few, tmp_path / "model", "--out", tmp_path / "scores",
                     "--set", "score.generated=32")  # fmt: skip
    assert {"nngen", "gen_lite0_ppca", "without_generator"} <= set(scored["columns"])
    assert "lpips" not in scored["columns"]


def test_what_cannot_be_trained_is_said_early(smoke: object, tmp_path: Path) -> None:
    limbeck("convert", FILES / "sg3t_32.pkl", "--out", tmp_path / "model")
    data = str(smoke.run / "data")  # type: ignore[attr-defined]
    for option in ("--init-from", "--encoder-only"):
        done = CliRunner().invoke(
            app, ["train", data, option, str(tmp_path / "model"), "--out", str(tmp_path / "nets")]
        )
        assert done.exit_code == 3
        assert "StyleGAN3" in done.output
    assert not (tmp_path / "nets").exists()


def test_a_dry_run_writes_nothing_and_two_tasks_are_refused(tmp_path: Path) -> None:
    file, out = str(FILES / f"{UNCONDITIONAL}.pkl"), str(tmp_path / "model")
    assert limbeck("convert", file, "--out", out, "--dry-run")["dry_run"]
    assert not Path(out).exists()
    done = CliRunner().invoke(app, ["convert", file, "--out", out, "--inspect"])
    assert done.exit_code == 2


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(LimbeckError):
        convert_network(FILES / f"{UNCONDITIONAL}.pkl", tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_a_model_that_is_there_is_not_replaced(model: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    for more in ([], ["--dry-run"]):
        command = ["convert", str(FILES / "sg3t_32.pkl"), "--out", str(model), *more]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 3
        assert "not empty" in done.output
    limbeck("convert", FILES / "sg3t_32.pkl", "--out", tmp_path / "other")
    modes = tmp_path / "modes"
    limbeck("modes", tmp_path / "other", "--out", modes, "--typical", 0, "--set",
            "modes.samples=64", "--clusters", 4)  # fmt: skip
    done = CliRunner().invoke(
        app, ["export", str(tmp_path / "other"), "--modes", str(modes), "--out", str(model)]
    )
    assert done.exit_code == 3
    assert "another generator" in done.output
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_networks_with_classes_are_not_begun_from_without(smoke: object, tmp_path: Path) -> None:
    limbeck("convert", FILES / "tf_sg2_cond3_32.pkl", "--out", tmp_path / "model")
    data = str(smoke.run / "data")  # type: ignore[attr-defined]
    done = CliRunner().invoke(
        app, ["train", data, "--preset", "smoke", "--init-from", str(tmp_path / "model"),
              "--out", str(tmp_path / "nets")]
    )  # fmt: skip
    assert done.exit_code == 3
    assert "classes" in done.output
    assert not (tmp_path / "nets").exists()
    photos = smoke.photos  # type: ignore[attr-defined]
    done = CliRunner().invoke(
        app, ["run", str(photos), "--preset", "smoke", "--init-from", str(tmp_path / "model"),
              "--out", str(tmp_path / "run")]
    )  # fmt: skip
    assert done.exit_code == 3
    assert "classes" in done.output
    assert not (tmp_path / "run").exists()


def test_tensors_that_do_not_fit_are_named_before_anything_is_written(tmp_path: Path) -> None:
    nets = Networks(preset("smoke").net, 5, ("G_ema",))
    with torch.no_grad():
        nets.G_ema.mapping.w_avg = torch.zeros(3)
    _written(nets, tmp_path / "a.pkl")
    with pytest.raises(DataError, match=r"mapping\.w_avg"):
        convert_network(tmp_path / "a.pkl", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_state_dict_without_arguments_says_what_it_lacks(tmp_path: Path) -> None:
    nets = Networks(preset("smoke").net, 5, ("G_ema",))
    torch.save(dict(nets.G_ema.state_dict()), tmp_path / "g.pt")
    with pytest.raises(DataError, match="without the arguments of its constructor") as caught:
        convert_network(tmp_path / "g.pt", tmp_path / "model")
    assert ".pkl" in caught.value.do
    assert "damaged" not in str(caught.value) + caught.value.do
    assert not (tmp_path / "model").exists()


def test_a_model_folder_whose_d_was_exchanged_is_refused(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "model")
    file = tmp_path / "model" / "discriminator.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(DataError, match="sha256"):
        read_networks(tmp_path / "model")


def test_a_checkpoint_for_editing_tools_and_back(model: Path, tmp_path: Path) -> None:
    answer = limbeck("export", model, "--to", "stylegan2-pt", "--out", tmp_path / "a.pt")
    assert any("conv_clamp" in note for note in answer["notes"])
    state = torch.load(tmp_path / "a.pt", weights_only=True)
    assert set(state) == {"g_ema", "latent_avg", "d"}
    made = convert_network(tmp_path / "a.pt", tmp_path / "again")
    before, after = read_networks(model), read_networks(tmp_path / "again")
    assert made.role == "G_ema"
    for name in ("G_ema", "D"):
        want = before.get_submodule(name).state_dict()
        found = after.get_submodule(name).state_dict()
        assert all(torch.equal(value, found[key]) for key, value in want.items())
    done = CliRunner().invoke(
        app, ["export", str(model), "--to", "stylegan2-pt", "--out", str(tmp_path / "a.pt")]
    )
    assert done.exit_code == 3


def test_a_generator_that_draws_no_numbers_is_no_model(tmp_path: Path) -> None:
    nets = Networks(preset("smoke").net, 5, ("G_ema",))
    with torch.no_grad():
        for name, value in nets.G_ema.named_parameters():
            if name.endswith("torgb.weight"):
                value.fill_(3e38)
    _written(nets, tmp_path / "a.pkl")
    with pytest.raises(DataError, match="not finite"):
        convert_network(tmp_path / "a.pkl", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_g_without_its_average_says_so(tmp_path: Path) -> None:
    nets = Networks(preset("smoke").net, 5, ("G_ema",))
    _written(nets, tmp_path / "a.pkl", role="G")
    made = read_foreign(tmp_path / "a.pkl")
    assert made.role == "G"
    assert "no averaged generator" in made.notes[0]


def test_the_card_does_not_claim_the_training(model: Path) -> None:
    card = (model / "README.md").read_text(encoding="utf-8")
    assert "trained by another tool (layout stylegan2-ada), converted by limbeck" in card
    assert "self-distilled" not in card.lower().replace("limbeck", "")
    assert "What a filter dropped" not in card


def test_converted_models_say_what_they_are(model: Path) -> None:
    made = read_foreign(FILES / f"{UNCONDITIONAL}.pkl")
    assert isinstance(made, Converted)
    told = json.loads((model / "config.json").read_text())
    assert told["kind"] == "stylegan2"
    assert told["data"]["sha256 of that file"] == made.file.sha256
    assert np.isfinite(made.model(0, output="float").numpy()).all()
