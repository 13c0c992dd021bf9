"""Commands that the documents show exist: every `limbeck ...` line in a ```sh block parses."""

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from limbeck.cli import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
FENCE = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shown_commands(text: str) -> Iterator[list[str]]:
    """Words after `limbeck` of every such line in a shell block; `\\` continues a line."""
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words and Path(words[0]).name == "limbeck":
                yield words[1:]


def check(words: list[str]) -> None:
    """Parse without running; raises when the verb, an option or an argument is wrong."""
    if words[0].startswith("-"):
        assert words[0] in ("--help", "-h", "--version"), words
        return
    assert words[0] in COMMANDS, f"no verb {words[0]!r}"
    if {"--help", "-h"} & set(words):
        return
    command = COMMANDS[words[0]]
    if hasattr(command, "commands"):  # a group: its own verb follows
        words = words[1:]
        command = command.commands[words[0]]
    command.make_context(words[0], words[1:])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_shown_commands_parse(document: Path) -> None:
    for words in shown_commands(document.read_text(encoding="utf-8")):
        check(words)


def test_the_readme_shows_the_two_commands_and_a_run() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
    assert any(words[0] == "run" for words in shown_commands(text))


def test_make_targets_named_in_documents_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for block in re.findall(r"^```.*?\n(.*?)^```", document.read_text(), re.M | re.S):
            for target in re.findall(r"^make (\w+)", block, re.MULTILINE):
                assert target in targets, f"{document.name}: make {target}"


def test_the_checker_reads_blocks_as_a_shell_does() -> None:
    block = "$ A=1 .venv/bin/limbeck run photos \\\n  --out x  # note\nls\n"
    text = f"```sh\n{block}```\n```\nlimbeck no\n```\n"
    assert list(shown_commands(text)) == [["run", "photos", "--out", "x"]]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["fly"], "no verb 'fly'"),
        (["run", "photos", "--out", "x", "--fast"], "No such option: --fast"),
        (["run", "--out", "x"], r"Missing (argument|parameter)"),
    ],
)
def test_the_checker_can_fail(words: list[str], complaint: str) -> None:
    with pytest.raises(Exception, match=complaint):
        check(words)


def test_the_page_of_commands_is_what_the_verbs_say() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "cli_page.py"))
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == script["page"](), "run python scripts/cli_page.py"
