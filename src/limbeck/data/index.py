"""What a dataset folder says of itself, checked before a reader relies on it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tarfile import BLOCKSIZE
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from limbeck import fsio
from limbeck.data.layout import ADDED, FORMAT, FORMAT_VERSION, INDEX, SCHEMA, SCORE, TABLE
from limbeck.data.packed import PackedRows
from limbeck.errors import DataError
from limbeck.kit.tables import ROWS, read_table
from limbeck.records import ImageInfo, Record, Status, StoreKind

AGAIN = "ingest the photos again into this folder"
_CHUNK = 2**14  # rows turned into records at once
_Count = Annotated[int, Field(ge=0, le=ROWS)]
_SUFFIX = {StoreKind.RAW: "npy", StoreKind.SHARDS: "tar"}
_Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class TableFacts(Record):
    """The table as index.json describes it."""

    file: Literal["images.parquet"]
    bytes: int = Field(ge=0, lt=2**63)
    sha256: _Sha256


class ShardFacts(Record):
    """One file of pixels as index.json describes it.

    Attributes:
        pixels: of a tar: sha256 of the .npy file that holds the same images.
    """

    file: str = Field(pattern="^images-[0-9]{5,8}[.](npy|tar)$")
    bytes: int = Field(ge=0, lt=2**63)
    sha256: _Sha256
    rows: int = Field(ge=0, le=ROWS)
    pixels: _Sha256 | None = None

    @property
    def content(self) -> str:
        """sha256 of the .npy file of these images, whichever way they are stored."""
        return self.pixels or self.sha256


class Counts(Record):
    """What became of the listed files."""

    listed: _Count
    accepted: _Count
    rejected: dict[str, _Count]
    opted_out: _Count
    failed: _Count


class PartFacts(Record):
    """What a part of a listing says of itself, so that it is joined with its like alone.

    Attributes:
        number: of the part, from 0.
        of: how many parts there are.
        listing: digest of the whole listing.
        listed: files of the whole listing.
        photos: the source as it was named.
        archive: what stands before the `!` in names; empty for a folder.
        way: digest of what decides how photos are read.
        codecs: versions of the libraries that decoded them.
        settings: of `config.data`, with `crop` decided.
        inputs: digests of the files beside the photos.
        objects: classes that the part was cropped to; empty = any.
        held: files of the listing that are in this part.
        opted: sha256 of photos that opted out while they were fetched -> why their copies are out.
    """

    number: int = Field(ge=0)
    of: int = Field(ge=1, le=10**6)
    listing: str
    listed: _Count
    photos: str
    archive: str
    way: str
    codecs: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, Any]
    inputs: dict[str, str]
    objects: tuple[str, ...] = ()
    held: _Count
    opted: dict[_Sha256, str] = Field(default_factory=dict)

    def words(self) -> str:
        """Which part it is, for a person."""
        return f"part {self.number}/{self.of}"


class Index(Record):
    """index.json of a dataset."""

    format: Literal["limbeck-dataset"]
    format_version: int
    limbeck: str
    size: int = Field(ge=1, le=2**14)
    counts: Counts
    class_names: tuple[str, ...] = Field(max_length=10**6)
    table: TableFacts
    shards: tuple[ShardFacts, ...]
    part: PartFacts | None = None

    @property
    def kind(self) -> StoreKind:
        """How pixels are stored, told by the files' names."""
        tar = bool(self.shards) and self.shards[0].file.endswith(_SUFFIX[StoreKind.SHARDS])
        return StoreKind.SHARDS if tar else StoreKind.RAW


def shard_name(number: int, kind: StoreKind) -> str:
    """What a file of pixels is called."""
    return f"images-{number:05d}.{_SUFFIX[kind]}"


