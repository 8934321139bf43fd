"""A run from start to end: its files, its events, and exact resuming."""

import json
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.runs import CONFIG, FinishedRun, ignore, scalars, table
from tests.training.runs import start as start_run
from tetrarium.environment import EnvConfig
from tetrarium.errors import CheckpointError, ConfigError, DamagedCheckpointError, FolderMovedError, HomeError
from tetrarium.events import (
    BoardShown,
    CheckpointSaved,
    Event,
    Progress,
    RunEnded,
    RunStarted,
    StateChanged,
    WarningGiven,
)
from tetrarium.registry.files.process_lock import run_lock
from tetrarium.registry.home import Home
from tetrarium.registry.run_tables import EPISODES
from tetrarium.training import TrainingConfig
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.callbacks import RoundCallback
from tetrarium.training.runs.recording import progress as progress_module
from tetrarium.training.runs.recording.table_writers import TableWriter
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.runs.storage.checkpoint_cleanup import delete_run
from tetrarium.training.runs.storage.folder import (
    checkpoint_steps,
    latest_checkpoint,
    obsolete_checkpoints,
    set_aside,
    uncounted_folders,
)
from tetrarium.training.runs.storage.run_config import read_run_config
from tetrarium.workers.directories.run_views import list_runs, read_run
from tetrarium.workers.processes.worker_host import hosted
from tetrarium.workers.protocol.status_files import Address


def start(
    home: Home, name: str = "one", config: TrainingConfig = CONFIG, *, shows_board: bool = False
) -> tuple[TrainingRun, list[Event]]:
    return start_run(home, name, config, shows_board=shows_board)


def episodes(folder: Path) -> list[list[str]]:
    """Returns the rows of the episodes file without wall-clock time."""
    return table(folder, "episodes.csv")


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


def test_a_run_writes_its_config_checkpoints_episodes_and_scalars(finished: FinishedRun) -> None:
    home, folder, agent, ended, _ = finished

    assert read_run_config(home, "one").training_config == CONFIG
    assert json.loads((folder / "config.json").read_text())["env_config"] == EnvConfig().to_dict()
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["2000", "3000", "4000"]
    assert (ended.state, ended.step) == ("finished", 4_000)
    header, *rows = episodes(folder)
    assert header == list(EPISODES.column_names[:-1])
    assert len(rows) == agent.statistics.games_ended
    assert {"train/loss", "games/training_mean", "games/best_lines_game"} <= set(scalars(folder))
    assert scalars(folder)["games/lines_total"][-1][1] <= agent.statistics.lines_total


def test_lines_in_the_episodes_add_up(finished: FinishedRun) -> None:
    agent = finished.agent
    rows = episodes(finished.folder)[1:]
    running = agent.vec_env.core.games.lines.sum()

    assert sum(int(row[3]) for row in rows) + running == agent.statistics.lines_total
    assert sum(int(row[4]) for row in rows) + agent.vec_env.core.games.pieces.sum() == 4_000


def test_a_run_publishes_its_state(home: Home) -> None:
    run, events = start(home, shows_board=True)
    run.execute()

    kinds = [event.kind for event in events if event.kind not in ("progress", "board-shown", "kernels-compiling")]
    saved = ["checkpoint-saved"] * 4
    assert kinds == ["state-changed", "run-started", "state-changed", *saved, "run-ended", "state-changed"]
    states = [(event.state, event.step, event.message) for event in events if isinstance(event, StateChanged)]
    assert states == [
        ("starting", 0, "Starting at step 0."),
        ("running", 0, "Training."),
        ("finished", 4_000, "Finished at step 4,000."),
    ]
    started = next(event for event in events if isinstance(event, RunStarted))
    assert (started.name, started.step, started.total_steps, started.n_envs) == ("one", 0, 4_000, 20)
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.step, last.training_n_running + last.training_n_ended, last.seconds_left) == (
        4_000,
        100,  # of the latest games
        None,
    )
    assert [e.step for e in events if isinstance(e, CheckpointSaved)] == [1_000, 2_000, 3_000, 4_000]
    assert isinstance(events[-2], RunEnded)


