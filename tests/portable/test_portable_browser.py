"""The demo page in headless Chromium: the same images as PyTorch's, from seeds alone."""

import functools
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from portable_models import small_model

from limbeck.latents import images_of_seeds
from limbeck.model import Pipeline
from limbeck.portable import write_onnx

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_PAGE = Path(__file__).parents[2] / "docs" / "examples" / "onnx-web"
_DRAWN = "() => document.getElementById('state').textContent.includes('ms each')"


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return small_model()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(model: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the page with onnxruntime-web, out of a folder where npm installed it, beside."""
    runtime = Path(os.environ.get("LIMBECK_ORT_WEB", "node_modules/onnxruntime-web/dist"))
    if not (runtime / "ort.wasm.bundle.min.mjs").exists():
        pytest.skip("no onnxruntime-web: npm install onnxruntime-web; LIMBECK_ORT_WEB=.../dist")
    pytest.importorskip("onnxscript", reason="onnxscript is absent: pip install 'limbeck[onnx]'")
    folder = tmp_path_factory.mktemp("site")
    for file in _PAGE.iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "ort").symlink_to(runtime.resolve())
    write_onnx(model, folder / "small.onnx")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: "Browser", site: str) -> "Iterator[Page]":
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(f"{site}?model=small.onnx&psi=0.7")
    opened.wait_for_function(_DRAWN)
    yield opened
    assert said == []
    assert all(url.startswith((site, "data:", "blob:")) for url in asked), asked
    context.close()


def drawn(page: "Page") -> tuple[np.ndarray, list[str]]:
    """Pixels [N, S, S, 3] of the tiles, and what is written below them."""
    pixels = page.evaluate(
        "() => [...document.querySelectorAll('#grid canvas')].map(canvas => [...canvas"
        ".getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data])"
    )
    names = page.locator("figcaption").all_text_contents()
    return np.array(pixels).reshape(len(names), 8, 8, 4)[..., :3], names


def same(page: "Page", model: Pipeline, seeds: range, psi: float, truncation: str, **more: object):
    from limbeck.percept import LPIPS

    pixels, names = drawn(page)
    wanted = list(
        images_of_seeds(
            model, seeds, psi=psi, truncation=truncation, modes=model.modes,  # type: ignore[arg-type]
            embedder=LPIPS.load("alex"), **more,  # type: ignore[arg-type]
        )
    )  # fmt: skip
    for image, name, one in zip(pixels, names, wanted, strict=True):
        assert np.abs(image - one.image.permute(1, 2, 0).numpy().astype(int)).max() <= 1
        mode = "" if one.mode is None else f", mode {one.mode}"
        assert name == f"seed {one.seed}{mode}"


def test_the_page_draws_limbecks_seeds(page: "Page", model: Pipeline) -> None:
    same(page, model, range(16), 0.7, "multimodal-lpips")
    assert "8 px, 4 modes" in str(page.text_content("#about"))
    assert "testing only" in str(page.text_content("#licence"))


def test_its_controls_do_what_they_say(page: "Page", model: Pipeline) -> None:
    def set_to(name: str, value: str) -> None:
        page.evaluate(
            "([name, value]) => { const one = document.getElementById(name); one.value = value;"
            " document.getElementById('state').textContent = '';"
            " one.dispatchEvent(new Event('input', { bubbles: true })); }",
            [name, value],
        )
        page.wait_for_function(_DRAWN)

    options = page.locator("#mode option").all_text_contents()
    assert len(options) == 4 + 4
    assert options[4] == "mode 0 (40.0 %)"
    set_to("count", "8")
    set_to("psi", "0.3")
    assert page.text_content("#psi-shown") == "0.30"
    same(page, model, range(8), 0.3, "multimodal-lpips")
    set_to("seed", "40")
    set_to("mode", "-3")
    same(page, model, range(40, 48), 0.3, "multimodal-l2")
    set_to("mode", "-2")
    same(page, model, range(40, 48), 0.3, "global")
    set_to("mode", "2")
    same(page, model, range(40, 48), 0.3, "index", mode_index=2)
    page.locator("figure button").first.click()
    assert page.locator("#large").is_visible()
    assert page.get_attribute("#large a", "download") == "seed-40-mode-2.png"


def test_a_missing_runtime_and_a_strange_file_are_told(
    browser: "Browser", site: str, tmp_path: Path
) -> None:
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(f"{site}?model=small.onnx&ort=nowhere/")
    opened.wait_for_selector("#state.bad")
    assert "onnxruntime-web is not at" in str(opened.text_content("#state"))
    (tmp_path / "strange.onnx").write_bytes(b"\x08\x07")
    opened.set_input_files("#file", tmp_path / "strange.onnx")
    opened.wait_for_function("() => document.getElementById('state').textContent.includes('made')")
    context.close()
