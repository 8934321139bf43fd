"""Facts that clients read: name rules, limits, columns and enumerations."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

import tetrarium
from tests.dashboard.servers import SMALL, Server, dashboard, wait_until

_JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def meta(server: Server) -> Any:
    with server.client() as client:
        return client.get("/api/meta").json()


def test_about_describes_the_server(server: Server) -> None:
    with server.client() as client:
        about = client.get("/api/about").json()
    assert about == {"version": tetrarium.__version__, "home": str(server.home), "token_needed": False}


def test_the_path_of_a_home_may_be_no_text(tmp_path: Path) -> None:
    home = tmp_path / os.fsdecode(b"caf\xe9")
    with dashboard(home) as server, server.client() as client:
        assert client.get("/api/about").json()["home"] == f"{tmp_path}/caf?"
        started = client.post("/api/runs", json={"name": "one", "settings": SMALL | {"total_timesteps": 40}})
        assert started.status_code == 201, started.text
        wait_until(lambda: client.get("/api/runs/one").json()["state"] == "finished")
        assert client.post("/api/models", json={"agent": "one", "name": "mine"}).is_success
        for path in "runs models jobs demos studies runs/one runs/one/checkpoints leaderboard history".split():
            assert client.get(f"/api/{path}").status_code == 200, path
        for path in ("runs/two", "models/other", "studies/x", "jobs/x"):
            missing = client.get(f"/api/{path}")
            assert missing.status_code == 404 and missing.json()["error"].isprintable(), path
        assert server.stop() == 130


@pytest.mark.parametrize(("kind", "max_length"), [("entry", 64), ("study", 59), ("tag", 32)])
def test_name_rules(meta: Any, kind: str, max_length: int) -> None:
    rule = meta["names"][kind]
    assert rule["max_length"] == max_length
    assert rule["text"].startswith(f"has 1 to {max_length} letters from A to Z")
    for name, is_valid in (("run-1", True), ("x" * max_length, True), ("x" * (max_length + 1), False), ("../x", False)):
        assert (re.fullmatch(rule["pattern"], name) is not None) == is_valid


def test_limits_are_those_that_requests_are_checked_against(meta: Any, server: Server) -> None:
    limits = meta["limits"]
    comparison = {"kind": "compare", "agent": "du", "other_agent": "random"}
    with server.client() as client:
        requests = (
            ("GET", f"/api/history?limit={limits['max_runs'] + 1}", None),
            ("GET", f"/api/history?search={'x' * (limits['max_search_length'] + 1)}", None),
            ("GET", f"/api/runs/none/progress?max_points={limits['max_points'] + 1}", None),
            ("POST", "/api/human-games", {"level": limits["max_level"] + 1}),
            ("POST", "/api/human-games", {"pace": limits["max_opponent_speed"] + 1}),
            ("POST", "/api/demos", {"seats": ["du"] * (limits["max_seats"] + 1)}),
            ("POST", "/api/demos", {"agent": "du", "seed": limits["max_seed"] + 1}),
            ("POST", "/api/demos", {"agent": "du", "pieces_per_second": limits["max_speed"] + 1}),
            ("POST", "/api/demos", {"agent": "du", "pieces_per_second": limits["min_speed"] / 2}),
            ("POST", "/api/models", {"agent": "a", "name": "a", "note": "x" * (limits["max_note_length"] + 1)}),
            ("POST", "/api/jobs", comparison | {"games": limits["max_compared_games"] + 1}),
            ("POST", "/api/jobs", comparison | {"max_pieces": limits["max_compared_pieces"] + 1}),
            ("POST", "/api/jobs", {"kind": "record", "agent": "du", "max_pieces": limits["max_recorded_pieces"] + 1}),
        )
        for method, path, body in requests:
            assert client.request(method, path, json=body).status_code == 422, path


def test_a_body_names_a_value_once_and_may_write_whole_numbers_as_floats(server: Server) -> None:
    with server.client() as client:
        twice = client.post("/api/demos", content='{"agent": "du", "seed": 1, "seed": 2}', headers=_JSON)
        floats = client.post("/api/demos", content='{"agent": "nobody", "seed": 1e3}', headers=_JSON)
    assert (twice.status_code, twice.json()["error"]) == (
        422, "The body is not valid JSON: holds a duplicate key, 'seed'.",
    )  # fmt: skip
    assert floats.json()["field"] == "agent", "the seed was accepted"


def test_columns_and_enumerations(meta: Any) -> None:
    assert [columns[0]["name"] for columns in meta["columns"].values()] == ["step", "step", "decided_step"]
    assert meta["columns"]["progress"][1] == {"name": "seconds", "meaning": "training time"}
    assert "".join(piece["letter"] for piece in meta["pieces"]) == "IOTLJSZ"
    assert meta["pieces"][0]["spawn_cells"] == [[0, 0], [1, 0], [2, 0], [3, 0]]
    assert all(re.fullmatch("#[0-9a-f]{6}", piece["color"]) for piece in meta["pieces"])
    modes = {mode["name"]: (mode["lines"], mode["meaning"]) for mode in meta["human_game_modes"]}
    assert {name: lines for name, (lines, _) in modes.items()} == {"sprint": 40, "marathon": 150, "free": None}
    assert modes["sprint"][1] == "40 lines against the clock."
    assert meta["display_modes"] == ["no-display", "live", "every-move"]
    assert {"running", "paused", "crashed"} <= set(meta["run_states"])
    assert {"state-changed", "board-shown", "progress"} <= set(meta["event_kinds"])
    assert {"invalid-value", "name-taken", "model-in-trash"} <= set(meta["error_codes"])
    assert {preset["name"] for preset in meta["presets"]} >= {"default", "quick"}
    assert meta["samplers"][0]["name"] == "tpe"
