"""No failure of the system is a traceback: what and where, what to do, the right exit code."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from limbeck.cli import app
from limbeck.cli.failures import explain
from limbeck.cli.outcome import Outcome, verb
from limbeck.errors import DataError

SMALL = ("--device", "cpu")


def failing(*args: object) -> tuple[int, list[str]]:
    """Exit code and lines of a verb that fails; it must not show a traceback."""
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.stderr, result.stderr
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    return result.exit_code, [
        line for line in result.stderr.splitlines() if line.startswith(("limbeck: ", "  -> "))
    ]


def writers(smoke: Any) -> dict[str, tuple[object, ...]]:
    """Verb -> its arguments without --out, quick ones."""
    run = smoke.run
    few = ("--set", "modes.samples=64", "--clusters", "4")
    return {
        "ingest": ("ingest", smoke.photos, "--preset", "smoke"),
        "train": ("train", run / "data", "--preset", "smoke", "--kimg", "0.016", *SMALL),
        "score": ("score", run / "data", run, "--set", "score.generated=20", *SMALL),
        "keep": ("keep", run / "scores"),
        "modes": ("modes", run, *few, *SMALL),
        "sample": ("sample", run / "model", "--seeds", "0", *SMALL),
        "export": ("export", run, *SMALL),
        "run": ("run", smoke.photos, "--preset", "smoke", *SMALL),
        "demo": ("demo", "--count", "50", "--kimg", "0.016", "--set", "score.generated=20", *SMALL),
    }


VERBS = ("ingest", "train", "score", "keep", "modes", "sample", "export", "run", "demo")


@pytest.mark.parametrize("out", ["file/x", "/proc/nonexistent/x", "/dev/null/x"])
@pytest.mark.parametrize("name", VERBS)
def test_an_out_that_cannot_be_written(name: str, out: str, smoke: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    where = tmp_path / out
    code, lines = failing(*writers(smoke)[name], "--out", where)
    assert code in (2, 3), lines  # 2: on the way to it lies a file, not a folder
    assert len(lines) == 2, lines
    assert str(where).rsplit("/x", 1)[0] in lines[0]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("name", ["ingest", "keep", "export", "sample"])
def test_a_disk_that_refuses(
    name: str, number: int, smoke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, mkdir = tmp_path / "out", os.mkdir

    def refuse(path: Any, *args: Any, **more: Any) -> None:
        if str(tmp_path) in str(path):
            raise OSError(number, os.strerror(number), str(path))
        mkdir(path, *args, **more)

    monkeypatch.setattr(os, "mkdir", refuse)
    code, lines = failing(*writers(smoke)[name], "--out", out)
    assert code == 3, lines
    assert len(lines) == 2, lines
    assert os.strerror(number) in lines[0]
    assert str(out) in lines[0]


def test_a_name_that_is_too_long(smoke: Any, tmp_path: Path) -> None:
    code, lines = failing(*writers(smoke)["keep"], "--out", tmp_path / ("x" * 300))
    assert code == 3
    assert "File name too long" in lines[0]
    assert lines[1] == "  -> give a shorter name"


def caught(error: BaseException) -> BaseException:
    """The error with a traceback."""
    try:
        raise error
    except BaseException as raised:
        return raised


class OutOfMemoryError(RuntimeError):
    """As torch calls it."""


@pytest.mark.parametrize(
    ("error", "code", "what", "do"),
    [
        (OSError(errno.EROFS, "Read-only file system", "a[/b]"), 3, "a[/b]: Read-only", "another"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 3, "x: No space", "free some"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), 3, "x: Is a", "check the name"),
        (OSError(errno.EMFILE, "Too many open files"), 3, "Too many", "ulimit"),
        (FileExistsError(errno.EEXIST, "File exists", b"x\xff"), 3, "x\udcff: File", "move it"),
        (MemoryError(), 1, "not enough memory", "--size"),
        (OutOfMemoryError("CUDA"), 1, "not enough memory", "--preset"),
        (UnicodeEncodeError("utf-8", "a\udcff", 1, 2, "surrogates"), 2, "udcff", "rename"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), 3, "not text", "UTF-8"),
        (RecursionError("deep"), 3, "too deep", "--set"),
        (KeyboardInterrupt(), 4, "stopped", "the same command continues"),
        (ValueError("one\ntwo"), 1, "unexpected ValueError: one two", "report it"),
        (KeyError("x"), 1, "unexpected KeyError", "LIMBECK_DEBUG=1"),
        (DataError("w", "d"), 3, "w", "d"),
    ],
    ids=lambda value: repr(value) if isinstance(value, BaseException) else None,
)
def test_every_exception_says_what_and_what_to_do(
    error: BaseException, code: int, what: str, do: str
) -> None:
    failure = explain(caught(error))
    assert failure.code == code
    assert what in failure.what
    assert do in failure.do
    assert "\n" not in failure.what + failure.do


def test_an_unexpected_error_says_where(smoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limbeck.cli.stage_verbs.keep_changes", None)
    code, lines = failing("keep", smoke.run / "scores", "--out", "x")
    assert code == 1
    assert "(in cli/stage_verbs.py, line " in lines[0]
    monkeypatch.setenv("LIMBECK_DEBUG", "1")
    result = CliRunner().invoke(app, ["keep", str(smoke.run / "scores"), "--out", "x"])
    assert "Traceback (most recent call last)" in result.stderr
    assert result.exit_code == 1


def test_ctrl_c_while_the_command_line_loads_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    found = subprocess.run(
        [sys.executable, "-m", "limbeck", "doctor"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (found.returncode, found.stderr) == (4, "limbeck: stopped\n")


@pytest.mark.parametrize("when", ["import", "work", "show"])
def test_ctrl_c_at_any_moment_is_4_and_two_lines(when: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, _thread\n"
        "import limbeck.cli as cli\n"
        "from limbeck.cli import machine, outcome\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        f"when = {when!r}\n"
        "if when == 'import': cli.app = stop\n"
        "if when == 'work': machine.known_weights = stop\n"
        "if when == 'show': outcome._show = stop\n"
        "sys.argv = ['limbeck', 'weights', 'list']\n"
        "cli.main()\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("  limbeck")]
    assert len(lines) <= 2
    assert lines[0] == "limbeck: stopped"


def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    line = f"{sys.executable} -m limbeck weights list --json | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr


@pytest.fixture
def lone_process(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job ignores it
        "from limbeck.cli.outcome import Outcome, verb\n"
        "from limbeck import logs\n"
        "import typer\n"
        "one = typer.Typer(pretty_exceptions_enable=False)\n"
        "@one.command()\n"
        "@verb()\n"
        "def work() -> Outcome:\n"
        "    with logs.working('waiting'):\n"
        f"        open({str(tmp_path / 'begun')!r}, 'w').close()\n"
        "        time.sleep(60)\n"
        "    return Outcome({})\n"
        "one()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def test_ctrl_c_while_progress_is_shown(
    lone_process: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    deadline = time.monotonic() + 120
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lone_process.send_signal(signal.SIGINT)
    _, err = lone_process.communicate(timeout=240)
    assert lone_process.returncode == 4
    assert "Traceback" not in err
    assert "limbeck: stopped" in err


def test_an_answer_that_cannot_be_json_is_one_line() -> None:
    import typer

    one = typer.Typer(pretty_exceptions_enable=False)

    @one.command()
    @verb()
    def work() -> Outcome:
        return Outcome({"x": float("nan")})

    result = CliRunner().invoke(one, ["--json"])
    assert result.exit_code == 1
    assert "limbeck: unexpected ValueError" in result.stderr
