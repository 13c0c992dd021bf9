"""The processes that torchrun started: how many, and which of them this one is."""

import os


def ranks() -> int:
    """How many there are; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """This process's number, from 0; 0 without torchrun. Process 0 alone writes and speaks."""
    return int(os.environ.get("RANK", "0")) if ranks() > 1 else 0
