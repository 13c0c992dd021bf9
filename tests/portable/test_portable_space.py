"""The folder of a space: what is in it, what it touches, and, where gradio is, that it works."""

import ast
import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from portable_models import small_model

import limbeck
from limbeck import Pipeline
from limbeck.errors import DataError
from limbeck.fsio import files_under, sha256_file
from limbeck.portable import write_space

MOST = 2**31


def digests(folder: Path) -> dict[str, str]:
    return {f.relative_to(folder).as_posix(): sha256_file(f) for f in files_under(folder)}


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model with modes and three classes. Read-only for tests."""
    out = tmp_path_factory.mktemp("space") / "tea: pots"
    model = small_model(classes=3)
    model.licence = "<b>ours</b>"
    write_space(model, out, max_shard_size=MOST)
    return out


def test_it_holds_a_page_what_it_needs_and_the_model(space: Path) -> None:
    assert {"app.py", "requirements.txt", "README.md", "model"} == {f.name for f in space.iterdir()}
    _, head, text = (space / "README.md").read_text().split("---\n", 2)
    about = yaml.safe_load(head)
    assert about["title"] == "tea: pots"
    assert (about["sdk"], about["app_file"], about["license"]) == ("gradio", "app.py", "other")
    assert about["license_name"] == "b-ours-b"
    assert all(isinstance(about[name], str) for name in ("sdk_version", "python_version"))
    assert "8 px" in text
    wanted = (space / "requirements.txt").read_text().split()
    assert wanted == [f"limbeck[space]=={limbeck.__version__}", "torch"]
    again = Pipeline.from_pretrained(space / "model", device="cpu")
    assert (again([1, 2]) == small_model(classes=3)([1, 2])).all()


def test_the_page_compiles_and_takes_limbecks_public_names_alone(space: Path) -> None:
    text = (space / "app.py").read_text()
    compile(text, "app.py", "exec")
    taken = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom)]
    names = {a.name for n in taken for a in n.names if str(n.module).startswith("limbeck")}
    assert {n.module for n in taken if str(n.module).startswith("limbeck")} == {"limbeck"}
    assert names <= set(limbeck.__all__)
    assert "http" not in text
    assert len(text.splitlines()) < 300


def test_a_model_folder_goes_in_as_it_is_and_nothing_else_is_touched(tmp_path: Path) -> None:
    model, folder, out = small_model(), tmp_path / "model", tmp_path / "spaces" / "one"
    model.save_pretrained(folder, dtype="float16")
    (folder / "README.md").write_text("my own words")
    (folder / "secret.txt").write_text("mine")
    before = digests(folder)
    write_space(Pipeline.from_pretrained(folder, device="cpu"), out, folder=folder,
                max_shard_size=MOST)  # fmt: skip
    assert digests(folder) == before
    went = digests(out / "model")
    assert {"config.json", "generator.safetensors", "samples.png", "README.md"} <= went.keys()
    assert "secret.txt" not in went
    assert went.items() <= before.items()
    assert sorted(f.name for f in tmp_path.iterdir()) == ["model", "spaces"]
    assert [f.name for f in (tmp_path / "spaces").iterdir()] == ["one"]


def test_a_folder_that_is_not_empty_is_refused_and_a_damaged_model_too(tmp_path: Path) -> None:
    model, folder, out = small_model(modes=False), tmp_path / "model", tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        write_space(model, out, max_shard_size=MOST)
    assert digests(tmp_path).keys() == {"out/notes.txt"}
    model.save_pretrained(folder)
    (folder / "generator.safetensors").write_bytes(b"short")
    with pytest.raises(DataError):
        write_space(model, tmp_path / "new", folder=folder, max_shard_size=MOST)
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def gradio() -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gradio and of what it imports
        return pytest.importorskip(
            "gradio", reason="gradio is absent: pip install 'limbeck[space]'", exc_type=ImportError
        )


def app_of(space: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("space_app", space / "app.py")
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    return app


def page_of(space: Path) -> Any:
    """Built inside an event loop; without one gradio makes some and leaves them open."""

    async def built() -> Any:
        return app_of(space).page()

    return asyncio.run(built())


@pytest.mark.filterwarnings("ignore")
def test_the_whole_page_is_built(gradio: Any, space: Path) -> None:
    page = page_of(space)
    assert isinstance(page, gradio.Blocks)
    assert page.analytics_enabled is False
    told = str(page.config)
    assert "&lt;b&gt;ours&lt;/b&gt;" in told
    assert "It may repeat training photos" in told
    presses = [one for one in page.fns.values() if one.name in ("draw", "compare")]
    assert {one.concurrency_id for one in presses} == {"generator"}
    assert {one.concurrency_limit for one in presses} == {1}
    assert len(presses) == 2
    labels = [one.label for one in page.blocks.values() if hasattr(one, "label")]
    wanted = {"Seed", "Truncation", "Truncation psi", "Number of images", "Class", "Mode"}
    assert wanted <= set(labels)


@pytest.mark.filterwarnings("ignore")
def test_a_model_without_card_and_pictures_has_a_page(gradio: Any, tmp_path: Path) -> None:
    write_space(small_model(modes=False), tmp_path / "s", max_shard_size=MOST)
    for name in ("README.md", "samples.png"):
        (tmp_path / "s" / "model" / name).unlink()
    told = str(page_of(tmp_path / "s").config)
    assert "not here but with the model" in told
    assert "Multi-modal" not in told.replace("LPIPS, L2 and typical are multi-modal", "")


def test_its_buttons_draw_what_the_pipeline_draws(gradio: Any, space: Path) -> None:
    app = app_of(space)
    model = Pipeline.from_pretrained(space / "model", device="cpu")
    demo = app.Demo(model)
    assert set(app.TRUNCATIONS) == set(demo.truncations)
    for name, truncation in app.TRUNCATIONS.items():
        shown, first = demo.draw(5, False, 3, name, 0.5, 2, 1)
        mode = 2 if truncation == "index" else None
        wanted = model(range(5, 8), 0.5, truncation, mode_index=mode, labels=[1] * 3, output="pil")
        assert [image.tobytes() for image, _ in shown] == [image.tobytes() for image in wanted]
        assert ([said for _, said in shown], first) == (["seed 5", "seed 6", "seed 7"], 5)
    row, first = demo.compare(9, False, 0.5)
    assert [said for _, said in row] == ["None", "Global", "LPIPS", "L2", "typical"]
    assert len({image.tobytes() for image, _ in row}) > 2
    drawn = {demo.draw(0, True, 1, app.GLOBAL, 0.5)[1] for _ in range(3)}
    assert len(drawn) == 3


def test_a_model_without_modes_offers_what_it_can(gradio: Any, space: Path) -> None:
    app = app_of(space)
    demo = app.Demo(small_model(modes=False))
    assert demo.truncations == demo.compared[::-1] == [app.GLOBAL, app.NONE]
    assert len(demo.draw(0, False, 2, app.GLOBAL, 0.7)[0]) == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": -1}, "Seed"), ({"seed": 2**32}, "Seed"), ({"seed": 1.5}, "whole"),
        ({"seed": None}, "Seed"), ({"seed": "7"}, "Seed"), ({"seed": float("nan")}, "Seed"),
        ({"count": 0}, "images"), ({"count": 17}, "images"), ({"count": 1e9}, "images"),
        ({"psi": 2.1}, "psi"), ({"psi": -0.1}, "psi"), ({"psi": float("inf")}, "psi"),
        ({"psi": [0.5]}, "psi"), ({"truncation": "index"}, "Truncation"),
        ({"truncation": ["Global"]}, "Truncation"), ({"mode": 4}, "Mode"), ({"mode": -1}, "Mode"),
        ({"label": 3}, "Class"), ({"label": -2}, "Class"), ({"label": "uniform"}, "Class"),
    ],
)  # fmt: skip
def test_strangers_input_is_refused(
    gradio: Any, space: Path, changed: dict[str, Any], said: str
) -> None:
    app = app_of(space)
    good = {"seed": 1, "shuffle": False, "count": 2, "truncation": app.ONE_MODE, "psi": 0.5,
            "mode": 0, "label": 0}  # fmt: skip
    demo = app.Demo(small_model(classes=3))
    with pytest.raises(gradio.Error, match=said):
        demo.draw(**{**good, **changed})
