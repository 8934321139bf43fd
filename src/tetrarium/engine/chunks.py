"""Rows of numbers, written a vector at a time.

Rows are short, and of a length that the compiler does not know: its own loops over them spend more time on what does
not fill a vector than on copying. The Python bodies are what runs with the JIT off. Arrays are C-contiguous
``float32``; a flattened array is borrowed, as in ``borrowing``.
"""

from typing import Any, Final

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

__all__ = ["CHUNK", "flattened", "raise_chunk"]

_ir: Final[Any] = cgutils.ir  # type: ignore[attr-defined]  # llvmlite's, which numba brings along
CHUNK: Final = 8  # numbers


def flattened(array: Any) -> Any:
    """The same numbers in one dimension; in compiled code, without counting references."""
    return array.reshape(-1)


def raise_chunk(numbers: Any, base: int, tops: int, bottom: Any, target: Any, place: int) -> None:
    """Writes the larger of ``CHUNK`` numbers and of as many others, which lie side by side in one array, plus bottom.

    Args:
        numbers: ``(n,) float32`` of which both are taken.
        base: where the ones start.
        tops: where the others start.
        bottom: ``float32`` added to the others.
        target: ``(m,) float32`` to be written.
        place: where.
    """
    target[place : place + CHUNK] = np.maximum(numbers[base : base + CHUNK], numbers[tops : tops + CHUNK] + bottom)


@intrinsic
def _in_one_dimension(_typing_context: Any, array: Any) -> Any:
    flat = types.Array(array.dtype, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source: Any = cgutils.create_struct_proxy(signature.args[0])  # type: ignore[no-untyped-call]
        source = source(context, builder, value=arguments[0])
        view: Any = cgutils.create_struct_proxy(signature.return_type)  # type: ignore[no-untyped-call]
        view = view(context, builder)
        view.meminfo = view.meminfo.type(None)  # no owner to count for
        view.parent = view.parent.type(None)
        view.data = source.data
        view.nitems = source.nitems
        view.itemsize = source.itemsize
        view.shape = cgutils.pack_array(builder, [source.nitems])  # type: ignore[no-untyped-call]
        view.strides = cgutils.pack_array(builder, [source.itemsize])  # type: ignore[no-untyped-call]
        return view._getvalue()

    return flat(array), codegen


@intrinsic
def _raise_vector(
    _typing_context: Any,
    numbers: Any,
    base: Any,  # noqa: ARG001 - int64, whatever comes
    tops: Any,  # noqa: ARG001
    bottom: Any,  # noqa: ARG001
    target: Any,
    place: Any,  # noqa: ARG001
) -> Any:
    vector = _ir.VectorType(_ir.FloatType(), CHUNK)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def pointer(array: int, index: int) -> Any:
            view: Any = cgutils.create_struct_proxy(signature.args[array])  # type: ignore[no-untyped-call]
            data = view(context, builder, value=arguments[array]).data
            return builder.bitcast(builder.gep(data, [arguments[index]]), vector.as_pointer())

        ones = builder.load(pointer(0, 1), align=4)
        others = builder.load(pointer(0, 2), align=4)
        undefined = _ir.Constant(vector, _ir.Undefined)
        first = builder.insert_element(undefined, arguments[3], _ir.Constant(_ir.IntType(32), 0))
        bottoms = builder.shuffle_vector(first, undefined, _ir.Constant(_ir.VectorType(_ir.IntType(32), CHUNK), None))
        raised = builder.fadd(others, bottoms)
        larger = builder.select(builder.fcmp_ordered(">", raised, ones), raised, ones)
        builder.store(larger, pointer(4, 5), align=4)
        return context.get_dummy_value()

    return types.void(numbers, types.int64, types.int64, types.float32, target, types.int64), codegen


# As in bits: numba compares the parameters with those of the body, annotations included.
@overload(flattened)
def _flattened_compiled(array):  # type: ignore[no-untyped-def] # noqa: ARG001 - as above
    return lambda array: _in_one_dimension(array)  # type: ignore[call-arg] # noqa: PLW0108 - numba wants a function


@overload(raise_chunk)
def _raise_chunk_compiled(numbers, base, tops, bottom, target, place):  # type: ignore[no-untyped-def] # noqa: ARG001
    return lambda numbers, base, tops, bottom, target, place: _raise_vector(  # noqa: PLW0108 - as above
        numbers,
        base,
        tops,
        bottom,
        target,
        place,  # type: ignore[call-arg]
    )
