"""`limbeck convert --inspect` says what a file of networks holds, or why it is refused."""

import json
from pathlib import Path

from typer.testing import CliRunner

from limbeck.cli import app
from tests.cli.running import limbeck

FILES = Path(__file__).parents[1] / "unpickling/fixtures"


def test_inspect_answers_in_json() -> None:
    answer = limbeck("convert", FILES / "sg3r_32.pkl", "--inspect")
    assert answer["kind"] == "stylegan3"
    assert answer["resolution"] == 32
    assert answer["networks"]["G_ema"]["init_kwargs"]["conv_kernel"] == 1
    filters = answer["networks"]["G_ema"]["tensors"]["synthesis.L0_24_16.down_filter"]
    assert filters == {"dtype": "F32", "shape": [12, 12], "parameter": False}


def test_inspect_tells_people() -> None:
    result = CliRunner().invoke(app, ["convert", str(FILES / "tf_sg2_cond3_32.pkl"), "--inspect"])
    assert result.exit_code == 0
    for said in ("TensorFlow era", "32 px", "label_size=3", "17,371", "no code of the file ran"):
        assert said in result.output


def test_a_refused_file_ends_with_3_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    result = CliRunner().invoke(app, ["convert", str(tmp_path / "a.pkl"), "--inspect", "--json"])
    assert result.exit_code == 3
    answer = json.loads(result.stdout.splitlines()[-1])
    assert "GLOBAL at byte 2: asks for os.system, which is not admitted" in answer["error"]
    assert "nothing of it was executed" in answer["do"]


def test_without_a_task_it_says_what_there_is() -> None:
    result = CliRunner().invoke(app, ["convert", str(FILES / "sg3r_32.pkl")])
    assert result.exit_code == 2
    assert "--inspect" in result.output
