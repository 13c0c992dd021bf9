"""The tab generate: images of seeds, walks, mixes, and files that say how they were drawn."""

import io
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from limbeck import __version__, preset
from limbeck.errors import LimbeckError
from limbeck.latents import Sample, tensors_digest
from limbeck.model import Pipeline, write_samples
from limbeck.modes import mark_mode
from limbeck.nets import Networks
from limbeck.studio.app import make_app
from limbeck.studio.drawing import Easel, Look, Memory
from limbeck.studio.guard import Door
from limbeck.studio.painter import Painter
from limbeck.studio.place import Pen, open_place

MODEL = Path(__file__).parents[2] / "models" / "dogs-64"
LPIPS = {"psi": 0.5, "truncation": "multimodal-lpips"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with studio_of(MODEL, tmp_path_factory.mktemp("pen")) as made:
        yield made


def studio_of(model: Path, pen: Path) -> TestClient:
    app = make_app(open_place(model), Pen(pen), Door("127.0.0.1", 8765), device="cpu")
    return TestClient(app, base_url="http://127.0.0.1:8765", headers={"x-limbeck-studio": "1"})


@pytest.fixture(scope="module")
def about(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/generate/about").json()
    return found


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return Pipeline.from_pretrained(MODEL, device="cpu")


def records(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    found = []
    while data:
        head, body = struct.unpack("<II", data[:8])
        words = json.loads(data[8 : 8 + head])
        found.append((words, data[8 + head : 8 + head + body]))
        data = data[8 + head + body :]
    return found


def pixels(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_about_says_what_can_be_done(about: dict[str, Any]) -> None:
    assert about["size"] == 64
    assert about["modes"] == 64
    assert {one["name"]: one["why"] for one in about["truncations"]} == dict.fromkeys(
        ["none", "global", "multimodal-lpips", "multimodal-l2", "multimodal-typical", "index"], ""
    )


def test_seeds_are_read_as_the_command_line_reads_them(client: TestClient) -> None:
    answer = client.get("/api/generate/seeds", params={"text": f"0-2,42,{2**63 - 1}"})
    assert answer.json() == ["0", "1", "2", "42", str(2**63 - 1)]
    for text in ("0..7", str(2**63), "0-1000", "5-1", ""):
        assert client.get("/api/generate/seeds", params={"text": text}).status_code == 422, text


def test_images_are_those_of_the_pipeline(
    client: TestClient, about: dict[str, Any], model: Pipeline
) -> None:
    """Drawn one at a time; the second look takes the modes from the first."""
    seeds = [3, 2**63 - 1]
    for psi in (0.5, 0.9):
        look = {"psi": psi, "truncation": "multimodal-lpips"}
        body = {"of": about["of"], "look": look, "seeds": [str(s) for s in seeds]}
        found = records(client.post("/api/generate/images", json=body).content)
        assert [words["seed"] for words, _ in found] == [str(seed) for seed in seeds]
        wanted = model(seeds, psi=psi, batch=1)
        for (words, data), image in zip(found, wanted, strict=True):
            assert (pixels(data) == image.permute(1, 2, 0).numpy()).all()
            assert 0 <= words["mode"] < 64


def test_a_png_says_how_it_was_drawn(
    client: TestClient, about: dict[str, Any], model: Pipeline, tmp_path: Path
) -> None:
    """In the same words, and with the same pixels, as `limbeck sample` writes it."""
    query = {"of": about["of"], "seed": "7", **LPIPS}
    answer = client.get("/api/generate/image.png", params=query)
    assert answer.headers["content-disposition"] == 'attachment; filename="seed000007.png"'
    image = Image.open(io.BytesIO(answer.content))
    assert image.text == {  # type: ignore[attr-defined]
        "Software": f"limbeck {__version__}", "seed": "7", "psi": "0.5",
        "truncation": "multimodal-lpips", "noise": "const",
        "mode": image.text["mode"],  # type: ignore[attr-defined]
        "model": tensors_digest(model.G_ema.state_dict()),
    }  # fmt: skip
    written = write_samples(model, tmp_path / "out", [7], psi=0.5, modes=model.modes, batch=1)
    assert written[0].read_bytes() == answer.content


@pytest.mark.parametrize(
    "wrong",
    [
        {"psi": 2.1}, {"psi": -0.1}, {"truncation": "best"}, {"truncation": "index"},
        {"truncation": "index", "mode": 64}, {"noise": "loud"}, {"cutoff": 11}, {"label": "0"},
        {"label": "../x"}, {"extra": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_drawn_is_said_before_the_answer_begins(
    wrong: dict[str, Any], client: TestClient, about: dict[str, Any]
) -> None:
    body = {"of": about["of"], "look": wrong, "seeds": ["1"]}
    answer = client.post("/api/generate/images", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "seeds", [[], ["-1"], ["1.5"], ["0"] * 1001, [3]], ids=lambda x: str(x)[:9]
)
def test_odd_seeds_are_refused(seeds: list[Any], client: TestClient, about: dict[str, Any]) -> None:
    body = {"of": about["of"], "look": {}, "seeds": seeds}
    assert client.post("/api/generate/images", json=body).status_code == 422


def test_other_networks_are_not_drawn_with(client: TestClient) -> None:
    body = {"of": "0" * 16, "look": {}, "seeds": ["1"]}
    assert client.post("/api/generate/images", json=body).status_code == 404


def test_images_remembered_are_not_shown_under_other_marks(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    with studio_of(folder, tmp_path) as client:
        of = client.get("/api/generate/about").json()["of"]
        look = {"truncation": "multimodal-l2", "psi": 0.0}
        body = {"of": of, "look": look, "seeds": ["1"]}
        (words, _), *_ = records(client.post("/api/generate/images", json=body).content)
        mark_mode(folder, words["mode"], mark="never")
        assert client.post("/api/generate/images", json=body).status_code == 404
        body["of"] = client.get("/api/generate/about").json()["of"]
        (again, _), *_ = records(client.post("/api/generate/images", json=body).content)
        assert again["mode"] != words["mode"]


def test_a_seed_too_large_ends_the_stream_with_words(
    client: TestClient, about: dict[str, Any]
) -> None:
    body = {"of": about["of"], "look": {}, "seeds": [str(2**63)]}
    (words, data), = records(client.post("/api/generate/images", json=body).content)  # fmt: skip
    assert "out of range" in words["error"]
    assert data == b""


def test_a_sheet_holds_all_in_rows(client: TestClient, about: dict[str, Any]) -> None:
    look = {"truncation": "global"}
    body = {"of": about["of"], "look": look, "seeds": ["1", "2", "3"], "columns": 2}
    found = records(client.post("/api/generate/sheet", json=body).content)
    assert [words.get("done") for words, _ in found] == [1, 2, 3, None]
    image = Image.open(io.BytesIO(found[-1][1]))
    assert image.size == (64 * 2 + 2, 64 * 2 + 2)
    assert image.text["seed"] == "1,2,3"  # type: ignore[attr-defined]


def walk_of(client: TestClient, about: dict[str, Any], **more: Any) -> dict[str, Any]:
    stops = [{"seed": "1"}, {"mode": 3}, {"seed": "2", "look": {"truncation": "none"}}]
    body = {"of": about["of"], "stops": stops, "look": LPIPS, "frames": 9, **more}
    found: dict[str, Any] = client.post("/api/generate/walk", json=body).json()
    return found


def test_frames_of_a_walk_come_from_any_place(client: TestClient, about: dict[str, Any]) -> None:
    walk = walk_of(client, about, loop=False)
    assert walk["frames"] == 9
    assert [mark["name"] for mark in walk["landmarks"]] == ["seed 1", "mode 3", "seed 2"]
    body = {"walk": walk["walk"], "first": 3, "count": 4}
    some = records(client.post("/api/generate/frames", json=body).content)
    assert [words["frame"] for words, _ in some] == [3, 4, 5, 6]
    every = records(
        client.post("/api/generate/frames", json={"walk": walk["walk"], "first": 0}).content
    )
    assert [data for _, data in every[3:7]] == [data for _, data in some]
    body = {"of": about["of"], "look": LPIPS, "seeds": ["1"]}
    seed = records(client.post("/api/generate/images", json=body).content)[0][1]
    assert np.abs(pixels(every[0][1]).astype(int) - pixels(seed)).max() <= 1


def test_a_film_is_the_walk(client: TestClient, about: dict[str, Any]) -> None:
    walk = walk_of(client, about)
    answer = client.post("/api/generate/film", json={"walk": walk["walk"], "fps": 12})
    found = records(answer.content)
    assert [words.get("done") for words, _ in found] == [*range(1, 10), None]
    film = Image.open(io.BytesIO(found[-1][1]))
    assert film.format == "WEBP"
    assert film.n_frames == 9  # type: ignore[attr-defined]


def test_a_forgotten_walk_is_said(client: TestClient) -> None:
    body = {"walk": "0" * 16, "first": 0}
    (words, _), = records(client.post("/api/generate/frames", json=body).content)  # fmt: skip
    assert "forgotten" in words["error"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"stops": [{"seed": "1"}]}, {"stops": [{"seed": "1"}, {}]}, {"frames": 2001},
        {"stops": [{"seed": "1"}, {"mode": 64}]}, {"stops": [{"seed": "1", "mode": 1}] * 2},
        {"through": "air"}, {"stops": [{"seed": "1"}] * 17, "even": True},
    ],
    ids=str,
)  # fmt: skip
def test_odd_walks_are_refused(
    wrong: dict[str, Any], client: TestClient, about: dict[str, Any]
) -> None:
    assert "error" in walk_of(client, about, **wrong)


def test_mixes_take_layers_of_their_columns(
    client: TestClient, about: dict[str, Any], model: Pipeline
) -> None:
    body = {"of": about["of"], "look": LPIPS, "rows": ["1"], "columns": ["2", "3"]}
    found = records(client.post("/api/generate/mix", json={**body, "layers": "0-3"}).content)
    cells = {(words["row"], words["column"]): pixels(data) for words, data in found}
    wanted = model.mix([1], [2, 3], "0-3", psi=0.5)
    assert np.abs(cells[0, 1].astype(int) - wanted.mixed[0, 1].permute(1, 2, 0).numpy()).max() <= 1
    assert set(cells) == {(-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1)}
    one = {"of": about["of"], "row": "1", "column": "3", "layers": "0-3", **LPIPS}
    answer = client.get("/api/generate/mix.png", params=one)
    assert (pixels(answer.content) == cells[0, 1]).all()
    wrong = client.post("/api/generate/mix", json={**body, "layers": "9-12"}).content
    assert "layers" in records(wrong)[0][0]["error"]


def test_a_model_with_classes_and_without_modes(tmp_path: Path) -> None:
    """It says what it cannot do, and draws the class that is asked for."""
    net = preset("smoke").net.model_copy(update={"num_classes": 2, "class_names": ("cat", "dog")})
    Pipeline(Networks.create(net, 0).eval(), None).save_pretrained(tmp_path / "model")
    client = studio_of(tmp_path / "model", tmp_path)
    about = client.get("/api/generate/about").json()
    assert about["class_names"] == ["cat", "dog"]
    why = {one["name"]: one["why"] for one in about["truncations"]}
    assert [name for name in why if not why[name]] == ["none", "global"]
    assert "no modes" in why["multimodal-lpips"]
    query = {"of": about["of"], "seed": "7", "truncation": "global", "label": "1"}
    image = Image.open(io.BytesIO(client.get("/api/generate/image.png", params=query).content))
    assert image.text["class"] == "1"  # type: ignore[attr-defined]
    refused = client.get("/api/generate/image.png", params={**query, "label": "2"})
    assert "no class" in refused.json()["error"]
    refused = client.get("/api/generate/image.png", params={**query, "truncation": "index"})
    assert "no modes" in refused.json()["error"]


def test_a_page_that_goes_away_gives_its_turn_back() -> None:
    easel = Easel(Painter(open_place(MODEL), "cpu"))
    with easel.networks() as pipeline:
        version = easel.version(pipeline)

    def drawing() -> Iterator[Sample]:
        with easel.turn():
            yield from easel.images(version, Look(truncation="none"), range(100))

    for _ in range(20):
        pictures = drawing()
        next(pictures)
        del pictures


def test_memory_forgets_the_oldest(model: Pipeline) -> None:
    memory = Memory(most=2 * 3 * 64 * 64)
    drawn = [Sample(n, image, None) for n, image in enumerate(model(range(3), truncation="none"))]
    for one in drawn:
        memory.put(one.seed, one)
        memory.get(0)
    assert [memory.get(seed) is not None for seed in range(3)] == [True, False, True]


def test_no_more_than_a_few_may_wait(client: TestClient, about: dict[str, Any]) -> None:
    easel = Easel(Painter(open_place(MODEL), "cpu"))
    turns = [easel.turn() for _ in range(16)]
    for turn in turns:
        turn.__enter__()
    with pytest.raises(LimbeckError, match="too many"), easel.turn():
        pass
    turns[0].__exit__(None, None, None)
    with easel.turn():
        pass
