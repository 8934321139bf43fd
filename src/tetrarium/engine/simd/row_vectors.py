"""Rows of numbers, written a vector at a time, and numbers stored as bytes.

Rows are short, and of a length that the compiler does not know: its own loops over them spend more time on the rest
that does not fill a vector than on copying. Their arrays are C-contiguous ``float32``.

Bytes are stored in words, ``(…) int64``, C-contiguous; a place counts bytes, or words, from the array's beginning,
whatever its shape.

As in ``board_vectors``, each function is written in Python and as LLVM instructions.
"""

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from tetrarium.engine.simd.board_vectors import emit_broadcast, emit_pointer, lowering

ROW_VECTOR: Final = 8  # numbers of a vector of a row
QUAD: Final = 4  # numbers of a quad
_N_QUADS: Final = 16  # quads that are transposed at once


def flatten(array: Any) -> Any:
    """Views an array in one dimension."""
    return array.reshape(-1)


def store_maximum(numbers: Any, base: int, tops: int, bottom: Any, target: Any, place: int) -> None:
    """Stores the larger of ``ROW_VECTOR`` numbers and of as many others plus ``bottom``.

    Args:
        numbers: ``(n,) float32`` that holds both.
        base: Index of the first of the ones.
        tops: Index of the first of the others.
        bottom: ``float32`` added to the others.
        target: ``(m,) float32``, to be written.
        place: Index of the first number written.
    """
    target[place : place + ROW_VECTOR] = np.maximum(
        numbers[base : base + ROW_VECTOR], numbers[tops : tops + ROW_VECTOR] + bottom
    )


def transpose_quads(numbers: Any, source: int, target: int) -> None:
    """Transposes four vectors of 16 numbers, one after the other, into 16 quads: one number of each vector."""
    n_numbers = QUAD * _N_QUADS
    numbers[target : target + n_numbers] = numbers[source : source + n_numbers].reshape(QUAD, _N_QUADS).T.ravel()


def copy_quad(numbers: Any, source: int, target: Any, place: int) -> None:
    """Copies four numbers."""
    target[place : place + QUAD] = numbers[source : source + QUAD]


def _vector(n_numbers: int) -> Any:
    return ir.VectorType(ir.FloatType(), n_numbers)


def _places(indices: list[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices)


@lowering(flatten, types.Array, result=lambda array: types.Array(array.dtype, 1, "C"))
def _emit_flattened(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    source = context.make_array(signature.args[0])(context, builder, values[0])
    view = context.make_array(signature.return_type)(context, builder)
    for field in ("meminfo", "parent", "data", "nitems", "itemsize"):
        setattr(view, field, getattr(source, field))
    view.shape = cgutils.pack_array(builder, [source.nitems])  # type: ignore[no-untyped-call]
    view.strides = cgutils.pack_array(builder, [source.itemsize])  # type: ignore[no-untyped-call]
    return view._getvalue()


@lowering(
    store_maximum,
    *(types.Array, types.Integer, types.Integer, types.Float, types.Array, types.Integer),
    result=lambda *_: types.void,
)
def _emit_raise_chunk(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    numbers, base, tops, bottom, target, place = values
    vector, source = _vector(ROW_VECTOR), signature.args[0]
    ones = builder.load(emit_pointer(context, builder, source, (numbers, base), vector), align=4)
    others = builder.load(emit_pointer(context, builder, source, (numbers, tops), vector), align=4)
    raised = builder.fadd(others, emit_broadcast(builder, vector, bottom))
    larger = builder.select(builder.fcmp_ordered(">", raised, ones), raised, ones)
    builder.store(larger, emit_pointer(context, builder, signature.args[4], (target, place), vector), align=4)
    return context.get_dummy_value()


@lowering(transpose_quads, types.Array, types.Integer, types.Integer, result=lambda *_: types.void)
def _emit_make_quads(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    numbers, source, target = values
    array = signature.args[0]
    first = emit_pointer(context, builder, array, (numbers, source), _vector(_N_QUADS))
    rows = [builder.load(builder.gep(first, [ir.Constant(ir.IntType(64), k)]), align=4) for k in range(QUAD)]
    both = _places(list(range(2 * _N_QUADS)))
    halves = [builder.shuffle_vector(rows[k], rows[k + 1], both) for k in (0, 2)]
    turned = _places([_N_QUADS * k + x for x in range(_N_QUADS) for k in range(QUAD)])
    there = emit_pointer(context, builder, array, (numbers, target), _vector(QUAD * _N_QUADS))
    builder.store(builder.shuffle_vector(*halves, turned), there, align=4)
    return context.get_dummy_value()


@lowering(copy_quad, types.Array, types.Integer, types.Array, types.Integer, result=lambda *_: types.void)
def _emit_copy_quad(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    numbers, source, target, place = values
    four = builder.load(emit_pointer(context, builder, signature.args[0], (numbers, source), _vector(QUAD)), align=4)
    there = emit_pointer(context, builder, signature.args[2], (target, place), _vector(QUAD))
    builder.store(four, there, align=4)
    return context.get_dummy_value()


_N_CELLS: Final = 32  # cells of a column that one instruction stores
_WORD_BYTES: Final = 8
CELLS_WORDS: Final = _N_CELLS // _WORD_BYTES  # words that they occupy


def store_byte(words: Any, place: int, number: int) -> None:
    """Writes one byte, ``place`` bytes from the beginning."""
    words.reshape(-1).view(np.uint8)[place] = number


def store_cells(words: Any, place: int, column: int) -> None:
    """Writes the lowest 32 bits of a word as bytes, the lowest first, ``place`` words from the beginning."""
    cells = (int(column) >> np.arange(_N_CELLS)) & 1
    words.reshape(-1).view(np.uint8)[_WORD_BYTES * place : _WORD_BYTES * place + _N_CELLS] = cells


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, target: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(data, ir.PointerType(target))


@lowering(store_byte, types.Array, types.Integer, types.Integer, result=lambda *_: types.void)
def _emit_byte(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    words, place, number = values
    byte = ir.IntType(8)
    target = builder.gep(_pointer(context, builder, signature.args[0], words, byte), [place])
    builder.store(builder.trunc(number, byte), target)
    return context.get_dummy_value()


@lowering(store_cells, types.Array, types.Integer, types.Integer, result=lambda *_: types.void)
def _emit_cells(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    words, place, column = values
    bits = builder.bitcast(builder.trunc(column, ir.IntType(_N_CELLS)), ir.VectorType(ir.IntType(1), _N_CELLS))
    cells = builder.zext(bits, ir.VectorType(ir.IntType(8), _N_CELLS))
    data = builder.gep(_pointer(context, builder, signature.args[0], words, ir.IntType(64)), [place])
    builder.store(cells, builder.bitcast(data, ir.PointerType(cells.type)), align=_WORD_BYTES)
    return context.get_dummy_value()
