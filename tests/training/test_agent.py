"""``TetrisAgent``: training, reproducibility, and exact saving and loading."""

import hashlib
import json
import os
import pickle
import platform
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor

from tetrarium.environment import EnvConfig, TetrisEnv, make_env
from tetrarium.errors import (
    CheckpointError,
    ConfigError,
    DamagedCheckpointError,
    TetrariumError,
    UntrustedCheckpointError,
)
from tetrarium.evaluation import evaluate
from tetrarium.training import TetrisAgent, TrainingConfig, read_policy
from tetrarium.training.algorithms.learner import to_numpy
from tetrarium.training.algorithms.networks import network_layers
from tetrarium.training.algorithms.replay_buffer import STORED
from tetrarium.training.callbacks import RoundCallback

SMALL = TrainingConfig(
    n_envs=4, total_timesteps=2_000, learning_starts=40, batch_size=16, net_arch=(8,), buffer_size=400, seed=3,
    target_update_interval=100, n_steps=3,
)  # fmt: skip


def fingerprint(agent: TetrisAgent) -> dict[str, Any]:
    """Returns the state that must be equal, byte for byte, after equal training."""
    model = agent.model
    replay = model.replay_buffer
    assert model.q_net_averaged is not None
    weights = [*model.policy.state_dict().values(), *model.q_net_averaged.state_dict().values()]
    moments = [value for state in model.policy.optimizer.state.values() for value in state.values()]
    return {
        "weights": [value.numpy().tobytes() for value in weights],
        "optimizer": [value.numpy().tobytes() for value in moments],
        "replay": [getattr(replay, name)[: replay.size()].tobytes() for name in STORED],
        "replay_state": (replay.pos, replay.full, replay.random.bit_generator.state),
        "games": agent.vec_env.state()["rows"].tobytes(),
        "statistics": agent.statistics.state(),
        "steps": (agent.timesteps_trained, model._n_updates, model._n_calls, model.exploration_rate),
    }


def first_layer(network: torch.nn.Module) -> Any:
    """Returns the weights of a network's first layer."""
    return network_layers(to_numpy(network.state_dict()))[0][0]


@pytest.fixture
def env() -> TetrisEnv:
    return make_env(EnvConfig())()


