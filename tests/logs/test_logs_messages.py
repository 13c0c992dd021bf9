"""`scripts/messages` finds what people can see."""

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "messages"
LINE = re.compile(r"src/limbeck/[\w/]+\.py:\d+  (say|warn|error|do|line|next|progress) *  .*")


def listed(*kinds: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, SCRIPT, *kinds], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_every_message_is_listed_with_its_place() -> None:
    lines = listed()
    assert len(lines) > 300
    assert not [line for line in lines if not LINE.fullmatch(line)]
    text = "\n".join(lines)
    assert "cli/describe.py" in text
    assert "is unfinished ({training.progress}, last snapshot" in text
    assert re.search(
        r"cli/stage_verbs.py:\d+  next +limbeck train DATA --ids \{out\} --out KEPT", text
    )


def test_kinds_can_be_chosen() -> None:
    lines = listed("warn", "do")
    assert lines
    assert all(re.search(r":\d+  (warn|do) ", line) for line in lines)
