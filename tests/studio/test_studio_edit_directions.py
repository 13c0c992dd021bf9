"""The tab Edit: where directions come from, sliders, and the commands that do the same."""

import json
import shlex
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from limbeck.artefacts.lock import hold
from limbeck.cli import app
from limbeck.editing import DirectionSettings, find_directions, name_direction, read_points
from limbeck.model import Pipeline
from limbeck.studio import edit_directions
from tests.model.model_small import small_pipeline
from tests.studio.edit_small import BASE, begun, ended, pixels, studio

QUICK = DirectionSettings.of(
    method="pca", ranges=("all",), count=2, bases=4, samples=200, psi=0.7
)  # fmt: skip


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without directions."""
    folder = tmp_path_factory.mktemp("edit") / "model"
    small_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With two sets of directions beside it, one of them of another generator."""
    folder = tmp_path_factory.mktemp("edit") / "model"
    shutil.copytree(bare, folder)
    pipe = Pipeline.from_pretrained(folder, device="cpu")
    find_directions(pipe, folder / "directions", QUICK)
    shutil.copytree(folder / "directions", folder / "strange")
    about = json.loads((folder / "strange" / "directions.json").read_text())
    (folder / "strange" / "directions.json").write_text(json.dumps(about | {"generator": "0" * 64}))
    name_direction(folder / "directions", 0, "<i>farther</i>")
    return folder


@pytest.fixture(scope="module")
def client(model: Path) -> Any:
    with studio(model) as made:
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit_directions, "usual", lambda psi: QUICK)


def test_folders_beside_the_model_are_found(client: Any) -> None:
    told = client.get(f"{BASE}/directions").json()
    (one,) = told["sets"]
    assert one["title"] == "directions"
    assert one["directions"][0]["name"] == "<i>farther</i>"
    assert [each["unit"] for each in one["directions"]] == sorted(
        (each["unit"] for each in one["directions"]), reverse=True
    )
    assert len(told["others"]) == 1
    assert "another generator" in told["others"][0]
    assert told["seconds"] is None


def test_folders_that_the_command_line_names_are_found_once(bare: Path, model: Path) -> None:
    folder = model / "directions"
    with studio(bare, directions=(folder, folder)) as client:
        (one,) = client.get(f"{BASE}/directions").json()["sets"]
    assert one["folder"] == str(folder)


def test_a_slider_changes_the_image_as_the_library_does(client: Any, model: Path) -> None:
    key = client.get(f"{BASE}/directions").json()["sets"][0]["key"]
    place = begun(client, seed=2)
    at = f"{BASE}/places/{place}"
    rest = pixels(client.get(f"{at}/image").content)
    moved = {"of": key, "moves": "0:2.5,1:-1"}
    image = pixels(client.get(f"{at}/image", params=moved).content)
    still = pixels(client.get(f"{at}/image", params={"of": key, "moves": "0:0,1:-0"}).content)
    assert not torch.equal(image, rest)
    assert torch.equal(still, rest)
    pipe = Pipeline.from_pretrained(model, device="cpu")
    found = edit_directions.read_directions(model / "directions", pipe)
    moves = [(found.find(0).direction, 2.5), (found.find(1).direction, -1.0)]
    assert torch.equal(pipe.edit([2], moves)[0], image)
    blended = client.get(f"{at}/image", params={**moved, "blend": True}).content
    mask = found.find(0).mask | found.find(1).mask
    assert torch.equal(pipe.edit([2], moves, mask=mask)[0], pixels(blended))


def test_latents_are_saved_before_and_after(client: Any, tmp_path: Path) -> None:
    told = client.get(f"{BASE}/directions").json()["sets"][0]
    place = begun(client, mode=0)
    at = f"{BASE}/places/{place}/latents.safetensors"
    for name, asked in (("before", {}), ("after", {"of": told["key"], "moves": "0:2"})):
        (tmp_path / f"{name}.safetensors").write_bytes(client.get(at, params=asked).content)
    (before,), (after,) = (
        read_points(tmp_path / f"{name}.safetensors") for name in ("before", "after")
    )
    found = edit_directions.read_directions(Path(told["folder"])).find(0).direction
    assert found.shift is not None
    assert torch.allclose(after.ws, before.ws + 2 * found.shift)
    assert before.name == "mode 0"


