"""Arrays without reference counts, for kernels that call kernels.

numba counts the references to every array that one kernel passes on to another, with atomic instructions that cost as
much as describing a placement. An outermost kernel borrows its arrays once; what it passes on, and every slice of
that, is then free. The caller keeps the arrays alive, and a borrowed array is never returned or stored.
"""

from typing import Any

from numba.core import cgutils
from numba.extending import intrinsic, overload

__all__ = ["borrowed"]


def borrowed(array: Any) -> Any:
    """The same array; in compiled code, one that counts no references."""
    return array


@intrinsic
def _without_owner(_typing_context: Any, array: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view: Any = cgutils.create_struct_proxy(signature.return_type)  # type: ignore[no-untyped-call]
        view = view(context, builder, value=arguments[0])
        view.meminfo = view.meminfo.type(None)  # no owner to count for
        view.parent = view.parent.type(None)
        return view._getvalue()

    return array(array), codegen


# As in bits: numba compares the parameters with those of the body, annotations included.
@overload(borrowed)
def _borrowed_compiled(array):  # type: ignore[no-untyped-def] # noqa: ARG001 - as above
    return lambda array: _without_owner(array)  # type: ignore[call-arg] # noqa: PLW0108 - numba wants a function