class TestTraining:
    def test_train_adds_the_given_number_of_steps(self, env: TetrisEnv) -> None:
        agent = TetrisAgent(env, SMALL)
        agent.train(100)
        agent.train(60)

        assert agent.timesteps_trained == 160

    def test_training_in_parts_equals_training_at_once(self, env: TetrisEnv) -> None:
        whole, agent = TetrisAgent(env, SMALL).train(600), TetrisAgent(env, SMALL)
        for n_steps in (0, 1, 199, 400):
            agent.train(n_steps)

        assert fingerprint(agent) == fingerprint(whole)

    def test_a_negative_number_of_steps_is_refused(self, env: TetrisEnv) -> None:
        with pytest.raises(ConfigError, match="train expects 0 or more steps; got -5"):
            TetrisAgent(env, SMALL).train(-5)

    def test_a_goal_of_lines_stops_in_the_middle_of_a_game(self) -> None:
        config = EnvConfig(width=4, randomizer="I", preview=0)  # every horizontal I piece clears its row
        agent = TetrisAgent(make_env(config)(), SMALL.with_changes(target_lines=3, exploration_initial_eps=0.0))
        agent.train(100_000)

        assert 3 <= agent.statistics.best_lines_game <= 4
        assert agent.statistics.games_ended == 0

    def test_games_are_truncated_at_max_pieces_game(self, env: TetrisEnv) -> None:
        agent = TetrisAgent(env, SMALL.with_changes(max_pieces_game=5))
        agent.train(40)

        assert agent.statistics.games_ended == 8
        assert (agent.model.replay_buffer.endings == 2).sum() == 8

    def test_every_executed_action_was_legal(self, env: TetrisEnv) -> None:
        class Legal(BaseCallback):
            def _on_step(self) -> bool:
                core = self.training_env.core
                assert np.array_equal(self.locals["actions"], core.games.executed_actions)
                return True

        TetrisAgent(env, SMALL).train(400, Legal())

    def test_a_goal_works_in_a_wrapped_environment(self) -> None:
        config = EnvConfig(width=4, randomizer="I", preview=0)
        env = gymnasium.wrappers.TimeLimit(make_env(config)(), 100)
        agent = TetrisAgent(env, SMALL.with_changes(n_envs=1, target_lines=2, exploration_initial_eps=0.0)).train(2_000)

        assert agent.statistics.best_lines_game >= 2
        assert agent.timesteps_trained < 2_000

    @pytest.mark.parametrize("n_steps", [10.5, "10", None])
    def test_steps_are_a_whole_number(self, env: TetrisEnv, n_steps: Any) -> None:
        with pytest.raises(ConfigError, match="train expects an integer number of steps; got"):
            TetrisAgent(env, SMALL).train(n_steps)

    def test_numpy_step_counts_can_be_saved(self, env: TetrisEnv, tmp_path: Path) -> None:
        TetrisAgent(env, SMALL).train(np.int64(40)).save_checkpoint(tmp_path / "one")

        assert TetrisAgent.load_checkpoint(tmp_path / "one", env).timesteps_trained == 40

    def test_torchs_thread_count_is_restored(self, env: TetrisEnv) -> None:
        torch.set_num_threads(2)
        TetrisAgent(env, SMALL).train(40)

        assert torch.get_num_threads() == 2

    def test_an_sb3_callback_stops_immediately(self, env: TetrisEnv) -> None:
        class Stop(BaseCallback):
            def _on_step(self) -> bool:
                return self.num_timesteps < 100

        agent = TetrisAgent(env, SMALL).train(2_000, [Stop()])

        assert agent.timesteps_trained == 100

    def test_a_loss_that_is_not_finite_stops_training(self, env: TetrisEnv) -> None:
        agent = TetrisAgent(env, SMALL).train(100)
        with torch.no_grad():
            next(agent.model.q_net.parameters()).fill_(torch.nan)

        with pytest.raises(TetrariumError, match="The loss was not finite at step"):
            agent.train(100)


class TestPredicting:
    def test_one_observation_and_a_batch(self, env: TetrisEnv) -> None:
        agent = TetrisAgent(env, SMALL)
        observation, info = env.reset(seed=0)
        action, _ = agent.predict(observation)
        actions, _ = agent.predict(np.stack([observation, observation]))

        assert info["action_mask"][action]
        assert actions.tolist() == [action, action]

    def test_an_observation_of_another_shape_is_refused(self, env: TetrisEnv) -> None:
        with pytest.raises(ConfigError, match=r"An observation has shape \(40, 23\), .*; got \(3,\)"):
            TetrisAgent(env, SMALL).predict([1.0, 2.0, 3.0])

    def test_the_compiled_policy_chooses_as_the_agent_does(self, env: TetrisEnv) -> None:
        agent = TetrisAgent(env, SMALL).train(400)
        observation, _ = env.reset(seed=0)
        chosen = []
        for _ in range(50):
            action, _ = agent.predict(observation)
            chosen.append(int(action))
            observation, _, over, _, _ = env.step(action)
            if over:
                break
        from tetrarium.evaluation import play_moves

        moves = play_moves(agent, EnvConfig(), seed=0, game=0)
        assert [move.action for move, _ in zip(moves, chosen, strict=False)] == chosen

    def test_averaged_weights_are_the_policy_if_averaging_is_on(self, env: TetrisEnv) -> None:
        agent = TetrisAgent(env, SMALL).train(400)
        latest = TetrisAgent(env, SMALL.with_changes(averaging=0.0)).train(400)

        assert agent.model.policy_net is agent.model.q_net_averaged
        assert latest.model.policy_net is latest.model.q_net
        averaged, weights = first_layer(agent.model.policy_net), first_layer(latest.model.policy_net)
        assert np.array_equal(first_layer(agent.model.q_net), weights)
        assert not np.array_equal(averaged, weights)

    def test_exploration_chooses_legal_actions(self, env: TetrisEnv) -> None:
        agent = TetrisAgent(env, SMALL)
        agent.model.exploration_rate = 1.0
        observation, info = env.reset(seed=0)
        actions, _ = agent.predict(np.stack([observation] * 500), deterministic=False)

        assert set(actions.tolist()) == set(np.flatnonzero(info["action_mask"]).tolist())


