"""Names of models on the Hugging Face hub."""

import re
from dataclasses import dataclass
from typing import Self

_ID = re.compile(
    r"(?P<scheme>hf:/{1,2})?(?P<repo>[a-z0-9][a-z0-9._-]{0,95}/[a-z0-9][a-z0-9._-]{0,95})"
    r"(?:@(?P<revision>[a-z0-9][a-z0-9._/-]{0,199}))?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class HubModel:
    """A model of the hub.

    Attributes:
        repo: `owner/name`.
        revision: branch, tag or commit; None = the main branch.
        explicit: whether it was written with `hf://`.
    """

    repo: str
    revision: str | None = None
    explicit: bool = False

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """`owner/name` or `owner/name@revision`, with `hf://` before it or not; else None."""
        match = _ID.fullmatch(text)
        if match is None:
            return None
        return cls(match["repo"], match["revision"], bool(match["scheme"]))

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo
