"""Files that only developers have: photos of dogs with labels, and weights that no index carries.

`scripts/test` says where they lie, in LIMBECK_DOGS and LIMBECK_TEST_WEIGHTS; without them the tests
that need them are skipped.
"""

import os
from pathlib import Path

_PHOTOS = Path(os.environ.get("LIMBECK_DOGS") or "no development photos")
DOGS = _PHOTOS / "dogs-96-dev.zip"
DOGS_288 = _PHOTOS / "dogs-288-dev.zip"
WEIGHTS = Path(os.environ.get("LIMBECK_TEST_WEIGHTS") or "no development weights")
