"""A whole board as one value: sixteen columns that every operation treats at once.

``Lanes`` are sixteen unsigned words of one width, lane = column, bit r = row r. Compiled, they are one LLVM vector, which
the machine keeps in registers: with 16 rows a board is 256 bits. With the JIT off they are a NumPy array, ``(16,)`` of
the same type, on which ``& | ^ ~`` mean the same. How far ``move_cells`` moves is a literal, or a constant of the module or of an
enclosing function: the compiler makes one instruction of it. A bit that leaves its word is gone.
"""

import operator
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model

__all__ = [
    "N_LANES",
    "any_lane",
    "count_cells",
    "lift",
    "load_lanes",
    "move_cells",
    "move_free",
    "rows_in_all",
    "spread",
    "store_lanes",
    "without_lowest",
]

N_LANES: Final = 16
_INDEX: Final = ir.IntType(32)


class _LanesType(types.Type):  # type: ignore[misc]
    """The type of one board: ``word`` is the numba type of a column."""

    def __init__(self, word: Any) -> None:
        self.word = word
        super().__init__(name=f"Lanes({word})")


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, lanes: Any) -> None:
        super().__init__(manager, lanes, ir.VectorType(ir.IntType(lanes.word.bitwidth), N_LANES))


def load_lanes(words: Any, start: int) -> Any:
    """The sixteen words of a flat array from ``start`` on."""
    return words[start : start + N_LANES].copy()


def store_lanes(words: Any, start: int, lanes: Any) -> None:
    """Writes sixteen words into a flat array."""
    words[start : start + N_LANES] = lanes


def move_cells(lanes: Any, n_columns: int, n_rows: int) -> Any:
    """Moves every cell right and up, or left and down where negative; what comes in from outside is empty."""
    moved = np.zeros_like(lanes)
    if n_columns >= 0:
        moved[n_columns:] = lanes[: N_LANES - n_columns]
    else:
        moved[:n_columns] = lanes[-n_columns:]
    return moved << n_rows if n_rows >= 0 else moved >> -n_rows


def move_free(lanes: Any, n_columns: int, n_rows: int) -> Any:
    """The same, but rows that come in from above the word are like its topmost row."""
    if n_rows >= 0:
        return move_cells(lanes, n_columns, n_rows)
    signed = np.dtype(f"i{lanes.dtype.itemsize}")
    return (move_cells(lanes, n_columns, 0).view(signed) >> -n_rows).view(lanes.dtype)


def lift(lanes: Any, n_rows: int) -> Any:
    """Moves every cell up by a number of rows that is not known when compiling."""
    return lanes << lanes.dtype.type(n_rows)


def spread(word: int, lanes: Any) -> Any:
    """Lanes of the same type as those given, every one of them ``word``."""
    return np.full_like(lanes, word)


def rows_in_all(lanes: Any) -> int:
    """Rows that are set in every lane, as one word."""
    return int(np.bitwise_and.reduce(lanes))


def any_lane(lanes: Any) -> bool:
    """Whether any cell is set."""
    return bool(lanes.any())


def count_cells(lanes: Any) -> int:
    """Number of cells set."""
    return sum(int(word).bit_count() for word in lanes)


def without_lowest(lanes: Any) -> Any:
    """Takes the lowest cell out of every column."""
    return lanes & (lanes - lanes.dtype.type(1))


def _vector(lanes: Any) -> Any:
    return ir.VectorType(ir.IntType(lanes.word.bitwidth), N_LANES)


def _splat(builder: Any, vector: Any, word: Any) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    alone = builder.insert_element(undefined, word, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(alone, undefined, ir.Constant(ir.VectorType(_INDEX, N_LANES), None))


def _resized(builder: Any, word: Any, bits: int) -> Any:
    """A word that is not negative, in ``bits`` bits."""
    size = word.type.width
    target = ir.IntType(bits)
    return builder.trunc(word, target) if size > bits else builder.zext(word, target) if size < bits else word


def _called(builder: Any, name: str, lanes: Any, result: Any) -> Any:
    """Calls one of LLVM's own functions of a vector."""
    full_name = f"llvm.{name}.v{N_LANES}i{lanes.type.element.width}"
    function = builder.module.declare_intrinsic(full_name, (), ir.FunctionType(result, [lanes.type]))
    return builder.call(function, [lanes])


def _reduced(builder: Any, name: str, lanes: Any) -> Any:
    return _called(builder, f"vector.reduce.{name}", lanes, lanes.type.element)


def _pointer(context: Any, builder: Any, array_type: Any, arguments: Any, vector: Any) -> Any:
    data = context.make_array(array_type)(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), ir.PointerType(vector))


