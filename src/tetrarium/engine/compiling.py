"""Compilation of kernels: decorators, the disk cache, dispatch by the type of the rules, and bit counts.

Kernels are compiled by numba without the GIL and stored on disk (`kernel_cache`) from the first call on. They are
compiled without numba's runtime, which counts references: counting those to every array that one kernel passes to
another takes as long as describing a placement. So a kernel neither allocates nor returns arrays; its caller keeps the
arrays alive.

Literal arguments are passed by type only: numba would otherwise compile a kernel once for each literal in a call.

A kernel that plays any game is compiled once per kind of rules: each call of a ``by_type`` function in it becomes a
call of the kernel for that kind, and no other is compiled for it.
"""

from collections.abc import Mapping
from typing import Any, Final

from numba import njit, typeof, types
from numba.core.types import unliteral
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, overload

from tetrarium.engine.kernel_cache import KernelCache, name_by_closure
from tetrarium.engine.kernel_compilers import CalledFromKernels, CalledFromPython

_njit: Final[Any] = njit  # its types lack some options


def is_cached(compiled: Any, rules: Any = None) -> bool:
    """Returns whether a kernel can be called without compiling it first.

    Args:
        compiled: The kernel.
        rules: ``CompiledRules`` of the call, where the kernel is compiled for each kind.
    """
    if not hasattr(compiled, "stats"):  # the JIT is off
        return True
    stored = compiled._cache.stored_types(compiled.targetctx)
    if rules is None:
        return any(True for _ in stored)
    kind = str(typeof(rules))  # type: ignore[no-untyped-call]
    return any(kind in arguments for arguments in stored)


def _compile(function: Any, **options: Any) -> Any:
    options |= {"nogil": True, "_nrt": False, "no_cfunc_wrapper": True}
    name_by_closure(function)
    compiled = _njit(function, pipeline_class=CalledFromPython, **options)
    if hasattr(compiled, "stats"):  # the JIT is on
        compiled._cache = KernelCache(function)
        compiled.compile = compiled._cache.releasing(compiled.compile)
        linked = _njit(function, pipeline_class=CalledFromKernels, no_cpython_wrapper=True, **options)
        template_of = linked.get_call_template
        compiled.get_call_template = lambda arguments, keywords: template_of(tuple(map(unliteral, arguments)), keywords)
        compiled.get_overload = linked.get_overload
    return compiled


def link(compiled: Any, *arguments: Any) -> None:
    """Translates a kernel and all that it calls to LLVM code, which is most of the work of compiling its callers."""
    if hasattr(compiled, "stats"):
        compiled.get_call_template(tuple(map(typeof, arguments)), {})


def kernel(function: Any) -> Any:
    """Compiles a function on arrays at its first call."""
    return _compile(function)


def small_kernel(function: Any) -> Any:
    """Compiles a function of a few lines, which LLVM inlines into its callers."""
    return _compile(function, forceinline=True)


def inlined_kernel(function: Any) -> Any:
    """Compiles a layer around other kernels, which numba inlines into its callers before compiling them.

    Inlining a layer saves the compilation of one function.
    """
    return _compile(function, inline="always")


# Bit counts: plain functions that the JIT replaces by LLVM's ``ctpop`` and ``ctlz``, for which numba has no built-in.


def popcount(word: int) -> int:
    """Returns the number of set bits of a non-negative word."""
    return int(word).bit_count()


def bit_length(word: int) -> int:
    """Returns one more than the index of the highest set bit of a non-negative word; 0 for 0."""
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
def _popcount_compiled(word):
    return lambda word: _ctpop(word)


@overload(bit_length)
def _bit_length_compiled(word):
    return lambda word: 64 - _ctlz(word)


def by_type(kernels: Mapping[type[Any], Any]) -> Any:
    """Returns a function that calls the kernel for the type of one of its arguments, chosen at compile time.

    >>> from tetrarium.engine.rules import CompiledRules, Rules
    >>> width = by_type({CompiledRules: lambda rules: rules.width})
    >>> width(Rules(width=10, height=20, hidden_rows=4, randomizer="7-bag", preview=1).compiled)
    10

    Args:
        kernels: A kernel for each named tuple; all take the same arguments, exactly one of them such a tuple.
    """

    def call(*arguments: Any) -> Any:
        return next(kernels[type(one)] for one in arguments if type(one) in kernels)(*arguments)

    def chosen(arguments: tuple[Any, ...]) -> Any:
        kinds = (getattr(one, "instance_class", object) for one in arguments)
        return typeof(next(kernels[kind] for kind in kinds if kind in kernels))  # type: ignore[no-untyped-call]

    # Not an overload: that would wrap the kernel in one more function, compiled with all that it calls.
    class _Chosen(AbstractTemplate):
        key = call

        def generic(self, arguments: Any, keywords: Any) -> Any:
            return self.context.resolve_function_type(chosen(arguments), arguments, keywords)

    infer_global(call, types.Function(_Chosen))  # type: ignore[no-untyped-call]

    @lower_builtin(call, types.VarArg(types.Any))  # type: ignore[no-untyped-call, untyped-decorator]
    def _lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_function(chosen(signature.args), signature)(builder, arguments)

    return call
