"""A page that draws images of the model beside it: `python app.py`, or a Hugging Face space.

Visitors are strangers: what they send is checked here again, one request is computed at a time,
and files of images are removed after an hour.
"""

import html
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from limbeck import LimbeckError, Pipeline

MODEL: Path | str = Path(__file__).resolve().parent / "model"  # or "OWNER/NAME" of the hub
MOST_SEED, MOST_IMAGES, MOST_PSI, FIRST_IMAGES = 2**32 - 1, 16, 2.0, 4
WAITING, HOUR = 30, 3600  # requests in the queue; seconds
LPIPS, L2, TYPICAL = "Multi-modal (LPIPS)", "Multi-modal (L2)", "Multi-modal (typical)"
GLOBAL, ONE_MODE, NONE = "Global", "One mode", "None"
TRUNCATIONS: dict[str, Any] = {
    LPIPS: "multimodal-lpips", L2: "multimodal-l2", TYPICAL: "multimodal-typical",
    GLOBAL: "global", ONE_MODE: "index", NONE: "none",
}  # fmt: skip
SHORT = {LPIPS: "LPIPS", L2: "L2", TYPICAL: "typical"}
SHEETS = {
    "samples.png": "The first seeds, none left out",
    "centres.png": "The centres of its modes, the largest first",
}
SECTIONS = ("What it is", "Data", "Figures", "Limits")  # of the model card
CSS = """
.images, .images .grid-wrap { min-height: 0 !important; max-height: none !important }
.licence, .licence * { padding: 0 !important }
.card thead:has(th:first-child:empty) { display: none }
@media (max-width: 640px) { .images .grid-container { grid-template-columns: 1fr 1fr !important } }
"""


def refused(words: str) -> Exception:
    """A message on the page; nothing in the server's log."""
    error: Exception = gr.Error(words, print_exception=False)
    return error


def checked(name: str, value: object, least: float, most: float) -> float:
    """A visitor's number, if it lies in its range."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise refused(f"{name}: give a number from {least:g} to {most:.12g}.")
    return value


def whole(name: str, value: object, least: int, most: int) -> int:
    """A visitor's whole number, if it lies in its range."""
    number = checked(name, value, least, most)
    if number != int(number):
        raise refused(f"{name}: give a whole number.")
    return int(number)


