"""The compact replay buffer against Stable-Baselines3's own, with the same transitions."""

import pickle
from collections.abc import Iterator

import numpy as np
import pytest
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer

from tetrarium.environment import EnvConfig
from tetrarium.environment.interfaces.vec_env import TetrisVecEnv, make_vec_env
from tetrarium.training.algorithms.replay_buffer import CompactReplayBuffer

CONFIGS = [
    EnvConfig(max_pieces=40),
    EnvConfig.literature(height=8),
    EnvConfig(width=16, height=40, preview=6, features=("column_heights", "holes", "next_pieces"), max_pieces=30),
    EnvConfig(hold=True, preview=2, features=("column_heights", "holes", "next_pieces", "held_piece"), max_pieces=40),
    EnvConfig.guideline().with_changes(width=6, height=6, max_pieces=30),
    EnvConfig(actions="reachable", hold=True, width=5, height=6, features=("max_height", "held_piece"), max_pieces=30),
]


def steps(envs: TetrisVecEnv, n_steps: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Plays random actions; yields the arguments that Stable-Baselines3 passes to a buffer."""
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


def filled(
    config: EnvConfig, size: int, n_steps: int, n_envs: int = 3, kind: type[ReplayBuffer] = ReplayBuffer
) -> tuple[CompactReplayBuffer, ReplayBuffer]:
    """Fills both buffers with the same transitions."""
    envs = make_vec_env(config, n_envs, seed=1)
    arguments = (size, envs.observation_space, envs.action_space, "cpu", n_envs)
    compact = CompactReplayBuffer(*arguments, env_config=config.to_dict(), seed=0)
    theirs = kind(*arguments)
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
    rows = compact.sample_rows(64, n_steps=1, gamma=0.9)
    compact.random = np.random.default_rng(4)
    whole = compact.sample(64)

    every = np.arange(64)
    assert np.array_equal(rows.rows_t, whole.observations[every, whole.actions[:, 0]])
    assert np.array_equal(rows.rows_tp1, whole.next_observations)
    assert np.array_equal(rows.rewards, whole.rewards[:, 0])
    assert np.array_equal(rows.terminal, whole.dones[:, 0] > 0)
    assert np.array_equal(rows.discounts, np.full(64, 0.9, dtype=np.float32))


@pytest.mark.parametrize("n_steps", [1, 3, 10])
@pytest.mark.parametrize("n_stored", [35, 130])
@pytest.mark.parametrize("config", CONFIGS[:2])
def test_returns_over_several_placements_are_stable_baselines3s_own(
    config: EnvConfig, n_stored: int, n_steps: int
) -> None:
    compact, theirs = filled(config, size=40, n_steps=n_stored, n_envs=1, kind=NStepReplayBuffer)
    assert isinstance(theirs, NStepReplayBuffer)
    theirs.n_steps, theirs.gamma = n_steps, 0.9
    random = np.random.default_rng(7)
    compact.rewards[:] = theirs.rewards[:] = random.normal(size=(40, 1)).astype(np.float32)
    compact.random = np.random.default_rng(4)
    ours = compact.sample_rows(500, n_steps, 0.9)
    places = np.random.default_rng(4).integers(0, compact.size(), size=500)
    samples = theirs._get_samples(places)

    assert samples.discounts is not None
    assert set(places) == set(range(compact.size()))
    assert np.array_equal(ours.rows_t, samples.observations[np.arange(500), samples.actions[:, 0]])
    assert np.array_equal(ours.rows_tp1, samples.next_observations)
    assert np.allclose(ours.rewards, samples.rewards[:, 0], rtol=0, atol=1e-5)
    assert np.allclose(ours.discounts, samples.discounts[:, 0], rtol=1e-5)
    assert np.array_equal(ours.terminal, samples.dones[:, 0] > 0)


@pytest.mark.parametrize("n_steps", [1, 3])
def test_mirroring_swaps_left_and_right_before_and_after_in_about_half(n_steps: int) -> None:
    config = EnvConfig(max_pieces=40, preview=2, features=("column_heights", "next_pieces"))
    compact, _ = filled(config, size=3_000, n_steps=900)
    compact.random = np.random.default_rng(4)
    plain = compact.sample_rows(400, n_steps, 0.9)
    compact.random = np.random.default_rng(4)
    rows = compact.sample_rows(400, n_steps, 0.9, mirroring=True)

    swapped = [10 + 7 * k + "IOTLJSZ".index(piece) for k in range(2) for piece in "IOTJLZS"]
    order = [*range(9, -1, -1), *swapped]
    n_kept = n_swapped = 0
    for k in range(400):
        kept = np.array_equal(rows.rows_t[k], plain.rows_t[k])
        n_kept += kept
        n_swapped += np.array_equal(rows.rows_t[k], plain.rows_t[k][order])
        expected = plain.rows_tp1[k] if kept else plain.rows_tp1[k][:, order]
        assert sorted(rows.rows_tp1[k].tolist()) == sorted(expected.tolist())
    assert n_kept + n_swapped >= 400
    assert 160 <= n_kept <= 240
    for name in ("rewards", "terminal", "discounts"):
        assert np.array_equal(getattr(rows, name), getattr(plain, name))


# transitions of one game in places 0 to 5; it terminates after place 1 and is truncated after place 4
COUNTED = [  # place, rewards counted, power of gamma, place whose board follows, terminal
    (0, (1, 2), 2, 1, True),
    (1, (2,), 1, 1, True),
    (2, (4, 8, 16), 3, 4, False),
    (3, (8, 16), 2, 4, False),
    (4, (16,), 1, 4, False),
    (5, (32,), 1, 5, False),
]


@pytest.mark.parametrize("n_stored", [6, 12], ids=["filling", "full, the write head back at place 0"])
def test_returns_stop_at_termination_truncation_and_the_latest_placement(n_stored: int) -> None:
    compact, _ = filled(EnvConfig(), size=6 if n_stored == 12 else 60, n_steps=n_stored, n_envs=1)
    compact.rewards[:6, 0] = 1, 2, 4, 8, 16, 32
    compact.endings[:6, 0] = 0, 1, 0, 0, 2, 0
    compact.random = np.random.default_rng(4)
    rows = compact.sample_rows(50, n_steps=3, gamma=0.5)
    places = np.random.default_rng(4).integers(0, 6, size=50)

    for k, place in enumerate(places):
        _, rewards, power, last, terminal = COUNTED[place]
        followed = compact.samples_at(np.array([last]), np.array([0])).next_observations[0]
        assert rows.rewards[k] == sum(0.5**i * reward for i, reward in enumerate(rewards))
        assert rows.discounts[k] == 0.5**power
        assert np.array_equal(rows.rows_tp1[k], followed)
        assert bool(rows.terminal[k]) is terminal


@pytest.mark.parametrize("config", CONFIGS)
def test_a_transition_takes_at_most_140_bytes_in_memory_and_on_disk(config: EnvConfig) -> None:
    compact, _ = filled(config, size=30_000, n_steps=5_000)
    empty, _ = filled(config, size=30_000, n_steps=0)
    n_transitions = 15_000

    assert compact.size() * compact.n_envs == n_transitions
    assert compact.bytes_per_transition <= 140
    assert len(pickle.dumps(compact, protocol=5)) - len(pickle.dumps(empty, protocol=5)) <= 140 * n_transitions


def test_only_the_filled_part_is_pickled_and_restored() -> None:
    compact, _ = filled(EnvConfig(), size=300_000, n_steps=50)
    data = pickle.dumps(compact, protocol=5)
    other = pickle.loads(data)

    assert len(data) < 30_000
    assert (other.pos, other.full, other.buffer_size) == (50, False, 100_000)
    assert np.array_equal(other.sample_rows(32, 3, 0.9).rows_tp1, compact.sample_rows(32, 3, 0.9).rows_tp1)


def test_a_full_buffer_is_restored_at_its_position() -> None:
    compact, _ = filled(EnvConfig(), size=60, n_steps=33)
    other = pickle.loads(pickle.dumps(compact))

    assert (other.pos, other.full) == (13, True)
    assert np.array_equal(other.columns, compact.columns)


def test_normalized_observations_are_refused() -> None:
    from stable_baselines3.common.vec_env import VecNormalize

    compact, _ = filled(EnvConfig(), size=60, n_steps=5)
    with pytest.raises(ValueError, match="Train without VecNormalize"):
        compact.sample(4, env=VecNormalize(make_vec_env(EnvConfig(), 3)))


def test_observations_alone_cannot_be_added() -> None:
    compact, _ = filled(EnvConfig(), size=60, n_steps=5)
    with pytest.raises(TypeError, match="Call add_step"):
        compact.add(None, None, None, None, None, None)
