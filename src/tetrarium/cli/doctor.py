"""``tetrarium doctor``: is everything there, and does it work."""

import json as json_library
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from tetrarium.cli.compiling import told_of_compiling
from tetrarium.cli.story import COMPILING
from tetrarium.errors import TetrariumError
from tetrarium.registry.home import Home

__all__ = ["doctor"]

_LIBRARIES: Final = ("numpy", "numba", "gymnasium", "stable-baselines3", "torch", "rich", "cyclopts")
_FREE_BYTES: Final = 500_000_000


def doctor(
    *,
    json: Annotated[bool, Parameter(negative="", help="Print JSON.")] = False,
    home: Annotated[Path | None, Parameter(help="Folder in which tetrarium keeps things.")] = None,
) -> int:
    """Check that everything tetrarium needs is there and works. Exits with 1 if something does not."""
    checks: dict[str, Callable[[], str]] = {
        "Python": _python,
        "libraries": _libraries,
        "home": lambda: _home(home),
        "disk": lambda: _disk(home),
        "processor": lambda: f"{os.cpu_count()} cores, {platform.machine()}",
        "game": _game,
        "learning": _learning,
    }
    found: list[dict[str, str | bool]] = []
    with told_of_compiling(lambda: print(COMPILING, file=sys.stderr)):
        for name, check in checks.items():
            try:
                is_ok, said = True, check()
            except (TetrariumError, OSError, ImportError, metadata.PackageNotFoundError) as error:
                is_ok, said = False, str(error)
            found.append({"check": name, "is_ok": is_ok, "said": said})
            if not json:
                _show(name, is_ok, said, width=max(map(len, checks)))  # at once: the last ones may take a while
    if json:
        print(json_library.dumps(found, indent=2))
    return 0 if all(one["is_ok"] for one in found) else 1


def _show(name: str, is_ok: bool, said: str, *, width: int) -> None:
    row = Table(show_header=False, box=None, pad_edge=False)
    row.add_column(width=width)
    row.add_column(width=len("failed"))
    row.add_row(name, "ok" if is_ok else "failed", said)
    Console(file=sys.stdout).print(row)


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()}"


def _libraries() -> str:
    return ", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES)


def _home(path: Path | None) -> str:
    home = Home.locate(path)
    home.secret()
    n_runs = sum(1 for run in home.runs.iterdir() if run.is_dir()) if home.runs.is_dir() else 0
    return f"{home.root}, {n_runs} runs"


def _disk(path: Path | None) -> str:
    free = shutil.disk_usage(Home.locate(path).root).free
    if free < _FREE_BYTES:
        raise OSError(f"{free / 1e6:,.0f} MB are free; training wants 500 MB. Make room, or choose another --home.")
    return f"{free / 1e9:,.1f} GB free"


def _game() -> str:
    from tetrarium.environment import EnvConfig, make_env

    started_s = time.perf_counter()
    env = make_env(EnvConfig())()
    _, info = env.reset(seed=0)
    _, _, _, _, info = env.step(info["action_mask"].argmax())
    ready_s = time.perf_counter() - started_s
    n_pieces, over = 0, False
    started_s = time.perf_counter()
    while n_pieces < 2_000:
        _, _, over, _, info = env.step(info["action_mask"].argmax())
        n_pieces += 1
        if over:
            _, info = env.reset()
    speed = n_pieces / (time.perf_counter() - started_s)
    return f"ready after {ready_s:.1f} s, {speed:,.0f} placements a second through Gymnasium"


def _learning() -> str:
    from tetrarium.environment import EnvConfig, make_env
    from tetrarium.training import TetrisAgent, TrainingConfig

    agent = TetrisAgent(make_env(EnvConfig())(), TrainingConfig(learning_starts=100, total_timesteps=2_000))
    agent.train(500)
    started_s = time.perf_counter()
    agent.train(1_500)
    return f"{1_500 / (time.perf_counter() - started_s):,.0f} placements a second on {agent.model.device}"
