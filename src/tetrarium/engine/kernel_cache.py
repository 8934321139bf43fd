"""Cache of compiled kernels on disk, which never returns a kernel of other sources.

numba's own cache checks only the file that defines a kernel, so a kernel whose callee in another file was edited would
keep running the old callee. Here each kernel is one file in a folder named after a digest of all kernel sources. The
file's name contains a digest of everything else that compiling depends on: the versions of Python and numba, the
processor, the kernel's own file and closure, and the types of its arguments. A file starts with a checksum; one that is
damaged counts as missing. While a process compiles a kernel, it holds a lock, and others wait for the result instead of
compiling it too.

Folders are searched in this order, and a kernel is stored in the first that can be written: ``NUMBA_CACHE_DIR`` or,
without it, the package's ``__pycache__``; the user's cache folder; a private folder for temporary files. Where none can
be written, kernels are compiled at each start, and a warning says so once.
"""

import contextlib
import fcntl
import functools
import hashlib
import inspect
import json
import os
import pickle
import shutil
import stat
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import llvmlite
import numba
import platformdirs
from numba.core import config, serialize
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.sigutils import normalize_signature

_config: Final[Any] = config  # its attributes are set at run time
_dumps: Final[Any] = serialize.dumps
_rebuild: Final[Any] = CompileResult._rebuild
_PACKAGE: Final = Path(__file__).parents[1]
KERNEL_FOLDERS: Final = (_PACKAGE / "engine", _PACKAGE / "evaluation" / "kernels")
_MAX_VERSIONS: Final = 5  # folders of kernels kept side by side, each of some 30 MB
_MAX_WAIT_S: Final = 60.0  # for another process that compiles the same kernel
_CHECK_EVERY_S: Final = 0.02
_N_DIGITS: Final = 16  # hexadecimal, of digests in names
_N_CHECKSUM: Final = hashlib.sha256().digest_size
_FORMAT: Final = 1  # of the files, to be raised with any change of it; part of the digest in place of this module
ValueT = TypeVar("ValueT")
_VERSIONS: Final = (sys.implementation.cache_tag, numba.__version__, llvmlite.__version__)


class KernelCacheWarning(UserWarning):
    """Compiled kernels cannot be stored, so each start compiles them again."""


def _sources_digest() -> str:
    digest = hashlib.sha256(bytes([_FORMAT]))
    for folder in KERNEL_FOLDERS:
        for path in sorted(folder.rglob("*.py*")):
            if path.parent.name != "__pycache__" and path != Path(__file__):
                content = path.read_bytes()
                digest.update(f"{path.relative_to(_PACKAGE)} {len(content)} ".encode() + content)
    return digest.hexdigest()[:_N_DIGITS]


SOURCES: Final = _sources_digest()  # of all kernels


def _folders() -> Iterator[Path]:
    """Yields the folders that are searched for kernels, the preferred one first."""
    given = os.path.expanduser(_config.CACHE_DIR)  # noqa: PTH111 keeps "~" where there is no home folder
    yield _version_folder(Path(given, "tetrarium") if given and given[0] != "~" else _PACKAGE / "__pycache__")
    for personal in (_user_folder, _temporary_folder):
        with contextlib.suppress(OSError, RuntimeError):  # there is none
            if (folder := personal()).is_absolute() and _is_private(folder):
                yield _version_folder(folder)


def _user_folder() -> Path:
    return platformdirs.user_cache_path("tetrarium", appauthor=False)


def _temporary_folder() -> Path:
    return Path(tempfile.gettempdir(), f"tetrarium-{os.geteuid()}")


def _version_folder(base: Path) -> Path:
    return base.absolute() / f"kernels-{SOURCES}"


