"""What a process that tests have forked was loaded with."""

import os
from pathlib import Path

LOADED: list[int] = []


def prepare() -> None:
    """Notes in which process it was loaded, and fails where that is wished for."""
    LOADED.append(os.getpid())
    if Path("prepare-fails").exists():
        raise RuntimeError("It cannot be loaded.")