class TestEnvironments:
    def test_a_wrapped_environment_is_not_unwrapped(self) -> None:
        env = gymnasium.wrappers.TimeLimit(make_env(EnvConfig())(), 30)
        with pytest.warns(
            UserWarning, match=r"is one game; got n_envs=4, which counts as 1\. Pass n_envs=1, or a VecEnv"
        ):
            agent = TetrisAgent(env, SMALL)
        agent.train(200)

        assert agent.timesteps_trained == 200
        assert agent.vec_env.num_envs == 1
        assert agent.vec_env.env_is_wrapped(Monitor) == [True]
        assert [episode["l"] for episode in agent.model.ep_info_buffer][:3] == agent.vec_env.env_method(
            "get_episode_lengths"
        )[0][:3]
        assert evaluate(agent, EnvConfig(), n_games=2, seed=0, max_pieces=20).n_games == 2

    @pytest.mark.parametrize("env", [EnvConfig(), make_env(EnvConfig())])
    def test_objects_other_than_environments_are_refused(self, env: Any) -> None:
        with pytest.raises(ConfigError, match=r"^An agent trains on an environment; got an object of .*\. Pass"):
            TetrisAgent(env, SMALL)

    def test_an_observation_without_rows_is_refused(self) -> None:
        env = gymnasium.wrappers.FlattenObservation(make_env(EnvConfig())())

        with pytest.raises(
            ConfigError, match=r"An agent reads observations of \(n_actions, n_features\); got \(920,\)"
        ):
            TetrisAgent(env, SMALL)

    def test_a_wrapped_environment_without_state_is_not_saved(self, tmp_path: Path) -> None:
        agent = TetrisAgent(gymnasium.wrappers.TimeLimit(make_env(EnvConfig())(), 30), SMALL.with_changes(n_envs=1))

        with pytest.raises(CheckpointError, match="cannot export it"):
            agent.save_checkpoint(tmp_path / "one")


