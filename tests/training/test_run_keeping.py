"""Retention of checkpoints and replays, changeable settings, and goals of a run."""

import json
from pathlib import Path

import pytest

from tests.training.runs import CONFIG, FinishedRun, files, ignore, start, stop_after, table
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay
from tetrarium.errors import ConfigError, TetrariumError
from tetrarium.events import CheckpointSaved, RunEnded
from tetrarium.registry.home import Home
from tetrarium.training.callbacks import GameStatistics
from tetrarium.training.runs import checkpoint_schedule as saving
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.runs.storage.folder import checkpoint_steps

ENDLESS = EnvConfig(width=4, randomizer="I", preview=0)


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


class TestRetention:
    def test_retention_keeps_the_latest_the_best_and_one_per_interval(self, home: Home) -> None:
        config = CONFIG.with_changes(checkpoint_every=400, evaluate_every=1_000, keep_checkpoints=2, keep_every=1_200)
        run, _ = start(home, config=config)
        run.execute()
        rows = table(run.folder, "evaluations.csv")[1:]
        best = int(max(rows, key=lambda row: (float(row[2]), int(row[1])))[1])

        assert checkpoint_steps(run.folder) == sorted({1_200, 2_400, 3_600, 4_000} | ({best} & {4_000}))

    def test_the_checkpoint_of_the_best_weights_is_kept(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        run, _ = start(home, config=CONFIG.with_changes(keep_checkpoints=1))
        monkeypatch.setattr(saving.EvaluationCallback, "steps_in_use", frozenset({2_000}))
        run.execute()

        assert checkpoint_steps(run.folder) == [2_000, 4_000]

    def test_checkpoints_are_timed_by_a_monotonic_clock(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        seconds = iter(range(10**6))
        monkeypatch.setattr(saving.time, "monotonic", lambda: float(next(seconds)))
        config = CONFIG.with_changes(total_timesteps=2_000, checkpoint_every=10**9, checkpoint_every_s=20)
        run, events = start(home, config=config)
        run.execute()
        saved = [event.step for event in events if isinstance(event, CheckpointSaved)]

        assert len(saved) > 3
        assert saved[-1] == 2_000


class TestReplays:
    def test_the_first_best_and_latest_replays_exist_and_play(self, finished: FinishedRun) -> None:
        rows = table(finished.folder, "episodes.csv")[1:]
        running = finished.agent.vec_env.core.games.lines.tolist()
        kept = {name: Replay.from_bytes(data) for name, data in files(finished.folder / "replays").items()}
        lines = sorted([*(int(row[3]) for row in rows), *running], reverse=True)

        assert len(kept) == 21
        assert kept["first.tetris-replay"].lines == int(rows[0][3])
        assert kept["first.tetris-replay"].about == {"run": "one", "step": int(rows[0][0])}
        assert [kept[f"best-{k:02}.tetris-replay"].lines for k in range(1, 11)] == lines[:10]
        latest = [(kept[f"last-{k:02}.tetris-replay"].pieces, int(row[4])) for k, row in enumerate(rows[:-11:-1], 1)]
        assert all(ours == theirs for ours, theirs in latest)
        for replay in kept.values():
            assert sum(move.lines_placement for move in replay.play()) == replay.lines

    def test_a_resumed_run_keeps_the_same_games(self, home: Home, finished: FinishedRun) -> None:
        part, _ = start(home)
        stop_after(part, 2, CheckpointSaved)
        part.execute()
        assert files(part.folder / "replays") != files(finished.folder / "replays")
        TrainingRun.open(home, "one", ignore).execute()

        assert files(part.folder / "replays") == files(finished.folder / "replays")


class TestGoals:
    def test_a_mean_over_the_latest_games_ends_a_run(self, home: Home) -> None:
        config = CONFIG.with_changes(target_mean_lines=2, target_mean_games=4, exploration_initial_eps=0.0)
        run, _ = start(home, config=config, game=ENDLESS)
        agent, ended = run.execute()

        assert ended.state == "target reached"
        mean = agent.statistics.mean_lines_of(4)
        assert mean is not None
        assert 2 <= mean < 3

    def test_a_mean_is_none_before_enough_games_have_ended(self) -> None:
        import numpy as np

        statistics = GameStatistics(n_envs=2, n_remembered=300)
        statistics.add_step(np.array([4, 2]), np.array([True, False]))

        assert statistics.mean_lines_of(3) == 2.0  # 0 and 2 so far, and 4
        assert statistics.mean_lines_of(4) is None


class TestResume:
    def test_changeable_settings_change(self, trained: Home) -> None:
        agent, ended = TrainingRun.open(trained, "one", ignore, changes={"total_timesteps": 5_000}).execute()

        assert (ended.state, ended.step) == ("finished", 5_000)
        config = json.loads((trained.run_folder("one") / "config.json").read_text())
        assert config["training_config"]["total_timesteps"] == 5_000
        assert agent.config.total_timesteps == 5_000
        model, final = agent.model, agent.config.learning_rate_final
        assert model.policy.optimizer.param_groups[0]["lr"] == final and model.exploration_rate == 0.0
        assert config["training_config"]["schedule_steps"] == 4_000  # the end of the schedules is kept
        longer = TrainingRun.open(trained, "one", ignore, changes={"total_timesteps": 6_000})
        assert longer.config.training_config.schedule_steps == 4_000
        stretched = TrainingRun.open(trained, "one", ignore, changes={"total_timesteps": 6_000, "schedule_steps": None})
        assert stretched.config.training_config.schedule_steps is None

    def test_a_run_cannot_be_shortened(self, trained: Home) -> None:
        TrainingRun.open(trained, "one", ignore, changes={"total_timesteps": 4_000})

        with pytest.raises(ConfigError, match="at least the 4,000 steps that 'one' has already trained; got 3,000"):
            TrainingRun.open(trained, "one", ignore, changes={"total_timesteps": 3_000})

    def test_other_changes_are_refused_by_name(self, trained: Home) -> None:
        with pytest.raises(ConfigError, match="gamma cannot change when a run resumes; only total_timesteps"):
            TrainingRun.open(trained, "one", ignore, changes={"gamma": 0.8})

    def test_an_edited_config_is_refused_by_the_setting(self, trained: Home) -> None:
        path = trained.run_folder("one") / "config.json"
        path.write_text(path.read_text().replace('"gamma": 0.9', '"gamma": 0.8'))

        with pytest.raises(ConfigError, match=r"has gamma=0\.9; got gamma=0\.8\. Only total_timesteps"):
            TrainingRun.open(trained, "one", ignore).execute()

    def test_start_fields_are_unchanged_when_a_run_resumes(self, home: Home) -> None:
        run, _ = start(home)
        before = json.loads((run.folder / "config.json").read_text())
        run.execute()
        TrainingRun.open(home, "one", ignore, changes={"total_timesteps": 4_400}).execute()
        after = json.loads((run.folder / "config.json").read_text())

        assert {name for name in before if before[name] != after[name]} == {"training_config", "changed_settings"}
        assert before["versions"].keys() >= {"python", "tetrarium", "torch", "stable-baselines3", "numba"}
        assert before["seed"] == 1


def test_a_failed_run_publishes_the_error_and_keeps_its_checkpoint(home: Home) -> None:
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
