"""Layers of the package as data, and a check of every import against them.

A layer may import the layers with a smaller number, itself, the standard library and the libraries of its own stack.
Each rule is also shown an offending source, so that it is seen to fail.
"""

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import pytest

import tetrarium

SOURCE = Path(tetrarium.__file__).parent
PROJECT = Path(__file__).parent.parent
SCRIPTS = sorted(path for folder in ("bench", "tools") for path in (PROJECT / folder).rglob("*.py"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Libraries that one layer may use, besides the layers below it."""

    number: int
    stack: frozenset[str] = frozenset()  # libraries
    never: frozenset[str] = frozenset()  # modules of the standard library or of its stack that it may not use
    never_calls: frozenset[str] = frozenset()  # built-in functions that it may not call


FILES = frozenset({"io", "os", "pathlib", "shutil", "sqlite3", "tempfile"})
RANDOM = frozenset({"numpy.random", "random"})
LAYERS = {
    "base": Layer(number=0),
    "engine": Layer(
        number=1,
        stack=frozenset({"llvmlite", "numba", "numpy"}),
        never=FILES | RANDOM,
        never_calls=frozenset({"open", "print"}),
    ),
    "registry": Layer(number=1, stack=frozenset({"numpy", "platformdirs", "safetensors", "sqlalchemy"})),
    "environment": Layer(
        number=2,
        stack=frozenset({"PIL", "av", "gymnasium", "numba", "numpy"}),
        never=FILES,
        never_calls=frozenset({"open", "print"}),
    ),
    "evaluation": Layer(number=3, stack=frozenset({"distributed", "gymnasium", "numba", "numpy", "ray", "scipy"})),
    "training": Layer(
        number=4,
        stack=frozenset(
            {
                "cmaes",
                "gymnasium",
                "mlflow",
                "numba",
                "numpy",
                "platformdirs",
                "safetensors",
                "sb3_contrib",
                "scipy",
                "stable_baselines3",
                "tensorboard",
                "torch",
                "trackio",
                "wandb",
            }
        ),
        never_calls=frozenset({"print"}),
    ),
    "workers": Layer(
        number=5, stack=frozenset({"numpy", "stable_baselines3", "torch", "zmq"}), never=frozenset({"html"})
    ),
    "tuning": Layer(number=6, stack=frozenset({"numpy", "optuna", "sqlalchemy", "zmq"})),
    "dashboard": Layer(number=7, stack=frozenset({"fastapi", "pydantic", "starlette", "uvicorn", "uvloop"})),
    "cli": Layer(number=8, stack=frozenset({"cyclopts", "numba", "numpy", "platformdirs", "rich", "torch"})),
}
BASE_MODULES = {"__init__", "errors", "events", "settings", "signals", "values"}  # they lie beside the layers' folders
# Modules that may use more than their layer, with the reason.
EXCEPTIONS = {
    "engine/batches.py": frozenset({"os"}),  # how many cores there are, and whether the process was forked
    # stores compiled kernels
    "engine/kernel_cache.py": frozenset({"os", "pathlib", "platformdirs", "shutil", "tempfile"}),
    "engine/random_streams.py": frozenset({"numpy.random.SeedSequence"}),  # turns a seed into the words of a stream
    "environment/interfaces/vec_env.py": frozenset({"stable_baselines3"}),  # the one face that is Stable-Baselines3's
}
IMPORTING_CALLS = {"__import__", "import_module", "importlib.import_module"}
IMPORTED_BY_NOBODY = "cli"
MAX_MODULES = 16  # of one package, without its __init__ and its sub-packages
WITHOUT_TORCH = (
    "tetrarium",
    "tetrarium.environment",
    "tetrarium.evaluation",
    "tetrarium.workers.protocol.client",
    "tetrarium.workers.directories.run_views",
    "tetrarium.workers.processes.launcher",
    "tetrarium.tuning",
    "tetrarium.dashboard",
    "tetrarium.cli",
)
WITHOUT_NUMPY = (
    "tetrarium.cli.main",
    "tetrarium.cli.terminal.run_display",
    "tetrarium.cli.terminal.log_lines",
    "tetrarium.cli.terminal.agent_player",
    "tetrarium.cli.tables.report_tables",
)
WITHOUT_NUMBA = ("tetrarium.registry", "tetrarium.workers.protocol.client", "tetrarium.workers.directories.run_views")


def uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields (line, dotted name) of each import anywhere in a module and of each ``np.random`` name."""
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


def layer_of(path: str) -> str:
    """Returns the layer of a module, given its path inside the package."""
    head = path.split("/", 1)[0].removesuffix(".py")
    return "base" if head in BASE_MODULES else "cli" if head == "__main__" else head


def violations(path: str, source: str) -> list[str]:
    """Returns the violations of a module: the lines that break the rules of its layer."""
    name = layer_of(path)
    if name not in LAYERS:
        return [f"{path}: no layer is called {name}"]
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
        if called in LAYERS[name].never_calls
    ]
    return found


def may_use(name: str, used: str) -> bool:
    layer = LAYERS[name]
    top, _, rest = used.partition(".")
    if top == "tetrarium":
        other = rest.split(".", 1)[0]
        if other not in LAYERS or other == name:
            return True
        return LAYERS[other].number < layer.number and other != IMPORTED_BY_NOBODY
    return (top in layer.stack or top in sys.stdlib_module_names) and not is_under(used, layer.never)


def is_under(used: str, names: frozenset[str]) -> bool:
    return any(used == name or used.startswith(f"{name}.") for name in names)


def source_files() -> list[str]:
    return sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", source_files())
def test_module_imports_only_what_its_layer_allows(path: str) -> None:
    assert violations(path, (SOURCE / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", sorted(EXCEPTIONS))
def test_exception_is_still_needed(path: str) -> None:
    used = [name for _, name in uses(ast.parse((SOURCE / path).read_text(encoding="utf-8")))]
    unneeded = [name for name in EXCEPTIONS[path] if not any(is_under(other, frozenset({name})) for other in used)]
    assert unneeded == []


@pytest.mark.parametrize(
    ("path", "source", "violation"),
    [
        ("errors.py", "import numpy", "base never uses numpy"),
        ("__init__.py", "from tetrarium.engine import Games", "base never uses tetrarium.engine.Games"),
        ("engine/placement/games.py", "import gymnasium as gym", "engine never uses gymnasium"),
        (
            "engine/placement/games.py",
            "from tetrarium.environment.core import GameCore",
            "engine never uses tetrarium.environment",
        ),
        (
            "engine/placement/games.py",
            "from tetrarium.registry import Store",
            "engine never uses tetrarium.registry.Store",
        ),
        ("engine/placement/games.py", "from tetrarium import environment", "engine never uses tetrarium.environment"),
        ("engine/placement/games.py", "np.random.seed(1)", "engine never uses numpy.random.seed"),
        ("engine/placement/games.py", "np.random.SeedSequence(1)", "engine never uses numpy.random.SeedSequence"),
        ("engine/random_streams.py", "np.random.default_rng()", "engine never uses numpy.random.default_rng"),
        ("engine/placement/games.py", "from numpy.random import rand", "engine never uses numpy.random.rand"),
        ("engine/placement/games.py", "import random", "engine never uses random"),
        ("engine/placement/games.py", "from pathlib import Path", "engine never uses pathlib.Path"),
        ("engine/placement/games.py", "open('scores')", "engine never calls open()"),
        ("engine/placement/games.py", "from .rules import Rules", "engine never uses .rules.Rules"),
        ("registry/run_store.py", "import torch", "registry never uses torch"),
        (
            "registry/run_store.py",
            "import tetrarium.engine.placement.games",
            "registry never uses tetrarium.engine.placement.games",
        ),
        ("environment/core.py", "import torch.nn", "environment never uses torch.nn"),
        ("environment/core.py", "def f():\n    import stable_baselines3", "environment never uses stable_baselines3"),
        ("environment/core.py", "import os.path", "environment never uses os.path"),
        ("evaluation/reports.py", "import_module('torch')", "evaluation never uses torch"),
        ("evaluation/reports.py", "importlib.import_module('sb3_contrib')", "evaluation never uses sb3_contrib"),
        ("evaluation/reports.py", "__import__('torch')", "evaluation never uses torch"),
        (
            "evaluation/reports.py",
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
        ("cellar/wine.py", "", "cellar/wine.py: no layer is called cellar"),
    ],
)
def test_violation_is_reported(path: str, source: str, violation: str) -> None:
    found = violations(path, source)
    assert len(found) == 1
    assert violation in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("engine/random_streams.py", "np.random.SeedSequence((1, 2)).generate_state(4)"),
        ("engine/kernel_cache.py", "from pathlib import Path"),
        ("environment/interfaces/vec_env.py", "from stable_baselines3.common.vec_env import VecEnv"),
        (
            "environment/core.py",
            "from tetrarium.engine.placement.games import Games\nfrom tetrarium.errors import GameError",
        ),
        ("training/loop.py", "import torch\nlogger.print('step')"),
        ("cli/main.py", "from tetrarium import __version__\nfrom tetrarium.training import TetrisAgent\nprint(1)"),
        ("__main__.py", "from tetrarium.cli.main import main"),
    ],
)
def test_allowed_import_passes(path: str, source: str) -> None:
    assert violations(path, source) == []


# Annotations, which mypy does not demand in modules with kernels


KERNEL_DECORATORS = {"kernel", "small_kernel", "inlined_kernel", "overload"}


def unannotated_functions(source: str) -> list[str]:
    """Returns the functions without annotations that are no kernels."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        if node.returns is None and not any(argument.annotation for argument in node.args.args)
        if not any(ast.unparse(each).split("(")[0] in KERNEL_DECORATORS for each in node.decorator_list)
    ]


@pytest.mark.parametrize("path", [path for path in source_files() if layer_of(path) in {"engine", "evaluation"}])
def test_only_kernels_lack_annotations(path: str) -> None:
    assert unannotated_functions((SOURCE / path).read_text(encoding="utf-8")) == []


def test_function_without_annotations_is_reported() -> None:
    kernels = "@kernel\ndef place(games): ...\n@overload(popcount)\ndef _count(word): ...\n"
    assert unannotated_functions(kernels + "def play(games) -> None: ...\ndef make(games: int): ...\n") == []
    assert unannotated_functions(kernels + "def play(games): ...\n@property\ndef rows(self): ...") == ["play", "rows"]


# Packages and their sub-packages


def package_sources() -> dict[str, str]:
    return {path: (SOURCE / path).read_text(encoding="utf-8") for path in source_files()}


def subpackages(paths: Iterator[str] | Mapping[str, str]) -> list[str]:
    """Returns the packages inside the package, as paths, each before those inside it."""
    return sorted({str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"."})


def import_graph(package: str, sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Returns what each module or sub-package of a package imports of the others, by name.

    A package's own ``__init__`` is a node too: modules inside a package import each other, never the package itself.
    """
    prefix = f"{package}/"
    inside = {path.removeprefix(prefix): source for path, source in sources.items() if path.startswith(prefix)}
    names = {path.split("/", 1)[0].removesuffix(".py") for path in inside}
    graph: dict[str, set[str]] = {name: set() for name in names}
    dotted = f"tetrarium.{package.replace('/', '.')}."
    for path, source in inside.items():
        importer = path.split("/", 1)[0].removesuffix(".py")
        for _, used in uses(ast.parse(source)):
            if used.startswith(dotted):
                name = used.removeprefix(dotted).split(".", 1)[0]
                graph[importer].add(name if name in names else "__init__")
        graph[importer].discard(importer)
    return graph


def import_cycle(package: str, sources: Mapping[str, str]) -> list[str]:
    """Returns the names of one cycle of imports in a package, none where imports go one way."""
    try:
        TopologicalSorter(import_graph(package, sources)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def crowded_packages(paths: Iterator[str] | Mapping[str, str]) -> list[str]:
    """Returns the packages that have more modules than a reader can survey."""
    modules = [PurePosixPath(path) for path in paths if not path.endswith("__init__.py")]
    counts = {package: sum(str(path.parent) == package for path in modules) for package in subpackages(paths)}
    return [package for package, count in counts.items() if count > MAX_MODULES]


@pytest.mark.parametrize("package", subpackages(iter(source_files())))
def test_imports_inside_a_package_go_one_way(package: str) -> None:
    cycle = import_cycle(package, package_sources())
    assert not cycle, " -> ".join(cycle)


def test_no_package_is_crowded() -> None:
    assert crowded_packages(iter(source_files())) == []


@pytest.mark.parametrize(
    ("importing", "cycle"),
    [
        (
            {"engine/movegen/keys.py": "from tetrarium.engine.placement.states import GameState"},
            {"movegen", "placement"},
        ),
        (
            {"engine/movegen/keys.py": "def f():\n    import tetrarium.engine.placement.states"},
            {"movegen", "placement"},
        ),
        ({"engine/boards.py": "from tetrarium.engine.placement import states"}, {"boards", "placement"}),
        ({"engine/boards.py": "from tetrarium.engine import Games"}, {"boards", "__init__"}),
        ({"engine/boards.py": "from tetrarium.engine.movegen.keys import KEYS"}, set()),
        ({"engine/boards.py": "from tetrarium.environment import EnvConfig"}, set()),
    ],
)
def test_import_cycle_is_reported(importing: dict[str, str], cycle: set[str]) -> None:
    sources = {
        "engine/__init__.py": "from tetrarium.engine.boards import Games",
        "engine/boards.py": "",
        "engine/movegen/keys.py": "",
        "engine/placement/states.py": (
            "from tetrarium.engine.boards import Columns\n"
            "from tetrarium.engine.movegen.keys import KEYS\n"
            "from tetrarium.engine.placement.games import Games"
        ),
    }
    assert set(import_cycle("engine", sources | importing)) == cycle


@pytest.mark.parametrize(("n_modules", "found"), [(MAX_MODULES, []), (MAX_MODULES + 1, ["cli/commands"])])
def test_crowded_package_is_reported(n_modules: int, found: list[str]) -> None:
    modules = {f"cli/commands/command_{k}.py": "" for k in range(n_modules)}
    assert crowded_packages(modules | {"cli/commands/__init__.py": "", "cli/commands/more/one.py": ""}) == found


# Modules that an import loads


def loaded_by(code: str, *, among: tuple[str, ...]) -> list[str]:
    """Runs code in a fresh interpreter and returns which of these modules it has loaded at its end."""
    ending = f"import atexit, sys\natexit.register(lambda: print('\\n', *sorted(set(sys.modules) & set({among!r}))))\n"
    done = subprocess.run([sys.executable, "-c", ending + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


def test_import_does_not_load_torch() -> None:
    assert loaded_by(f"import {', '.join(WITHOUT_TORCH)}", among=("torch", "stable_baselines3")) == []


def test_reading_runs_does_not_load_the_engine() -> None:
    assert loaded_by(f"import {', '.join(WITHOUT_NUMBA)}", among=("gymnasium", "numba", "scipy")) == []


def test_help_and_displays_load_nothing_heavy() -> None:
    code = f"import {', '.join(WITHOUT_NUMPY)}\nsys.argv = ['tetrarium', '--help']\ntetrarium.cli.main.main()"
    assert loaded_by(code, among=("torch", "numba", "gymnasium", "numpy", "stable_baselines3", "scipy")) == []


def test_loaded_torch_is_reported() -> None:
    assert loaded_by("import tetrarium.environment.interfaces.vec_env", among=("torch", "numba", "html")) == [
        "html",
        "numba",
        "torch",
    ]


# Public names of packages


def packages() -> list[str]:
    return ["tetrarium", *(info.name for info in pkgutil.iter_modules([str(SOURCE)], "tetrarium.") if info.ispkg)]


def public_names(source: str) -> set[str]:
    """Returns the names without a leading underscore that an ``__init__`` defines or imports from this package."""
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
    """Returns the names in the linter's order: constants, classes, the rest, each by name."""
    return sorted(names, key=lambda name: (0 if name.isupper() else 1 if name[0].isupper() else 2, name))


@pytest.mark.parametrize("package", packages())
def test_all_lists_the_public_names(package: str) -> None:
    module = importlib.import_module(package)
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    offered = list(getattr(module, "__all__", []))
    assert offered == in_order(offered)
    assert public_names(source) <= set(offered)
    assert [name for name in offered if not hasattr(module, name)] == []


def test_name_missing_from_all_is_reported() -> None:
    source = "from tetrarium.engine.boards import Games\nfrom typing import Any\nLIMIT = 3\n_own = 4\ndef play(): ...\n"
    assert public_names(source) == {"Games", "LIMIT", "play"}
    assert in_order(["play", "Games", "LIMIT", "__version__"]) == ["LIMIT", "Games", "__version__", "play"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_names_that_benchmarks_and_tools_import_exist(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and is_under(node.module, frozenset({"tetrarium", "tests"}))
        ):
            module = importlib.import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name) or find_spec(f"{node.module}.{name.name}"), name.name


def test_one_module_of_the_tests_names_the_imports_of_their_fork_server() -> None:
    """A process has one fork server; with a second list, its processes would import all again, unnoticed."""
    folder, call = Path(__file__).parent, "set_forkserver" + "_preload("
    naming = [path for path in folder.rglob("*.py") if call in path.read_text(encoding="utf-8")]
    assert [path.relative_to(folder).as_posix() for path in naming] == ["command_processes.py"]
