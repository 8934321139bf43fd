"""A whole board as one value: sixteen columns that every operation treats at once.

``Lanes`` are sixteen unsigned words of one size, lane = column, bit r = row r. Compiled, they are one LLVM vector,
which the machine keeps in registers: with 16 rows a board is 256 bits. With the JIT off they are a NumPy array,
``(16,)``, on which ``& | ^ ~`` mean the same. They are never changed in place. How far ``move_cells`` moves is a
literal, or a constant of the module or of an enclosing function: it is one instruction. A bit that leaves its word is
gone.

Each function is written twice, in Python and, below, as the instructions that it stands for; compiled code never calls
the former. ``as_instructions`` joins the two.
"""

import operator
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import lower_builtin, models, register_model, type_callable

__all__ = [
    "N_LANES",
    "LanesType",
    "any_lane",
    "as_instructions",
    "called",
    "count_cells",
    "lift",
    "load_lanes",
    "move_cells",
    "moved_cells",
    "pointer_into",
    "reduced",
    "resized",
    "rows_in_all",
    "same_in_all",
    "spread",
    "store_lanes",
    "without_lowest",
]

N_LANES: Final = 16
_INDEX: Final = ir.IntType(32)


def load_lanes(words: Any, start: int) -> Any:
    """The sixteen words of a flat array from ``start`` on, without their signs."""
    return words[start : start + N_LANES].copy().view(f"u{words.dtype.itemsize}")


def store_lanes(words: Any, start: int, lanes: Any) -> None:
    """Writes sixteen words into a flat array."""
    words[start : start + N_LANES] = lanes.view(words.dtype)


def move_cells(lanes: Any, n_columns: int, n_rows: int) -> Any:
    """Moves every cell right and up, or left and down where negative; what comes in from outside is empty."""
    moved = np.zeros_like(lanes)
    if n_columns >= 0:
        moved[n_columns:] = lanes[: N_LANES - n_columns]
    else:
        moved[:n_columns] = lanes[-n_columns:]
    return moved << n_rows if n_rows >= 0 else moved >> -n_rows


def lift(lanes: Any, n_rows: int) -> Any:
    """Moves every cell up by a number of rows that is not known when compiling."""
    return lanes << lanes.dtype.type(n_rows)


def spread(word: int, lanes: Any) -> Any:
    """Lanes of the same type as those given, every one of them ``word``."""
    return np.full_like(lanes, word)


def rows_in_all(lanes: Any) -> int:
    """Rows that are set in every lane, as one word; the topmost row does not count."""
    return int(np.bitwise_and.reduce(lanes)) & _word_mask(8 * lanes.dtype.itemsize - 1)


def any_lane(lanes: Any) -> bool:
    """Whether any cell is set."""
    return bool(lanes.any())


def count_cells(lanes: Any) -> int:
    """Number of cells set."""
    return sum(int(word).bit_count() for word in lanes)


def without_lowest(lanes: Any) -> Any:
    """Takes the lowest cell out of every column."""
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


def _like_first(lanes: Any, *_others: Any) -> Any:
    return lanes


