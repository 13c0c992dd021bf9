"""Names that strangers chose, made fit to be shown."""


def shown(name: str) -> str:
    """A name without characters that move a cursor, colour a terminal or do not print."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