def test_the_last_speed_is_positive(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "_PROGRESS_EVERY_S", 0.0)
    run, events = start(home)
    run.execute()
    progress = [event for event in events if isinstance(event, Progress)]

    assert [event.step for event in progress[-3:]] == [3_980, 4_000, 4_000], "the end is published again"
    assert min(event.steps_per_second for event in progress[-3:]) > 0


def test_without_viewers_no_board_is_computed(finished: FinishedRun) -> None:
    assert not [event for event in finished.events if isinstance(event, BoardShown)]


def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(home: Home, finished: FinishedRun) -> None:
    part, _ = start(home, "part")
    part._publish = lambda event: part.request_stop() if isinstance(event, CheckpointSaved) else None
    _, ended = part.execute()
    assert (ended.state, ended.step) == ("stopped", 1_000)
    before = json.loads((part.folder / "times.json").read_text())
    assert before == read_run(home, "part").times
    resumed, ended = TrainingRun.open(home, "part", ignore).execute()
    assert all(ended.times[name] > before[name] > 0 for name in ("playing", "learning", "processor"))
    assert min(before["saving"], ended.times["saving"]) > 0  # a checkpoint holds the times before it was saved

    assert (ended.state, ended.step) == ("finished", 4_000)
    assert episodes(part.folder) == episodes(finished.folder)
    assert scalars(part.folder) == scalars(finished.folder)
    theirs_all = finished.agent.model.policy.parameters()
    for ours, theirs in zip(resumed.model.policy.parameters(), theirs_all, strict=True):
        assert np.array_equal(ours.detach().numpy(), theirs.detach().numpy())


def test_records_after_the_checkpoint_are_removed_first(home: Home, finished: FinishedRun) -> None:
    class Crash(RoundCallback):
        def on_round_end(self) -> bool:
            if self.num_timesteps >= 1_700:
                raise KeyboardInterrupt
            return True

    part, _ = start(home, "part")
    train = TetrisAgent.train
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TetrisAgent, "train", lambda agent, n, callbacks: train(agent, n, [*callbacks, Crash()]))
        with pytest.raises(KeyboardInterrupt):
            part.execute()
    assert int(episodes(part.folder)[-1][0]) > 1_000
    TrainingRun.open(home, "part", ignore).execute()

    assert episodes(part.folder) == episodes(finished.folder)


def test_a_record_that_is_no_text_is_called_altered(tmp_path: Path) -> None:
    n_commas = EPISODES.header.count(b",")
    (tmp_path / EPISODES.file_name).write_bytes(EPISODES.header + b"1" + b"," * n_commas + b"\xff\n")
    with pytest.raises(HomeError, match=r"episodes\.csv' is altered before step 5\. Restore it from a copy"):
        TableWriter(tmp_path, EPISODES).open(5)


def test_a_goal_ends_a_run_in_the_middle_of_a_game(home: Home) -> None:
    config = CONFIG.with_changes(target_lines=1)
    run, _ = start(home, config=config)
    agent, ended = run.execute()

    assert ended.state == "target reached"
    assert agent.statistics.best_lines_game == 1
    assert ended.step < 4_000
    _, again = TrainingRun.open(home, "one", ignore).execute()
    assert (again.state, again.step) == ("target reached", ended.step)
    received: list[Event] = []
    longer = TrainingRun.open(home, "one", received.append, changes={"total_timesteps": ended.step + 200})
    _, last = longer.execute()
    assert (last.state, last.step) == ("finished", ended.step + 200)
    assert read_run_config(home, "one").training_config.target_lines is None
    messages = [event.message for event in received if isinstance(event, WarningGiven)]
    assert messages == ["Reached already, and no longer a target: target_lines."]


