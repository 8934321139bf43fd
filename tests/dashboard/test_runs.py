"""Runs over REST and the socket, with real workers: started, watched, controlled, killed, taken up again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from tests.dashboard.servers import SMALL, Server, dashboard, events, first_event, wait_until, watch
from tetrarium.dashboard.schemas import Player, Run
from tetrarium.workers.directory import RunView
from tetrarium.workers.files import read_address
from tetrarium.workers.players import PlayerView

ENDLESS = {**SMALL, "total_timesteps": 10**9, "evaluate_every": 0, "checkpoint_every": 10**9}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with dashboard(tmp_path_factory.mktemp("home")) as served:
        with served.client() as client:
            begun = client.post("/api/runs", json={"preset": "quick", "name": "first", "settings": ENDLESS})
            assert begun.status_code == 201, begun.text
            assert (begun.json()["state"], begun.json()["preset"]) == ("starting", "quick")
        yield served


def test_the_api_tells_all_that_is_known() -> None:
    assert [item.name for item in fields(RunView)] == list(Run.model_fields)
    assert [item.name for item in fields(PlayerView)] == list(Player.model_fields)


def test_a_run_is_watched_and_controlled(server: Server) -> None:
    def told(command: str, **values: object) -> dict[str, object]:
        answer = client.post("/api/runs/first/commands", json={"command": command, "values": values})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    with server.client() as client, server.live() as viewer:
        watch(viewer, "first")
        board = first_event(viewer, "board-shown", source="run/first")
        assert (board["width"], board["height"], len(board["cells"])) == (10, 20, 240)
        assert first_event(viewer, "progress")["total_steps"] == 10**9

        assert told("pause")["message"] == "Pausing after the round under way."
        paused = first_event(viewer, "state-changed", state="paused")
        assert paused["message"] == f"Paused at step {paused['step']:,}. Nothing is lost."
        first_event(viewer, "heartbeat")
        first_event(viewer, "heartbeat")
        assert told("status")["step"] == paused["step"], "no step happens while it is paused"

        with server.live() as newcomer:
            watch(newcomer, "first")
            assert first_event(newcomer, "state-changed")["state"] == "paused"
            assert first_event(newcomer, "board-shown", source="run/first")["step"] == paused["step"]

        assert told("checkpoint")["ok"] is True
        assert first_event(viewer, "checkpoint-saved")["step"] == paused["step"]
        assert client.get("/api/runs/first").json()["checkpoints"] == [paused["step"]]

        assert told("resume")["message"] == "Going on."
        first_event(viewer, "state-changed", state="running")
        assert told("mode", mode="every-move")["message"] == "The mode is every-move now."
        assert told("speed", pieces_per_second=250)["message"] == "The speed is 250 pieces a second now."
        first_event(viewer, "control-changed", mode="every-move", pieces_per_second=250)
        watch(viewer, "first", thoughts=True)
        first_event(viewer, "control-changed", thoughts=True)
        assert told("mode", mode="headless")["ok"] is True
        first_event(viewer, "control-changed", mode="headless")


def test_who_wants_no_boards_gets_progress_alone(server: Server) -> None:
    with server.live() as viewer:
        watch(viewer, "first", boards=False)
        kinds = set()
        for told in events(viewer):
            kinds.add(told["event"]["kind"])
            if {"heartbeat", "progress"} <= kinds:
                break
        assert "board-shown" not in kinds


def test_what_is_wrong_is_told_with_the_right_status(server: Server) -> None:
    with server.client() as client:
        taken = client.post("/api/runs", json={"name": "first"})
        assert (taken.status_code, "'first' is taken" in taken.json()["error"]) == (409, True)
        under_way = client.post("/api/runs/first/resume")
        assert (under_way.status_code, "being trained by another" in under_way.json()["error"]) == (409, True)
        for path in ("/api/runs/second", "/api/runs/second/progress", "/api/runs/second/log"):
            none = client.get(path)
            assert none.status_code == 404
            assert none.json() == {"error": "There is no run 'second'. GET /api/runs lists what there is."}
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
        while "error" not in (told := json.loads(viewer.recv(30))):
            pass
        assert told == {"error": "There is no run 'second'. GET /api/runs lists what there is."}


def test_a_killed_worker_is_seen_as_dead_and_its_run_goes_on(server: Server) -> None:
    address = read_address(server.home / "runs" / "first")
    assert address is not None
    with server.client() as client, server.live() as viewer:
        watch(viewer, "first")
        first_event(viewer, "progress")
        os.kill(address.pid, signal.SIGKILL)
        heard = []
        for told in events(viewer):
            heard.append(told["event"]["kind"])
            if told["event"].get("state") == "dead":
                break
        assert heard.count("heartbeat") <= 2, "within some two seconds"
        assert "It can go on from step" in told["event"]["message"]
        assert client.get("/api/runs/first").json()["state"] == "dead"
        refused = client.post("/api/runs/first/commands", json={"command": "pause"})
        assert (refused.status_code, "is not under way" in refused.json()["error"]) == (409, True)

        resumed = client.post("/api/runs/first/resume")
        assert (resumed.status_code, resumed.json()["state"]) == (202, "starting")
        first_event(viewer, "state-changed", state="running")
        assert first_event(viewer, "board-shown", source="run/first")["step"] > 0


def test_a_run_outlives_the_dashboard_and_is_found_by_the_next(server: Server) -> None:
    with dashboard(server.home) as other:
        assert other.address != server.address, "two dashboards, one home"
        with other.live() as viewer, server.live() as first:
            watch(viewer, "first")
            watch(first, "first")
            first_event(viewer, "board-shown")
            first_event(first, "board-shown")
        assert other.stop() == 130
        wait_until(lambda: other.said and other.said[-1].startswith("The dashboard has ended"))
        assert other.said[-1] == "The dashboard has ended; first goes on. See again: tetrarium serve\n"
    with server.client() as client:
        assert client.get("/api/runs/first").json()["is_alive"] is False, "the fixture's end ends workers"


def test_a_run_of_a_terminal_appears_and_is_stopped_from_the_page(server: Server) -> None:
    settings = [word for name, value in ENDLESS.items() for word in ("--set", f"{name}={str(value).strip('[]')}")]
    with server.client() as client, server.live() as viewer:
        first_event(viewer, "runs-changed")
        terminal = subprocess.Popen(
            [sys.executable, "-m", "tetrarium", "train", "--name", "typed", "--home", str(server.home), *settings],
            stdout=subprocess.DEVNULL,
        )
        first_event(viewer, "runs-changed")
        wait_until(lambda: "typed" in {run["name"] for run in client.get("/api/runs").json()})
        watch(viewer, "typed")
        first_event(viewer, "board-shown", source="run/typed")
        assert client.post("/api/runs/typed/commands", json={"command": "stop"}).json()["ok"] is True
        ended = first_event(viewer, "run-ended")
        assert ended["state"] == "stopped"
        assert terminal.wait(60) == 0
        run = wait_until(lambda: (seen := client.get("/api/runs/typed").json())["state"] == "stopped" and seen)
        assert (run["is_alive"], run["checkpoints"]) == (False, [ended["step"]])
        columns = client.get("/api/runs/typed/progress?max_points=2").json()
        assert {"step", "mean_lines_game", "loss"} <= set(columns)
        assert [step for step in columns["step"] if step > ended["step"]] == []
        assert client.get("/api/runs/typed/evaluations").json() == []
        policies = client.get("/api/policies").json()
        assert {"name": "typed", "kind": "run"} in policies
        assert {"name": "du", "kind": "controller"} in policies


def test_a_player_plays_for_whoever_watches(server: Server) -> None:
    with server.client() as client, server.live() as viewer:
        begun = client.post("/api/players", json={"what": "du", "seed": 3, "pieces_per_second": 100})
        assert begun.status_code == 201, begun.text
        player = begun.json()["id"]
        assert (begun.json()["what"], begun.json()["seed"]) == ("du", 3)
        watch(viewer, player, kind="player")
        board = first_event(viewer, "board-shown", source=f"player/{player}")
        assert board["game"] == 1
        path = f"/api/players/{player}/commands"
        assert client.post(path, json={"command": "pause"}).status_code == 200
        first_event(viewer, "state-changed", state="paused")
        assert client.post(path, json={"command": "resume"}).status_code == 200
        assert client.post(path, json={"command": "new-game"}).status_code == 200
        first_event(viewer, "board-shown", game=2)
        assert client.post(path, json={"command": "checkpoint"}).status_code == 422, "players save nothing"
        assert client.delete(f"/api/players/{player}").status_code == 204
        wait_until(lambda: client.get("/api/players").json() == [])
        assert client.delete(f"/api/players/{player}").status_code == 404
        assert client.post("/api/players", json={"what": "nobody"}).json()["error"].startswith("What can be named is")


def test_several_play_at_one_table(server: Server) -> None:
    with server.client() as client, server.live() as viewer:
        order = {"seats": ["du", "random"], "protocol": "literature-10x10", "pieces_per_second": 60, "together": True}
        begun = client.post("/api/players", json=order)
        assert begun.status_code == 201, begun.text
        player = begun.json()
        assert (player["what"], player["seats"], player["together"]) == ("du, random", ["du", "random"], True)
        watch(viewer, player["id"], kind="player", boards_per_second=30)
        source = f"player/{player['id']}"
        shown = first_event(viewer, "seats-shown", source=source)
        assert [(seat["what"], seat["height"], seat["game"]) for seat in shown["seats"]] == [
            ("du", 10, 1), ("random", 10, 1),
        ]  # fmt: skip
        watch(viewer, player["id"], kind="player", boards=False)
        client.post(f"/api/players/{player['id']}/commands", json={"command": "pause"})
        first_event(viewer, "state-changed", source=source, message="Paused.")
        assert client.delete(f"/api/players/{player['id']}").status_code == 204
        wait_until(lambda: client.get("/api/players").json() == [])


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({}, "A demo is of one who plays alone, `what`, or of a table, `seats`. Name one of the two."),
        ({"what": "du", "seats": ["du"]}, "A demo is of one who plays alone, `what`, or of a table, `seats`."),
        ({"seats": ["du", "delacherie"]}, "there is no 'delacherie'. Did you mean 'dellacherie'?"),
        ({"seats": ["du"] * 10}, "seats has at most 9 entries; got 10"),
        ({"seats": ["du"], "protocol": "mine"}, "A protocol is one of default, uniform, literature-10x10,"),
        ({"what": "first@99"}, "After first@ stands 'best' or the step of a checkpoint"),
    ],
)
def test_a_demo_that_cannot_be_is_refused(server: Server, order: dict[str, object], said: str) -> None:
    with server.client() as client:
        answer = client.post("/api/players", json=order)
    assert (answer.status_code, said in answer.json()["error"]) == (422, True), answer.text


def test_who_does_not_read_gets_new_boards_and_not_a_queue_of_old_ones(server: Server) -> None:
    host, _, port = server.address.partition(":")
    with server.client() as client, socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.connect((host, int(port)))
        player = client.post("/api/players", json={"what": "du", "pieces_per_second": 60}).json()["id"]
        with server.live() as other, server.live(sock=narrow, max_queue=1) as slow:
            watch(slow, player, kind="player", thoughts=True)
            first_event(slow, "board-shown", source=f"player/{player}")
            for _ in range(4):  # some eight seconds, in which it reads nothing
                first_event(other, "heartbeat")
            asked_s, old, n_bytes = time.time(), 0, 0
            for text in slow:
                event = json.loads(text)["event"]
                if event["kind"] == "board-shown":
                    n_bytes += len(text)
                    if event["sent_s"] >= asked_s:
                        break
                    old += 1
        assert client.delete(f"/api/players/{player}").status_code == 204
    assert old < 60, f"of some 480 boards, {old} were kept, {n_bytes:,} bytes"


def test_nothing_is_left_in_the_home_but_what_belongs_there(server: Server) -> None:
    assert {path.name for path in Path(server.home).iterdir()} <= {
        "runs", "players", "secret.key", "registry.db", "registry.db-wal", "registry.db-shm",
    }  # fmt: skip
