"""The rooms of the package as data, and every import held against them.

A room may import the rooms with a smaller number, itself, the standard library and the libraries of its own stack. Each
rule is also shown an offending source, so that it is seen to fail.
"""

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tetrarium

SOURCE = Path(tetrarium.__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What one room may use beside the rooms below it."""

    number: int
    stack: frozenset[str] = frozenset()  # libraries
    never: frozenset[str] = frozenset()  # modules of the standard library or of its stack that it may not use
    never_calls: frozenset[str] = frozenset()  # built-in functions that it may not call


FILES = frozenset({"io", "os", "pathlib", "shutil", "sqlite3", "tempfile"})
RANDOM = frozenset({"numpy.random", "random"})
ROOMS = {
    "base": Room(number=0),
    "engine": Room(
        number=1,
        stack=frozenset({"llvmlite", "numba", "numpy"}),
        never=FILES | RANDOM,
        never_calls=frozenset({"open", "print"}),
    ),
    "registry": Room(number=1, stack=frozenset({"numpy", "platformdirs", "safetensors", "sqlalchemy"})),
    "environment": Room(
        number=2,
        stack=frozenset({"PIL", "av", "gymnasium", "numba", "numpy"}),
        never=FILES,
        never_calls=frozenset({"open", "print"}),
    ),
    "evaluation": Room(number=3, stack=frozenset({"gymnasium", "numba", "numpy", "scipy"})),
    "training": Room(
        number=4,
        stack=frozenset(
            {
                "cmaes",
                "gymnasium",
                "numba",
                "numpy",
                "platformdirs",
                "safetensors",
                "sb3_contrib",
                "scipy",
                "stable_baselines3",
                "tensorboard",
                "torch",
            }
        ),
        never_calls=frozenset({"print"}),
    ),
    "workers": Room(
        number=5, stack=frozenset({"numpy", "stable_baselines3", "torch", "zmq"}), never=frozenset({"html"})
    ),
    "tuning": Room(number=6, stack=frozenset({"numpy", "optuna", "sqlalchemy", "zmq"})),
    "dashboard": Room(number=7, stack=frozenset({"fastapi", "pydantic", "starlette", "uvicorn", "uvloop"})),
    "cli": Room(number=8, stack=frozenset({"cyclopts", "numba", "numpy", "platformdirs", "rich", "torch"})),
}
MODULES_OF_BASE = {"__init__", "errors", "events", "settings"}  # they lie beside the rooms' folders
# Single modules that may use more than their room, each for its reason.
EXCEPTIONS = {
    "engine/batches.py": frozenset({"os"}),  # how many cores there are, and whether the process was forked
    "engine/jit.py": frozenset({"pathlib"}),  # throws stale compiled kernels away
    "engine/streams.py": frozenset({"numpy.random.SeedSequence"}),  # turns a seed into the words of a stream
    "environment/vec_env.py": frozenset({"stable_baselines3"}),  # the one face that is Stable-Baselines3's
}
IMPORTING_CALLS = {"__import__", "import_module", "importlib.import_module"}
IMPORTED_BY_NOBODY = "cli"
WITHOUT_TORCH = (
    "tetrarium",
    "tetrarium.environment",
    "tetrarium.evaluation",
    "tetrarium.workers.client",
    "tetrarium.workers.directory",
    "tetrarium.workers.launching",
    "tetrarium.tuning",
    "tetrarium.dashboard",
    "tetrarium.cli",
)
WITHOUT_NUMBA = ("tetrarium.registry", "tetrarium.workers.client", "tetrarium.workers.directory")


def uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields (line, dotted name) of whatever a module imports, anywhere in it, and of each ``np.random`` name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"np.random", "numpy.random"}:
            yield node.lineno, f"numpy.random.{node.attr}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in IMPORTING_CALLS:
            yield from ((node.lineno, str(name.value)) for name in node.args[:1] if isinstance(name, ast.Constant))


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields (line, name) of every call of a plain name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.lineno, node.func.id


def room_of(path: str) -> str:
    """Room of a module, given its path inside the package."""
    head = path.split("/", 1)[0].removesuffix(".py")
    return "base" if head in MODULES_OF_BASE else "cli" if head == "__main__" else head


def complaints(path: str, source: str) -> list[str]:
    """Says which lines of a module break the rules of its room."""
    name = room_of(path)
    if name not in ROOMS:
        return [f"{path}: no room is called {name}"]
    tree = ast.parse(source)
    allowed = EXCEPTIONS.get(path, frozenset())
    found = [
        f"{path}:{line}: {name} never uses {used}"
        for line, used in uses(tree)
        if not is_under(used, allowed) and not may_use(name, used)
    ]
    found += [
        f"{path}:{line}: {name} never calls {called}()"
        for line, called in calls(tree)
        if called in ROOMS[name].never_calls
    ]
    return found


def may_use(name: str, used: str) -> bool:
    room = ROOMS[name]
    top, _, rest = used.partition(".")
    if top == "tetrarium":
        other = rest.split(".", 1)[0]
        if other not in ROOMS or other == name:
            return True
        return ROOMS[other].number < room.number and other != IMPORTED_BY_NOBODY
    return (top in room.stack or top in sys.stdlib_module_names) and not is_under(used, room.never)


def is_under(used: str, names: frozenset[str]) -> bool:
    return any(used == name or used.startswith(f"{name}.") for name in names)


def source_files() -> list[str]:
    return sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", source_files())
def test_module_keeps_to_its_room(path: str) -> None:
    assert complaints(path, (SOURCE / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", sorted(EXCEPTIONS))
def test_exception_is_still_needed(path: str) -> None:
    used = [name for _, name in uses(ast.parse((SOURCE / path).read_text(encoding="utf-8")))]
    unneeded = [name for name in EXCEPTIONS[path] if not any(is_under(other, frozenset({name})) for other in used)]
    assert unneeded == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("errors.py", "import numpy", "base never uses numpy"),
        ("__init__.py", "from tetrarium.engine import Games", "base never uses tetrarium.engine.Games"),
        ("engine/games.py", "import gymnasium as gym", "engine never uses gymnasium"),
        (
            "engine/games.py",
            "from tetrarium.environment.core import GameCore",
            "engine never uses tetrarium.environment",
        ),
        ("engine/games.py", "from tetrarium.registry import Store", "engine never uses tetrarium.registry.Store"),
        ("engine/games.py", "from tetrarium import environment", "engine never uses tetrarium.environment"),
        ("engine/games.py", "np.random.seed(1)", "engine never uses numpy.random.seed"),
        ("engine/games.py", "np.random.SeedSequence(1)", "engine never uses numpy.random.SeedSequence"),
        ("engine/streams.py", "np.random.default_rng()", "engine never uses numpy.random.default_rng"),
        ("engine/games.py", "from numpy.random import rand", "engine never uses numpy.random.rand"),
        ("engine/games.py", "import random", "engine never uses random"),
        ("engine/games.py", "from pathlib import Path", "engine never uses pathlib.Path"),
        ("engine/games.py", "open('scores')", "engine never calls open()"),
        ("engine/games.py", "from .rules import Rules", "engine never uses .rules.Rules"),
        ("registry/runs.py", "import torch", "registry never uses torch"),
        ("registry/runs.py", "import tetrarium.engine.games", "registry never uses tetrarium.engine.games"),
        ("environment/core.py", "import torch.nn", "environment never uses torch.nn"),
        ("environment/core.py", "def f():\n    import stable_baselines3", "environment never uses stable_baselines3"),
        ("environment/core.py", "import os.path", "environment never uses os.path"),
        ("evaluation/report.py", "import_module('torch')", "evaluation never uses torch"),
        ("evaluation/report.py", "importlib.import_module('sb3_contrib')", "evaluation never uses sb3_contrib"),
        ("evaluation/report.py", "__import__('torch')", "evaluation never uses torch"),
        (
            "evaluation/report.py",
            "from tetrarium.training import TetrisAgent",
            "evaluation never uses tetrarium.training",
        ),
        ("training/loop.py", "import fastapi", "training never uses fastapi"),
        ("training/loop.py", "print('step')", "training never calls print()"),
        ("workers/train.py", "import html", "workers never uses html"),
        ("workers/train.py", "from tetrarium.tuning import Tuner", "workers never uses tetrarium.tuning.Tuner"),
        ("tuning/tuner.py", "import torch", "tuning never uses torch"),
        ("dashboard/app.py", "import optuna", "dashboard never uses optuna"),
        ("dashboard/app.py", "import torch", "dashboard never uses torch"),
        ("dashboard/app.py", "from stable_baselines3 import DQN", "dashboard never uses stable_baselines3.DQN"),
        ("dashboard/app.py", "from tetrarium.cli.main import main", "dashboard never uses tetrarium.cli.main.main"),
        ("cellar/wine.py", "", "cellar/wine.py: no room is called cellar"),
    ],
)
def test_offence_is_seen(path: str, source: str, complaint: str) -> None:
    found = complaints(path, source)
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("engine/streams.py", "np.random.SeedSequence((1, 2)).generate_state(4)"),
        ("engine/jit.py", "from pathlib import Path"),
        ("environment/vec_env.py", "from stable_baselines3.common.vec_env import VecEnv"),
        ("environment/core.py", "from tetrarium.engine.games import Games\nfrom tetrarium.errors import GameError"),
        ("training/loop.py", "import torch\nlogger.print('step')"),
        ("cli/main.py", "from tetrarium import __version__\nfrom tetrarium.training import TetrisAgent\nprint(1)"),
        ("__main__.py", "from tetrarium.cli.main import main"),
    ],
)
def test_what_a_room_may_use_is_let_pass(path: str, source: str) -> None:
    assert complaints(path, source) == []


# What an import loads


def loaded_by(code: str, *, among: tuple[str, ...]) -> list[str]:
    """Runs code in a fresh interpreter and returns which of these modules it has loaded at its end."""
    ending = f"import atexit, sys\natexit.register(lambda: print('\\n', *sorted(set(sys.modules) & set({among!r}))))\n"
    done = subprocess.run([sys.executable, "-c", ending + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize("package", WITHOUT_TORCH)
def test_import_leaves_torch_alone(package: str) -> None:
    assert loaded_by(f"import {package}", among=("torch", "stable_baselines3")) == []


@pytest.mark.parametrize("package", WITHOUT_NUMBA)
def test_looking_at_runs_loads_no_game(package: str) -> None:
    assert loaded_by(f"import {package}", among=("gymnasium", "numba", "scipy")) == []


def test_loading_torch_would_be_seen() -> None:
    assert loaded_by("import tetrarium.environment.vec_env", among=("torch", "numba", "html")) == [
        "html",
        "numba",
        "torch",
    ]


def test_help_loads_nothing_heavy() -> None:
    code = "sys.argv = ['tetrarium', '--help']\nfrom tetrarium.cli.main import main\nsys.exit(main())"
    assert loaded_by(code, among=("torch", "numba", "gymnasium", "stable_baselines3", "scipy")) == []


# What a package offers


def packages() -> list[str]:
    return ["tetrarium", *(info.name for info in pkgutil.iter_modules([str(SOURCE)], "tetrarium.") if info.ispkg)]


def public_names(source: str) -> set[str]:
    """Names without a leading underscore that an ``__init__`` defines or takes from this package."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tetrarium"):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if not name.startswith("_")}


def in_order(names: list[str]) -> list[str]:
    """Constants, then classes, then the rest, each by name: as the linter sorts them."""
    return sorted(names, key=lambda name: (0 if name.isupper() else 1 if name[0].isupper() else 2, name))


@pytest.mark.parametrize("package", packages())
def test_all_is_what_the_package_offers(package: str) -> None:
    module = importlib.import_module(package)
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    offered = list(getattr(module, "__all__", []))
    assert offered == in_order(offered)
    assert public_names(source) <= set(offered)
    assert [name for name in offered if not hasattr(module, name)] == []


def test_a_name_that_all_forgets_is_seen() -> None:
    source = "from tetrarium.engine.games import Games\nfrom typing import Any\nLIMIT = 3\n_own = 4\ndef play(): ...\n"
    assert public_names(source) == {"Games", "LIMIT", "play"}
    assert in_order(["play", "Games", "LIMIT", "__version__"]) == ["LIMIT", "Games", "__version__", "play"]
