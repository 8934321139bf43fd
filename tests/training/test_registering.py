"""The registry follows a run, and whatever becomes of the registry, the run does not suffer."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.registry.run_contract import known_rows, written_episodes
from tests.training.runs import CONFIG, EVALUATED, start, stop_after
from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import RegistryBusyError
from tetrarium.events import AgentEvaluated, CheckpointSaved, Event, WarningGiven
from tetrarium.registry.database import Database
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.registry.record_files import EVALUATIONS
from tetrarium.registry.runs import RunStore
from tetrarium.training import models
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.runs import registering
from tetrarium.training.runs.pruning import delete_run
from tetrarium.training.runs.registering import RegistryFollower
from tetrarium.training.runs.run import TrainingRun


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


def warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, WarningGiven)]


def test_what_a_run_records_is_in_the_registry_when_it_ends(home: Home) -> None:
    run, events = start(home, config=EVALUATED)
    stop_after(run, 2, CheckpointSaved)
    run.execute()
    assert written_episodes(run.folder) and known_rows(home, "one") == written_episodes(run.folder)
    shutil.rmtree(run.folder / "checkpoints" / "2000")  # so that it goes on from an earlier one, and cuts rows off
    TrainingRun.open(home, "one", events.append).execute()

    assert known_rows(home, "one") == written_episodes(run.folder)
    steps = [(decided, step, is_best) for decided, step, *_, is_best in known_rows(home, "one", EVALUATIONS)]
    assert [step for _, step, _ in steps] == [1_000, 2_000, 3_000, 4_000] and steps[0] == (2_000, 1_000, 1)
    assert ModelStore(home).find("one").step == max(step for _, step, is_best in steps if is_best)
    assert warnings(events) == []
    delete_run(home, "one")
    assert RunStore(home).standings() == {} and known_rows(home, "one") == []


def test_a_registry_that_cannot_be_used_is_told_once_and_harms_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registering, "_EVERY_S", 0.01)
    monkeypatch.setattr(registering, "_AGAIN_S", 0.0)
    (home.root / "registry.db").write_bytes(b"no database, but long enough to be taken for one" * 100)
    run, events = start(home, config=EVALUATED)
    _, ended = run.execute()

    assert (ended.state, ended.step) == ("finished", 4_000)
    registry = (
        f"The registry {str(home.root / 'registry.db')!r} is damaged, or no database. Move it away: models are found "
        "again, with their first notes and tags. Training goes on; its"
    )
    assert sorted(warnings(events)) == [
        f"{registry} best weights lie in its folder.",
        f"{registry} records lie in its folder.",
    ]


def test_when_the_registry_works_again_it_is_told_and_has_all(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registering, "_EVERY_S", 0.01)
    monkeypatch.setattr(registering, "_AGAIN_S", 0.0)
    database = home.root / "registry.db"
    database.mkdir()
    run, events = start(home, config=EVALUATED)
    publish = run._publish

    def mend(event: Event) -> None:
        publish(event)
        if isinstance(event, AgentEvaluated) and event.step == 3_000 and database.is_dir():
            database.rmdir()

    run._publish = mend
    run.execute()

    told = warnings(events)
    assert len(told) == 4 and sorted(told[2:]) == [
        "The registry takes in what the run records again.",
        "The run's best weights are among the models again.",
    ]
    assert known_rows(home, "one") == written_episodes(run.folder)
    best = next(e.step for e in reversed(events) if isinstance(e, AgentEvaluated) and e.is_best)
    assert ModelStore(home).find("one").step == best


def test_a_run_waits_for_nobody_who_writes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_PATIENCE_S", "_EVERY_S", "_BUSY_AGAIN_S"):
        monkeypatch.setattr(registering, name, 0.01)
    monkeypatch.setattr(registering, "_MOST_BUSY_S", 1_000.0)
    run, events = start(home, config=EVALUATED)
    publish = run._publish
    with ExitStack() as busy:
        busy.enter_context(Database(home).writing())

        def free(event: Event) -> None:
            publish(event)
            if isinstance(event, AgentEvaluated) and event.step == 3_000:
                busy.close()

        run._publish = free
        run.execute()

    assert warnings(events) == []
    assert known_rows(home, "one") == written_episodes(run.folder)
    bests = [event.step for event in events if isinstance(event, AgentEvaluated) and event.is_best]
    meanwhile, later = [step for step in bests if step <= 3_000], [step for step in bests if step > 3_000]
    assert [version.step for version in ModelStore(home).versions("one")] == [meanwhile[-1], *later]


def test_who_keeps_the_registry_busy_is_told_of_once_and_waited_for_at_the_end_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registering, "_BUSY_AGAIN_S", 0.0)
    monkeypatch.setattr(registering, "_AGAIN_S", 0.0)
    waited_s: list[float] = []
    events: list[Event] = []

    def keep(_home: Home, _name: str, *, wait_s: float) -> None:
        waited_s.append(wait_s)
        raise RegistryBusyError("It is busy.")

    monkeypatch.setattr(models, "keep_best", keep)
    agent = TetrisAgent(make_env(EnvConfig())(), CONFIG)
    with RegistryFollower(home, "one", agent, events.append) as follower:
        follower.keep_best()
        follower.on_round_end()
        assert warnings(events) == []
        monkeypatch.setattr(registering, "_MOST_BUSY_S", 0.0)
        follower.on_round_end()
        follower.on_round_end()

    assert waited_s == [0.05, 0.05, 0.05, 0.05, 2.0]
    assert warnings(events) == [
        "Another program has kept the registry busy for 0 s. Stop it. Training goes on; its best weights lie in its "
        "folder."
    ]
