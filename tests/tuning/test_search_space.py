"""Search space: ranges as written on the command line, checked against the bounds of their settings."""

from dataclasses import fields
from typing import Any

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.training import TrainingConfig
from tetrarium.tuning.search_space import FIXED, Range, parse_range, require_used_by, variable_settings


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("learning_rate=1e-4..1e-2:log", {"low": 1e-4, "high": 1e-2, "log": True}),
        ("gamma = 0.8 .. 0.98", {"low": 0.8, "high": 0.98, "log": False}),
        ("batch_size=64..512", {"low": 64, "high": 512, "log": False}),
        ("n_steps=1,2,3", {"values": [1, 2, 3]}),
        ("n_steps=1..5:3", {"values": [1, 3, 5]}),
        ("n_steps=1..3:50", {"values": [1, 2, 3]}),
        ("batch_size=64..512:log:4", {"values": [64, 128, 256, 512]}),
        ("double_q=true,false", {"values": [True, False]}),
        ("activation=relu,tanh", {"values": ["relu", "tanh"]}),
        ("net_arch=[32],[64,64]", {"values": [[32], [64, 64]]}),
        ("features=['holes'],['holes','wells']", {"values": [["holes"], ["holes", "wells"]]}),
        ("hole_penalty=-1..1", {"low": -1, "high": 1, "log": False}),
        ("seed=1,2,3", {"values": [1, 2, 3]}),
    ],
)
def test_ranges_are_parsed_and_written(text: str, described: dict[str, Any]) -> None:
    found = parse_range(text)
    assert found.to_dict() == described
    assert Range.from_dict(found.name, described) == found
    assert parse_range(found.to_text()) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate", "--vary takes a setting and its values; got 'learning_rate'. Write"),
        ("learningrate=1,2", "There is no setting 'learningrate' to vary. Did you mean 'learning_rate'?"),
        ("width=6,8", "width cannot be varied, because all trials are compared on the same game. Set one "),
        ("evaluation_games=5,10", "evaluation_games cannot be varied, because all trials are compared by the same"),
        ("total_timesteps=5,10", "total_timesteps cannot be varied, because all trials have the same budget. "),
        ("device=cpu,cuda", "device cannot be varied, because it does not affect learning. Set"),
        ("gamma=0.5..1.5", "gamma is a number from 0.0 to 0.999999; got 1.5. Choose one in that range."),
        ("batch_size=0,4", "batch_size is a whole number from 1 to 1,048,576; got 0. Choose one in that range."),
        ("batch_size=1.5..4", "batch_size is a whole number; got 1.5 to 4. Write both without a fraction."),
        ("gamma=0.9..0.5", "The lower bound must be less than the upper; got 0.9 to 0.5 for gamma. Swap them."),
        ("gamma=0..0.5:log", "A logarithmic range begins above 0; got 0 for gamma. Raise it, or omit log."),
        ("gamma=a..0.5", "The bounds of a range are numbers; got 'a' for gamma. Write"),
        ("gamma=0..0.5:linear", "Bounds may be followed by :log and a number of values; got"),
        ("gamma=0..0.5:1", "A range is divided into 2 to 100 values; got 1 for gamma. Try 5."),
        ("gamma=0.5", "A varied setting needs two or more distinct values; got gamma=0.5. Add"),
        ("gamma=0.5,0.5", "A varied setting needs two or more distinct values; got gamma=0.5,0.5"),
        ("double_q=1..2", "double_q is not a number and has no bounds; got 1 to 2. List its values."),
        ("double_q=yes,no", "double_q is true or false; got 'yes'. Choose one of the two."),
        ("activation=relu,rleu", "activation is one of 'relu', 'tanh'; got 'rleu'. Did you mean 'relu'?"),
        ("net_arch=32,64", "Each value of net_arch is a list; got '32,64'. Write, for example, net_arch=[64],[64,64]."),
        ("net_arch=[0],[64]", r"net_arch contains widths from 1 to 4096; got (0,). Set it to (64, 64), for example."),
        ("n_steps=" + ",".join(map(str, range(1, 102))), "At most 100 values can be listed; n_steps has 101."),
    ],
)  # fmt: skip
def test_malformed_ranges_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_range(text)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_each_setting_can_be_varied_or_has_a_reason_why_not() -> None:
    names = {item.name for config in (EnvConfig, TrainingConfig) for item in fields(config)}
    assert {"width", "key_rate", "max_pieces", "harder_games", "total_timesteps", "keep_every", "device"} <= set(FIXED)
    assert set(variable_settings()) == names - set(FIXED)
    assert {"learning_rate", "features", "seed", "algorithm", "line_reward"} <= set(variable_settings())


def test_a_setting_of_another_algorithm_is_refused() -> None:
    require_used_by("cma_sigma", ("dqn", "cma-es"))
    with pytest.raises(ConfigError) as refused:
        require_used_by("cma_sigma", ("dqn",))
    assert str(refused.value) == (
        "cma_sigma is a setting of cma-es, and the trials use dqn. Omit it, or add --set algorithm=cma-es."
    )


def test_a_range_in_json_has_no_unknown_keys() -> None:
    with pytest.raises(ConfigError, match=r"A range has values, or low, high and log; got 'step' for gamma. Omit it"):
        Range.from_dict("gamma", {"low": 0.1, "high": 0.5, "step": 0.1})
    with pytest.raises(ConfigError, match=r"gamma takes listed values or two bounds; got both. Omit one of them."):
        Range.from_dict("gamma", {"low": 0.1, "values": [0.1, 0.2]})
    with pytest.raises(ConfigError, match=r"gamma takes listed values or two bounds; got neither. Write"):
        Range.from_dict("gamma", {"low": 0.1})
