"""A board as one SIMD vector: sixteen columns that each operation processes at once.

``Lanes`` are sixteen unsigned words of one size, lane = column, bit r = row r. Compiled, they are one LLVM vector,
which the machine keeps in registers: with 16 rows a board is 256 bits. With the JIT off they are a NumPy array,
``(16,)``, on which ``& | ^ ~`` mean the same. They are never changed in place. The distances of ``shift_cells`` are
literals, or constants of the module or of an enclosing function: it compiles to one instruction. A bit that leaves its
word is lost.

Each function is written twice, in Python and, below, as LLVM instructions; compiled code never calls the former.
``lowering`` joins the two.
"""

import operator
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import lower_builtin, models, register_model, type_callable

N_LANES: Final = 16
_INDEX: Final = ir.IntType(32)


def load_lanes(words: Any, start: int) -> Any:
    """Loads sixteen words of a flat array from ``start`` on, as unsigned lanes."""
    return words[start : start + N_LANES].copy().view(f"u{words.dtype.itemsize}")


def store_lanes(words: Any, start: int, lanes: Any) -> None:
    """Stores sixteen words in a flat array from ``start`` on."""
    words[start : start + N_LANES] = lanes.view(words.dtype)


def shift_cells(lanes: Any, n_columns: int, n_rows: int) -> Any:
    """Shifts every cell right and up, or left and down where negative; empty cells come in from outside."""
    moved = np.zeros_like(lanes)
    if n_columns >= 0:
        moved[n_columns:] = lanes[: N_LANES - n_columns]
    else:
        moved[:n_columns] = lanes[-n_columns:]
    return moved << n_rows if n_rows >= 0 else moved >> -n_rows


def shift_up(lanes: Any, n_rows: int) -> Any:
    """Shifts every cell up by a number of rows that is known at run time only."""
    return lanes << lanes.dtype.type(n_rows)


def broadcast(word: int, lanes: Any) -> Any:
    """Lanes of the same size as those given, each of which is ``word``."""
    return np.full_like(lanes, int(word) & _word_mask(8 * lanes.dtype.itemsize))


def rows_in_all_lanes(lanes: Any) -> int:
    """Rows that are set in every lane, as one word; the topmost bit is left out."""
    return int(np.bitwise_and.reduce(lanes)) & _word_mask(8 * lanes.dtype.itemsize - 1)


def any_lane(lanes: Any) -> bool:
    """Returns whether any cell is set."""
    return bool(lanes.any())


def count_cells(lanes: Any) -> int:
    """Number of cells set."""
    return sum(int(word).bit_count() for word in lanes)


def clear_lowest_bits(lanes: Any) -> Any:
    """Clears the lowest cell set in every column."""
    return lanes & (lanes - lanes.dtype.type(1))


def _word_mask(n_bits: int) -> int:
    return (1 << n_bits) - 1


class LanesType(types.Type):
    """The type of one board in compiled code."""

    def __init__(self, n_bits: int) -> None:
        self.n_bits = n_bits
        super().__init__(name=f"Lanes({n_bits})")

    @property
    def vector(self) -> Any:
        return ir.VectorType(ir.IntType(self.n_bits), N_LANES)


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Any) -> None:
        super().__init__(manager, lanes, lanes.vector)  # type: ignore[no-untyped-call]


def like_first(lanes: Any, *_others: Any) -> Any:
    return lanes


