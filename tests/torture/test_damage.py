"""Flipped bytes in a run's files: no damage enters training unnoticed, and messages name the file."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.run_results import as_bytes, result_of
from tetrarium.environment import EnvConfig
from tetrarium.errors import HomeError, TetrariumError
from tetrarium.events import Event
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.checkpoints.agent_checkpoint import read_policy, read_saved_policy
from tetrarium.training.config import CHANGEABLE_SETTINGS
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.runs.storage.folder import checkpoint_steps
from tetrarium.training.runs.storage.run_config import read_run_config

CONFIG = TrainingConfig(
    n_envs=2, total_timesteps=600, learning_starts=40, batch_size=16, net_arch=(4,), buffer_size=300,
    checkpoint_every=200, keep_checkpoints=2, evaluate_every=250, evaluation_games=2, evaluation_pieces=30,
)  # fmt: skip


def ignore_event(_event: Event) -> None:
    """Discards an event."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a home with a finished run."""
    home = tmp_path_factory.mktemp("trained")
    TrainingRun.create(Home.locate(home), "one", EnvConfig(), CONFIG, ignore_event).execute()
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Home:
    """Returns a copy of that home, to be damaged."""
    shutil.copytree(trained, tmp_path / "home")
    return Home.locate(tmp_path / "home")


def flip(path: Path, position: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def positions(path: Path, n: int) -> Iterator[int]:
    size = path.stat().st_size
    yield from {0, size - 1, *random.Random(path.name).sample(range(size), min(n, size))}


def test_a_flipped_byte_in_any_checkpoint_file_is_refused_by_name(home: Home) -> None:
    run = home.run_folder("one")
    for path in sorted((run / "checkpoints" / "600").iterdir()):
        whole = path.read_bytes()
        for position in positions(path, 2):
            flip(path, position)
            with pytest.raises(TetrariumError) as caught:
                TrainingRun.open(home, "one", ignore_event).execute()
            assert path.name in str(caught.value), caught.value
            assert "\n" not in str(caught.value)
            path.write_bytes(whole)
    assert TrainingRun.open(home, "one", ignore_event).execute()[1].state == "finished"


def test_a_run_without_its_damaged_checkpoint_has_the_same_result(home: Home, trained: Path) -> None:
    run = home.run_folder("one")
    flip(run / "checkpoints" / "600" / "games.safetensors", 100)
    with pytest.raises(TetrariumError, match=r"delete the folder '.*600'; the run then resumes at step 400"):
        TrainingRun.open(home, "one", ignore_event).execute()
    shutil.rmtree(run / "checkpoints" / "600")
    TrainingRun.open(home, "one", ignore_event).execute()

    ours, theirs = result_of(home.root, "one"), result_of(trained, "one")
    assert {name: ours[name] for name in theirs if name != "scalars"} == {
        name: content for name, content in theirs.items() if name != "scalars"
    }


@pytest.mark.parametrize("name", ["episodes.csv", "evaluations.csv"])
def test_a_flipped_byte_in_a_record_is_refused_by_name_and_moving_it_away_helps(home: Home, name: str) -> None:
    path = home.run_folder("one") / name
    whole = path.read_bytes()
    for position in positions(path, 5):
        flip(path, position)
        with pytest.raises(HomeError) as caught:
            TrainingRun.open(home, "one", ignore_event).execute()
        assert str(caught.value) == (
            f"The run's record {str(path)!r} is altered before step 600. Restore it from a copy, or move it elsewhere: "
            "training then resumes without its earlier rows."
        )
        path.write_bytes(whole)
    path.write_bytes(whole[:-5])
    with pytest.raises(HomeError, match="is incomplete before step 600"):
        TrainingRun.open(home, "one", ignore_event).execute()
    path.unlink()
    TrainingRun.open(home, "one", ignore_event).execute()
    assert path.read_bytes() == whole.splitlines(keepends=True)[0]


def test_damaged_best_weights_and_replays_are_restored(home: Home) -> None:
    run = home.run_folder("one")
    best = as_bytes(read_saved_policy(run / "best").weights)
    for path in (*sorted((run / "best").iterdir()), run / "replays" / "first.tetris-replay"):
        whole = path.read_bytes()
        for position in positions(path, 2):
            flip(path, position)
            if path.parent.name == "best":
                with pytest.raises(TetrariumError) as caught:
                    verify_signature(path.parent, home)
                assert path.name in str(caught.value)
            TrainingRun.open(home, "one", ignore_event).execute()
            assert as_bytes(read_saved_policy(run / "best").weights) == best
            assert path.name == "metadata.json" or path.read_bytes() == whole


def verify_signature(folder: Path, home: Home) -> None:
    """Reads a model and verifies its signature."""
    from tetrarium.training.checkpoints import checkpoint_store

    read_policy(folder)
    checkpoint_store.require_trusted(folder, checkpoint_store.read_metadata(folder), home.secret())


def test_a_flipped_byte_in_the_config_is_refused_or_changes_a_changeable_setting(home: Home) -> None:
    path = home.run_folder("one") / "config.json"
    whole = path.read_bytes()
    before = read_run_config(home, "one")
    steps = checkpoint_steps(path.parent)
    outcomes = {"refused": 0, "refused without a name": 0, "refused on resume": 0, "changeable": 0, "ignored": 0}
    begin, end = whole.index(b'"env_config"'), whole.index(b'"changed_settings"')
    for position in range(begin, end):
        flip(path, position, position % 7)
        try:
            now = read_run_config(home, "one")
        except HomeError as error:
            outcomes["refused" if str(path) in str(error) else "refused without a name"] += 1
        else:
            old, values = before.training_config.to_dict(), now.training_config.to_dict()
            changed = {name for name in old if old[name] != values[name]}
            game = now.env_config != before.env_config
            if game or changed - set(CHANGEABLE_SETTINGS):
                outcomes["refused on resume"] += 1
            else:
                outcomes["changeable" if changed else "ignored"] += 1
        path.write_bytes(whole)
    assert outcomes["refused without a name"] == 0
    assert outcomes["refused"] > 0.9 * (end - begin)
    assert outcomes["ignored"] < 0.04 * (end - begin)  # space between the values
    assert steps == [400, 600]
