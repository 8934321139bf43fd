"""The power fails at every instant of a run: what was saved is there whole, and training goes on from it exactly."""

import random
import shutil
from pathlib import Path

import pytest

from tests.torture.ends import assert_same, end_of, episodes, require_whole, rows, scalars
from tests.torture.power import Choose, Content, Recorder, all_lost, by_chance, names_kept, put
from tetrarium.environment import EnvConfig
from tetrarium.events import AgentEvaluated, CheckpointSaved, Event
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.checkpoints.agents import saved_files
from tetrarium.training.runs.configs import read_run_config
from tetrarium.training.runs.folder import latest_checkpoint
from tetrarium.training.runs.records import Records
from tetrarium.training.runs.run import TrainingRun

CONFIG = TrainingConfig(
    n_envs=2, total_timesteps=1_200, learning_starts=40, batch_size=16, net_arch=(4,), buffer_size=300,
    checkpoint_every=300, keep_checkpoints=1, evaluate_every=500, evaluation_games=2, evaluation_pieces=30,
)  # fmt: skip


class PowerGone(BaseException):
    """Ends a run at once, as a kill does."""


def train_recorded(recorder: Recorder) -> list[tuple[int, int]]:
    """Trains a run that is cut off in the middle and resumed; returns moments and steps at which it was told saved."""
    home = Home.locate(recorder.root)
    saved: list[tuple[int, int]] = []

    def publish(event: Event) -> None:
        if isinstance(event, CheckpointSaved):
            saved.append((recorder.note("told"), event.step))

    def publish_and_end(event: Event) -> None:
        publish(event)
        if isinstance(event, AgentEvaluated):
            raise PowerGone

    with recorder.recording():
        first = TrainingRun.create(home, "one", EnvConfig(), CONFIG, publish_and_end)
        with pytest.raises(PowerGone):
            first.execute()
        TrainingRun.open(home, "one", publish).execute()
    return saved


def check(home: Path, saved_step: int, whole: Path) -> None:
    """Checks what a power failure has left: all that was ever told to be saved, or later."""
    run = home / "runs" / "one"
    if not (run / "config.json").exists():
        assert not run.exists() or not list(run.iterdir())
        assert saved_step == 0
        return
    assert read_run_config(Home.locate(home), "one").training_config == CONFIG
    steps = require_whole(run)
    assert max(steps, default=0) >= saved_step
    checkpoint = latest_checkpoint(run)
    if checkpoint is None:
        return
    records = Records(run)
    with saved_files(checkpoint) as (names, read_file):
        records.read(names, read_file)
    records.open(steps[-1])
    records.close()
    for read, name in ((episodes, "."), (rows, "evaluations.csv")):
        header, *expected = read(whole / name)
        assert read(run / name) == [header, *(row for row in expected if int(row[0]) <= steps[-1])]


def distinct_disks(recorder: Recorder, chooses: dict[str, Choose]) -> dict[str, tuple[int, dict[str, Content]]]:
    """What may be left at each moment, each once; by a name that says how it came about."""
    known: set[int] = set()
    disks = {}
    for number, moment in enumerate(recorder.moments):
        for name, choose in chooses.items():
            left = recorder.left_at(number, choose)
            mark = hash(
                tuple((path, content if isinstance(content, bytes) else None) for path, content in left.items())
            )
            if mark not in known:
                known.add(mark)
                disks[f"{number} {moment.call} {name}"] = (number, left)
    return disks


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recorder, list[tuple[int, int]]]:
    root = tmp_path_factory.mktemp("recorded")
    recorder = Recorder(root)
    return recorder, train_recorded(recorder)


def test_whenever_the_power_fails_all_that_was_saved_is_there(
    recorded: tuple[Recorder, list[tuple[int, int]]], tmp_path: Path
) -> None:
    recorder, saved = recorded
    disks = distinct_disks(recorder, {"lost": all_lost, "names": names_kept, "chance": by_chance(1)})
    assert len(disks) > 200
    for name, (number, left) in disks.items():
        step = max((step for told, step in saved if told <= number), default=0)
        put(left, tmp_path / "disk")
        try:
            check(tmp_path / "disk", step, recorder.root / "runs" / "one")
        except Exception as error:
            raise AssertionError(f"at {name}") from error
        shutil.rmtree(tmp_path / "disk")


def test_from_what_a_power_failure_leaves_training_goes_on_to_the_same_end(
    recorded: tuple[Recorder, list[tuple[int, int]]], tmp_path: Path
) -> None:
    recorder, saved = recorded
    expected = end_of(recorder.root, "one")
    rng = random.Random(1)
    for number, choose in zip(
        rng.sample(range(saved[0][0], len(recorder.moments)), 3), (all_lost, names_kept, by_chance(2)), strict=True
    ):
        home = tmp_path / str(number)
        put(recorder.left_at(number, choose), home)
        TrainingRun.open(Home.locate(home), "one", lambda _event: None).execute()

        assert_same(end_of(home, "one"), expected)
        assert scalars(home / "runs" / "one") == expected["scalars"]


def test_a_run_cut_off_at_a_checkpoint_where_scalars_are_due_has_them(tmp_path: Path) -> None:
    home, whole = Home.locate(tmp_path / "cut"), Home.locate(tmp_path / "whole")
    config = CONFIG.with_changes(total_timesteps=2_400, checkpoint_every=1_000, evaluate_every=0)

    def end_at_2_000(event: Event) -> None:
        if isinstance(event, CheckpointSaved) and event.step == 2_000:
            raise PowerGone

    run = TrainingRun.create(home, "one", EnvConfig(), config, end_at_2_000)
    with pytest.raises(PowerGone):
        run.execute()
    TrainingRun.open(home, "one", lambda _event: None).execute()
    TrainingRun.create(whole, "one", EnvConfig(), config, lambda _event: None).execute()

    expected = scalars(whole.run_folder("one"))
    assert [step for step, _ in expected["games/ended"]] == [2_000]
    assert scalars(run.folder) == expected
