"""DQN's targets: n-step rewards and the bootstrapped value."""

import gymnasium
import pytest
import torch
from stable_baselines3.common.buffers import NStepReplayBuffer
from torch import nn

from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import ConfigError
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.algorithms.dqn import TetrisDQN
from tetrarium.training.algorithms.networks import AfterstateQNetwork

SMALL = TrainingConfig(
    n_envs=4, total_timesteps=2_000, learning_starts=40, batch_size=16, net_arch=(8,), buffer_size=400, seed=3,
    gamma=0.5,
)  # fmt: skip


def with_constant_values(model: TetrisDQN, online: float, target: float) -> TetrisDQN:
    """Makes both networks give every row the same value."""
    for network, value in ((model.q_net, online), (model.q_net_target, target)):
        assert isinstance(network, AfterstateQNetwork)
        last = network.q_net[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight.zero_()
            last.bias.fill_(value)
    return model


@pytest.mark.parametrize("double_q", [True, False])
def test_a_target_is_the_rewards_and_the_target_networks_value_unless_the_game_ended(double_q: bool) -> None:
    agent = TetrisAgent(make_env(EnvConfig.literature(6))(), SMALL.with_changes(n_steps=3, double_q=double_q))
    agent.train(200)
    model = with_constant_values(agent.model, online=-7.0, target=8.0)
    batch = model._sample_rows(400)

    targets = model._targets(batch)

    assert set(batch.discounts.tolist()) == {0.5, 0.25, 0.125}
    assert 0 < batch.terminal.sum() < 400
    followed = torch.where(batch.terminal, 0.0, 8.0 * batch.discounts)
    assert torch.equal(targets, batch.rewards + followed)


def test_a_foreign_environments_replay_counts_as_many_placements() -> None:
    wrapped = gymnasium.wrappers.TimeLimit(make_env(EnvConfig())(), 50)
    agent = TetrisAgent(wrapped, SMALL.with_changes(n_envs=1, n_steps=3)).train(120)

    batch = agent.model._sample_rows(200)

    assert isinstance(agent.model.replay_buffer, NStepReplayBuffer)
    assert set(batch.discounts.tolist()) == {0.5, 0.25, 0.125}


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_values_are_the_same_with_gradients_and_without(activation: str) -> None:
    agent = TetrisAgent(make_env(EnvConfig())(), SMALL.with_changes(net_arch=(16, 8), activation=activation))
    network = agent.model.policy_net
    rows = agent.train(200).model._sample_rows(64).rows_t
    kept = rows.clone()
    with torch.no_grad():
        values = network.score(rows)

    torch.testing.assert_close(values, network.score(rows).detach(), rtol=1e-5, atol=1e-6)
    assert torch.equal(rows, kept)


def test_transitions_are_mirrored_if_configured() -> None:
    game = make_env(EnvConfig(features=("column_heights",)))()
    plain, mirroring = (
        TetrisAgent(game, SMALL.with_changes(mirroring=mirroring)).train(400).model._sample_rows(200).rows_t
        for mirroring in (False, True)
    )

    assert not torch.equal(plain, mirroring)


def test_a_game_without_a_mirror_image_is_refused() -> None:
    rule = "mirroring requires a game of tetrarium that is symmetric left to right"
    config = SMALL.with_changes(mirroring=True)
    with pytest.raises(ConfigError, match=rf"{rule}; got the pieces 'IOTL'\. Set mirroring=False\."):
        TetrisAgent(make_env(EnvConfig(randomizer="IOTL"))(), config)
    with pytest.raises(ConfigError, match=rf"{rule}; got the pieces 'uniform:SZL'\. Set mirroring=False\."):
        TetrisAgent(make_env(EnvConfig(randomizer="uniform:SZL"))(), config)
    TetrisAgent(make_env(EnvConfig(randomizer="uniform:SZLJO"))(), config)
    wrapped = gymnasium.wrappers.TimeLimit(make_env(EnvConfig())(), 50)
    with pytest.raises(ConfigError, match=rf"{rule}; got DummyVecEnv\. Set mirroring=False\."):
        TetrisAgent(wrapped, config.with_changes(n_envs=1))
