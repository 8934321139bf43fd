"""Commands ``serve`` and ``run``: output, exit codes, and the state after they have ended."""

import dataclasses
import io
import json
import re
import signal
import socket
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.commands import run_command
from tests.command_processes import Command
from tests.dashboard.servers import dashboard, wait_until
from tetrarium.cli.terminal.display_frame import TerminalInfo
from tetrarium.cli.terminal.run_display import make_banner
from tetrarium.cli.terminal.run_summary import RunSummary
from tetrarium.events import KernelsCompiling, Progress, RunEnded, RunStarted, StateChanged
from tetrarium.registry.files.process_lock import is_locked

STARTED = RunStarted(name="run-1", folder="runs/run-1", step=0, total_steps=400_000, seed=1, n_envs=50)
PROGRESS = Progress(
    step=41_200, total_steps=400_000, steps_per_second=5310.4, seconds=8.0, seconds_left=67.0, games_ended=500,
    training_mean=1204.3, training_n_ended=50, training_n_running=50, games_lost=1,
        best_lines_game=3998, lines_total=90_000, exploration_rate=0.1, loss=0.2,
)  # fmt: skip


def banner(*events: object, width: int = 100, last: bool = False) -> list[str]:
    """Returns the banner's lines after these events."""
    summary = RunSummary()
    for event in events:
        summary.update(event, 10.0)  # type: ignore[arg-type]
    console = Console(file=io.StringIO(), width=width, highlight=False)
    draw = make_banner("run-1", "http://127.0.0.1:8765/")
    with console.capture() as drawn:
        console.print(draw(summary, TerminalInfo(width=width, height=24, color=False), 12.0, last=last))
    return drawn.get().splitlines()


def test_banner_shows_state_and_address() -> None:
    assert banner() == ["run-1  starting … 0 s", "Watch it at http://127.0.0.1:8765/", "Ctrl-C stops and saves."]
    assert banner(KernelsCompiling())[0] == ("Compiling the game for this machine (once, about 10 seconds) … 2 s")
    assert banner(STARTED)[0] == "run-1  training"
    assert banner(STARTED, PROGRESS)[0] == "run-1  training  10 %  5,310 steps/s training mean 1,204  1 min 7 s left"
    paused = StateChanged(state="paused", step=41_200, message="Paused at step 41,200. Nothing is lost.")
    assert banner(STARTED, PROGRESS, paused)[0].startswith("run-1  paused  10 %")
    ended = RunEnded(state="finished", step=400_000, seconds=80.0, checkpoint="")
    assert banner(STARTED, PROGRESS, ended) == [
        "Finished at step 400,000 after 1 min 20 s; no checkpoint was saved",
        "Train longer: tetrarium resume run-1 --steps 800000",
        "Play against it: http://127.0.0.1:8765/play#against/run-1",
        "Share a GIF: tetrarium record run-1 run-1.gif",
        "It plays at http://127.0.0.1:8765/",
        "Ctrl-C ends the dashboard.",
    ]
    elsewhere = dataclasses.replace(ended, checkpoint="/other/runs/run-1/checkpoints/400000")
    assert banner(STARTED, elsewhere)[1] == "Train longer: tetrarium resume run-1 --home /other --steps 800000"
    assert banner(STARTED, ended, last=True) == ["Finished at step 400,000 after 1 min 20 s; no checkpoint was saved"]
    assert [len(line) <= 40 for line in banner(STARTED, PROGRESS, width=40)] == [True] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--port", "99999"], "--port must be from 0 to 65,535; got 99999."),
        (["serve", "--port", "-1"], "--port must be from 0 to 65,535; got -1."),
        (["serve", "--host", "no such host"], "--host must be an address of this machine; got 'no such host'"),
        (["serve", "--host", "192.0.2.1"], "The dashboard cannot listen on 192.0.2.1:8765: Cannot assign"),
        (["run", "--port", "99999"], "--port must be from 0 to 65,535; got 99999."),
        (["run", "--steps", "0", "--port", "0"], "total_timesteps is a whole number from 1 to"),
    ],
)
def test_bad_options_are_one_line(
    arguments: list[str], message: str, tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(*arguments) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert "Traceback" not in output.err
    assert not (tetrarium_home / "runs").exists()


def test_the_next_free_port_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with dashboard(tmp_path, port=port) as server:
            assert int(server.address.partition(":")[2]) in range(port + 1, port + 50)
            assert server.stop(signal.SIGTERM) == 143
    assert server.printed == [f"The dashboard is at {server.url}\n", "The dashboard has ended. No run is active.\n"]


def test_run_trains_and_then_plays_a_demo(tmp_path: Path) -> None:
    with dashboard(tmp_path, "--steps", "600", "--name", "first", command="run") as server, server.client() as client:
        assert server.printed[:2] == ["Starting the dashboard and a training run.\n", f"Watch first at {server.url}\n"]
        players = wait_until(lambda: client.get("/api/demos").json())
        assert [player["agent"] for player in players] == ["first"]
        run = client.get("/api/runs/first").json()
        assert (run["state"], run["preset"], run["checkpoints"]) == ("finished", "default", [600])
        wait_until(lambda: client.get("/api/demos").json()[0]["state"] == "running")
        assert server.stop() == 0
    output = "".join(server.printed)
    assert "Training first: 600 steps" in output
    assert "Finished at step 600" in output
    assert f"first plays at {server.url}. Ctrl-C ends the dashboard." in output
    assert list((tmp_path / "demos").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.oracle)]
)
def test_a_signal_stops_the_run_with_a_checkpoint(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with dashboard(tmp_path, "--name", "first", command="run", start=Command) as server:
        folder = tmp_path / "runs" / "first"
        if number == signal.SIGTERM:  # at once, while it starts, or in the middle of training
            wait_until(lambda: '"running"' in (folder / "state.json").read_text())
        assert server.stop(number) == code
    state = json.loads((folder / "state.json").read_text())
    assert (state["state"], is_locked(folder)) == ("stopped", False)
    assert [path.name for path in (folder / "checkpoints").iterdir()] == [str(state["step"])]
    ending = rf"Stopped at step {state['step']:,} after .*\n(?:Time: .*\n)?Run: .*\nResume it any time: "
    assert re.search(ending, "".join(server.printed))
