"""Commands ``runs …``: a run in one process is listed and controlled from another."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import run_captured
from tests.torture.processes import finish, train
from tests.workers.servers import wait_for
from tests.workers.test_learning_curves import made
from tetrarium.registry.home import Home
from tetrarium.workers.directories.run_views import list_runs, read_run
from tetrarium.workers.protocol.status_files import WorkerState

pytestmark = pytest.mark.timeout(600)  # a first start compiles the engine


def test_a_run_is_controlled_from_another_process(tetrarium_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home.locate(tetrarium_home)
    process = train(tetrarium_home, "one", total_timesteps=10**9, evaluate_every=0)
    wait_for(lambda: [view.name for view in list_runs(home)] == ["one"] and read_run(home, "one").state == "running")

    code, out, _ = run_captured(capsys, "runs", "pause", "one")
    assert code == 0
    step = read_run(home, "one").step
    assert out == f"one: Paused at step {step:,}. Nothing is lost.\n"
    code, out, _ = run_captured(capsys, "runs", "show", "one", "--json")
    shown = json.loads(out)
    assert (code, shown["state"], shown["step"], shown["is_alive"]) == (0, "paused", step, True)
    code, out, _ = run_captured(capsys, "runs", "list")
    assert code == 0 and "one" in out and "paused" in out

    code, _, err = run_captured(capsys, "resume", "one", "--name", "two")
    assert (code, "--name needs --at STEP" in err, read_run(home, "one").state) == (2, True, "paused")
    code, out, _ = run_captured(capsys, "resume", "one")
    assert (code, out) == (0, f"one: Resumed at step {step:,}.\n")
    wait_for(lambda: read_run(home, "one").step > step)
    code, out, _ = run_captured(capsys, "runs", "stop", "one", "--json")
    ended = json.loads(out)
    assert (code, ended["state"], ended["is_alive"]) == (0, "stopped", False)
    printed, _ = finish(process)
    assert f"Paused at step {step:,}. Nothing is lost." in printed
    assert f"Resumed at step {step:,}." in printed
    assert f"Stopped at step {ended['step']:,}" in printed

    code, _, err = run_captured(capsys, "runs", "pause", "one")
    assert (code, err) == (
        1, "tetrarium: 'one' is not running, so it accepts no commands. See `tetrarium runs list`.\n",
    )  # fmt: skip

    config = home.run_folder("one") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"track": ["wandb"]}))
    code, _, err = run_captured(capsys, "resume", "one", "--on", "local")
    assert (code, "'one' has wandb. Omit --on." in err, read_run(home, "one").step) == (2, True, ended["step"])


def test_runs_are_labelled_compared_and_renamed(tetrarium_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home.locate(tetrarium_home)
    made(home, "one", seed=1, gamma=0.8)
    made(home, "two", seed=1)
    command = ("runs", "label", "one", "two", "--group", "pair", "--tag", "good", "--note", "both")
    code, out, _ = run_captured(capsys, *command)
    assert (code, out) == (0, "one: group pair; tags good; both\ntwo: group pair; tags good; both\n")
    code, out, _ = run_captured(capsys, "runs", "list", "--search", "tag:good gamma<0.9")
    assert code == 0 and "pair" in out and "one" in out and "two" not in out
    code, out, _ = run_captured(capsys, "runs", "diff", "one", "two")
    assert (code, [line.split() for line in out.splitlines()]) == (
        0, [["setting", "one", "two"], ["gamma", "0.8", "0.9"]],
    )  # fmt: skip
    code, out, _ = run_captured(capsys, "runs", "diff", "one", "two", "--json")
    assert json.loads(out) == {"runs": ["one", "two"], "settings": {"gamma": [[0.8], [0.9]]}}
    code, _, err = run_captured(capsys, "runs", "diff", "one", "one")
    assert code == 2 and "two or more runs" in err
    code, out, _ = run_captured(capsys, "runs", "rename", "one", "three")
    assert (code, out) == (0, "Renamed: one is three.\n") and home.run_names() == ["three", "two"]
    code, _, err = run_captured(capsys, "runs", "label", "two", "none", "--group", "other")
    assert code == 1 and "no run 'none'" in err and read_run(home, "two").group == "pair"


def test_list_has_search_filters_and_pages(
    tetrarium_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")  # has no effect on a pipe, which gets complete lines
    home = Home.locate(tetrarium_home)
    long = "x" * 64
    made(home, long, seed=9)
    WorkerState(state="finished", step=3).write(home.run_folder(long))
    for number in range(5):
        made(home, f"tower-{number}", seed=number)
        state = "failed" if number % 2 else "finished"
        WorkerState(state=state, step=number).write(home.run_folder(f"tower-{number}"))

    _, out, _ = run_captured(capsys, "runs", "list", "--state", "failed", "--json")
    assert {view["name"] for view in json.loads(out)} == {"tower-1", "tower-3"}
    _, out, _ = run_captured(capsys, "runs", "list", "--search", "TOWER dqn", "--limit", "2", "--skip", "1")
    assert out.count("tower-") == 2 and out.endswith("2 of 5 runs; --skip 3 shows more.\n")
    _, out, _ = run_captured(capsys, "runs", "list", "--limit", "9")
    assert out.count("tower-") == 5 and "shows more" not in out
    assert [line.split()[:3] for line in out.splitlines() if long in line] == [[long, "finished", "3"]]
    assert run_captured(capsys, "runs", "list", "--search", "nothing")[:2] == (0, "No matching runs.\n")
    assert (
        run_captured(capsys, "runs", "list", "--limit", "0")[0]
        == run_captured(capsys, "runs", "list", "--state", "lost")[0]
        == 2
    )


def test_messages_without_runs(tetrarium_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_captured(capsys, "runs", "list")[:2] == (
        0,
        f"There are no runs yet in {str(tetrarium_home)!r}. Start one: tetrarium train\n",
    )
    assert run_captured(capsys, "runs", "list", "--json")[:2] == (0, "[]\n")
    for command in ("show", "pause", "stop"):
        code, _, err = run_captured(capsys, "runs", command, "one")
        assert code == 1
        assert err == (
            f"tetrarium: There is no run 'one' in {str(tetrarium_home)!r}. Start one by `tetrarium train`.\n"
        )
    assert run_captured(capsys, "runs", "pause")[0] == 2
