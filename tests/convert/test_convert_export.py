"""Which photos are exported and where to; what people and programs are told; other tools."""

import csv
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from exporting import FACTS, dataset, pixels
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from limbeck import export_data
from limbeck.artefacts.keep import kept_ids
from limbeck.artefacts.takedowns import TakeDown, write_takedowns
from limbeck.cli import app
from limbeck.convert import foresee, tables
from limbeck.convert.selection import Photo
from limbeck.convert.tables import attribution
from limbeck.data import Dataset, open_dataset
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.records import ExportKind, ImageInfo, Status


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dataset(tmp_path_factory.mktemp("plain"))


def limbeck(*args: object) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON answer, and what was told."""
    result = CliRunner().invoke(app, ["export-data", *map(str, args), "--json"])
    return (
        result.exit_code,
        json.loads(result.stdout.splitlines()[-1]),
        " ".join(result.stderr.split()),
    )


def test_of_a_run_the_kept_photos_are_exported_and_all_on_request(
    smoke: Any, tmp_path: Path
) -> None:
    kept = kept_ids(smoke.run / "keep")
    whole = open_dataset(smoke.run / "data")
    assert 0 < len(kept) < len(whole)
    code, answer, told = limbeck(smoke.run, "--to", "imagefolder", "--out", tmp_path / "kept")
    assert (code, answer["photos"], answer["kept_only"]) == (0, len(kept), True)
    assert f"{len(kept)} kept photos of {whole.size} px (of {len(whole)}; --all" in told
    assert {p.stem for p in (tmp_path / "kept/images").iterdir()} == set(kept)
    everything = tmp_path / "all"
    code, answer, told = limbeck(smoke.run, "--to", "imagefolder", "--out", everything, "--all")
    assert (code, answer["photos"], answer["kept_only"]) == (0, len(whole), False)
    assert f"wrote {len(whole)} photos of" in told
    plain = export_data(smoke.run / "data", tmp_path / "plain", "webdataset")
    assert plain.photos == len(whole)
    by_list = export_data(
        smoke.run / "data", tmp_path / "by-list", "webdataset", keep=smoke.run / "keep"
    )
    assert by_list.photos == len(kept)


def test_of_a_run_the_manifest_finds_the_photos_by_itself(smoke: Any, tmp_path: Path) -> None:
    for source in (smoke.run, smoke.run / "data"):
        out = tmp_path / source.name
        code, answer, _ = limbeck(source, "--to", "manifest", "--out", out)
        assert (code, answer["left_out"]) == (0, 0)
        items = json.loads((out / "manifest.json").read_text())
        assert len(items) == answer["photos"]
        assert all((smoke.photos / item["image_name"]).is_file() for item in items)


@pytest.mark.parametrize("kind", ExportKind)
def test_a_dry_run_writes_nothing_and_comes_near(
    data: Dataset, tmp_path: Path, kind: ExportKind
) -> None:
    photos = data.root.parent / "photos"
    more = ["--originals", photos] if kind is ExportKind.MANIFEST else []
    words = (data.root, "--to", kind, "--out", tmp_path / "o", *more)
    code, seen, told = limbeck(*words, "--dry-run")
    assert (code, seen["dry_run"], list(tmp_path.iterdir())) == (0, True, [])
    assert "would write 8 photos" in told
    _, made, _ = limbeck(*words)
    assert seen["files"] == made["files"]
    assert sum(1 for p in (tmp_path / "o").rglob("*") if p.is_file()) == made["files"]
    assert sum(p.stat().st_size for p in (tmp_path / "o").rglob("*.*")) == made["bytes"]
    assert 0.6 < seen["bytes"] / made["bytes"] < 1.5


def test_nothing_is_written_over_or_into_anything(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "o/mine.txt").write_text("mine")
    photos = data.root.parent / "photos"
    wrong: list[tuple[Path, type[LimbeckError], str]] = [
        (tmp_path / "o", DataError, "not empty"),
        (tmp_path / "o/mine.txt", UsageError, "is a file"),
        (data.root / "inner", UsageError, "lie in one another"),
        (data.root.parent, UsageError, "lie in one another"),
    ]
    for out, error, words in wrong:
        for ask in (export_data, foresee):
            with pytest.raises(error, match=words):
                ask(data.root, out, "webdataset")
    with pytest.raises(UsageError, match="lie in one another"):
        export_data(data.root, photos / "inner", "manifest", originals=photos)
    assert [p.name for p in (tmp_path / "o").iterdir()] == ["mine.txt"]
    assert not (data.root / "inner").exists()
    (tmp_path / "empty").mkdir()
    export_data(data.root, tmp_path / "empty", "webdataset")
    with pytest.raises(DataError, match="not empty"):
        export_data(data.root, tmp_path / "empty", "webdataset")


def test_a_failure_leaves_nothing_and_the_leavings_of_a_kill_go(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = tmp_path / ".tmp-o-999999-00000000-00000000"
    dead.mkdir()
    (dead / "half").write_text("half")
    other = tmp_path / ".tmp-other-999999-00000000-00000000"
    other.mkdir()

    def fails(*args: object) -> None:
        raise DataError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("limbeck.convert.export.write_attribution", fails)
        with pytest.raises(DataError, match="the disk is full"):
            export_data(data.root, tmp_path / "o", "imagefolder")
    assert [p.name for p in tmp_path.iterdir()] == [other.name]
    export_data(data.root, tmp_path / "o", "imagefolder")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "manifest", "--size", "16"], "no --size"),
        (["--to", "webdataset", "--originals", "."], "--originals is of use to a manifest alone"),
        (["--to", "webdataset", "--all", "--keep", "."], "contradict"),
        (["--to", "webdataset", "--size", "0"], "size 0"),
        (["--to", "webdataset", "--shard-mb", "0"], "shards of 0 MB"),
    ],
)
def test_wrong_settings_are_refused(
    data: Dataset, tmp_path: Path, words: list[str], told: str
) -> None:
    code, answer, _ = limbeck(data.root, "--out", tmp_path / "o", *words)
    assert code == 2
    assert told in answer["error"]
    with pytest.raises(UsageError, match="no export to 'pickle'"):
        export_data(data.root, tmp_path / "o", "pickle")
    assert not (tmp_path / "o").exists()


def test_a_keep_list_of_another_dataset_is_refused(
    smoke: Any, data: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="the list was made for another dataset"):
        export_data(data.root, tmp_path / "o", "webdataset", keep=smoke.run / "keep")


def test_a_side_that_the_stylegan_tools_refuse_is_told(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_data(data.root, tmp_path / "a", "dataset-json")
    assert "44 x 44 pixels: the StyleGAN tools take powers of two alone; --size 32" in (
        " ".join(capsys.readouterr().err.split())
    )
    export_data(data.root, tmp_path / "b", "dataset-json", size=32)
    assert "powers of two" not in capsys.readouterr().err


def test_attribution_says_who_made_each_photo(data: Dataset, tmp_path: Path) -> None:
    export_data(data.root, tmp_path / "o", "imagefolder")
    rows = list(csv.DictReader((tmp_path / "o/attribution.csv").read_text().splitlines()))
    assert [row["file"] for row in rows] == [f"images/{photo}.png" for photo in data.ids]
    assert [row["sha256"] for row in rows] == [info.sha256 for info in data.infos]
    assert {name: rows[0][name] for name in FACTS[0]} == FACTS[0]
    assert rows[1]["author"] == "'=1+1"  # the exact text is in the metadata
    lines = [json.loads(line) for line in (tmp_path / "o/metadata.jsonl").read_text().splitlines()]
    assert [line["author"] for line in lines[:3]] == ["Ada", "=1+1", ""]
    assert len({tuple(line) for line in lines}) == 1
    assert lines[4]["box"] == list(data.infos[4].box or ())


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=4, max_size=4))
def test_no_cell_is_a_formula_and_every_cell_comes_back(texts: list[str]) -> None:
    source, url, author, licence = texts
    info = ImageInfo(
        source=source, id="a", status=Status.ACCEPTED, url=url, author=author, licence=licence
    )
    text = attribution([Photo(info, None)], ["a.png"])
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    for name, value in zip(("source", "url", "author", "licence"), texts, strict=True):
        assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert row[name] in (value, f"'{value}")


# Other tools, in processes of their own: they start threads, and are slow to load.

LOADS = """
import json, sys
import numpy as np
import datasets
datasets.disable_progress_bars()
args = json.loads(sys.argv[1])
found = datasets.load_dataset(*args["words"], cache_dir=args["cache"], **args["named"])
rows = [{k: v for k, v in row.items() if k != "image"} for row in found["train"]]
images = [np.asarray(row["image"]).tolist() for row in found["train"]]
label = found["train"].features.get("label")
print(json.dumps({"splits": list(found), "rows": rows, "images": images,
                  "names": getattr(label, "names", None)}))
