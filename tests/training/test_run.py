"""A run from its folder to its end: what it leaves, what it tells, and that it goes on exactly."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.training.runs import CONFIG, ignore, scalars, table
from tests.training.runs import start as start_run
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, DamagedCheckpointError, FolderMovedError, HomeError
from tetrarium.events import BoardShown, CheckpointSaved, Event, Progress, RunEnded, RunStarted, StateChanged
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.runs import reporter
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.configs import read_run_config
from tetrarium.training.runs.folder import latest_checkpoint, only_trainer
from tetrarium.training.runs.records import EPISODE_COLUMNS, Table
from tetrarium.training.runs.run import TrainingRun
from tetrarium.workers.files import Address
from tetrarium.workers.hosting import hosted


def start(
    home: Home, name: str = "one", config: TrainingConfig = CONFIG, *, shows_board: bool = False
) -> tuple[TrainingRun, list[Event]]:
    return start_run(home, name, config, shows_board=shows_board)


def episodes(folder: Path) -> list[list[str]]:
    """Rows of the episodes file without wall time."""
    return table(folder, "episodes.csv")


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


def test_it_leaves_its_config_checkpoints_episodes_and_scalars(home: Home) -> None:
    run, _ = start(home)
    agent, ended = run.execute()

    assert read_run_config(home, "one").training_config == CONFIG
    assert json.loads((run.folder / "config.json").read_text())["env_config"] == EnvConfig().to_dict()
    assert sorted(path.name for path in (run.folder / "checkpoints").iterdir()) == ["2000", "3000", "4000"]
    assert (ended.state, ended.step) == ("finished", 4_000)
    header, *rows = episodes(run.folder)
    assert header == list(EPISODE_COLUMNS[:-1])
    assert len(rows) == agent.statistics.games_ended
    assert {"train/loss", "games/mean_lines_game", "games/best_lines_game"} <= set(scalars(run.folder))
    assert scalars(run.folder)["games/lines_total"][-1][1] <= agent.statistics.lines_total


def test_lines_in_the_episodes_add_up(home: Home) -> None:
    run, _ = start(home)
    agent, _ = run.execute()
    rows = episodes(run.folder)[1:]
    running = agent.games.core.games.lines.sum()

    assert sum(int(row[3]) for row in rows) + running == agent.statistics.lines_total
    assert sum(int(row[4]) for row in rows) + agent.games.core.games.pieces.sum() == 4_000


def test_it_tells_where_it_stands(home: Home) -> None:
    run, events = start(home, shows_board=True)
    run.execute()

    kinds = [event.kind for event in events if event.kind not in ("progress", "board-shown", "kernels-compiling")]
    saved = ["checkpoint-saved"] * 4
    assert kinds == ["state-changed", "run-started", "state-changed", *saved, "run-ended", "state-changed"]
    told = [(event.state, event.step, event.message) for event in events if isinstance(event, StateChanged)]
    assert told == [
        ("starting", 0, "Starting at step 0."),
        ("running", 0, "Training."),
        ("finished", 4_000, "Finished at step 4,000."),
    ]
    started = next(event for event in events if isinstance(event, RunStarted))
    assert (started.name, started.step, started.total_steps, started.n_envs) == ("one", 0, 4_000, 4)
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.step, last.mean_n_games, last.seconds_left) == (4_000, 4 + last.games_ended, 0.0)
    assert [e.step for e in events if isinstance(e, CheckpointSaved)] == [1_000, 2_000, 3_000, 4_000]
    assert isinstance(events[-2], RunEnded)


def test_the_last_speed_is_no_zero(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter, "_PROGRESS_EVERY_S", 0.0)
    run, events = start(home)
    run.execute()
    told = [event for event in events if isinstance(event, Progress)]

    assert [event.step for event in told[-3:]] == [3_996, 4_000, 4_000], "the end is told once more"
    assert min(event.steps_per_second for event in told) > 0


def test_without_a_watcher_no_board_is_made(home: Home) -> None:
    run, events = start(home)
    run.execute()

    assert not [event for event in events if isinstance(event, BoardShown)]


def test_a_run_that_is_stopped_and_resumed_is_the_run_that_was_not(home: Home) -> None:
    whole, _ = start(home, "whole")
    agent, _ = whole.execute()

    part, _ = start(home, "part")
    part._publish = lambda event: part.ask_to_stop() if isinstance(event, CheckpointSaved) else None
    _, ended = part.execute()
    assert (ended.state, ended.step) == ("stopped", 1_000)
    resumed, ended = TrainingRun.open(home, "part", ignore).execute()

    assert (ended.state, ended.step) == ("finished", 4_000)
    assert episodes(home.run_folder("part")) == episodes(whole.folder)
    assert scalars(home.run_folder("part")) == scalars(whole.folder)
    for ours, theirs in zip(resumed.model.policy.parameters(), agent.model.policy.parameters(), strict=True):
        assert np.array_equal(ours.detach().numpy(), theirs.detach().numpy())


def test_what_was_recorded_after_the_checkpoint_is_dropped_first(home: Home) -> None:
    class Crash(RoundCallback):
        def on_round_end(self) -> bool:
            if self.num_timesteps >= 1_700:
                raise KeyboardInterrupt
            return True

    whole, _ = start(home, "whole")
    whole.execute()
    part, _ = start(home, "part")
    train = TetrisAgent.train
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TetrisAgent, "train", lambda agent, n, callbacks: train(agent, n, [*callbacks, Crash()]))
        with pytest.raises(KeyboardInterrupt):
            part.execute()
    assert int(episodes(part.folder)[-1][0]) > 1_000
    TrainingRun.open(home, "part", ignore).execute()

    assert episodes(part.folder) == episodes(whole.folder)


def test_a_target_ends_a_run_in_the_middle_of_a_game(home: Home) -> None:
    config = CONFIG.with_changes(target_lines=1)
    run, _ = start(home, config=config)
    agent, ended = run.execute()

    assert ended.state == "target reached"
    assert agent.statistics.best_lines_game == 1
    assert ended.step < 4_000
    _, again = TrainingRun.open(home, "one", ignore).execute()
    assert (again.state, again.step) == ("target reached", ended.step)


def test_a_name_is_taken_once(home: Home) -> None:
    start(home, "one")

    with pytest.raises(HomeError, match=r"'one' is taken.*tetrarium resume one"):
        start(home, "one")


def test_runs_without_a_name_are_numbered(home: Home) -> None:
    names = [TrainingRun.create(home, None, EnvConfig(), CONFIG, ignore).config.name for _ in range(3)]

    assert names == ["run-1", "run-2", "run-3"]


def test_a_game_that_cannot_be_played_makes_no_folder(home: Home) -> None:
    with pytest.raises(ConfigError, match=r"^Placements are chosen under actions='drop' or 'reachable'"):
        TrainingRun.create(home, "one", EnvConfig(actions="keys"), CONFIG, ignore)
    assert not home.run_folder("one").exists()


def test_two_processes_do_not_train_one_run(home: Home) -> None:
    run, _ = start(home)
    with only_trainer(run.folder), pytest.raises(HomeError, match="'one' is being trained by another"):
        TrainingRun.open(home, "one", ignore).execute()


def test_there_is_no_run_to_open(home: Home) -> None:
    with pytest.raises(HomeError, match=r"There is no run 'none' in .*\. Start one by `tetrarium train`\."):
        TrainingRun.open(home, "none", ignore)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"env_config": 3, "training_config": 4}'])
def test_a_config_that_cannot_be_read_is_named(home: Home, content: str) -> None:
    run, _ = start(home)
    (run.folder / "config.json").write_text(content)

    with pytest.raises(HomeError, match=r"config\.json' cannot be read"):
        read_run_config(home, "one")


def test_the_latest_checkpoint_is_that_of_the_highest_step(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    for name in ("900", "1000", "notes"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)

    assert latest_checkpoint(tmp_path) == tmp_path / "checkpoints" / "1000"


def test_a_damaged_checkpoint_stops_a_resume_and_says_what_is_left(home: Home) -> None:
    run, _ = start(home)
    run.execute()
    (run.folder / "checkpoints" / "4000" / "replay_buffer.pkl").write_bytes(b"")

    with pytest.raises(DamagedCheckpointError, match=r"remove the folder '.*4000'; the run then goes on at step 3,000"):
        TrainingRun.open(home, "one", ignore).execute()


def test_a_run_whose_folder_was_moved_ends_and_begins_no_other(home: Home) -> None:
    run, events = start(home, config=CONFIG.with_changes(total_timesteps=400, checkpoint_every=200))
    publish, moved = run._publish, home.runs / "moved"

    def move(event: Event) -> None:
        publish(event)
        if isinstance(event, CheckpointSaved) and event.step == 200:
            run.folder.rename(moved)

    run._publish = move
    with pytest.raises(FolderMovedError) as error:
        run.execute(hosted)
    assert str(error.value) == (
        f"The run's folder {str(run.folder)!r} was moved or removed while it trained. "
        "Put it back, and go on by `tetrarium resume`."
    )
    assert [path.name for path in home.runs.iterdir()] == ["moved"]
    assert [event.error for event in events if isinstance(event, RunEnded)] == [str(error.value)]
    moved.rename(run.folder)
    _, ended = TrainingRun.open(home, "one", ignore).execute()
    assert (ended.state, ended.step) == ("finished", 400)


def test_a_run_that_takes_the_place_of_one_whose_folder_was_moved_is_left_alone(home: Home) -> None:
    run, _ = start(home, config=CONFIG.with_changes(total_timesteps=400, checkpoint_every=200))
    publish = run._publish

    def move(event: Event) -> None:
        publish(event)
        if isinstance(event, CheckpointSaved) and event.step == 200:
            run.folder.rename(home.runs / "moved")
            start(home)
            Address(kind="training", pid=1, commands="", events="", token="other's").write(run.folder)

    run._publish = move
    with pytest.raises(FolderMovedError):
        run.execute(hosted)
    assert sorted(path.name for path in run.folder.iterdir()) == ["config.json", "worker.json"]


def test_what_cannot_be_trained_takes_no_name(home: Home) -> None:
    with pytest.raises(ConfigError, match="got 'toaster'"):
        start(home, config=CONFIG.with_changes(device="toaster"))
    with pytest.raises(HomeError, match="'random' is a known controller"):
        start(home, "random")
    home.secret()
    (home.root / "secret.key").chmod(0o644)
    with pytest.raises(HomeError, match=r"secret\.key"):
        start(home)
    assert not home.runs.exists() or not list(home.runs.iterdir())


def test_episodes_after_a_step_are_dropped_and_a_torn_row_with_them(tmp_path: Path) -> None:
    path = tmp_path / "episodes.csv"
    header = ",".join(EPISODE_COLUMNS)
    path.write_bytes(f"{header}\n10,0,1.0,1,5,0,0.1\nx,0,1.0,1,5,0,0.2\n20,0,1.0,1,5,0,0.2\n30,1,0".encode() + b"\xff")
    table = Table(path, EPISODE_COLUMNS)
    table.open(15)
    table.close()

    assert path.read_text() == f"{header}\n10,0,1.0,1,5,0,0.1\n"


def test_a_checkpoint_is_not_asked_for_by_zero_steps() -> None:
    with pytest.raises(ConfigError, match="checkpoint_every is a whole number from 1 to"):
        CONFIG.with_changes(checkpoint_every=0)
