"""What a take-down does to each kind of file. A step that is done is no step any more, so that
the same take-down, once more, finishes what a killed one began."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from limbeck import fsio
from limbeck.artefacts.amending import amended, is_own
from limbeck.artefacts.keep import KEEP_TABLE
from limbeck.artefacts.stage import DONE, read_done
from limbeck.chain.named_photos import Found
from limbeck.chain.places import Place
from limbeck.chain.seen import Seen
from limbeck.curation import block_files
from limbeck.data import COPY_SHEET, CROP_SHEET, Dataset, write_without
from limbeck.errors import DataError, LimbeckError
from limbeck.ingestion import count_flags, fetched_bodies, forget_fetched, one_spelling
from limbeck.kit.tables import read_table
from limbeck.metrics import features_of_dataset, forget_features
from limbeck.model import restate_card
from limbeck.records import KeepSummary, Status

_AGAIN = "move it away and take the photos down once more"
_KEEP_CSV = "keep.csv"
_BOARD = "tensorboard"
_SHARDS = [f"images-[0-9][0-9][0-9][0-9][0-9].{kind}" for kind in ("npy", "tar")]
_SHEET = re.compile(r"rec-[0-9]+\.png")
_NAME = pa.string()
_ORDER = ("id", "source", "keep", "reason", "score")  # of keep.parquet and keep.csv
_KEPT = {"id": _NAME, "keep": pa.bool_(), "reason": _NAME, "score": pa.float64()}


@dataclass(frozen=True)
class Step:
    """Something that is removed or rewritten.

    Attributes:
        words: what, for a person; begins with the path.
        files: that it touches.
        act: does it.
    """

    words: str
    files: tuple[Path, ...]
    act: Callable[[], object]


def _step(place: Place, what: str, files: list[Path], act: Callable[[], object]) -> Step:
    return Step(f"{place.shown(files[0])}: {what}", tuple(files), act)


def _erase(place: Place, what: str, files: list[Path]) -> Step:
    def act() -> None:
        for file in files:
            fsio.erase(file.parent.resolve(), [file.name])
            if file.exists():
                raise DataError(f"{file} could not be removed", "see who may write there")

    return _step(place, what, files, act)


def steps_before(place: Place, found: Found, seen: list[Seen]) -> Iterator[Step]:
    """All that is known by the names in the datasets, or by the pixels there: it goes first."""
    for folder in place.scores:
        yield from _scores(place, folder, found)
    for folder in place.parts if found.photos else ():
        files = block_files(folder)
        yield _erase(place, f"features of photos removed ({len(files)} files)", files)
    for folder in place.keeps:
        yield from _keep(place, folder, found)
    for folder in place.metrics:
        yield from _metrics(place, folder, found)
    for one in seen:
        yield from _pictures(place, one)
    for data in place.datasets:
        yield from _caches(place, data, found)
    yield from _fetched(place, found)


def _rows(count: int) -> str:
    return "1 row removed" if count == 1 else f"{count} rows removed"


def _split(table: pa.Table, ids: set[str]) -> tuple[pa.Table, pa.Table]:
    """The rows that stay, and those that go."""
    among = pc.is_in(table["id"], pa.array(sorted(ids), pa.string()))
    return table.filter(pc.invert(among)), table.filter(among)


def _scores(place: Place, folder: Path, found: Found) -> Iterator[Step]:
    file, formulas = folder / "scores.parquet", folder / "scores.json"
    numbers = (pa.float64(), pa.int64())
    table = read_table(file, {"id": _NAME}, _AGAIN, others=numbers, optional={"source": _NAME})
    left, gone = _split(table, found.ids)
    if not len(gone):
        return

    def act() -> None:
        with amended(folder, {"images": len(left)}) as building:
            with fsio.atomic_file(building / file.name) as temporary:
                pq.write_table(left, temporary)
            if formulas.exists():
                told = fsio.read_object(formulas) | {"images": len(left)}
                fsio.write_json(building / formulas.name, told)

    yield _step(place, _rows(len(gone)), [file, formulas, folder / DONE], act)


def _keep(place: Place, folder: Path, found: Found) -> Iterator[Step]:
    file, text = folder / KEEP_TABLE, folder / _KEEP_CSV
    own_text = text.exists() and is_own(folder, text.name)
    if not file.exists():
        if own_text and _names_any(text, found.ids):
            yield _erase(place, "removed, for it names them", [text])
        return
    table = read_table(file, _KEPT, _AGAIN, optional={"source": _NAME})
    table = table.select([name for name in _ORDER if name in table.column_names])
    left, gone = _split(table, found.ids)
    if not len(gone):
        return

    def act() -> None:
        with amended(folder, _keep_summary(folder, left, gone, found)) as building:
            with fsio.atomic_file(building / file.name) as temporary:
                pq.write_table(left, temporary)
            if own_text:
                with fsio.atomic_file(building / text.name) as temporary:
                    pa_csv.write_csv(left, temporary)

    files = [file, *([text] if own_text else []), folder / DONE]
    yield _step(place, _rows(len(gone)), files, act)


def _keep_summary(folder: Path, left: pa.Table, gone: pa.Table, found: Found) -> dict[str, Any]:
    """Counts of the list without the photos; threshold and shares stay what they were."""
    done = read_done(folder)
    if done is None:
        return {}
    before = fsio.as_record(done.summary, KeepSummary, f"{folder / DONE}: summary", _AGAIN)
    turned = sum(
        row["reason"].startswith("person") and row["keep"] != (row["score"] <= before.threshold)
        for row in gone.to_pylist()
    )
    kept = pc.sum(left["keep"]).as_py() or 0
    return {
        "listed": len(left), "kept": kept, "dropped": len(left) - kept,
        "overridden": max(before.overridden - turned, 0),
        "warnings": _unnamed(before.warnings, found),
    }  # fmt: skip


def _names_any(file: Path, ids: set[str]) -> bool:
    text = file.read_bytes()
    return any(photo.encode() in text for photo in ids)


def _unnamed(lines: list[str], found: Found) -> list[str]:
    """Lines that name none of the photos."""
    names = found.names()
    return [line for line in lines if not any(name in line for name in names)]


def _metrics(place: Place, folder: Path, found: Found) -> Iterator[Step]:
    file = folder / "metrics.jsonl"
    rows = fsio.read_jsonl(file)
    left = [_without_pairs(row, found.ids) for row in rows]
    if left == rows:
        return
    pairs = sum(len(a["closest"]) - len(b["closest"]) for a, b in zip(rows, left, strict=True)
                if isinstance(a.get("closest"), list))  # fmt: skip
    text = "".join(fsio.json_line(row) for row in left)
    what = f"pairs of an image and the photo nearest to it removed ({pairs})"
    yield _step(place, what, [file], lambda: fsio.write_text(file, text))


def _without_pairs(row: Mapping[str, Any], ids: set[str]) -> dict[str, Any]:
    """A row of metrics whose list of nearest pairs names none of the photos."""
    pairs = row.get("closest")
    if not isinstance(pairs, list):
        return dict(row)
    stay = [p for p in pairs if not (isinstance(p, dict) and p.get("photo") in ids)]
    return {**row, "closest": stay}


def _pictures(place: Place, one: Seen) -> Iterator[Step]:
    """Sheets of photos and their reconstructions, also as TensorBoard holds them."""
    if not one.pictured:
        return
    if sheets := [f for f in sorted(one.folder.glob("rec-*.png")) if _SHEET.fullmatch(f.name)]:
        what = f"removed, sheets of photos and reconstructions ({len(sheets)})"
        yield _erase(place, what, sheets)
    if events := sorted((one.folder / _BOARD).glob("events.out.tfevents.*")):
        what = "removed: it holds those sheets (the figures are in stats.jsonl)"
        yield _erase(place, what, events)


def _caches(place: Place, data: Dataset, found: Found) -> Iterator[Step]:
    if _images(found, data) and (files := features_of_dataset(data)):
        what = f"features of {place.shown(data.root)} removed ({len(files)} files)"
        yield Step(f"cache of features: {what}", tuple(files), lambda: forget_features(data))


def _fetched(place: Place, found: Found) -> Iterator[Step]:
    """Bodies that were fetched from the photos' URLs."""
    urls = {photo.info.url for photo in found.photos} - {None}
    urls |= {photo.info.source.split("#")[0] for photo in found.photos}
    known = sorted({one_spelling(url) for url in urls if url} - {""})
    hashes = sorted(found.sha256)
    if bodies := fetched_bodies(place.fetched, known, hashes):
        what = f"fetched photos removed ({len(bodies)} files)"
        words = f"{place.fetched}: {what}"
        yield Step(words, tuple(bodies), lambda: forget_fetched(place.fetched, known, hashes))