class Demo:
    """What the page's buttons do."""

    def __init__(self, model: Pipeline) -> None:
        self.model = model
        modes = model.modes
        found = [] if modes is None else [LPIPS, L2]
        found += [TYPICAL] if modes is not None and modes.typical is not None else []
        self.compared = [NONE, GLOBAL, *found]
        self.truncations = [*found, GLOBAL, *([ONE_MODE] if found else []), NONE]
        count = model.config.num_classes
        self.classes = [*model.config.class_names] or [f"class {n}" for n in range(count)]

    def draw(
        self,
        seed: float,
        shuffle: bool,
        count: float,
        truncation: str,
        psi: float,
        mode: float = 0,
        label: int = -1,
    ) -> tuple[list[tuple[Image.Image, str]], int]:
        """Images of `count` seeds in a row, and the first of them."""
        count = whole("Number of images", count, 1, MOST_IMAGES)
        first = self.first_seed(seed, shuffle, count)
        seeds = range(first, first + count)
        images = self.images(seeds, truncation, psi, mode, label)
        return [(image, f"seed {s}") for image, s in zip(images, seeds, strict=True)], first

    def compare(
        self, seed: float, shuffle: bool, psi: float, label: int = -1
    ) -> tuple[list[tuple[Image.Image, str]], int]:
        """One seed by every truncation, and that seed."""
        first = self.first_seed(seed, shuffle, 1)
        return [
            (self.images(range(first, first + 1), name, psi, 0, label)[0], SHORT.get(name, name))
            for name in self.compared
        ], first

    def first_seed(self, seed: float, shuffle: bool, count: int) -> int:
        """The seed asked for, or a random one."""
        if shuffle is True:
            return secrets.randbelow(2**31)
        return whole("Seed", seed, 0, MOST_SEED - count + 1)

    def images(
        self, seeds: range, truncation: str, psi: float, mode: float, label: int
    ) -> list[Image.Image]:
        """The generator's images; what it refuses becomes a message on the page."""
        if not isinstance(truncation, str) or truncation not in self.truncations:
            raise refused("Truncation: choose one of the list.")
        last = len(self.model.modes) - 1 if self.model.modes is not None else 0
        chosen = whole("Mode", mode, 0, last) if truncation == ONE_MODE else None
        kind = whole("Class", label, -1, len(self.classes) - 1)
        try:
            return self.model(
                seeds, checked("Truncation psi", psi, 0, MOST_PSI), TRUNCATIONS[truncation],
                mode_index=chosen, labels="natural" if kind < 0 else [kind] * len(seeds),
                batch=max(1, min(16, 2048 // self.model.config.size)), output="pil",
            )  # fmt: skip
        except LimbeckError as error:
            raise refused(f"{error.what}: {error.do}") from error


def card_of(folder: Path) -> str:
    """What the model card says of the model, its data and its limits."""
    if not (folder / "README.md").is_file():
        return "The model card, which tells of its data and limits, is not here but with the model."
    text = (folder / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    parts = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", text, re.M))
    told = [f"## {name}\n{parts[name]}" for name in SECTIONS if name in parts]
    return "\n".join(told) or text


def controls(demo: Demo) -> tuple[list[Any], dict[str, Any]]:
    """The inputs of `Demo.draw`, in its order, and the same by name."""
    modes, psi = demo.model.modes, min(max(demo.model.psi, 0.0), MOST_PSI)
    named: dict[str, Any] = {
        "seed": gr.Number(0, label="Seed", precision=0),
        "shuffle": gr.Checkbox(False, label="Randomise the seed"),
        "count": gr.Slider(1, MOST_IMAGES, FIRST_IMAGES, step=1, label="Number of images"),
        "truncation": gr.Radio(demo.truncations, value=demo.truncations[0], label="Truncation"),
        "psi": gr.Slider(
            0, MOST_PSI, psi, step=0.05, label="Truncation psi",
            info="0: the target itself; 1: not truncated; above 1: exaggerated",
        ),
        "mode": gr.Slider(
            0, max(1, len(modes or ()) - 1), 0, step=1, label="Mode", visible=False,
            info="0 is the largest",
        ),
        "label": gr.Dropdown(
            [("as often as in training", -1), *((name, n) for n, name in enumerate(demo.classes))],
            value=-1, label="Class", visible=bool(demo.classes),
        ),
    }  # fmt: skip
    named["truncation"].change(
        lambda name: gr.update(visible=name == ONE_MODE), named["truncation"], named["mode"],
        queue=False, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    return list(named.values()), named


def drawing_tab(demo: Demo) -> None:
    """Controls on the left, images and the comparison on the right."""
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            inputs, named = controls(demo)
            run = gr.Button("Run", variant="primary")
            compare = gr.Button("All truncations of this seed")
        with gr.Column(scale=2, min_width=320):
            psi = named["psi"].value
            shown = gallery(demo.draw(0, False, FIRST_IMAGES, demo.truncations[0], psi)[0], 4)
            gr.Markdown("One seed by every truncation; LPIPS, L2 and typical are multi-modal:")
            row = gallery(demo.compare(0, False, psi)[0], len(demo.compared))
    few = [named[name] for name in ("seed", "shuffle", "psi", "label")]
    press(run, demo.draw, inputs, [shown, named["seed"]])
    press(compare, demo.compare, few, [row, named["seed"]])


def gallery(value: list[tuple[Image.Image, str]], columns: int) -> Any:
    """Images with captions, to look at and to download as PNG."""
    return gr.Gallery(
        value, show_label=False, columns=columns, format="png", interactive=False, height="auto",
        object_fit="contain", elem_classes="images",
    )  # fmt: skip


def picture(sheet: Image.Image, label: str) -> None:
    """A grid of the model card, with words above it."""
    gr.Markdown(label)
    gr.Image(
        sheet, show_label=False, format="png", interactive=False, buttons=["download", "fullscreen"]
    )  # fmt: skip


def press(button: Any, function: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    """Connect a button; all of them together compute one request at a time."""
    button.click(
        function, inputs, outputs, concurrency_limit=1, concurrency_id="generator",
        show_progress_on=outputs[:1],
    )  # fmt: skip


def page(source: Path | str = MODEL) -> Any:
    """The whole page, as gradio Blocks; `source`: a model folder, or a name on the hub."""
    model, folder = Pipeline.from_pretrained(source), Path(source)
    demo = Demo(model)
    title = f"Images of a generator, {model.config.size} px"
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(HOUR, HOUR)) as blocks:
        gr.Markdown(f"# {title}")
        gr.HTML(f"Licence of the weights: {html.escape(model.licence)}", elem_classes="licence")
        with gr.Tab("Draw"):
            drawing_tab(demo)
        with gr.Tab("Examples"):
            for name, label in SHEETS.items():
                if (folder / name).is_file():
                    with Image.open(folder / name) as sheet:
                        picture(sheet.convert("RGB"), label)
        with gr.Tab("Licence and limits"):
            gr.Markdown(card_of(folder), elem_classes="card")
    return blocks.queue(max_size=WAITING)


if __name__ == "__main__":
    page().launch(
        theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        css=CSS, max_file_size="1kb", footer_links=["api", "gradio"], ssr_mode=False,
    )  # fmt: skip