def read_index(root: Path, *, part: bool = False) -> Index:
    """index.json of the folder.

    Args:
        root: the folder.
        part: a part of a listing will do.

    Raises:
        DataError: no dataset, half-written, of another format, or naming files not its own; a part
            where a whole dataset is wanted.
    """
    if not root.is_dir():
        raise DataError(f"no dataset at {root}", "make one with `limbeck ingest PHOTOS --out DIR`")
    path = root / INDEX
    if not path.exists():
        begun = (root / TABLE).exists() or any(root.glob("*images-*"))
        what = "is half-written (no index.json)" if begun else "holds no dataset (no index.json)"
        inner = root / "data" / INDEX
        hint = f"did you mean {inner.parent}?" if inner.exists() else AGAIN
        raise DataError(f"{root} {what}", hint)
    values = fsio.read_json(path)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise DataError(f"{path} does not describe a limbeck dataset", AGAIN)
    if values.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"{root}: dataset format {fsio.plain(repr(values.get('format_version')))}, "
            f"this limbeck reads {FORMAT_VERSION}",
            "use the limbeck version that made it, or ingest again",
        )
    missing = {"size", "counts", "class_names", "table", "shards"} - set(values)
    if missing:
        raise DataError(f"{path} lacks {sorted(missing)}", AGAIN)
    index = fsio.as_record(values, Index, str(path), AGAIN)
    if index.part is not None and not part:
        raise DataError(
            f"{root} is {index.part.words()} of a dataset, with copies that are not settled yet",
            f"join all its parts: limbeck ingest {fsio.plain(str(root.parent))} --out DATA",
        )
    _check_shards(path, index)
    return index


def _check_shards(path: Path, index: Index) -> None:
    """Files are called what they must be, and large enough for what they are said to hold."""
    wanted = [shard_name(number, index.kind) for number in range(len(index.shards))]
    if [shard.file for shard in index.shards] != wanted:
        names = ", ".join(shard_name(number, index.kind) for number in range(2))
        raise DataError(f"{path}: shards are not {names}, ...", AGAIN)
    tar = index.kind is StoreKind.SHARDS
    least = 2 * BLOCKSIZE if tar else 3 * index.size**2
    for shard in index.shards:
        if shard.bytes < shard.rows * least:
            what = f"{shard.file} has too few bytes for {shard.rows} images"
            raise DataError(f"{path}: {what} of {index.size} px", AGAIN)
        if tar is (shard.pixels is None):
            raise DataError(
                f"{path}: {shard.file}: pixels is told of tars, and of them alone", AGAIN
            )


def read_counts(root: Path) -> dict[str, Any]:
    """What became of the listed files of a dataset or a part, from index.json alone.

    Raises:
        DataError: as `read_index`.
    """
    return read_index(root, part=True).counts.model_dump()


def check_file(root: Path, facts: TableFacts | ShardFacts, verify: bool) -> None:
    """Compare a file with index.json: its size, and with `verify` its bytes.

    Raises:
        DataError: missing, no ordinary file, or different.
    """
    path = root / facts.file
    if not path.exists():
        raise DataError(f"{path} is missing", AGAIN)
    with fsio.open_regular(path) as (_, size):
        if size != facts.bytes:
            raise DataError(
                f"{path} is damaged: {size} bytes, index.json says {facts.bytes}", AGAIN
            )
    if verify and fsio.sha256_file(path) != facts.sha256:
        raise DataError(f"{path} is damaged: its sha256 differs from index.json", AGAIN)