def test_a_taken_name_is_refused(home: Home) -> None:
    start(home, "one")

    with pytest.raises(HomeError, match=r"'one' is taken.*tetrarium resume one"):
        start(home, "one")


def test_runs_without_a_name_are_numbered(home: Home) -> None:
    names = [TrainingRun.create(home, None, EnvConfig(), CONFIG, ignore).config.name for _ in range(3)]

    assert names == ["run-1", "run-2", "run-3"]


def test_two_processes_do_not_train_one_run(home: Home) -> None:
    run, _ = start(home)
    with run_lock(run.folder), pytest.raises(HomeError, match="Another process is using 'one'"):
        TrainingRun.open(home, "one", ignore).execute()


def test_opening_a_missing_run_fails(home: Home) -> None:
    with pytest.raises(HomeError, match=r"There is no run 'none' in .*\. Start one by `tetrarium train`\."):
        TrainingRun.open(home, "none", ignore)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"env_config": 3, "training_config": 4}'])
def test_an_unreadable_config_is_named(home: Home, content: str) -> None:
    run, _ = start(home)
    (run.folder / "config.json").write_text(content)

    with pytest.raises(HomeError, match=r"config\.json' cannot be read"):
        read_run_config(home, "one")


def test_a_config_with_a_byte_order_mark_is_read_and_one_in_utf_16_can_be_deleted(home: Home) -> None:
    run, _ = start(home)
    path = run.folder / "config.json"
    text = path.read_text()
    path.write_bytes(text.encode("utf-8-sig"))
    assert read_run_config(home, "one").training_config == CONFIG
    assert [view.state for view in list_runs(home)] == ["stopped"]
    path.write_bytes(text.encode("utf-16"))
    assert [view.state for view in list_runs(home)] == ["damaged"]
    delete_run(home, "one")
    assert list_runs(home) == []


def test_folders_without_readable_metadata_of_their_step_are_no_checkpoints(trained: Home) -> None:
    folder = trained.run_folder("one")
    checkpoints = folder / "checkpoints"
    assert latest_checkpoint(folder.parent) is None
    assert latest_checkpoint(folder) == checkpoints / "4000"
    for name in ("999999", "05000", "\N{ARABIC-INDIC DIGIT FIVE}000", "notes"):
        (checkpoints / name).mkdir()
    (checkpoints / "7000").write_text("a file")
    shutil.copytree(checkpoints / "3000", checkpoints / "8000")
    (checkpoints / "4000" / "model.zip").write_bytes(b"cut short")

    assert checkpoint_steps(folder) == list(read_run(trained, "one").checkpoints) == [2_000, 3_000, 4_000]
    assert obsolete_checkpoints(folder, 1, None) == [2_000]  # 3000 is the latest complete one
    assert [path.name for path in uncounted_folders(folder)] == ["7000", "8000", "999999"]
    assert read_run(trained, "one").step == 4_000
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(CheckpointError, match=r"metadata\.json' cannot be read: Too many open files"):
            set_aside(checkpoints / "3000")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert set_aside(checkpoints / "3000") is None
    (view,) = list_runs(trained)
    (checkpoints / "4000" / "metadata.json").write_text("{}")
    assert view.checkpoints == (2_000, 3_000, 4_000) and list_runs(trained)[0].checkpoints == (2_000, 3_000)


def test_a_run_resumes_past_folders_that_are_no_checkpoints(trained: Home) -> None:
    checkpoints = trained.run_folder("one") / "checkpoints"
    (checkpoints / "5000" / "mine").mkdir(parents=True)
    shutil.copytree(checkpoints / "3000", checkpoints / "6000")
    events: list[Event] = []
    run = TrainingRun.open(trained, "one", events.append, changes={"total_timesteps": 5_000})

    assert run.execute()[0].timesteps_trained == 5_000
    assert [event.message for event in events if isinstance(event, WarningGiven)] == [
        f"The folder {str(checkpoints / '5000')!r} holds no checkpoint, and is ignored.",
        f"The folder {str(checkpoints / '6000')!r} holds the checkpoint of step 3,000, and is ignored.",
        f"{str(checkpoints / '5000')!r} was no checkpoint; it is now 5000.damaged-1.",
    ]
    assert (checkpoints / "5000.damaged-1" / "mine").is_dir() and checkpoint_steps(run.folder)[-1] == 5_000


