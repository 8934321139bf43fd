"""Human games ended REST and WebSocket: started, played, paused, saved and replayed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection

from tests.command_processes import ForkedCommand
from tests.dashboard.servers import TIMEOUT_S, Server, events, first_event, send_until_closed, wait_until, watch
from tetrarium.environment.replays import Replay


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def game(client: httpx.Client) -> str:
    answer = client.post("/api/human-games", json={"mode": "free", "seed": 7, "opponent": "dellacherie", "pace": None})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def next_shown(socket: ClientConnection, **values: Any) -> dict[str, Any]:
    return first_event(socket, "human-game-shown", **values)


def press(socket: ClientConnection, *keys: str, number: int | None = None) -> None:
    for key in keys:
        socket.send(json.dumps({"keys": [{"key": key, "down": True, "number": number}, {"key": key, "down": False}]}))


def command(client: httpx.Client, game: str, name: str, **values: Any) -> httpx.Response:
    body = {"command": name} | ({"values": values} if values else {})
    return client.post(f"/api/human-games/{game}/commands", json=body)


def test_a_game_is_played_saved_and_replayed_exactly(
    server: Server, client: httpx.Client, game: str, tmp_path: Path
) -> None:
    with server.live() as socket:
        watch(socket, game, kind="human-game")
        ready = next_shown(socket, phase="ready", seed=7)
        assert (ready["pieces_game"], ready["seconds"], ready["opponent"]["state"]) == (0, 0, "ready")
        press(socket, "left", "clockwise", "hold", "hard drop", "counter-clockwise", "soft drop", "hard drop", number=3)
        last = next_shown(socket, pieces_game=2, key_number=3)
        assert last["held"] == ready["queue"][0]
        assert last["opponent"]["pieces"] == 2
        assert last["score_game"] > 0
        press(socket, *["hard drop"] * 25)
        ended = next_shown(socket, phase="game-over")
        saved_name = next_shown(socket, phase="game-over")["saved_as"] or ended["saved_as"]
        (saved,) = client.get("/api/games").json()
        assert (saved["name"], saved["mode"], saved["seed"], saved["terminated"]) == (saved_name, "free", 7, True)
        assert (saved["score"], saved["pieces"]) == (ended["score_game"], ended["pieces_game"])
        press(socket, "hard drop", number=99)
        assert command(client, game, "new-game", mode="sprint", seed=7).json()["message"] == "The next game begins."
        restarted = next_shown(socket, phase="ready", game=2)
        assert (restarted["queue"], restarted["goal_lines"], restarted["opponent"]) == (ready["queue"], 40, None)
    file = client.get(f"/api/games/{saved_name}")
    assert file.headers["content-disposition"] == f'attachment; filename="{saved_name}"'
    replay = Replay.from_bytes(file.content)
    *_, end = replay.play()
    assert (end.state_tp1.score, end.state_tp1.terminated) == (ended["score_game"], True)  # type: ignore[union-attr]
    (tmp_path / saved_name).write_bytes(file.content)
    recorded = ForkedCommand("record", tmp_path / saved_name, tmp_path / "game.gif", "--scale", 4)
    assert recorded.communicate()[0].startswith("Recorded by hand, game 0 of seed 7:")


def test_a_game_is_paused_when_the_sender_of_its_keys_leaves(server: Server, client: httpx.Client, game: str) -> None:
    with server.live() as other:
        watch(other, game, kind="human-game")
        with server.live() as socket:
            watch(socket, game, kind="human-game")
            command(client, game, "new-game", seed=1)
            next_shown(socket, phase="ready", seed=1)
            press(socket, "left")
            next_shown(other, phase="playing", seed=1)
        paused = next_shown(other, phase="paused")
        assert command(client, game, "resume").json()["message"] == "Resumed."
        assert next_shown(other, phase="playing")["seconds"] >= paused["seconds"]
        assert command(client, game, "pause").json()["ok"] is True
        next_shown(other, phase="paused")


def test_options_change_during_a_game(server: Server, client: httpx.Client, game: str) -> None:
    with server.live() as socket:
        watch(socket, game, kind="human-game")
        command(client, game, "new-game", seed=2)
        before = next_shown(socket, phase="ready", seed=2)
        assert before["advice"] is None
        assert command(client, game, "change", advice="dellacherie", handling={"das_ms": 90}).status_code == 200
        event = next_shown(socket, phase="ready", seed=2)
        while event["advice"] is None:
            event = next_shown(socket, seed=2)
        assert (event["advice"]["agent"], len(event["advice"]["cells"])) == ("dellacherie", 4)
        assert event["advice"]["value"] < 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"opponent": "nobody"}, "Unknown agent 'nobody'"),
        ({"advice": "nobody"}, "Unknown agent 'nobody'"),
        ({"mode": "race"}, "mode"),
        ({"level": 21}, "level"),
        ({"handling": {"arr_ms": -1}}, "arr_ms"),
        ({"pace": 100}, "pace"),
    ],
)
def test_a_game_with_invalid_options_is_rejected(client: httpx.Client, body: dict[str, Any], message: str) -> None:
    answer = client.post("/api/human-games", json=body)
    assert answer.status_code == 422
    assert message in answer.json()["error"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"keys": [{"key": "up", "down": true}]}', "keys.0.key"),
        ('{"keys": [{"key": "left"}]}', "keys.0.down"),
        ('{"keys": 3}', "keys: "),
        ('{"keys": []}', "Keys go to a watched human game."),
        (json.dumps({"keys": [{"key": "left", "down": True}] * 17}), "at most 16"),
    ],
)
def test_invalid_keys_are_answered_with_an_error(server: Server, text: str, message: str) -> None:
    with server.live() as socket:
        socket.send(text)
        assert message in next(answer["error"] for answer in events(socket) if "error" in answer)


def test_ten_thousand_keys_close_one_socket_and_not_the_game(server: Server, client: httpx.Client, game: str) -> None:
    with server.live() as patient, server.live() as socket:
        watch(patient, game, kind="human-game")
        watch(socket, game, kind="human-game")
        send_until_closed(socket, ['{"keys": [{"key": "left", "down": true}]}'] * 10_000)
        assert socket.close_code == 1008
        assert socket.close_reason == "At most 200 messages a second. Send fewer."
        command(client, game, "new-game", seed=3)
        next_shown(patient, phase="ready", seed=3)
        press(patient, "hard drop", number=1)
        assert next_shown(patient, key_number=1)["pieces_game"] == 1


def test_an_unknown_game_is_not_found(client: httpx.Client) -> None:
    assert client.get("/api/games/nothing.tetris-replay").status_code == 404
    assert command(client, "nobody", "pause").status_code == 404
    assert client.delete("/api/human-games/nobody").json() == {
        "error": "There is no human game 'nobody'. Choose one from the list of all human games.",
        "code": "entry-not-found",
        "field": None,
    }


def test_a_deleted_game_leaves_only_the_saved_game(server: Server, client: httpx.Client, game: str) -> None:
    """Runs last in the module, because it ends the shared game."""
    assert [one["id"] for one in client.get("/api/human-games").json()] == [game]
    with server.live() as socket:
        watch(socket, game, kind="human-game")
        command(client, game, "new-game", seed=4)
        next_shown(socket, phase="ready", seed=4)
        n_games = len(client.get("/api/games").json())
        press(socket, "hard drop", number=1)
        next_shown(socket, key_number=1)
        assert client.delete(f"/api/human-games/{game}").status_code == 204
        assert first_event(socket, "state-changed", state="stopped")["message"].startswith("Stopped after")
    wait_until(lambda: not (server.home / "human-games" / game).exists(), TIMEOUT_S)
    games = client.get("/api/games").json()
    assert len(games) == n_games + 1
    assert (games[0]["seed"], games[0]["pieces"], games[0]["terminated"]) == (4, 1, False)
