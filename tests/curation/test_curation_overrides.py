import csv
import io
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from limbeck.artefacts.scores import Scores
from limbeck.config import KeepConfig
from limbeck.curation import keep
from limbeck.errors import DataError

SOURCES = (
    "a.jpg", "memes/a.jpg", "memes/b.jpg", "cats/b 1.png", 'odd, "very"\nname.jpg',
    "cafe\u0301.jpg", "x/Screenshot 1.png", "x/[1].jpg",
)  # fmt: skip
IDS = tuple(f"{i:016x}" for i in range(len(SOURCES)))


def scored(sources: tuple[str, ...] | None = SOURCES) -> Scores:
    values = np.arange(len(IDS), dtype=float)
    return Scores.of(IDS, {"recommended": values}, {"recommended": "given"}, sources=sources)


def overruled(folder: Path, text: str | bytes, scores: Scores | None = None) -> dict[int, bool]:
    """Row -> what a person said, of the photos that the file names."""
    data = text.encode() if isinstance(text, str) else text
    (folder / "overrides.csv").write_bytes(data)
    config = KeepConfig(rule="count", count=2, column="recommended")
    table = keep(scores or scored(), folder, config).table
    reasons = table.column("reason").to_pylist()
    flags = table.column("keep").to_pylist()
    return {row: flags[row] for row, why in enumerate(reasons) if why.startswith("person")}


@pytest.mark.parametrize(
    "header", ["id,keep,reason", "photo,keep,reason", "source,keep", "ID,Keep"]
)
@pytest.mark.parametrize(
    ("photo", "rows"),
    [
        (IDS[3], [3]),
        ("memes/a.jpg", [1]),
        ("a.jpg", [0]),  # a whole name, though it is the file name of another as well
        ("b.jpg", [2]),
        ("memes/*", [1, 2]),
        ("*creenshot*", [6]),
        ("b*", [2, 3]),
        ("*.png", [3, 6]),
        ("x/[[]1].jpg", [7]),
        ("[1].jpg", [7]),
        ("caf\u00e9.jpg", [5]),
    ],
)
def test_a_photo_is_named_by_id_name_file_name_or_pattern(
    tmp_path: Path, header: str, photo: str, rows: list[int]
) -> None:
    assert overruled(tmp_path, f"{header}\n{photo},yes\n") == dict.fromkeys(rows, True)


def test_members_of_an_archive_are_named_with_the_archive_or_without(tmp_path: Path) -> None:
    members = tuple(f"my crawl.zip!{source}" for source in SOURCES)
    for photo in ("my crawl.zip!memes/b.jpg", "memes/b.jpg", "b.jpg", "memes/b*", "*!memes/b*"):
        assert overruled(tmp_path, f"photo,keep\n{photo},1\n", scored(members)) == {2: True}, photo


def test_the_last_line_that_names_a_photo_wins(tmp_path: Path) -> None:
    text = "photo,keep,reason\nmemes/*,yes,\nb.jpg,no,\n"
    assert overruled(tmp_path, text) == {1: True, 2: False}
    assert overruled(tmp_path, text + "memes/*,no,\n") == {1: False, 2: False}
    assert overruled(tmp_path, f"photo,keep\n{IDS[1]},no\n*,yes\n") == dict.fromkeys(range(8), True)


SHEETS = {
    "semicolons": "photo;keep;reason\r\nmemes/b.jpg;TRUE;mine\r\na.jpg;FALSE;\r\n;;\r\n",
    "said": "sep=;\nphoto;keep;reason\nmemes/b.jpg;TRUE;mine\na.jpg;FALSE;\n",
    "tabs": "photo\tkeep\treason\nmemes/b.jpg\tKEEP\tmine\na.jpg\tDrop\t\n",
    "old ends": "photo,keep,reason\rmemes/b.jpg,1,mine\ra.jpg,0,\r\r\r",
    "more columns": "photo,keep,reason,,\nmemes/b.jpg,True,mine,,\na.jpg,False,,,\n\n,,,,\n",
    "quotes": '"photo","keep","reason"\n"memes/b.jpg","yes","mine"\n"a.jpg","no",""\n',
    "blanks": "\nphoto , keep , reason\n memes/b.jpg , yes , mine\n\n\na.jpg, no ,\n",
}


