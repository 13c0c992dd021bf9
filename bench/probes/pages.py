"""Probes of what a browser makes of hostile names, and of a studio that other machines reach."""

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.probes.floods import SERVED, many
from bench.probes.requests import Probe
from bench.probes.wire import Studio, studio
from bench.studio import make_run

_RUN = "window.hacked=1"
NAMES = {
    "an image that calls a script": f"<img src=x onerror={_RUN}>.jpg",
    "a script": f"<script>{_RUN}</script>.jpg",
    "quotes": f"\"' autofocus onfocus={_RUN} x='.jpg",
    "a template": "${" + _RUN + "}{{" + _RUN + "}}.jpg",
    "letters that run to the left": "\u202egpj.exe\u2066\u2067.jpg",
    "ten kilobytes": "w" * 10_000 + ".jpg",
    "lines": "a\nb\r\nc\u2028d\u2029.jpg",
    "an SVG": f"<svg/onload={_RUN}>.jpg",
    "an address of script": f"javascript:{_RUN}",
    "a tag that stays open": "</p></div><textarea><!--.jpg",
    "a formula": '=HYPERLINK("http://evil","x").jpg',
    "zero width": "\u200b\ufeff\u0000"[:2] + ".jpg",
}
_LISTEN = """
  window.broken = [];
  const note = (event) => window.broken.push(event.violatedDirective);
  document.addEventListener("securitypolicyviolation", note);
"""


def hostile(folder: Path) -> Path:
    """A run whose photos, and whose own folder, have such names."""
    names = list(NAMES.values())
    root = folder / f"<img src=x onerror={_RUN}>"
    make_run(root, 24, lambda number: f"{number}{names[number % len(names)]}")
    return root


def names(root: Path, chromium: str) -> Iterator[Probe]:
    """Each name is shown as text; no script runs, nothing is asked elsewhere, nothing overflows."""
    told: dict[str, str] = {}

    def look(s: Studio, name: str) -> str:
        if not told:
            told.update(_looked(s, chromium))
        return told.get(name, told.get("", "not looked at"))

    for name in NAMES:
        yield Probe(f"a photo's name: {name}", lambda s, name=name: look(s, name), "text")
    yield Probe("the folder's name", lambda s: look(s, "folder"), "text")
    yield Probe("whether a script ran", lambda s: look(s, "scripts"), "none")
    yield Probe("violations of the page's policy", lambda s: look(s, "policy"), "[]")
    yield Probe("what the page asked of others", lambda s: look(s, "others"), "[]")


def _looked(s: Studio, chromium: str) -> dict[str, str]:
    from playwright.sync_api import sync_playwright

    found: dict[str, str] = {}
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: found.update(dialog="shown") or dialog.dismiss())
        page.add_init_script(_LISTEN)
        base = f"http://{s.own}/"
        page.goto(f"{base}#curate")
        page.wait_for_selector(".tile")
        for photo in _ids(s):
            source = s.ask(f"/api/curate/photos/{photo}").json()["source"]
            kind = next(k for k, name in NAMES.items() if source.lstrip("0123456789") == name)
            if kind in found:
                continue
            page.fill("input[type=search]", photo)
            page.wait_for_function("document.querySelectorAll('.tile:not([hidden])').length >= 1")
            page.wait_for_timeout(300)
            page.focus(".gallery")
            page.keyboard.press("Home")
            page.wait_for_timeout(300)
            shown = page.evaluate(
                "(wanted) => [...document.querySelectorAll('.name')]"
                ".some((one) => one.textContent === wanted && !one.children.length)",
                source,
            )
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            found[kind] = "text" if shown and not wide else f"shown {shown}, too wide {wide}"
        title = page.evaluate("document.getElementById('title').innerHTML")
        found["folder"] = "text" if "&lt;img" in title else title
        for tab in ("runs", "curate"):
            page.goto(f"{base}#{tab}")
            page.wait_for_timeout(500)
        found["scripts"] = (
            "some" if page.evaluate("'hacked' in window") or "dialog" in found else "none"
        )
        found["policy"] = str(page.evaluate("window.broken"))
        found["others"] = str(
            [url for url in asked if not url.startswith((base, "blob:", "data:"))]
        )
        browser.close()
    return found


def _ids(s: Studio) -> list[str]:
    return [f"{one:016x}" for one in memoryview(s.ask("/api/curate/ids").body).cast("Q")]


