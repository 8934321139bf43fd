"""Arithmetic on one number per column of a board, for all columns at once.

``Lanes``, as in ``board_vectors``, of 32 or 64 bits, whose words are read as small integers, signed where they are
compared or weighted. ``Values`` are sixteen ``float64``. Lanes are independent of each other, and operations keep the
order in which they are written: each lane holds, to the last bit, what a loop over one column computes.

As in ``board_vectors``, each function is written in Python and as LLVM instructions.
"""

import operator
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import models, register_model

from tetrarium.engine.simd import board_vectors
from tetrarium.engine.simd.board_vectors import N_LANES, LanesType, lowering


def _n_bits(lanes: Any) -> int:
    return 8 * int(lanes.dtype.itemsize)


def _filled(lanes: Any) -> Any:
    return lanes.dtype.type(np.iinfo(lanes.dtype).max)


def _signed(lanes: Any) -> Any:
    return lanes.view(np.dtype(f"i{lanes.dtype.itemsize}"))


def load_columns(columns: Any, width: int, word: Any) -> Any:
    """A board, ``(width,) int64``, as lanes of the size of ``word``, an integer; lanes outside the board are filled."""
    lanes = np.full(N_LANES, -1, dtype=np.int64)
    lanes[:width] = columns[:width]
    return lanes.astype(f"u{word.dtype.itemsize}")


def load_words(words: Any, start: int, lanes: Any) -> Any:
    """The sixteen ``int64`` of a flat array from ``start`` on, as lanes of the same size as those given."""
    return words[start : start + N_LANES].astype(lanes.dtype)


def word_bits(lanes: Any) -> int:
    """The number of bits of a lane."""
    return _n_bits(lanes)


def lane_indices(lanes: Any) -> Any:
    """0 to 15."""
    return np.arange(N_LANES, dtype=lanes.dtype)


def shift_lanes(lanes: Any, n_columns: int) -> Any:
    """The lanes so many columns to the right, or to the left where negative; filled ones come in from outside."""
    shifted = np.full_like(lanes, _filled(lanes))
    if n_columns >= 0:
        shifted[: N_LANES - n_columns] = lanes[n_columns:]
    else:
        shifted[-n_columns:] = lanes[:n_columns]
    return shifted


def shift_left(lanes: Any, n_rows: Any) -> Any:
    """Shifts each lane's bits up by a number of its own; below 0, or from the lane's size on, no bit is left."""
    n_bits = _n_bits(lanes)
    return np.where(n_rows < n_bits, lanes << (n_rows & (n_bits - 1)), 0).astype(lanes.dtype)


def shift_right(lanes: Any, n_rows: Any) -> Any:
    """Shifts each lane's bits down by a number of its own; below 0, or from the lane's size on, no bit is left."""
    n_bits = _n_bits(lanes)
    return np.where(n_rows < n_bits, lanes >> (n_rows & (n_bits - 1)), 0).astype(lanes.dtype)


def reverse_bits(lanes: Any) -> Any:
    """Reverses the bits of each lane: row 0 becomes the topmost bit."""
    n_bits = _n_bits(lanes)
    return np.array([int(f"{int(word):0{n_bits}b}"[::-1], 2) for word in lanes], dtype=lanes.dtype)


def count_bits(lanes: Any) -> Any:
    """The number of bits set in each lane."""
    return np.array([int(word).bit_count() for word in lanes], dtype=lanes.dtype)


def bit_lengths(lanes: Any) -> Any:
    """One more than the index of each lane's highest bit set, or 0: the height of a column."""
    return np.array([int(word).bit_length() for word in lanes], dtype=lanes.dtype)


def maximum(lanes: Any, others: Any) -> Any:
    """The larger of two signed numbers in each lane."""
    return np.maximum(_signed(lanes), _signed(others)).view(lanes.dtype)


def greater_than(lanes: Any, others: Any) -> Any:
    """All bits of the lanes where the first signed number is larger, and no bit of the others."""
    return np.where(_signed(lanes) > _signed(others), _filled(lanes), lanes.dtype.type(0))


