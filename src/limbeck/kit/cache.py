"""Where what can be made again is kept between runs."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """LIMBECK_CACHE, else `limbeck` in the platform's folder for caches."""
    chosen = os.environ.get("LIMBECK_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "limbeck"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "limbeck"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "limbeck"
