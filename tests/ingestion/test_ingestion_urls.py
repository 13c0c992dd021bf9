"""Lists of URLs as a source: what is listed, fetched, opted out; datasets and runs made of them."""

import csv
import importlib
import json
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fetching_scenes import QUICK, Web, answer, ok, photo, redirect
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from limbeck.cli import app
from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError, Interrupted, LimbeckError, UsageError
from limbeck.ingestion import Fetching, ingest, preview, source_digest
from limbeck.ingestion.sources import Entry, open_source
from limbeck.records import CropKind, ImageInfo, IngestSummary, Reason, Status

CONFIG = DataConfig(size=16, crop="center", near_duplicate_bits=-1)
HERE = Path(__file__).parent


def csv_of(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(file, names, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def made(web: Web, path: Path, out: Path, **options: Any) -> tuple[IngestSummary, list[ImageInfo]]:
    """A dataset of a list; its accounts are right."""
    fetching = web.fetching(out.parent / "fetched", replace(QUICK, retries=0))
    summary = ingest(path, out, CONFIG, fetching=fetching, **options)
    assert summary.balanced()
    infos = list(open_dataset(out, verify=True).listed())
    assert len(infos) == summary.listed
    return summary, infos


def of(path: Path) -> list[Entry]:
    with open_source(path) as source:
        return list(source.entries)


ROWS = [
    {"URL": "http://b.example/2.jpg", "License": "CC0", "author": "Ada", "box": [1, 2, 50, 60]},
    {"URL": "http://a.example/1.jpg", "License": "CC-BY", "author": "", "box": None},
    {"URL": "HTTP://A.example:80/x/../1.jpg#top", "License": "again", "author": None, "box": None},
]


def test_lists_of_every_kind_say_the_same(tmp_path: Path) -> None:
    flat = [{**row, "box": json.dumps(row["box"]) if row["box"] else ""} for row in ROWS]
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    paths = [
        csv_of(tmp_path / "a.csv", flat), csv_of(tmp_path / "b.tsv", flat, "\t"),
        csv_of(tmp_path / "c.csv", flat, ";"), tmp_path / "d.jsonl", tmp_path / "e.parquet",
        tmp_path / "f", tmp_path / "g.csv", csv_of(tmp_path / "noext", flat),
    ]  # fmt: skip
    paths[3].write_text("\n" + lines)
    pq.write_table(pa.Table.from_pylist(ROWS), paths[4])
    paths[5].write_bytes(paths[4].read_bytes())
    paths[6].write_text(paths[0].read_text(), encoding="utf-16")
    found = []
    for path in paths:
        with open_source(path) as source:
            found.append([(e.source, e.box, e.refused, source.facts(e)) for e in source.entries])
            assert source.digest() == source_digest(path)
    assert all(one == found[0] for one in found)
    (first, second) = found[0]
    assert [first[0], second[0]] == ["http://a.example/1.jpg", "http://b.example/2.jpg"]
    assert (first[3].licence, first[3].author) == ("CC-BY", None)
    assert second[1] == (1, 2, 50, 60)
    assert (second[3].licence, second[3].author, second[3].url) == ("CC0", "Ada", ROWS[0]["URL"])
    (tmp_path / "plain.txt").write_text("http://b.example/2,3;4.jpg\thello\n\nhttp://a.example/\n")
    assert [e.source for e in of(tmp_path / "plain.txt")] == [
        "http://a.example/", "http://b.example/2,3;4.jpg",
    ]  # fmt: skip


def test_boxes_of_both_kinds_and_two_of_a_photo(tmp_path: Path) -> None:
    url = "http://a.example/1.jpg"
    boxes = ([2, 60, 1, 50], [0, 9, 0, 9], [2, 60, 1, 50])
    rows = [*({"url": url, "bounding_box": box} for box in boxes), {"url": url}]
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [(e.source, e.box, e.name) for e in of(tmp_path / "l.jsonl")] == [
        (url, (1, 2, 50, 60), url),
        (url + "#0,0,9,9", (0, 0, 9, 9), url),
        (url + "#whole", None, url),
    ]
    for box in (
        "[1, 2, 3]",
        "[1, 2, 3, x]",
        "nan,1,2,3",
        "9,9,1,1",
        '"a"',
        "[[1,2,3,4]]",
        "1e999,1,1,1",
    ):
        with pytest.raises(DataError, match="row 1: box is"):
            of(csv_of(tmp_path / "b.csv", [{"url": url, "box": box}]))


def test_what_is_no_url_is_listed_and_refused(tmp_path: Path) -> None:
    urls = ["ftp://a.example/x", "", "javascript:x", "data:," + "x" * 9000, "http://u:p@a.example/",
            "http://127.1/", "http://a.example/ok\x00", "good"]  # fmt: skip
    path = csv_of(tmp_path / "l.csv", [{"url": url, "n": "1"} for url in urls])
    told = {e.source: (e.refused, e.reason) for e in of(path)}
    assert len(told) == len(urls)
    assert {reason for _, reason in told.values()} == {Reason.NOT_FETCHED}
    assert told["l.csv, row 2"][0] == "a row without a URL"
    assert "\\x00" in next(name for name in told if "ok" in name)
    assert max(map(len, told)) < 300


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", "name,size\nx,1\n", "no column of URLs"),
        ("a.csv", "", "no photos at|neither a folder|is empty"),
        ("a.csv", "url\n", "lists no URL"),
        ("a.csv", b"url\nhttp://a/\xff\n", "after row 0: 'utf-8' codec"),
        ("a.csv", 'url\n"' + "x" * 200_000, "field larger than field limit"),
        ("a.csv", "url\n" + "x" * 2**21, "a line of more than"),
        ("a.jsonl", '{"url": "http://a.example/"}\n[1]\n', "line 2 is no JSON object"),
        ("a.jsonl", '{"url": "http://a.example/"}\n{"url": \n', "line 2 is not JSON"),
        ("a.jsonl", '{"name": "x"}\n', "line 1 has no URL"),
        ("a.parquet", b"PAR1" + b"x" * 99, "damaged"),
        ("a.txt", "hello", "neither a folder nor a readable zip"),
    ],
)
def test_lists_that_are_none_say_so(
    tmp_path: Path, name: str, content: str | bytes, why: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=why):
        open_source(path)