@pytest.mark.parametrize("text", SHEETS.values(), ids=SHEETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_spreadsheets_save_is_read(tmp_path: Path, text: str, encoding: str) -> None:
    assert overruled(tmp_path, text.encode(encoding)) == {0: False, 2: True}


def test_names_with_commas_quotes_and_new_lines(tmp_path: Path) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["photo", "keep"], [SOURCES[4], "yes"], ["a.jpg", "perhaps"]])
    text = written.getvalue().encode()
    with pytest.raises(DataError, match=r"overrides.csv:4: keep is 'perhaps'"):
        overruled(tmp_path, text)
    assert overruled(tmp_path, text.replace(b"perhaps", b"no")) == {0: False, 4: True}


def test_lines_that_name_no_photo_are_told(tmp_path: Path) -> None:
    lines = ["photo,keep", "zzz,no", "Memes/*,no", "a.jpg,no", "*.gif,no", f"{'f' * 16},no"]
    assert overruled(tmp_path, "\n".join(lines)) == {0: False}
    summary = keep(scored(), tmp_path, KeepConfig(rule="count", count=2)).summary
    assert summary.overrides_idle == 4
    (warning,) = (text for text in summary.warnings if "overrides.csv" in text)
    assert "4 lines name no scored photo" in warning
    assert "(line 2: 'zzz', line 3: 'Memes/*', line 5: '*.gif', ...)" in warning
    assert "keep.csv" in warning


def test_a_shared_file_name_is_told_with_those_that_have_it(tmp_path: Path) -> None:
    scores = scored(("p/a.jpg", "q/a.jpg", *SOURCES[2:]))
    assert overruled(tmp_path, "photo,keep\na.jpg,yes\nb.jpg,yes\n", scores) == {2: True}
    summary = keep(scores, tmp_path, KeepConfig(rule="count", count=1)).summary
    assert summary.overrides_idle == 1
    (warning,) = (text for text in summary.warnings if "overrides.csv" in text)
    assert "line 2 did nothing: 2 photos are called 'a.jpg' (p/a.jpg, q/a.jpg)" in warning
    assert overruled(tmp_path, "photo,keep\n*/a.jpg,yes\n", scores) == {0: True, 1: True}


def test_scores_without_names_take_ids_and_say_so(tmp_path: Path) -> None:
    old = scored(None)
    assert old.sources is None
    assert overruled(tmp_path, f"photo,keep\n{IDS[3]},1\nb.jpg,1\n", old) == {3: True}
    summary = keep(old, tmp_path, KeepConfig(rule="count", count=1)).summary
    assert any("hold no names" in warning for warning in summary.warnings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "overrides.csv:1: the first line is ''"),
        ("name,keep,reason", "overrides.csv:1: the first line is 'name,keep,reason'"),
        ("id,keep,reason\na.jpg,perhaps,x", "overrides.csv:2: keep is 'perhaps'"),
        ("id,keep,reason\n\na.jpg,,x", "overrides.csv:3: keep is ''"),
        ("id,keep,reason\n,1,x", "overrides.csv:2 names no photo"),
        ("id,keep,reason\na.jpg,1,x,y", "overrides.csv:2: 4 fields"),
        ('id,keep,reason\na.jpg,1,x\n"a.jpg,1,x', "overrides.csv:3: "),
        (b"id,keep,reason\na.jpg,1,x\ncaf\xe9.jpg,1,x", "overrides.csv:3: not UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        overruled(tmp_path, text)
    assert not (tmp_path / "done.json").exists()


def test_the_keep_list_has_names_and_ids(tmp_path: Path) -> None:
    result = keep(scored(), tmp_path, KeepConfig(rule="count", count=3))
    assert result.table.column("source").to_pylist() == list(SOURCES)
    with open(tmp_path / "keep.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "source", "keep", "reason", "score"]
    assert [row["source"] for row in rows] == list(SOURCES)
    assert unicodedata.normalize("NFC", rows[5]["source"]) == "caf\u00e9.jpg"
