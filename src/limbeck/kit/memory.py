"""How much memory a process may still take: the least of all limits that it lives under.

A container sees the memory of the whole machine in /proc/meminfo; what ends it is its control
group, or a limit on its address space.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 1 << 60  # version 1 writes "no limit" as a huge number
_V2, _V1 = Path("sys/fs/cgroup"), Path("sys/fs/cgroup/memory")


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process may still take; None where the system does not say.

    The least of MemAvailable, of what every control group above the process (version 2 or 1) has
    left, and of the limit on the address space.

    Args:
        root: where /proc and /sys lie.
    """
    limits = [_machine(root), _address_space(root), *(_left(*group) for group in _groups(root))]
    known = [limit for limit in limits if limit is not None]
    return max(min(known), 0) if known else None


def whole_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process may have in all; None where the system does not say.

    The least of MemTotal and the limits that every control group above the process sets.

    Args:
        root: where /proc and /sys lie.
    """
    machine = _field(_text(root / "proc/meminfo"), "MemTotal")
    groups = (_number(folder / limit) for folder, limit, _, _ in _groups(root))
    limits = [None if machine is None else machine * 1024, *groups]
    return min((limit for limit in limits if limit is not None), default=None)


def short_of_memory(count: int) -> bool:
    """Whether `count` bytes cannot be had now; none of them is touched."""
    try:
        mmap.mmap(-1, count).close()
    except (OSError, MemoryError, OverflowError):
        return True
    return False


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(path: Path) -> int | None:
    """The number in a file, or None: no file, `max`, or one that means no limit."""
    text = _text(path).strip()
    value = int(text) if text.isdecimal() else _UNLIMITED
    return value if value < _UNLIMITED else None


def _field(text: str, name: str) -> int | None:
    for line in text.splitlines():
        words = line.replace(":", " ").split()
        if words[:1] == [name] and len(words) > 1 and words[1].isdecimal():
            return int(words[1])
    return None


def _machine(root: Path) -> int | None:
    free = _field(_text(root / "proc/meminfo"), "MemAvailable")
    return None if free is None else free * 1024


def _address_space(root: Path) -> int | None:
    try:
        import resource
    except ImportError:  # no such limits on this system
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = _text(root / "proc/self/statm").split()
    if limit == resource.RLIM_INFINITY or not pages or not pages[0].isdecimal():
        return None
    return limit - int(pages[0]) * resource.getpagesize()


def _groups(root: Path) -> Iterator[tuple[Path, str, str, str]]:
    """Folders of the control groups from the process's own up to the top, and the names of the
    files there: limit, what is used, and in memory.stat the cache of files."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:
            for mount in (root / _V2, root / _V2 / "unified"):
                for folder in _upwards(mount, group):
                    for limit in ("memory.max", "memory.high"):
                        yield folder, limit, "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            for folder in _upwards(root / _V1, group):
                yield (
                    folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
                )  # fmt: skip


def _upwards(mount: Path, group: str) -> Iterator[Path]:
    """The group's folder and those above; inside a container the mount itself is the group."""
    parts = [part for part in group.split("/") if part not in ("", "..")]
    for length in range(len(parts), -1, -1):
        yield mount.joinpath(*parts[:length])


def _left(folder: Path, limit: str, usage: str, cache: str) -> int | None:
    """Limit - usage of one group; its cache of files, which gives way, is not in use."""
    most, used = _number(folder / limit), _number(folder / usage)
    if most is None or used is None:
        return None
    return most - max(used - (_field(_text(folder / "memory.stat"), cache) or 0), 0)
