"""Write docs/cli.md from the verbs themselves: `python scripts/cli_page.py [FILE]`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from limbeck.cli import app

HEAD = """# Commands

Every verb takes `--help`. Exit codes: 0 done, 1 unexpected error, 2 wrong usage, 3 unusable data,
4 interrupted and resumable. With `--json` the last line of standard output is one JSON object;
progress goes to standard error. This page is written by `scripts/cli_page.py`.
"""


def verbs(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb by its words, in the order of `limbeck --help`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def section(name: str, command: Any) -> str:
    """Heading, what it does, an example, and a table of its arguments and options."""
    lines = [f"## limbeck {name}", "", " ".join((command.help or "").split("\n\n")[0].split()), ""]
    if command.epilog:
        lines += ["```sh", command.epilog.removeprefix("Example: "), "```", ""]
    lines += ["| argument or option | default | meaning |", "|---|---|---|"]
    for param in command.params:
        if param.name == "help":
            continue
        flags = ", ".join(f"`{flag}`" for flag in param.opts)
        if param.param_type_name == "argument":
            flags = f"`{(param.metavar or param.name or '').upper()}`"
        default = "" if param.default is None or callable(param.default) else param.default
        told = "" if default == "" or default is False else f"`{default}`"
        shown = "required" if param.required else told
        meaning = (getattr(param, "help", None) or "").replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {flags} | {shown} | {meaning} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    found = verbs(typer.main.get_command(app))
    return "\n".join([HEAD, *(section(name, command) for name, command in found)])


if __name__ == "__main__":
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/cli.md")
    out.write_text(page(), encoding="utf-8")
