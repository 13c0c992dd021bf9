"""How many processor cores this process may use."""

import os


def cores() -> int:
    """At least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(allowed or 1, 1)