def outside(root: Path) -> Iterator[Probe]:
    """A studio on every address of the machine, which asks for its token."""
    held: dict[str, Any] = {}

    def with_token(ask: Callable[[Studio], Any]) -> Callable[[Studio], Any]:
        def send(_: Studio) -> Any:
            if not held:
                held["way"] = studio(root, "--host", "0.0.0.0", log=root.parent / "open.log")
                held["studio"] = held["way"].__enter__()
            return ask(held["studio"])

        return send

    def probe(name: str, want: Any, ask: Callable[[Studio], Any]) -> Probe:
        return Probe(f"token: {name}", with_token(ask), want)

    for path in ("/", "/page/kit.js", "/page/nothing", "/api/state", "/api/curate/ids", "/nothing"):
        yield probe(f"none, {path}", (403,), lambda s, path=path: s.ask(path))
    yield probe("in the address of the API", (403,), lambda s: s.ask(f"/api/state?token={s.token}"))
    yield probe(
        "in other headers",
        (403,),
        lambda s: s.ask(
            "/api/state", headers={"authorization": f"Bearer {s.token}", "x-token": s.token}
        ),
    )
    yield probe("twice", (403,), lambda s: s.ask(f"/?token={s.token}&token={s.token}"))
    yield probe("empty", (403,), lambda s: s.ask("/?token="))
    yield probe("its beginning", (403,), lambda s: s.ask(f"/?token={s.token[:-1]}"))
    yield probe("and NUL", (403,), lambda s: s.ask(f"/?token={s.token}%00"))
    yield probe("by POST", (403, 405), lambda s: s.ask("/?token=x", {}))
    yield probe(
        "two cookies",
        (403,),
        lambda s: s.ask("/api/state", headers={"cookie": "; ".join(2 * [_cookie(s)])}),
    )
    yield probe(
        "another's cookie",
        (403,),
        lambda s: s.ask("/api/state", headers={"cookie": _cookie(s)[:-5] + "AAAAA"}),
    )
    yield probe(
        "another Host",
        (421,),
        lambda s: s.ask(
            "/api/state", headers={"cookie": _cookie(s), "host": f"evil.example:{s.port}"}
        ),
    )
    yield probe(
        "its cookie, another site",
        (403,),
        lambda s: s.ask(
            "/api/state", headers={"cookie": _cookie(s), "origin": "http://evil.example"}
        ),
    )
    yield probe("1,000 guesses in 20 threads", SERVED, _guesses)
    yield probe("the printed one", (303,), lambda s: s.ask(f"/?token={s.token}"))
    yield probe("its cookie", (200,), lambda s: s.ask("/api/state", headers={"cookie": _cookie(s)}))
    yield probe(
        "printed once, and the cookie is closed to scripts", "so", lambda s: _printed(s, root)
    )

    def over(_: Studio) -> str:
        """While some hold connections, the studio is told to end; it has to, in a moment."""
        s: Studio = held["studio"]
        wires = [s.connect() for _ in range(60)]
        for number, wire in enumerate(wires):
            head = f"POST /x HTTP/1.1\r\nhost: {s.own}\r\ncontent-length: 9\r\n"
            wire.sendall(f"{head}x-limbeck-studio: 1\r\n\r\nx".encode()[: 200 if number % 2 else 9])
        began = time.monotonic()
        held["way"].__exit__(None, None, None)
        took = time.monotonic() - began
        for wire in wires:
            wire.close()
        return "ended" if took < 10 else f"after {took:.0f} s"

    yield Probe("token: told to end, with 60 connections held", over, "ended")


def _cookie(s: Studio) -> str:
    return s.ask(f"/?token={s.token}").head.get("set-cookie", "").partition(";")[0]


def _guesses(s: Studio) -> str:
    def some() -> set[int]:
        return {s.ask(f"/?token={secrets.token_urlsafe(24)}").status for _ in range(50)}

    found = many([some] * 20)
    return SERVED if all(one == {403} for one in found) else str(found)


def _printed(s: Studio, root: Path) -> str:
    words = (root.parent / "open.log").read_text().replace("\n", "")
    head = s.ask(f"/?token={s.token}").head["set-cookie"]
    good = words.count(s.token) == 1 and "HttpOnly" in head and "SameSite=Strict" in head
    return "so" if good else f"{words.count(s.token)} times, {head.partition(';')[2]}"
