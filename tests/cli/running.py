"""The command line called in this process."""

import json
from typing import Any

from typer.testing import CliRunner

from limbeck.cli import app


def limbeck(*args: object) -> dict[str, Any]:
    """What `limbeck ARGS --json` answers; the call must succeed."""
    result = CliRunner().invoke(app, [*(str(arg) for arg in args), "--json"])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    answer = json.loads(result.stdout.splitlines()[-1])
    assert isinstance(answer, dict)
    return answer
