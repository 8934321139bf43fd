"""What may be varied: ranges as people write them, held against the settings' own bounds."""

from dataclasses import fields
from typing import Any

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.training import TrainingConfig
from tetrarium.tuning.ranges import FIXED, Range, parse_range, require_of_use, variable_settings


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
def test_a_range_is_read_and_written(text: str, described: dict[str, Any]) -> None:
    found = parse_range(text)
    assert found.to_dict() == described
    assert Range.from_dict(found.name, described) == found
    assert parse_range(found.to_text()) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate", "--vary takes a setting and what it varies over; got 'learning_rate'. Write"),
        ("learningrate=1,2", "There is no setting 'learningrate' to vary. Did you mean 'learning_rate'?"),
        ("width=6,8", "A setting may be varied unless every trial is judged by the same game, which is so for width. "
         "Give it one value by --set."),
        ("evaluation_games=5,10", "unless every trial is judged by the same evaluation, which is so for eval"),
        ("total_timesteps=5,10", "unless every trial may train for as long as the others, which is so for total"),
        ("device=cpu,cuda", "unless what is learnt does not depend on it, which is so for device"),
        ("gamma=0.5..1.5", "gamma is a number from 0.0 to 0.999999; got 1.5. Choose one in that range."),
        ("batch_size=0,4", "batch_size is a whole number from 1 to 1,048,576; got 0. Choose one in that range."),
        ("batch_size=1.5..4", "batch_size is a whole number; got 1.5 to 4. Write both without a fraction."),
        ("gamma=0.9..0.5", "A range goes from a low to a higher value; got 0.9 to 0.5 for gamma. Swap them."),
        ("gamma=0..0.5:log", "A logarithmic range begins above 0; got 0 for gamma. Begin higher, or leave log out."),
        ("gamma=a..0.5", "The bounds of a range are numbers; got 'a' in 'gamma=a..0.5'. Write"),
        ("gamma=0..0.5:linear", "After the bounds stands :log, a number of values, or nothing; got"),
        ("gamma=0..0.5:1", "A range is spread over 2 to 100 values; got 1 for gamma. Ask for 5."),
        ("gamma=0.5", "What varies takes two values or more, each named once; got gamma=0.5. Add another one"),
        ("gamma=0.5,0.5", "What varies takes two values or more, each named once; got gamma=0.5,0.5. Add"),
        ("double_q=1..2", "double_q is no number, so it has no range; got 1 to 2. List its values."),
        ("double_q=yes,no", "double_q is true or false; got 'yes'. Choose one of the two."),
        ("activation=relu,rleu", "activation is one of 'relu', 'tanh'; got 'rleu'. Did you mean 'relu'?"),
        ("net_arch=32,64", "Each value of net_arch is a list; got '32,64'. Write net_arch=[64],[64,64], say."),
        ("net_arch=[0],[64]", r"net_arch is widths from 1 to 4096; got (0,). Write (64, 64), say."),
        ("n_steps=" + ",".join(map(str, range(1, 102))), "A setting takes at most 100 listed values; n_steps has 101."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_range(text)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_each_setting_varies_or_has_a_reason_not_to() -> None:
    names = {item.name for config in (EnvConfig, TrainingConfig) for item in fields(config)}
    assert set(FIXED) <= names
    assert set(variable_settings()) == names - set(FIXED)
    assert {"learning_rate", "features", "seed", "algorithm", "line_reward"} <= set(variable_settings())


def test_a_setting_of_another_algorithm_is_refused() -> None:
    require_of_use("cma_sigma", ("dqn", "cma-es"))
    with pytest.raises(ConfigError) as refused:
        require_of_use("cma_sigma", ("dqn",))
    assert str(refused.value) == (
        "cma_sigma is a setting of cma-es alone, and the trials learn by dqn. "
        "Leave it out, or add --set algorithm=cma-es."
    )


def test_a_range_of_json_takes_no_other_keys() -> None:
    with pytest.raises(ConfigError, match=r"A range has values, or low, high and log; got 'step' for gamma. Leave it"):
        Range.from_dict("gamma", {"low": 0.1, "high": 0.5, "step": 0.1})
    with pytest.raises(ConfigError, match=r"gamma takes listed values or those between two; got both. Leave one out."):
        Range.from_dict("gamma", {"low": 0.1, "values": [0.1, 0.2]})
    with pytest.raises(ConfigError, match=r"gamma varies over values or from a low to a high one; got neither. Write"):
        Range.from_dict("gamma", {"low": 0.1})