class TestCheckpoints:
    def test_an_agent_that_mirrors_its_games_is_saved_and_loaded(self, env: TetrisEnv, tmp_path: Path) -> None:
        config = SMALL.with_changes(mirroring=True)
        whole = TetrisAgent(env, config).train(600)
        TetrisAgent(env, config).train(233).save_checkpoint(tmp_path / "one")
        loaded = TetrisAgent.load_checkpoint(tmp_path / "one", env)
        loaded.train(600 - 233)

        assert fingerprint(loaded) == fingerprint(whole)

    def test_a_checkpoint_inside_a_round_resumes_for_the_remaining_steps(self, env: TetrisEnv, tmp_path: Path) -> None:
        class Save(RoundCallback):
            def on_round_end(self) -> bool:
                if self.num_timesteps == 200:
                    agent.save_checkpoint(tmp_path / "one")
                return True

        agent = TetrisAgent(env, SMALL)
        agent.train(600, Save())
        loaded = TetrisAgent.load_checkpoint(tmp_path / "one", env).train(100)
        assert loaded.timesteps_trained == 300

        loaded.train(300)
        assert fingerprint(loaded) == fingerprint(agent)

    def test_a_loaded_agent_predicts_identically(self, env: TetrisEnv, tmp_path: Path) -> None:
        agent = TetrisAgent(env, SMALL).train(400)
        agent.save_checkpoint(tmp_path / "one")
        loaded = TetrisAgent.load_checkpoint(str(tmp_path / "one"), env)
        observation, _ = env.reset(seed=8)

        for _ in range(20):
            action, _ = agent.predict(observation)
            assert loaded.predict(observation)[0] == action
            observation, _, over, _, _ = env.step(action)
            if over:
                observation, _ = env.reset()
        assert loaded.timesteps_trained == 400

    def test_weights_alone_play_as_the_agent_does(self, env: TetrisEnv, tmp_path: Path) -> None:
        for config in (SMALL, SMALL.with_changes(averaging=0.0)):
            agent = TetrisAgent(env, config).train(400)
            agent.save_checkpoint(tmp_path / "one")
            policy, env_config = read_policy(tmp_path / "one")

            assert env_config == EnvConfig()
            ours = evaluate(agent, EnvConfig(), n_games=5, seed=0, max_pieces=100)
            assert evaluate(policy, EnvConfig(), n_games=5, seed=0, max_pieces=100).games == ours.games

    def test_stable_baselines3_can_read_the_model(self, env: TetrisEnv, tmp_path: Path) -> None:
        agent = TetrisAgent(env, SMALL).train(200)
        agent.save_checkpoint(tmp_path / "one")

        alone = type(agent.model).load(tmp_path / "one" / "model.zip")
        observation, _ = env.reset(seed=1)

        assert isinstance(alone, DQN)
        assert alone.num_timesteps == 200
        assert np.array_equal(first_layer(alone.policy_net), first_layer(agent.model.policy_net))
        assert alone.predict(observation, deterministic=True)[0] == agent.predict(observation)[0]

    def test_a_checkpoint_of_another_home_requires_trust(
        self, env: TetrisEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        TetrisAgent(env, SMALL).save_checkpoint(tmp_path / "one")
        monkeypatch.setenv("TETRARIUM_HOME", str(tmp_path / "another home"))

        with pytest.raises(UntrustedCheckpointError, match="would run their programs, pass trust=True"):
            TetrisAgent.load_checkpoint(tmp_path / "one", env)
        assert TetrisAgent.load_checkpoint(tmp_path / "one", env, trust=True).timesteps_trained == 0

    def test_no_code_of_an_untrusted_checkpoint_is_executed(self, env: TetrisEnv, tmp_path: Path) -> None:
        class Payload:
            def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
                return (Path.write_text, (tmp_path / "run", "stranger"))

        TetrisAgent(env, SMALL).save_checkpoint(tmp_path / "one")
        (tmp_path / "one" / "replay_buffer.pkl").write_bytes(pickle.dumps(Payload()))

        for trust in (False, True):
            with pytest.raises(DamagedCheckpointError, match=r"replay_buffer\.pkl"):
                TetrisAgent.load_checkpoint(tmp_path / "one", env, trust=trust)
        assert not (tmp_path / "run").exists()

    def test_a_forged_checkpoint_executes_no_code(self, env: TetrisEnv, tmp_path: Path) -> None:
        class Payload:
            def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
                return (Path.write_text, (tmp_path / "run", "stranger"))

        TetrisAgent(env, SMALL.with_changes(averaging=0.0)).save_checkpoint(tmp_path / "one")
        path = tmp_path / "one" / "model.zip"
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, pickle.dumps(Payload(), protocol=2))
        metadata = json.loads((tmp_path / "one" / "metadata.json").read_text())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        metadata["files"]["model.zip"] = {"size": path.stat().st_size, "sha256": digest}
        (tmp_path / "one" / "metadata.json").write_text(json.dumps(metadata))

        with pytest.raises(UntrustedCheckpointError):
            TetrisAgent.load_checkpoint(tmp_path / "one", env)
        with pytest.raises(DamagedCheckpointError, match=r"The content of .* is invalid"):
            read_policy(tmp_path / "one")
        assert not (tmp_path / "run").exists()

    def test_nan_weights_count_as_damage(self, env: TetrisEnv, tmp_path: Path) -> None:
        agent = TetrisAgent(env, SMALL)
        assert agent.model.q_net_averaged is not None
        with torch.no_grad():
            next(agent.model.q_net_averaged.parameters()).fill_(torch.nan)
        agent.save_checkpoint(tmp_path / "one")

        with pytest.raises(DamagedCheckpointError, match=r"one' is invalid \(ConfigError\)"):
            read_policy(tmp_path / "one")

    @pytest.mark.parametrize(
        "name", ["model.zip", "replay_buffer.pkl", "averaged.safetensors", "games.safetensors", "random.json"]
    )
    @pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
    def test_a_damaged_file_is_named(self, env: TetrisEnv, tmp_path: Path, name: str, damage: str) -> None:
        TetrisAgent(env, SMALL).save_checkpoint(tmp_path / "one")
        path = tmp_path / "one" / name
        data = bytearray(path.read_bytes())
        if damage == "flip":
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
        elif damage == "cut":
            path.write_bytes(data[:-10])
        else:
            path.unlink()

        with pytest.raises(DamagedCheckpointError) as caught:
            TetrisAgent.load_checkpoint(tmp_path / "one", env)
        assert name in str(caught.value)

    def test_a_checkpoint_of_a_newer_version_is_refused(self, env: TetrisEnv, tmp_path: Path) -> None:
        TetrisAgent(env, SMALL).save_checkpoint(tmp_path / "one")
        path = tmp_path / "one" / "metadata.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 2}))

        with pytest.raises(CheckpointError, match=r"newer tetrarium .* Update tetrarium"):
            TetrisAgent.load_checkpoint(tmp_path / "one", env)

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            (EnvConfig(features=("holes", "max_height")), "features="),
            (EnvConfig(width=8), "width=10; this one has 8"),
            (EnvConfig(randomizer="uniform"), "randomizer='7-bag'; this one has 'uniform'"),
        ],
    )
    def test_a_checkpoint_of_another_game_is_refused(
        self, env: TetrisEnv, tmp_path: Path, config: EnvConfig, message: str
    ) -> None:
        TetrisAgent(env, SMALL).save_checkpoint(tmp_path / "one")

        with pytest.raises(CheckpointError) as caught:
            TetrisAgent.load_checkpoint(tmp_path / "one", make_env(config)())
        assert message in str(caught.value)

    def test_loading_a_missing_checkpoint_fails(self, env: TetrisEnv, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="There is no checkpoint at"):
            TetrisAgent.load_checkpoint(tmp_path / "none", env)