def read_rows(root: Path) -> Iterator[ImageInfo]:
    """Rows of images.parquet in listing order, one after the other.

    Raises:
        DataError: unreadable, other columns, or a row that is no record (its number is named).
    """
    path = root / TABLE
    needed, added = (dict(zip(s.names, s.types, strict=True)) for s in (SCHEMA, ADDED))
    table = read_table(path, needed, AGAIN, optional=added, nulls=True)
    for start in range(0, len(table), _CHUNK):
        for number, values in enumerate(table.slice(start, _CHUNK).to_pylist(), start):
            known = {key: value for key, value in values.items() if value is not None}
            if "objects" in known:
                known["objects"] = _objects(known["objects"], f"{path}, row {number}")
            if flags := known.pop("flags", ""):
                known["flags"] = flags.split(",")
            if scores := {key: known.pop(key) for key in list(known) if key.startswith(SCORE)}:
                known["quality"] = {key[len(SCORE) :]: score for key, score in scores.items()}
            yield fsio.as_record(known, ImageInfo, f"{path}, row {number}", AGAIN)


def _objects(text: str, where: str) -> Any:
    return fsio.parse_json(text.encode(), f"{where}: objects", AGAIN)


def accepted_of(root: Path, index: Index, rows: Iterable[ImageInfo]) -> PackedRows:
    """The accepted rows, each with an id, a place among the shards and a class of its own.

    No more of them are held in memory than there are images.

    Raises:
        DataError: names the row at fault, or index.json and the table count otherwise.
    """
    path = root / TABLE
    stored = sum(shard.rows for shard in index.shards)
    listed, accepted = 0, PackedRows()
    for row in rows:
        listed += 1
        if row.status is Status.ACCEPTED:
            accepted.append(row)
            if len(accepted) > stored:
                break
    found = (listed, len(accepted), len(accepted))
    if found != (index.counts.listed, index.counts.accepted, stored):
        raise DataError(
            f"{path} has {listed} rows, {len(accepted)} of them accepted; index.json says "
            f"{index.counts.listed} and {index.counts.accepted}, with {stored} images",
            AGAIN,
        )
    free = [bytearray(b"1" * shard.rows) for shard in index.shards]
    taken: set[tuple[int | None, int | None]] = set()  # of tars: where images begin
    ids: set[str] = set()
    for info in accepted:
        wrong = _wrong(info, len(index.class_names))
        shard, place = info.shard or 0, info.row or 0
        there = info.shard is not None and info.row is not None and shard < len(free)
        if not wrong and not (there and free[shard][place : place + 1] == b"1"):
            wrong = f"no image of its own at shard {info.shard}, row {info.row}"
        if not wrong and index.kind is StoreKind.SHARDS:
            wrong = _wrong_in_tar(info, index)
            if (info.shard, info.offset) in taken:
                wrong = f"the bytes at {info.offset} of shard {info.shard} are another's"
            taken.add((info.shard, info.offset))
        if not wrong and info.id in ids:
            wrong = "its id is given twice"
        if wrong:
            raise DataError(f"{path}: {fsio.plain(info.source)}: {wrong}", AGAIN)
        ids.add(str(info.id))
        free[shard][place] = 0
    return accepted


def _wrong_in_tar(info: ImageInfo, index: Index) -> str:
    """What a reader may not rely on in where an encoded image lies."""
    if info.shard is None or info.offset is None or info.length is None or info.crc32 is None:
        return "offset, length or crc32 is missing"
    most = 6 * index.size**2 + 2**12  # twice its pixels; noise is no smaller for being encoded
    end = info.offset + info.length
    if not 0 < info.length <= most or end > index.shards[info.shard].bytes:
        return f"no image in the {info.length} bytes at {info.offset} of shard {info.shard}"
    return ""


def _wrong(info: ImageInfo, classes: int) -> str:
    """What a reader may not rely on in an accepted row."""
    member = info.source.rpartition("!")[2].replace("\\", "/")
    if not info.id or "\0" in info.source:
        return "no id, or no file name"
    path = not info.source.startswith(("http://", "https://"))
    if path and (member.startswith("/") or ".." in member.split("/")):
        return "its source lies outside the photos"
    if classes and not (info.label is not None and 0 <= info.label < classes):
        return f"label {info.label} is not among {classes} classes"
    if info.width < 0 or info.height < 0:
        return f"{info.width} x {info.height} pixels"
    return ""
