"""Command ``doctor``: checks of the installation."""

import os
import platform
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tetrarium.cli.formatting import print_json
from tetrarium.cli.options import HomeOption, JsonOption
from tetrarium.cli.terminal.compile_notice import notify_compiling
from tetrarium.cli.terminal.run_summary import COMPILING
from tetrarium.errors import HomeError, TetrariumError
from tetrarium.registry.files.file_system import file_system_type, is_private, is_shared, new_file_status
from tetrarium.registry.home import Home, permissions_message

_LIBRARIES: Final = ("numpy", "numba", "gymnasium", "stable-baselines3", "torch", "rich", "cyclopts")
_FREE_BYTES: Final = 500_000_000
_KERNEL_BYTES: Final = 1_000_000  # more than the largest compiled kernel has


def doctor(*, json: JsonOption = False, home: HomeOption = None) -> int:
    """Check that the installation works. Exits with 1 if a check fails."""
    checks: dict[str, Callable[[], str]] = {
        "Python": _python,
        "libraries": _libraries,
        "home": lambda: _home(home),
        "file system": lambda: _file_system(home),
        "databases": lambda: _databases(home),
        "disk": lambda: _disk(home),
        "processor": _processor,
        "kernel cache": _kernel_cache,
        "game": _game,
        "learning": _learning,
    }
    results: list[dict[str, str | bool]] = []
    with notify_compiling(lambda: print(COMPILING, file=sys.stderr)):
        for name, check in checks.items():
            try:
                is_ok, message = True, check()
            except (TetrariumError, OSError, ImportError, metadata.PackageNotFoundError) as error:
                is_ok, message = False, str(error)
            results.append({"check": name, "is_ok": is_ok, "message": message})
            if not json:
                _show(name, is_ok, message, width=max(map(len, checks)))  # at once: the last checks take seconds
    if json:
        print_json(results)
    return 0 if all(result["is_ok"] for result in results) else 1


def _show(name: str, is_ok: bool, message: str, *, width: int) -> None:
    row = Table(show_header=False, box=None, pad_edge=False)
    row.add_column(width=width)
    row.add_column(width=len("failed"))
    row.add_row(name, "ok" if is_ok else "failed", message)
    Console(file=sys.stdout).print(row)


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()}"


def _libraries() -> str:
    return ", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES)


def _home(path: Path | None) -> str:
    home = Home.locate(path)
    home.secret()
    return f"{home.root}, {len(home.run_names())} runs"


def _file_system(path: Path | None) -> str:
    root = Home.locate(path).root
    new = new_file_status(root)
    if new is not None and not is_private(new):
        raise HomeError(permissions_message(root))
    kind = file_system_type(root) or "unknown type"
    if is_shared(root):
        return f"{kind}, which other machines may use too: databases are without write-ahead log"
    return kind


def _databases(path: Path | None) -> str:
    """Writes to both databases, so that a full disk, a missing lock or a read-only home shows."""
    from tetrarium.registry.database import Database
    from tetrarium.tuning.trial_storage import Storage

    home = Home.locate(path)
    checked = [Database(home)] + ([Storage(home)] if Storage.exists(home) else [])
    for database in checked:
        database.check()
    return ", ".join(f"{database.path.name} can be written" for database in checked)


def _disk(path: Path | None) -> str:
    free = shutil.disk_usage(Home.locate(path).root).free
    if free < _FREE_BYTES:
        raise OSError(
            f"Training needs 500 MB of disk space; {free / 1e6:,.0f} MB are free. Free some or choose another --home."
        )
    return f"{free / 1e9:,.1f} GB free"


def _processor() -> str:
    from tetrarium.engine.batches import usable_cores

    return f"{usable_cores()} of {os.cpu_count()} cores usable, {platform.machine()}"


def _kernel_cache() -> str:
    from tetrarium.engine import kernel_cache

    try:
        probe = kernel_cache.store(f"{uuid.uuid4().hex}.tmp", bytes(_KERNEL_BYTES))
    except OSError as error:
        raise OSError(kernel_cache.unwritable_message(error)) from error
    probe.unlink(missing_ok=True)
    return f"{probe.parent}, {sum(1 for _ in probe.parent.glob('*.kernel'))} kernels"


def _game() -> str:
    from tetrarium.environment import EnvConfig, make_env

    started_s = time.perf_counter()
    env = make_env(EnvConfig())()
    _, info = env.reset(seed=0)
    _, _, _, _, info = env.step(info["action_mask"].argmax())
    ready_s = time.perf_counter() - started_s
    n_pieces = 0
    started_s = time.perf_counter()
    while n_pieces < 2_000:
        _, _, terminated, _, info = env.step(info["action_mask"].argmax())
        n_pieces += 1
        if terminated:
            _, info = env.reset()
    speed = n_pieces / (time.perf_counter() - started_s)
    return f"ready after {ready_s:.1f} s, {speed:,.0f} placements per second through Gymnasium"


def _learning() -> str:
    from tetrarium.environment import EnvConfig, make_env
    from tetrarium.training import TetrisAgent, TrainingConfig

    agent = TetrisAgent(make_env(EnvConfig())(), TrainingConfig(learning_starts=100, total_timesteps=2_000))
    agent.train(500)
    started_s = time.perf_counter()
    agent.train(1_500)
    return f"{1_500 / (time.perf_counter() - started_s):,.0f} placements per second on {agent.model.device}"
