"""What a robots.txt says to limbeck (RFC 9309)."""

from collections import defaultdict

from limbeck.ingestion.fetching.targets import BadUrl, encoded

Rule = tuple[bool, str]  # allowed, pattern


class Rules:
    """The rules for one robot: its own group's, else those for `*`.

    The longest pattern that fits a path decides, `allow` before `disallow`; where none fits, the
    path is allowed. `*` stands for anything, `$` for the end. Lines of other kinds count for
    nothing.

    Args:
        text: the file.
        agent: the robot's name, lower case.
    """

    def __init__(self, text: str, agent: str) -> None:
        groups: defaultdict[str, list[Rule]] = defaultdict(list)
        named: list[str] = []
        heading = False
        for line in text.splitlines():
            key, colon, value = line.partition("#")[0].partition(":")
            key, value = key.strip().lower(), value.strip()
            if not colon:
                continue
            if key == "user-agent":
                named = [*named, value] if heading else [value]
                heading = True
                for name in named:
                    groups.setdefault(_token(name), [])
            elif key in ("allow", "disallow"):
                heading = False
                if (pattern := _pattern(value)) is not None:
                    for name in named:
                        groups[_token(name)].append((key == "allow", pattern))
        self._rules = groups.get(agent, groups.get("*", []))

    def allow(self, path: str) -> bool:
        """Whether a path (with its query, percent-encoded) may be asked for."""
        fitting = [(len(p), allowed) for allowed, p in self._rules if _fits(p, path)]
        return max(fitting, default=(0, True))[1]


def _token(name: str) -> str:
    """`Limbeck/1.0 (x)` -> `limbeck`"""
    return name.split("/")[0].split(" ")[0].lower()


def _pattern(value: str) -> str | None:
    """A rule's path as `Target.path` spells it; None for an empty one, which says nothing."""
    try:
        return encoded(value) if value.startswith(("/", "*")) else None
    except BadUrl:
        return None


def _fits(pattern: str, path: str) -> bool:
    """In one pass: a pattern of many stars costs no more than one."""
    first, *rest = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not pattern.endswith("$"):
        for part in rest:
            at = path.find(part, at) + len(part)
            if at < len(part):
                return False
        return True
    for part in rest[:-1]:
        at = path.find(part, at) + len(part)
        if at < len(part):
            return False
    if not rest:
        return at == len(path)
    return path.endswith(rest[-1]) and len(path) - len(rest[-1]) >= at