def _images(found: Found, data: Dataset) -> int:
    rows = found.rows[data.root].values()
    return sum(photo.info.status is Status.ACCEPTED for photo in rows)


def steps_in_reports(place: Place, found: Found) -> Iterator[Step]:
    """Reports show and name photos: they go before the datasets, and the run's own is made anew."""
    for folder in place.reports if found.photos else ():
        if is_own(folder, "index.html"):
            yield _erase(place, "removed", [folder / "index.html"])


def steps_in_datasets(place: Place, found: Found, begun: bool) -> Iterator[Step]:
    """Pixels, names and facts; with them the names by which the rest is found, so they go last."""
    for data in place.datasets:
        shown = {CROP_SHEET: _images(found, data), COPY_SHEET: len(found.rows[data.root])}
        sheets = [data.root / name for name, count in shown.items() if begun or count]
        if sheets := [sheet for sheet in sheets if sheet.exists()]:
            yield _erase(place, "removed: it may show them", sheets)
        if found.rows[data.root]:
            yield _dataset(place, data, found)
        named = {shard["file"] for shard in data.shards}
        shards = [file for pattern in _SHARDS for file in sorted(data.root.glob(pattern))]
        stray = [file for file in shards if file.name not in named]
        if begun and stray:
            yield _erase(place, "removed: of the dataset as it was before", stray)


