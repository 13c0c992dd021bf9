"""Models of the hub: a name instead of a folder, against a fake of the hub on loopback."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hub_server import FakeHub, log_in, pointed_at
from model_small import small_pipeline

from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.model import Pipeline

pytest.importorskip("huggingface_hub")
NAME = "anna/dogs-16"


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return small_pipeline()


@pytest.fixture(scope="module")
def files(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A model folder with a sharded generator, and what else may lie in a repository."""
    folder = tmp_path_factory.mktemp("model") / "m"
    pipeline.save_pretrained(folder, max_shard_size=20_000)
    found = {file.name: file.read_bytes() for file in folder.iterdir()}
    return {**found, "modeling_limbeck.py": b"raise SystemExit(9)", "extra.pkl": b"\x80\x04."}


@pytest.fixture
def hub(tmp_path: Path, files: dict[str, bytes]) -> Iterator[FakeHub]:
    made = FakeHub()
    made.add(NAME, files)
    with pointed_at(made.url, tmp_path / "hf") as patch:
        patch.chdir(tmp_path)
        yield made
    made.close()


def refused(name: str, *words: str, kind: type[LimbeckError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        Pipeline.from_pretrained(name, device="cpu")
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert caught.value.do
    return str(caught.value)


def test_a_name_gives_the_same_images_and_only_the_files_of_the_format_come(
    hub: FakeHub, pipeline: Pipeline, tmp_path: Path, files: dict[str, bytes]
) -> None:
    there = Pipeline.from_pretrained(NAME, device="cpu")
    assert torch.equal(there([3, 4]), pipeline([3, 4]))
    assert (there.licence, there.settings) == (pipeline.licence, pipeline.settings)
    come = {path.name for path in (tmp_path / "hf" / "hub").rglob("snapshots/*/*")}
    wanted = {name for name in files if name.endswith((".safetensors", ".index.json"))}
    assert come == wanted | {"config.json"}
    assert any("-of-0000" in name for name in come)
    assert hub.paths("GET", "/cdn/"), "large files come by a redirect"
    asked = len(hub.paths("GET", "resolve") + hub.paths("GET", "/cdn/"))
    Pipeline.from_pretrained(NAME, device="cpu")
    assert len(hub.paths("GET", "resolve") + hub.paths("GET", "/cdn/")) == asked


def test_the_token_goes_to_the_hub_alone(hub: FakeHub, tmp_path: Path) -> None:
    hub.repos[NAME].private = True
    refused(NAME, "no model anna/dogs-16 on the hub that you may see", "hf auth login")
    log_in(tmp_path / "hf")
    Pipeline.from_pretrained(NAME, device="cpu")
    sent = {path: token for verb, path, token in hub.asked if verb == "GET" and "/cdn/" in path}
    assert sent
    assert set(sent.values()) == {None}


def test_a_revision_is_a_branch_a_tag_or_a_commit(
    hub: FakeHub, files: dict[str, bytes], pipeline: Pipeline
) -> None:
    repo = hub.repos[NAME]
    old = repo.heads["main"]
    repo.heads["v1"] = old
    repo.commit({"README.md": b"gone"})
    for revision in ("v1", old):
        again = Pipeline.from_pretrained(f"{NAME}@{revision}", device="cpu")
        assert torch.equal(again([3]), pipeline([3]))
    refused(NAME, "no model of limbeck: it has no config.json")
    refused(f"{NAME}@v2", "has no revision 'v2'", "tree/main")


def test_offline_what_was_fetched_still_opens(
    hub: FakeHub, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    from huggingface_hub import constants

    Pipeline.from_pretrained(NAME, device="cpu")
    asked = len(hub.asked)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert torch.equal(Pipeline.from_pretrained(NAME, device="cpu")([3]), pipeline([3]))
    assert len(hub.asked) == asked
    assert "taken from the hub's cache" in capfd.readouterr().err
    refused("anna/other", "is not in the hub's cache", "HF_HUB_OFFLINE")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub.faults[("GET", "/api/models")] = 503
    Pipeline.from_pretrained(NAME, device="cpu")
    refused("anna/other", "the hub answers 503", "wait a while")


def test_a_person_s_marks_of_modes_come_along(
    hub: FakeHub, pipeline: Pipeline, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    assert pipeline.modes is not None
    line = f"modes,mode,name,mark\n{pipeline.modes.digest()},1,lying,never\n"
    hub.add("anna/marked", {**files, "marks.csv": line.encode()})
    hub.add("anna/large", {**files, "marks.csv": b"x" * (8 * 2**20 + 1)})
    for offline in (False, True):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        modes = Pipeline.from_pretrained("anna/marked", device="cpu").modes
        assert modes is not None
        assert (modes.marks.names, modes.marks.never) == ({1: "lying"}, {1})
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    refused("anna/large", "its marks.csv has 8388609 bytes")


def test_no_network_is_told_at_once(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused("anna/other", "no folder anna/other here", "the hub cannot be reached")
    refused("hf://anna/other", "the hub cannot be reached")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, UsageError, ("answers 401", "hf auth login")),
        (403, DataError, ("answers 403", "token may not")),
        (429, DataError, ("answers 429", "wait")),
        (418, DataError, ("answers 418",)),
    ],
)
def test_answers_of_the_hub_are_told(
    hub: FakeHub, status: int, kind: type[LimbeckError], words: tuple[str, ...]
) -> None:
    hub.faults[("GET", "/api/models")] = status
    refused("anna/nothing", *words, kind=kind)


def test_gated_and_absent_and_foreign_models(hub: FakeHub, files: dict[str, bytes]) -> None:
    hub.add("anna/gated", files, gated=True)
    refused("anna/gated", "is gated", "agree on https://huggingface.co/anna/gated")
    refused("anna/absent", "no folder anna/absent here", "no model anna/absent on the hub")
    hub.add("anna/bert", {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"x"})
    refused("anna/bert", "is no model of limbeck", "format is not")
    hub.add("anna/large", {"config.json": b" " * (17 << 20)})
    refused("anna/large", "is no model of limbeck", "bytes")
    later = json.loads(files["config.json"]) | {"format_version": 99}
    hub.add("anna/later", {**files, "config.json": json.dumps(later).encode()})
    refused("anna/later", "format_version 99", "pip install --upgrade limbeck")


def test_files_that_are_not_what_config_says_are_refused(
    hub: FakeHub, files: dict[str, bytes]
) -> None:
    name = next(name for name in files if name.startswith("generator-00001"))
    hub.add("anna/cut", {**files, name: files[name][:-1]})
    refused("anna/cut", f"{name} has", "its config.json says", "tell its owner")
    hub.add("anna/lacks", {n: data for n, data in files.items() if n != name})
    refused("anna/lacks", f"has no {name}", "config.json names it")
    flipped = files[name][:-1] + bytes([files[name][-1] ^ 1])
    hub.add("anna/flipped", {**files, name: flipped})
    refused("anna/flipped", f"{name}: sha256", "remove the file and fetch it again")
    assert not hub.paths("GET", ".py")
    assert not hub.paths("GET", ".pkl")


def test_what_means_a_path_never_asks_the_hub(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for path in ("runs/dgos", "nets/g.pkl", "nets/model.zip", "nets/a/b", "./a/b", "a", "/a/b",
                 tmp_path / "a" / "b", Path("anna/dogs-16")):  # fmt: skip
        refused(path, "no such folder", "hf://OWNER/NAME")  # type: ignore[arg-type]
    assert not hub.asked
    hub.add("runs/dgos", {})
    refused("hf://runs/dgos", "is no model of limbeck")
    refused("hf:/a--b/c", "is no name of the hub", kind=UsageError)


def test_without_the_extra_its_name_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    refused("anna/dogs", "huggingface_hub, which is not here", "limbeck[hub]", kind=UsageError)


def test_the_file_of_a_stranger_is_what_its_hash_says(files: dict[str, bytes]) -> None:
    about = json.loads(files["config.json"])
    for name, file in about["files"].items():
        assert hashlib.sha256(files[name]).hexdigest() == file["sha256"]
        assert len(files[name]) == file["bytes"]