def lowering(
    function: Any, *kinds: Any, result: Callable[..., Any] = like_first
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compiles calls of a function into the instructions that the decorated function emits.

    Args:
        function: The function that kernels call.
        kinds: Classes of the numba types of its arguments.
        result: Type of its result, given the types of its arguments.

    Returns:
        A decorator of a function of (context, builder, signature, values) that returns an LLVM value.
    """
    parameters = Signature([Parameter(f"argument_{n}", Parameter.POSITIONAL_OR_KEYWORD) for n in range(len(kinds))])

    def decorate(emit: Callable[..., Any]) -> Callable[..., Any]:
        @type_callable(function)
        def _typed(_context: Any) -> Any:
            def typer(*arguments: Any) -> Any:
                fit = len(arguments) == len(kinds) and all(map(isinstance, arguments, kinds))
                return result(*arguments) if fit else None

            typer.__signature__ = parameters  # type: ignore[attr-defined] # numba reads their number
            return typer

        @lower_builtin(function, *kinds)  # type: ignore[no-untyped-call, untyped-decorator]
        def _lowered(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return emit(context, builder, signature, values)

        return emit

    return decorate


def emit_shift_cells(builder: Any, lanes: Any, n_columns: int, n_rows: int, shift_down: str = "lshr") -> Any:
    """Emits ``shift_cells``; with ``ashr``, rows that come in from above the word repeat its topmost one."""
    empty = ir.Constant(lanes.type, None)
    if n_columns:
        sources = [
            x - n_columns if 0 <= x - n_columns < N_LANES else N_LANES for x in range(N_LANES)
        ]  # or an empty one
        lanes = builder.shuffle_vector(lanes, empty, ir.Constant(ir.VectorType(_INDEX, N_LANES), sources))
    if n_rows == 0:
        return lanes
    if abs(n_rows) >= lanes.type.element.width:
        return empty
    by = ir.Constant(lanes.type, [abs(n_rows)] * N_LANES)
    return builder.shl(lanes, by) if n_rows > 0 else getattr(builder, shift_down)(lanes, by)


def emit_broadcast(builder: Any, vector: Any, word: Any) -> Any:
    """Emits a vector whose lanes all hold one word."""
    undefined = ir.Constant(vector, ir.Undefined)
    alone = builder.insert_element(undefined, word, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(alone, undefined, ir.Constant(ir.VectorType(_INDEX, vector.count), None))


def emit_resize(builder: Any, word: Any, n_bits: int) -> Any:
    """Emits a word in another number of bits: truncated, or extended by zeros."""
    target = ir.IntType(n_bits)
    if word.type.width == n_bits:
        return word
    return builder.trunc(word, target) if word.type.width > n_bits else builder.zext(word, target)


def emit_intrinsic(builder: Any, name: str, lanes: Any, result: Any) -> Any:
    """Emits a call of one of LLVM's intrinsic functions of a vector of words."""
    full_name = f"llvm.{name}.v{N_LANES}i{lanes.type.element.width}"
    function = builder.module.declare_intrinsic(full_name, (), ir.FunctionType(result, [lanes.type]))
    return builder.call(function, [lanes])


def emit_reduction(builder: Any, name: str, lanes: Any) -> Any:
    """Emits the reduction of all lanes to one word."""
    return emit_intrinsic(builder, f"vector.reduce.{name}", lanes, lanes.type.element)


def emit_pointer(context: Any, builder: Any, array_type: Any, values: Any, vector: Any) -> Any:
    """Emits the address of a vector in an array, given (array, index of its first word)."""
    data = context.make_array(array_type)(context, builder, values[0]).data
    return builder.bitcast(builder.gep(data, [values[1]]), ir.PointerType(vector))


@lowering(load_lanes, types.Array, types.Integer, result=lambda words, _start: LanesType(words.dtype.bitwidth))
def _emit_load(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    lanes, words = signature.return_type, signature.args[0]
    return builder.load(emit_pointer(context, builder, words, values, lanes.vector), align=lanes.n_bits // 8)


@lowering(store_lanes, types.Array, types.Integer, LanesType, result=lambda *_: types.void)
def _emit_store(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    words, _, lanes = signature.args
    builder.store(values[2], emit_pointer(context, builder, words, values, lanes.vector), align=lanes.n_bits // 8)
    return context.get_dummy_value()


@lowering(shift_cells, LanesType, types.IntegerLiteral, types.IntegerLiteral)
def _emit_shift_cells_call(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    _, n_columns, n_rows = signature.args
    return emit_shift_cells(builder, values[0], n_columns.literal_value, n_rows.literal_value)


@lowering(shift_up, LanesType, types.Integer)
def _emit_shift_up(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    vector = values[0].type
    return builder.shl(
        values[0], emit_broadcast(builder, vector, emit_resize(builder, values[1], vector.element.width))
    )


@lowering(broadcast, types.Integer, LanesType, result=lambda _word, lanes: lanes)
def _emit_broadcast_call(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    vector = values[1].type
    return emit_broadcast(builder, vector, emit_resize(builder, values[0], vector.element.width))


@lowering(rows_in_all_lanes, LanesType, result=lambda _lanes: types.int64)
def _emit_rows_in_all(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    rows = emit_reduction(builder, "and", values[0])
    return emit_resize(builder, builder.and_(rows, ir.Constant(rows.type, _word_mask(rows.type.width - 1))), 64)


@lowering(any_lane, LanesType, result=lambda _lanes: types.boolean)
def _emit_any(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    found = emit_reduction(builder, "or", values[0])
    return builder.icmp_unsigned("!=", found, ir.Constant(found.type, 0))


@lowering(count_cells, LanesType, result=lambda _lanes: types.int64)
def _emit_count(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return emit_resize(
        builder, emit_reduction(builder, "add", emit_intrinsic(builder, "ctpop", values[0], values[0].type)), 64
    )


@lowering(clear_lowest_bits, LanesType)
def _emit_clear_lowest_bits(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.and_(values[0], builder.sub(values[0], ir.Constant(values[0].type, [1] * N_LANES)))


@lowering(operator.and_, LanesType, LanesType)
def _emit_and(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.and_(*values)


@lowering(operator.or_, LanesType, LanesType)
def _emit_or(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.or_(*values)


@lowering(operator.xor, LanesType, LanesType)
def _emit_xor(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.xor(*values)


@lowering(operator.invert, LanesType)
def _emit_invert(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.not_(values[0])
