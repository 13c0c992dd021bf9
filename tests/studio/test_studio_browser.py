"""Every tab of the studio in a real browser: by mouse, by keys alone, and for screen readers."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.studio import server
from tests.finished_run import Smoke

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

TABS = ["curate", "modes", "generate", "edit", "runs"]


@pytest.fixture(scope="module")
def studio(smoke: Smoke, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    run = tmp_path_factory.mktemp("studio") / "run"
    shutil.copytree(smoke.run, run)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with server(run, port):
        yield f"http://127.0.0.1:{port}/", run


@pytest.fixture
def page(browser: "Browser", studio: tuple[str, Path]) -> "Iterator[Page]":
    """The studio's page, which complains of nothing on its console."""
    opened = browser.new_page(viewport={"width": 1400, "height": 900})
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    opened.on(
        "request",
        lambda asked: wrong.append(asked.url) if not asked.url.startswith(
            (studio[0], "data:", "blob:")) else None,
    )  # fmt: skip
    opened.goto(studio[0])
    opened.wait_for_selector("[role=tab]")
    yield opened
    opened.close()
    assert [one for one in wrong if "again.jpg" not in one and "404" not in one] == []


def tab_to(page: "Page", selector: str, most: int = 120) -> None:
    """Press Tab until what matches has the focus."""
    for _ in range(most):
        if page.evaluate("(wanted) => !!document.activeElement?.matches(wanted)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never came to {selector}")


def go(page: "Page", name: str) -> None:
    """To a tab, by keys alone."""
    page.evaluate("document.activeElement?.blur()")
    tab_to(page, "[role=tab]")
    for _ in TABS:
        if page.evaluate("document.activeElement.dataset.name") == name:
            break
        page.keyboard.press("ArrowRight")
    page.wait_for_selector(f".tab.{name}")


def overrides(run: Path) -> list[str]:
    """What a person said, a word a line."""
    file = run / "keep" / "overrides.csv"
    lines = file.read_text().splitlines()[1:] if file.exists() else []
    return [line.split(",")[1] for line in lines]


def test_curate_by_keys(page: "Page", studio: tuple[str, Path]) -> None:
    run = studio[1]
    go(page, "curate")
    page.wait_for_selector(".tile img[src]")
    tab_to(page, ".gallery")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    page.wait_for_selector(".said p")
    assert overrides(run) == ["keep"]
    page.keyboard.press("u")
    page.wait_for_selector("text=taken back")
    assert overrides(run) == []
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "3 photos selected" in page.inner_text(".actions")
    page.keyboard.press("Escape")
    page.keyboard.press(" ")
    page.wait_for_selector("dialog.zoom[open] .name")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.zoom", state="hidden")
    tab_to(page, ".handle")
    kept = page.inner_text(".two-counts")
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(200)
    assert page.inner_text(".two-counts") != kept
    page.keyboard.press("?")
    page.wait_for_selector("#help[open]")
    page.keyboard.press("Escape")


def test_modes_by_keys(page: "Page", studio: tuple[str, Path]) -> None:
    go(page, "modes")
    page.wait_for_selector(".gallery .tile")
    tab_to(page, ".gallery")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("e")
    page.keyboard.type("lid off")
    page.keyboard.press("Enter")
    page.wait_for_selector(".gallery .tile:has-text('lid off')")
    assert ",lid off," in (studio[1] / "modes" / "marks.csv").read_text()
    tab_to(page, ".gallery")
    page.keyboard.press("u")
    page.wait_for_selector(".gallery .tile:has-text('lid off')", state="detached")


def test_generate_by_keys(page: "Page") -> None:
    go(page, "generate")
    page.wait_for_selector(".tiles .tile")
    tab_to(page, "input.seeds, .controls input")
    page.keyboard.press("Control+a")
    page.keyboard.type("5-8")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert page.locator(".tiles .tile").count() == 4
    page.wait_for_selector(".tiles .tile:not(.waits) img[src]")
    tab_to(page, ".tile .picture")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    page.wait_for_selector(".tray .tile")


def test_edit_by_keys(page: "Page") -> None:
    go(page, "edit")
    page.wait_for_selector(".edit-seed input")
    tab_to(page, ".edit-seed button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".edit-now img[src], .edit-stage img[src]")


def test_runs_by_keys(page: "Page") -> None:
    go(page, "runs")
    page.wait_for_selector(".run-card")
    tab_to(page, ".sheet-tools input[type=range]")
    page.keyboard.press("ArrowLeft")
    tab_to(page, ".curves .plot, .curves [tabindex='0']")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".curves .read")


def test_every_tab_by_mouse(page: "Page", studio: tuple[str, Path]) -> None:
    for name in TABS:
        page.locator(f"#tab-{name}").click()
        page.wait_for_selector(f".tab.{name}")
        page.wait_for_timeout(150)
        assert page.locator("[role=tab][aria-selected=true]").inner_text().lower() == name
    page.locator("#tab-curate").click()
    page.wait_for_selector(".tile img[src]")
    page.locator(".tile").nth(1).click()
    page.locator(".actions button.drop").click()
    page.wait_for_selector("text=1 photo dropped")
    assert overrides(studio[1]) == ["drop"]
    page.locator(".actions button", has_text="Undo").click()
    page.wait_for_selector("text=taken back")
    page.locator(".tile").nth(2).dblclick()
    page.wait_for_selector("dialog.zoom[open]")
    page.locator("dialog.zoom button", has_text="Close").click()
    page.locator("#tab-generate").click()
    page.locator(".tiles .tile .picture").first.click()
    page.wait_for_selector("dialog[open]")


def test_the_address_brings_a_view_back(page: "Page", studio: tuple[str, Path]) -> None:
    page.goto(f"{studio[0]}#generate?seeds=3-4&psi=0.5&truncation=global")
    page.reload()
    page.wait_for_selector(".tiles .tile:not(.waits) img[src]")
    assert page.locator(".tiles .tile").count() == 2
    assert page.input_value(".psi input[type=number]") == "0.5"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1400])
def test_screen_readers_and_contrast(
    browser: "Browser", studio: tuple[str, Path], width: int, scheme: Any
) -> None:
    source = os.environ.get("LIMBECK_AXE", "")
    if not source:
        pytest.skip("LIMBECK_AXE names no axe.min.js (npm pack axe-core)")
    opened = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for name in TABS:
        opened.goto(f"{studio[0]}#{name}")
        opened.reload()
        opened.wait_for_selector(f".tab.{name}")
        opened.wait_for_timeout(700)
        opened.evaluate(Path(source).read_text())
        found = opened.evaluate("async () => (await axe.run()).violations")
        faults = [
            f"{name} {one['id']} ({one['impact']}): {one['nodes'][0]['target']}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert faults == []
        wide = opened.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name} is {wide} px wider than the screen"
    opened.close()
