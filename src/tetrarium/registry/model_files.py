"""The files of saved models: ``models/NAME/NUMBER.tetris``, one for each version."""

import re
from pathlib import Path
from typing import Final

from tetrarium.errors import HomeError
from tetrarium.registry.bundles import BUNDLE_SUFFIX
from tetrarium.registry.home import Home, check_name

__all__ = ["Key", "model_files", "model_path"]

Key = tuple[str, int]  # a slot's name, and the number of a version

_NUMBERED: Final = re.compile(r"([1-9][0-9]{0,8})" + re.escape(BUNDLE_SUFFIX))


def model_path(home: Home, name: str, number: int) -> Path:
    """Where a version's bundle lies.

    Raises:
        HomeError: if the name may not be one.
    """
    return home.models / check_name(name) / f"{number}{BUNDLE_SUFFIX}"


def model_files(home: Home) -> dict[Key, Path]:
    """Every version that lies on the disk, whoever put it there."""
    found = {}
    for folder in home.models.iterdir() if home.models.is_dir() else ():
        if _is_name(folder.name) and folder.is_dir():
            for path in folder.iterdir():
                if match := _NUMBERED.fullmatch(path.name):
                    found[folder.name, int(match[1])] = path
    return found


def _is_name(name: str) -> bool:
    try:
        return check_name(name) == name
    except HomeError:
        return False
