"""Nothing that cannot be taken back happens without a yes."""

import io

import pytest

from limbeck.cli import consent
from limbeck.errors import UsageError

ASKED = ("Publish it?", "a/b would be published", "nothing was published")


def test_where_nobody_is_there_nothing_is_done_and_the_way_is_said() -> None:
    with pytest.raises(UsageError, match="would be published") as caught:
        consent.require_consent(*ASKED)
    assert "--yes" in caught.value.do


@pytest.mark.parametrize(("answer", "done"), [("y", True), ("n", False), ("", False)])
def test_a_person_decides_and_no_answer_is_a_no(
    answer: str, done: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(consent, "somebody_there", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    if done:
        consent.require_consent(*ASKED)
    else:
        with pytest.raises(UsageError, match="nothing was published"):
            consent.require_consent(*ASKED)
    assert "Publish it? [y/N]" in capsys.readouterr().err
