"""What a run keeps: checkpoints by rule, replays worth seeing; what may change; and how goals end it."""

import json
from pathlib import Path

import pytest

from tests.training.runs import CONFIG, files, ignore, start, stop_after, table
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay
from tetrarium.errors import ConfigError, TetrariumError
from tetrarium.events import CheckpointSaved, RunEnded
from tetrarium.registry.home import Home
from tetrarium.training.runs import saving
from tetrarium.training.runs.folder import checkpoint_steps
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.runs.statistics import GameStatistics

ENDLESS = EnvConfig(width=4, randomizer="I", preview=0)


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


class TestRetention:
    def test_the_latest_the_best_and_every_so_many_are_kept(self, home: Home) -> None:
        config = CONFIG.with_changes(checkpoint_every=400, evaluate_every=1_000, keep_checkpoints=2, keep_every=1_200)
        run, _ = start(home, config=config)
        run.execute()
        rows = table(run.folder, "evaluations.csv")[1:]
        best = int(max(rows, key=lambda row: (float(row[2]), int(row[1])))[1])

        assert checkpoint_steps(run.folder) == sorted({1_200, 2_400, 3_600, 4_000} | ({best} & {4_000}))

    def test_the_checkpoint_of_the_best_model_stays(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        run, _ = start(home, config=CONFIG.with_changes(keep_checkpoints=1))
        monkeypatch.setattr(saving.Evaluations, "steps_in_use", frozenset({2_000}))
        run.execute()

        assert checkpoint_steps(run.folder) == [2_000, 4_000]

    def test_checkpoints_fall_due_by_a_clock_that_never_jumps(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seconds = iter(range(10**6))
        monkeypatch.setattr(saving.time, "monotonic", lambda: float(next(seconds)))
        config = CONFIG.with_changes(total_timesteps=400, checkpoint_every=10**9, checkpoint_every_s=20)
        run, events = start(home, config=config)
        run.execute()
        saved = [event.step for event in events if isinstance(event, CheckpointSaved)]

        assert len(saved) > 3
        assert saved[-1] == 400


class TestReplays:
    def test_the_first_the_best_and_the_latest_games_are_there_and_play(self, home: Home) -> None:
        run, _ = start(home)
        agent, _ = run.execute()
        rows = table(run.folder, "episodes.csv")[1:]
        running = agent.games.core.games.lines.tolist()
        kept = {name: Replay.from_bytes(data) for name, data in files(run.folder / "replays").items()}
        lines = sorted([*(int(row[3]) for row in rows), *running], reverse=True)

        assert len(kept) == 21
        assert kept["first.tetris-replay"].lines == int(rows[0][3])
        assert kept["first.tetris-replay"].about == {"run": "one", "step": int(rows[0][0])}
        assert [kept[f"best-{k:02}.tetris-replay"].lines for k in range(1, 11)] == lines[:10]
        latest = [(kept[f"last-{k:02}.tetris-replay"].pieces, int(row[4])) for k, row in enumerate(rows[:-11:-1], 1)]
        assert all(ours == theirs for ours, theirs in latest)
        for replay in kept.values():
            assert sum(move.lines_placement for move in replay.play()) == replay.lines

    def test_a_resumed_run_keeps_the_same_games(self, home: Home) -> None:
        whole, _ = start(home, "whole")
        whole.execute()
        (whole.folder).rename(home.runs / "elsewhere")
        part, _ = start(home, "whole")
        stop_after(part, 2, CheckpointSaved)
        part.execute()
        assert files(part.folder / "replays") != files(home.runs / "elsewhere" / "replays")
        TrainingRun.open(home, "whole", ignore).execute()

        assert files(part.folder / "replays") == files(home.runs / "elsewhere" / "replays")


class TestGoals:
    def test_a_mean_over_the_latest_games_ends_a_run(self, home: Home) -> None:
        config = CONFIG.with_changes(target_mean_lines=2, target_mean_games=4, exploration_initial_eps=0.0)
        run, _ = start(home, config=config, game=ENDLESS)
        agent, ended = run.execute()

        assert ended.state == "target reached"
        mean = agent.statistics.mean_lines_of(4)
        assert mean is not None
        assert 2 <= mean < 3

    def test_a_mean_is_none_before_there_are_so_many_games(self) -> None:
        import numpy as np

        statistics = GameStatistics(n_envs=2, n_remembered=300)
        statistics.add_step(np.array([4, 2]), np.array([True, False]))

        assert statistics.mean_lines_of(3) == 2.0  # 0 and 2 so far, and 4
        assert statistics.mean_lines_of(4) is None


class TestGoingOn:
    def test_what_may_change_does(self, trained: Home) -> None:
        agent, ended = TrainingRun.open(trained, "one", ignore, changes={"total_timesteps": 5_000}).execute()

        assert (ended.state, ended.step) == ("finished", 5_000)
        config = json.loads((trained.run_folder("one") / "config.json").read_text())
        assert config["training_config"]["total_timesteps"] == 5_000
        assert agent.config.total_timesteps == 5_000

    def test_a_run_does_not_go_back(self, trained: Home) -> None:
        TrainingRun.open(trained, "one", ignore, changes={"total_timesteps": 4_000})

        with pytest.raises(ConfigError, match="never back, and 'one' is at step 4,000; got total_timesteps 3,000"):
            TrainingRun.open(trained, "one", ignore, changes={"total_timesteps": 3_000})

    def test_what_may_not_is_refused_by_name(self, trained: Home) -> None:
        with pytest.raises(ConfigError, match="began with, and gamma is one of them; what may change is total_timest"):
            TrainingRun.open(trained, "one", ignore, changes={"gamma": 0.8})

    def test_a_config_that_was_edited_by_hand_is_refused_by_name(self, trained: Home) -> None:
        path = trained.run_folder("one") / "config.json"
        path.write_text(path.read_text().replace('"gamma": 0.9', '"gamma": 0.8'))

        with pytest.raises(ConfigError, match=r"has gamma=0\.9, and gamma=0\.8 is asked for\. What may change is"):
            TrainingRun.open(trained, "one", ignore).execute()

    def test_what_a_run_was_started_with_stays_when_it_goes_on(self, home: Home) -> None:
        run, _ = start(home)
        before = json.loads((run.folder / "config.json").read_text())
        run.execute()
        TrainingRun.open(home, "one", ignore, changes={"total_timesteps": 4_400}).execute()
        after = json.loads((run.folder / "config.json").read_text())

        assert {name for name in before if before[name] != after[name]} == {"training_config"}
        assert before["versions"].keys() >= {"python", "tetrarium", "torch", "stable-baselines3", "numba"}
        assert before["seed"] == 1


def test_a_run_that_fails_says_so_and_keeps_its_checkpoint(home: Home) -> None:
    run, events = start(home, config=CONFIG.with_changes(learning_rate=10.0, max_grad_norm=1e12, activation="tanh"))
    original = run._publish

    def break_at_the_second_checkpoint(event: object) -> None:
        original(event)  # type: ignore[arg-type]
        if isinstance(event, CheckpointSaved) and event.step == 2_000:
            raise TetrariumError("The loss was not finite at step 2,000.")

    run._publish = break_at_the_second_checkpoint
    with pytest.raises(TetrariumError, match="not finite"):
        run.execute()
    last = next(event for event in reversed(events) if isinstance(event, RunEnded))

    assert isinstance(last, RunEnded)
    assert (last.state, last.step, last.error) == ("failed", 2_000, "The loss was not finite at step 2,000.")
    assert last.checkpoint == str(run.folder / "checkpoints" / "2000")
