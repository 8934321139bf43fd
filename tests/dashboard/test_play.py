"""A game by keys over API and socket: begun, played, paused when left, kept, downloaded, played again exactly."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection

from tests.dashboard.servers import PATIENCE_S, Server, events, first_event, say_until_closed, wait_until, watch
from tetrarium.environment.replays import Replay


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def hand(client: httpx.Client) -> str:
    answer = client.post("/api/hands", json={"mode": "free", "seed": 7, "opponent": "dellacherie", "pace": None})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def shown(socket: ClientConnection, **values: Any) -> dict[str, Any]:
    return first_event(socket, "hand-shown", **values)


def press(socket: ClientConnection, *keys: str, number: int | None = None) -> None:
    for key in keys:
        socket.send(json.dumps({"keys": [{"key": key, "down": True, "number": number}, {"key": key, "down": False}]}))


def command(client: httpx.Client, hand: str, name: str, **values: Any) -> httpx.Response:
    body = {"command": name} | ({"values": values} if values else {})
    return client.post(f"/api/hands/{hand}/commands", json=body)


def test_a_game_is_played_kept_and_plays_again_exactly(
    server: Server, client: httpx.Client, hand: str, tmp_path: Path
) -> None:
    with server.live() as socket:
        watch(socket, hand, kind="hand")
        ready = shown(socket, phase="ready", seed=7)
        assert (ready["pieces_game"], ready["seconds"], ready["opponent"]["state"]) == (0, 0, "ready")
        press(socket, "left", "clockwise", "hold", "hard drop", "counter-clockwise", "soft drop", "hard drop", number=3)
        last = shown(socket, pieces_game=2, key_number=3)
        assert last["held"] == ready["queue"][0]
        assert last["opponent"]["pieces"] == 2
        assert last["score_game"] > 0
        press(socket, *["hard drop"] * 25)
        over = shown(socket, phase="over")
        kept = shown(socket, phase="over")["kept"] or over["kept"]
        (game,) = client.get("/api/games").json()
        assert (game["name"], game["mode"], game["seed"], game["over"]) == (kept, "free", 7, True)
        assert (game["score"], game["pieces"]) == (over["score_game"], over["pieces_game"])
        press(socket, "hard drop", number=99)
        assert command(client, hand, "begin", mode="sprint", seed=7).json()["message"] == "The next game begins."
        again = shown(socket, phase="ready", game=2)
        assert (again["queue"], again["goal_lines"], again["opponent"]) == (ready["queue"], 40, None)
    file = client.get(f"/api/games/{kept}")
    assert file.headers["content-disposition"] == f'attachment; filename="{kept}"'
    replay = Replay.from_bytes(file.content)
    *_, end = replay.play()
    assert (end.state_tp1.score, end.state_tp1.over) == (over["score_game"], True)  # type: ignore[union-attr]
    (tmp_path / kept).write_bytes(file.content)
    made = [
        sys.executable,
        "-m",
        "tetrarium",
        "record",
        str(tmp_path / kept),
        str(tmp_path / "game.gif"),
        "--scale",
        "4",
    ]
    done = subprocess.run(made, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Recorded by hand, game 0 of seed 7:")


def test_it_is_paused_when_whoever_pressed_its_keys_leaves(server: Server, client: httpx.Client, hand: str) -> None:
    with server.live() as other:
        watch(other, hand, kind="hand")
        with server.live() as socket:
            watch(socket, hand, kind="hand")
            command(client, hand, "begin", seed=1)
            shown(socket, phase="ready", seed=1)
            press(socket, "left")
            shown(other, phase="playing", seed=1)
        paused = shown(other, phase="paused")
        assert command(client, hand, "resume").json()["message"] == "Going on."
        assert shown(other, phase="playing")["seconds"] >= paused["seconds"]
        assert command(client, hand, "pause").json()["ok"] is True
        shown(other, phase="paused")


def test_what_changes_in_the_middle_of_a_game(server: Server, client: httpx.Client, hand: str) -> None:
    with server.live() as socket:
        watch(socket, hand, kind="hand")
        command(client, hand, "begin", seed=2)
        before = shown(socket, phase="ready", seed=2)
        assert before["advice"] is None
        assert command(client, hand, "change", advice="dellacherie", handling={"das_ms": 90}).status_code == 200
        told = shown(socket, phase="ready", seed=2)
        while told["advice"] is None:
            told = shown(socket, seed=2)
        assert (told["advice"]["what"], len(told["advice"]["cells"])) == ("dellacherie", 4)
        assert told["advice"]["value"] < 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"opponent": "nobody"}, "there is no 'nobody'"),
        ({"advice": "nobody"}, "there is no 'nobody'"),
        ({"mode": "race"}, "mode"),
        ({"level": 21}, "level"),
        ({"handling": {"arr_ms": -1}}, "arr_ms"),
        ({"pace": 100}, "pace"),
    ],
)
def test_a_game_that_cannot_be_is_refused(client: httpx.Client, body: dict[str, Any], said: str) -> None:
    answer = client.post("/api/hands", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"keys": [{"key": "up", "down": true}]}', "keys.0.key"),
        ('{"keys": [{"key": "left"}]}', "keys.0.down"),
        ('{"keys": 3}', "keys: "),
        ('{"keys": []}', "Keys go to a game of yours; none is watched."),
        (json.dumps({"keys": [{"key": "left", "down": True}] * 17}), "at most 16"),
    ],
)
def test_keys_that_nobody_takes_are_answered(server: Server, text: str, said: str) -> None:
    with server.live() as socket:
        socket.send(text)
        assert said in next(told["error"] for told in events(socket) if "error" in told)


def test_ten_thousand_keys_end_one_socket_and_not_the_game(server: Server, client: httpx.Client, hand: str) -> None:
    with server.live() as patient, server.live() as socket:
        watch(patient, hand, kind="hand")
        watch(socket, hand, kind="hand")
        say_until_closed(socket, ['{"keys": [{"key": "left", "down": true}]}'] * 10_000)
        assert socket.close_code == 1008
        assert socket.close_reason == "At most 200 messages a second."
        command(client, hand, "begin", seed=3)
        shown(patient, phase="ready", seed=3)
        press(patient, "hard drop", number=1)
        assert shown(patient, key_number=1)["pieces_game"] == 1


def test_a_game_that_is_not_there_is_not_found(client: httpx.Client) -> None:
    assert client.get("/api/games/nothing.tetris-replay").status_code == 404
    assert command(client, "nobody", "pause").status_code == 404
    assert client.delete("/api/hands/nobody").json() == {
        "error": "There is no hand 'nobody'. GET /api/hands lists what there is."
    }


def test_an_ended_game_leaves_nothing_but_what_was_played(server: Server, client: httpx.Client, hand: str) -> None:
    """The last test of the module: it ends the game."""
    assert [one["id"] for one in client.get("/api/hands").json()] == [hand]
    with server.live() as socket:
        watch(socket, hand, kind="hand")
        command(client, hand, "begin", seed=4)
        shown(socket, phase="ready", seed=4)
        n_kept = len(client.get("/api/games").json())
        press(socket, "hard drop", number=1)
        shown(socket, key_number=1)
        assert client.delete(f"/api/hands/{hand}").status_code == 204
        assert first_event(socket, "state-changed", state="stopped")["message"].startswith("Stopped after")
    wait_until(lambda: not (server.home / "hands" / hand).exists(), PATIENCE_S)
    kept = client.get("/api/games").json()
    assert len(kept) == n_kept + 1
    assert (kept[0]["seed"], kept[0]["pieces"], kept[0]["over"]) == (4, 1, False)
