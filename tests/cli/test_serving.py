"""``tetrarium serve`` and ``tetrarium run``: what they print, how they end, and what they leave behind."""

import io
import json
import re
import signal
import socket
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.test_commands import call
from tests.dashboard.servers import dashboard, wait_until
from tetrarium.cli.banner import make_banner
from tetrarium.cli.frames import Room
from tetrarium.cli.story import Story
from tetrarium.events import KernelsCompiling, Progress, RunEnded, RunStarted, StateChanged
from tetrarium.training.runs.folder import is_locked

STARTED = RunStarted(name="run-1", folder="runs/run-1", step=0, total_steps=400_000, seed=1, n_envs=50)
PROGRESS = Progress(
    step=41_200, total_steps=400_000, steps_per_second=5310.4, seconds=8.0, seconds_left=67.0, games_ended=500,
    mean_lines_game=1204.3, mean_n_games=100, best_lines_game=3998, lines_total=90_000, exploration_rate=0.1, loss=0.2,
)  # fmt: skip


def banner(*events: object, width: int = 100, last: bool = False) -> list[str]:
    """The banner's lines after these messages."""
    story = Story()
    for event in events:
        story.take(event, 10.0)  # type: ignore[arg-type]
    console = Console(file=io.StringIO(), width=width, highlight=False)
    draw = make_banner("run-1", "http://127.0.0.1:8765/")
    with console.capture() as drawn:
        console.print(draw(story, Room(width=width, height=24, colour=False), 12.0, last=last))
    return drawn.get().splitlines()


def test_the_banner_tells_how_it_stands_and_ends_with_the_address() -> None:
    assert banner() == ["run-1  starting", "Watch it at http://127.0.0.1:8765/"]
    assert banner(KernelsCompiling())[0] == ("Compiling the game for this machine, about 20 seconds, only once … 2 s")
    assert banner(STARTED)[0] == "run-1  training"
    assert banner(STARTED, PROGRESS)[0] == "run-1  training  10 %  5,310 steps/s 1,204 lines a game  1 min 7 s left"
    paused = StateChanged(state="paused", step=41_200, message="Paused at step 41,200. Nothing is lost.")
    assert banner(STARTED, PROGRESS, paused)[0].startswith("run-1  paused  10 %")
    ended = RunEnded(state="finished", step=400_000, seconds=80.0, checkpoint="")
    assert banner(STARTED, PROGRESS, ended) == [
        "Finished at step 400,000 after 1 min 20 s; no checkpoint was saved",
        "Watch it at http://127.0.0.1:8765/",
    ]
    assert banner(STARTED, ended, last=True) == ["Finished at step 400,000 after 1 min 20 s; no checkpoint was saved"]
    assert [len(line) <= 40 for line in banner(STARTED, PROGRESS, width=40)] == [True, True]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--port", "99999"], "A port is a number from 0 to 65,535; got 99999."),
        (["serve", "--port", "-1"], "A port is a number from 0 to 65,535; got -1."),
        (["serve", "--host", "no such host"], "--host is an address of this machine; got 'no such host'"),
        (["serve", "--host", "192.0.2.1"], "The dashboard cannot listen on 192.0.2.1:8765: Cannot assign"),
        (["run", "--port", "99999"], "A port is a number from 0 to 65,535; got 99999."),
        (["run", "--steps", "0", "--port", "0"], "total_timesteps is a whole number from 1 to"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(
    arguments: list[str], said: str, tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert "Traceback" not in output.err
    assert not (tetrarium_home / "runs").exists()


def test_a_port_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with dashboard(tmp_path, port=port) as server:
            assert int(server.address.partition(":")[2]) in range(port + 1, port + 50)
            assert server.stop(signal.SIGTERM) == 143
    assert server.said == [f"The dashboard is at {server.url}\n", "The dashboard has ended. No run is under way.\n"]


def test_run_trains_and_then_plays_until_it_is_left(tmp_path: Path) -> None:
    with dashboard(tmp_path, "--steps", "600", "--name", "first", command="run") as server, server.client() as client:
        assert server.said[0] == f"Watch first at {server.url}\n"
        players = wait_until(lambda: client.get("/api/players").json())
        assert [player["what"] for player in players] == ["first"]
        run = client.get("/api/runs/first").json()
        assert (run["state"], run["preset"], run["checkpoints"]) == ("finished", "default", [600])
        wait_until(lambda: client.get("/api/players").json()[0]["state"] == "running")
        assert server.stop() == 0
    said = "".join(server.said)
    assert "Training first: 600 steps" in said
    assert "Finished at step 600" in said
    assert list((tmp_path / "players").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.oracle)]
)
def test_a_signal_stops_what_run_began_with_a_checkpoint(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with dashboard(tmp_path, "--name", "first", command="run") as server:
        folder = tmp_path / "runs" / "first"
        if number == signal.SIGTERM:  # at once, while it starts, or in the middle of training
            wait_until(lambda: '"running"' in (folder / "state.json").read_text())
        assert server.stop(number) == code
    state = json.loads((folder / "state.json").read_text())
    assert (state["state"], is_locked(folder)) == ("stopped", False)
    assert [path.name for path in (folder / "checkpoints").iterdir()] == [str(state["step"])]
    assert re.search(rf"Stopped at step {state['step']:,} after .*\nNothing is lost. Go on: ", "".join(server.said))
