"""A list of URLs in parts: the dataset of one run, each host asked by one part, nothing twice."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fetching_scenes import QUICK, RESET, Web, answer, ok, photo, redirect
from test_ingestion_shards import assert_same
from test_ingestion_urls import csv_of
from typer.testing import CliRunner

from limbeck.cli import app
from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import UsageError
from limbeck.ingestion import Fetching, Shard, ingest, ingest_by_ray, ingest_part, ray_job
from limbeck.ingestion.sources import open_source
from limbeck.records import ImageInfo, Status

CONFIG = DataConfig(size=32, crop="center", min_side=32).model_copy(update={"size": 128})
HOSTS = [f"h{n}.example" for n in range(7)]
OF = 3


def filled(web: Web, path: Path) -> Path:
    """Photos of seven hosts, copies in other hosts, and everything that goes wrong."""
    rows = []
    for n in range(14):
        url = web.put(HOSTS[n % 7], f"/{n}.jpg", ok(photo(n)))
        rows.append({"url": url, "license": "CC0", "author": f"A{n}"})
    for host in HOSTS[:4]:
        rows.append({"url": web.put(host, "/same.jpg", ok(photo(0))), "author": host})
        rows.append({"url": web.put(host, "/gone.jpg", answer(404))})
        rows.append({"url": web.put(host, "/noai.jpg", ok(photo(40), "X-Robots-Tag: noai"))})
        rows.append({"url": web.put(host, "/page.jpg", ok(b"<html>"))})
    web.put("h5.example", "/late.jpg", answer(500), ok(photo(20)))
    web.put("h6.example", "/moved.jpg", redirect("http://cdn.example/x.jpg"))
    web.put("cdn.example", "/x.jpg", ok(photo(21)))
    web.put("closed.example", "/robots.txt", ok(b"User-agent: *\nDisallow: /"))
    for url in ("http://h5.example/late.jpg", "http://h6.example/moved.jpg", "ftp://a/x", "",
                "http://10.0.0.1/", "http://closed.example/y.jpg", rows[3]["url"]):  # fmt: skip
        rows.append({"url": url})
    rows.append({"url": rows[5]["url"], "box": "0,0,40,40"})
    rows.append({"url": rows[5]["url"], "box": "9,9,60,60"})
    return csv_of(path, [{"license": "", "author": "", "box": "", **row} for row in rows])


def fetching(web: Web, folder: Path) -> Fetching:
    return web.fetching(folder, replace(QUICK, retries=0))


def parted(
    web: Web, path: Path, root: Path, config: DataConfig = CONFIG, **options: Any
) -> dict[str, set[int]]:
    """Make all parts; which part asked which host."""
    asked: dict[str, set[int]] = {}
    for number in range(OF):
        before = len(web.asked)
        ingest_part(
            path, root / "parts" / f"{number}", config, Shard(number, OF), threads=1,
            fetching=fetching(web, root / f"fetched-{number}"), **options,
        )  # fmt: skip
        for request in web.asked[before:]:
            asked.setdefault(request.host, set()).add(number)
    return asked


def times(web: Web, since: int = 0) -> Counter[tuple[str, str]]:
    return Counter((request.host, request.path) for request in web.asked[since:])


@pytest.mark.parametrize("crop", ["center", "boxes"])
def test_parts_of_a_list_are_the_dataset_of_one_run(tmp_path: Path, crop: str) -> None:
    config = CONFIG.model_copy(update={"crop": crop})
    with Web() as web:
        path = filled(web, tmp_path / "urls.csv")
        whole = ingest(path, tmp_path / "whole", config, fetching=fetching(web, tmp_path / "f"))
    with Web() as web:
        filled(web, tmp_path / "urls.csv")
        asked = parted(web, path, tmp_path, config)
        joined = ingest(tmp_path / "parts", tmp_path / "joined", config)
        assert max(times(web).values()) == 1, "robots.txt, too, is asked for by one part alone"
    assert {host: len(parts) for host, parts in asked.items()} == dict.fromkeys(asked, 1)
    assert set(asked) == {*HOSTS, "cdn.example", "closed.example"}
    assert len(set().union(*asked.values())) == OF, "or there is nothing to see"
    assert joined.model_copy(update={"seconds": 0}) == whole.model_copy(update={"seconds": 0})
    assert joined.balanced()
    assert (joined.opted_out, joined.failed) == (5, 8)
    assert_same(open_dataset(tmp_path / "whole"), open_dataset(tmp_path / "joined"))


def test_a_part_that_was_stopped_fetches_nothing_twice(tmp_path: Path) -> None:
    with Web() as web:
        path = filled(web, tmp_path / "urls.csv")
        parted(web, path, tmp_path)
        first = len(web.asked)
        parted(web, path, tmp_path)
        again = times(web, first)
        assert {key for key in again if key[1] != "/robots.txt"} == {("h5.example", "/late.jpg")}
        joined = ingest(tmp_path / "parts", tmp_path / "d", CONFIG)
        assert joined.failed == 7
        assert web.requests("h0.example", "/0.jpg") == 1


def statuses(out: Path) -> dict[str, tuple[Status, str]]:
    return {info.source: (info.status, info.detail) for info in open_dataset(out).listed()}


def test_no_part_fetches_what_the_opt_out_list_names(tmp_path: Path) -> None:
    lines = "http://h1.example/1.jpg\nhost:h2.example\nsame.jpg\n3.jpg\nhost:nobody.example\n"
    (tmp_path / "list.txt").write_text(lines)
    out = {"opt_out": tmp_path / "list.txt"}
    with Web() as web:
        path = filled(web, tmp_path / "urls.csv")
        where = fetching(web, tmp_path / "f")
        whole = ingest(path, tmp_path / "whole", CONFIG, fetching=where, **out)
    with Web() as web:
        filled(web, tmp_path / "urls.csv")
        parted(web, path, tmp_path, **out)
        joined = ingest(tmp_path / "parts", tmp_path / "joined", CONFIG, **out)
        assert not [r for r in web.asked if r.host == "h2.example"]
        assert not web.requests("h1.example", "/1.jpg")
        assert web.requests("h0.example", "/same.jpg"), "of the whole list, this line is ambiguous"
    assert joined.model_copy(update={"seconds": 0}) == whole.model_copy(update={"seconds": 0})
    assert_same(open_dataset(tmp_path / "whole"), open_dataset(tmp_path / "joined"))


def test_copies_in_other_parts_of_what_opted_out_later_are_out(tmp_path: Path) -> None:
    """A photo that is fetched, and then opts out, takes its copies along, wherever they lie."""
    (tmp_path / "list.txt").write_text("http://h1.example/same.jpg\n")
    with Web() as web:
        path = filled(web, tmp_path / "urls.csv")
        where = fetching(web, tmp_path / "f")
        ingest(path, tmp_path / "whole", CONFIG, fetching=where)
        parted(web, path, tmp_path)
        out = {"opt_out": tmp_path / "list.txt"}
        ingest(path, tmp_path / "whole", CONFIG, fetching=where, **out)
        parted(web, path, tmp_path, **out)
        ingest(tmp_path / "parts", tmp_path / "joined", CONFIG, **out)
    both = statuses(tmp_path / "whole"), statuses(tmp_path / "joined")
    assert both[0] == both[1]
    assert both[0]["http://h0.example/0.jpg"] == (Status.OPTED_OUT, "the opt-out list names it")


def test_a_host_and_all_its_rows_are_in_one_part(tmp_path: Path) -> None:
    with Web() as web, open_source(filled(web, tmp_path / "urls.csv")) as source:
        homes = {entry.source: source.home(entry) for entry in source.entries}
        boxes = [name for name in homes if name.startswith("http://h5.example/5.jpg")]
        assert len(boxes) == 3
        assert {homes[name] for name in boxes} == {"h5.example"}
        assert homes["ftp://a/x"] == "ftp://a/x"
        before = source.digest()
        source.keep_only(lambda entry: source.home(entry) == "h1.example")
        assert len(source.entries) == 6
        assert source.digest() == before


def in_turn(ray: object, work: Any, calls: list[tuple[Any, ...]], what: str) -> None:
    """`run_tasks` without Ray."""
    for call in calls:
        assert work(*call) is None


def test_the_job_keeps_photos_for_each_part_and_asks_again_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_job, "cluster", nullcontext)
    monkeypatch.setattr(ray_job, "run_tasks", in_turn)
    with Web() as web:
        path = filled(web, tmp_path / "urls.csv")
        where = replace(fetching(web, tmp_path), folder=None)
        first = ingest_by_ray(path, tmp_path / "d", CONFIG, OF, fetching=where)
        assert first.failed == 8
        assert sorted(p.name for p in (tmp_path / "d-fetched").iterdir()) == [
            f"{n:06d}" for n in range(OF)
        ]
        asked = len(web.asked)
        again = ingest_by_ray(path, tmp_path / "d", CONFIG, OF, fetching=where)
        assert again.failed == 7
        late = {key for key in times(web, asked) if key[1] != "/robots.txt"}
        assert late == {("h5.example", "/late.jpg")}
        rows: list[ImageInfo] = list(open_dataset(tmp_path / "d").listed())
        assert sum(row.status is Status.ACCEPTED for row in rows) == again.accepted


def test_the_command_takes_lists_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Web() as web:
        path = filled(web, tmp_path / "urls.csv")
        where = fetching(web, tmp_path / "fetched")
        monkeypatch.setattr("limbeck.ingestion.Fetching", lambda *_: where)
        (tmp_path / "list.txt").write_text("host:h1.example\n")
        words = ["ingest", str(path), "--out", f"{tmp_path}/p/0", "--shard", "0/1", "--preset",
                 "smoke", "--opt-out", f"{tmp_path}/list.txt"]  # fmt: skip
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        assert "part 0/1: " in result.output
        assert "opted out 10" in result.output


def test_a_part_is_not_written_into_the_fetched(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "l.csv", [{"url": "http://a.example/", "n": ""}])
    with pytest.raises(UsageError, match="lie in one another"):
        ingest_part(
            path, tmp_path / "d", CONFIG, Shard(0, 1), fetching=Fetching(tmp_path / "d" / "f")
        )


def test_a_host_that_resets_costs_its_own_part_alone(tmp_path: Path) -> None:
    with Web() as web:
        path = filled(web, tmp_path / "urls.csv")
        web.pages["h3.example", "/3.jpg"] = [lambda: iter([RESET])]
        parted(web, path, tmp_path)
        joined = ingest(tmp_path / "parts", tmp_path / "d", CONFIG)
        assert joined.balanced()
        assert joined.failed == 9
