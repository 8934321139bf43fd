"""Power failures at every instant of a run: saved files are intact, and training resumes exactly."""

import random
import shutil
from pathlib import Path

import pytest

from tests.torture.power_failures import Choose, Content, Recorder, all_lost, by_chance, names_kept, put
from tests.torture.run_results import assert_same, episodes, require_whole, result_of, rows, scalars
from tetrarium.environment import EnvConfig
from tetrarium.events import AgentEvaluated, CheckpointSaved, Event
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.checkpoints.agent_checkpoint import saved_files
from tetrarium.training.runs.recording.table_writers import Records
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.runs.storage.folder import latest_checkpoint
from tetrarium.training.runs.storage.run_config import read_run_config

CONFIG = TrainingConfig(
    n_envs=2, total_timesteps=1_200, learning_starts=40, batch_size=16, net_arch=(4,), buffer_size=300,
    checkpoint_every=300, keep_checkpoints=1, evaluate_every=500, evaluation_games=2, evaluation_pieces=30,
)  # fmt: skip


class PowerGone(BaseException):
    """Ends a run immediately, like a kill."""


def train_recorded(recorder: Recorder) -> list[tuple[int, int]]:
    """Trains a run that is killed in the middle and resumed; returns moments and steps of published checkpoints."""
    home = Home.locate(recorder.root)
    saved: list[tuple[int, int]] = []

    def publish(event: Event) -> None:
        if isinstance(event, CheckpointSaved):
            saved.append((recorder.note("published"), event.step))

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
    """Checks the files after a power failure: every published checkpoint, or a later one, is intact."""
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
    """Returns the distinct states that may remain at each moment, by a name that describes their origin."""
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


def test_saved_checkpoints_survive_any_power_failure(
    recorded: tuple[Recorder, list[tuple[int, int]]], tmp_path: Path
) -> None:
    recorder, saved = recorded
    disks = distinct_disks(recorder, {"lost": all_lost, "names": names_kept, "chance": by_chance(1)})
    assert len(disks) > 200
    for name, (number, left) in disks.items():
        step = max((step for moment, step in saved if moment <= number), default=0)
        put(left, tmp_path / "disk")
        try:
            check(tmp_path / "disk", step, recorder.root / "runs" / "one")
        except Exception as error:
            raise AssertionError(f"at {name}") from error
        shutil.rmtree(tmp_path / "disk")


def test_training_resumes_to_the_same_result_after_a_power_failure(
    recorded: tuple[Recorder, list[tuple[int, int]]], tmp_path: Path
) -> None:
    recorder, saved = recorded
    expected = result_of(recorder.root, "one")
    rng = random.Random(1)
    for number, choose in zip(
        rng.sample(range(saved[0][0], len(recorder.moments)), 3), (all_lost, names_kept, by_chance(2)), strict=True
    ):
        home = tmp_path / str(number)
        put(recorder.left_at(number, choose), home)
        TrainingRun.open(Home.locate(home), "one", lambda _event: None).execute()

        assert_same(result_of(home, "one"), expected)
        assert scalars(home / "runs" / "one") == expected["scalars"]


def test_a_run_killed_at_a_checkpoint_has_all_scalars(tmp_path: Path) -> None:
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
