"""Tests of the cache of compiled kernels: only kernels of these sources are used, and no fault of a disk ends a run."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from numba.core import config
from numba.core.errors import TypingError

import tetrarium
from tetrarium.engine import kernel_cache
from tetrarium.engine.kernel_cache import KernelCacheWarning
from tetrarium.engine.random_streams import make_stream

pytestmark = pytest.mark.compiled

PACKAGE = Path(tetrarium.__file__).parent
HALVES = """
from tetrarium.engine.compiling import is_cached, kernel, link

@kernel
def half(number):
    return number // 2

@kernel
def halves(number):
    return half(2) + half(4) + half(number)
"""
# Kernels of one factory, too large to be inlined.
STEPS = """
from tetrarium.engine.compiling import kernel

def make(step):
    @kernel
    def mixed(number):
        {lines}
        return number * step

    return mixed

by_two, by_three = make(2), make(3)

@kernel
def twice_by_two(number):
    return by_two(number) + by_two(-number)

@kernel
def twice_by_three(number):
    return by_three(number) + by_three(-number)
""".format(lines="; ".join(f"number = number * 3 ^ number >> {k}" for k in range(1, 50)))
DRAWS = """
from tetrarium.engine.compiling import kernel
from tetrarium.engine.random_streams import draw_below, make_stream

@kernel
def draw(streams):
    return draw_below(streams, 0, 1_000_000)

