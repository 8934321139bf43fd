"""Rows of numbers, written a vector at a time.

Rows are short, and of a length that the compiler does not know: its own loops over them spend more time on what does
not fill a vector than on copying. Arrays are C-contiguous ``float32``.

As in ``lanes``, each function is written in Python and as the instructions that it stands for.
"""

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from tetrarium.engine.lanes import as_instructions, pointer_into, same_in_all

__all__ = ["CHUNK", "QUAD", "copy_quad", "flattened", "make_quads", "raise_chunk"]

CHUNK: Final = 8  # numbers
QUAD: Final = 4
_N_QUADS: Final = 16  # that are made at once


def flattened(array: Any) -> Any:
    """The same numbers in one dimension."""
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


def make_quads(numbers: Any, source: int, target: int) -> None:
    """Makes quads of four vectors of 16 numbers that lie one after the other: first all first numbers."""
    n_numbers = QUAD * _N_QUADS
    numbers[target : target + n_numbers] = numbers[source : source + n_numbers].reshape(QUAD, _N_QUADS).T.ravel()


def copy_quad(numbers: Any, source: int, target: Any, place: int) -> None:
    """Copies four numbers."""
    target[place : place + QUAD] = numbers[source : source + QUAD]


def _vector(n_numbers: int) -> Any:
    return ir.VectorType(ir.FloatType(), n_numbers)


def _places(indices: list[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices)


@as_instructions(flattened, types.Array, result=lambda array: types.Array(array.dtype, 1, "C"))
def _emit_flattened(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    source = context.make_array(signature.args[0])(context, builder, values[0])
    view = context.make_array(signature.return_type)(context, builder)
    for field in ("meminfo", "parent", "data", "nitems", "itemsize"):
        setattr(view, field, getattr(source, field))
    view.shape = cgutils.pack_array(builder, [source.nitems])  # type: ignore[no-untyped-call]
    view.strides = cgutils.pack_array(builder, [source.itemsize])  # type: ignore[no-untyped-call]
    return view._getvalue()


@as_instructions(
    raise_chunk,
    *(types.Array, types.Integer, types.Integer, types.Float, types.Array, types.Integer),
    result=lambda *_: types.void,
)
def _emit_raise_chunk(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    numbers, base, tops, bottom, target, place = values
    vector, source = _vector(CHUNK), signature.args[0]
    ones = builder.load(pointer_into(context, builder, source, (numbers, base), vector), align=4)
    others = builder.load(pointer_into(context, builder, source, (numbers, tops), vector), align=4)
    raised = builder.fadd(others, same_in_all(builder, vector, bottom))
    larger = builder.select(builder.fcmp_ordered(">", raised, ones), raised, ones)
    builder.store(larger, pointer_into(context, builder, signature.args[4], (target, place), vector), align=4)
    return context.get_dummy_value()


@as_instructions(make_quads, types.Array, types.Integer, types.Integer, result=lambda *_: types.void)
def _emit_make_quads(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    numbers, source, target = values
    array = signature.args[0]
    first = pointer_into(context, builder, array, (numbers, source), _vector(_N_QUADS))
    rows = [builder.load(builder.gep(first, [ir.Constant(ir.IntType(64), k)]), align=4) for k in range(QUAD)]
    both = _places(list(range(2 * _N_QUADS)))
    halves = [builder.shuffle_vector(rows[k], rows[k + 1], both) for k in (0, 2)]
    turned = _places([_N_QUADS * k + x for x in range(_N_QUADS) for k in range(QUAD)])
    there = pointer_into(context, builder, array, (numbers, target), _vector(QUAD * _N_QUADS))
    builder.store(builder.shuffle_vector(*halves, turned), there, align=4)
    return context.get_dummy_value()


@as_instructions(copy_quad, types.Array, types.Integer, types.Array, types.Integer, result=lambda *_: types.void)
def _emit_copy_quad(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    numbers, source, target, place = values
    four = builder.load(pointer_into(context, builder, signature.args[0], (numbers, source), _vector(QUAD)), align=4)
    there = pointer_into(context, builder, signature.args[2], (target, place), _vector(QUAD))
    builder.store(four, there, align=4)
    return context.get_dummy_value()
