"""What a shell completes beside commands and options: names of runs, studies and models of the home.

A shell asks while somebody types: whatever goes wrong, nothing is offered. Names are those of folders, so that neither
the database nor a library has to be loaded for them.
"""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tetrarium.errors import TetrariumError
from tetrarium.registry.home import Home, check_name

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

__all__ = ["model_names", "players", "policies", "run_names", "study_names"]


def run_names(context: "CompletionContext") -> list[str]:
    """Names of the home's runs."""
    return _names(context, "runs")


def study_names(context: "CompletionContext") -> list[str]:
    """Names of the home's studies."""
    return _names(context, "tuning")


def model_names(context: "CompletionContext") -> list[str]:
    """Names of the home's models, and of those in the box."""
    from tetrarium.registry.box import champion_names

    return sorted({*_names(context, "models"), *champion_names()})


def players(context: "CompletionContext") -> list[str]:
    """Whatever can be named where something is to play: runs and models."""
    return sorted({*run_names(context), *model_names(context)})


def policies(context: "CompletionContext") -> list[str]:
    """The same, and known controllers."""
    from tetrarium.evaluation import POLICY_NAMES

    return [*players(context), *POLICY_NAMES]


def _names(context: "CompletionContext", folder: str) -> list[str]:
    with contextlib.suppress(TetrariumError, OSError):
        home = Home.locate(_asked_home(context))
        return sorted(name for name in os.listdir(home.root / folder) if _is_name(name))  # noqa: PTH208 names alone
    return []


def _asked_home(context: "CompletionContext") -> Path | None:
    """What stands behind --home, where it is given already."""
    asked = context.get("home")
    return None if asked is None or asked.raw is None else Path(asked.raw)


def _is_name(name: str) -> bool:
    try:
        return bool(check_name(name))
    except TetrariumError:
        return False
