"""Uses of ``TetrisAgent`` that other libraries' users know: callbacks, copies, subclasses and saved models."""

import copy
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from tetrarium.environment import EnvConfig, TetrisEnv, TetrisVecEnv, make_env, make_vec_env
from tetrarium.errors import CheckpointError, ConfigError, TetrariumError
from tetrarium.training import RoundCallback, TetrisAgent, TetrisDQN, TetrisMaskablePPO, TetrisQRDQN, TrainingConfig
from tetrarium.training.config import ALGORITHMS

SMALL = TrainingConfig(
    n_envs=3, learning_starts=12, batch_size=8, net_arch=(8,), buffer_size=300, seed=1, n_steps=3, ppo_n_steps=8,
    cma_population=4, cma_games=1, max_pieces_game=20,
)  # fmt: skip
RAISING = EnvConfig(width=6, height=8, illegal_action="raise")


class StopAfter(BaseCallback):
    """Stops inside a round after some steps, in one of the ways that a callback can."""

    def __init__(self, n_calls: int, error: type[BaseException] | None = None) -> None:
        super().__init__()
        self._n_calls_allowed = n_calls
        self._error = error

    def _on_step(self) -> bool:
        if self.n_calls >= self._n_calls_allowed and self._error is not None:
            raise self._error
        return self.n_calls < self._n_calls_allowed


@pytest.mark.parametrize("algorithm", ["dqn", "qr-dqn", "maskable-ppo"])
@pytest.mark.parametrize("env", ["plain", "other"])
def test_training_after_an_interruption_starts_from_the_present_observation(algorithm: str, env: str) -> None:
    config = SMALL.with_changes(algorithm=algorithm)
    games: Any = make_env(RAISING)()
    if env == "other":
        games = DummyVecEnv([make_env(RAISING) for _ in range(3)])
    agent = TetrisAgent(games, config)
    for n_calls, error in [(1, None), (5, None), (2, ValueError), (3, KeyboardInterrupt), (4, None)]:
        if error is None:
            agent.train(1_000, StopAfter(n_calls))
        else:
            with pytest.raises(error):
                agent.train(1_000, StopAfter(n_calls, error))
        masks = np.stack(agent.vec_env.env_method("action_masks"))
        np.testing.assert_array_equal(agent.model._last_obs[..., 0] >= 0, masks)
    agent.train(60)


def test_training_starts_from_games_that_were_played_in_between() -> None:
    agent = TetrisAgent(make_env(RAISING)(), SMALL).train(30)
    evaluate_policy(agent, agent.vec_env, n_eval_episodes=3)
    agent.train(30)


def test_n_step_returns_end_where_a_transition_was_lost() -> None:
    agent = TetrisAgent(make_env(EnvConfig(width=6))(), SMALL).train(30)
    agent.train(1_000, StopAfter(4))
    buffer = agent.model.replay_buffer
    latest = buffer.pos - 1
    assert buffer.endings[latest].tolist() == [2, 2, 2]
    assert buffer.endings[latest - 1].tolist() == [0, 0, 0]
    agent.train(30)
    (steps, _), _, _ = buffer._returns((np.full(3, latest), np.arange(3)), 3, 0.9)
    assert steps.tolist() == [latest] * 3


def test_a_checkpoint_within_a_round_is_refused(tmp_path: Path) -> None:
    class Save(BaseCallback):
        def _on_step(self) -> bool:
            agent.save_checkpoint(tmp_path / "one")
            return True

    class Train(BaseCallback):
        def _on_step(self) -> bool:
            agent.train(10)
            return True

    class SaveBetweenRounds(RoundCallback):
        def on_round_end(self) -> bool:
            agent.save_checkpoint(tmp_path / "two")
            return False

    agent = TetrisAgent(make_env(EnvConfig())(), SMALL)
    with pytest.raises(CheckpointError, match=r"^A checkpoint is exact between rounds only; got a call .*\. Save it in "
                       r"on_round_end of a tetrarium\.training\.RoundCallback\.$"):  # fmt: skip
        agent.train(30, Save())
    assert not (tmp_path / "one").exists()
    with pytest.raises(TetrariumError, match="A callback may not train its own agent"):
        agent.train(30, Train())
    agent.train(30, SaveBetweenRounds())
    loaded = TetrisAgent.load_checkpoint(tmp_path / "two", make_env(EnvConfig())())
    assert loaded.timesteps_trained == agent.timesteps_trained


