"""Kernels that are chosen by the kind of rules, when the kernel that calls them is compiled.

The kinds are the types of ``rules.CompiledRules``. A kernel that plays any game is compiled once for each kind that is
played, and calls of ``by_rules`` functions in it become calls of one kernel: no other is compiled for it.
"""

from collections.abc import Mapping
from typing import Any

from numba.extending import overload

from tetrarium.engine.rules import CompiledRules

__all__ = ["by_rules"]


def by_rules(kernels: Mapping[type[CompiledRules], Any]) -> Any:
    """Returns a function that calls the kernel for the kind of rules among its arguments.

    >>> width = by_rules({CompiledRules: lambda rules: rules.width})
    >>> width(CompiledRules(width=10, height=20, n_rows=24, randomizer=0, preview=1, n_choices=40, hold=0, guideline=0))
    10

    Args:
        kernels: For each kind a kernel; all take the same arguments, one of them the rules.
    """

    def call(*arguments: Any) -> Any:
        return next(kernels[type(one)] for one in arguments if isinstance(one, CompiledRules))(*arguments)

    # numba compares the parameters of an overload with those of its body, annotations included: neither has any.
    @overload(call, jit_options={"forceinline": True})
    def _compiled(*arguments):  # type: ignore[no-untyped-def]
        kinds = (getattr(one, "instance_class", None) for one in arguments)
        chosen = next(kernels[kind] for kind in kinds if kind in kernels)
        return lambda *arguments: chosen(*arguments)  # noqa: PLW0108 - numba wants a function

    return call