class TestStartingFrom:
    def test_only_weights_are_loaded(self, env: TetrisEnv, tmp_path: Path) -> None:
        teacher = TetrisAgent(env, SMALL).train(400)
        teacher.save_checkpoint(tmp_path / "one")
        agent = TetrisAgent(env, SMALL.with_changes(seed=8)).start_from(tmp_path / "one")

        assert agent.timesteps_trained == 0
        for network in (agent.model.q_net, agent.model.q_net_target, agent.model.q_net_averaged):
            assert np.array_equal(first_layer(network), first_layer(teacher.model.policy_net))

    def test_training_can_start_from_another_game_with_the_same_inputs(self, env: TetrisEnv, tmp_path: Path) -> None:
        TetrisAgent(env, SMALL).save_checkpoint(tmp_path / "one")
        agent = TetrisAgent(make_env(EnvConfig(randomizer="uniform"))(), SMALL).start_from(tmp_path / "one")

        assert agent.train(100).timesteps_trained == 100

    @pytest.mark.parametrize(
        ("config", "game", "message"),
        [
            (SMALL.with_changes(net_arch=(16,)), EnvConfig(), "net_arch=(8,), this agent (16,)"),
            (SMALL, EnvConfig(width=8), "width=10, this agent 8"),
            (SMALL.with_changes(activation="tanh"), EnvConfig(), "activation='relu', this agent 'tanh'"),
        ],
    )
    def test_another_network_is_refused_by_name(
        self, env: TetrisEnv, tmp_path: Path, config: TrainingConfig, game: EnvConfig, message: str
    ) -> None:
        TetrisAgent(env, SMALL).save_checkpoint(tmp_path / "one")

        with pytest.raises(CheckpointError) as caught:
            TetrisAgent(make_env(game)(), config).start_from(tmp_path / "one")
        assert message in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_checkpoint_of_a_gpu_loads_on_a_cpu(tmp_path: Path) -> None:
    agent = TetrisAgent(make_env(EnvConfig())(), SMALL).train(100)
    agent.learner.config = SMALL.with_changes(device="cuda")
    agent.save_checkpoint(tmp_path / "one")
    with pytest.raises(ConfigError, match="cuda"):
        TetrisAgent.load_checkpoint(tmp_path / "one", make_env(EnvConfig())())
    loaded = TetrisAgent.load_checkpoint(tmp_path / "one", make_env(EnvConfig())(), device="cpu")

    assert loaded.config == SMALL.with_changes(device="cpu")
    assert fingerprint(loaded)["weights"] == fingerprint(agent)["weights"]


