"""Which photos belong to part i of n of a listing."""

import hashlib
import re
from dataclasses import dataclass

from limbeck.errors import UsageError

MOST = 10**6


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 0) of `of` parts.

    A photo's part depends on its name alone (sha256), so that all parts are about equally large and
    none needs to know another; of a list of URLs on the host, so that no host is asked by two
    parts at once. Copies and several boxes of a photo may lie in different parts: nothing is
    settled before the parts are joined.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """From `I/N`.

        Raises:
            UsageError: it is something else, or I is not from 0 to N - 1.
        """
        found = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", text.strip())
        if found and int(found[1]) < int(found[2]) <= MOST:
            return cls(int(found[1]), int(found[2]))
        raise UsageError(
            f"--shard {text}: no part of a listing",
            "say I/N, the first of four parts is 0/4, the last 3/4",
        )

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, home: str) -> bool:
        """Whether what goes by this name (see `Source.home`) is in this part."""
        digest = hashlib.sha256(home.encode("utf-8", "backslashreplace")).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number
