"""Training on a full disk: one clear message, saved files are kept, and training resumes exactly with free space."""

from pathlib import Path

import pytest

from tests.registry.faulty_disks import small_disk
from tests.torture.processes import finish, resume, train, wait_until
from tests.torture.run_results import assert_same, require_whole, result_of
from tetrarium.environment import EnvConfig
from tetrarium.errors import TetrariumError
from tetrarium.events import CheckpointSaved, Event
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.run import TrainingRun

CONFIG = TrainingConfig(
    n_envs=2, total_timesteps=2_400, learning_starts=40, batch_size=16, net_arch=(4,), buffer_size=300,
    checkpoint_every=300, keep_checkpoints=2, evaluate_every=500, evaluation_games=2, evaluation_pieces=30,
)  # fmt: skip


def fill(place: Path, n_bytes_left: int) -> Path:
    """Fills a disk up to some remaining bytes."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                if not file.write(bytes(4096)):
                    break
            except OSError:
                break
        file.truncate(max(file.tell() - n_bytes_left, 0))
    return filler


def ignore_event(_event: Event) -> None:
    """Discards an event."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("uninterrupted")
    TrainingRun.create(Home.locate(home), "one", EnvConfig(), CONFIG, ignore_event).execute()
    return home


@pytest.mark.parametrize("n_bytes_left", [0, 40_960])
def test_a_disk_that_fills_up_stops_training_without_loss(
    n_bytes_left: int, tmp_path: Path, uninterrupted: Path
) -> None:
    with small_disk(tmp_path / "disk", "2m") as place:
        home = Home.locate(place)
        filled = []

        def fill_once(event: Event) -> None:
            if isinstance(event, CheckpointSaved) and event.step == 600:
                filled.append(fill(place, n_bytes_left))

        run = TrainingRun.create(home, "one", EnvConfig(), CONFIG, fill_once)
        with pytest.raises(
            TetrariumError, match=r"No space left on device\. Free some space|The disk is full"
        ) as caught:
            run.execute()
        steps = require_whole(run.folder)
        filled[0].unlink()
        TrainingRun.open(home, "one", ignore_event).execute()

        assert "\n" not in str(caught.value)
        assert max(steps) >= 600
        assert_same(result_of(place, "one"), result_of(uninterrupted, "one"))


@pytest.mark.compiled
def test_a_full_disk_ends_a_process_with_one_line_and_it_resumes_with_free_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as place:
        process = train(place, "one", total_timesteps=10**6)
        wait_until((place / "runs/one/checkpoints/400").is_dir, process)
        filler = fill(place, 0)
        output, error = finish(process, 1)
        step = require_whole(place / "runs/one")[-1]
        filler.unlink()
        again = resume(place, "one")
        wait_until(lambda: require_whole(place / "runs/one")[-1] > step, again)
        again.terminate()
        finish(again, 143)

        assert f"the checkpoint of step {step:,} is kept" in output
        assert error.startswith("tetrarium: ") and error.count("\n") == 1
