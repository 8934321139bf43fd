"""How kernels are compiled: without the GIL, and cached on disk from the first call on.

Kernels are compiled without numba's runtime, which counts references: it would count those to every array that one
kernel passes on to another, and that takes as long as describing a placement. So a kernel allocates no array and
returns none; its caller keeps those alive that it passes.

numba looks for changes only in the file that a kernel stands in. A kernel whose callee in another file was edited
would go on running the old callee, so this module throws the package's cached kernels away when any source is newer.
And two processes that compile a kernel for different types at once can both write the same file, and then one of them
would run the other's: what is read is taken only if it is for the types that were asked for.

Types alone decide: numba would compile a kernel once for each number that is written out in a call of it.
"""

import contextlib
from pathlib import Path
from typing import Any, Final

from numba import njit, typeof
from numba.core.caching import FunctionCache
from numba.core.sigutils import normalize_signature
from numba.core.types import unliteral

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


def is_cached(compiled: Any, rules: Any = None) -> bool:
    """Whether a kernel lies ready on disk, or needs no compiling, so that nobody has to wait for it.

    Args:
        compiled: The kernel.
        rules: What it is to be called with, where their type makes a difference.
    """
    if not hasattr(compiled, "stats"):  # the JIT is off
        return True
    if rules is None:
        return any(Path(compiled.stats.cache_path).glob(f"*.{compiled.__name__}-*.nbi"))
    signatures = [key[0] for key in compiled._cache._cache_file._load_index()]
    kind = typeof(rules)  # type: ignore[no-untyped-call]
    return any(kind in signature for signature in signatures)


class _CheckedCache(FunctionCache):
    """Kernels on disk, each for its types."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        asked, _ = normalize_signature(sig)  # type: ignore[no-untyped-call]
        return found if found is not None and tuple(found.signature.args) == tuple(asked) else None


def _checked(compiled: Any) -> Any:
    if hasattr(compiled, "stats"):  # the JIT is on
        compiled._cache = _CheckedCache(compiled.py_func)  # type: ignore[no-untyped-call]
        template_of = compiled.get_call_template
        compiled.get_call_template = lambda arguments, keywords: template_of(tuple(map(unliteral, arguments)), keywords)
    return compiled


def kernel(function: Any) -> Any:
    """Compiles a function of arrays at its first call."""
    return _checked(njit(function, cache=True, nogil=True, _nrt=False))  # type: ignore[call-overload]


def small_kernel(function: Any) -> Any:
    """The same for a function of a few lines, which its callers swallow whole."""
    return _checked(njit(function, cache=True, nogil=True, forceinline=True, _nrt=False))  # type: ignore[call-overload]


def inlined_kernel(function: Any) -> Any:
    """The same for a layer around other kernels, which is written into its callers before they are compiled.

    A kernel is compiled with all that it calls, anew for each kernel above it. A layer that is no kernel of its own
    saves one such round.
    """
    return _checked(njit(function, cache=True, nogil=True, inline="always", _nrt=False))  # type: ignore[call-overload]


_drop_stale_kernels()
