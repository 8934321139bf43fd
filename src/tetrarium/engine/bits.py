"""Counting bits: two plain functions that the JIT replaces by one instruction each.

Words are non-negative ``int64``. The Python bodies are what runs with the JIT off; compiled callers get LLVM's
``ctpop`` and ``ctlz`` through ``@overload``, because numba has no built-in for either.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic, overload

__all__ = ["bit_length", "popcount"]


def popcount(word: int) -> int:
    """Number of set bits of a non-negative word."""
    return int(word).bit_count()


def bit_length(word: int) -> int:
    """One more than the index of the highest set bit of a non-negative word; 0 for 0."""
    return int(word).bit_length()


@intrinsic
def _ctpop(_typing_context: Any, word: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.int64), codegen


@intrinsic
def _ctlz(_typing_context: Any, word: Any) -> Any:
    def codegen(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        zero_is_undefined = context.get_constant(types.boolean, False)
        return builder.ctlz(arguments[0], zero_is_undefined)

    return types.int64(types.int64), codegen


# numba compares the parameters of an overload with those of its body, annotations included: neither has any.
@overload(popcount)
def _popcount_compiled(word):  # type: ignore[no-untyped-def]
    return lambda word: _ctpop(word)


@overload(bit_length)
def _bit_length_compiled(word):  # type: ignore[no-untyped-def]
    return lambda word: 64 - _ctlz(word)
