"""The registry follows a run, and no failure of the registry affects the run."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.registry.run_store_contract import known_rows, written_episodes
from tests.training.runs import CONFIG, EVALUATED, start, stop_after
from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import RegistryBusyError
from tetrarium.events import AgentEvaluated, CheckpointSaved, Event, WarningGiven
from tetrarium.registry.database import Database
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.run_store import RunStore
from tetrarium.registry.run_tables import EVALUATIONS, read_table
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.checkpoints.agent_checkpoint import read_saved_policy
from tetrarium.training.checkpoints.model_bundles import make_bundle
from tetrarium.training.runs.recording import registry_sync as registering
from tetrarium.training.runs.recording.registry_sync import RegistrySync
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.runs.storage.checkpoint_cleanup import delete_run
from tetrarium.training.saved_models import save_best_model, save_best_model_file


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


def warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, WarningGiven)]


def test_the_registry_contains_a_runs_records_at_its_end(home: Home) -> None:
    run, events = start(home, config=EVALUATED)
    stop_after(run, 2, CheckpointSaved)
    run.execute()
    assert written_episodes(run.folder) and known_rows(home, "one") == written_episodes(run.folder)
    shutil.rmtree(run.folder / "checkpoints" / "2000")  # so that it resumes from an earlier checkpoint and removes rows
    TrainingRun.open(home, "one", events.append).execute()

    assert known_rows(home, "one") == written_episodes(run.folder)
    columns, rows = read_table(run.folder, EVALUATIONS)
    evaluations = [dict(zip(columns, row, strict=True)) for row in rows]
    assert [evaluation["step"] for evaluation in evaluations] == [1_000, 2_000, 3_000, 4_000]
    best_steps = [evaluation["step"] for evaluation in evaluations if evaluation["is_best"]]
    assert best_steps[0] == 1_000 and ModelStore(home).find("one").step == best_steps[-1]
    assert warnings(events) == []
    delete_run(home, "one")
    assert RunStore(home).summaries() == {} and known_rows(home, "one") == []


def test_an_unusable_registry_causes_one_warning_and_no_harm(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registering, "_INGEST_EVERY_S", 0.01)
    monkeypatch.setattr(registering, "_RETRY_S", 0.0)
    (home.root / "registry.db").write_bytes(b"no database, but long enough to be taken for one" * 100)
    run, events = start(home, config=EVALUATED)
    _, ended = run.execute()

    assert (ended.state, ended.step) == ("finished", 4_000)
    registry = (
        f"The registry {str(home.root / 'registry.db')!r} is damaged or not a database. Move it away; models are then "
        "found again, with the notes and tags that they were saved with; scores are lost. Training continues; its"
    )
    assert sorted(warnings(events)) == [
        f"{registry} best weights are in the run's folder.",
        f"{registry} records are in the run's folder.",
    ]
    (home.root / "registry.db").unlink()
    (model,) = ModelStore(home).versions("one")
    best = read_saved_policy(run.folder / "best")
    assert (model.number, model.sha256) == (1, make_bundle(best, "one").weights_sha256)
    save_best_model_file(home, "one")
    save_best_model(home, "one")
    assert ModelStore(home).versions("one") == [model]
    ModelStore(home).remove(ModelStore(home).delete("one@1"))
    with Database(home).writing():
        save_best_model_file(home, "one")
    assert [version.number for version in ModelStore(home).versions("one")] == [2]


def test_a_recovered_registry_is_reported_and_complete(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registering, "_INGEST_EVERY_S", 0.01)
    monkeypatch.setattr(registering, "_RETRY_S", 0.0)
    database = home.root / "registry.db"
    database.mkdir()
    run, events = start(home, config=EVALUATED)
    publish = run._publish

    def repair(event: Event) -> None:
        publish(event)
        if isinstance(event, AgentEvaluated) and event.step == 3_000 and database.is_dir():
            database.rmdir()

    run._publish = repair
    run.execute()

    messages = warnings(events)
    assert len(messages) == 4 and sorted(messages[2:]) == [
        "The registry ingests the run's records again.",
        "The run's best weights are saved as a model again.",
    ]
    assert known_rows(home, "one") == written_episodes(run.folder)
    best = next(e.step for e in reversed(events) if isinstance(e, AgentEvaluated) and e.is_best)
    assert ModelStore(home).find("one").step == best


def test_training_does_not_wait_for_other_writers(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_WAIT_S", "_INGEST_EVERY_S", "_BUSY_RETRY_S"):
        monkeypatch.setattr(registering, name, 0.01)
    monkeypatch.setattr(registering, "_MAX_BUSY_S", 1_000.0)
    run, events = start(home, config=EVALUATED)
    publish = run._publish
    with ExitStack() as busy:
        busy.enter_context(Database(home).writing())

        def unlock(event: Event) -> None:
            publish(event)
            if isinstance(event, AgentEvaluated) and event.step == 3_000:
                busy.close()

        run._publish = unlock
        run.execute()

    assert warnings(events) == []
    assert known_rows(home, "one") == written_episodes(run.folder)
    bests = [event.step for event in events if isinstance(event, AgentEvaluated) and event.is_best]
    meanwhile, later = [step for step in bests if step <= 3_000], [step for step in bests if step > 3_000]
    saved = [version.step for version in ModelStore(home).versions("one")]
    assert saved[-1 - len(later) :] == [meanwhile[-1], *later]
    assert set(saved) <= set(meanwhile[-2:]) | set(later), "the save that waited may be made before step 3,000 is"


def test_a_busy_registry_causes_one_warning_and_a_wait_only_at_the_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registering, "_BUSY_RETRY_S", 0.0)
    monkeypatch.setattr(registering, "_RETRY_S", 0.0)
    waited_s: list[float] = []
    events: list[Event] = []

    def keep(_home: Home, _name: str, *, wait_s: float) -> None:
        waited_s.append(wait_s)
        raise RegistryBusyError("It is busy.")

    monkeypatch.setattr(registering, "save_best_model", keep)
    agent = TetrisAgent(make_env(EnvConfig())(), CONFIG)
    with RegistrySync(home, "one", agent, events.append) as follower:
        follower.save_best_model()
        follower.on_round_end()
        assert warnings(events) == []
        monkeypatch.setattr(registering, "_MAX_BUSY_S", 0.0)
        follower.on_round_end()
        follower.on_round_end()

    assert waited_s == [0.05, 0.05, 0.05, 0.05, 2.0]
    assert warnings(events) == [
        "Another program has kept the registry busy for 0 s. Stop it. Training continues; its best weights are in the "
        "run's folder."
    ]
