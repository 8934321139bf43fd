"""Each algorithm in a run: the same files, records and events, and an exact resume."""

import csv
import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.training.runs import files
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay
from tetrarium.evaluation import evaluate
from tetrarium.events import BoardShown, CheckpointSaved, Event, Progress, RunEnded
from tetrarium.registry.home import Home
from tetrarium.training import TetrisAgent, TrainingConfig, read_policy
from tetrarium.training.runs.run import TrainingRun

CONFIGS = {
    "qr-dqn": TrainingConfig(
        algorithm="qr-dqn", n_envs=4, total_timesteps=1_600, learning_starts=40, batch_size=16, net_arch=(8,),
        buffer_size=400, checkpoint_every=500, n_quantiles=5, evaluate_every=0,
    ),
    "ppo": TrainingConfig(
        algorithm="ppo", n_envs=4, total_timesteps=1_600, batch_size=16, net_arch=(8,), ppo_n_steps=8,
        checkpoint_every=500, evaluate_every=0,
    ),
    "maskable-ppo": TrainingConfig(
        algorithm="maskable-ppo", n_envs=4, total_timesteps=1_600, batch_size=16, net_arch=(8,), ppo_n_steps=8,
        checkpoint_every=500, evaluate_every=0,
    ),
    "cma-es": TrainingConfig(
        algorithm="cma-es", n_envs=2, total_timesteps=6_000, cma_population=6, cma_games=2, max_pieces_game=60,
        checkpoint_every=1_500, evaluate_every=0,
    ),
}  # fmt: skip


class Finished(NamedTuple):
    """A run that was not interrupted."""

    folder: Path
    agent: TetrisAgent
    ended: RunEnded


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Finished]:
    """Function that returns the finished run of an algorithm, which no test changes."""

    @functools.cache
    def finish(algorithm: str) -> Finished:
        home = Home.locate(tmp_path_factory.mktemp("finished") / "home")
        run = TrainingRun.create(home, "one", EnvConfig(), CONFIGS[algorithm], lambda _event: None)
        agent, ended = run.execute()
        return Finished(run.folder, agent, ended)

    return finish


def episodes(folder: Path) -> list[list[str]]:
    """Returns the rows of the episodes file without wall-clock time."""
    with (folder / "episodes.csv").open(newline="") as file:
        return [row[:-1] for row in csv.reader(file)]


@pytest.mark.parametrize("algorithm", CONFIGS)
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(home: Home, algorithm: str) -> None:
    events: list[Event] = []
    config = CONFIGS[algorithm]
    whole = TrainingRun.create(home, "whole", EnvConfig(), config, events.append, shows_board=True)
    agent, ended = whole.execute()
    part = TrainingRun.create(home, "part", EnvConfig(), config, events.append)
    part._publish = lambda event: part.request_stop() if isinstance(event, CheckpointSaved) else None
    _, stopped = part.execute()
    resumed, _ = TrainingRun.open(home, "part", events.append).execute()

    assert (ended.state, stopped.state) == ("finished", "stopped")
    assert stopped.step < ended.step
    assert resumed.timesteps_trained == agent.timesteps_trained >= config.total_timesteps
    assert {name: value.tobytes() for name, value in resumed.learner.weights().items()} == {
        name: value.tobytes() for name, value in agent.learner.weights().items()
    }
    assert episodes(part.folder) == episodes(whole.folder)
    assert resumed.statistics.state() == agent.statistics.state()
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.step, last.exploration_rate is None) == (ended.step, algorithm != "qr-dqn")
    assert all(event.queue for event in events if isinstance(event, BoardShown))


@pytest.mark.parametrize("algorithm", CONFIGS)
def test_lines_and_pieces_of_the_episodes_add_up(finished: Callable[[str], Finished], algorithm: str) -> None:
    folder, agent, _ = finished(algorithm)
    rows = episodes(folder)[1:]
    is_whole = algorithm == "cma-es"  # no game is left running
    running = agent.vec_env.core.games

    assert len(rows) == agent.statistics.games_ended
    assert sum(int(row[3]) for row in rows) + (0 if is_whole else running.lines.sum()) == agent.statistics.lines_total
    assert sum(int(row[4]) for row in rows) + (0 if is_whole else running.pieces.sum()) == agent.timesteps_trained


@pytest.mark.parametrize("algorithm", CONFIGS)
def test_a_runs_checkpoint_plays_like_its_agent(finished: Callable[[str], Finished], algorithm: str) -> None:
    _, agent, ended = finished(algorithm)
    policy, _ = read_policy(Path(ended.checkpoint))

    ours = evaluate(agent, EnvConfig(), n_games=4, seed=1, max_pieces=100)
    assert evaluate(policy, EnvConfig(), n_games=4, seed=1, max_pieces=100).games == ours.games


@pytest.mark.parametrize("algorithm", CONFIGS)
def test_replays_are_games_of_training(finished: Callable[[str], Finished], algorithm: str) -> None:
    folder, agent, _ = finished(algorithm)
    rows = episodes(folder)[1:]
    running = [] if algorithm == "cma-es" else agent.vec_env.core.games.lines.tolist()  # there no game is left running
    lines = sorted([*(int(row[3]) for row in rows), *running], reverse=True)
    kept = {name: Replay.from_bytes(data) for name, data in files(folder / "replays").items()}
    best = [kept[f"best-{k:02}.tetris-replay"].lines for k in range(1, 11)]
    latest = kept["last-01.tetris-replay"]

    assert best == lines[:10]
    assert [str(latest.lines), str(latest.pieces)] == rows[-1][3:5]
    assert kept["first.tetris-replay"].pieces == int(rows[0][4])
    for replay in kept.values():
        assert sum(move.lines_placement for move in replay.play()) == replay.lines