def select(condition: Any, lanes: Any, others: Any) -> Any:
    """The first number in lanes where the condition has a bit set, the second one in the others."""
    return np.where(condition != 0, lanes, others)


def sum_lanes(lanes: Any) -> int:
    """Sum of all lanes."""
    return int(lanes.sum(dtype=lanes.dtype))


def max_lane(lanes: Any) -> int:
    """The largest unsigned number of all lanes."""
    return int(lanes.max())


def rows_in_any_lane(lanes: Any) -> int:
    """Rows that are set in at least one lane, as one word."""
    return int(np.bitwise_or.reduce(lanes))


def nonzero_lanes(lanes: Any) -> int:
    """The lanes that have a bit set, as one word: bit x = lane x."""
    return sum(1 << lane for lane in range(N_LANES) if lanes[lane])


def get_lane(lanes: Any, lane: int) -> int:
    """The unsigned number in one lane."""
    return int(lanes[lane])


def store_floats(numbers: Any, start: int, lanes: Any, more: float) -> None:
    """Writes ``lanes + more`` into a flat array of ``float32``."""
    numbers[start : start + N_LANES] = _signed(lanes).astype(np.float32) + np.float32(more)


def broadcast_value(value: float, lanes: Any) -> Any:
    """The same value in every lane."""
    return np.full(lanes.shape, value)


def add_weighted(values: Any, weight: float, lanes: Any, more: float) -> Any:
    """``values + weight * (lanes + more)``, in this order."""
    return values + weight * (_signed(lanes).astype(np.float64) + more)


def select_values(condition: Any, values: Any, others: Any) -> Any:
    """The first value in lanes where the condition has a bit set, the second one in the others."""
    return np.where(condition != 0, values, others)


def replace_value(values: Any, lane: int, value: float) -> Any:
    """The same values but for one lane."""
    return np.where(np.arange(N_LANES) == lane, value, values)


def values_greater_than(values: Any, others: Any, lanes: Any) -> Any:
    """All bits of the lanes where the first value is larger, and no bit of the others; of the size of those given."""
    return np.where(values > others, _filled(lanes), lanes.dtype.type(0))


def max_value(values: Any, labels: Any) -> tuple[float, int]:
    """The largest value, and the smallest unsigned label among its lanes."""
    value = values.max()
    return float(value), int(labels[values == value].min())


class _ValuesType(types.Type):
    """The type of values in compiled code."""

    def __init__(self) -> None:
        super().__init__(name="Values")


_values: Final = _ValuesType()
_FLOATS: Final = ir.VectorType(ir.DoubleType(), N_LANES)
_INDEX: Final = ir.IntType(32)
_NARROW: Final = ir.VectorType(ir.IntType(32), N_LANES)
_WIDE: Final = ir.VectorType(ir.IntType(64), N_LANES)


@register_model(_ValuesType)
class _ValuesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, values: Any) -> None:
        super().__init__(manager, values, _FLOATS)  # type: ignore[no-untyped-call]


def _third(_first: Any, _second: Any, third: Any) -> Any:
    return third


def _is_values(*_arguments: Any) -> Any:
    return _values


def _is_word(*_arguments: Any) -> Any:
    return types.int64


def _is_value_and_word(*_arguments: Any) -> Any:
    return types.Tuple((types.float64, types.int64))  # type: ignore[no-untyped-call]


def _constant(vector: Any, word: int) -> Any:
    return ir.Constant(vector, [word] * N_LANES)


def _resize_lanes(builder: Any, lanes: Any, vector: Any) -> Any:
    return lanes if lanes.type == vector else builder.trunc(lanes, vector)


def _mask(builder: Any, condition: Any, vector: Any) -> Any:
    return builder.sext(condition, vector)


def _has_bits(builder: Any, lanes: Any) -> Any:
    return builder.icmp_unsigned("!=", lanes, _constant(lanes.type, 0))


def _floats_of(builder: Any, lanes: Any, vector: Any) -> Any:
    """Emits signed numbers as floats; by way of 32 bits, because not every machine converts 64."""
    return builder.sitofp(_resize_lanes(builder, lanes, _NARROW), vector)


