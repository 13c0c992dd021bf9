"""Whether photos are still those that a dataset was made of."""

import hashlib
from pathlib import Path

from limbeck import fsio
from limbeck.data import is_taken, open_dataset
from limbeck.ingestion.fetching import Fetching
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources import Entry, Source, open_source


def source_digest(
    path: Path, *, verify: Path | None = None, fetching: Fetching | None = None
) -> str:
    """16 hex that change when a photo comes, goes, is renamed, changes size or is written to.

    Of a folder, names, sizes and times of last change count; of a zip, also its members' CRCs.
    No photo is read. Moving the whole folder or zip (`mv`, also to another disk) or copying it with
    its times (`cp -a`, `rsync -t`) changes nothing; inodes and the folder's own path do not count,
    for they change with it, and on network disks by themselves. A copy with new times counts as
    changed: the photos are read again, and what was trained on the same pixels stays.

    Of a list of URLs its rows count, not what the hosts answer; nothing is fetched.

    Args:
        path: folder, archive or list.
        verify: a dataset made of these photos. Every file is then read, and where the bytes of one
            differ from those that the dataset names, the digest is another.
        fetching: where the photos of a list are kept.

    Raises:
        DataError: as `ingest` for a source that cannot be listed; `verify` is no dataset.
    """
    with open_source(path, fetching) as source:
        digest = source.digest()
        changed = _changed(source, verify) if verify is not None else []
    return fsio.digest_json([digest, changed]) if changed else digest


def _changed(source: Source, dataset: Path) -> list[list[str | None]]:
    """Name and sha256 of each file whose bytes are not those that the dataset names."""
    listed = open_dataset(dataset).listed()
    known = {info.source: info.sha256 for info in listed}
    taken = {info.sha256 for info in listed if is_taken(info) and info.sha256}
    changed: list[list[str | None]] = []
    for entry in source.entries:
        now = _sha256(source, entry) if not entry.refused else None
        if known.get(entry.source, "") != now and now not in taken:
            changed.append([entry.source, now])
    return changed


def _sha256(source: Source, entry: Entry) -> str | None:
    try:
        return hashlib.sha256(source.read(entry)).hexdigest()
    except (OSError, Unreadable):
        return None
