"""``runs``: a run in one terminal is seen and steered from another."""

import json
from pathlib import Path

import pytest

from tests.torture.processes import finish, train
from tests.workers.served import wait_for
from tests.workers.test_curves import made
from tetrarium.cli.main import main
from tetrarium.registry.home import Home
from tetrarium.workers.directory import list_runs, read_run
from tetrarium.workers.files import WorkerState

pytestmark = pytest.mark.timeout(600)  # a first start compiles the engine


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(["runs", *arguments])
    printed = capsys.readouterr()
    return int(str(left.value.code)), printed.out, printed.err


def test_a_run_in_a_terminal_obeys_another(tetrarium_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home.locate(tetrarium_home)
    process = train(tetrarium_home, "one", total_timesteps=10**9, evaluate_every=0)
    wait_for(lambda: [view.name for view in list_runs(home)] == ["one"] and read_run(home, "one").state == "running")

    code, out, _ = called(capsys, "pause", "one")
    assert code == 0
    step = read_run(home, "one").step
    assert out == f"one: Paused at step {step:,}. Nothing is lost.\n"
    code, out, _ = called(capsys, "show", "one", "--json")
    shown = json.loads(out)
    assert (code, shown["state"], shown["step"], shown["is_alive"]) == (0, "paused", step, True)
    code, out, _ = called(capsys, "list")
    assert code == 0 and "one" in out and "paused" in out

    code, out, _ = called(capsys, "continue", "one")
    assert (code, out) == (0, f"one: Training goes on from step {step:,}.\n")
    wait_for(lambda: read_run(home, "one").step > step)
    code, out, _ = called(capsys, "stop", "one", "--json")
    ended = json.loads(out)
    assert (code, ended["state"], ended["is_alive"]) == (0, "stopped", False)
    printed, _ = finish(process)
    assert f"Paused at step {step:,}. Nothing is lost." in printed
    assert f"Training goes on from step {step:,}." in printed
    assert f"Stopped at step {ended['step']:,}" in printed

    code, _, err = called(capsys, "pause", "one")
    assert (code, err) == (
        1, "tetrarium: 'one' is not under way, so it takes no commands. See `tetrarium runs list`.\n",
    )  # fmt: skip


def test_a_list_is_searched_and_shown_page_by_page(
    tetrarium_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")  # of a terminal; what is no terminal gets whole lines
    home = Home.locate(tetrarium_home)
    long = "x" * 64
    made(home, long, seed=9)
    WorkerState(state="finished", step=3).write(home.run_folder(long))
    for number in range(5):
        made(home, f"tower-{number}", seed=number)
        state = "failed" if number % 2 else "finished"
        WorkerState(state=state, step=number).write(home.run_folder(f"tower-{number}"))

    _, out, _ = called(capsys, "list", "--state", "failed", "--json")
    assert {view["name"] for view in json.loads(out)} == {"tower-1", "tower-3"}
    _, out, _ = called(capsys, "list", "--search", "TOWER dqn", "--limit", "2", "--skip", "1")
    assert out.count("tower-") == 2 and out.endswith("2 of 5 runs; --skip 3 shows further ones.\n")
    _, out, _ = called(capsys, "list", "--limit", "9")
    assert out.count("tower-") == 5 and "further" not in out
    assert [line.split()[:3] for line in out.splitlines() if long in line] == [[long, "finished", "3"]]
    assert called(capsys, "list", "--search", "nothing")[:2] == (0, "There is no run of that kind.\n")
    assert called(capsys, "list", "--limit", "0")[0] == called(capsys, "list", "--state", "lost")[0] == 2


def test_without_a_run_it_says_what_to_do(tetrarium_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(capsys, "list")[:2] == (0, "There is no run yet. Start one by `tetrarium train`.\n")
    assert called(capsys, "list", "--json")[:2] == (0, "[]\n")
    for command in ("show", "pause", "continue", "stop"):
        code, _, err = called(capsys, command, "one")
        assert code == 1
        assert err == (
            f"tetrarium: There is no run 'one' in {str(tetrarium_home)!r}. Start one by `tetrarium train`.\n"
        )
    assert called(capsys, "pause")[0] == 2