def test_parquet_with_other_columns_is_read(tmp_path: Path) -> None:
    rows = 50
    table = {
        "caption": ["a dog"] * rows, "embedding": [[0.5] * 64] * rows,
        "image_url": [f"http://a.example/{n}.jpg" for n in range(rows)],
        "license": pa.array(["CC0"] * rows, pa.large_string()), "author": list(range(rows)),
        "box": [[0.0, 0.0, 8.0, 8.0]] * rows,
    }  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "l.parquet")
    with open_source(tmp_path / "l.parquet") as source:
        assert len(source.entries) == rows
        assert source.entries[0].box == (0, 0, 8, 8)
        assert source.facts(source.entries[0]).licence == "CC0"
    pq.write_table(pa.table({"url": [b"x"] * 3}), tmp_path / "bytes.parquet")
    with pytest.raises(DataError, match="no column of photos"):
        open_source(tmp_path / "bytes.parquet")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(["url", "box", "license", "x"]), TEXT), max_size=4),
    st.sampled_from(["csv", "jsonl", "raw.csv", "raw.jsonl"]),
    st.binary(max_size=80),
)
def test_any_list_is_read_or_refused_in_our_terms(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], kind: str, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("l") / f"l.{kind}"
    if kind == "csv":
        csv_of(path, rows)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_bytes((b'{"url":' if "jsonl" in kind else b"url,box\n") + raw)
    try:
        entries = of(path)
    except LimbeckError:
        return
    assert len({entry.source for entry in entries}) == len(entries)
    assert all(entry.source.isprintable() for entry in entries)