@intrinsic
def _load(_typing_context: Any, words: Any, _start: Any) -> Any:
    lanes = _LanesType(words.dtype)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], arguments, _vector(lanes))
        return builder.load(pointer, align=words.dtype.bitwidth // 8)

    return lanes(words, types.int64), codegen


@intrinsic
def _store(_typing_context: Any, words: Any, _start: Any, lanes: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], arguments, _vector(lanes))
        builder.store(arguments[2], pointer, align=words.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(words, types.int64, lanes), codegen


def _moving(shift_down: str) -> Any:
    """An intrinsic that moves cells; ``shift_down`` is the instruction that shifts to the right."""

    @intrinsic
    def move(_typing_context: Any, lanes: Any, n_columns: Any, n_rows: Any) -> Any:
        if not (isinstance(n_columns, types.IntegerLiteral) and isinstance(n_rows, types.IntegerLiteral)):
            return None
        columns, rows = n_columns.literal_value, n_rows.literal_value

        def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            vector, moved = _vector(lanes), arguments[0]
            empty = ir.Constant(vector, None)
            if columns:
                picked = [x - columns if 0 <= x - columns < N_LANES else N_LANES for x in range(N_LANES)]
                moved = builder.shuffle_vector(moved, empty, ir.Constant(ir.VectorType(_INDEX, N_LANES), picked))
            if rows == 0:
                return moved
            if abs(rows) >= lanes.word.bitwidth:
                return empty
            by = ir.Constant(vector, [abs(rows)] * N_LANES)
            return builder.shl(moved, by) if rows > 0 else getattr(builder, shift_down)(moved, by)

        return lanes(lanes, n_columns, n_rows), codegen

    return move


_move: Final = _moving("lshr")
_move_free: Final = _moving("ashr")


@intrinsic
def _lift(_typing_context: Any, lanes: Any, _n_rows: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        n_rows = _resized(builder, arguments[1], lanes.word.bitwidth)
        return builder.shl(arguments[0], _splat(builder, _vector(lanes), n_rows))

    return lanes(lanes, types.int64), codegen


@intrinsic
def _spread(_typing_context: Any, _word: Any, lanes: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _splat(builder, _vector(lanes), _resized(builder, arguments[0], lanes.word.bitwidth))

    return lanes(types.int64, lanes), codegen


@intrinsic
def _rows_in_all(_typing_context: Any, lanes: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _resized(builder, _reduced(builder, "and", arguments[0]), 64)

    return types.int64(lanes), codegen


@intrinsic
def _any(_typing_context: Any, lanes: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        found = _reduced(builder, "or", arguments[0])
        return builder.icmp_unsigned("!=", found, ir.Constant(found.type, 0))

    return types.boolean(lanes), codegen


@intrinsic
def _count(_typing_context: Any, lanes: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _resized(builder, _reduced(builder, "add", _called(builder, "ctpop", arguments[0], _vector(lanes))), 64)

    return types.int64(lanes), codegen


@intrinsic
def _without_lowest(_typing_context: Any, lanes: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        ones = ir.Constant(_vector(lanes), [1] * N_LANES)
        return builder.and_(arguments[0], builder.sub(arguments[0], ones))

    return lanes(lanes), codegen


def _logic(instruction: str) -> Any:
    @intrinsic
    def combine(_typing_context: Any, lanes: Any, others: Any) -> Any:
        def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return getattr(builder, instruction)(*arguments)

        return lanes(lanes, others), codegen

    return combine


@intrinsic
def _complement(_typing_context: Any, lanes: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.not_(arguments[0])

    return lanes(lanes), codegen


_and, _or, _xor = _logic("and_"), _logic("or_"), _logic("xor")


# As in bits: numba compares parameters, and wants functions. Types that no line below takes are left to other overloads.
@overload(load_lanes)
def _load_compiled(words, start):  # type: ignore[no-untyped-def]
    return lambda words, start: _load(words, start)


@overload(store_lanes)
def _store_compiled(words, start, lanes):  # type: ignore[no-untyped-def]
    return lambda words, start, lanes: _store(words, start, lanes)


@overload(move_cells, prefer_literal=True)
def _move_compiled(lanes, n_columns, n_rows):  # type: ignore[no-untyped-def]
    return lambda lanes, n_columns, n_rows: _move(lanes, n_columns, n_rows)


@overload(move_free, prefer_literal=True)
def _move_free_compiled(lanes, n_columns, n_rows):  # type: ignore[no-untyped-def]
    return lambda lanes, n_columns, n_rows: _move_free(lanes, n_columns, n_rows)


@overload(lift)
def _lift_compiled(lanes, n_rows):  # type: ignore[no-untyped-def]
    return lambda lanes, n_rows: _lift(lanes, n_rows)


@overload(spread)
def _spread_compiled(word, lanes):  # type: ignore[no-untyped-def]
    return lambda word, lanes: _spread(word, lanes)


@overload(rows_in_all)
def _rows_in_all_compiled(lanes):  # type: ignore[no-untyped-def]
    return lambda lanes: _rows_in_all(lanes)


@overload(any_lane)
def _any_compiled(lanes):  # type: ignore[no-untyped-def]
    return lambda lanes: _any(lanes)


@overload(count_cells)
def _count_compiled(lanes):  # type: ignore[no-untyped-def]
    return lambda lanes: _count(lanes)


@overload(without_lowest)
def _without_lowest_compiled(lanes):  # type: ignore[no-untyped-def]
    return lambda lanes: _without_lowest(lanes)


@overload(operator.and_)
def _and_compiled(left, right):  # type: ignore[no-untyped-def]
    if isinstance(left, _LanesType) and left == right:
        return lambda left, right: _and(left, right)
    return None


@overload(operator.or_)
def _or_compiled(left, right):  # type: ignore[no-untyped-def]
    if isinstance(left, _LanesType) and left == right:
        return lambda left, right: _or(left, right)
    return None


@overload(operator.xor)
def _xor_compiled(left, right):  # type: ignore[no-untyped-def]
    if isinstance(left, _LanesType) and left == right:
        return lambda left, right: _xor(left, right)
    return None


@overload(operator.invert)
def _invert_compiled(lanes):  # type: ignore[no-untyped-def]
    return (lambda lanes: _complement(lanes)) if isinstance(lanes, _LanesType) else None
