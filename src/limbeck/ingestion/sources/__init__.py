"""Where photos come from. A new kind of source is one file here and one line in `open_source`."""

from contextlib import suppress
from pathlib import Path

from limbeck.errors import DataError
from limbeck.ingestion.fetching import Fetching
from limbeck.ingestion.regular import Unreadable, open_regular, read_exactly
from limbeck.ingestion.sources.base import Box as Box
from limbeck.ingestion.sources.base import Entry as Entry
from limbeck.ingestion.sources.base import Facts as Facts
from limbeck.ingestion.sources.base import Source as Source
from limbeck.ingestion.sources.folder import FolderSource
from limbeck.ingestion.sources.lmdb import LmdbSource, is_lmdb
from limbeck.ingestion.sources.manifest import ManifestSource
from limbeck.ingestion.sources.parquet import ParquetSource
from limbeck.ingestion.sources.tars import TarSource
from limbeck.ingestion.sources.url_rows import list_kind, lists_urls
from limbeck.ingestion.sources.urls import UrlSource
from limbeck.ingestion.sources.zipped import ZipSource

__all__ = ["KNOWN", "Box", "Entry", "Facts", "Source", "UrlSource", "open_source"]

KNOWN = (
    "a folder of photos (also with metadata.jsonl, .csv or .parquet, as imagefolder has it), a "
    ".zip (also of dataset.json), a plain .tar or a folder of them (WebDataset, img2dataset), a "
    ".parquet of images or a folder of them (Hugging Face), a folder of LSUN's LMDB, a manifest "
    ".json of image_name and bounding_box beside its photos, or a list of URLs (.csv, .tsv, .jsonl "
    "or .parquet with a column url; or one URL a line)"
)
_BESIDE = (".tar", ".parquet", ".json", ".idx", ".txt", ".csv", ".md")


def open_source(path: Path, fetching: Fetching | None = None) -> Source:
    """The source that lies at `path`, told by what it is, and by its name where that is open.

    Args:
        path: a folder or a file.
        fetching: of a URL list: where its photos are kept and how they are fetched; nothing is
            fetched before `Source.bring`.

    Raises:
        DataError: nothing there, none of the `KNOWN` kinds, or a damaged one.
        UsageError: as `UrlSource`.
    """
    path = Path(path)
    if path.is_dir():
        if is_lmdb(path):
            return LmdbSource(path)
        if tars := _shards(path, ".tar"):
            return TarSource(tars)
        tables = _shards(path, ".parquet")
        return ParquetSource(tables) if tables else FolderSource(path)
    if not path.is_file():
        raise DataError(f"no photos at {path}", f"check the name; limbeck reads {KNOWN}")
    start = _start(path)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":
        return ManifestSource(path)
    if start[257:262] == b"ustar" or path.suffix.lower() == ".tar":
        return TarSource([path])
    if start.startswith(b"PAR1") and not lists_urls(path):
        return ParquetSource([path])
    if kind := list_kind(path, start):
        return UrlSource(path, kind, fetching or Fetching())
    try:
        return ZipSource(path)
    except DataError as error:
        if start.startswith(b"PK"):
            raise
        raise DataError(error.what, f"limbeck reads {KNOWN}") from error


def _start(path: Path) -> bytes:
    """The first bytes of a file; none where it cannot be read, which its reader tells."""
    with suppress(OSError, Unreadable):
        file, _ = open_regular(path)
        with file:
            return read_exactly(file, 512)
    return b""


def _shards(folder: Path, suffix: str) -> list[Path]:
    """The files of this kind in a folder that holds shards and their notes alone."""
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return []  # FolderSource says what is wrong
    shards = [file for file in files if file.suffix.lower() == suffix and file.is_file()]
    plain = all(f.suffix.lower() in _BESIDE and f.is_file() for f in files)
    return shards if plain else []
