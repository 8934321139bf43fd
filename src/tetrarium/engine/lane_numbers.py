"""A number for each column of a board, worked out for all of them at once.

``Lanes``, as in ``lanes``, of 32 bits, whose words are read as numbers: small ones, with a sign where they are compared
or weighed. ``Values`` are sixteen ``float64``. Everything happens lane by lane, in the order in which it is written, so
that a lane comes to the number, to the last bit, that a loop over one column comes to.

As in ``lanes``, each function is written in Python and as the instructions that it stands for.
"""

import operator
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import models, register_model

from tetrarium.engine.lanes import (
    N_LANES,
    LanesType,
    as_instructions,
    called,
    pointer_into,
    reduced,
    resized,
    same_in_all,
)

__all__ = [
    "N_BITS",
    "beside",
    "cells_in_any",
    "cells_of_each",
    "first_largest",
    "flipped",
    "heights_of",
    "lane_numbers",
    "lanes_with_cells",
    "larger",
    "largest",
    "load_columns",
    "lowered",
    "number_in",
    "picked",
    "raised",
    "same_values",
    "store_numbers",
    "summed",
    "values_where",
    "weighed",
    "where_above",
    "where_greater",
    "with_value",
]

N_BITS: Final = 32
_FILLED: Final = (1 << N_BITS) - 1


def load_columns(columns: Any, width: int) -> Any:
    """A board of at most 32 rows, ``(width,) int64``, as lanes; those outside the board are filled."""
    lanes = np.full(N_LANES, _FILLED, dtype=np.uint32)
    lanes[:width] = columns[:width]
    return lanes


def lane_numbers(lanes: Any) -> Any:
    """0 to 15."""
    return np.arange(N_LANES, dtype=lanes.dtype)


def beside(lanes: Any, n_columns: int) -> Any:
    """What stands so many columns to the right, or to the left where negative; outside the lanes all is filled."""
    found = np.full_like(lanes, _FILLED)
    if n_columns >= 0:
        found[: N_LANES - n_columns] = lanes[n_columns:]
    else:
        found[-n_columns:] = lanes[:n_columns]
    return found


def raised(lanes: Any, n_rows: Any) -> Any:
    """Moves the cells of each lane up by a number of its own; one of 32 or more, or below 0, leaves none."""
    return np.where(n_rows < N_BITS, lanes << (n_rows & (N_BITS - 1)), 0).astype(lanes.dtype)


def lowered(lanes: Any, n_rows: Any) -> Any:
    """The same, down."""
    return np.where(n_rows < N_BITS, lanes >> (n_rows & (N_BITS - 1)), 0).astype(lanes.dtype)


def flipped(lanes: Any) -> Any:
    """Turns each lane upside down: row 0 becomes row 31."""
    return np.array([int(f"{int(word):032b}"[::-1], 2) for word in lanes], dtype=lanes.dtype)


def cells_of_each(lanes: Any) -> Any:
    """How many cells are set in each lane."""
    return np.array([int(word).bit_count() for word in lanes], dtype=lanes.dtype)


def heights_of(lanes: Any) -> Any:
    """Rows up to the highest cell of each lane."""
    return np.array([int(word).bit_length() for word in lanes], dtype=lanes.dtype)


def larger(lanes: Any, others: Any) -> Any:
    """The larger of two numbers."""
    return np.maximum(lanes.view(np.int32), others.view(np.int32)).view(lanes.dtype)


def where_above(lanes: Any, others: Any) -> Any:
    """All bits of the lanes where the first number is larger, and none of the others."""
    return np.where(lanes.view(np.int32) > others.view(np.int32), _FILLED, 0).astype(lanes.dtype)


def picked(where: Any, lanes: Any, others: Any) -> Any:
    """The first numbers where a lane has bits, the others where it has none."""
    return np.where(where != 0, lanes, others)


def summed(lanes: Any) -> int:
    """Sum of all lanes."""
    return int(lanes.sum(dtype=np.uint32))


def largest(lanes: Any) -> int:
    """The largest of all lanes, without signs."""
    return int(lanes.max())


def cells_in_any(lanes: Any) -> int:
    """Rows that are set in some lane, as one word."""
    return int(np.bitwise_or.reduce(lanes))


def lanes_with_cells(lanes: Any) -> int:
    """Which lanes have bits: bit x = lane x."""
    return sum(1 << lane for lane in range(N_LANES) if lanes[lane])


def number_in(lanes: Any, lane: int) -> int:
    """What one lane holds, without a sign."""
    return int(lanes[lane])


