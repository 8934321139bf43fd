"""Requests to a running training: speed, pauses, boards and recorded progress."""

import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.torture.run_results import progress as untimed_progress
from tests.training.runs import start, table
from tests.workers.servers import wait_for
from tetrarium.environment import EnvConfig, make_env
from tetrarium.events import BoardShown, Event, Progress, StateChanged
from tetrarium.registry.home import Home
from tetrarium.registry.run_tables import PROGRESS
from tetrarium.training import TrainingConfig
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.callbacks import RoundCallback
from tetrarium.training.runs.control import Control, Subscription
from tetrarium.training.runs.live_board import DemoGame
from tetrarium.training.runs.run import TrainingRun
from tetrarium.workers.processes.worker_host import hosted

CONFIG = TrainingConfig(
    n_envs=4, total_timesteps=4_000, learning_starts=40, batch_size=16, net_arch=(8,), buffer_size=400,
    checkpoint_every=1_200, evaluate_every=0,
)  # fmt: skip


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


def test_placements_are_paced() -> None:
    control = Control("every-move", pieces_per_second=100.0)
    started_s = time.monotonic()
    for _ in range(21):
        control.wait_for_turn(lambda: True)

    assert time.monotonic() - started_s >= 0.19, "the first placement is immediate, twenty wait"


@pytest.mark.parametrize("ask", [Control.pause, Control.request_stop])
def test_pauses_and_stops_end_the_wait_for_a_placement(ask: object) -> None:
    assert callable(ask)
    control = Control("every-move", pieces_per_second=1.0)
    control.wait_for_turn(lambda: True)
    threading.Timer(0.05, ask, [control]).start()
    started_s = time.monotonic()
    control.wait_for_turn(lambda: True)

    assert time.monotonic() - started_s < 0.9


def test_a_higher_speed_applies_at_once() -> None:
    control = Control("every-move", pieces_per_second=1.0)
    control.wait_for_turn(lambda: True)
    threading.Timer(0.05, control.set_speed, [1_000]).start()
    started_s = time.monotonic()
    control.wait_for_turn(lambda: True)

    assert time.monotonic() - started_s < 0.9


@pytest.mark.parametrize(
    ("mode", "rate", "is_watched", "is_paced"),
    [
        ("live", 30.0, True, False),
        ("live", 0.0, False, False),
        ("every-move", 30.0, True, True),
        ("every-move", 0.0, False, False),
        ("no-display", 30.0, False, False),
    ],
)
def test_only_watched_runs_are_shown_or_paced(mode: str, rate: float, is_watched: bool, is_paced: bool) -> None:
    control = Control(mode)
    control.subscribe(Subscription(boards_per_second=rate))

    assert (control.is_watched, control.is_paced) == (is_watched, is_paced)


def test_boards_have_the_colors_of_the_played_pieces_and_show_every_move(home: Home) -> None:
    run, events = start(home, "one", CONFIG.with_changes(total_timesteps=1_200))
    run.control.subscribe(Subscription(boards_per_second=60.0, action_values=True))
    run.control.set_mode("every-move")
    run.control.set_speed(60)
    run.control.pause()

    def run_training() -> None:
        wait_for(lambda: any(isinstance(event, BoardShown) and event.paused for event in events))
        run.control.resume()
        wait_for(lambda: sum(isinstance(event, BoardShown) for event in events) > 40)
        run.control.set_mode("no-display")

    helper = threading.Thread(target=run_training)
    helper.start()
    run.execute()
    helper.join()
    boards = [event for event in events if isinstance(event, BoardShown) and event.step]

    assert [event.step for event in boards] == list(range(4, 4 * len(boards) + 1, 4)), "each placement"
    for before, after in pairwise(boards):
        if after.game == before.game:
            assert after.pieces_game == before.pieces_game + 1
            assert all(before.cells[cell] == "." for cell in after.placed)
            letters = {"IOTLJSZ"[before.queue[0]]}
            if not after.cleared_rows:
                assert {after.cells[cell] for cell in after.placed} == letters
        else:
            assert (after.game, after.pieces_game, after.cells.strip(".")) == (before.game + 1, 0, "")
    assert "x" not in "".join(event.cells for event in boards)
    values = {one["action"]: one["value"] for one in boards[-1].action_values["actions"]}  # type: ignore[index]
    assert boards[-1].action_values["chosen"] == max(values, key=lambda action: values[action])  # type: ignore[index]


