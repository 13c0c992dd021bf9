"""A stranger's file of networks, read in a child process, its tensors kept under its sha256."""

import hashlib
import os
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from limbeck import fsio, logs
from limbeck.errors import DataError, NetworkFileError, UsageError
from limbeck.kit.cache import cache_folder
from limbeck.kit.headers import read_places
from limbeck.sandbox import Child, Garbled
from limbeck.unpickling.child import CAUGHT, MOST_FACTS, memory, seconds
from limbeck.unpickling.records import FACTS, READER, TENSORS, NetworkFile

MOST = 4 << 30
"""Bytes of a file; the largest networks have half of it."""
_BLOCK = 1 << 20
_CURE = (
    "nothing of it was executed, and there is no way to read it nevertheless: get the file again "
    "from its author, or ask for its weights as safetensors"
)
_READS = (
    "limbeck reads pickles of stylegan2-ada-pytorch and stylegan3 (a dict of G, D, G_ema) and of "
    "the TensorFlow era (G, D, Gs), .pt files of rosinality's and lucidrains' StyleGAN2 (dicts of "
    "g, d, g_ema or GAN), one network's state dict alone as .pt, and safetensors: have it saved as "
    "one of these"
)
_AGAIN = "it is read again"
_KIMG = re.compile(r"network-snapshot-(\d{6})(?!\d)")


def read_network_file(path: Path, *, cache: Path | None = None) -> NetworkFile:
    """What a file of networks holds, with its tensors; nothing of it is executed.

    Read are the pickles of stylegan2-ada-pytorch and stylegan3, pickles of the TensorFlow era,
    `.pt` files of rosinality's and lucidrains' StyleGAN2, and safetensors. A child process with
    limits on memory, processor time and files interprets the pickle's opcodes against a table of
    admitted names, none of which is imported, and copies the tensors, bit by bit, into a
    safetensors file. It reads a private copy, made while the file is hashed: whatever becomes of
    the file meanwhile, the tensors are those of the bytes that have this sha256.

    Args:
        path: the file; a link is followed to an ordinary file.
        cache: where the tensors are kept, in a folder named by the file's sha256; default:
            `networks` in limbeck's folder for caches. A folder that is there is used again, so
            whoever may write to it is trusted; what is made is its owner's alone.

    Raises:
        NetworkFileError: the file is refused; names offset, opcode and global.
        DataError: missing, no ordinary file, empty, larger than 4 GiB, changed while it was copied,
            or the cache cannot be written.
        UsageError: this system cannot hand open files to a child process.
    """
    home = cache if cache is not None else cache_folder() / "networks"
    with _copied(Path(path), home) as copy:
        folder = home / copy.digest
        made = _kept(folder)
        if made is None:
            try:
                with fsio.atomic_dir(folder, own=(TENSORS, FACTS)) as temporary:
                    temporary.chmod(0o700)
                    made = _written(Path(path), copy, temporary)
            except DataError:
                made = _kept(folder)  # by another process, which was there first
                if made is None:
                    raise
    return _named(made.model_copy(update={"folder": folder}), Path(path))


def inspect_network_file(path: Path) -> NetworkFile:
    """What a file of networks holds, all its numbers checked; nothing is kept.

    The private copy that is read lies in the system's folder for temporary files (TMPDIR), without
    a name.

    Raises:
        NetworkFileError, DataError, UsageError: as `read_network_file`.
    """
    path = Path(path)
    with _copied(path, Path(tempfile.gettempdir())) as copy:
        facts, _ = _in_child(path, copy.handle, copy.size, None)
    return _named(_record(path, facts, copy), path)


class _Copy(NamedTuple):
    """The bytes that are read: other users cannot change them."""

    handle: int
    size: int
    digest: str


@contextmanager
def _copied(path: Path, folder: Path) -> Iterator[_Copy]:
    """A copy of the file, and the copy's sha256. On disk, for a file may have 4 GiB."""
    with ExitStack() as held:
        with fsio.open_regular(path) as (file, size):
            before = _checked(path, file, size)
            _make(folder)
            scratch = held.enter_context(fsio.Scratch(folder))
            digest = hashlib.sha256()
            starts = range(0, size, _BLOCK)
            for start in logs.track(starts, f"reading {path.name}", len(starts)):
                block = file.read(min(_BLOCK, size - start))
                if len(block) < min(_BLOCK, size - start):
                    raise _changed(path)
                digest.update(block)
                scratch.append(block)
            _unchanged(path, file, before)
        yield _Copy(scratch.handle(), size, digest.hexdigest())


