"""Onto the hub in one commit: what is sent, what stays, what is refused."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hub_server import TOKEN, FakeHub, log_in, pointed_at
from model_small import small_pipeline
from typer.testing import CliRunner

from limbeck.cli import app
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.model import Pipeline, look, publication, publish
from limbeck.modes import mark_mode

pytest.importorskip("huggingface_hub")
# the hub library's own way of sending a file
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
NAME = "anna/dogs-16"
SENT = {"README.md", "samples.png", "centres.png", "generator.safetensors", "encoder.safetensors",
        "modes.safetensors", "config.json"}  # fmt: skip


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return small_pipeline()


@pytest.fixture(scope="module")
def saved(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "m"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    made = Path(shutil.copytree(saved, tmp_path / "model"))
    (made / "notes.txt").write_text("mine")
    return made


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    made = FakeHub()
    log_in(tmp_path / "hf")
    with pointed_at(made.url, tmp_path / "hf") as patch:
        patch.chdir(tmp_path)
        yield made
    made.close()


def push(folder: Path, name: str = NAME, **options: object) -> str:
    return publish(publication(folder, name), **options)  # type: ignore[arg-type]


def test_what_goes_up_comes_down_the_same(hub: FakeHub, pipeline: Pipeline, folder: Path) -> None:
    url = pipeline.push_to_hub(NAME, message="first")
    repo = hub.repos[NAME]
    assert url == f"{hub.url}/{NAME}/commit/{repo.heads['main']}"
    assert repo.files.keys() == SENT | {".gitattributes"}
    assert not repo.private
    assert torch.equal(Pipeline.from_pretrained(NAME, device="cpu")([3]), pipeline([3]))
    assert len(hub.paths("PUT")) == 5, "large files go by the large files' way"
    assert push(folder, "anna/of-a-folder")
    assert hub.repos["anna/of-a-folder"].files.keys() == SENT | {".gitattributes"}, "no notes.txt"


def test_a_person_s_marks_of_modes_go_with_the_model(hub: FakeHub, folder: Path) -> None:
    mark_mode(folder, 1, name="lying", mark="never")
    push(folder)
    assert hub.repos[NAME].files.keys() == SENT | {".gitattributes", "marks.csv"}
    (folder / "marks.csv").unlink()
    push(folder)
    assert "marks.csv" not in hub.repos[NAME].files, "no marks are left of the earlier model"
    (folder / "marks.csv").write_text("not,marks\n")
    with pytest.raises(DataError, match=r"marks.csv:1"):
        push(folder)


def test_private_is_private(hub: FakeHub, folder: Path) -> None:
    push(folder, private=True)
    assert hub.repos[NAME].private
    assert Pipeline.from_pretrained(NAME, device="cpu").config.size == 16
    push(folder, "anna/open")
    with pytest.raises(UsageError, match="on the hub already, and public"):
        push(folder, "anna/open", private=True)


def test_an_earlier_model_is_replaced_and_a_person_s_files_stay(
    hub: FakeHub, pipeline: Pipeline, folder: Path
) -> None:
    pipeline.push_to_hub(NAME, max_shard_size=20_000)
    repo = hub.repos[NAME]
    shards = {name for name in repo.files if "-of-0" in name or name.endswith(".index.json")}
    assert shards
    repo.commit({**repo.files, "LICENSE": b"mine", "README.md": b"---\nlicense: mit\n---\nmine"})
    there = look(publication(folder, NAME).model)
    assert set(there.stale(publication(folder, NAME).files)) == shards
    push(folder, keep_card=True)
    assert repo.files.keys() == SENT | {".gitattributes", "LICENSE"}
    assert repo.files["README.md"].endswith(b"mine")
    push(folder)
    assert repo.files["README.md"] == (folder / "README.md").read_bytes()
    assert len(repo.commits) == 5, "one commit each"


def test_another_model_is_never_replaced(hub: FakeHub, folder: Path) -> None:
    hub.add(NAME, {"config.json": b'{"model_type": "bert"}', "README.md": b"a month's work"})
    with pytest.raises(DataError, match="holds another model"):
        push(folder)
    hub.add("anna/empty", {".gitattributes": b""})
    push(folder, "anna/empty")
    assert hub.repos[NAME].files["README.md"] == b"a month's work"


def test_what_changed_since_it_was_looked_at_is_not_overwritten(hub: FakeHub, folder: Path) -> None:
    push(folder)
    what = publication(folder, NAME)
    there, repo = look(what.model), hub.repos[NAME]
    (folder / "README.md").write_text("---\nlicense: mit\n---\nanother\n")
    theirs = repo.commit({**repo.files, "README.md": b"hers"})
    with pytest.raises(DataError, match=r"answers 412.*A commit has happened since"):
        publish(publication(folder, NAME), there)
    assert repo.heads["main"] == theirs


@pytest.mark.parametrize("name", ["dogs", "anna/dogs@main", "a b/c", "../x", "anna/dogs/x", ""])
def test_other_names_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="OWNER/NAME"):
        publication(folder, name)


def test_refusals_are_told_without_the_token(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    cases: list[tuple[str, str, int, str]] = [
        ("bob/dogs", "", 0, "don't have the rights"),
        (NAME, "/api/repos/create", 401, "answers 401"),
        (NAME, "/preupload/", 403, "answers 403"),
        (NAME, "/objects/batch", 418, "answers 418"),
        (NAME, "/commit/", 409, "answers 409"),
    ]
    for name, part, status, words in cases:
        hub.faults = {("POST", part): status} if part else {}
        hub.repos.clear()
        hub.large.clear()
        with pytest.raises(LimbeckError) as caught:
            push(folder, name)
        assert words in str(caught.value), str(caught.value)
        assert TOKEN not in str(caught.value)
    hub.faults.clear()
    (folder / "README.md").write_text("---\nlicense: My Own\n---\n")
    with pytest.raises(DataError, match=r'refuses README\.md: .*"license" must be one of'):
        push(folder)
    (tmp_path / "hf" / "token").unlink()
    with pytest.raises(UsageError, match="does not know who you are"):
        push(folder)


def test_a_damaged_folder_stays_here(hub: FakeHub, folder: Path) -> None:
    data = bytearray((folder / "generator.safetensors").read_bytes())
    data[-3] ^= 1
    (folder / "generator.safetensors").write_bytes(data)
    with pytest.raises(DataError, match=r"generator\.safetensors: sha256"):
        push(folder)
    assert not hub.asked


def limbeck(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    return result.exit_code, " ".join(result.stderr.split())


def test_the_command_shows_asks_and_publishes(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    code, told = limbeck("push", folder, NAME, "--dry-run")
    assert code == 0
    assert not hub.asked
    assert "generator.safetensors encoder.safetensors" in re.sub(r" [0-9.]+ [kM]B", "", told)
    assert "public: anybody may download it" in told
    assert "the hub not asked" in told
    code, told = limbeck("push", folder, NAME)
    assert (code, "would be published on the hub" in told) == (2, True)
    assert NAME not in hub.repos
    code, told = limbeck("push", folder, NAME, "--private", "--yes", "--message", "for Bob")
    assert code == 0, told
    assert "private: its owner alone sees it" in told
    assert "generator.safetensors (new)" in told
    assert f"published: {hub.url}/{NAME}/commit/" in told
    assert "licence of the weights, as the card says: CC-BY-4.0" in told
    assert "notes.txt" not in told
    code, told = limbeck("push", folder, NAME, "--yes")
    assert "README.md (replaces the one there)" in told
    code, told = limbeck("sample", f"hf://{NAME}", "--seeds", "3", "--out", tmp_path / "s",
                         "--device", "cpu")  # fmt: skip
    assert code == 0, told
    assert (tmp_path / "s" / "seed000003.png").exists()
    code, told = limbeck("sample", NAME, "--out", tmp_path / "t", "--dry-run")
    assert "would fetch anna/dogs-16 from the hub and draw 16 images" in told
    code, told = limbeck("push", tmp_path / "absent", NAME)
    assert (code, "no such model folder or run" in told) == (3, True)
