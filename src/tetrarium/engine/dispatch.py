"""Kernels that are chosen by the kind of rules, when the kernel that calls them is compiled.

The kinds are the types of ``rules.CompiledRules``. A kernel that plays any game is compiled once for each kind that is
played, and calls of ``by_rules`` functions in it become calls of one kernel: no other is compiled for it.
"""

from collections.abc import Mapping
from typing import Any

from numba import typeof, types
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import lower_builtin

from tetrarium.engine.rules import CompiledRules

__all__ = ["by_rules"]


def by_rules(kernels: Mapping[type[CompiledRules], Any]) -> Any:
    """Returns a function that calls the kernel for the kind of rules among its arguments.

    >>> from tetrarium.engine.rules import Rules
    >>> width = by_rules({CompiledRules: lambda rules: rules.width})
    >>> width(Rules(width=10, height=20, hidden_rows=4, randomizer="7-bag", preview=1).compiled)
    10

    Args:
        kernels: For each kind a kernel; all take the same arguments, one of them the rules.
    """

    def call(*arguments: Any) -> Any:
        return next(kernels[type(one)] for one in arguments if isinstance(one, CompiledRules))(*arguments)

    def chosen(arguments: tuple[Any, ...]) -> Any:
        kinds = (getattr(one, "instance_class", object) for one in arguments)
        return typeof(next(kernels[kind] for kind in kinds if kind in kernels))  # type: ignore[no-untyped-call, index]

    # Not an overload, which would be one more function around the kernel, compiled with all that it calls.
    class _Chosen(AbstractTemplate):
        key = call

        def generic(self, arguments: Any, keywords: Any) -> Any:
            return self.context.resolve_function_type(chosen(arguments), arguments, keywords)

    infer_global(call, types.Function(_Chosen))  # type: ignore[no-untyped-call]

    @lower_builtin(call, types.VarArg(types.Any))  # type: ignore[no-untyped-call, untyped-decorator]
    def _lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_function(chosen(signature.args), signature)(builder, arguments)

    return call