def _lanes_of_word(_columns: Any, _width: Any, word: Any) -> Any:
    return LanesType(word.bitwidth)


@lowering(load_columns, types.Array, types.Integer, types.Integer, result=_lanes_of_word)
def _emit_load_columns(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    start = ir.Constant(ir.IntType(64), 0)
    place = board_vectors.emit_pointer(context, builder, signature.args[0], (values[0], start), _WIDE)
    width = board_vectors.emit_broadcast(builder, _NARROW, board_vectors.emit_resize(builder, values[1], 32))
    inside = builder.icmp_unsigned("<", ir.Constant(_NARROW, list(range(N_LANES))), width)
    kind = ir.FunctionType(_WIDE, [place.type, _INDEX, inside.type, _WIDE])
    function = builder.module.declare_intrinsic(f"llvm.masked.load.v{N_LANES}i64.p0", (), kind)
    columns = builder.call(function, [place, ir.Constant(_INDEX, 8), inside, _constant(_WIDE, -1)])
    return _resize_lanes(builder, columns, signature.return_type.vector)


@lowering(load_words, types.Array, types.Integer, LanesType, result=_third)
def _emit_load_words(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    words = builder.load(board_vectors.emit_pointer(context, builder, signature.args[0], values, _WIDE), align=8)
    return _resize_lanes(builder, words, signature.return_type.vector)


@lowering(word_bits, LanesType, result=_is_word)
def _emit_word_bits(_context: Any, _builder: Any, signature: Any, _values: Any) -> Any:
    return ir.Constant(ir.IntType(64), signature.args[0].n_bits)


@lowering(lane_indices, LanesType)
def _emit_lane_indices(_context: Any, _builder: Any, _signature: Any, values: Any) -> Any:
    return ir.Constant(values[0].type, list(range(N_LANES)))


@lowering(shift_lanes, LanesType, types.IntegerLiteral)
def _emit_shift_lanes(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    n_columns = signature.args[1].literal_value
    # index N_LANES is the first lane of the second operand, which is filled
    sources = [x + n_columns if 0 <= x + n_columns < N_LANES else N_LANES for x in range(N_LANES)]
    places = ir.Constant(ir.VectorType(_INDEX, N_LANES), sources)
    return builder.shuffle_vector(values[0], _constant(values[0].type, -1), places)


def _shifted(builder: Any, shift: Any, lanes: Any, n_rows: Any) -> Any:
    n_bits = lanes.type.element.width
    within = builder.icmp_unsigned("<", n_rows, _constant(lanes.type, n_bits))
    short = builder.and_(n_rows, _constant(lanes.type, n_bits - 1))  # LLVM leaves a longer shift undefined
    return builder.select(within, shift(lanes, short), _constant(lanes.type, 0))


@lowering(shift_left, LanesType, LanesType)
def _emit_shift_left(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return _shifted(builder, builder.shl, *values)


@lowering(shift_right, LanesType, LanesType)
def _emit_shift_right(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return _shifted(builder, builder.lshr, *values)


@lowering(reverse_bits, LanesType)
def _emit_reverse_bits(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return board_vectors.emit_intrinsic(builder, "bitreverse", values[0], values[0].type)


@lowering(count_bits, LanesType)
def _emit_count_bits(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return board_vectors.emit_intrinsic(builder, "ctpop", values[0], values[0].type)


@lowering(bit_lengths, LanesType)
def _emit_bit_lengths(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    vector = values[0].type
    kind = ir.FunctionType(vector, [vector, ir.IntType(1)])
    n_bits = vector.element.width
    function = builder.module.declare_intrinsic(f"llvm.ctlz.v{N_LANES}i{n_bits}", (), kind)
    leading_zeros = builder.call(function, [values[0], ir.Constant(ir.IntType(1), 0)])
    return builder.sub(_constant(vector, n_bits), leading_zeros)


@lowering(maximum, LanesType, LanesType)
def _emit_maximum(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.select(builder.icmp_signed(">", *values), *values)


@lowering(greater_than, LanesType, LanesType)
def _emit_greater_than(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return _mask(builder, builder.icmp_signed(">", *values), values[0].type)


@lowering(select, LanesType, LanesType, LanesType)
def _emit_select(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.select(_has_bits(builder, values[0]), *values[1:])


@lowering(sum_lanes, LanesType, result=_is_word)
def _emit_sum_lanes(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return board_vectors.emit_resize(builder, board_vectors.emit_reduction(builder, "add", values[0]), 64)


@lowering(max_lane, LanesType, result=_is_word)
def _emit_max_lane(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return board_vectors.emit_resize(builder, board_vectors.emit_reduction(builder, "umax", values[0]), 64)


@lowering(rows_in_any_lane, LanesType, result=_is_word)
def _emit_rows_in_any_lane(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return board_vectors.emit_resize(builder, board_vectors.emit_reduction(builder, "or", values[0]), 64)


@lowering(get_lane, LanesType, types.Integer, result=_is_word)
def _emit_get_lane(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return board_vectors.emit_resize(builder, builder.extract_element(*values), 64)


@lowering(nonzero_lanes, LanesType, result=_is_word)
def _emit_nonzero_lanes(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return board_vectors.emit_resize(builder, builder.bitcast(_has_bits(builder, values[0]), ir.IntType(N_LANES)), 64)


@lowering(operator.add, LanesType, LanesType)
def _emit_add(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.add(*values)


@lowering(operator.sub, LanesType, LanesType)
def _emit_sub(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.sub(*values)


@lowering(store_floats, types.Array, types.Integer, LanesType, types.Float, result=lambda *_: types.void)
def _emit_store_floats(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    array, start, lanes, more = values
    vector = ir.VectorType(ir.FloatType(), N_LANES)
    added = board_vectors.emit_broadcast(builder, vector, builder.fptrunc(more, ir.FloatType()))
    place = board_vectors.emit_pointer(context, builder, signature.args[0], (array, start), vector)
    builder.store(builder.fadd(_floats_of(builder, lanes, vector), added), place, align=4)
    return context.get_dummy_value()


@lowering(broadcast_value, types.Float, LanesType, result=_is_values)
def _emit_broadcast_value(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return board_vectors.emit_broadcast(builder, _FLOATS, values[0])


@lowering(add_weighted, _ValuesType, types.Float, LanesType, types.Float)
def _emit_add_weighted(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    sums, weight, lanes, more = values
    numbers = builder.fadd(_floats_of(builder, lanes, _FLOATS), board_vectors.emit_broadcast(builder, _FLOATS, more))
    return builder.fadd(sums, builder.fmul(board_vectors.emit_broadcast(builder, _FLOATS, weight), numbers))


@lowering(select_values, LanesType, _ValuesType, _ValuesType, result=_is_values)
def _emit_select_values(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.select(_has_bits(builder, values[0]), *values[1:])


@lowering(replace_value, _ValuesType, types.Integer, types.Float)
def _emit_replace_value(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.insert_element(values[0], values[2], values[1])


@lowering(values_greater_than, _ValuesType, _ValuesType, LanesType, result=_third)
def _emit_values_greater_than(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return _mask(builder, builder.fcmp_ordered(">", *values[:2]), values[2].type)


@lowering(max_value, _ValuesType, LanesType, result=_is_value_and_word)
def _emit_max_value(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    kind = ir.FunctionType(ir.DoubleType(), [_FLOATS])
    function = builder.module.declare_intrinsic(f"llvm.vector.reduce.fmax.v{N_LANES}f64", (), kind)
    value = builder.call(function, [values[0]])
    is_largest = builder.fcmp_ordered("==", values[0], board_vectors.emit_broadcast(builder, _FLOATS, value))
    labels = builder.select(is_largest, values[1], _constant(values[1].type, -1))
    label = board_vectors.emit_resize(builder, board_vectors.emit_reduction(builder, "umin", labels), 64)
    return context.make_tuple(builder, signature.return_type, (value, label))
