"""Tables beside the images: metadata for programs, attribution for people."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from limbeck import fsio
from limbeck.convert.selection import Photo, Selection, Value

METADATA = "metadata.jsonl"
ATTRIBUTION = "attribution.csv"
_COLUMNS = ("file", "id", "source", "url", "author", "licence", "sha256")
# What makes a spreadsheet take a cell for a formula, full-width forms too.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_PARTED = re.compile(r"(;\s*)(?=[=+\-@＝＋－＠])")


def metadata_lines(chosen: Selection, files: Sequence[str]) -> str:
    """JSON lines of `file_name` and what is known of the photo, as `imagefolder` reads them.

    Every line has the same columns, those that at least one photo knows, since readers take types
    from the first lines; a text that is not known is empty.
    """
    facts = [photo.facts() for photo in chosen.photos]
    columns = [name for name in facts[0] if any(row[name] is not None for row in facts)]

    def row(file: str, known: Mapping[str, Value]) -> str:
        values = {name: known[name] for name in columns}
        texts = {k: "" if v is None and k != "box" else v for k, v in values.items()}
        return fsio.json_line({"file_name": file, **texts})

    return "".join(map(row, files, facts))


def attribution(photos: Sequence[Photo], files: Sequence[str]) -> str:
    """A CSV of who made each photo and under which licence, with the sha256 of its original.

    A cell that a spreadsheet would run as a formula begins with an apostrophe here; the exact text
    is in the export itself.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)  # lines end in CR LF, so that a cell with either is quoted
    writer.writerow(_COLUMNS)
    for photo, file in zip(photos, files, strict=True):
        info = photo.info
        cells = (file, photo.id, info.source, info.url, info.author, info.licence, info.sha256)
        writer.writerow([_harmless(cell or "") for cell in cells])
    return out.getvalue()


def write_attribution(chosen: Selection, files: Sequence[str], folder: Path) -> None:
    """Write attribution.csv into the folder of an export."""
    fsio.write_text(folder / ATTRIBUTION, attribution(chosen.photos, files))


def _harmless(cell: str) -> str:
    parted = _PARTED.sub(r"\1'", cell)  # where a semicolon parts cells
    return f"'{parted}" if parted.startswith(_FORMULA) else parted
