"""Commands, programs and operations in docs/reference/rest-api.md."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dashboard.servers import Server, first_event, wait_until

DOCS = (Path(__file__).parents[2] / "docs" / "reference" / "rest-api.md").read_text(encoding="utf-8")


def blocks(language: str, server: Server) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", DOCS, flags=re.DOTALL)
    return [text.replace("127.0.0.1:8765", server.address) for text in found]


def finished_job(client: httpx.Client, job: str) -> Any:
    view = client.get(f"/api/jobs/{job}").json()
    return None if view["is_alive"] else view


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_run(server: Server) -> None:
    runs, demos, models, _ = blocks("sh", server)
    lines = [line for line in runs.replace("\\\n", "").splitlines() if line]
    answers = []
    with server.client() as client, server.live() as viewer:
        for line in lines:
            if '"stop"' in line:
                viewer.send('{"watch": {"kind": "run", "name": "first"}}')
                first_event(viewer, "progress")  # now the worker accepts commands
            output = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
            answers.append(json.loads(output))
        assert [answer.get("state") for answer in answers[:2]] == ["starting", "starting"]
        assert answers[1]["config"]["training_config"]["gamma"] == 0.8
        assert "step" in answers[2] or answers[2] == {}
        assert answers[3]["message"] == "Stopping after the current round, with a checkpoint."
        assert first_event(viewer, "run-ended")["state"] == "stopped"
        subprocess.run(["sh", "-c", demos], capture_output=True, check=True)
        assert [demo["agent"] for demo in client.get("/api/demos").json()] == ["dellacherie"]
        subprocess.run(["sh", "-c", models], capture_output=True, check=True)
        jobs = {}
        for job in client.get("/api/jobs").json():
            jobs[job["kind"]] = wait_until(lambda job=job: finished_job(client, job["id"]))
        assert jobs["save"]["message"].startswith("Saved mine@1: dqn at step ")
        assert jobs["compare"]["result"]["is_significant"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_about_studies_run(server: Server) -> None:
    text = blocks("sh", server)[3].replace("\\\n", "").replace("{\n", "{")
    start, show, stop = (line for line in text.splitlines() if line)

    def run_line(line: str) -> dict[str, Any]:
        return dict(json.loads(subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout))

    assert [run_line(line)["n_trials"] for line in (start, show)] == [12, 12]
    wait_until(lambda: run_line(stop).get("state") == "stopping")
    wait_until(lambda: run_line(show)["state"] == "stopped")


@pytest.mark.parametrize(
    ("number", "last_line"), [(0, r"\d+ points; the opponent has placed 5"), (1, r"4\d pieces, \d+ lines")]
)
def test_the_python_runs(server: Server, number: int, last_line: str) -> None:
    code = blocks("python", server)[number]
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert completed.returncode == 0, completed.stderr
    assert re.fullmatch(last_line, completed.stdout.splitlines()[-1])


def test_every_operation_is_in_the_table(server: Server) -> None:
    with server.client() as client:
        paths = client.get("/api/openapi.json").json()["paths"]
    documented = {
        f"{method.upper()} {re.sub(r'{[a-z_]+}', 'NAME', path)}"
        for path, operations in paths.items()
        for method in operations
    }
    body = re.findall(r"^\| `((?:GET|POST|PATCH|DELETE) /api/[^`]+)` \|", DOCS, flags=re.MULTILINE)
    assert {re.sub(r"\b[A-Z]+\b(?=/|$)", "NAME", line) for line in body} == documented
