"""Module that the fork server prepares in tests; records the process that prepared it."""

import os
from pathlib import Path

LOADED: list[int] = []


def prepare() -> None:
    """Records the process, and fails if a file requests it."""
    LOADED.append(os.getpid())
    if Path("prepare-fails").exists():
        raise RuntimeError("The module cannot be loaded.")