print(draw(make_stream(seed=1, game=0)[None]))
"""
DRAWN = "word = (a + b + counter) & _WORD_MASK"

Load = Callable[[], Any]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Returns a function that loads the kernels of ``HALVES`` anew, as a new process would."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "personal"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source = tmp_path / "halves.py"
    source.write_text(HALVES)

    def load_module() -> Any:
        spec = util.spec_from_file_location("halves", source)
        assert spec is not None
        assert spec.loader is not None
        module = util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "halves", module)
        spec.loader.exec_module(module)
        return module

    return load_module


def stored(folder: Path) -> list[Path]:
    """Returns the stored kernels below a folder."""
    return sorted(folder.rglob("*.kernel"))


def n_compiled(kernel: Any) -> int:
    """Returns how many versions of a kernel were compiled, not loaded."""
    return sum(kernel.stats.cache_misses.values())


@pytest.fixture
def full_disk() -> Iterator[Callable[[], None]]:
    """Returns a function from which on no file of this process can grow."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _forked(exit_code: Callable[[], int]) -> int:
    """Forks a process that calls a function; returns its id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(exit_code())
    return child


def test_kernel_is_compiled_once_per_type_and_not_per_literal(load: Load, tmp_path: Path) -> None:
    first = load()
    assert not first.is_cached(first.half)
    assert (first.halves(6), first.half(3.0)) == (6, 1.0)
    assert list(map(str, first.half.signatures)) == ["(float64,)"], "what only kernels call is a part of its caller"
    assert first.half(3) == 1
    names = sorted(path.name.partition("-")[0] for path in (tmp_path / "kernels").rglob("*.*"))
    assert names == ["halves.half", "halves.half", "halves.halves"]

    second = load()
    assert second.is_cached(second.half)
    assert (second.half(3), second.half(3.0), second.halves(6)) == (1, 1.0, 6)
    assert (n_compiled(second.half), n_compiled(second.halves)) == (0, 0)


def test_kernel_is_compiled_by_one_process_while_others_wait(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.link(module.halves, 6)  # shared by the processes that are forked
    children = [_forked(lambda: n_compiled(module.halves) if module.halves(6) == 6 else 3) for _ in range(3)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted(codes) == [0, 0, 1]


def test_locks_of_kernels_delay_and_end_no_call(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load()
    with pytest.raises(TypingError):
        module.half("text")
    assert list(tmp_path.rglob("*.lock")) == [], "a failed compilation releases its lock"

    path = tmp_path / "folder" / "kernel.lock"
    path.parent.mkdir()
    with kernel_cache._locked(path), monkeypatch.context() as patched:
        patched.setattr(kernel_cache, "_MAX_WAIT_S", 0.0)
        with kernel_cache._locked(path):
            assert path.exists()
        assert path.exists(), "the lock is not removed by a process that did not obtain it"
    assert not path.exists()
    with kernel_cache._locked(path):
        path.unlink()
        path.touch()
    assert path.exists(), "nor is the lock of a later process"
    with kernel_cache._locked(path):
        shutil.rmtree(path.parent)
        path.parent.touch()

    def unsupported(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(kernel_cache.fcntl, "flock", unsupported)
    monkeypatch.setattr(kernel_cache.time, "sleep", lambda _seconds: pytest.fail("waited where there are no locks"))
    assert module.half(4) == 2


def test_changed_callee_is_compiled_anew_though_its_file_looks_older_than_the_cache(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "src" / "tetrarium", ignore=shutil.ignore_patterns("__pycache__", "static"))
    (tmp_path / "draws.py").write_text(DRAWS)
    variables = {"PYTHONPATH": str(tmp_path / "src"), "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}

    def draw() -> int:
        command = [sys.executable, str(tmp_path / "draws.py")]
        done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True)
        return int(done.stdout)

    streams = make_stream(seed=1, game=0)[None]
    word = int((streams[0, 0] + streams[0, 1] + streams[0, 3]) & 0xFFFFFFFF)
    assert draw() == word * 1_000_000 >> 32
    (callee,) = (tmp_path / "src").rglob("random_streams.py")
    callee.write_text(callee.read_text().replace(DRAWN, f"{DRAWN} ^ 0x80000000"))
    os.utime(callee, (0, 0))
    assert draw() == (word ^ 0x80000000) * 1_000_000 >> 32


def test_stored_kernels_of_one_factory_do_not_share_code(load: Load, tmp_path: Path) -> None:
    (tmp_path / "halves.py").write_text(STEPS)
    for name in ("twice_by_two", "twice_by_three"):  # each process counts its functions from the same number on
        assert os.waitpid(_forked(lambda name=name: getattr(load(), name)(1) == 0), 0)[1] == 0
    loaded = load()
    by_two, by_three = loaded.twice_by_two(1), loaded.twice_by_three(1)
    assert n_compiled(loaded.twice_by_two) + n_compiled(loaded.twice_by_three) == 0
    assert (by_three * 2 - by_two * 3) % 2**64 == 0


def test_every_kernel_lies_in_the_folders_of_the_digest() -> None:
    users = [path for path in PACKAGE.rglob("*.py") if "tetrarium.engine.compiling" in path.read_text()]
    assert len(users) > 20
    assert [path for path in users if not any(map(path.is_relative_to, kernel_cache.KERNEL_FOLDERS))] == []
    assert Path(kernel_cache.__file__) not in users, "the cache itself is left out"


@pytest.mark.parametrize("n_bytes", [0, 10, 40, 400])
def test_damaged_kernel_is_compiled_anew(n_bytes: int, load: Load, tmp_path: Path) -> None:
    assert load().half(7) == 3
    (path,) = stored(tmp_path / "kernels")
    whole = path.read_bytes()
    path.write_bytes(whole[:n_bytes] if n_bytes < 400 else whole[:n_bytes] + b"X" + whole[n_bytes + 1 :])

    module = load()
    assert not module.is_cached(module.half)
    assert module.half(7) == 3
    assert load().half(7) == 3
    assert path.stat().st_size >= len(whole) - 100
    assert n_compiled(module.half) == 1


def test_full_disk_is_reported_once_and_ends_nothing(load: Load, tmp_path: Path, full_disk: Callable[[], None]) -> None:
    full_disk()
    module = load()
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("default")
        assert (module.half(9), module.half(9.0)) == (4, 4.0)
    assert len({str(warning.message) for warning in given}) == 1
    assert given[0].category is KernelCacheWarning
    assert str(given[0].message) == (
        f"Compiled kernels cannot be stored in {str(tmp_path / 'kernels' / 'tetrarium')!r}: File too large. Each start "
        "compiles them again; set NUMBA_CACHE_DIR to a folder that you can write."
    )
    assert stored(tmp_path) == []
    assert list(tmp_path.rglob("*.tmp")) == []


def test_kernels_are_stored_in_the_first_folder_that_can_be_written(load: Load, tmp_path: Path) -> None:
    blocked = [tmp_path / "kernels", tmp_path / "personal", tmp_path / f"tetrarium-{os.geteuid()}"]
    places = [tmp_path / "kernels" / "tetrarium", tmp_path / "personal" / "tetrarium", blocked[2]]
    (tmp_path / "other").mkdir()
    default_mode = (tmp_path / "other").stat().st_mode & 0o777
    for place, block in zip(places, blocked, strict=True):
        assert load().half(4) == 2
        assert [path.parent.parent for path in stored(tmp_path)] == [place]
        assert place.stat().st_mode & 0o777 == (default_mode if place == places[0] else 0o700)
        shutil.rmtree(block)
        block.touch()
    with pytest.warns(
        KernelCacheWarning, match=r"cannot be stored in '.*kernels/tetrarium': (File exists|Not a d.*)\."
    ):
        assert load().half(4) == 2


def test_kernels_that_others_could_have_written_are_not_loaded(load: Load, tmp_path: Path) -> None:
    (tmp_path / "kernels").touch()
    assert load().half(5) == 2
    (path,) = stored(tmp_path / "personal")
    path.parent.parent.chmod(0o777)
    module = load()
    assert not module.is_cached(module.half)
    assert module.half(5) == 2
    assert len(stored(tmp_path / f"tetrarium-{os.geteuid()}")) == 1


def test_given_folder_below_an_unknown_home_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", "~nobody-of-that-name/kernels")
    assert next(kernel_cache._folders()).parent == PACKAGE / "__pycache__"


def test_kernels_of_older_sources_are_removed(load: Load, tmp_path: Path) -> None:
    for number in range(8):
        folder = tmp_path / "kernels" / "tetrarium" / f"kernels-{number}"
        folder.mkdir(parents=True)
        os.utime(folder, (number, number))
    assert load().half(5) == 2
    names = {path.name for path in (tmp_path / "kernels" / "tetrarium").iterdir()}
    assert names == {f"kernels-{number}" for number in range(4, 8)} | {stored(tmp_path)[0].parent.name}
