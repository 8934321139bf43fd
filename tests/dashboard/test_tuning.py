"""Studies over REST: begun, looked at, told something, and carried out by a process that outlives the dashboard."""

from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.servers import SMALL, Server, dashboard, wait_until
from tests.tuning.made import complete, study
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import is_locked

SETTINGS = {**SMALL, "total_timesteps": 800, "evaluate_every": 400, "evaluation_games": 2, "evaluation_pieces": 50}
WANTED: dict[str, Any] = {
    "name": "rates", "settings": SETTINGS, "n_trials": 1,
    "vary": {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "n_steps": {"values": [1, 2]}},
}  # fmt: skip

pytestmark = pytest.mark.timeout(600)  # a first start compiles the engine


@pytest.mark.oracle
def test_a_study_goes_on_without_the_dashboard_and_takes_more_trials(tmp_path: Path) -> None:
    with dashboard(tmp_path) as server:
        with server.client() as client:
            begun = client.post("/api/studies", json=WANTED)
            assert begun.status_code == 201, begun.text
            assert (begun.json()["name"], begun.json()["n_trials"]) == ("rates", 1)
            assert begun.json()["is_alive"] is True
            again = client.post("/api/studies", json=WANTED)
            assert again.status_code == 409
            assert again.json()["error"].startswith("A new study needs a new name, and 'rates' is taken.")
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
        assert ended["importances_words"] == (
            "Which settings mattered is told from 10 complete trials on; there are 1."
        )
        idle = client.post("/api/studies/rates/commands", json={"command": "pause"})
        assert (idle.status_code, idle.json()["error"]) == (
            409, "'rates' is not under way, so it takes no commands. See `tetrarium runs list`.",
        )  # fmt: skip
        more = client.post("/api/studies/rates/resume", json={"n_trials": 2})
        assert (more.status_code, more.json()["n_trials"]) == (202, 2)
        done = wait_until(lambda: (found := client.get("/api/studies/rates").json())["n_done"] == 2 and found)
        assert [one["run"] for one in done["trials"]] == ["rates-0001", "rates-0002"]
        fewer = client.post("/api/studies/rates/resume", json={"n_trials": 1})
        assert fewer.status_code == 422
        assert fewer.json()["error"].startswith("A study goes on, never back, and 'rates' has 2 trials; got 1.")


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"vary": {"gamma": {"low": 0.5, "high": 1.5}}}, "gamma", "gamma is a number from 0.0 to 0.999999; got 1.5."),
        ({"vary": {"width": {"values": [6, 8]}}}, "width", "A setting may be varied unless every trial is judged by"),
        ({"vary": {"gama": {"values": [0.1, 0.2]}}}, "gama", "There is no setting 'gama' to vary. Did you mean"),
        ({"vary": {}}, None, "A study varies a setting or more; got none."),
        ({"settings": {"gamma": 7}}, "gamma", "gamma is a number from 0.0 to 0.999999; got 7."),
        ({"n_trials": 0}, None, "--trials takes a whole number from 1 to 9,999; got 0."),
        ({"name": "list"}, None, "A study has a name of at most 59 characters that is no command; got 'list'."),
        ({"vary": {"gamma": {"low": "a", "high": 1}}}, None, "vary.gamma.low"),
        ({"colour": "red"}, None, "There is no field 'colour'. /api/openapi.json lists those that there are."),
    ],
)
def test_what_makes_no_study_is_refused(
    server: Server, changes: dict[str, Any], field: str | None, message: str
) -> None:
    with server.client() as client:
        answer = client.post("/api/studies", json={**WANTED, **changes})
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(message)
        assert answer.json().get("field") == field
        assert client.get("/api/studies").json() == []


def test_what_is_not_there_is_not_there(server: Server) -> None:
    with server.client() as client:
        for method, path in (("GET", ""), ("POST", "/commands"), ("POST", "/resume")):
            body = {"command": "stop"} if path == "/commands" else {} if method == "POST" else None
            answer = client.request(method, f"/api/studies/none{path}", json=body)
            assert answer.status_code == 404
            assert answer.json() == {"error": "There is no study 'none'. GET /api/studies lists what there is."}


def test_the_catalogue_has_what_may_be_varied(server: Server) -> None:
    with server.client() as client:
        told = client.get("/api/tuning").json()
    names = {item["name"] for group in told["groups"] for item in group["fields"]}
    assert {"learning_rate", "n_steps", "line_reward", "cma_sigma"} <= names
    assert not {"width", "evaluation_games", "total_timesteps", "device"} & names
    assert [one["name"] for one in told["samplers"]] == ["tpe", "random", "grid", "cma-es"]
    assert [one["name"] for one in told["objectives"]] == ["lines", "evaluation", "placements-to-goal"]


def test_a_study_of_forty_trials_is_told(server: Server) -> None:
    complete(Home.locate(server.home), study("many", n_trials=40), [float(n) for n in range(40)])
    with server.client() as client:
        answer = client.get("/api/studies/many")
        told = answer.json()
    assert (len(told["trials"]), told["best"], told["best_value"]) == (40, 40, 39.0)
    assert {one["name"] for one in told["importances"]} == {"learning_rate", "n_steps"}
    assert sum(one["share"] for one in told["importances"]) == pytest.approx(1)
