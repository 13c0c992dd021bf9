import json
import zipfile
from pathlib import Path

import pytest

from limbeck.artefacts.labels import read_truth
from limbeck.errors import DataError
from limbeck.records import ImageInfo, Status

ROWS = [
    {"file": "images/a.webp", "sha256": "AA", "is_outlier": False, "label": "pug", "mode": 3},
    {"file": "images/b.webp", "sha256": "bb", "is_outlier": True, "outlier_kind": "sketch"},
    {"file": "other/c.webp", "is_outlier": None, "label": "pug"},
]
CSV = (
    "file,sha256,is_outlier,outlier_kind,label,mode\n"
    "images/a.webp,AA,false,,pug,3\nimages/b.webp,bb,1,sketch,,\nother/c.webp,,,,pug,\n"
)


def info(number: int, source: str, sha256: str | None = None) -> ImageInfo:
    return ImageInfo(source=source, id=f"{number:016x}", sha256=sha256, status=Status.ACCEPTED)


def jsonl() -> str:
    return "".join(json.dumps(row) + "\n" for row in ROWS)


def written(tmp_path: Path, form: str) -> Path:
    path = tmp_path / f"labels.{form}"
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images/a.webp", b"x")
            archive.writestr("manifest.jsonl", jsonl())
    else:
        path.write_text(jsonl() if form == "jsonl" else CSV)
    return path


@pytest.mark.parametrize("form", ["jsonl", "csv", "zip"])
def test_every_form_says_the_same(tmp_path: Path, form: str) -> None:
    truth = read_truth(written(tmp_path, form))
    assert [(r.file, r.sha256, r.is_outlier, r.kind, r.label, r.mode) for r in truth.rows] == [
        ("images/a.webp", "aa", False, "", "pug", "3"),
        ("images/b.webp", "bb", True, "sketch", "", ""),
        ("other/c.webp", "", None, "", "pug", ""),
    ]


def test_joins_by_hash_then_path_then_unique_name(tmp_path: Path) -> None:
    truth = read_truth(written(tmp_path, "jsonl"))
    photos = [
        info(1, "renamed.webp", "aa"),
        info(2, "dogs.zip!images/b.webp", "not the same bytes"),
        info(3, "elsewhere/c.webp"),
        info(4, "unknown.webp", "dd"),
    ]
    joined = truth.join(photos)
    assert [joined[p.id].file for p in photos[:3] if p.id] == [r["file"] for r in ROWS]
    assert photos[3].id not in joined


def test_a_file_name_that_two_rows_share_joins_nothing(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("file,is_outlier\nx/a.png,1\ny/a.png,0\n")
    truth = read_truth(path)
    assert truth.of(info(1, "z/a.png")) is None
    found = truth.of(info(2, "y/a.png"))
    assert found is not None
    assert found.is_outlier is False


def test_labels_of_other_photos_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of 1 photos"):
        read_truth(written(tmp_path, "csv")).join([info(1, "unknown.webp")])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"file": "a", "is_outlier": true}\n{"file"', r"a.jsonl:2 is not JSON"),
        ("a.jsonl", "[1]\n", r"a.jsonl:1 is no JSON object"),
        ("a.jsonl", '{"is_outlier": true}\n', r"a.jsonl:1: neither file nor sha256"),
        ("a.csv", "file,is_outlier\na,maybe\n", r"a.csv:2: is_outlier is 'maybe'"),
        ("a.csv", "file,is_outlier\na,1,2\n", r"a.csv:2: too many fields"),
        ("a.csv", "file,is_outlier\n", "holds no labels"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_truth(tmp_path / name)


def test_missing_binary_and_empty_archives_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no labels at"):
        read_truth(tmp_path / "none.jsonl")
    (tmp_path / "b.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_truth(tmp_path / "b.jsonl")
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(DataError, match="holds no labels"):
        read_truth(tmp_path / "e.zip")


ROW = b'{"file": "a"}\n'


def zipped(path: Path, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("labels.jsonl", content)
    return path


def test_archives_that_unfold_too_far_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = zipped(tmp_path / "a.zip", ROW + b" " * 2**22)
    with pytest.raises(DataError, match=r"a\.zip: labels\.jsonl unfolds to .* the limit is"):
        read_truth(bomb)
    monkeypatch.setattr("limbeck.artefacts.labels.BYTES", 1000)
    with pytest.raises(DataError, match="unfolds to 1400 bytes, the limit is 1000"):
        read_truth(zipped(tmp_path / "b.zip", ROW * 100))
    (tmp_path / "c.jsonl").write_bytes(ROW * 100)
    with pytest.raises(DataError, match=r"c\.jsonl has 1400 bytes, the limit is 1000"):
        read_truth(tmp_path / "c.jsonl")


def test_archives_packed_otherwise_are_not_opened(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(DataError, match="packed in a way that is not read"):
            read_truth(zipped(tmp_path / "a.zip", ROW * 9, method))
    assert len(read_truth(zipped(tmp_path / "a.zip", ROW * 9, zipfile.ZIP_STORED))) == 9


def test_too_many_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limbeck.artefacts.labels.ROWS", 10)
    (tmp_path / "a.jsonl").write_bytes(ROW * 11)
    with pytest.raises(DataError, match=r"a\.jsonl has more than 10 labels"):
        read_truth(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"file": ' + b"[" * 5000 + b"]" * 5000 + b"}", "a.jsonl:1 is not JSON"),
        ("a.jsonl", b'{"file": ' + b"9" * 5000 + b"}", "a number of 5000 digits"),
        ("a.jsonl", b'{"file": ["a"]}', "file is no text or number"),
        ("a.jsonl", b'{"file": "a\\u0000b"}', "file is no text or number"),
        ("a.jsonl", b'{"file": "\\ud800"}', "is not JSON"),
        ("a.jsonl", b'{"file": "' + b"a" * 70_000 + b'"}', "a.jsonl:1 is longer than 65536 bytes"),
        ("a.jsonl", '{"file": "é"}'.encode("utf-16"), "not UTF-8"),
        ("a.jsonl", '{"file": "é"}'.encode("latin-1"), "not UTF-8"),
        ("a.csv", b"file,label\n" + b"a" * 140_000, "longer than"),
        ("a.csv", b'file,label\n"a\x00,b\n', "a.csv"),
        ("a.zip", b"PK\x03\x04" + b"x" * 100, "a.zip cannot be read"),
        ("a.zip", b"PK\x05\x06", "a.zip cannot be read"),
    ],
)
def test_odd_labels_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_truth(tmp_path / name)


def test_a_mark_of_byte_order_is_no_letter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("\ufefffile,label\na,é\n".encode())
    assert read_truth(tmp_path / "a.csv").rows[0].label == "é"