def test_a_list_becomes_a_dataset_that_accounts_for_every_row(tmp_path: Path) -> None:
    with Web() as web:
        for n in range(6):
            web.put(f"h{n % 2}.example", f"/{n}.jpg", ok(photo(n), "Content-Type: image/jpeg"))
        web.put("h0.example", "/copy.jpg", redirect("/0.jpg"))
        web.put("h0.example", "/noai.jpg", ok(photo(9), "X-Robots-Tag: noai"))
        web.put("h0.example", "/page.jpg", ok(b"<html>", "Content-Type: image/jpeg"))
        web.put("h0.example", "/cut.jpg", ok(photo(8)[:900]))
        web.put("h0.example", "/later.jpg", answer(500), ok(photo(7)))
        web.put("closed.example", "/robots.txt", ok(b"User-agent: *\nDisallow: /"))
        web.put("closed.example", "/x.jpg", ok(photo(10)))
        web.put("odd.example", "/a!/../b!/c.jpg?q=/../x", ok(photo(11)))
        rows = [{"url": f"http://h{n % 2}.example/{n}.jpg", "license": "CC0", "author": f"A{n}"}
                for n in range(6)]  # fmt: skip
        rows += [{"url": f"http://h0.example/{name}.jpg", "license": "", "author": ""}
                 for name in ("copy", "noai", "page", "cut", "later", "gone")]  # fmt: skip
        for url in ("http://closed.example/x.jpg", "http://10.0.0.1/", "ftp://a.example/x", "",
                    "http://odd.example/b!/c.jpg?q=/../x", rows[0]["url"]):  # fmt: skip
            rows.append({"url": url, "license": "", "author": ""})
        web.pages["odd.example", "/b!/c.jpg?q=/../x"] = web.pages.pop(
            ("odd.example", "/a!/../b!/c.jpg?q=/../x")
        )
        path = csv_of(tmp_path / "urls.csv", rows)
        summary, infos = made(web, path, tmp_path / "data")
        assert (summary.listed, summary.accepted, summary.opted_out) == (17, 7, 2)
        assert summary.rejected == {"corrupt": 1, "duplicate": 1, "not_an_image": 1}
        assert summary.failed == 5
        by = {info.source: info for info in infos}
        first = by["http://h0.example/0.jpg"]
        assert (first.url, first.licence, first.author) == (rows[0]["url"], "CC0", "A0")
        assert by["http://odd.example/b!/c.jpg?q=/../x"].status is Status.ACCEPTED
        told = {source: (i.status, i.reason, i.detail) for source, i in by.items() if not i.sha256}
        assert told == {
            "http://h0.example/gone.jpg": ("failed", "not_fetched", "HTTP 404"),
            "http://h0.example/later.jpg": ("failed", "not_fetched", "HTTP 500"),
            "http://10.0.0.1/": ("failed", "not_fetched", "refused: 10.0.0.1 is private"),
            "ftp://a.example/x": ("failed", "not_fetched",
                                  "ftp: URLs are not fetched, only http and https"),
            "urls.csv, row 16": ("failed", "not_fetched", "a row without a URL"),
            "http://h0.example/noai.jpg": ("opted_out", "opted_out", "X-Robots-Tag: noai"),
            "http://closed.example/x.jpg": ("opted_out", "opted_out",
                                            "the robots.txt of http://closed.example forbids it"),
        }  # fmt: skip
        asked = len(web.asked)
        summary, _ = made(web, path, tmp_path / "data")  # again: only what may go better
        assert (summary.accepted, summary.failed) == (8, 4)
        assert sorted(r.path for r in web.asked[asked:]) == ["/later.jpg", "/robots.txt"]
        digest = source_digest(path)
        fetching = web.fetching(tmp_path / "fetched")
        same = source_digest(path, verify=tmp_path / "data", fetching=fetching)
        assert same == digest


def test_boxes_of_a_list_are_kept(tmp_path: Path) -> None:
    with Web() as web:
        urls = [web.put("a.example", f"/{n}.jpg", ok(photo(n))) for n in range(2)]
        rows = [{"url": url, "box": "10,20,58,68"} for url in (*urls, urls[0])]
        rows.append({"url": urls[0], "box": "0,0,32,32"})
        path = csv_of(tmp_path / "l.csv", rows)
        out, fetching = tmp_path / "d", web.fetching(tmp_path / "f")
        summary = ingest(path, out, CONFIG.model_copy(update={"crop": "auto"}), fetching=fetching)
        assert (summary.listed, summary.accepted, summary.crops) == (3, 3, {CropKind.BOXES: 3})
        boxes = {info.source: info.box for info in open_dataset(out).listed()}
        assert boxes[urls[0] + "#0,0,32,32"] == (0, 0, 32, 32)
        assert boxes[urls[1]] == (10, 20, 58, 68)
        assert web.requests("a.example", "/0.jpg") == 1