def test_a_run_without_a_server_trains(home: Home) -> None:
    run, events = start(home, "one", CONFIG.with_changes(total_timesteps=200))
    (run.folder / "worker.json").mkdir()
    run.execute(hosted)

    assert [event.state for event in events if isinstance(event, StateChanged)][-1] == "finished"


def test_recorded_and_published_progress_agree(home: Home) -> None:
    run, events = start(home, "one", CONFIG)
    agent, _ = run.execute()
    header, *rows = table(run.folder, "progress.csv")
    last = dict(zip(header, rows[-1], strict=True))
    progress = [event for event in events if isinstance(event, Progress)][-1]

    assert header == list(PROGRESS.column_names)
    assert [int(row[0]) for row in rows] == [2_000, 4_000]
    assert int(last["games_ended"]) == progress.games_ended == agent.statistics.games_ended
    for name in ("training_mean", "lines_low", "lines_high", "mean_reward_placement", "loss", "mean_q"):
        assert float(last[name]) == getattr(progress, name), name
    assert float(last["lines_low"]) <= float(last["training_mean"]) <= float(last["lines_high"]) + 1
    rewards = sum(float(dict(zip(header, row, strict=True))["mean_reward_placement"]) * 2_000 for row in rows)
    assert round(rewards) == agent.statistics.lines_total, "with the default rewards, a line is worth 1"


def test_a_stop_and_a_resume_leave_the_same_progress(home: Home) -> None:
    whole, _ = start(home, "whole", CONFIG)
    whole.execute()
    part, _ = start(home, "part", CONFIG)

    def stop_late(event: Event) -> None:
        if isinstance(event, BoardShown) and event.step > 2_600:
            part.request_stop()

    part._publish = stop_late
    part.control.subscribe(Subscription(boards_per_second=60.0))
    part.execute()
    assert part.control.is_stop_requested
    TrainingRun.open(home, "part", lambda _event: None).execute()

    assert untimed_progress(part.folder) == untimed_progress(whole.folder)
    seconds = [float(row[1]) for row in table(part.folder, "progress.csv")[1:]]
    assert seconds == sorted(seconds)


def test_a_demo_game_shows_whole_games_with_the_current_weights(home: Home) -> None:
    config = CONFIG.with_changes(
        algorithm="cma-es", cma_population=6, cma_games=2, max_pieces_game=60, total_timesteps=10**9
    )
    run, events = start(home, "one", config, game=EnvConfig.literature(10))
    run.control.subscribe(Subscription(boards_per_second=60.0, action_values=True))

    def stop_after_some() -> None:
        wait_for(lambda: sum(isinstance(event, BoardShown) for event in events) > 30)
        run.request_stop()

    helper = threading.Thread(target=stop_after_some)
    helper.start()
    run.execute()
    helper.join()
    boards = [event for event in events if isinstance(event, BoardShown)]

    for before, after in pairwise(boards):
        assert after.pieces_game in {before.pieces_game + 1, 1}
    assert boards[-1].step > 0
    assert any(event.action_values for event in boards)


class Broken(RoundCallback):
    """A callback that fails as training starts."""

    def _on_training_start(self) -> None:
        raise RuntimeError("It is broken.")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_demo_game_ends_if_training_does_not_start(is_first: bool) -> None:
    config = CONFIG.with_changes(algorithm="cma-es", cma_population=6, cma_games=2, max_pieces_game=60)
    agent = TetrisAgent(make_env(EnvConfig.literature(10))(), config)
    demo_game = DemoGame(agent, Control(), lambda _event: None, shows_board=False)
    with pytest.raises(RuntimeError, match=r"^It is broken\.$"):
        agent.train(100, [Broken(), demo_game] if is_first else [demo_game, Broken()])
    assert "demo-game" not in {thread.name for thread in threading.enumerate()}
