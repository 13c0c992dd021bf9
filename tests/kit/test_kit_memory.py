"""The memory that a process may take, by files as the kernel writes them."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from limbeck.kit.memory import available_memory, whole_memory

GB = 10**9


def machine(root: Path, groups: str, files: dict[str, object], free: int = 64 * GB) -> Path:
    """A root with /proc and /sys."""
    told = {"proc/meminfo": f"MemTotal: 99999 kB\nMemAvailable:   {free // 1024} kB\n",
            "proc/self/cgroup": groups, "proc/self/statm": "1000 500 1 1 0 1 0\n"}  # fmt: skip
    for name, text in {**told, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def v2(group: str, most: object, used: int, **more: object) -> dict[str, object]:
    folder = f"sys/fs/cgroup/{group}".rstrip("/")
    about = {"memory.max": most, "memory.current": used, **more}
    return {f"{folder}/{name.replace('_', '.')}": value for name, value in about.items()}


def v1(group: str, most: int, used: int, cache: int = 0) -> dict[str, object]:
    folder = f"sys/fs/cgroup/memory/{group}".rstrip("/")
    return {f"{folder}/memory.limit_in_bytes": most, f"{folder}/memory.usage_in_bytes": used,
            f"{folder}/memory.stat": f"cache 1\ntotal_inactive_file {cache}"}  # fmt: skip


def test_without_limits_the_machine_counts(tmp_path: Path) -> None:
    assert available_memory(tmp_path / "nothing") is None
    root = machine(tmp_path, "0::/", {}, free=8 * 1024**3)
    assert available_memory(root) == 8 * 1024**3


def test_all_memory_is_the_least_limit_whatever_is_used(tmp_path: Path) -> None:
    assert whole_memory(tmp_path / "nothing") is None
    assert whole_memory(machine(tmp_path / "bare", "0::/", {})) == 99999 * 1024
    files = v2("a/b", "max", 1 * GB) | v2("a", 90_000_000, 1) | v2("", 95_000_000, 1)
    assert whole_memory(machine(tmp_path / "v2", "0::/a/b\n", files)) == 90_000_000
    files = v1("a", 80_000_000, 1, 5)
    assert whole_memory(machine(tmp_path / "v1", "4:memory:/a\n", files)) == 80_000_000


def test_the_tightest_group_of_version_2_counts(tmp_path: Path) -> None:
    files = v2("a/b", "max", 1 * GB) | v2("a", 3 * GB, 2 * GB) | v2("", 40 * GB, 30 * GB)
    assert available_memory(machine(tmp_path, "0::/a/b\n", files)) == 1 * GB


def test_a_container_is_the_top_of_what_it_sees(tmp_path: Path) -> None:
    files = v2("", 3 * GB, 1 * GB)
    assert available_memory(machine(tmp_path, "0::/docker/0123\n", files)) == 2 * GB


def test_cached_files_give_way(tmp_path: Path) -> None:
    files = v2("a", 3 * GB, 2 * GB, memory_stat=f"anon 5\ninactive_file {GB}\nactive_file 7")
    assert available_memory(machine(tmp_path, "0::/a\n", files)) == 2 * GB


def test_where_a_group_is_slowed_down_is_a_limit_too(tmp_path: Path) -> None:
    files = v2("a", "max", 1 * GB, memory_high=2 * GB)
    assert available_memory(machine(tmp_path, "0::/a\n", files)) == 1 * GB


def test_groups_of_version_1_and_both_at_once(tmp_path: Path) -> None:
    files = v1("x/y", 9223372036854771712, GB) | v1("x", 4 * GB, 2 * GB, cache=GB)
    groups = "5:cpu,cpuacct:/x/y\n4:memory:/x/y\n0::/\n"
    assert available_memory(machine(tmp_path, groups, files)) == 3 * GB
    files |= v2("unified", 2 * GB, GB)
    assert available_memory(machine(tmp_path, groups, files)) == 1 * GB


def test_a_group_beyond_its_limit_has_nothing_left(tmp_path: Path) -> None:
    assert available_memory(machine(tmp_path, "0::/a\n", v2("a", GB, 2 * GB))) == 0


def test_the_limit_on_the_address_space_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2 * GB, resource.RLIM_INFINITY))
    root = machine(tmp_path, "0::/\n", {})
    assert available_memory(root) == 2 * GB - 1000 * resource.getpagesize()


def test_odd_files_say_nothing(tmp_path: Path) -> None:
    files: dict[str, object] = v2("a", "much", 1) | {"proc/meminfo": "MemAvailable: some kB"}
    assert available_memory(machine(tmp_path, "nonsense\n0::/../a\n:::\n", files)) is None


def test_this_machine_says_something() -> None:
    found = available_memory()
    assert found is None or found > 0


_HELD = """
import numpy as np
from limbeck.kit.allocator import keep_memory, spare_memory

def held():
    before = resident()
    block = np.ones(2**21)
    del block
    return resident() - before

def resident():
    return int(open("/proc/self/statm").read().split()[1])

assert spare_memory()
spared = held()
assert keep_memory()
print(spared, held())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_the_allocator_gives_back_or_keeps_as_it_was_told_last() -> None:
    told = subprocess.run([sys.executable, "-c", _HELD], capture_output=True, text=True, check=True)
    spared, kept = (int(pages) * os.sysconf("SC_PAGE_SIZE") for pages in told.stdout.split())
    assert spared < 2**23 < kept  # of 16 MiB
