"""``TrainingConfig``: names, bounds and error messages."""

import json

import numpy as np
import pytest

from tetrarium.errors import ConfigError
from tetrarium.training import TrainingConfig


def test_a_config_round_trips_through_its_dict_and_keeps_tuples() -> None:
    config = TrainingConfig(net_arch=(32, 16), target_lines=40)

    assert config.to_dict()["net_arch"] == [32, 16]
    assert TrainingConfig.from_dict(config.to_dict()) == config
    assert TrainingConfig.from_dict(config.to_dict()).net_arch == (32, 16)


def test_settings_of_stable_baselines3s_dqn_keep_their_names() -> None:
    import inspect

    from stable_baselines3 import DQN

    sb3_parameters = set(inspect.signature(DQN.__init__).parameters) - {
        "self", "policy", "env", "replay_buffer_class", "replay_buffer_kwargs", "optimize_memory_usage",
        "tensorboard_log", "policy_kwargs", "verbose", "_init_setup_model",
    }  # fmt: skip

    assert sb3_parameters <= set(TrainingConfig().to_dict())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_envs": 0}, "n_envs is a whole number from 1 to 4,096; got 0."),
        ({"total_timesteps": -5}, "total_timesteps is a whole number from 1 to 1,000,000,000,000; got -5."),
        ({"seed": -1}, "seed is a whole number from 0 to 4,294,967,295; got -1."),
        ({"target_lines": 0}, "target_lines is a whole number from 1 to 1,000,000,000,000; got 0."),
        ({"learning_rate": float("nan")}, "learning_rate is a number from 1e-12 to 10.0; got nan."),
        ({"gamma": 1.0}, "gamma is a number from 0.0 to 0.999999; got 1.0."),
        ({"buffer_size": 10**400}, "buffer_size is a whole number from 1 to"),
        ({"learning_rate": float("inf")}, "learning_rate is a number from 1e-12 to 10.0; got inf."),
        ({"batch_size": 2.5}, "batch_size is a whole number"),
        ({"batch_size": True}, "batch_size is a whole number"),
        ({"gradient_steps": 0}, "gradient_steps is positive or -1; got 0."),
        ({"net_arch": (64, 0)}, "net_arch contains widths from 1 to 4096; got (64, 0)."),
        ({"net_arch": 64}, "net_arch contains widths from 1 to 4096; got 64."),
        ({"activation": "rely"}, "activation is one of 'relu', 'tanh'; got 'rely'. Did you mean 'relu'?"),
        ({"double_q": 1}, "double_q is true or false; got 1."),
        ({"device": ""}, "such as 'cuda:1'; got ''."),
        ({"batchsize": 8}, "TrainingConfig has no setting 'batchsize'. Did you mean 'batch_size'?"),
    ],
)
def test_an_error_states_the_rule_and_the_value(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig.from_dict(values)

    assert message in str(caught.value)


def test_numpy_integers_are_accepted_as_settings() -> None:
    config = TrainingConfig(n_envs=np.int64(8), gamma=np.float32(0.5))

    assert json.loads(json.dumps(config.to_dict()))["n_envs"] == 8
    assert type(config.n_envs) is int
    assert type(config.gamma) is float
