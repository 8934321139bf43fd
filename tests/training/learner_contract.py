"""Contract of every algorithm, as test classes to inherit."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback

from tetrarium.environment import EnvConfig, TetrisEnv, make_env
from tetrarium.errors import CheckpointError
from tetrarium.evaluation import evaluate, play_moves
from tetrarium.training import TetrisAgent, TrainingConfig, read_policy
from tetrarium.training.callbacks import RoundCallback
from tetrarium.training.config import ALGORITHMS

GAME = EnvConfig()


class LearnerContract:
    """Contract tests; each algorithm inherits them and defines its settings."""

    SMALL: ClassVar[TrainingConfig]  # a round takes at most a second
    WHOLE: ClassVar[int]  # placements of several rounds
    FEW: ClassVar[int]  # placements of at least three rounds, some of them learning
    LEARNS: ClassVar[TrainingConfig]  # solves ``LEARNS_GAME`` in seconds
    LEARNS_GAME: ClassVar[EnvConfig] = EnvConfig()
    LEARNS_LINES: ClassVar[float] = 50.0  # per game of at most 1,000 pieces; random play clears none
    OTHER_SHAPE: ClassVar[tuple[EnvConfig, dict[str, Any], str]]  # game, settings, and a part of the error message

    def fingerprint(self, agent: TetrisAgent) -> dict[str, Any]:
        """Returns the state that must be equal, byte for byte, after equal training; algorithms add to it."""
        return {
            "weights": {name: value.tobytes() for name, value in agent.learner.weights().items()},
            "games": agent.vec_env.state()["rows"].tobytes(),
            "rewards": agent.vec_env.state()["rewards_game"].tobytes(),
            "statistics": agent.statistics.state(),
            "counters": agent.learner.counters(),
            "steps": agent.timesteps_trained,
        }

    @pytest.fixture
    def env(self) -> TetrisEnv:
        return make_env(GAME)()

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls) -> TetrisAgent:
        """Agent after ``WHOLE`` placements, which no test changes."""
        return TetrisAgent(make_env(GAME)(), cls.SMALL).train(cls.WHOLE)

    @pytest.fixture(scope="class")
    @classmethod
    def checkpoint(cls, trained: TetrisAgent, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Checkpoint of ``trained``."""
        folder = tmp_path_factory.mktemp("checkpoints") / "one"
        trained.save_checkpoint(folder)
        return folder

    def test_it_learns_a_solvable_task_in_seconds(self) -> None:
        agent = TetrisAgent(make_env(self.LEARNS_GAME)(), self.LEARNS)
        agent.train(self.LEARNS.total_timesteps)
        report = evaluate(agent, self.LEARNS_GAME, n_games=20, seed=3, max_pieces=1_000)

        assert report.lines_total > 20 * self.LEARNS_LINES

    def test_same_seed_same_parameters(self, env: TetrisEnv, trained: TetrisAgent) -> None:
        seed = self.SMALL.seed
        assert seed is not None
        other = TetrisAgent(env, self.SMALL.with_changes(seed=seed + 1)).train(self.WHOLE)
        same = TetrisAgent(env, self.SMALL)
        before = self.fingerprint(same)["weights"]
        same.train(self.WHOLE)

        assert self.fingerprint(trained) == self.fingerprint(same)
        assert self.fingerprint(trained)["weights"] not in (before, self.fingerprint(other)["weights"])

    @pytest.mark.parametrize("share", [0.0, 0.02, 0.5])
    def test_two_parts_of_training_equal_the_whole(self, env: TetrisEnv, trained: TetrisAgent, share: float) -> None:
        part = TetrisAgent(env, self.SMALL).train(int(self.WHOLE * share))
        TetrisAgent(env, self.SMALL.with_changes(seed=9)).train(100)  # draws from every global generator
        part.train(self.WHOLE - int(self.WHOLE * share))

        assert self.fingerprint(part) == self.fingerprint(trained)

    @pytest.mark.parametrize(("n_envs", "n_threads"), [(1, 1), (3, 1), (3, 2)])
    def test_saving_and_loading_equals_uninterrupted_training(
        self, env: TetrisEnv, tmp_path: Path, n_envs: int, n_threads: int
    ) -> None:
        config = self.SMALL.with_changes(n_envs=n_envs, torch_threads=n_threads)
        n_steps = self.WHOLE if n_threads == 1 else self.FEW  # threads wait for each other on a busy machine
        first = int(n_steps * 0.6)
        uninterrupted = TetrisAgent(env, config).train(n_steps)
        TetrisAgent(env, config).train(first).save_checkpoint(tmp_path / "one")
        np.random.seed(1)  # noqa: NPY002 libraries draw from this generator
        loaded = TetrisAgent.load_checkpoint(tmp_path / "one", env)
        loaded.train(n_steps - first)

        assert self.fingerprint(loaded) == self.fingerprint(uninterrupted)

    def test_a_loaded_agent_equals_the_saved_one(self, env: TetrisEnv, trained: TetrisAgent, checkpoint: Path) -> None:
        loaded = TetrisAgent.load_checkpoint(checkpoint, env, trust=True)  # signed with the key of another home

        assert self.fingerprint(loaded) == self.fingerprint(trained)

    def test_read_policy_plays_as_the_agent_does(self, env: TetrisEnv, trained: TetrisAgent, checkpoint: Path) -> None:
        policy, env_config = read_policy(checkpoint)
        assert env_config == GAME

        n_boards = 0
        for game in range(200):
            observation, _ = env.reset(seed=game)
            for move in play_moves(policy, GAME, seed=game, game=0):
                action, _ = trained.predict(observation)
                assert move.action == action
                observation, _, terminated, _, _ = env.step(int(action))
                n_boards += 1
                if terminated or n_boards % 50 == 0:
                    break
            if n_boards >= 200:
                return

    def test_one_observation_and_a_batch_have_equal_actions(self, env: TetrisEnv) -> None:
        agent = TetrisAgent(env, self.SMALL)
        observations = np.stack([env.reset(seed=seed)[0] for seed in range(6)])
        actions, _ = agent.predict(observations)

        assert [int(agent.predict(observation)[0]) for observation in observations] == actions.tolist()
        assert all(observation[action, 0] >= 0 for observation, action in zip(observations, actions, strict=True))

    def test_only_weights_are_loaded(self, env: TetrisEnv, trained: TetrisAgent, checkpoint: Path) -> None:
        agent = TetrisAgent(env, self.SMALL.with_changes(seed=8)).start_from(checkpoint)

        theirs = self.fingerprint(trained)["weights"]
        assert self.fingerprint(agent)["weights"] == theirs
        assert agent.timesteps_trained == 0
        assert self.fingerprint(agent.train(self.WHOLE))["weights"] != theirs

    def test_weights_of_another_shape_are_refused_by_name(self, env: TetrisEnv, tmp_path: Path) -> None:
        game, settings, message = self.OTHER_SHAPE
        TetrisAgent(make_env(game)(), self.SMALL.with_changes(**settings)).save_checkpoint(tmp_path / "one")

        with pytest.raises(CheckpointError) as caught:
            TetrisAgent(env, self.SMALL).start_from(tmp_path / "one")
        assert message in str(caught.value)

    def test_a_checkpoint_of_another_algorithm_is_refused_by_name(self, env: TetrisEnv, tmp_path: Path) -> None:
        TetrisAgent(env, self.SMALL).save_checkpoint(tmp_path / "one")
        ours = self.SMALL.algorithm
        other = next(name for name in ALGORITHMS if name != ours)

        with pytest.raises(CheckpointError, match=f"has algorithm='{ours}', this agent '{other}'"):
            TetrisAgent(env, TrainingConfig(algorithm=other)).start_from(tmp_path / "one")

    def test_round_callbacks_stop_between_rounds_and_sb3_callbacks_see_steps(self, env: TetrisEnv) -> None:
        class Rounds(RoundCallback):
            n_rounds = 0

            def on_round_end(self) -> bool:
                self.n_rounds += 1
                return self.n_rounds < 2

        class Steps(BaseCallback):
            seen = 0

            def _on_step(self) -> bool:
                self.seen = self.num_timesteps
                return True

        rounds, steps = Rounds(), Steps()
        agent = TetrisAgent(env, self.SMALL).train(100 * self.WHOLE, [rounds, steps])

        assert rounds.n_rounds == 2
        assert steps.seen == agent.timesteps_trained > 0

    def test_statistics_count_all_placements(self, trained: TetrisAgent) -> None:
        assert trained.statistics.pieces_total == trained.timesteps_trained
        assert trained.statistics.games_ended > 0
        assert trained.statistics.best_lines_game <= trained.statistics.lines_total
