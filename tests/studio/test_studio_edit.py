"""The tab Edit: photos, their inversion in the background, places, edited images, saving."""

import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from limbeck.editing import read_points
from limbeck.model import Pipeline, centre_square
from limbeck.studio import edit_desk, edit_inversions
from tests.model.model_small import small_pipeline
from tests.studio.edit_small import BASE, begun, ended, photo, pixels, sent, studio


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edit") / "model"
    small_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def before(model: Path) -> set[str]:
    """Names in the model's folder."""
    return {file.name for file in model.iterdir() if not file.name.startswith(".limbeck")}


@pytest.fixture(scope="module")
def client(before: set[str], model: Path) -> Any:
    with studio(model) as made:
        yield made


def bomb() -> bytes:
    """The header of a PNG of 60,000 x 60,000 pixels, and little more."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_becomes_its_centre_square_and_finds_its_mode(
    client: TestClient, kind: str, tmp_path: Path
) -> None:
    data = photo(kind=kind)
    told = sent(client, data, '<b>"dog"\n.jpg')
    assert (told["width"], told["height"], told["name"]) == (60, 40, '<b>"dog"\n.jpg')
    assert told["mode"] in (0, 1, 2)
    assert told["distance"] > 0
    shown = pixels(client.get(f"{BASE}/photos/{told['photo']}/image").content)
    (tmp_path / "photo").write_bytes(data)
    wanted = centre_square(tmp_path / "photo", 16)[0]
    assert (shown.int() - wanted.int()).abs().max() <= 2
    assert shown.min() > 40, "the black edges are not in it"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no image at all, but words", "no image"),
        (b"", "empty file"),
        (photo()[:700], "damaged"),
        (bomb(), "pixels"),
        (photo(1, 1, "PNG"), "1 x 1 pixels"),
        (photo(400, 15), "400 x 15 pixels"),
        (b"PK\3\4" + bytes(100), "archive"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    client: TestClient, data: bytes, words: str
) -> None:
    answer = client.post(f"{BASE}/photos", content=data)
    assert answer.status_code == 409
    assert words in answer.json()["error"]
    assert answer.json()["do"]


def test_what_is_too_large_is_refused_before_it_is_read(client: TestClient) -> None:
    answer = client.post(f"{BASE}/photos", content=bytes(32 * 2**20 + 1))
    assert answer.status_code == 413


def test_the_oldest_photo_is_forgotten(model: Path) -> None:
    with studio(model) as client:
        ids = [sent(client, photo(seed=n))["photo"] for n in range(edit_desk.PHOTOS + 1)]
        assert len(set(ids)) == len(ids)
        found = [client.get(f"{BASE}/photos/{one}/image").status_code for one in ids]
    assert found == [404] + [200] * edit_desk.PHOTOS


@pytest.mark.parametrize("path", ["photos/{}/image", "inversions/{}", "places/{}/image"])
@pytest.mark.parametrize("name", ["0" * 32, "7", "..", "0" * 31 + "g"])
def test_ids_that_name_nothing_are_refused(client: TestClient, path: str, name: str) -> None:
    assert client.get(f"{BASE}/{path.format(name)}").status_code in (404, 422)


def test_an_inversion_is_watched_to_its_end(
    client: TestClient, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edit_inversions, "_EVERY", 0.0)
    data = photo(seed=3)
    told = sent(client, data)
    job = client.post(f"{BASE}/inversions", json={"photo": told["photo"], "steps": 50}).json()[
        "job"
    ]
    end = ended(client, f"{BASE}/inversions/{job}")
    assert (end["state"], end["step"], end["of"], end["error"]) == ("done", 50, 50, None)
    assert [step for step, _, _ in end["curve"]] == [*range(51), 50]
    assert end["curve"][-1][1] < end["curve"][0][1], "LPIPS falls"
    later = client.get(f"{BASE}/inversions/{job}?since={end['looks'] - 2}").json()
    assert later["curve"] == end["curve"][-2:]
    latents = client.get(f"{BASE}/places/{end['place']}/latents.safetensors")
    assert "latents.safetensors" in latents.headers["content-disposition"]
    (tmp_path / "latents.safetensors").write_bytes(latents.content)
    (point,) = read_points(tmp_path / "latents.safetensors")
    assert point.name == "dog.jpg"
    drawn = Pipeline.from_pretrained(model, device="cpu").generate(point.ws[None])[0]
    image = pixels(client.get(f"{BASE}/places/{end['place']}/image").content)
    assert (image.int() - drawn.int()).abs().max() <= 1
    assert torch.equal(image, pixels(client.get(f"{BASE}/inversions/{job}/now").content))
    assert not torch.equal(image, pixels(client.get(f"{BASE}/inversions/{job}/start").content))


def test_a_stopped_inversion_keeps_what_it_had_and_a_new_one_ends_the_last(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, at = threading.Event(), threading.Event()
    see = edit_inversions.Job._see

    def slow(self: edit_inversions.Job, glance: Any) -> None:
        see(self, glance)
        if glance.step == 2:
            at.set()
            gate.wait(30)

    monkeypatch.setattr(edit_inversions.Job, "_see", slow)
    asked = {"photo": sent(client, photo())["photo"], "steps": 500}
    first = client.post(f"{BASE}/inversions", json=asked).json()["job"]
    assert at.wait(60)
    seed = begun(client, seed=4)  # others draw meanwhile
    assert client.get(f"{BASE}/places/{seed}/image").status_code == 200
    running = client.get(f"{BASE}/inversions/{first}").json()
    assert (running["state"], running["place"]) == ("running", None)
    second = client.post(f"{BASE}/inversions", json=asked).json()["job"]
    assert client.get(f"{BASE}/inversions/{second}").json()["state"] == "waiting"
    for _ in range(2):
        third = client.post(f"{BASE}/inversions", json=asked)
    assert client.post(f"{BASE}/inversions", json=asked).status_code == 422, "no queue grows"
    gate.set()
    stopped = ended(client, f"{BASE}/inversions/{first}")
    assert stopped["state"] == "stopped"
    assert client.get(f"{BASE}/places/{stopped['place']}/image").status_code == 200
    assert ended(client, f"{BASE}/inversions/{second}")["state"] == "stopped"
    last = third.json()["job"]
    assert client.post(f"{BASE}/inversions/{last}/stop").json() == {"stopped": True}
    assert ended(client, f"{BASE}/inversions/{last}")["state"] == "stopped"


def test_an_inversion_that_fails_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(edit_inversions, "invert", broken)
    asked = {"photo": sent(client, photo())["photo"], "steps": 50}
    job = client.post(f"{BASE}/inversions", json=asked).json()["job"]
    told = ended(client, f"{BASE}/inversions/{job}")
    assert told["state"] == "failed"
    assert "RuntimeError" in told["error"]["error"]


def test_steps_are_those_offered(client: TestClient) -> None:
    asked = {"photo": "0" * 32, "steps": 100_000}
    assert client.post(f"{BASE}/inversions", json=asked).status_code == 422


def test_without_encoder_and_modes_it_begins_all_the_same(tmp_path: Path) -> None:
    pipe = small_pipeline()
    pipe.E_ema, pipe.modes = None, None
    pipe.save_pretrained(tmp_path / "bare")
    with studio(tmp_path / "bare") as client:
        about = client.get(f"{BASE}/about").json()
        assert (about["encoder"], about["modes"]) == (False, 0)
        told = sent(client, photo())
        assert (told["mode"], told["distance"]) == (None, None)
        asked = {"photo": told["photo"], "steps": 50}
        job = client.post(f"{BASE}/inversions", json=asked).json()["job"]
        path = f"{BASE}/inversions/{job}"
        while client.get(path).json()["looks"] == 0:
            time.sleep(0.05)
        client.post(f"{path}/stop")
        assert ended(client, path)["place"]
        assert client.post(f"{BASE}/places", json={"mode": 0}).status_code == 422


def test_seeds_and_modes_are_what_the_pipeline_draws(client: TestClient, model: Path) -> None:
    pipe = Pipeline.from_pretrained(model, device="cpu")
    seed = begun(client, seed=5, psi=0.5)
    found = pixels(client.get(f"{BASE}/places/{seed}/image").content)
    assert torch.equal(found, pipe([5], psi=0.5)[0])
    mode = begun(client, mode=1)
    found = pixels(client.get(f"{BASE}/places/{mode}/image").content)
    assert pipe.modes is not None
    assert torch.equal(found, pipe.generate(pipe.modes.centres[1:2])[0])
    assert torch.equal(found, pixels(client.get(f"{BASE}/modes/1/image").content))


@pytest.mark.parametrize("start", [{}, {"seed": 1, "mode": 1}, {"mode": 3}, {"seed": -1}])
def test_a_start_that_is_none_is_refused(client: TestClient, start: dict[str, int]) -> None:
    assert client.post(f"{BASE}/places", json=start).status_code == 422


def test_nothing_of_all_this_was_written(model: Path, client: TestClient, before: set[str]) -> None:
    sent(client, photo())
    names = {file.name for file in model.iterdir() if not file.name.startswith(".limbeck")}
    assert names == before
