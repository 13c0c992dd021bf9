"""Why a file is not read, and how much reading it may take."""

from dataclasses import dataclass


class Refused(Exception):
    """A file holds what is not admitted, or is damaged.

    Attributes:
        why: one line, without the file's name.
        offset: byte of the file at which it was seen; of a text in it, where the text begins.
        opcode: name of the opcode there; empty outside a pickle.
        named: the global that was asked for, `module.name`; empty where none was.
    """

    def __init__(
        self, why: str, offset: int | None = None, opcode: str = "", named: str = ""
    ) -> None:
        super().__init__(why)
        self.why, self.offset, self.opcode, self.named = why, offset, opcode, named


class Unknown(Refused):
    """It is of no layout that limbeck reads; nothing in it is suspect."""


@dataclass
class Budget:
    """What is left to spend on one file, with all pickles inside it.

    A network of 1024 pixels takes about 60,000 operations and 20,000 places of the memo.
    """

    operations: int = 500_000
    memo: int = 300_000
    letters: int = 16 << 20  # of text that becomes Python's
    values: int = 200_000  # that become JSON
    modules: int = 20_000
    tensors: int = 10_000

    def spend(self, what: str, count: int = 1) -> None:
        """Take `count` of a field.

        Raises:
            Refused: nothing is left of it.
        """
        left: int = getattr(self, what) - count
        if left < 0:
            raise Refused(f"it asks for more {what} than any network needs")
        setattr(self, what, left)


def shown(text: str, most: int = 80) -> str:
    """Text of the file, fit for a message: short, without control characters or odd letters."""
    return text[:most].encode("ascii", "backslashreplace").decode().replace("\n", "\\n")
