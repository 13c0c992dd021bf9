import pytest

from limbeck import errors


def test_message_carries_the_advice() -> None:
    error = errors.DataError("a.jpg is broken", "remove it")
    assert str(error) == "a.jpg is broken\n  -> remove it"
    assert (error.what, error.do) == ("a.jpg is broken", "remove it")
    assert str(errors.LimbeckError("only this")) == "only this"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.LimbeckError, 1),
        (errors.TrainingError, 1),
        (errors.UsageError, 2),
        (errors.DataError, 3),
        (errors.WeightsError, 3),
        (errors.Interrupted, 4),
    ],
)
def test_exit_codes(kind: type[errors.LimbeckError], code: int) -> None:
    assert kind("x").exit_code == code
    assert issubclass(kind, errors.LimbeckError)
