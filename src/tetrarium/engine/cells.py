"""Small numbers as bytes inside an array of words: what compiled code writes in one instruction each.

Words are ``(…) int64``, C-contiguous; a place counts bytes, or words, from the array's beginning, whatever its shape.
The Python bodies are what runs with the JIT off.
"""

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types

from tetrarium.engine.lanes import as_instructions

__all__ = ["CELLS_WORDS", "put_byte", "put_cells"]

_N_CELLS: Final = 32  # of a column, in one instruction
_WORD_BYTES: Final = 8
CELLS_WORDS: Final = _N_CELLS // _WORD_BYTES  # what they take


def put_byte(words: Any, place: int, number: int) -> None:
    """Writes one byte, ``place`` bytes from the beginning."""
    words.reshape(-1).view(np.uint8)[place] = number


def put_cells(words: Any, place: int, column: int) -> None:
    """Writes the lowest 32 bits of a word as bytes, the lowest first, ``place`` words from the beginning."""
    cells = (int(column) >> np.arange(_N_CELLS)) & 1
    words.reshape(-1).view(np.uint8)[_WORD_BYTES * place : _WORD_BYTES * place + _N_CELLS] = cells


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, target: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(data, ir.PointerType(target))


@as_instructions(put_byte, types.Array, types.Integer, types.Integer, result=lambda *_: types.void)
def _emit_byte(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    words, place, number = values
    byte = ir.IntType(8)
    target = builder.gep(_pointer(context, builder, signature.args[0], words, byte), [place])
    builder.store(builder.trunc(number, byte), target)
    return context.get_dummy_value()


@as_instructions(put_cells, types.Array, types.Integer, types.Integer, result=lambda *_: types.void)
def _emit_cells(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    words, place, column = values
    bits = builder.bitcast(builder.trunc(column, ir.IntType(_N_CELLS)), ir.VectorType(ir.IntType(1), _N_CELLS))
    cells = builder.zext(bits, ir.VectorType(ir.IntType(8), _N_CELLS))
    data = builder.gep(_pointer(context, builder, signature.args[0], words, ir.IntType(64)), [place])
    builder.store(cells, builder.bitcast(data, ir.PointerType(cells.type)), align=_WORD_BYTES)
    return context.get_dummy_value()
