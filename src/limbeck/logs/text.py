"""Any text made fit to show: nothing in it is markup, and nothing in it steers the terminal.

The one rule: a message is plain text. Names of files, values out of a stranger's JSON and words of
other libraries may hold anything; `visible` spells out what would act instead of being read, and
every function of this room that shows something calls it. Styles come from `bold` and `styled`
alone, commands that people are asked to copy from `command`.
"""

import shlex
from pathlib import Path

from rich.text import Text

_JOINERS = "\u200c\u200d"  # joiners of letters and of emoji: parts of honest names
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\x1b": r"\x1b"}


def visible(value: object) -> str:
    r"""`str(value)` on one line, with all that is no visible character spelt out.

    Line ends, escape sequences (C0, C1), marks that turn the direction of writing, invisible
    characters and bytes of a file name that are no UTF-8 become `\n`, `\x1b`, `\u202e`, `\xff`.
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else _spelt(c) for c in text)


def _spelt(character: str) -> str:
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def styled(value: object, style: str) -> Text:
    """A value in a style of rich (`bold`, `red`, `bold green`), as a piece of a line or a cell."""
    return Text(visible(value), style=style)


def bold(value: object) -> Text:
    """A value that the eye should find."""
    return styled(value, "bold")


def line(*pieces: object) -> Text:
    """One line made of pieces, set beside one another without spaces.

    A piece is what `styled` gave, or anything else, which is shown as `visible` spells it.
    """
    made = Text()
    for piece in pieces:
        if isinstance(piece, Text):
            made.append_text(piece)
        else:
            made.append(visible(piece))
    return made


def command(*words: object) -> str:
    r"""A command that can be copied into a shell: every word is quoted where it needs to be.

    `shlex.split` gives the words back. A path that begins with `-` gets `./` in front, lest it be
    read as an option. A word with control or invisible characters is written `$'a\x1b[0m'`, which
    bash, zsh and ksh read back, for the characters themselves must not reach a terminal.

    Args:
        words: the command and its arguments; a Path is a path, all else is taken by `str`.
    """
    return " ".join(_word(word) for word in words)


def _word(word: object) -> str:
    text = str(word)
    if isinstance(word, Path) and text.startswith("-"):
        text = f"./{text}"
    if visible(text) == text:
        return shlex.quote(text)
    return "$'" + "".join(map(_ansi_c, text)) + "'"


def _ansi_c(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if visible(character) == character:
        return character
    kind = "surrogateescape" if 0xDC80 <= ord(character) <= 0xDCFF else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", kind))
