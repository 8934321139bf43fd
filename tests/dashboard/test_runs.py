"""Runs over REST and WebSocket, with real workers: started, watched, controlled, killed, resumed."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_processes import ForkedCommand
from tests.dashboard.servers import SMALL, Server, dashboard, events, first_event, wait_until, watch
from tests.workers.servers import wait_for
from tetrarium.workers.protocol.status_files import read_address

NO_SECOND = {
    "error": "There is no run 'second'. Choose one from the list of all runs.",
    "code": "entry-not-found", "field": None,
}  # fmt: skip
ENDLESS = {**SMALL, "total_timesteps": 10**9, "evaluate_every": 0, "checkpoint_every": 10**9}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with dashboard(tmp_path_factory.mktemp("home")) as served:
        with served.client() as client:
            started = client.post("/api/runs", json={"preset": "quick", "name": "first", "settings": ENDLESS})
            assert started.status_code == 201, started.text
            assert (started.json()["state"], started.json()["preset"]) == ("starting", "quick")
        yield served


def test_a_run_is_watched_and_controlled(server: Server) -> None:
    def send(command: str, **values: object) -> dict[str, object]:
        answer = client.post("/api/runs/first/commands", json={"command": command, "values": values})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    with server.client() as client, server.live() as viewer:
        watch(viewer, "first")
        board = first_event(viewer, "board-shown", source="run/first")
        assert (board["width"], board["height"], len(board["cells"])) == (10, 20, 240)
        assert first_event(viewer, "progress")["total_steps"] == 10**9

        assert send("pause")["message"] == "Pausing after the current round."
        paused = first_event(viewer, "state-changed", state="paused")
        assert paused["message"] == f"Paused at step {paused['step']:,}. Nothing is lost."
        first_event(viewer, "heartbeat")
        first_event(viewer, "heartbeat")
        assert send("status")["step"] == paused["step"], "a paused run makes no step"

        with server.live() as newcomer:
            watch(newcomer, "first")
            assert first_event(newcomer, "state-changed")["state"] == "paused"
            assert first_event(newcomer, "board-shown", source="run/first")["step"] == paused["step"]

        assert send("checkpoint")["ok"] is True
        assert first_event(viewer, "checkpoint-saved")["step"] == paused["step"]
        assert client.get("/api/runs/first").json()["checkpoints"] == [paused["step"]]

        assert send("resume")["message"] == "Resumed."
        first_event(viewer, "state-changed", state="running")
        assert send("pause")["ok"] is True
        first_event(viewer, "state-changed", state="paused")
        resumed = client.post("/api/runs/first/resume")
        assert (resumed.status_code, resumed.json()["is_alive"]) == (202, True)
        first_event(viewer, "state-changed", state="running")
        assert send("mode", mode="every-move")["message"] == "The mode is now every-move."
        assert send("speed", pieces_per_second=250)["message"] == "The speed is now 250 pieces per second."
        first_event(viewer, "control-changed", mode="every-move", pieces_per_second=250)
        watch(viewer, "first", action_values=True)
        first_event(viewer, "control-changed", action_values=True)
        assert send("mode", mode="no-display")["ok"] is True
        first_event(viewer, "control-changed", mode="no-display")


def test_a_finished_run_trains_on_and_has_its_command(server: Server) -> None:
    def ended(step: int) -> bool:
        view = client.get("/api/runs/short").json()
        return view["state"] == "finished" and view["step"] == step and not view["is_alive"]

    settings = ENDLESS | {"total_timesteps": 400}
    with server.client() as client:
        client.post("/api/runs", json={"preset": "quick", "name": "short", "settings": settings, "seed": 5})
        assert wait_for(lambda: ended(400))
        config = client.get("/api/runs/short").json()["config"]
        assert config["origin"] == "page"
        assert config["command"].startswith("tetrarium train --preset quick --set total_timesteps=400 --set n_envs=")
        assert "--set seed=5" in config["command"]
        refused = client.post("/api/runs/short/resume", json={"total_timesteps": 400})
        assert (refused.status_code, refused.json()["field"], refused.json()["error"]) == (
            422, "total_timesteps",
            "A run trains on to more than the 400 steps that it has trained; got 400. Increase total_timesteps.",
        )  # fmt: skip
        longer = client.post("/api/runs/short/resume", json={"total_timesteps": 800, "any_cpu": True})
        assert (longer.status_code, longer.json()["state"]) == (202, "starting")
        assert wait_for(lambda: ended(800))
        changed = client.get("/api/runs/short").json()["config"]
        assert changed["training_config"]["total_timesteps"] == 800 and changed["command"] == config["command"]


def test_a_subscription_without_boards_receives_only_progress(server: Server) -> None:
    with server.live() as viewer:
        watch(viewer, "first", boards=False)
        kinds = set()
        for message in events(viewer):
            kinds.add(message["event"]["kind"])
            if {"heartbeat", "progress"} <= kinds:
                break
        assert "board-shown" not in kinds


def test_errors_have_the_right_status(server: Server) -> None:
    with server.client() as client:
        taken = client.post("/api/runs", json={"name": "first"})
        assert (taken.status_code, "'first' is taken" in taken.json()["error"]) == (409, True)
        refused = client.request("DELETE", "/api/trash", json={"total_timesteps": 9000})
        assert (refused.status_code, refused.json()["error"]) == (
            422, "DELETE /api/trash takes no values; got a body of 24 bytes. Send none.",
        )  # fmt: skip
        running = client.post("/api/runs/first/resume", json={})
        assert (running.status_code, "Another process is using" in running.json()["error"]) == (409, True)
        for path in ("/api/runs/second", "/api/runs/second/progress", "/api/runs/second/log"):
            none = client.get(path)
            assert none.status_code == 404
            assert none.json() == NO_SECOND
        for body in (
            {},
            {"command": "fly"},
            {"command": "speed", "values": {"pieces_per_second": 0}},
            {"command": "mode", "values": {"mode": "fast"}},
            {"command": "pause", "values": {"x": 1}},
        ):
            assert client.post("/api/runs/first/commands", json=body).status_code == 422
    with server.live() as viewer:
        watch(viewer, "second")
        while "error" not in (message := json.loads(viewer.recv(30))):
            pass
        assert message == NO_SECOND


def test_a_killed_worker_is_reported_as_dead_and_its_run_resumes(server: Server) -> None:
    address = read_address(server.home / "runs" / "first")
    assert address is not None
    with server.client() as client, server.live() as viewer:
        watch(viewer, "first")
        first_event(viewer, "progress")
        os.kill(address.pid, signal.SIGKILL)
        received = []
        for message in events(viewer):
            received.append(message["event"]["kind"])
            if message["event"].get("state") == "crashed":
                break
        assert received.count("heartbeat") <= 2, "the crash is reported within about two seconds"
        assert "It can be resumed from step" in message["event"]["message"]
        assert client.get("/api/runs/first").json()["state"] == "crashed"
        refused = client.post("/api/runs/first/commands", json={"command": "pause"})
        assert (refused.status_code, "is not running" in refused.json()["error"]) == (409, True)

        resumed = client.post("/api/runs/first/resume")
        assert (resumed.status_code, resumed.json()["state"]) == (202, "starting")
        first_event(viewer, "state-changed", state="running")
        assert first_event(viewer, "board-shown", source="run/first")["step"] > 0


def test_a_run_outlives_its_dashboard_and_appears_in_the_next(server: Server) -> None:
    with dashboard(server.home) as other:
        assert other.address != server.address, "two dashboards share one home"
        with other.live() as viewer, server.live() as first:
            watch(viewer, "first")
            watch(first, "first")
            first_event(viewer, "board-shown")
            first_event(first, "board-shown")
        assert other.stop() == 130
        wait_until(lambda: other.printed and other.printed[-1].startswith("The dashboard has ended"))
        again = f"tetrarium serve --home {server.home}"
        assert other.printed[-1] == f"The dashboard has ended; first continues. Open it again: {again}\n"
    with server.client() as client:
        assert client.get("/api/runs/first").json()["is_alive"] is False, "the context manager stops the workers"


def test_a_run_from_a_terminal_appears_and_can_be_stopped(server: Server) -> None:
    settings = [word for name, value in ENDLESS.items() for word in ("--set", f"{name}={str(value).strip('[]')}")]
    with server.client() as client, server.live() as viewer:
        first_event(viewer, "runs-changed")
        terminal = ForkedCommand("train", "--name", "typed", "--home", server.home, *settings)
        first_event(viewer, "runs-changed")
        wait_until(lambda: "typed" in {run["name"] for run in client.get("/api/runs").json()})
        watch(viewer, "typed")
        first_event(viewer, "board-shown", source="run/typed")
        assert client.post("/api/runs/typed/commands", json={"command": "stop"}).json()["ok"] is True
        ended = first_event(viewer, "run-ended")
        assert ended["state"] == "stopped"
        assert terminal.wait() == 0
        run = wait_until(lambda: (seen := client.get("/api/runs/typed").json())["state"] == "stopped" and seen)
        assert (run["is_alive"], run["checkpoints"]) == (False, [ended["step"]])
        columns = client.get("/api/runs/typed/progress?max_points=2").json()
        assert {"step", "training_mean", "loss"} <= set(columns)
        assert [step for step in columns["step"] if step > ended["step"]] == []
        assert client.get("/api/runs/typed/evaluations").json() == []
        agents = client.get("/api/agents").json()
        assert {"name": "typed", "kind": "run", "group": None} in agents
        assert {"name": "du", "kind": "controller", "group": None} in agents


def test_a_demo_plays_for_its_viewers(server: Server) -> None:
    with server.client() as client, server.live() as viewer:
        started = client.post("/api/demos", json={"agent": "du", "seed": 3, "pieces_per_second": 100})
        assert started.status_code == 201, started.text
        demo = started.json()["id"]
        assert (started.json()["agent"], started.json()["seed"]) == ("du", 3)
        watch(viewer, demo, kind="demo")
        board = first_event(viewer, "board-shown", source=f"demo/{demo}")
        assert board["game"] == 1
        path = f"/api/demos/{demo}/commands"
        assert client.post(path, json={"command": "pause"}).status_code == 200
        first_event(viewer, "state-changed", state="paused")
        assert client.post(path, json={"command": "resume"}).status_code == 200
        assert client.post(path, json={"command": "new-game"}).status_code == 200
        first_event(viewer, "board-shown", game=2)
        assert client.post(path, json={"command": "checkpoint"}).status_code == 422, "demos save no checkpoints"
        assert client.delete(f"/api/demos/{demo}").status_code == 204
        wait_until(lambda: client.get("/api/demos").json() == [])
        assert client.delete(f"/api/demos/{demo}").status_code == 404
        assert client.post("/api/demos", json={"agent": "nobody"}).json()["error"].startswith("Unknown agent 'nobody'.")


def test_a_table_has_several_seats(server: Server) -> None:
    with server.client() as client, server.live() as viewer:
        body = {"seats": ["du", "random"], "protocol": "literature-10x10", "pieces_per_second": 60, "together": True}
        started = client.post("/api/demos", json=body)
        assert started.status_code == 201, started.text
        demo = started.json()
        assert (demo["agent"], demo["seats"], demo["together"]) == ("du, random", ["du", "random"], True)
        watch(viewer, demo["id"], kind="demo", boards_per_second=30)
        source = f"demo/{demo['id']}"
        shown = first_event(viewer, "table-shown", source=source)
        assert [(seat["agent"], seat["height"], seat["game"]) for seat in shown["seats"]] == [
            ("du", 10, 1), ("random", 10, 1),
        ]  # fmt: skip
        watch(viewer, demo["id"], kind="demo", boards=False)
        client.post(f"/api/demos/{demo['id']}/commands", json={"command": "pause"})
        first_event(viewer, "state-changed", source=source, message="Paused.")
        assert client.delete(f"/api/demos/{demo['id']}").status_code == 204
        wait_until(lambda: client.get("/api/demos").json() == [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "A demo needs either `agent`, one agent, or `seats`, a table of agents. Send one of them."),
        ({"agent": "du", "seats": ["du"]}, "A demo needs either `agent`, one agent, or `seats`, a table of agents."),
        (
            {"seats": ["du", "delacherie"]},
            "Unknown agent 'delacherie'. Name one of: a run, NAME@best, NAME@STEP, "
            "a model, NAME@VERSION, random, dellacherie, du, dt-10. Did you mean 'dellacherie'?",
        ),
        ({"seats": ["du"] * 10}, "seats must have at most 9 entries; got 10"),
        ({"seats": ["du"], "protocol": "mine"}, "A protocol is one of harder, default, uniform, literature-10x10,"),
        ({"agent": "first@99"}, "first@ is followed by 'best' or by the step of a checkpoint"),
    ],
)
def test_an_invalid_demo_is_rejected(server: Server, body: dict[str, object], message: str) -> None:
    with server.client() as client:
        answer = client.post("/api/demos", json=body)
    assert (answer.status_code, message in answer.json()["error"]) == (422, True), answer.text


def test_a_slow_client_gets_new_boards_and_no_queue_of_old_ones(server: Server) -> None:
    host, _, port = server.address.partition(":")
    with server.client() as client, socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.connect((host, int(port)))
        demo = client.post("/api/demos", json={"agent": "du", "pieces_per_second": 60}).json()["id"]
        with server.live() as other, server.live(sock=narrow, max_queue=1) as slow:
            watch(slow, demo, kind="demo", action_values=True)
            first_event(slow, "board-shown", source=f"demo/{demo}")
            for _ in range(2):  # about four seconds in which the slow client reads nothing
                first_event(other, "heartbeat")
            resumed_s, n_old_boards, n_bytes = time.time(), 0, 0
            for text in slow:
                event = json.loads(text)["event"]
                if event["kind"] == "board-shown":
                    n_bytes += len(text)
                    if event["sent_s"] >= resumed_s:
                        break
                    n_old_boards += 1
        assert client.delete(f"/api/demos/{demo}").status_code == 204
    assert n_old_boards < 60, f"of about 240 boards, {n_old_boards} were queued, {n_bytes:,} bytes"


def test_the_home_holds_only_known_entries(server: Server) -> None:
    assert {path.name for path in Path(server.home).iterdir()} <= {
        "runs", "demos", "secret.key", "registry.db", "registry.db-wal", "registry.db-shm",
    }  # fmt: skip