def _dataset(place: Place, data: Dataset, found: Found) -> Step:
    taken = found.rows[data.root]
    images = _images(found, data)
    file = data.root / "images.parquet"
    files = [file, data.root / "index.json", data.root / DONE]
    files += [data.root / shard["file"] for shard in data.shards] if images else []

    def act() -> None:
        done = data.root / DONE
        before = fsio.read_object(done).get("summary", {}) if done.exists() else {}
        gone = {photo.info.id for photo in taken.values()}
        told: dict[str, Any] = {}
        with amended(data.root, told, _SHARDS if images else []) as building:
            write_without(data, taken.keys(), building)
            left = [info for info in data.infos if info.id not in gone]
            crops = Counter(str(info.crop) for info in left if info.crop)
            counts = fsio.read_object(building / "index.json")["counts"]
            after = {**counts, "crops": dict(crops), "flags": count_flags(left)}
            told |= {key: value for key, value in after.items() if key in before}
            if isinstance(lines := before.get("opt_out_lines"), list):
                told["opt_out_lines"] = _unnamed([str(line) for line in lines], found)

    what = f"images removed: {images}; names and facts of files removed: {len(taken)}"
    return _step(place, what, files, act)


def steps_in_models(place: Place, stains: Mapping[Path, int]) -> Iterator[Step]:
    """Model cards say how many photos of the training were taken down since.

    Args:
        place: what lies where.
        stains: folder of a model -> that number.
    """
    for folder, count in stains.items():
        try:
            card = restate_card(folder, count)
        except LimbeckError:
            continue  # no model that limbeck reads: nothing of it can be stated
        if card is None:
            continue

        def act(folder: Path = folder, files: Mapping[str, str] = card) -> None:
            with amended(folder, {}) as building:
                for name, text in files.items():
                    fsio.write_text(building / name, text)

        what = f"says how many photos of the training were since taken down ({count})"
        yield _step(place, what, [folder / "README.md", folder / "config.json"], act)