def _make(folder: Path) -> None:
    """A folder of one's own, where there is none."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the cache of networks cannot be written: {folder}: {error.strerror or error}",
            "let LIMBECK_CACHE name a folder that you may write to",
        ) from error


def _checked(path: Path, file: BinaryIO, size: int) -> os.stat_result:
    if os.name != "posix":
        raise UsageError(
            "networks of strangers are read on Linux and macOS only", "use one of them, or WSL"
        )
    if size > MOST or size == 0:
        what = "is empty" if not size else f"has {size / 1e9:.1f} GB, the limit is {MOST / 1e9:.1f}"
        raise NetworkFileError(f"{path} {what}", "check that it is the networks' file")
    return os.fstat(file.fileno())


def _unchanged(path: Path, file: BinaryIO, before: os.stat_result) -> None:
    after = os.fstat(file.fileno())
    fields = ("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")
    if any(getattr(before, name) != getattr(after, name) for name in fields):
        raise _changed(path)


def _changed(path: Path) -> DataError:
    return DataError(f"{path} changed while it was copied", "read it again once it is whole")


def _kept(folder: Path) -> NetworkFile | None:
    """What an earlier reading left; None where there is none, where it is damaged, or where another
    version of the reader left it."""
    if not (folder / FACTS).is_file():
        return None
    try:
        made = fsio.read_record(folder / FACTS, NetworkFile, _AGAIN)
        if made.reader != READER:
            return None
        whole = fsio.sha256_file(folder / TENSORS) == made.tensors_sha256
        if whole and made.sha256 == folder.name and _all_there(made, folder):
            return made
        what = "its content is not what was written"
    except DataError as error:
        what = error.what
    logs.warn(f"what is kept in {folder} is damaged; {_AGAIN} ({what})")
    return None


def _written(path: Path, copy: _Copy, folder: Path) -> NetworkFile:
    """Let the child fill `folder`, and check what it wrote."""
    out = os.open(folder / TENSORS, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        facts, _ = _in_child(path, copy.handle, copy.size, out)
    finally:
        os.close(out)
    made = _record(path, facts, copy)
    if not _all_there(made, folder):
        raise NetworkFileError(f"{path}: its reader wrote other tensors than it told", _CURE)
    made = made.model_copy(update={"tensors_sha256": fsio.sha256_file(folder / TENSORS)})
    fsio.write_json(folder / FACTS, made.model_dump(mode="json"))
    return made


def _all_there(made: NetworkFile, folder: Path) -> bool:
    """Whether the header of what was written lists just the tensors told.

    Raises:
        DataError: it is damaged.
    """
    found, _, _ = read_places(folder / TENSORS, _AGAIN)
    told = {
        f"{role}/{name}": (one.dtype, one.shape)
        for role, network in made.networks.items()
        for name, one in network.tensors.items()
    }
    return {name: (p.stored.dtype, p.stored.shape) for name, p in found.items()} == told


def _record(path: Path, facts: bytes, copy: _Copy) -> NetworkFile:
    """The child's description as a record; it may say anything."""
    values = fsio.parse_json(facts, f"{path}: its description", _CURE)
    if not isinstance(values, dict):
        raise NetworkFileError(f"{path}: its description is no object", _CURE)
    training_set = values.get("training_set")
    dataset = _dataset(training_set, values.get("facts"))
    own = {
        "reader": READER, "sha256": copy.digest, "bytes": copy.size, "dataset": dataset,
    }  # fmt: skip
    return fsio.as_record({**values, **own}, NetworkFile, str(path), _CURE)


def _dataset(training_set: Any, facts: Any) -> str | None:
    """The last part of the photos' path."""
    args = facts.get("args") if isinstance(facts, dict) else None
    for told in (training_set, args):
        where = told.get("path") if isinstance(told, dict) else None
        if isinstance(where, str) and where.strip("/\\"):
            return re.split(r"[/\\]", where.rstrip("/\\"))[-1]
    return None


def _named(made: NetworkFile, path: Path) -> NetworkFile:
    """With what the file's name tells."""
    told = _KIMG.search(path.name)
    if made.kimg is not None or told is None:
        return made
    return made.model_copy(update={"kimg": float(told[1])})


def _in_child(path: Path, file: int, size: int, out: int | None) -> tuple[bytes, int]:
    """What the child says of the file, and the most memory that it took, bytes."""
    child = Child("limbeck.unpickling.child", [file] if out is None else [file, out])
    asked = {"file": file, "size": size, "out": out}
    try:
        with child.in_time():
            words, facts = child.exchange(asked, b"", MOST_FACTS)
    except (Garbled, OSError):
        child.kill()
        raise _died(path, child, size) from None
    finally:
        child.kill()
        child.code()
    if "event" in words:
        event = fsio.plain(str(words["event"])).strip()
        raise NetworkFileError(
            f"{path}: reading it was about to cause the event {event!r}, so the reader was ended",
            "this is a fault of limbeck: please report it; " + _CURE, event=event,
        )  # fmt: skip
    if "fault" in words:
        raise NetworkFileError(
            f"{path}: its reader failed: {fsio.plain(str(words['fault']))}",
            "this is a fault of limbeck: please report it; " + _CURE,
        )
    if "disk" in words:
        code = words["disk"] if isinstance(words["disk"], int) else 0
        raise OSError(code, os.strerror(code))
    if "memory" in words:
        most = (size + memory(size)) / 1e6
        raise NetworkFileError(f"{path}: reading it takes more than {most:.0f} MB", _CURE)
    if "refused" in words:
        raise _refused(path, words)
    peak = words.get("peak")
    return facts, peak if isinstance(peak, int) else 0


def _died(path: Path, child: Child, size: int) -> NetworkFileError:
    code = child.code()
    how = f"was killed by signal {-code}" if code < 0 else f"exited with {code}"
    if limit := child.overdue(seconds(size)):
        how = f"took more than {limit}"
    elif code == -getattr(signal, "SIGBUS", 0):
        how = "could not read its copy of the file from the disk"
    elif code == CAUGHT:
        how = "was ended by an event"
    return NetworkFileError(f"{path}: its reader {how}", _CURE)


def _refused(path: Path, words: dict[str, Any]) -> NetworkFileError:
    """The error for what the child says; whatever it says is shown as text."""
    why, opcode, named = (
        fsio.plain(str(words.get(name) or "")) for name in ("refused", "opcode", "named")
    )
    offset = words.get("offset")
    place = offset if isinstance(offset, int) else None
    at = f"byte {place}" if place is not None else ""
    where = ", ".join(filter(None, [str(path), f"{opcode} at {at}" if opcode and at else at]))
    do = _READS if words.get("unknown") is True else _CURE
    return NetworkFileError(f"{where}: {why}", do, offset=place, opcode=opcode, named=named)
