"""The folder of an inversion: latents, strips to look at, figures, and a tuned generator."""

import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from limbeck import fsio
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.stage import Provenance
from limbeck.editing.inverting import STAGES, Inverted, mean_figures
from limbeck.editing.points import Point, write_points
from limbeck.editing.tuning import write_difference
from limbeck.kit.images import to_pil
from limbeck.latents import HoldsGenerator

LATENTS, TUNED = "latents.safetensors", "tuned.safetensors"
ABOUT, SHEET = "inversion.json", "strips.png"
FORMAT = 1
_CELL, _GAP, _TEXT, _MOST = 128, 4, 20, 32


def parts_of(out: Path) -> Path:
    """Where what is not finished is kept: the photos' squares, finished batches."""
    return out / ".inverting"


def holds_inversion(out: Path, *, tuned: bool) -> bool:
    """Whether the files of an inversion are there, as a done.json says."""
    files = (LATENTS, ABOUT, SHEET, *((TUNED,) if tuned else ()))
    return all((out / name).is_file() for name in files)


def forget_parts(out: Path) -> None:
    """Remove what `parts_of` holds; `out` may be a link to a folder."""
    out = out.resolve()
    files = [file.relative_to(out).as_posix() for file in fsio.files_under(parts_of(out))]
    fsio.erase(out, files)


def write_inversion(
    networks: HoldsGenerator,
    found: Inverted,
    names: Sequence[str],
    out: Path,
    provenance: Provenance,
    started: float,
) -> dict[str, object]:
    """Write latents.safetensors, a strip for each photo, strips.png, inversion.json, done.json.

    And tuned.safetensors where the generator was tuned: a difference, the model stays as it is.

    Args:
        networks: whose generator it was.
        found: what was found.
        names: of the photos.
        out: the folder.
        provenance: what it was made of.
        started: `time.perf_counter()` at the start.

    Returns:
        The summary: photos, and mean figures and seconds of each stage.

    Raises:
        DataError: the folder cannot be written, or is not ours.
    """
    summary: dict[str, object] = {"photos": len(names), "seconds": time.perf_counter() - started}
    for name, stage in found.stages.items():
        means = mean_figures(stage.figures).model_dump()
        summary[name] = {key: round(value, 5) for key, value in means.items()}
        summary[f"{name}_seconds"] = round(stage.seconds, 3)
    with fresh(out, "inversion") as folder:
        points = [Point(name, ws) for name, ws in zip(names, found.final.ws, strict=True)]
        write_points(points, folder / LATENTS)
        if found.difference is not None:
            write_difference(networks, found.difference, folder / TUNED)
        strips = [strip(found, row) for row in range(len(names))]
        rows = []
        for row, (name, image) in enumerate(zip(names, strips, strict=True)):
            file = f"strip-{row:04d}.png"
            with fsio.atomic_file(folder / file) as temporary:
                image.save(temporary, "PNG")
            each = {key: stage.figures[row].model_dump() for key, stage in found.stages.items()}
            rows.append({"row": row, "photo": name, "strip": file, "figures": each})
        with fsio.atomic_file(folder / SHEET) as temporary:
            _under_one_another(strips[:_MOST]).save(temporary, "PNG")
        fsio.write_json(
            folder / ABOUT, {"format_version": FORMAT, "summary": summary, "photos": rows}
        )
        provenance.finish(folder, "inversion", started=started, summary=summary)
    return summary


def strip(found: Inverted, row: int) -> Image.Image:
    """One photo beside what each stage made of it, each with its LPIPS."""
    cells: list[tuple[str, Tensor]] = [("photo", found.photos[row])]
    for name, stage in found.stages.items():
        cells.append((f"{STAGES[name]} {stage.figures[row].lpips:.3f}", stage.images[row]))
    width = len(cells) * (_CELL + _GAP) + _GAP
    sheet = Image.new("RGB", (width, _CELL + _TEXT + 2 * _GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for column, (text, picture) in enumerate(cells):
        left = _GAP + column * (_CELL + _GAP)
        pen.text((left + 1, _GAP), text, "black", font)
        image = to_pil(picture).resize((_CELL, _CELL), Image.Resampling.BICUBIC)
        sheet.paste(image, (left, _GAP + _TEXT))
    return sheet


def _under_one_another(strips: Sequence[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (strips[0].width, sum(one.height for one in strips)), "white")
    for row, one in enumerate(strips):
        sheet.paste(one, (0, row * one.height))
    return sheet


def stages_told(summary: dict[str, object]) -> list[str]:
    """A line for each stage of a summary, for people."""
    lines = []
    for name, shown in STAGES.items():
        means = summary.get(name)
        if isinstance(means, dict):
            lines.append(
                f"  {shown:6} LPIPS {means['lpips']:.3f}, L2 {means['l2']:.3f}, "
                f"PSNR {means['psnr']:.1f} dB, {summary[f'{name}_seconds']:.1f} s a photo"
            )
    return lines
