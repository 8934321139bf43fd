"""Studies over REST: started, shown, controlled, and run by a process that outlives the dashboard."""

from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.servers import SMALL, Server, dashboard, wait_until
from tests.tuning.studies import complete, study
from tetrarium.registry.files.process_lock import is_locked
from tetrarium.registry.home import Home

SETTINGS = {**SMALL, "total_timesteps": 800, "evaluate_every": 400, "evaluation_games": 2, "evaluation_pieces": 50}
REQUEST: dict[str, Any] = {
    "name": "rates", "settings": SETTINGS, "n_trials": 1,
    "ranges": {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "n_steps": {"values": [1, 2]}},
}  # fmt: skip

pytestmark = pytest.mark.timeout(600)  # the first start compiles the engine


@pytest.mark.oracle
def test_a_study_continues_without_the_dashboard_and_accepts_more_trials(tmp_path: Path) -> None:
    with dashboard(tmp_path) as server:
        with server.client() as client:
            started = client.post("/api/studies", json=REQUEST)
            assert started.status_code == 201, started.text
            assert (started.json()["name"], started.json()["n_trials"]) == ("rates", 1)
            assert started.json()["is_alive"] is True
            duplicate = client.post("/api/studies", json=REQUEST)
            assert duplicate.status_code == 409
            assert duplicate.json()["error"].startswith("A new study needs a new name, and 'rates' is taken.")
        server.stop()
        wait_until(lambda: not is_locked(tmp_path / "tuning" / "rates"))
    with dashboard(tmp_path) as server, server.client() as client:
        ended = client.get("/api/studies/rates").json()
        (trial,) = ended["trials"]
        assert (ended["state"], ended["n_done"], ended["best"]) == ("finished", 1, 1)
        assert (trial["run"], trial["state"], trial["has_run"]) == ("rates-0001", "done", True)
        assert trial["value"] == client.get("/api/runs/rates-0001/evaluations").json()[-1]["lines"]
        assert ended["best_command"].startswith("tetrarium train --preset default --set total_timesteps=800 ")
        assert ended["importances"] == []
        assert ended["importances_explanation"] == ("Importance needs 10 complete trials (1 so far).")
        idle = client.post("/api/studies/rates/commands", json={"command": "pause"})
        assert (idle.status_code, idle.json()["error"]) == (
            409, "'rates' is not running, so it accepts no commands. See `tetrarium tune list`.",
        )  # fmt: skip
        more = client.post("/api/studies/rates/resume", json={"n_trials": 2})
        assert (more.status_code, more.json()["n_trials"]) == (202, 2)
        done = wait_until(lambda: (found := client.get("/api/studies/rates").json())["n_done"] == 2 and found)
        assert [one["run"] for one in done["trials"]] == ["rates-0001", "rates-0002"]
        fewer = client.post("/api/studies/rates/resume", json={"n_trials": 1})
        assert fewer.status_code == 422
        assert fewer.json()["error"].startswith("trials must be at least the 2 that study 'rates' has; got 1.")


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"ranges": {"gamma": {"low": 0.5, "high": 1.5}}}, "gamma", "gamma is a number from 0.0 to 0.999999; got 1.5."),
        ({"ranges": {"width": {"values": [6, 8]}}}, "width", "width cannot be varied, because all trials are compared"),
        ({"ranges": {"gama": {"values": [0.1, 0.2]}}}, "gama", "There is no setting 'gama' to vary. Did you mean"),
        ({"ranges": {}}, "ranges", "A study varies at least one setting; got none."),
        (
            {"ranges": {"gamma": {"values": [0.8, 0.9]}}, "settings": {"gamma": 0.7}},
            "gamma",
            "A setting is either varied or set to one value; gamma is in the ranges and among the settings.",
        ),
        ({"settings": {"gamma": 7}}, "gamma", "gamma is a number from 0.0 to 0.999999; got 7."),
        ({"n_trials": 0}, "n_trials", "--trials takes a whole number from 1 to 9,999; got 0."),
        ({"name": "x" * 60}, "name", "A study's name has 1 to 59 letters from A to Z, digits, '.', '_' and '-', and"),
        ({"name": "list"}, "name", "A study cannot be called 'list': `tetrarium tune` has a command"),
        ({"name": "options"}, "name", "A study cannot be called 'options': `tetrarium tune` has a"),
        (
            {"ranges": {"gamma": {"low": "a", "high": 1}}},
            "ranges.gamma.low",
            "ranges.gamma.low must be a whole number; got",
        ),
        ({"color": "red"}, "color", "Unknown field 'color'. /api/openapi.json lists all fields."),
    ],
)
def test_an_invalid_study_is_rejected(server: Server, changes: dict[str, Any], field: str | None, message: str) -> None:
    with server.client() as client:
        answer = client.post("/api/studies", json={**REQUEST, **changes})
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(message)
        assert answer.json()["field"] == field
        assert client.get("/api/studies").json() == []


def test_an_unknown_study_is_not_found(server: Server) -> None:
    with server.client() as client:
        for method, path in (("GET", ""), ("POST", "/commands"), ("POST", "/resume")):
            body = {"command": "stop"} if path == "/commands" else {} if method == "POST" else None
            answer = client.request(method, f"/api/studies/none{path}", json=body)
            assert answer.status_code == 404
            assert answer.json() == {
                "error": "There is no study 'none'. Choose one from the list of all studies.",
                "code": "entry-not-found",
                "field": None,
            }


def test_study_options_list_settings_that_can_be_varied(server: Server) -> None:
    with server.client() as client:
        body = client.get("/api/studies/options").json()
    names = {item["name"] for group in body["groups"] for item in group["fields"]}
    assert {"learning_rate", "n_steps", "line_reward", "cma_sigma"} <= names
    assert not {"width", "evaluation_games", "total_timesteps", "device"} & names
    assert [one["name"] for one in body["samplers"]] == ["tpe", "random", "grid", "cma-es"]
    assert [one["name"] for one in body["objectives"]] == ["lines", "evaluation", "placements-to-goal"]


def test_a_study_of_forty_trials_is_shown(server: Server) -> None:
    complete(Home.locate(server.home), study("many", n_trials=40), [float(n) for n in range(40)])
    with server.client() as client:
        answer = client.get("/api/studies/many")
        body = answer.json()
    assert (len(body["trials"]), body["best"], body["best_value"]) == (40, 40, 39.0)
    assert {one["name"] for one in body["importances"]} == {"learning_rate", "n_steps"}
    assert sum(one["share"] for one in body["importances"]) == pytest.approx(1)
