"""Directories of processes: the contract of demos, human games and jobs, and homes of earlier versions."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tetrarium.errors import AlreadyRunningError, EntryNotFoundError, InvalidNameError, LimitReachedError
from tetrarium.registry.home import Home
from tetrarium.workers.directories.jobs import JOBS, JobConfig
from tetrarium.workers.directories.process_directory import (
    DEMOS,
    HUMAN_GAMES,
    DemoConfig,
    HumanGameConfig,
    ProcessDirectory,
)
from tetrarium.workers.human_play.human_game_control import SessionOptions

OPEN_FILES = Path("/proc/self/fd")
STARTED = "2026-11-22T20:00:00+00:00"
DIRECTORIES = (
    (DEMOS, DemoConfig(agent="du", seats=("du", "random"), started=STARTED)),
    (HUMAN_GAMES, HumanGameConfig(options=SessionOptions(mode="sprint", seed=3), started=STARTED)),
    (JOBS, JobConfig(kind="evaluate", values={"agent": "du"}, started=STARTED)),
)
IDS = ["demos", "human-games", "jobs"]
each_directory = pytest.mark.parametrize(("directory", "config"), DIRECTORIES, ids=IDS)


@each_directory
def test_a_process_is_alive_while_it_holds_its_lock(
    tmp_path: Path, directory: ProcessDirectory[Any, Any], config: Any
) -> None:
    home = Home.locate(tmp_path)
    assert directory.list_views(home) == []
    process_id, lock = directory.create(home, config, lambda folder: (folder / "extra").write_text("more"))
    folder = directory.folder(home, process_id)
    assert (folder.parent.parent, (folder / "extra").read_text()) == (home.root, "more")
    assert directory.read_config(home, process_id) == config
    view = directory.read(home, process_id)
    assert (view.id, view.started, view.is_alive, view.state) == (process_id, STARTED, True, "starting")
    directory.require_capacity(home, 2)
    with pytest.raises(LimitReachedError) as full:
        directory.require_capacity(home, 1)
    assert str(full.value) == (
        f"At most 1 {directory.plural} can run at once, and 1 are running. {directory.stop_verb} one first."
    )
    with pytest.raises(AlreadyRunningError) as running:
        directory.remove(home, process_id)
    assert str(running.value) == (
        f"Only a {directory.noun} that has ended can be removed; {process_id!r} is running. "
        f"{directory.stop_verb} it first."
    )
    os.close(lock)
    (dead,) = directory.list_views(home)
    assert (dead.is_alive, dead.state) == (False, "crashed")
    assert dead.message == "The process ended unexpectedly (killed or out of memory)."
    directory.remove(home, process_id)
    assert directory.list_views(home) == []


@pytest.mark.parametrize("directory", [directory for directory, _ in DIRECTORIES], ids=IDS)
def test_a_missing_process_is_refused_by_name(tmp_path: Path, directory: ProcessDirectory[Any, Any]) -> None:
    home = Home.locate(tmp_path)
    for access in (directory.read, directory.read_config, directory.remove):
        with pytest.raises(EntryNotFoundError) as missing:
            access(home, "x")
        assert str(missing.value) == (
            f"There is no {directory.noun} 'x'. Choose one from the list of all {directory.plural}."
        )
        with pytest.raises(InvalidNameError):
            access(home, "../x")


@each_directory
def test_a_failed_start_leaves_nothing(tmp_path: Path, directory: ProcessDirectory[Any, Any], config: Any) -> None:
    home = Home.locate(tmp_path)

    def fail(_folder: Path) -> None:
        raise OSError("The disk is full.")

    n_open = len(list(OPEN_FILES.iterdir()))
    with pytest.raises(OSError, match=r"The disk is full\."):
        directory.create(home, config, fail)
    assert directory.list_views(home) == [] and len(list(OPEN_FILES.iterdir())) == n_open


def test_folders_of_processes_of_earlier_versions_are_left_alone(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    demo = {"what": "du", "env_config": None, "seed": 0, "pieces_per_second": 10.0, "started": STARTED}
    old = {
        tmp_path / "players" / "9f3a01c2" / "player.json": demo,
        tmp_path / "hands" / "9f3a01c2" / "hand.json": {"wishes": {"mode": "free"}, "started": STARTED},
    }
    for path, values in old.items():
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    assert DEMOS.list_views(home) == [] and HUMAN_GAMES.list_views(home) == []
    for directory, config in DIRECTORIES:
        _, lock = directory.create(home, config)  # type: ignore[attr-defined]
        os.close(lock)
        assert len(directory.list_views(home)) == 1  # type: ignore[attr-defined]
    assert [json.loads(path.read_text()) for path in old] == list(old.values())


def test_configs_with_names_of_earlier_versions_are_read(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    demo = {**asdict(DemoConfig(agent="", started=STARTED)), "what": "du"}
    del demo["agent"]
    write(home.demo_folder("demo") / "demo.json", demo)
    assert DEMOS.read_config(home, "demo") == DemoConfig(agent="du", started=STARTED)
    for old, new in (
        (("measure", {"what": "du", "protocol": "default"}), ("evaluate", {"agent": "du", "protocol": "default"})),
        (("compare", {"one": "du", "other": "dt-10"}), ("compare", {"agent": "du", "other_agent": "dt-10"})),
        (("save", {"what": "run-1", "fresh": True}), ("save", {"agent": "run-1", "save_checkpoint": True})),
    ):
        write(home.job_folder("job") / "job.json", {"kind": old[0], "values": old[1], "started": STARTED})
        assert JOBS.read_config(home, "job") == JobConfig(kind=new[0], values=new[1], started=STARTED)


def write(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
