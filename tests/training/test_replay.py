"""The compact buffer against Stable-Baselines3's own, fed the same transitions."""

import pickle
from collections.abc import Iterator

import numpy as np
import pytest
from stable_baselines3.common.buffers import ReplayBuffer

from tetrarium.environment import EnvConfig
from tetrarium.environment.vec_env import TetrisVecEnv, make_vec_env
from tetrarium.training.algorithms.replay import CompactReplayBuffer

CONFIGS = [
    EnvConfig(max_pieces=40),
    EnvConfig.literature(height=8),
    EnvConfig(width=16, height=40, preview=6, features=("column_heights", "holes", "next_pieces"), max_pieces=30),
]


def steps(envs: TetrisVecEnv, n_steps: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Plays random actions; yields what Stable-Baselines3 hands to a buffer."""
    random = np.random.default_rng(0)
    obs_t = envs.reset()
    for _ in range(n_steps):
        actions = random.integers(0, envs.action_space.n, envs.num_envs)
        obs_tp1, rewards, dones, infos = envs.step(actions)
        final = obs_tp1.copy()
        for index in np.flatnonzero(dones):
            final[index] = infos[index]["terminal_observation"]
        yield obs_t, final, np.array([info["action"] for info in infos]), rewards, dones, infos
        obs_t = obs_tp1


def filled(config: EnvConfig, size: int, n_steps: int, n_envs: int = 3) -> tuple[CompactReplayBuffer, ReplayBuffer]:
    """Fills both buffers alike."""
    envs = make_vec_env(config, n_envs, seed=1)
    arguments = (size, envs.observation_space, envs.action_space, "cpu", n_envs)
    compact = CompactReplayBuffer(*arguments, env_config=config.to_dict(), seed=0)
    theirs = ReplayBuffer(*arguments)
    for obs_t, obs_tp1, actions, rewards, dones, infos in steps(envs, n_steps):
        compact.add_step(envs.core, rewards)
        theirs.add(obs_t, obs_tp1, actions, rewards, dones, infos)
    return compact, theirs


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("n_steps", [50, 130])
def test_every_transition_is_stable_baselines3s_own(config: EnvConfig, n_steps: int) -> None:
    compact, theirs = filled(config, size=300, n_steps=n_steps)

    assert (compact.pos, compact.full, compact.size()) == (theirs.pos, theirs.full, theirs.size())
    for env in range(3):
        places = np.arange(compact.size())
        envs = np.full(len(places), env)
        ours = compact.samples_at(places, envs)
        assert np.array_equal(ours.observations.numpy(), theirs.observations[places, env])
        assert np.array_equal(ours.next_observations.numpy(), theirs.next_observations[places, env])
        assert np.array_equal(ours.actions.numpy(), theirs.actions[places, env])
        assert np.array_equal(ours.rewards.numpy()[:, 0], theirs.rewards[places, env])
        terminal = theirs.dones[places, env] * (1 - theirs.timeouts[places, env])
        assert np.array_equal(ours.dones.numpy()[:, 0], terminal)
    assert theirs.dones.sum() > 0


def test_rows_are_those_of_whole_observations() -> None:
    compact, _ = filled(EnvConfig(max_pieces=40), size=300, n_steps=80)
    compact.random = np.random.default_rng(4)
    rows = compact.sample_rows(64)
    compact.random = np.random.default_rng(4)
    whole = compact.sample(64)

    every = np.arange(64)
    assert np.array_equal(rows.rows_t, whole.observations[every, whole.actions[:, 0]])
    assert np.array_equal(rows.rows_tp1, whole.next_observations)
    assert np.array_equal(rows.rewards, whole.rewards[:, 0])
    assert np.array_equal(rows.terminal, whole.dones[:, 0] > 0)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_transition_takes_at_most_140_bytes_in_memory_and_on_disk(config: EnvConfig) -> None:
    compact, _ = filled(config, size=30_000, n_steps=5_000)
    empty, _ = filled(config, size=30_000, n_steps=0)
    n_transitions = 15_000

    assert compact.size() * compact.n_envs == n_transitions
    assert compact.bytes_per_transition <= 140
    assert len(pickle.dumps(compact, protocol=5)) - len(pickle.dumps(empty, protocol=5)) <= 140 * n_transitions


def test_only_the_filled_part_is_pickled_and_comes_back() -> None:
    compact, _ = filled(EnvConfig(), size=300_000, n_steps=50)
    data = pickle.dumps(compact, protocol=5)
    other = pickle.loads(data)

    assert len(data) < 30_000
    assert (other.pos, other.full, other.buffer_size) == (50, False, 100_000)
    assert np.array_equal(other.sample_rows(32).rows_tp1, compact.sample_rows(32).rows_tp1)


def test_a_full_buffer_comes_back_and_goes_on_where_it_was() -> None:
    compact, _ = filled(EnvConfig(), size=60, n_steps=33)
    other = pickle.loads(pickle.dumps(compact))

    assert (other.pos, other.full) == (13, True)
    assert np.array_equal(other.columns, compact.columns)


def test_normalised_observations_are_refused() -> None:
    from stable_baselines3.common.vec_env import VecNormalize

    compact, _ = filled(EnvConfig(), size=60, n_steps=5)
    with pytest.raises(ValueError, match="Train without VecNormalize"):
        compact.sample(4, env=VecNormalize(make_vec_env(EnvConfig(), 3)))


def test_observations_alone_cannot_be_added() -> None:
    compact, _ = filled(EnvConfig(), size=60, n_steps=5)
    with pytest.raises(TypeError, match="Call add_step"):
        compact.add(None, None, None, None, None, None)