def store_numbers(numbers: Any, start: int, lanes: Any, more: float) -> None:
    """Writes ``lanes + more`` into a flat array of ``float32``."""
    numbers[start : start + N_LANES] = lanes.view(np.int32).astype(np.float32) + np.float32(more)


def same_values(value: float, lanes: Any) -> Any:
    """The same value in every lane."""
    return np.full(lanes.shape, value)


def weighed(values: Any, weight: float, lanes: Any, more: float) -> Any:
    """``values + weight * (lanes + more)``, in this order."""
    return values + weight * (lanes.view(np.int32).astype(np.float64) + more)


def values_where(where: Any, values: Any, others: Any) -> Any:
    """The first values where a lane has bits, the others where it has none."""
    return np.where(where != 0, values, others)


def with_value(values: Any, lane: int, value: float) -> Any:
    """The same values but for one lane."""
    return np.where(np.arange(N_LANES) == lane, value, values)


def where_greater(values: Any, others: Any) -> Any:
    """All bits of the lanes where the first value is larger, and none of the others."""
    return np.where(values > others, np.uint32(_FILLED), np.uint32(0))


def first_largest(values: Any, lanes: Any) -> tuple[float, int]:
    """The largest value, and the smallest number, without a sign, among its lanes."""
    value = values.max()
    return float(value), int(lanes[values == value].min())


class _ValuesType(types.Type):
    """The type of values in compiled code."""

    def __init__(self) -> None:
        super().__init__(name="Values")


_values: Final = _ValuesType()
_lanes: Final = LanesType(N_BITS)
_VECTOR: Final = _lanes.vector
_NUMBERS: Final = ir.VectorType(ir.DoubleType(), N_LANES)
_INDEX: Final = ir.IntType(32)


@register_model(_ValuesType)
class _ValuesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, values: Any) -> None:
        super().__init__(manager, values, _NUMBERS)  # type: ignore[no-untyped-call]


def _is_lanes(*_arguments: Any) -> Any:
    return _lanes


def _is_values(*_arguments: Any) -> Any:
    return _values


def _is_word(*_arguments: Any) -> Any:
    return types.int64


def _is_value_and_word(*_arguments: Any) -> Any:
    return types.Tuple((types.float64, types.int64))  # type: ignore[no-untyped-call]


def _numbers(words: Any) -> Any:
    return ir.Constant(_VECTOR, words)


def _all_or_nothing(builder: Any, where: Any) -> Any:
    return builder.sext(where, _VECTOR)


def _has_bits(builder: Any, lanes: Any) -> Any:
    return builder.icmp_unsigned("!=", lanes, _numbers([0] * N_LANES))