class Noted(BaseCallback):
    """Notes when it began and ended, and what it was given."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.notes: list[Any] = []
        self._fails = fails

    def _on_training_start(self) -> None:
        if self._fails:
            raise RuntimeError("no bar")
        self.notes.append((self.locals["total_timesteps"] - self.model.num_timesteps, self.locals["self"]))

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self.notes.append("ended")


@pytest.mark.parametrize("algorithm", ["dqn", "cma-es"])
def test_callbacks_receive_what_learn_gives_and_only_begun_ones_end(algorithm: str) -> None:
    agent = TetrisAgent(make_env(EnvConfig(height=6))(), SMALL.with_changes(algorithm=algorithm))
    noted = Noted()
    agent.train(33, CallbackList([noted]))
    assert noted.notes == [(33, agent.model), "ended"]
    first, failing, last = Noted(), Noted(fails=True), Noted()
    with pytest.raises(RuntimeError, match="no bar"):
        agent.train(3_000, [first, failing, last])
    assert [len(one.notes) for one in (first, failing, last)] == [2, 0, 0]
    assert agent.steps_requested <= agent.timesteps_trained


@pytest.mark.parametrize("callback", [5, "bar", Noted, [Noted(), 5], [Noted]])
def test_other_objects_are_no_callbacks(callback: Any) -> None:
    agent = TetrisAgent(make_env(EnvConfig())(), SMALL)
    with pytest.raises(ConfigError, match=r"^A callback is an object of Stable-Baselines3's BaseCallback, or a func"):
        agent.train(30, callback)
    assert agent.steps_requested == 0


class TenfoldEnv(TetrisEnv):
    """Subclass with another reward."""

    def step(self, action: Any) -> Any:
        observation, _, *rest = TetrisEnv.step(self, action)
        return observation, 10.0, *rest


class TenfoldVecEnv(TetrisVecEnv):
    """Subclass with another reward."""

    def step_wait(self) -> Any:
        observations, rewards, dones, infos = super().step_wait()
        return observations, np.full_like(rewards, 10.0), dones, infos


def patched_env() -> TetrisEnv:
    env = TetrisEnv()
    env.step = partial(TenfoldEnv.step, env)  # type: ignore[method-assign]
    return env


@pytest.mark.parametrize("make", [TenfoldEnv, patched_env, lambda: TenfoldVecEnv(EnvConfig(), 3)])
def test_a_subclass_is_trained_on_as_it_is(make: Callable[[], Any], tmp_path: Path) -> None:
    agent = TetrisAgent(make(), SMALL.with_changes(n_envs=1)).train(45)
    stored = agent.model.replay_buffer.rewards[: agent.model.replay_buffer.pos]
    assert set(stored.ravel().tolist()) == {10.0}
    assert agent.env_config == EnvConfig()
    with pytest.raises(CheckpointError, match="cannot export it"):
        agent.save_checkpoint(tmp_path / "one")


def test_observations_that_hide_illegal_actions_are_refused() -> None:
    env = VecNormalize(make_vec_env(EnvConfig(), 2), norm_obs=True)
    with pytest.raises(ConfigError, match="got VecNormalize, which changes it"):
        TetrisAgent(env, SMALL)
    TetrisAgent(VecNormalize(make_vec_env(EnvConfig(), 2), norm_obs=False), SMALL).train(40)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_copies_of_agents_train_on_as_the_original(algorithm: str) -> None:
    agent = TetrisAgent(make_env(EnvConfig(height=5))(), SMALL.with_changes(algorithm=algorithm)).train(40)
    state = torch.get_rng_state()
    results = []
    for one in (copy.copy(agent), copy.deepcopy(agent), pickle.loads(pickle.dumps(agent)), agent):
        torch.set_rng_state(state)  # the policy of PPO draws from it
        one.train(agent.timesteps_trained)
        weights = {name: value.tobytes() for name, value in one.learner.weights().items()}
        results.append((one.timesteps_trained, weights, one.vec_env.state()["rows"].tobytes(), one.statistics.state()))
    assert results[0] == results[1] == results[2] == results[3]


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("dqn", TetrisDQN), ("qr-dqn", TetrisQRDQN), ("maskable-ppo", TetrisMaskablePPO)]
)
def test_saved_models_load_by_their_public_class(algorithm: str, kind: Any, tmp_path: Path) -> None:
    agent = TetrisAgent(make_env(EnvConfig(height=6))(), SMALL.with_changes(algorithm=algorithm)).train(60)
    agent.model.save(tmp_path / "m")
    loaded = kind.load(tmp_path / "m")
    observations = make_vec_env(EnvConfig(height=6), 50, seed=3).reset()
    expected = agent.predict(observations)[0]
    np.testing.assert_array_equal(loaded.predict(observations, deterministic=True)[0], expected)
    again = kind.load(tmp_path / "m", env=make_vec_env(EnvConfig(height=6), 3))
    again.learn(30, reset_num_timesteps=False)
    assert again.num_timesteps > agent.timesteps_trained


def test_settings_may_be_a_mapping() -> None:
    agent = TetrisAgent(TetrisEnv({"width": 6}), {"n_envs": 2, "net_arch": [4]})
    assert (agent.config.n_envs, agent.config.net_arch, agent.env_config) == (2, (4,), EnvConfig(width=6))
    with pytest.raises(
        ConfigError, match=r"^config is an instance of TrainingConfig or a mapping of its settings; got 'quick'"
    ):
        TetrisAgent(TetrisEnv(), "quick")  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", ["dqn", "ppo", "maskable-ppo", "cma-es"])
@pytest.mark.parametrize("observation", ["x", None, [[1.0, 2.0]], np.zeros((2, 2, 40, 23)), {"board": 1}])
def test_predict_refuses_other_observations(algorithm: str, observation: Any) -> None:
    agent = TetrisAgent(TetrisEnv(), SMALL.with_changes(algorithm=algorithm))
    with pytest.raises(ConfigError, match=r"^An observation has shape \(40, 23\), alone or in a batch; got "):
        agent.predict(observation)


def test_batches_count_as_wrapped_in_a_monitor() -> None:
    envs = VecNormalize(make_vec_env(EnvConfig(height=5), 2), norm_obs=False, gamma=0.9)
    assert envs.env_is_wrapped(Monitor) == [True, True]
    assert envs.env_is_wrapped(TenfoldEnv) == [False, False]
    agent = TetrisAgent(TetrisEnv(EnvConfig(height=5, line_reward=5.0)), SMALL)
    returns, _ = evaluate_policy(agent, envs, n_eval_episodes=4, return_episode_rewards=True)
    assert all(float(one).is_integer() for one in returns)
