"""How kernels are compiled: without the GIL, and cached on disk from the first call on.

numba looks for changes only in the file that a kernel stands in. A kernel whose callee in another file was edited
would go on running the old callee, so this module throws the package's cached kernels away when any source is newer.
"""

import contextlib
from pathlib import Path
from typing import Any, Final

from numba import njit

__all__ = ["inlined_kernel", "is_cached", "kernel", "small_kernel"]

_PACKAGE: Final = Path(__file__).parent.parent
_KERNEL_ROOMS: Final = ("engine", "evaluation")


def _cached_kernels() -> list[Path]:
    return list(_PACKAGE.glob("*/__pycache__/*.nb[ci]"))


def _drop_stale_kernels() -> None:
    cached = _cached_kernels()
    with contextlib.suppress(OSError):
        sources = [path.stat().st_mtime for room in _KERNEL_ROOMS for path in (_PACKAGE / room).glob("*.py")]
        if cached and min(path.stat().st_mtime for path in cached) < max(sources):
            for path in cached:
                path.unlink(missing_ok=True)


def is_cached(compiled: Any, kind: type | None = None) -> bool:
    """Whether a kernel lies ready on disk, or needs no compiling, so that nobody has to wait for it.

    Args:
        compiled: The kernel.
        kind: The type of the rules that it is to be called with, where that makes a difference.
    """
    if not hasattr(compiled, "stats"):  # the JIT is off
        return True
    if kind is None:
        return any(Path(compiled.stats.cache_path).glob(f"*.{compiled.__name__}-*.nbi"))
    signatures = [key[0] for key in compiled._cache._cache_file._load_index()]
    return any(getattr(one, "instance_class", None) is kind for signature in signatures for one in signature)


def kernel(function: Any) -> Any:
    """Compiles a function of arrays at its first call."""
    return njit(function, cache=True, nogil=True)


def small_kernel(function: Any) -> Any:
    """The same for a function of a few lines, which its callers swallow whole."""
    return njit(function, cache=True, nogil=True, forceinline=True)


def inlined_kernel(function: Any) -> Any:
    """The same for a layer around other kernels, which is written into its callers before they are compiled.

    A kernel is compiled with all that it calls, anew for each kernel above it. A layer that is no kernel of its own
    saves one such round.
    """
    return njit(function, cache=True, nogil=True, inline="always")


_drop_stale_kernels()
