"""What tests of the chain share."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def photos(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of half of the drawn crawl, bad files among them."""
    out = tmp_path_factory.mktemp("photos")
    for file in sorted((crawl / "photos").iterdir())[:45]:
        shutil.copy2(file, out)
    return out