"""
SHARDS = """
import json, sys
import warnings
warnings.simplefilter("error")
import webdataset
args = json.loads(sys.argv[1])
samples = webdataset.WebDataset(args["urls"], shardshuffle=False).decode("rgb8")
rows = [{"key": s["__key__"], "json": s["json"], "cls": s.get("cls"), "image": s["png"].tolist()}
        for s in samples]
print(json.dumps({"rows": rows}))
"""


def asked(package: str, program: str, tmp_path: Path, **args: object) -> dict[str, Any]:
    """What a program answers that uses a package; skips where the package is not installed."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed (pip install {package})")
    homes = {name: str(tmp_path / "home") for name in ("HF_HOME", "HOME", "XDG_CACHE_HOME")}
    result = subprocess.run(
        [sys.executable, "-c", program, json.dumps(args)], capture_output=True, text=True,
        env={**os.environ, **homes, "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout.splitlines()[-1])
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize("classes", [(), ("pug", "val_dog")], ids=["plain", "classes"])
@pytest.mark.parametrize("kind", ["imagefolder", "hf-parquet"])
def test_hugging_face_datasets_load_it(tmp_path: Path, kind: str, classes: tuple[str]) -> None:
    made = dataset(tmp_path, classes=classes)
    out = tmp_path / "test" / "o"  # a folder above is no split
    export_data(made.root, out, kind)
    words, named = (["imagefolder"], {"data_dir": str(out)})
    if kind == "hf-parquet":
        words, named = ["parquet"], {"data_files": str(out / "*.parquet")}
    cache = str(tmp_path / "cache")
    found = asked("datasets", LOADS, tmp_path, words=words, named=named, cache=cache)
    assert found["splits"] == ["train"]
    rows = {
        row["id"]: (row, image) for row, image in zip(found["rows"], found["images"], strict=True)
    }
    for info, wanted in zip(made.infos, pixels(made), strict=True):
        row, image = rows[str(info.id)]
        assert image == wanted.permute(1, 2, 0).tolist()
        assert row["box"] == list(info.box or ())
        assert (row["licence"] or None, row["source"]) == (info.licence, info.source)
        if classes:
            number = kind == "hf-parquet"
            name = made.class_names[info.label or 0]
            assert row["label"] == (info.label if number else name)
    if classes and kind == "hf-parquet":
        assert found["names"] == list(made.class_names)


def test_semicolons_part_no_formula_off() -> None:
    assert tables._harmless("x;=HYPERLINK(1)") == "x;'=HYPERLINK(1)"
    assert tables._harmless("=1; -2") == "'=1; '-2"
    assert tables._harmless("a-b;c") == "a-b;c"


def test_nothing_is_exported_while_a_take_down_is_open(data: Dataset, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(data.root, copy)
    begun = TakeDown(
        begun="2026-11-28T00:00:00+00:00", limbeck="0", ids=(), sha256=(), photos=1, images=1
    )
    write_takedowns(copy, [begun])
    with pytest.raises(DataError, match="did not end"):
        export_data(copy, tmp_path / "out", "imagefolder")


def test_webdataset_loads_it(tmp_path: Path) -> None:
    made = dataset(tmp_path, classes=("pug", "val_dog"))
    export_data(made.root, tmp_path / "o", "webdataset")
    urls = [str(path) for path in sorted((tmp_path / "o").glob("*.tar"))]
    found = asked("webdataset", SHARDS, tmp_path, urls=urls)["rows"]
    assert [row["key"] for row in found] == list(made.ids)
    for row, info, wanted in zip(found, made.infos, pixels(made), strict=True):
        assert row["image"] == wanted.permute(1, 2, 0).tolist()
        assert row["cls"] == info.label
        assert (row["json"]["id"], row["json"].get("author")) == (info.id, info.author)
