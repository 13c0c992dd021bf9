"""Text from disk made harmless to look at: no character that hides, reorders or breaks lines."""

import unicodedata

from markupsafe import Markup

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # needed within Persian words and emoji; they move nothing


def shown(text: str) -> str:
    r"""`text` with control, direction and other invisible characters written as `\u202e`.

    What can be seen stays as it is, right-to-left letters too (the page isolates names). Half
    surrogates, which no file may hold, are written out as well.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        rf"\u{ord(letter):04x}"
        if letter not in _JOINERS and unicodedata.category(letter) in _HIDDEN
        else letter
        for letter in text
    )


def finalize(value: object) -> object:
    """For the template engine: every text that is put into the page passes `shown` first."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