def test_what_the_opt_out_list_names_is_never_asked_for(tmp_path: Path) -> None:
    with Web() as web:
        hosts = [*["a.example"] * 3, "b.example", "cdn.c.example", "c.example", "notc.example"]
        urls = [web.put(host, f"/{n}%20%C3%A9!.jpg", ok(photo(n))) for n, host in enumerate(hosts)]
        path = csv_of(tmp_path / "l.csv", [{"url": url, "license": "x"} for url in urls])
        (tmp_path / "out.txt").write_text(
            "HTTP://A.example:80/0 é!.jpg\nhttp://a.example/1%20%C3%A9!.jpg\nhost:B.EXAMPLE.\n"
            "host:c.example\nhost:nobody.example\nhost:10.0.0\nhost:\n"
        )
        summary, infos = made(web, path, tmp_path / "d", opt_out=tmp_path / "out.txt")
        assert (summary.accepted, summary.opted_out) == (2, 5)
        assert [line.split("(")[0] for line in summary.opt_out_lines] == [
            "line 5: host:nobody.example ", "line 6: host:10.0.0 ", "line 7: host: ",
        ]  # fmt: skip
        asked = {(r.host, r.path) for r in web.asked if r.path != "/robots.txt"}
        assert {host for host, _ in asked} == {"a.example", "notc.example"}
        assert len(asked) == 2
        accepted = [info for info in infos if info.status is Status.ACCEPTED]
        taken = accepted[0]
        body = tmp_path / "fetched" / "bodies" / str(taken.sha256)[:2] / str(taken.sha256)
        assert body.exists()
        web.put("a.example", "/copy.jpg", ok(body.read_bytes()))
        csv_of(path, [{"url": u, "license": ""} for u in (*urls, "http://a.example/copy.jpg")])
        (tmp_path / "out.txt").write_text(f"{taken.sha256}\n")  # by content: the copy goes too
        summary, infos = made(web, path, tmp_path / "e", opt_out=tmp_path / "out.txt")
        assert (summary.accepted, summary.opted_out) == (6, 2)
        assert not body.exists()
        asked = len(web.asked)
        summary, _ = made(web, path, tmp_path / "e", opt_out=tmp_path / "out.txt")
        assert (summary.accepted, summary.opted_out, len(web.asked)) == (6, 2, asked)


def test_the_fetched_lie_beside_the_dataset(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "l.csv", [{"url": "http://a.example/", "n": ""}])
    with pytest.raises(UsageError, match="lie in one another"):
        ingest(path, tmp_path / "d", CONFIG, fetching=Fetching(tmp_path / "d" / "f"))


def test_a_preview_asks_nobody_and_does_not_pretend(tmp_path: Path) -> None:
    with Web() as web:
        urls = [web.put(f"h{n}.example", "/x.jpg", ok(photo(n))) for n in range(4)]
        path = csv_of(tmp_path / "l.csv", [{"url": url, "n": ""} for url in (*urls, "ftp://x/")])
        fetching = web.fetching(tmp_path / "f")
        found = preview(path, CONFIG, fetching=fetching)
        assert (found.listed, found.refused, found.to_fetch, found.hosts) == (5, 1, 4, 4)
        assert (found.bytes, found.accepted, found.seconds, found.dataset_bytes) == (0, *[None] * 3)
        assert (web.resolved, web.connected) == ([], [])
        assert not (tmp_path / "f").exists()
        csv_of(tmp_path / "half.csv", [{"url": url, "n": ""} for url in urls[:2]])
        ingest(tmp_path / "half.csv", tmp_path / "d", CONFIG, fetching=fetching)
        (tmp_path / "out.txt").write_text("host:h3.example\n")
        found = preview(path, CONFIG, fetching=fetching, opt_out=tmp_path / "out.txt")
        assert (found.to_fetch, found.hosts) == (1, 1)
        assert found.bytes == len(photo(0)) + len(photo(1))


@pytest.fixture
def web_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line fetches from here."""

    importlib.import_module("limbeck.chain.running")  # it takes the real one for its annotations
    with Web() as web:
        own = partial(Fetching, network=web.network(), limits=QUICK)
        monkeypatch.setattr("limbeck.ingestion.Fetching", own)
        monkeypatch.setattr("limbeck.cli.asking.Fetching", own)
        yield web


def test_the_verb_ingest(tmp_path: Path, web_of_the_command_line: Web) -> None:
    web = web_of_the_command_line
    urls = [web.put("a.example", f"/{n}.jpg", ok(photo(n))) for n in range(3)]
    urls.append(web.put("b.example:8080", "/x.jpg", ok(photo(3))))
    path = csv_of(tmp_path / "l.csv", [{"url": url, "n": ""} for url in urls])
    args = ["ingest", str(path), "--out", str(tmp_path / "d"), "--crop", "center", "--json",
            "--fetched", str(tmp_path / "f")]  # fmt: skip
    result = CliRunner().invoke(app, [*args, "--dry-run"])
    assert result.exit_code == 0, result.output
    said = " ".join(result.stderr.split())
    assert "would fetch 4 from 2 hosts" in said
    assert "nothing was fetched to say this" in said
    assert web.asked == []
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    assert "fetched 3 of 4 URLs" in result.stderr
    assert "(--fetch-port 8080 allows it)" in result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["failed"] == 1
    result = CliRunner().invoke(app, [*args, "--fetch-port", "8080"])
    assert json.loads(result.stdout.splitlines()[-1])["accepted"] == 4
    assert (tmp_path / "f" / "fetched.json").exists()


def test_a_run_remembers_where_its_photos_are_kept(
    tmp_path: Path, web_of_the_command_line: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enough(*_: Any, **__: Any) -> None:
        raise Interrupted("stopped before the training")

    monkeypatch.setattr("limbeck.chain.stages.train", enough)
    web = web_of_the_command_line
    urls = [web.put("a.example", f"/{n}.jpg", ok(photo(n))) for n in range(40)]
    path = csv_of(tmp_path / "l.csv", [{"url": url, "n": ""} for url in urls])
    run = tmp_path / "run"
    args = [
        "run", str(path), "--out", str(run), "--preset", "smoke", "--device", "cpu",
        "--crop", "center", "--fetched", str(tmp_path / "f"), "--fetch-port", "81",
    ]  # fmt: skip
    result = CliRunner().invoke(app, [*args, "--dry-run"])
    assert (result.exit_code, web.asked) == (0, [])
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 4, f"{result.output}\n{result.exception!r}"
    assert "40 of 40 files are photos to train on" in result.stderr
    stored = json.loads((run / "run.json").read_text())
    assert (stored["fetched"], stored["fetch_ports"]) == (str(tmp_path / "f"), [81])
    asked = len(web.asked)
    for again in (["resume", str(run)], ["run", str(run)], ["resume", str(run), "--verify"]):
        result = CliRunner().invoke(app, again)
        assert result.exit_code == 4, f"{result.output}\n{result.exception!r}"
        assert "data, up to date" in result.stderr
    assert len(web.asked) == asked
    assert json.loads((run / "run.json").read_text()) == stored
    (run / "data" / "done.json").unlink()  # as where it was killed: made again from what is here
    assert CliRunner().invoke(app, ["resume", str(run)]).exit_code == 4
    assert len(open_dataset(run / "data")) == 40
    assert len(web.asked) == asked


_STOPPED = """
    import signal, sys
    from functools import partial
    sys.path[:0] = sys.argv.pop(1).split(":")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import limbeck.ingestion
    from fetching_scenes import Web, drip, ok, photo
    with Web() as web:
        for n in range(20):
            web.put("a.example", f"/{n}.jpg", ok(photo(n)) if n < 10 else lambda: drip(ok(), 9))
        fetching = limbeck.ingestion.fetching.Fetching
        limbeck.ingestion.Fetching = partial(fetching, network=web.network())
        from limbeck.cli import main
        main()
"""


def test_ctrl_c_ends_a_fetch_at_once_with_code_4(tmp_path: Path) -> None:
    urls = [f"http://a.example/{n}.jpg" for n in range(20)]
    path = csv_of(tmp_path / "l.csv", [{"url": url, "n": ""} for url in urls])
    options = ["--out", str(tmp_path / "d"), "--fetched", str(tmp_path / "f")]
    code = textwrap.dedent(_STOPPED)
    command = [sys.executable, "-c", code, f"{HERE}:{HERE.parent}", "ingest", str(path), *options]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    index = tmp_path / "f" / "index"
    for _ in range(600):
        if index.exists() and sum(len(p.read_bytes().splitlines()) for p in index.iterdir()) == 10:
            break
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=25)  # an attempt alone would take 30 s
    assert child.returncode == 4, said
    assert "the same command continues" in said
    assert not (tmp_path / "d").exists()
    assert len(list((tmp_path / "f" / "bodies").rglob("*/*"))) == 10