def test_the_command_says_all_that_the_edit_is(client: Any, model: Path) -> None:
    told = client.get(f"{BASE}/directions").json()["sets"][0]
    place = begun(client, seed=2, psi=0.6)
    asked = {"of": told["key"], "moves": "0:1.5,1:0", "blend": True}
    found = client.get(f"{BASE}/places/{place}/commands", params=asked).json()
    (line,) = found["commands"]
    assert found["needs"] is None
    assert shlex.split(line) == [
        "limbeck", "edit", str(model), "seed:2", "--directions", str(model / "directions"),
        "--move", f"{told['directions'][0]['id']}:1.5", "--psi", "0.6", "--blend",
        "--out", "edits",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "moves", ["0:1e9", "0:nan", "9:1", "x", "0:1,,1:1", "0:999", "0:1;rm", "0:" + "1" * 2000]
)
def test_moves_that_are_none_are_refused(client: Any, moves: str) -> None:
    key = client.get(f"{BASE}/directions").json()["sets"][0]["key"]
    place = begun(client, seed=2)
    answer = client.get(f"{BASE}/places/{place}/image", params={"of": key, "moves": moves})
    assert answer.status_code in (404, 422)
    strange = client.get(f"{BASE}/places/{place}/image?of=0123456789ab&moves=0:1")
    assert strange.status_code == 404


@pytest.mark.usefixtures("quick")
def test_directions_are_found_and_written_beside_the_model(bare: Path, tmp_path: Path) -> None:
    root = tmp_path / "model"
    shutil.copytree(bare, root)
    (root / "directions").write_text("a person's file")
    with studio(root) as client:
        before = client.get(f"{BASE}/directions").json()
        assert before["sets"] == []
        assert before["seconds"] > 0
        client.post(f"{BASE}/directions/find")
        told = ended(client, f"{BASE}/directions/finding")
        assert (told["state"], told["said"]) == ("done", "written into directions-2")
        (one,) = client.get(f"{BASE}/directions").json()["sets"]
        assert one["folder"] == str(root / "directions-2")
    assert (root / "directions").read_text() == "a person's file"
    pipe = Pipeline.from_pretrained(root, device="cpu")
    again = find_directions(pipe, root / "directions-2", QUICK, modes=pipe.modes)
    assert len(again) == len(one["directions"])


@pytest.mark.usefixtures("quick")
def test_where_nothing_can_be_written_they_are_held_in_memory(bare: Path, tmp_path: Path) -> None:
    root = tmp_path / "model"
    shutil.copytree(bare, root)
    with studio(root) as client:
        with hold(root):
            client.post(f"{BASE}/directions/find")
            told = ended(client, f"{BASE}/directions/finding")
        assert told["said"].startswith("held in memory alone")
        (one,) = client.get(f"{BASE}/directions").json()["sets"]
        assert (one["key"], one["folder"]) == ("memory", None)
        place = begun(client, seed=2)
        asked = {"of": "memory", "moves": "0:2"}
        answer = client.get(f"{BASE}/places/{place}/image", params=asked)
        rest = client.get(f"{BASE}/places/{place}/image")
        lines = client.get(f"{BASE}/places/{place}/commands", params=asked).json()["commands"]
    assert answer.content != rest.content
    assert [shlex.split(line)[1] for line in lines] == ["directions", "edit"]
    assert not (root / "directions").exists()


@pytest.mark.usefixtures("quick")
def test_finding_can_be_stopped(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, at = threading.Event(), threading.Event()
    count = edit_directions.Finding._count

    def slow(self: edit_directions.Finding, *given: Any) -> None:
        at.set()
        gate.wait(30)
        count(self, *given)

    monkeypatch.setattr(edit_directions.Finding, "_count", slow)
    with studio(bare) as client:
        client.post(f"{BASE}/directions/find")
        assert at.wait(30)
        assert client.post(f"{BASE}/directions/find").json()["state"] == "running"
        client.post(f"{BASE}/directions/stop")
        gate.set()
        assert ended(client, f"{BASE}/directions/finding")["state"] == "stopped"
        assert client.get(f"{BASE}/directions").json()["sets"] == []
    assert not (bare / "directions").exists()


def test_a_folder_of_directions_that_is_not_there_is_told_before_the_studio_opens(
    bare: Path,
) -> None:
    words = ["studio", str(bare), "--directions", str(bare / "none"), "--dry-run"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 3
    assert "no such folder of directions" in " ".join(result.output.split())
