"""A take-down list is honoured, or says which of its lines were not."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError
from limbeck.ingestion import ingest
from limbeck.ingestion.optout import opt_out_of, read_opt_out
from limbeck.records import ImageInfo, Status

SHA = hashlib.sha256(b"1").hexdigest()
NFC, NFD = "caf\u00e9.png", "cafe\u0301.png"


def _infos(*sources: str, url: str | None = None) -> list[ImageInfo]:
    return [
        ImageInfo(
            source=source,
            id=f"abcdef{number:010x}",
            sha256=hashlib.sha256(str(number).encode()).hexdigest(),
            status=Status.ACCEPTED,
            url=url,
        )
        for number, source in enumerate(sources)
    ]


def _gone(tmp_path: Path, listing: bytes | str, infos: list[ImageInfo], **where: object):
    """(sources taken down, lines that took nothing down)"""
    path = tmp_path / "list.txt"
    path.write_bytes(listing if isinstance(listing, bytes) else listing.encode())
    result = opt_out_of(infos, read_opt_out(path), **where)  # type: ignore[arg-type]
    assert [i.source for i in result.infos] == [i.source for i in infos]
    return (
        [i.source for i in result.infos if i.status is Status.OPTED_OUT],
        result.unmatched,
    )


@pytest.mark.parametrize(
    ("listing", "taken"),
    [
        (b"\xef\xbb\xbfsub/b.png\n", "sub/b.png"),
        ("sub/b.png\r\n".encode("utf-16"), "sub/b.png"),
        ("sub/b.png\r\nwow!x.png\r\n", "sub/b.png wow!x.png"),
        ("wow!x.png\rsub/b.png\r", "sub/b.png wow!x.png"),
        (SHA.upper(), "sub/b.png"),
        (f"sha256:{SHA}", "sub/b.png"),
        (f"{SHA}  photos/anything.png", "sub/b.png"),
        (f"{SHA.upper()} *anything.png", "sub/b.png"),
        ("ABCDEF0000000001", "sub/b.png"),
        ("  sub/b.png\t", "sub/b.png"),
        ("./sub/b.png", "sub/b.png"),
        ("sub\\b.png", "sub/b.png"),
        ("SUB/B.PNG", "sub/b.png"),
        ('"sub/b.png"', "sub/b.png"),
        ("photos/sub/b.png", "sub/b.png"),
        ("/data/photos/sub/b.png", "sub/b.png"),
        ("b.png", "sub/b.png"),
        ("sub/b%2Epng", "sub/b.png"),
        ("wow!x.png", "wow!x.png"),
        ("a b.png", "a b.png"),
        ("a%20b.png", "a b.png"),
        ("https://host/p?q=1&r=2", "https%3A%2F%2Fhost%2Fp%3Fq%3D1%26r%3D2"),
        (NFD, NFC),
        ("A[/b].png", "A[/b].png"),
        ("#1.png", "#1.png"),
        ("back\\slash.png", "back\\slash.png"),
    ],
)
def test_every_way_to_write_a_name(tmp_path: Path, listing: bytes | str, taken: str) -> None:
    infos = _infos(
        "0.png", "sub/b.png", "wow!x.png", "a b.png", "https%3A%2F%2Fhost%2Fp%3Fq%3D1%26r%3D2",
        NFC, "A[/b].png", "#1.png", "back\\slash.png",
    )  # fmt: skip
    gone, unmatched = _gone(tmp_path, listing, infos, root=Path("/data/photos"))
    assert gone == ([taken] if taken in {i.source for i in infos} else taken.split(" "))
    assert unmatched == []


@pytest.mark.parametrize(
    "line", ["p!q.zip!in/wow!x.png", "in/wow!x.png", "wow!x.png", "p!q.zip/in/wow!x.png",
             "/data/p!q.zip!in/wow!x.png", "IN\\WOW!X.PNG"],
)  # fmt: skip
def test_members_of_an_archive(tmp_path: Path, line: str) -> None:
    infos = _infos("p!q.zip!in/wow!x.png", "p!q.zip!x.png")
    where = {"root": Path("/data/p!q.zip"), "archive": "p!q.zip"}
    assert _gone(tmp_path, line, infos, **where) == (["p!q.zip!in/wow!x.png"], [])


def test_a_url_is_compared_with_the_photos_url(tmp_path: Path) -> None:
    infos = [*_infos("a.png", url="https://Host/a%20b.png"), *_infos("0.png", "b.png")[1:]]
    for line in ("https://Host/a%20b.png", "https://host/a b.png"):
        assert _gone(tmp_path, line, infos) == (["a.png"], [])
    gone, unmatched = _gone(tmp_path, "https://host/b.png", infos)
    assert gone == []
    assert unmatched == ["line 1: https://host/b.png (no photo goes by this name)"]


def test_an_ambiguous_name_takes_nothing_and_says_so(tmp_path: Path) -> None:
    infos = _infos("a/x.png", "b/x.png", "c/y.png", "d/Y.png", "d/e/f.png")
    gone, unmatched = _gone(tmp_path, "x.png\ny.png\n# note\ne/f.png\nsub/\n", infos)
    assert gone == ["d/e/f.png"]
    assert [line.split(":")[0] for line in unmatched] == ["line 1", "line 2", "line 5"]
    assert "ambiguous: it fits 2 photos" in unmatched[0]
    same = [i.model_copy(update={"sha256": SHA}) for i in infos[:2]]
    assert _gone(tmp_path, "x.png", same) == (["a/x.png", "b/x.png"], [])


@settings(max_examples=200, deadline=None)
@given(
    names=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r/"), min_size=1),
        min_size=1, max_size=4, unique=True,
    )
)  # fmt: skip
def test_any_name_as_shown_takes_its_photo_down(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    infos = _infos(*names)
    tmp_path = tmp_path_factory.mktemp("any")
    for name in names:
        if name.strip():
            gone, unmatched = _gone(tmp_path, name, infos)
            assert name in gone
            assert unmatched == []


def _photos(root: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((40, 40)).save(root / name)
    return root


def test_unmatched_lines_are_told_counted_and_refused_if_strict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = _photos(tmp_path / "p", "A[/b].png", "c.png", "d.png")
    listing = tmp_path / "list.txt"
    listing.write_text("A[/b].png\nB[/b].png\n[red]\x1b[2J\\\n")
    summary = ingest(root, tmp_path / "d", DataConfig(size=16), opt_out=listing)
    told = ["line 2: B[/b].png (no photo goes by this name)",
            "line 3: [red]\\x1b[2J\\ (no photo goes by this name)"]  # fmt: skip
    assert (summary.opted_out, summary.accepted) == (1, 2)
    assert (summary.opt_out_unmatched, summary.opt_out_lines) == (2, told)
    said = capsys.readouterr().err
    assert "2 lines of the opt-out list took nothing down" in said
    assert all(line in said for line in told)
    with pytest.raises(DataError, match="2 lines of the opt-out list") as caught:
        ingest(root, tmp_path / "e", DataConfig(size=16), opt_out=listing, strict=True)
    assert told[0] in caught.value.what
    assert not (tmp_path / "e").exists()
    listing.write_text("c.png\n")
    summary = ingest(root, tmp_path / "e", DataConfig(size=16), opt_out=listing, strict=True)
    assert (summary.opted_out, summary.opt_out_unmatched) == (1, 0)
    assert len(open_dataset(tmp_path / "e")) == 2


def test_a_list_that_cannot_be_read_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for content in (b"caf\xe9.png\n", None):
        path = tmp_path / "list.txt"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read") as caught:
            read_opt_out(path)
        assert "one name a line" in caught.value.do
    path.write_text("# nothing\n\n")
    read_opt_out(path)
    assert "names no photo" in capsys.readouterr().err