def test_a_run_without_any_checkpoint_left_says_that_it_starts_again(trained: Home) -> None:
    shutil.rmtree(trained.run_folder("one") / "checkpoints")
    events: list[Event] = []
    TrainingRun.open(trained, "one", events.append).execute()

    assert [event.message for event in events if isinstance(event, WarningGiven)] == [
        "No checkpoint is left. The run starts at step 0; its records up to step 4,000 are replaced."
    ]


def test_a_short_run_without_any_checkpoint_left_says_so_too(home: Home) -> None:
    run, _ = start(home, config=CONFIG.with_changes(total_timesteps=1_500))
    run.execute()
    shutil.rmtree(run.folder / "checkpoints")
    events: list[Event] = []
    TrainingRun.open(home, "one", events.append).execute()

    warnings = [event.message for event in events if isinstance(event, WarningGiven)]
    assert len(warnings) == 1 and warnings[0].startswith("No checkpoint is left. The run starts at step 0; its records")


def test_a_damaged_checkpoint_stops_a_resume_and_names_the_previous_one(home: Home) -> None:
    run, _ = start(home)
    run.execute()
    (run.folder / "checkpoints" / "4000" / "replay_buffer.pkl").write_bytes(b"")

    with pytest.raises(DamagedCheckpointError, match=r"delete the folder '.*4000'; the run then resumes at step 3,000"):
        TrainingRun.open(home, "one", ignore).execute()


def test_a_run_whose_folder_was_moved_ends_without_a_new_folder(home: Home) -> None:
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
        f"The run's folder {str(run.folder)!r} was moved or deleted during training. "
        "Restore it, and continue with `tetrarium resume`."
    )
    assert [path.name for path in home.runs.iterdir()] == ["moved"]
    assert [event.error for event in events if isinstance(event, RunEnded)] == [str(error.value)]
    moved.rename(run.folder)
    _, ended = TrainingRun.open(home, "one", ignore).execute()
    assert (ended.state, ended.step) == ("finished", 400)


def test_a_run_that_replaces_a_moved_folder_is_untouched(home: Home) -> None:
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


def test_untrainable_configs_create_no_folder(home: Home) -> None:
    with pytest.raises(ConfigError, match="got 'toaster'"):
        CONFIG.with_changes(device="toaster")
    with pytest.raises(ConfigError, match="must be one that torch can use here; got 'xpu:99'"):
        start(home, config=CONFIG.with_changes(device="xpu:99"))
    with pytest.raises(HomeError, match="'random' is the name of a controller"):
        start(home, "random")
    with pytest.raises(HomeError, match="'champion' is the name of a controller or built-in model"):
        start(home, "champion")
    home.secret()
    (home.root / "secret.key").chmod(0o644)
    with pytest.raises(HomeError, match=r"secret\.key"):
        start(home)
    assert not home.runs.exists() or not list(home.runs.iterdir())


def test_rows_after_a_step_and_partial_rows_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "episodes.csv"
    header = ",".join(EPISODES.column_names)
    path.write_bytes(f"{header}\n10,0,1.0,1,5,0,0.1\nx,0,1.0,1,5,0,0.2\n20,0,1.0,1,5,0,0.2\n30,1,0".encode() + b"\xff")
    table = TableWriter(tmp_path, EPISODES)
    table.open(15)
    table.close()

    assert path.read_text() == f"{header}\n10,0,1.0,1,5,0,0.1\n"


def test_zero_steps_between_checkpoints_are_refused() -> None:
    with pytest.raises(ConfigError, match="checkpoint_every is a whole number from 1 to"):
        CONFIG.with_changes(checkpoint_every=0)
