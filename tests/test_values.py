"""Parser of values that people write, and what all layers make of them."""

import math
from typing import Any

import pytest

from tests.number_texts import NUMBER_TEXTS
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.training import TrainingConfig
from tetrarium.values import UnsupportedEncodingError, decode_text, parse_number, parse_value


@pytest.mark.parametrize("text", NUMBER_TEXTS)
def test_numbers_have_ascii_digits(text: str) -> None:
    assert parse_number(text) == NUMBER_TEXTS[text]


def test_whole_numbers_stay_whole() -> None:
    assert [type(parse_number(text)) for text in ("1e6", "1,000", "0x10", "1.0", ".5")] == [int, int, int, float, float]
    assert parse_number("1e400") == math.inf


@pytest.mark.parametrize(
    ("text", "default", "value"),
    [
        ("none", None, None),
        ("None", None, None),
        ("none", "level", "none"),
        ("TRUE", False, True),
        ("1", False, "1"),
        ('"cuda"', "cpu", "cuda"),
        ("7", "7-bag", "7"),
        ("64,64", (64,), (64, 64)),
        ("[ 64 , 1e2 ]", (64,), (64, 100)),
        ("['holes', wells]", ("holes",), ("holes", "wells")),
        ("[]", (64,), ()),
    ],
)
def test_a_text_is_read_by_the_kind_of_its_setting(text: str, default: Any, value: Any) -> None:
    assert parse_value(text, default) == value


def test_configs_hold_whole_floats_as_ints_and_no_negative_zero() -> None:
    config = TrainingConfig.from_dict({"total_timesteps": 1e6, "target_lines": "none", "seed": -0.0})
    assert (config.total_timesteps, config.target_lines, config.seed) == (1_000_000, None, 0)
    assert [type(value) for value in (config.total_timesteps, config.seed)] == [int, int]
    assert math.copysign(1, EnvConfig(hole_penalty=-0.0).hole_penalty) == 1
    assert EnvConfig(width=10.0) == EnvConfig()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.9", "gamma is a number from 0.0 to 0.999999; got '0.9'. Remove the quotes."),
        ("0,9", "gamma is a number from 0.0 to 0.999999; got '0,9'. Write decimals with a point."),
        ("x" * 100, f"gamma is a number from 0.0 to 0.999999; got '{'x' * 59}…. Choose one in that range."),
        (math.nan, "gamma is a number from 0.0 to 0.999999; got nan. Choose one in that range."),
    ],
)
def test_a_refused_number_is_shown_in_short(value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TrainingConfig(gamma=value)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("a".encode("utf-16"), "is in UTF-16; save it in UTF-8"),
        ("a = 1\nb = 'ü'".encode("latin-1"), "is not in UTF-8 (line 2); save it in UTF-8"),
    ],
)
def test_text_files_are_in_utf_8(content: bytes, rule: str) -> None:
    assert decode_text("ü".encode("utf-8-sig")) == "ü"
    with pytest.raises(UnsupportedEncodingError) as refused:
        decode_text(content)
    assert str(refused.value) == rule