def as_instructions(
    function: Any, *kinds: Any, result: Callable[..., Any] = _like_first
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compiles calls of a function into what the decorated one emits, given (builder, signature, values).

    Args:
        function: The function that kernels call.
        kinds: Classes of numba types that its arguments have.
        result: The type of its result, given those of its arguments.
    """
    parameters = Signature([Parameter(f"argument_{n}", Parameter.POSITIONAL_OR_KEYWORD) for n in range(len(kinds))])

    def decorate(emit: Callable[..., Any]) -> Callable[..., Any]:
        @type_callable(function)
        def _typed(_context: Any) -> Any:
            def typer(*arguments: Any) -> Any:
                fit = len(arguments) == len(kinds) and all(map(isinstance, arguments, kinds))
                return result(*arguments) if fit else None

            typer.__signature__ = parameters  # type: ignore[attr-defined] # numba asks how many there are
            return typer

        @lower_builtin(function, *kinds)  # type: ignore[no-untyped-call, untyped-decorator]
        def _lowered(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return emit(context, builder, signature, values)

        return emit

    return decorate


def moved_cells(builder: Any, lanes: Any, n_columns: int, n_rows: int, shift_down: str = "lshr") -> Any:
    """Emits ``move_cells``; with ``ashr``, rows that come in from above the word are like its topmost one."""
    empty = ir.Constant(lanes.type, None)
    if n_columns:
        picked = [x - n_columns if 0 <= x - n_columns < N_LANES else N_LANES for x in range(N_LANES)]  # or an empty one
        lanes = builder.shuffle_vector(lanes, empty, ir.Constant(ir.VectorType(_INDEX, N_LANES), picked))
    if n_rows == 0:
        return lanes
    if abs(n_rows) >= lanes.type.element.width:
        return empty
    by = ir.Constant(lanes.type, [abs(n_rows)] * N_LANES)
    return builder.shl(lanes, by) if n_rows > 0 else getattr(builder, shift_down)(lanes, by)


def same_in_all(builder: Any, vector: Any, word: Any) -> Any:
    """Emits a vector of one value."""
    undefined = ir.Constant(vector, ir.Undefined)
    alone = builder.insert_element(undefined, word, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(alone, undefined, ir.Constant(ir.VectorType(_INDEX, vector.count), None))


def resized(builder: Any, word: Any, n_bits: int) -> Any:
    """Emits a word that is not negative, in another number of bits."""
    target = ir.IntType(n_bits)
    if word.type.width == n_bits:
        return word
    return builder.trunc(word, target) if word.type.width > n_bits else builder.zext(word, target)


def called(builder: Any, name: str, lanes: Any, result: Any) -> Any:
    """Emits a call of one of LLVM's own functions of a vector of words."""
    full_name = f"llvm.{name}.v{N_LANES}i{lanes.type.element.width}"
    function = builder.module.declare_intrinsic(full_name, (), ir.FunctionType(result, [lanes.type]))
    return builder.call(function, [lanes])


def reduced(builder: Any, name: str, lanes: Any) -> Any:
    """Emits what the lanes come to together."""
    return called(builder, f"vector.reduce.{name}", lanes, lanes.type.element)


def pointer_into(context: Any, builder: Any, array_type: Any, values: Any, vector: Any) -> Any:
    """Emits where a vector lies in an array, given (array, index of its first word)."""
    data = context.make_array(array_type)(context, builder, values[0]).data
    return builder.bitcast(builder.gep(data, [values[1]]), ir.PointerType(vector))


@as_instructions(load_lanes, types.Array, types.Integer, result=lambda words, _start: LanesType(words.dtype.bitwidth))
def _emit_load(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    lanes, words = signature.return_type, signature.args[0]
    return builder.load(pointer_into(context, builder, words, values, lanes.vector), align=lanes.n_bits // 8)


@as_instructions(store_lanes, types.Array, types.Integer, LanesType, result=lambda *_: types.void)
def _emit_store(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    words, _, lanes = signature.args
    builder.store(values[2], pointer_into(context, builder, words, values, lanes.vector), align=lanes.n_bits // 8)
    return context.get_dummy_value()


@as_instructions(move_cells, LanesType, types.IntegerLiteral, types.IntegerLiteral)
def _emit_move(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    _, n_columns, n_rows = signature.args
    return moved_cells(builder, values[0], n_columns.literal_value, n_rows.literal_value)


@as_instructions(lift, LanesType, types.Integer)
def _emit_lift(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    vector = values[0].type
    return builder.shl(values[0], same_in_all(builder, vector, resized(builder, values[1], vector.element.width)))


@as_instructions(spread, types.Integer, LanesType, result=lambda _word, lanes: lanes)
def _emit_spread(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    vector = values[1].type
    return same_in_all(builder, vector, resized(builder, values[0], vector.element.width))


@as_instructions(rows_in_all, LanesType, result=lambda _lanes: types.int64)
def _emit_rows_in_all(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    rows = reduced(builder, "and", values[0])
    return resized(builder, builder.and_(rows, ir.Constant(rows.type, _word_mask(rows.type.width - 1))), 64)


@as_instructions(any_lane, LanesType, result=lambda _lanes: types.boolean)
def _emit_any(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    found = reduced(builder, "or", values[0])
    return builder.icmp_unsigned("!=", found, ir.Constant(found.type, 0))


@as_instructions(count_cells, LanesType, result=lambda _lanes: types.int64)
def _emit_count(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return resized(builder, reduced(builder, "add", called(builder, "ctpop", values[0], values[0].type)), 64)


@as_instructions(without_lowest, LanesType)
def _emit_without_lowest(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.and_(values[0], builder.sub(values[0], ir.Constant(values[0].type, [1] * N_LANES)))


@as_instructions(operator.and_, LanesType, LanesType)
def _emit_and(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.and_(*values)


@as_instructions(operator.or_, LanesType, LanesType)
def _emit_or(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.or_(*values)


@as_instructions(operator.xor, LanesType, LanesType)
def _emit_xor(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.xor(*values)


@as_instructions(operator.invert, LanesType)
def _emit_invert(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.not_(values[0])