ON_OTHER_CPU = """
import json, sys
from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import OtherCpuError
from tetrarium.evaluation import evaluate
from tetrarium.training import TetrisAgent, read_policy
games = evaluate(read_policy(sys.argv[1])[0], EnvConfig(), 3, max_pieces=40, n_threads=1).games
try:
    TetrisAgent.load_checkpoint(sys.argv[1], make_env(EnvConfig())())
except OtherCpuError as error:
    loaded = TetrisAgent.load_checkpoint(sys.argv[1], make_env(EnvConfig())(), any_cpu=True)
    print(json.dumps([str(error), loaded.timesteps_trained, [[game.lines, game.pieces] for game in games]]))
"""


@pytest.mark.compiled
def test_training_resumes_under_other_vector_instructions_on_request_only_and_evaluation_is_the_same(
    tmp_path: Path,
) -> None:
    here = torch.backends.cpu.get_cpu_capability()
    if here == "DEFAULT":
        pytest.skip("has no other vector instructions")
    agent = TetrisAgent(make_env(EnvConfig())(), SMALL).train(100)
    agent.save_checkpoint(tmp_path / "one")
    done = subprocess.run(
        [sys.executable, "-c", ON_OTHER_CPU, str(tmp_path / "one")],
        env={**os.environ, "ATEN_CPU_CAPABILITY": "default"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    message, n_steps, games = json.loads(done.stdout)

    assert message == (
        "Training resumes exactly under the same vector instructions only: "
        f"{str(tmp_path / 'one')!r} was made with {here}, and torch uses DEFAULT here. Resume on such a processor "
        "(ATEN_CPU_CAPABILITY selects older instructions), or pass --any-cpu (any_cpu=True) to get another, equally "
        "valid result."
    )
    assert n_steps == 100
    assert games == [[game.lines, game.pieces] for game in evaluate(agent, EnvConfig(), 3, max_pieces=40).games]


TRAIN_FURTHER = """
import json, sys
from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import OtherCpuError
from tetrarium.training import TetrisAgent
messages = []
for path in sys.argv[1:]:
    try:
        agent = TetrisAgent.load_checkpoint(path, make_env(EnvConfig())())
    except OtherCpuError as error:
        messages.append(str(error))
        agent = TetrisAgent.load_checkpoint(path, make_env(EnvConfig())(), any_cpu=True)
    weights = agent.train(400).learner.weights()
print(json.dumps([messages, [value.tolist() for value in weights.values()]]))
"""


@pytest.mark.compiled
def test_cma_es_resumes_with_other_linear_algebra_on_request_only_as_its_weights_differ(tmp_path: Path) -> None:
    agent = TetrisAgent(make_env(EnvConfig())(), SMALL).train(100)
    agent.save_checkpoint(tmp_path / "dqn")
    config = TrainingConfig(algorithm="cma-es", n_envs=2, cma_population=6, cma_games=2, max_pieces_game=50, seed=3)
    agent = TetrisAgent(make_env(EnvConfig())(), config).train(400)
    agent.save_checkpoint(tmp_path / "cma-es")
    here = json.loads((tmp_path / "cma-es" / "metadata.json").read_text())["library_versions"]["blas-kernels"]
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    if "openblas" not in blas or platform.machine() != "x86_64":
        pytest.skip("selects no other linear algebra")
    other = "Nehalem" if here != "Nehalem" else "Prescott"

    done = subprocess.run(
        [sys.executable, "-c", TRAIN_FURTHER, str(tmp_path / "dqn"), str(tmp_path / "cma-es")],
        env={**os.environ, "OPENBLAS_CORETYPE": other},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    messages, weights = json.loads(done.stdout)

    assert messages == [
        "Training resumes exactly with the same linear algebra only: "
        f"{str(tmp_path / 'cma-es')!r} was made with OpenBLAS's kernels for {here}, and NumPy uses those for {other} "
        "here. Resume on such a processor (OPENBLAS_CORETYPE selects older kernels), or pass --any-cpu (any_cpu=True) "
        "to get another, equally valid result."
    ]
    assert weights != [value.tolist() for value in agent.train(400).learner.weights().values()]
