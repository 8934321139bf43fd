"""Compilers of kernels: one for those that Python calls, one for those that only other kernels call.

numba optimizes each function and translates it to machine code on its own, and once more in every function that calls
it. Here a kernel that another kernel calls stays LLVM code, which LLVM optimizes and translates with the kernel that
Python calls. A first start takes half as long, and one file per kernel that Python calls is stored.
"""

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _MachineCode(JITCodeLibrary):
    """Library that is optimized once; numba's first pass serves counted references, which kernels do without."""

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager()  # type: ignore[no-untyped-call]
        passes.run(self._final_module, builder)


class _LinkedCode(JITCodeLibrary):
    """Library that is linked into others and has neither machine code nor an environment of its own."""

    def _optimize_final_module(self) -> None: ...

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        del name
        return 0

    @property
    def codegen(self) -> Any:
        return self

    def set_env(self, name: str, environment: Any) -> None: ...


class _KernelCompiler(Compiler):
    code: type[JITCodeLibrary]

    def __init__(self, typing_context: Any, target_context: Any, library: Any, *details: Any) -> None:
        super().__init__(typing_context, target_context, library, *details)  # type: ignore[no-untyped-call]
        self.state.library = self.code(target_context.codegen(), "kernel")
        self.state.library.enable_object_caching()


class CalledFromPython(_KernelCompiler):
    """Compiler of kernels that Python calls."""

    code = _MachineCode


class CalledFromKernels(_KernelCompiler):
    """Compiler of kernels that other kernels call."""

    code = _LinkedCode
