import pytest

from limbeck import logs


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0s"), (59.94, "59.9s"), (60, "1m00s"), (93.2, "1m33s"), (3599, "59m59s"),
     (3600, "1h00m"), (5430, "1h30m")],
)  # fmt: skip
def test_durations(seconds: float, shown: str) -> None:
    assert logs.duration(seconds) == shown


def test_progress_goes_to_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    logs.say("[bold]forty[/bold] photos")
    logs.warn("disk nearly full")
    assert list(logs.track(iter("abc"), "letters", 3)) == ["a", "b", "c"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "forty photos" in err
    assert "warning: disk nearly full" in err
