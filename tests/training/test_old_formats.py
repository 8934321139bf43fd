"""Checkpoints and a run of version 0.1.0 load, play and train with the same results as in that version."""

import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import safetensors.numpy

from tests.training.runs import ignore, table
from tetrarium.environment import EnvConfig, make_env
from tetrarium.environment.replays import Replay
from tetrarium.errors import UntrustedCheckpointError
from tetrarium.evaluation import evaluate
from tetrarium.evaluation.single_games import play_moves
from tetrarium.registry.home import Home
from tetrarium.training import TetrisAgent, read_policy
from tetrarium.training.checkpoints import checkpoint_store
from tetrarium.training.runs.run import TrainingRun

FIXTURES: Final = Path(__file__).parent.parent / "fixtures"
AGENTS: Final = ("checkpoint-v1", "checkpoint-v1-qr-dqn", "checkpoint-v1-maskable-ppo", "checkpoint-v1-cma-es")
SAVED_AT: Final = dict(zip(AGENTS, (160, 160, 160, 303), strict=True))
TRAINED_ON: Final = dict(zip(AGENTS, (40, 40, 40, 240), strict=True))  # a generation of cma-es is some 150 steps
PLAYED: Final = {  # the first actions of a game
    "checkpoint-v1": [0, 12, 2, 12, 0, 21, 8, 1, 11, 17, 21, 0],
    "checkpoint-v1-qr-dqn": [5, 4, 12, 8],
    "checkpoint-v1-maskable-ppo": [5, 5, 7, 12, 12, 1, 13, 1, 19, 14, 21],
    "checkpoint-v1-cma-es": [0, 9, 1, 0, 12, 21, 1, 9, 17, 3, 9, 12],
}
COUNTED: Final = {  # steps, games ended, lines in total, lines of the best game, pieces of running games
    "checkpoint-v1": (200, 14, 57, 13, [25, 9]),
    "checkpoint-v1-qr-dqn": (200, 40, 2, 1, [2, 1]),
    "checkpoint-v1-maskable-ppo": (208, 36, 3, 1, [3, 2]),
    "checkpoint-v1-cma-es": (506, 40, 114, 11, [4, 4]),
}


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    """The home in which the fixtures were created, with its secret key."""
    key = tetrarium_home / "secret.key"
    shutil.copyfile(FIXTURES / "secret-v1.key", key)
    key.chmod(0o600)
    return Home.locate(tetrarium_home)


def copied(name: str, place: Path) -> Path:
    """Returns a writable copy of a fixture, which a test may change."""
    return Path(shutil.copytree(FIXTURES / name, place, copy_function=shutil.copyfile))


def trained_on(agent: TetrisAgent, n_steps: int) -> dict[str, Any]:
    """Returns an agent's weights and boards after further training."""
    agent.train(n_steps)
    columns = agent.vec_env.core.games.columns
    return {**agent.learner.weights(), "columns": np.array(columns)}


@pytest.mark.parametrize("name", AGENTS)
class TestCheckpoint:
    def test_every_file_is_intact_and_signed(self, home: Home, name: str) -> None:
        metadata = checkpoint_store.read_metadata(FIXTURES / name)
        checkpoint_store.verify(FIXTURES / name, metadata)
        checkpoint_store.require_trusted(FIXTURES / name, metadata, home.secret())

        assert (metadata.format_version, metadata.library_versions["tetrarium"]) == (1, "0.1.0")

    def test_an_old_checkpoint_plays_the_same_games(self, name: str) -> None:
        policy, config = read_policy(FIXTURES / name)

        moves = play_moves(policy, config, seed=1, max_pieces=12)
        assert [move.action for move in moves] == PLAYED[name]

    @pytest.mark.parametrize("trust", [False, True])
    def test_training_resumes_from_an_old_checkpoint(self, home: Home, tmp_path: Path, name: str, trust: bool) -> None:
        path = copied(name, tmp_path / "checkpoint")
        env = make_env(read_policy(path)[1])()
        agent = TetrisAgent.load_checkpoint(path, env, trust=trust, home=Home.locate(tmp_path) if trust else home)
        assert agent.timesteps_trained == SAVED_AT[name]
        trained = trained_on(agent, TRAINED_ON[name])

        counted = agent.statistics
        assert COUNTED[name] == (
            agent.timesteps_trained, counted.games_ended, counted.lines_total, counted.best_lines_game,
            agent.vec_env.core.games.pieces.tolist(),
        )  # fmt: skip
        expected = safetensors.numpy.load_file(FIXTURES / f"{name}.trained-on.safetensors")
        assert trained.keys() == expected.keys()
        assert trained.pop("columns").tolist() == expected.pop("columns").tolist()
        for part, values in expected.items():
            np.testing.assert_allclose(trained[part], values, rtol=1e-4, atol=1e-4, err_msg=part)

    def test_another_home_refuses_the_checkpoint(self, tetrarium_home: Path, name: str) -> None:
        env = make_env(read_policy(FIXTURES / name)[1])()
        with pytest.raises(UntrustedCheckpointError, match=r"was not made in this home, or its metadata\.json was"):
            TetrisAgent.load_checkpoint(FIXTURES / name, env, home=Home.locate(tetrarium_home))


class TestRun:
    @pytest.mark.parametrize("trust", [False, True])
    def test_the_old_run_resumes_to_its_end(self, home: Home, trust: bool) -> None:
        run = copied("run-v1", home.run_folder("run-v1"))
        if trust:
            (home.root / "secret.key").unlink()
        before = {name: table(run, name) for name in ("episodes.csv", "evaluations.csv")}
        agent, ended = TrainingRun.open(home, "run-v1", ignore, trust=trust).execute()
        after = {name: table(run, name) for name in before}

        assert (ended.state, ended.step) == ("finished", 600)
        assert {name: len(rows) for name, rows in before.items()} == {"episodes.csv": 30, "evaluations.csv": 2}
        assert {name: rows[: len(before[name])] for name, rows in after.items()} == before
        assert [row[:3] for row in after["evaluations.csv"][1:]] == [
            ["300", "150", "2.5"], ["450", "300", "6.5"], ["600", "450", "6.5"], ["600", "600", "6.5"],
        ]  # fmt: skip
        counted = agent.statistics
        assert (counted.games_ended, counted.lines_total, counted.best_lines_game) == (40, 129, 18)
        assert len(after["episodes.csv"]) == 1 + counted.games_ended
        last = Replay.from_bytes((run / "replays" / "last-01.tetris-replay").read_bytes())
        assert [str(last.lines), str(last.pieces)] == after["episodes.csv"][-1][3:5]

    def test_best_weights_reproduce_their_score(self) -> None:
        path = FIXTURES / "run-v1" / "best"
        checkpoint_store.verify(path, checkpoint_store.read_metadata(path))
        policy, config = read_policy(path)

        games = evaluate(policy, config, n_games=4, seed=1, max_pieces=200).games
        assert config == EnvConfig(width=6, height=10)
        assert [(game.lines, game.pieces) for game in games] == [(5, 17), (0, 10), (0, 10), (3, 15)]

    def test_its_replays_play(self) -> None:
        kept = {path.name: Replay.from_bytes(path.read_bytes()) for path in (FIXTURES / "run-v1/replays").iterdir()}

        assert len(kept) == 21
        for replay in kept.values():
            *_, last = replay.play()
            assert (last.state_tp1.lines, last.state_tp1.pieces) == (replay.lines, replay.pieces)
