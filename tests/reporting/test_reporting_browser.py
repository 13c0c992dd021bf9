"""The report in a real browser: nothing fetched, nothing broken, nothing wider than the screen."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from reporting_fake_run import NAMES, make_run, photo_id, write_labels

from limbeck.reporting import report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    return report(make_run(folder / "balls"), labels=write_labels(folder / "truth.jsonl"))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_the_page_stands_by_itself(
    browser: "Browser", path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(path.resolve().as_uri())
    page.wait_for_load_state("load")
    assert [url for url in asked if not url.startswith("data:")] == [path.resolve().as_uri()]
    assert said == []
    broken = page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
    assert broken == 0
    assert page.evaluate("document.images.length") > 50
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(20, 23, 26)") == (scheme == "dark")
    unnamed = page.evaluate("document.querySelectorAll('svg:not([aria-label])').length")
    assert unnamed == 0
    context.close()


@pytest.fixture
def page(browser: "Browser", path: Path) -> "Iterator[Page]":
    """The page at 1280 px, as a person without a network opens it; no message may appear."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", lambda dialog: said.append(dialog.message))
    opened.goto(path.resolve().as_uri())
    yield opened
    assert said == []
    context.close()


def _found(page: "Page") -> list[str]:
    names = page.eval_on_selector_all(
        "#list li:not([hidden]) .name", "all => all.map(one => one.textContent)"
    )
    return [str(name) for name in names]


def test_a_dropped_photo_is_found_by_name_id_glob_and_reason(page: "Page") -> None:
    assert len(_found(page)) == 12
    for wanted in ("PHOTO-035", photo_id(35), "walk/*-035.jpg", photo_id(35)[:8] + "*"):
        page.fill("#find", wanted)
        assert _found(page) == ["walk/photo-035.jpg"], wanted
    assert page.text_content("#told") == "1 of 12"
    for wanted in ("photo-035*", "[a-z]", "nobody"):
        page.fill("#find", wanted)
        assert _found(page) == [], wanted
    page.fill("#find", "")
    page.click("a[data-reason='straight seam']")
    assert 10 <= len(_found(page)) < 12
    page.select_option("#reason", "")
    page.select_option("#order", "name")
    assert _found(page) == sorted(_found(page), key=str.lower)


def test_picked_photos_become_lines_to_copy(page: "Page") -> None:
    assert page.is_hidden("#tray")
    page.click(f"#list .pick[data-id='{photo_id(35)}']")
    page.click(f"#strips .pick[data-id='{photo_id(41)}'] >> nth=0")
    lines = page.input_value("#lines")
    assert lines == f"photo,keep,reason\n{photo_id(35)},keep,\n{photo_id(41)},keep,\n"
    pressed = page.locator(f".pick[data-id='{photo_id(35)}'][aria-pressed='true']").count()
    assert pressed > 1, "wherever the photo is shown"
    page.click("#copy-lines")
    assert page.evaluate("navigator.clipboard.readText()") == lines
    page.click("#clear-lines")
    assert page.is_hidden("#tray")


def test_commands_are_copied_as_they_stand(page: "Page") -> None:
    command = page.text_content("#move .shell code >> nth=0")
    page.click("#move .copy >> nth=0")
    assert page.evaluate("navigator.clipboard.readText()") == command
    assert "--keep-fraction" in str(command)


def test_a_reconstruction_is_shown_when_pointed_at_or_focused(page: "Page") -> None:
    frame = page.locator(".frame.again").first
    drawn = frame.locator(".redrawn")

    def opacity() -> str:
        page.wait_for_timeout(300)
        return str(drawn.evaluate("one => getComputedStyle(one).opacity"))

    assert opacity() == "0"
    frame.hover()
    assert opacity() == "1"
    page.mouse.move(0, 0)
    assert opacity() == "0"
    frame.focus()
    assert opacity() == "1"


def test_without_scripts_only_search_and_copying_are_lost(browser: "Browser", path: Path) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    opened = context.new_page()
    opened.goto(path.resolve().as_uri())
    assert opened.locator("#list li:visible").count() == 12
    assert opened.locator("button:visible, input:visible, select:visible").count() == 0
    assert opened.locator("#tray").is_hidden()
    opened.click("#formulas summary")
    assert opened.locator("#formulas .panel:visible").count() > 3
    context.close()


def test_a_script_from_elsewhere_is_not_run(browser: "Browser", path: Path, tmp_path: Path) -> None:
    text = path.read_text("utf-8")
    evil = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
    changed = tmp_path / "changed.html"
    changed.write_text(text.replace("</main>", evil + "</main>"), encoding="utf-8")
    context = browser.new_context(offline=True)
    opened = context.new_page()
    opened.goto(changed.as_uri())
    assert opened.title() == "limbeck report: balls"
    context.close()


def test_names_lie_where_they_belong(page: "Page") -> None:
    for index in (11, 17, 23):
        item = page.locator("#list li", has_text=photo_id(index))
        assert item.locator("img").count() == 1
        assert item.locator("script").count() == 0
    letters = page.locator("#list li", has_text=photo_id(23)).locator(".name").text_content()
    assert letters == NAMES[23]