@as_instructions(load_columns, types.Array, types.Integer, result=_is_lanes)
def _emit_load(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    wide = ir.VectorType(ir.IntType(64), N_LANES)
    start = ir.Constant(ir.IntType(64), 0)
    place = pointer_into(context, builder, signature.args[0], (values[0], start), wide)
    width = same_in_all(builder, _VECTOR, resized(builder, values[1], N_BITS))
    inside = builder.icmp_unsigned("<", _numbers(list(range(N_LANES))), width)
    kind = ir.FunctionType(wide, [place.type, _INDEX, inside.type, wide])
    function = builder.module.declare_intrinsic(f"llvm.masked.load.v{N_LANES}i64.p0", (), kind)
    outside = ir.Constant(wide, [-1] * N_LANES)
    return builder.trunc(builder.call(function, [place, ir.Constant(_INDEX, 8), inside, outside]), _VECTOR)


@as_instructions(lane_numbers, LanesType)
def _emit_lane_numbers(_context: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
    return _numbers(list(range(N_LANES)))


@as_instructions(beside, LanesType, types.IntegerLiteral)
def _emit_beside(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    n_columns = signature.args[1].literal_value
    taken = [x + n_columns if 0 <= x + n_columns < N_LANES else N_LANES for x in range(N_LANES)]  # or a filled one
    places = ir.Constant(ir.VectorType(_INDEX, N_LANES), taken)
    return builder.shuffle_vector(values[0], _numbers([-1] * N_LANES), places)


def _shifted(builder: Any, shift: Any, lanes: Any, n_rows: Any) -> Any:
    within = builder.icmp_unsigned("<", n_rows, _numbers([N_BITS] * N_LANES))
    short = builder.and_(n_rows, _numbers([N_BITS - 1] * N_LANES))  # a longer shift has no meaning
    return builder.select(within, shift(lanes, short), _numbers([0] * N_LANES))


@as_instructions(raised, LanesType, LanesType)
def _emit_raised(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return _shifted(builder, builder.shl, *values)


@as_instructions(lowered, LanesType, LanesType)
def _emit_lowered(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return _shifted(builder, builder.lshr, *values)


@as_instructions(flipped, LanesType)
def _emit_flipped(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return called(builder, "bitreverse", values[0], _VECTOR)


@as_instructions(cells_of_each, LanesType)
def _emit_cells_of_each(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return called(builder, "ctpop", values[0], _VECTOR)


@as_instructions(heights_of, LanesType)
def _emit_heights(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR, ir.IntType(1)])
    function = builder.module.declare_intrinsic(f"llvm.ctlz.v{N_LANES}i{N_BITS}", (), kind)
    above = builder.call(function, [values[0], ir.Constant(ir.IntType(1), 0)])
    return builder.sub(_numbers([N_BITS] * N_LANES), above)


@as_instructions(larger, LanesType, LanesType)
def _emit_larger(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.select(builder.icmp_signed(">", *values), *values)


@as_instructions(where_above, LanesType, LanesType)
def _emit_where_above(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return _all_or_nothing(builder, builder.icmp_signed(">", *values))


@as_instructions(picked, LanesType, LanesType, LanesType)
def _emit_picked(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.select(_has_bits(builder, values[0]), *values[1:])


@as_instructions(summed, LanesType, result=_is_word)
def _emit_summed(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return resized(builder, reduced(builder, "add", values[0]), 64)


@as_instructions(largest, LanesType, result=_is_word)
def _emit_largest(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return resized(builder, reduced(builder, "umax", values[0]), 64)


@as_instructions(cells_in_any, LanesType, result=_is_word)
def _emit_cells_in_any(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return resized(builder, reduced(builder, "or", values[0]), 64)


@as_instructions(number_in, LanesType, types.Integer, result=_is_word)
def _emit_number_in(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return resized(builder, builder.extract_element(*values), 64)


@as_instructions(lanes_with_cells, LanesType, result=_is_word)
def _emit_lanes_with_cells(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return resized(builder, builder.bitcast(_has_bits(builder, values[0]), ir.IntType(N_LANES)), 64)


@as_instructions(operator.add, LanesType, LanesType)
def _emit_add(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.add(*values)


@as_instructions(operator.sub, LanesType, LanesType)
def _emit_sub(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.sub(*values)


@as_instructions(store_numbers, types.Array, types.Integer, LanesType, types.Float, result=lambda *_: types.void)
def _emit_store_numbers(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    array, start, lanes, more = values
    vector = ir.VectorType(ir.FloatType(), N_LANES)
    added = same_in_all(builder, vector, builder.fptrunc(more, ir.FloatType()))
    place = pointer_into(context, builder, signature.args[0], (array, start), vector)
    builder.store(builder.fadd(builder.sitofp(lanes, vector), added), place, align=4)
    return context.get_dummy_value()


@as_instructions(same_values, types.Float, LanesType, result=_is_values)
def _emit_same_values(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return same_in_all(builder, _NUMBERS, values[0])


@as_instructions(weighed, _ValuesType, types.Float, LanesType, types.Float)
def _emit_weighed(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    sums, weight, lanes, more = values
    numbers = builder.fadd(builder.sitofp(lanes, _NUMBERS), same_in_all(builder, _NUMBERS, more))
    return builder.fadd(sums, builder.fmul(same_in_all(builder, _NUMBERS, weight), numbers))


@as_instructions(values_where, LanesType, _ValuesType, _ValuesType, result=_is_values)
def _emit_values_where(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.select(_has_bits(builder, values[0]), *values[1:])


@as_instructions(with_value, _ValuesType, types.Integer, types.Float)
def _emit_with_value(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.insert_element(values[0], values[2], values[1])


@as_instructions(where_greater, _ValuesType, _ValuesType, result=_is_lanes)
def _emit_where_greater(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return _all_or_nothing(builder, builder.fcmp_ordered(">", *values))


@as_instructions(first_largest, _ValuesType, LanesType, result=_is_value_and_word)
def _emit_first_largest(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    kind = ir.FunctionType(ir.DoubleType(), [_NUMBERS])
    maximum = builder.module.declare_intrinsic(f"llvm.vector.reduce.fmax.v{N_LANES}f64", (), kind)
    value = builder.call(maximum, [values[0]])
    found = same_in_all(builder, _NUMBERS, value)
    among = builder.select(builder.fcmp_ordered("==", values[0], found), values[1], _numbers([-1] * N_LANES))
    number = resized(builder, reduced(builder, "umin", among), 64)
    return context.make_tuple(builder, signature.return_type, (value, number))