def _is_private(folder: Path) -> bool:
    """Returns whether only this user can put files into a folder, or can create it: reading kernels runs their code."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def store(name: str, data: bytes) -> Path:
    """Writes a file into the first folder of kernels that can be written; returns its path.

    Raises:
        OSError: if none can be written; about the preferred one.
    """
    return _in_first_folder(lambda folder: _write(folder / name, data))


def _in_first_folder(write: Callable[[Path], ValueT]) -> ValueT:
    """Returns the value of a function for the first folder in which it can write."""
    failure: OSError | None = None
    for folder in _folders():
        try:
            _make_folder(folder)
            return write(folder)
        except OSError as error:
            failure = failure or OSError(error.errno, error.strerror, str(folder.parent))
    assert failure is not None, "there is at least one folder"
    raise failure


def _make_folder(folder: Path) -> None:
    """Makes a folder of kernels, and removes the oldest ones of other sources beside it."""
    if folder.is_dir():
        return
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    is_personal = folder != next(_folders())
    with contextlib.suppress(FileExistsError):
        folder.parent.mkdir(mode=0o700 if is_personal else 0o777)
    folder.mkdir(exist_ok=True)
    versions = [other for other in folder.parent.glob("kernels-*") if other != folder]
    for other in sorted(versions, key=_modified_s)[: -_MAX_VERSIONS + 1]:
        shutil.rmtree(other, ignore_errors=True)


def _modified_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process removed it
        return 0.0


def _write(path: Path, data: bytes) -> Path:
    draft = path.with_name(f"{uuid.uuid4().hex}.tmp")
    try:
        draft.write_bytes(data)
        return draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the lock of a file that exists only meanwhile, from when no other process does or that has taken long."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    is_held = False
    try:
        end_s = time.monotonic() + _MAX_WAIT_S
        while not (is_held := _try_lock(descriptor)) and time.monotonic() < end_s:
            time.sleep(_CHECK_EVERY_S)
        yield
    finally:
        with contextlib.suppress(OSError):
            if is_held and os.path.samestat(os.fstat(descriptor), path.stat()):
                path.unlink()
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Returns whether no other process holds the lock; on a file system without locks none does."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


class KernelCache(_Cache):
    """Stored versions of one kernel, one for each list of argument types.

    Args:
        function: The kernel's Python function.
    """

    def __init__(self, function: Any) -> None:
        self._function = function
        self._label = f"{function.__module__}.{function.__qualname__}".replace("<", "").replace(">", "")
        self._is_enabled = True
        self._lock = contextlib.ExitStack()  # holds the lock of the version that this process compiles

    @property
    def cache_path(self) -> str:
        """The preferred folder."""
        return str(next(_folders()))

    def enable(self) -> None:
        """Uses the cache, as at first."""
        self._is_enabled = True

    def disable(self) -> None:
        """Uses the cache no longer."""
        self._is_enabled = False

    def releasing(self, compile_signature: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Returns a dispatcher's ``compile`` that releases the lock, also when compiling fails or is interrupted."""

        def compile_and_release(signature: Any) -> Any:
            with global_compiler_lock, self._lock:
                return compile_signature(signature)

        return compile_and_release

    def flush(self) -> None:
        """Removes all stored versions."""
        for path in self._paths(f"{self._label}-*"):
            path.unlink(missing_ok=True)

    def stored_types(self, target: Any) -> Iterator[list[str]]:
        """Yields the argument types, as text, of each version that this machine can use."""
        for path in self._paths(f"{self._label}-{self._build(target.codegen())}-*"):
            content = _read(path)
            if content is not None:
                yield content[0]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Returns the stored version for a signature; None if there is none or it is damaged, and must be compiled."""
        target_context.refresh()
        if not self._is_enabled:
            return None
        types = _types(sig)
        name = self._name(types, target_context.codegen())
        content = self._find(name, types)
        if content is None:
            self._acquire_lock(name)
            content = self._find(name, types)
            if content is None:
                return None
        return _rebuild(target_context, *pickle.loads(content))  # noqa: S301 only this user can write it

    def save_overload(self, sig: Any, data: Any) -> None:
        """Stores a version; without room for it, a warning says so."""
        if self._is_enabled and not data.library.has_dynamic_globals:
            self._store(_types(sig), data)

    def _store(self, types: list[str], data: Any) -> None:
        content = json.dumps(types).encode() + b"\n" + _dumps(data._reduce())
        try:
            if _sources_digest() == SOURCES:  # otherwise the package was updated while this process ran
                store(self._name(types, data.codegen), hashlib.sha256(content).digest() + content)
        except OSError as error:
            warnings.warn(KernelCacheWarning(unwritable_message(error)), stacklevel=1)

    def _find(self, name: str, types: list[str]) -> bytes | None:
        for path in self._paths(name):
            content = _read(path)
            if content is not None and content[0] == types:
                return content[1]
        return None

    def _acquire_lock(self, name: str) -> None:
        with contextlib.suppress(OSError):  # no folder can be written
            _in_first_folder(lambda folder: self._lock.enter_context(_locked(folder / f"{name}.lock")))

    def _paths(self, pattern: str) -> Iterator[Path]:
        return (path for folder in _folders() for path in folder.glob(pattern))

    def _name(self, types: Sequence[str], codegen: Any) -> str:
        return f"{self._label}-{self._build(codegen)}-{_digest(types)}.kernel"

    def _build(self, codegen: Any) -> str:
        """Returns the digest of all that the code depends on, besides the sources and the argument types."""
        return _digest((_VERSIONS, _config.BOUNDSCHECK, codegen.magic_tuple(), _described(self._function)))


def unwritable_message(error: OSError) -> str:
    """Returns the sentence about an error of `store`."""
    return (
        f"Compiled kernels cannot be stored in {error.filename!r}: {error.strerror}. "
        "Each start compiles them again; set NUMBA_CACHE_DIR to a folder that you can write."
    )


def _types(signature: Any) -> list[str]:
    return list(map(str, normalize_signature(signature)[0]))  # type: ignore[no-untyped-call]


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:_N_DIGITS]


def name_by_closure(function: Any) -> None:
    """Gives a function with a closure a name of its own among those that the same function made.

    A loaded kernel brings the code of the kernels that it calls, under symbols of their names and argument types. Of
    symbols that several loaded kernels have, one is used by all of them.
    """
    if function.__closure__:
        function.__qualname__ = f"{function.__qualname__}_{_digest(_described(function))}"


def _described(function: Any) -> tuple[object, ...]:
    """Returns the place, file and closure of a function; kernels in a closure are described in the same way."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    values = [_described(value.py_func) if hasattr(value, "py_func") else _dumps(value) for value in cells]
    return function.__qualname__, function.__code__.co_firstlineno, _file_digest(inspect.getfile(function)), values


@functools.cache
def _file_digest(name: str) -> str:
    path = Path(name)
    is_in_sources = any(path.is_relative_to(folder) for folder in KERNEL_FOLDERS)
    return "" if is_in_sources else hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path) -> tuple[list[str], bytes] | None:
    """Returns the argument types and the code of a stored kernel; None if it is missing or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    checksum, content = data[:_N_CHECKSUM], data[_N_CHECKSUM:]
    if hashlib.sha256(content).digest() != checksum:
        return None
    types, _, code = content.partition(b"\n")
    return json.loads(types), code
