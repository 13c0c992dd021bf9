"""Help, exit codes and the shape of answers, without any real work."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main
from typer.testing import CliRunner

import limbeck.cli
from limbeck import logs
from limbeck.cli import app
from limbeck.cli.outcome import Outcome, verb
from limbeck.errors import DataError, Interrupted, LimbeckError, UsageError, WeightsError


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb by its words, those of groups (`bench train`) too."""
    for name, command in group.commands.items():
        words = f"{before}{name}"
        if hasattr(command, "commands"):
            yield from commands(command, f"{words} ")
        else:
            yield words, command


COMMANDS = dict(commands(typer.main.get_command(app)))


def invoke(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_verb_has_help_an_example_and_json(name: str) -> None:
    code, out, _ = invoke(*name.split(), "--help")
    assert code == 0
    assert f"Example: limbeck {name}" in out
    options = {flag for param in COMMANDS[name].params for flag in param.opts}
    assert "--json" in options
    assert ("--dry-run" in options) == (name not in ("status", "doctor"))  # these write nothing
    assert all(param.help for param in COMMANDS[name].params if param.name != "help")


def test_no_verb_ignores_an_option() -> None:
    by_config = {"settings", "seed", "device"}
    seen = 0
    for file in Path(limbeck.cli.__file__).parent.glob("*.py"):
        for function in ast.parse(file.read_text("utf-8")).body:
            if not isinstance(function, ast.FunctionDef):
                continue
            made = [d for d in function.decorator_list if ast.unparse(d).startswith("verb(")]
            if not made:
                continue
            assert isinstance(made[0], ast.Call)
            names = {ast.literal_eval(argument) for argument in made[0].args}
            nodes = [node for line in function.body for node in ast.walk(line)]
            used = {node.id for node in nodes if isinstance(node, ast.Name)}
            asked = {
                node.attr
                for node in nodes
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "shared"
            }
            if "config" in asked:
                asked |= by_config & names
            given = [word for node in nodes if isinstance(node, ast.Call) for word in node.args]
            handed_on = any(isinstance(word, ast.Name) and word.id == "shared" for word in given)
            fits = asked - {"config"} == names or (handed_on and asked - {"config"} < names)
            assert fits, f"{function.name} takes {names}, uses {asked}"
            unused = {argument.arg for argument in function.args.args} - used
            assert not unused, f"{function.name} ignores {unused}"
            seen += 1
    assert seen == len(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_example_parses(name: str) -> None:
    words = COMMANDS[name].epilog.removeprefix("Example: limbeck ").split()
    own = len(name.split())
    assert words[:own] == name.split()
    COMMANDS[name].make_context(name, words[own:])


def test_help_lists_every_verb() -> None:
    code, out, _ = invoke("--help")
    assert code == 0
    assert all(f" {name.split()[0]} " in out for name in COMMANDS)


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["run"],
        ["run", ".", "--out", "x", "--nonsense"],
        ["run", ".", "--out", "x", "--preset", "huge"],
        ["run", ".", "--out", "x", "--set", "train.btch=3"],
        ["run", ".", "--out", "x", "--time-budget", "soon"],
        ["run", ".", "--out", "x", "--size", "48"],
        ["run", ".", "--out", "x", "--keep-fraction", "0.5", "--keep-count", "3"],
        ["run", ".", "--out", "x", "--psi", "1.5"],
        ["sample", ".", "--out", "x", "--seeds", "8-1"],
        ["keep", ".", "--out", "x", "--fraction", "1.5"],
        ["weights", "steal"],
        ["weights", "verify", "nonsense"],
        ["doctor", "--device", "toaster"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = invoke(*args)
    assert code == 2, err
    assert out == ""
    assert err.strip()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "args",
    [
        ["run", "none", "--out", "x"],
        ["ingest", "none", "--out", "x"],
        ["train", "none", "--out", "x"],
        ["score", "none", "none", "--out", "x"],
        ["keep", "none", "--out", "x"],
        ["modes", ".", "--out", "x"],
        ["sample", ".", "--out", "x"],
        ["export", ".", "--out", "x"],
        ["evaluate", "."],
        ["report", "none"],
        ["status", "."],
    ],
    ids=" ".join,
)
def test_bad_data_is_3_and_the_json_line_says_why(
    args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = invoke(*args, "--json")
    assert code == 3, err
    answer = json.loads(out.splitlines()[-1])
    assert answer["exit_code"] == 3
    assert answer["error"].split()[0] in err
    assert answer["do"]
    assert list(tmp_path.iterdir()) == []


def small_app(error: BaseException | None) -> typer.Typer:
    one = typer.Typer(pretty_exceptions_enable=False)

    @one.command()
    @verb()
    def work() -> Outcome:
        if error is not None:
            raise error
        return Outcome({"where": Path("a")}, [logs.bold("done")], then="limbeck status a")

    return one


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LimbeckError("x", "y"), 1),
        (ValueError("x"), 1),
        (UsageError("x", "y"), 2),
        (DataError("x", "y"), 3),
        (WeightsError("x", "y"), 3),
        (Interrupted("x"), 4),
        (KeyboardInterrupt(), 4),
    ],
    ids=repr,
)
def test_errors_become_exit_codes(error: BaseException, code: int) -> None:
    result = CliRunner().invoke(small_app(error), [])
    assert result.exit_code == code
    assert result.stdout == ""


@pytest.mark.parametrize("error", [Interrupted("saved at 3 kimg"), KeyboardInterrupt()], ids=repr)
def test_an_interruption_says_how_to_go_on(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/limbeck", "run", "my photos", "--out", "x"])
    result = CliRunner().invoke(small_app(error), ["--json"])
    assert "the same command continues: limbeck run 'my photos' --out x" in result.stderr
    assert json.loads(result.stdout)["exit_code"] == 4


def test_messages_with_brackets_are_shown_as_they_are() -> None:
    result = CliRunner().invoke(small_app(DataError("photos/[red]x[/red].jpg", "[see] log")), [])
    assert "photos/[red]x[/red].jpg" in result.stderr
    assert "[see] log" in result.stderr


def test_people_read_stderr_and_programs_stdout() -> None:
    result = CliRunner().invoke(small_app(None), ["--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"where": "a"}
    assert result.stderr.splitlines() == ["done", "next: limbeck status a"]
    assert CliRunner().invoke(small_app(None), []).stdout == ""


@pytest.mark.parametrize("code", ["import limbeck", "import limbeck.cli", "HELP"])
def test_a_light_start_loads_no_heavy_library(code: str) -> None:
    if code == "HELP":
        code = (
            "import sys; sys.argv = ['limbeck', '--help']; from limbeck.cli import main\n"
            "try: main()\nexcept SystemExit as stop: assert stop.code in (0, None)\n"
        )
    probe = (
        "\nimport sys"
        "\nheavy = {'torch', 'sklearn', 'scipy', 'matplotlib', 'pyarrow', 'PIL', 'numpy'}"
        "\nprint(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + probe], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_version() -> None:
    import limbeck

    assert invoke("--version") == (0, f"limbeck {limbeck.__version__}\n", "")
