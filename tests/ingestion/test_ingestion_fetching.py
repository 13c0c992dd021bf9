"""A hostile web: what is fetched, what is refused, and that nothing is connected to but that."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import chain
from pathlib import Path

import pytest
from fetching_scenes import (
    GLOBAL,
    PHOTO,
    QUICK,
    RESET,
    Page,
    Web,
    answer,
    chunk,
    chunked,
    deflated,
    drip,
    endless,
    gzipped,
    ok,
    photo,
    redirect,
)

from limbeck.errors import DataError, UsageError
from limbeck.ingestion.fetching import (
    Fate,
    Kept,
    Limits,
    Store,
    Target,
    fetch_all,
    refused_address,
    target_of,
)
from limbeck.ingestion.fetching.fetch import Crew
from limbeck.ingestion.fetching.outcomes import FINAL
from limbeck.ingestion.fetching.robots import Rules
from limbeck.ingestion.optout import Wish, names_url

HOST = "good.example"
WRONG = replace(QUICK, retries=0)
SLOW = replace(WRONG, attempt=0.5)


def test_a_url_has_one_spelling() -> None:
    for text in (
        "http://h.org/a%7e%c3%a4?x=%2d",
        "http://h.org/a~%C3%A4?x=-",
        "http://h.org/%61~ä?x=-",
    ):
        assert target_of(text).url == "http://h.org/a~%C3%A4?x=-"
    assert target_of("http://h.org/a%2Fb").url == "http://h.org/a%2Fb"
    assert not Rules("User-agent: *\nDisallow: /private/", "limbeck").allow(
        target_of("http://h.org/%70rivate/a").path
    )
    assert not Rules("User-agent: *\nDisallow: /%7Eme/", "limbeck").allow("/~me/a")


def test_redirects_to_what_opted_out_are_not_followed(tmp_path: Path) -> None:
    wishes = (Wish(1, "host:other.example", False),)
    with Web() as web:
        web.put(HOST, "/x", redirect("http://photos.other.example/y"))
        web.put("photos.other.example", "/y", ok(PHOTO))
        target = target_of(f"http://{HOST}/x")
        fetching = web.fetching(tmp_path / "f", QUICK)
        kept = fetch_all([target], Store(tmp_path / "f"), fetching, names_url(wishes))[target.url]
        assert (kept.fate, kept.sha256) == (Fate.OPTED_OUT, None)
        assert web.requests("photos.other.example", "/y") == 0
        kept = fetch_all([target], Store(tmp_path / "g"), fetching)[target.url]
        assert kept.headers[FINAL] == "http://photos.other.example/y"


def fetch(
    web: Web, folder: Path, *urls: str, limits: Limits = QUICK, **others: object
) -> list[Kept]:
    """What became of URLs, in order; nothing but global addresses was asked for a connection."""
    fetching = web.fetching(folder, limits, **others)
    targets = [target_of(url) for url in urls]
    found = fetch_all(targets, Store(folder), fetching)
    assert {address for address, _ in web.connected if refused_address(address)} == set()
    assert found.keys() == {target.url for target in targets}
    return [found[target.url] for target in targets]


def bodies(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "bodies").rglob("*")) if path.is_file()]


# What redirects lead to.

PRIVATE = [
    "http://127.0.0.1/", "http://10.0.0.1/x", "http://192.168.1.1/", "http://172.16.0.1/",
    "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://0.0.0.0/",
    "http://224.0.0.1/", "http://255.255.255.255/", "http://192.0.2.1/", "http://168.63.129.16/",
    "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:a00:1]/",
    "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/", "http://[2001:0:7f00:1::]/", "http://[fd00:ec2::254]/",
    "http://[fe80::1]/", "http://[ff02::1]/", "http://[2001:db8::1]/", "http://[fec0::1]/",
    "http://localhost/", "http://metadata.internal/", "http://mixed.example/",
    "http://six.example/", "http://zone.example/", "//127.0.0.1/",
    "http://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/",
]  # fmt: skip
ODD = [
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/",
    "http://017700000001/", "http://127.1/", "http://1.2.3.4.5/", "http://127.0.0.1.0x0/",
    "http://93.184.216.34.00/", "http://[fe80::1%25eth0]/", "http://[::1/", "http://[1.2.3.4]/",
    "http://%31%32%37.0.0.1/", "http://good.example%00.evil.example/",
    "http://user:secret@good.example/", "http://good.example@127.0.0.1/",
    "http://good.example:22/", "http://good.example:8080/", "http://good.example:0/",
    "http://good.example:99999/", "http://good.example:80:80/", "http://good.example\\@127.0.0.1/",
    "file:///etc/passwd", "ftp://good.example/x", "data:image/png;base64,AAAA", "gopher://good.example",
    "javascript:alert(1)", "http:///x", "http://", "http://-bad.example/", "http://a..example/",
    "https://good.example:8443/", "jar:http://good.example!/",
    "http://" + "a" * 64 + ".example/", "http://good.example/" + "x" * 9000,
]  # fmt: skip


@pytest.mark.parametrize("location", [*PRIVATE, *ODD], ids=lambda text: text[:40])
def test_redirects_lead_to_no_address_but_a_global_one(tmp_path: Path, location: str) -> None:
    with Web() as web:
        web.names = {
            "localhost": [["127.0.0.1", "::1"]], "metadata.internal": [["169.254.169.254"]],
            "mixed.example": [[GLOBAL, "10.0.0.1"]], "six.example": [["::ffff:10.0.0.1"]],
            "zone.example": [["fe80::1%eth0"]],
        }  # fmt: skip
        url = web.put(HOST, "/x", redirect(location))
        (kept,) = fetch(web, tmp_path / "f", url)
        assert kept.fate is (Fate.LATER if "--fetch-port" in kept.detail else Fate.GONE)
        assert re.search("refused|nowhere that is fetched|control|lost|no whole", kept.detail)
        assert web.connected == [(GLOBAL, 80)] * 2  # robots.txt and the redirect
        assert bodies(tmp_path / "f") == []


def test_a_list_itself_gets_no_further(tmp_path: Path) -> None:
    with Web() as web:
        for url in PRIVATE[:25]:
            (kept,) = fetch(web, tmp_path / "f", url)
            assert (kept.fate, kept.detail[:8]) == (Fate.GONE, "refused:"), url
        assert web.connected == []


# What servers answer.


@dataclass
class Trick:
    """Pages in turn, and what becomes of the URL; `asked` counts requests for it."""

    pages: list[Page]
    fate: Fate
    detail: str = ""
    asked: int = 1
    limits: Limits = QUICK
    body: bytes = PHOTO
    more: Callable[[Web], None] = field(default=lambda web: None)


def again(seconds: float) -> str:
    return "Retry-After: " + format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), True)


GONE, LATER, FETCHED, OUT = Fate.GONE, Fate.LATER, Fate.FETCHED, Fate.OPTED_OUT
MIB = QUICK.body
TRICKS = {
    "honest": Trick([ok()], FETCHED),
    "no length, closed": Trick([b"HTTP/1.0 200 OK\r\n\r\n" + PHOTO], FETCHED),
    "chunked": Trick([chunked(chunk(PHOTO[:99]), chunk(PHOTO[99:]), b"0\r\n\r\n")], FETCHED),
    "continue first": Trick([b"HTTP/1.1 100 Continue\r\n\r\n" + ok()], FETCHED),
    "redirects, five": Trick([redirect(f"/x?{n}") for n in range(5)], FETCHED),
    "redirect upwards": Trick([redirect("../a/./b.jpg")], FETCHED),
    "redirect with a fragment": Trick([redirect("http://other.example/x#top")], FETCHED),
    "redirects, six": Trick([redirect(f"/y{n}") for n in range(6)], GONE, "more than 5 redirects"),
    "redirect to itself": Trick([redirect("/x")], GONE, "in a circle"),
    "redirect in a circle": Trick([redirect("/circle")], GONE, "in a circle"),
    "redirect with line ends": Trick(
        [redirect("http://good.example/\rX-Evil: 1")], LATER, "no whole answer", 1, WRONG),
    "redirect to nowhere": Trick([answer(302)], GONE, "HTTP 302"),
    "204": Trick([answer(204)], GONE, "HTTP 204"),
    "206": Trick([answer(206, PHOTO)], GONE, "HTTP 206"),
    "304": Trick([answer(304)], GONE, "HTTP 304"),
    "401": Trick([answer(401)], GONE, "HTTP 401"),
    "403": Trick([answer(403)], GONE, "HTTP 403"),
    "404": Trick([answer(404)], GONE, "HTTP 404"),
    "410": Trick([answer(410)], GONE, "HTTP 410"),
    "451": Trick([answer(451)], GONE, "HTTP 451"),
    "101": Trick([b"HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], LATER,
                 "no whole answer", 1, WRONG),
    "500 for ever": Trick([answer(500)], LATER, "HTTP 500", 4),
    "501": Trick([answer(501)], GONE, "HTTP 501"),
    "503, then well": Trick([answer(503), answer(502), ok()], FETCHED, "", 3),
    "408, then well": Trick([answer(408), ok()], FETCHED, "", 2),
    "429 in seconds": Trick([answer(429, b"", "Retry-After: 1"), ok()], FETCHED, "", 2),
    "429 by date": Trick([answer(429, b"", again(1)), ok()], FETCHED, "", 2),
    "429 in the past": Trick([answer(429, b"", again(-9999)), ok()], FETCHED, "", 2),
    "429 for a day": Trick([answer(429, b"", "Retry-After: 86400"), ok()], LATER, "HTTP 429"),
    "429 for an age": Trick([answer(429, b"", "Retry-After: " + "9" * 400)], LATER, "HTTP 429"),
    "429 of garbage": Trick([answer(429, b"", "Retry-After: soon; ²"), ok()], FETCHED, "", 2),
    "empty": Trick([ok(b"")], GONE, "an empty body"),
    "a page": Trick([ok(b"<html>no</html>", "Content-Type: text/html")], FETCHED, "", 1, QUICK,
                    b"<html>no</html>"),
    "cut short": Trick([answer(200, PHOTO[:500], length=len(PHOTO))], LATER, "no whole answer", 4),
    "cut short, then whole": Trick([answer(200, PHOTO[:9], length=99), ok()], FETCHED, "", 2),
    "longer than it says": Trick([answer(200, PHOTO + b"x" * 999, length=len(PHOTO))], FETCHED),
    "two lengths": Trick([ok(PHOTO, "Content-Length: 7")], LATER, "no whole answer", 1, WRONG),
    "a negative length": Trick([answer(200, PHOTO, length=-1)], LATER, "no whole", 1, WRONG),
    "a huge length": Trick([answer(200, PHOTO, length=10**15)], GONE, "announces 1000000000000000"),
    "chunks that are none": Trick([chunked(b"zz\r\n" + PHOTO)], LATER, "no whole answer", 1, WRONG),
    "chunks without an end": Trick([chunked(chunk(PHOTO))], LATER, "no whole answer", 1, WRONG),
    "a chunk of 2**64": Trick([chunked(b"f" * 16 + b"\r\nabc")], LATER, "no whole", 1, WRONG),
    "endless chunk head": Trick([lambda: endless(chunked(b"1;"), b"a" * 999)], LATER, "", 1, WRONG),
    "endless trailers": Trick([lambda: endless(chunked(chunk(PHOTO), b"0\r\n"), b"A: b\r\n" * 99)],
                              LATER, "no whole", 1, WRONG),
    "endless body": Trick([lambda: endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536))], GONE,
                          "more than 1048576"),
    "endless chunks": Trick([lambda: endless(chunked(), chunk(bytes(9999)))], GONE, "more than"),
    "endless header": Trick([lambda: endless(b"HTTP/1.1 200 OK\r\nA: ", b"a" * 9999)], GONE,
                            "sends more than is read"),
    "endless headers": Trick([lambda: endless(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 99)], GONE,
                             "sends more than is read"),
    "endless continue": Trick([lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n")], GONE,
                              "sends more than is read"),
    "many headers": Trick([ok(PHOTO, *(f"A{n}: b" for n in range(101)))], GONE, "102 headers"),
    "gzip": Trick([ok(gzip.compress(PHOTO), "Content-Encoding: gzip")], FETCHED),
    "deflate": Trick([ok(deflated(PHOTO), "Content-Encoding: deflate")], FETCHED),
    "bare deflate": Trick([ok(deflated(PHOTO, bare=True), "Content-Encoding: DEFLATE")], FETCHED),
    "identity": Trick([ok(PHOTO, "Content-Encoding: identity")], FETCHED),
    "gzip bomb": Trick([ok(gzipped(64 * MIB), "Content-Encoding: gzip")], GONE, "unpacks to more"),
    "deflate bomb": Trick([ok(deflated(bytes(64 * MIB)), "Content-Encoding: deflate")], GONE,
                          "unpacks to more"),
    "gzip cut short": Trick([ok(gzipped(9999, 1)[:-9], "Content-Encoding: gzip")], LATER, "cut", 4),
    "gzip that is none": Trick([ok(PHOTO, "Content-Encoding: gzip")], LATER, "damaged", 4),
    "gzip and more": Trick([ok(gzipped(9) + b"more", "Content-Encoding: gzip")], GONE, "follows"),
    "brotli": Trick([ok(PHOTO, "Content-Encoding: br")], GONE, "packed by 'br'"),
    "two packings": Trick([ok(PHOTO, "Content-Encoding: gzip, gzip")], GONE, "packed by"),
    "unknown packing": Trick([ok(PHOTO, "Content-Encoding: \x7fx")], GONE, "packed by"),
    "slow head": Trick([lambda: drip(ok())], LATER, "not done within 0.5 s", 1, SLOW),
    "slow body": Trick([lambda: chain([ok()[:300]], drip(ok()[300:]))], LATER, "not done", 1, SLOW),
    "silence": Trick([lambda: chain([b""], map(time.sleep, [2]))], LATER, "not done", 1, SLOW),
    "slow, then well": Trick([lambda: drip(ok()), ok()], FETCHED, "", 2,
                             replace(QUICK, attempt=1)),
    "reset at once": Trick([lambda: iter([RESET])], LATER, "", 4),
    "reset in the head": Trick([lambda: iter([ok()[:20], RESET])], LATER, "", 1, WRONG),
    "reset in the body": Trick([lambda: iter([ok()[:300], RESET])], LATER, "", 1, WRONG),
    "reset, then well": Trick([lambda: iter([RESET]), ok()], FETCHED, "", 2),
    "closed at once": Trick([b""], LATER, "no whole answer", 4),
    "no HTTP": Trick([b"SSH-2.0-OpenSSH_9.0\r\n" + PHOTO], LATER, "no whole answer", 1, WRONG),
    "HTTP/2": Trick([b"HTTP/2 200 OK\r\n\r\n" + PHOTO], LATER, "no whole answer", 1, WRONG),
    "noai": Trick([ok(PHOTO, "X-Robots-Tag: noai")], OUT, "X-Robots-Tag: noai"),
    "noimageai": Trick([ok(PHOTO, "x-robots-tag: NoImageAI")], OUT, "NoImageAI"),
    "noai among others": Trick([ok(PHOTO, "X-Robots-Tag: noindex, noai")], OUT, "noai"),
    "noai for a robot": Trick([ok(PHOTO, "X-Robots-Tag: limbeck: noai")], OUT, "noai"),
    "noai for all": Trick([ok(PHOTO, "X-Robots-Tag: *:noai,noimageai")], OUT, "noai"),
    "noai for another": Trick([ok(PHOTO, "X-Robots-Tag: otherbot: NOAI")], OUT, "NOAI"),
    "noai in a second": Trick([ok(PHOTO, "X-Robots-Tag: none", "X-Robots-Tag: noai")], OUT, "noai"),
    "noai on a redirect": Trick([redirect("/z", 301, "X-Robots-Tag: noai")], OUT, "noai"),
    "noindex alone": Trick([ok(PHOTO, "X-Robots-Tag: noindex, max-noai: 3")], FETCHED),
}  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
def test_tricks_of_servers(tmp_path: Path, name: str) -> None:
    trick = TRICKS[name]
    with Web() as web:
        url = web.put(HOST, "/x", *trick.pages)
        web.pages |= {
            (HOST, "/circle"): [redirect("/x")], ("other.example", "/x"): [ok()],
            (HOST, "/a/b.jpg"): [ok()], (HOST, "/x?4"): [ok()],
            **{(HOST, f"/x?{n}"): [redirect(f"/x?{n + 1}")] for n in range(4)},
            **{(HOST, f"/y{n}"): [redirect(f"/y{n + 1}")] for n in range(9)},
        }  # fmt: skip
        (kept,) = fetch(web, tmp_path / "f", url, limits=trick.limits)
        assert (kept.fate, kept.detail) == (trick.fate, kept.detail)
        assert re.search(trick.detail, kept.detail), kept.detail
        assert web.requests(HOST, "/x") == trick.asked
        fetched = trick.fate is Fate.FETCHED
        assert bodies(tmp_path / "f") == ([trick.body] if fetched else [])
        most = trick.limits.body + 2 * trick.limits.head
        assert max(used.read for used in web.sockets) <= most  # 64 kB beyond a body at most
        (line,) = (tmp_path / "f" / "index").rglob("*.jsonl")
        assert json.loads(line.read_text().splitlines()[-1])["fate"] == trick.fate


def test_the_limits_are_those_that_are_promised() -> None:
    limits = Limits()
    assert (limits.connect, limits.attempt, limits.body) == (10, 30, 64 * 10**6)
    assert (limits.redirects, limits.retries, limits.per_host, limits.at_once) == (5, 3, 4, 32)
    assert 2 * limits.head <= 65536


def test_names_that_turn_private_are_not_followed(tmp_path: Path) -> None:
    with Web() as web:  # robots.txt is asked at the first answer, the photo at the second
        web.names["turns.example"] = [[GLOBAL], ["127.0.0.1"]]
        url = web.put("turns.example", "/x", ok())
        (kept,) = fetch(web, tmp_path / "f", url, limits=replace(QUICK, names=0))
        assert kept.fate is Fate.GONE
        assert kept.detail == "refused: turns.example is at 127.0.0.1 is loopback"
        assert web.connected == [(GLOBAL, 80)]
    with Web() as web:  # remembered, there is no second answer; nor does a connection ask for one
        web.names["turns.example"] = [[GLOBAL], ["127.0.0.1"]]
        url = web.put("turns.example", "/x", redirect("/y"))
        web.put("turns.example", "/y", ok())
        (kept,) = fetch(web, tmp_path / "g", url)
        assert (kept.fate, web.resolved) == (Fate.FETCHED, ["turns.example"])
        assert web.connected == [(GLOBAL, 80)] * 3


def test_names_without_addresses_and_hosts_that_are_down(tmp_path: Path) -> None:
    with Web() as web:
        web.names = {"none.example": [[]], "six.example": [["2606:2800:220:1::1", GLOBAL]]}
        fetched = ok()
        urls = [web.put(host, "/x", fetched) for host in ("none.example", "six.example")]
        none, six = fetch(web, tmp_path / "f", *urls)
        assert (none.fate, none.detail) == (Fate.LATER, "its name has no address")
        assert six.fate is Fate.FETCHED
        assert web.connected[0] == ("2606:2800:220:1::1", 80)

        def refuse(address: str, port: int, seconds: float) -> None:
            raise ConnectionRefusedError(111, "Connection refused")

        fetching = web.fetching(tmp_path / "g", replace(QUICK, retries=0, dead=3))
        network = replace(fetching.network, connect=refuse)
        targets = [target_of(f"http://down.example/{n}") for n in range(9)]
        down = fetch_all(targets, Store(tmp_path / "g"), replace(fetching, network=network))
        said = sorted(kept.detail for kept in down.values())
        assert said.count("cannot be connected to: Connection refused") in range(3, 8)
        assert said[-1] == "its host could not be connected to 3 times in a row"

        def sleepy(host: str, port: int) -> list[str]:
            time.sleep(1)
            return [GLOBAL]

        network = replace(fetching.network, resolve=sleepy)
        quick = replace(fetching, network=network, limits=replace(WRONG, connect=0.2))
        (late,) = fetch_all(targets[:1], Store(tmp_path / "h"), quick).values()
        assert "its name was not resolved within" in late.detail


def test_certificates_are_checked_against_the_name(tmp_path: Path) -> None:
    with Web(tls=True) as web:
        for host in ("photos.example", "other.example"):
            web.put(host, "/x", ok())
        web.put("photos.example", "/down", redirect("http://photos.example/x"))
        places = ("photos.example/x", "other.example/x", "photos.example/down")
        urls = [f"https://{place}" for place in places]
        good, other, down = fetch(web, tmp_path / "f", *urls)
        assert good.fate is Fate.FETCHED
        assert (other.fate, other.detail[:16]) == (Fate.LATER, "its certificate:")
        assert down.detail == "a redirect leads from https to http"
        assert web.requests("other.example", "/x") == 0
        assert {"photos.example", "other.example"} == set(web.server_names)
        assert {port for _, port in web.connected} == {443}
        fetching = web.fetching(tmp_path / "g")
        network = type(fetching.network)(web.resolve, web.connect)  # with the usual authorities
        (kept,) = fetch_all(
            [target_of(urls[0])], Store(tmp_path / "g"), replace(fetching, network=network)
        ).values()
        assert "its certificate: self" in kept.detail


def test_a_plain_server_on_the_port_of_tls(tmp_path: Path) -> None:
    with Web() as web:
        (kept,) = fetch(
            web, tmp_path / "f", "https://good.example/x", limits=replace(WRONG, connect=0.5)
        )
        assert kept.fate is Fate.LATER


@pytest.mark.parametrize(
    ("rules", "path", "fate"),
    [
        (ok(b"User-agent: *\nDisallow: /private/"), "/private/x", OUT),
        (ok(b"User-agent: *\nDisallow: /private/"), "/public/x", FETCHED),
        (
            ok(b"User-Agent: Limbeck/2\nuser-agent: other\nDisallow: /\n\nUser-agent: *\nAllow: /"),
            "/x",
            OUT,
        ),
        (ok(b"User-agent: limbeck\nDisallow:\nUser-agent: *\nDisallow: /"), "/x", FETCHED),
        (ok(b"User-agent: *\nDisallow: /*.jpg$ # photos\nAllow: /a*b.jpg"), "/x.jpg", OUT),
        (ok(b"User-agent: *\nDisallow: /*.jpg$\nAllow: /a*b.jpg"), "/axb.jpg", FETCHED),
        (ok(b"User-agent: *\nDisallow: /*.jpg$"), "/x.jpg?1", FETCHED),
        (ok("User-agent: *\nDisallow: /é".encode()), "/%C3%A9/x", OUT),
        (ok(b"User-agent: *\nDisallow: /" + b"*a" * 5000), "/" + "a" * 4000, FETCHED),
        (ok(b"\xff\xfe nothing: of sense\nDisallow: /"), "/x", FETCHED),
        (answer(403), "/x", FETCHED),
        (answer(500), "/x", LATER),
        (answer(429), "/x", LATER),
        (redirect("http://other.example/robots"), "/x", OUT),
        (redirect("http://127.0.0.1/"), "/x", GONE),
        (redirect("/robots.txt"), "/x", GONE),
        (ok(b"#" * 600_000), "/x", GONE),
        (b"", "/x", LATER),
    ],
)
def test_robots_txt_is_heeded(tmp_path: Path, rules: bytes, path: str, fate: Fate) -> None:
    with Web() as web:
        web.put(HOST, "/robots.txt", rules)
        web.put("other.example", "/robots", ok(b"User-agent: *\nDisallow: /"))
        urls = [web.put(HOST, path + more, ok()) for more in ("", "y")] if fate is LATER else [
            web.put(HOST, path, ok())]  # fmt: skip
        for kept in fetch(web, tmp_path / "f", *urls):
            assert kept.fate is fate, kept.detail
        assert web.requests(HOST, path) == (fate is FETCHED)
        assert web.requests(HOST, "/robots.txt") <= 4


def test_odd_urls_have_one_spelling(tmp_path: Path) -> None:
    with Web() as web:
        web.put("xn--bcher-kva.example", "/gr%C3%BC%C3%9Fe%20x.jpg?q=%C3%A9", ok())
        web.put(HOST, "/a!b/%25zz?x=/../y", ok())
        web.put(HOST, "/", ok())
        web.put(f"{HOST}:8080", "/x", ok())
        asked = fetch(
            web, tmp_path / "f", " HTTP://BÜCHER.example.:80/grüße x.jpg?q=é#top\n",
            "http://good.example/q/../a!b/%zz?x=/../y", "http://GOOD.example", ports=(8080,),
        )  # fmt: skip
        assert [kept.fate for kept in asked] == [Fate.FETCHED] * 3
        (kept,) = fetch(web, tmp_path / "f", "http://good.example:8080/x", ports=(8080,))
        assert kept.fate is Fate.FETCHED
        assert (GLOBAL, 8080) in web.connected
    for text, why in [
        ("http://good.example/\0", "control"), ("http://good.example/\r\nHost: x", "control"),
        ("", "no URL"), ("good.example/x", "no URL"),
        ("http://good.example/" + "é" * 1500, "once encoded"),
        ("http://a b.example/", "no host name"), ("http://\ud800.example/", "no host name"),
        ("http://good.example/\ud800", "half a character"), ("http://.../", "no host name"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=why):
            target_of(text)


# Many at once, again, and stopped.


def test_hosts_are_asked_four_times_at_once_whoever_leads_to_them(tmp_path: Path) -> None:
    def slowly() -> object:
        yield from chain(drip(b"HTTP/1.1 200 OK\r\n", 0.005), [b"Content-Length: 3\r\n\r\nabc"])

    with Web() as web:
        web.names["busy.example"] = [["93.184.216.35"]]
        urls = [web.put("busy.example", f"/{n}", slowly) for n in range(12)]
        urls += [web.put(f"s{n}.example", "/", redirect(f"http://busy.example/{n}"))
                 for n in range(12)]  # fmt: skip
        assert {kept.fate for kept in fetch(web, tmp_path / "f", *urls)} == {Fate.FETCHED}
        assert web.most["93.184.216.35"] == 4


def test_a_host_that_asks_for_rest_is_left_alone(tmp_path: Path) -> None:
    with Web() as web:
        busy = answer(503, b"", "Retry-After: 3600")
        urls = [web.put(HOST, f"/{n}", busy) for n in range(20)]
        found = fetch(web, tmp_path / "f", *urls)
        assert {kept.fate for kept in found} == {Fate.LATER}
        assert sum("asks to wait 3600 s" in kept.detail for kept in found) >= 16
        assert len(web.asked) <= 5  # robots.txt, and those that were under way


def test_what_is_here_is_not_asked_for_again_and_what_is_damaged_is(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    with Web() as web:
        urls = [web.put(HOST, f"/{n}", ok(photo(n))) for n in range(4)]
        urls += [web.put(HOST, "/gone", answer(404)), web.put(HOST, "/later", answer(500), ok())]
        limits = replace(QUICK, retries=0)
        first = fetch(web, folder, *urls, limits=limits)
        assert [kept.fate for kept in first] == [FETCHED] * 4 + [GONE, LATER]
        asked = len(web.asked)
        whole, cut, lost = (
            folder / "bodies" / str(k.sha256)[:2] / str(k.sha256) for k in first[:3]
        )
        cut.write_bytes(cut.read_bytes()[:-5])
        lost.unlink()
        (whole.parent / ".tmp-x-999999-01234567-01234567").write_bytes(b"half")
        second = fetch(web, folder, *urls, limits=limits)
        assert [kept.fate for kept in second] == [FETCHED] * 4 + [GONE, FETCHED]
        again = [request.path for request in web.asked[asked:]]
        assert sorted(again) == ["/1", "/2", "/later", "/robots.txt"]
        assert sorted(bodies(folder)) == sorted([*map(photo, range(4)), PHOTO][:4])
        assert not list(folder.rglob(".tmp-*"))
        old = replace(limits, remembered=0)
        fetch(web, folder, urls[4], limits=old)
        assert web.requests(HOST, "/gone") == 2


def test_an_index_that_was_torn_forgets_only_what_was_torn(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    with Web() as web:
        url = web.put(HOST, "/x", ok())
        fetch(web, folder, url)
        (shard,) = (folder / "index").iterdir()
        whole = shard.read_bytes()
        shard.write_bytes(whole[:-20])
        fetch(web, folder, url)
        assert web.requests(HOST, "/x") == 2
        shard.write_bytes(whole[:30] + b"\n" + shard.read_bytes() + b'{"url": 3}\n[]\n\xff\n')
        fetch(web, folder, url)
        assert web.requests(HOST, "/x") == 2


def line_of(store: Store, url: str) -> Path:
    return store.folder / "index" / f"{hashlib.sha256(url.encode()).hexdigest()[:2]}.jsonl"


def test_two_writers_of_an_index_that_is_torn_in_the_middle_lose_nothing(tmp_path: Path) -> None:
    """URLs of one index file; a third process died over a line of it, twice."""
    urls = [f"https://h.example/{n}" for n in range(6000)]
    same = [u for u in urls if hashlib.sha256(u.encode()).hexdigest()[:2] == "00"]
    assert len(same) > 12
    one, other = Store(tmp_path), Store(tmp_path)
    path = line_of(one, same[0])
    one.begin()
    one.fail(same[0], Fate.GONE, 'a "url": {"url": " of no meaning')
    with path.open("ab") as torn:
        torn.write(path.read_bytes()[:40])
    assert one.find(same[0]) == other.find(same[0])  # both have read the file by now
    for number, url in enumerate(same[1:11]):
        (one, other)[number % 2].fail(url, Fate.GONE, "gone")
    with path.open("ab") as torn:  # and one that another line follows at once
        torn.write(path.read_bytes()[:40] + path.read_bytes().splitlines()[-1] + b"\n")
    other.fail(same[11], Fate.GONE, "gone")
    fresh = Store(tmp_path)
    assert all(fresh.find(url) for url in same[:12])
    assert fresh.find(same[12]) is None


def test_processes_append_whole_lines(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from limbeck import fsio\n"
        "for n in range(400): fsio.append_jsonl(Path(sys.argv[1]), "
        "{'by': sys.argv[2], 'n': n, 'text': 'x' * (n * 37 % 20000)}, apart=True)"
    )
    file = tmp_path / "lines.jsonl"
    crew = [subprocess.Popen([sys.executable, "-c", code, file, name]) for name in "ab"]
    assert [one.wait() for one in crew] == [0, 0]
    rows = [json.loads(line) for line in file.read_text().splitlines() if line]
    for name in "ab":
        assert [row["n"] for row in rows if row["by"] == name] == list(range(400))


def test_a_folder_of_other_things_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with Web() as web, pytest.raises(DataError, match="holds other things than fetched photos"):
        fetch(web, tmp_path, web.put(HOST, "/x", ok()))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_stopped_in_the_middle_nothing_whole_is_fetched_twice(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    with Web() as web:
        urls = [web.put(f"h{n % 3}.example", f"/{n}.jpg", ok(photo(n))) for n in range(24)]
        targets = [target_of(url) for url in urls]
        fetching = web.fetching(folder, replace(QUICK, at_once=6))
        Store(folder).begin()
        with closing(Crew(targets, Store(folder), fetching).results()) as results:
            done = {next(results).url for _ in range(7)}
        begun = len(web.asked)
        kept = {url: Store(folder).find(url) for url in urls}
        whole = {url for url, line in kept.items() if line and line.fate is Fate.FETCHED}
        assert done <= whole
        assert len(whole) < 24
        found = fetch(web, folder, *urls)
        assert {line.fate for line in found} == {Fate.FETCHED}
        later = {f"http://{r.host}{r.path}" for r in web.asked[begun:]}
        assert later & whole == set()
        assert len(bodies(folder)) == 24
        asked = len(web.asked)
        fetch(web, folder, *urls)
        assert len(web.asked) == asked


def test_a_disk_that_refuses_ends_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DataError("cannot write: No space left on device", "free some space")

    monkeypatch.setattr(Store, "keep", full)
    with Web() as web, pytest.raises(DataError, match="No space left"):
        fetch(web, tmp_path / "f", *(web.put(HOST, f"/{n}", ok()) for n in range(9)))


def test_a_fault_of_ours_costs_one_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from limbeck.ingestion.fetching.client import Client

    whole = Client.fetch

    def faulty(client: Client, target: Target) -> tuple[bytes, dict[str, str]]:
        if target.path == "/3":
            raise ZeroDivisionError("by zero")
        return whole(client, target)

    monkeypatch.setattr(Client, "fetch", faulty)
    with Web() as web:
        found = fetch(web, tmp_path / "f", *(web.put(HOST, f"/{n}", ok()) for n in range(6)))
    assert [kept.fate for kept in found] == [FETCHED] * 3 + [LATER] + [FETCHED] * 2
    assert found[3].detail == "unexpected ZeroDivisionError: by zero; please report this"


@pytest.mark.parametrize("tls", [False, True])
def test_leaving_early_wakes_whoever_waits_for_a_server(tmp_path: Path, tls: bool) -> None:
    with Web(tls=tls) as web:
        web.put("photos.example", "/slow", lambda: drip(ok(), 60))
        url = f"http{'s' * tls}://photos.example/slow"
        crew = Crew([target_of(url)], Store(tmp_path / "f"), web.fetching(tmp_path / "f"))
        thread = threading.Thread(target=crew._work)
        thread.start()
        while web.requests("photos.example", "/slow") == 0:
            time.sleep(0.01)
        time.sleep(0.1)
        crew._schedule.close()
        crew._halt.stop()
        thread.join(5)  # the attempt has 10 s
        assert not thread.is_alive()
        assert Store(tmp_path / "f").find(url) is None


def test_without_the_extra_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [
        name
        for name in sys.modules
        if name.startswith(
            ("httpcore", "limbeck.ingestion.fetching.client", "limbeck.ingestion.fetching.wire")
        )
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httpcore", None)
    with Web() as web, pytest.raises(UsageError, match=r"pip install 'limbeck\[fetch\]'"):
        fetch(web, tmp_path / "f", web.put(HOST, "/x", ok()))
