"""The table of features."""

import numpy as np
import pytest

from tetrarium.engine import FEATURES, features
from tetrarium.engine.features import (
    FEATURE_SPECS,
    BoardSize,
    feature_bounds,
    feature_scales,
    feature_spec,
    feature_width,
    in_table_order,
    mirrored_numbers,
)
from tetrarium.engine.pieces import PIECES
from tetrarium.errors import ConfigError

SIZE = BoardSize(width=10, height=20, n_rows=24)


def test_kernels_index_layouts_in_the_order_of_the_table() -> None:
    assert [getattr(features, name.upper()) for name in FEATURES] == list(range(len(FEATURES)))
    assert len(FEATURES) == features.ROW_LENGTH


def test_names_are_unique_and_numbers_positive() -> None:
    assert len(set(FEATURES)) == len(FEATURES)
    assert all(spec.bound(SIZE) >= 1 and spec.scale > 0 and spec.sign in (-1, 0, 1) for spec in FEATURE_SPECS)


def test_the_board_width_of_a_feature_is_the_inverse_of_its_number_of_numbers() -> None:
    for spec in FEATURE_SPECS:
        widths = {width: feature_width(spec.name, width, 1) for width in range(4, 17)}
        if spec.size_setting == "width":
            assert all(spec.board_width(n) == width for width, n in widths.items())
        else:
            assert len(set(widths.values())) == 1
            assert spec.board_width(10) is None
        previews = {feature_width(spec.name, 10, preview) for preview in range(7)}
        assert (len(previews) > 1) == (spec.size_setting == "preview")


def test_bounds_and_scales_have_one_entry_per_number_in_table_order() -> None:
    names = ("holes", "column_heights", "next_pieces")
    assert in_table_order(names) == ("column_heights", "holes", "next_pieces")
    bounds = feature_bounds(names, SIZE, preview=2)
    np.testing.assert_array_equal(bounds, [24] * 10 + [240] + [1] * 14)
    assert bounds.dtype == np.float32
    assert feature_scales(names, 10, preview=2) == [0.1] * 10 + [0.1] + [1.0] * 14


def test_an_unknown_feature_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError) as error:
        feature_spec("hole")
    assert str(error.value) == f"A feature is one of {', '.join(FEATURES)}; got 'hole'. Did you mean 'holes'?"
    assert error.value.field == "features"


def test_pieces_that_are_shown_are_mirrored_too() -> None:
    """One-hot numbers: the piece that a number stands for, and that of the number in its place in the mirror."""
    n = len(PIECES)
    numbers = mirrored_numbers(("next_pieces", "held_piece"), 10, 2)
    twins = {"L": "J", "J": "L", "S": "Z", "Z": "S"}
    expected = [PIECES.index(twins.get(piece, piece)) for piece in PIECES]

    assert numbers[:n].tolist() == expected
    assert numbers[n : 2 * n].tolist() == [n + place for place in expected]
    assert numbers[2 * n] == 2 * n, "no held piece"
    assert numbers[2 * n + 1 :].tolist() == [2 * n + 1 + place for place in expected]
