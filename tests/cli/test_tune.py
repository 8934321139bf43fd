"""Commands ``tune …``: errors, and a study as shown in a terminal, in a pipe and as JSON."""

import io
import json
import os
import re
import shlex
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.commands import run_captured
from tests.tuning.studies import complete, study
from tetrarium.cli.configuration import read_configs
from tetrarium.cli.main import main
from tetrarium.cli.terminal import safe_stream as streams
from tetrarium.cli.terminal.study_display import PlainStudy, draw_study
from tetrarium.registry.home import Home
from tetrarium.tuning import StudyConfig, create_study, parse_range, read_study


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new"], "A study varies at least one setting; got none. Add, for example, --vary learning_rate=1e-4"),
        (["new", "--vary", "gamma=0..2"], "gamma is a number from 0.0 to 0.999999; got 2. Choose one in that range."),
        (["new", "--vary", "gamma=0.1,0.2", "--set", "gama=1"], "Unknown setting 'gama' after --set. Did you mean "
         "'gamma'?"),
        (["new", "--vary", "gamma=0.1,0.2", "--sampler", "grid", "--trials", "3"], "This grid has 2 combinations; "
         "got 3 trials. Add --trials 2."),
        (["new", "--vary", "gamma=0.1,0.2", "--trials", "0"], "--trials takes a whole number from 1 to 9,999; got 0."),
        (["new", "--vary", "gamma=0.1,0.2", "--at-once", "0"], "--at-once takes a whole number from 1 to 64; got 0."),
        (["new", "--vary", "mirroring=true,false", "--set", "randomizer=IO"], "mirroring requires a game of tetrarium"),
        (["new", "--vary", "gamma=0.1,0.2", "--preset", "quik"], "A preset is one of default, quick"),
        (["settings!", "--vary", "gamma=0.1,0.2"], "A name has 1 to 64 letters"),
        (["show", "none"], "There is no study 'none' in "),
        (["stop", "none"], "There is no study 'none' in "),
    ],
)  # fmt: skip
def test_errors_are_one_line(
    home: Home, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, out, err = run_captured(capsys, "tune", *arguments)
    assert code in {1, 2}
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"tetrarium: {message}")
    assert not home.studies.exists()


def test_a_study_is_shown(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_captured(capsys, "tune", "list") == (
        0,
        f"There are no studies yet in {str(home.root)!r}. "
        "Start one: tetrarium tune NAME --vary learning_rate=1e-4..1e-2:log\n",
        "",
    )  # fmt: skip
    trials = complete(home, study(n_trials=4), [10.0, 1_204.4, 30.0])
    trials.finish(trials.add(trials.sample()), "fail", about={"note": "The loss is not finite at step 200."})

    code, out, _ = run_captured(capsys, "tune", "show", "first")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "first: stopped, 4 of 4 trials, 1 failed. Not started. Resume it by `tetrarium tune first`."
    assert lines[1].split() == "run state lines until the limit truncated learning_rate n_steps".split()
    assert [line.split()[:3] for line in lines[2:6]] == [
        ["first-0002", "done", "1,204"], ["first-0003", "done", "30"], ["first-0001", "done", "10"],
        ["first-0004", "failed", lines[5].split()[2]],
    ]  # fmt: skip
    best = read_study(home, "first").trials[1].params
    assert lines[6] == (
        f"Best: first-0002, 1,204 lines until the limit, with learning_rate {best['learning_rate']:.4g}, "
        f"n_steps {best['n_steps']}"
    )
    assert lines[7].startswith(
        "Train it again: tetrarium train --preset default --set total_timesteps=1200 --set n_envs="
    )
    assert lines[8] == "Importance needs 10 complete trials (3 so far)."
    assert lines[9] == "first-0004 failed: The loss is not finite at step 200."
    assert lines[10] == "Resume: tetrarium tune first"

    detail = json.loads(run_captured(capsys, "tune", "show", "first", "--json")[1])
    assert (detail["view"]["best"], detail["view"]["best_value"], len(detail["trials"])) == (2, 1_204.4, 4)
    assert json.loads(run_captured(capsys, "tune", "list", "--json")[1])[0]["n_failed"] == 1
    with pytest.raises(SystemExit):
        main(["__complete", "tune", "show", "fi"])
    assert capsys.readouterr().out.splitlines()[-1].split("\t")[0] == "first"
    code, out, _ = run_captured(capsys, "tune", "list")
    assert out.splitlines()[1].split()[:5] == ["first", "stopped", "4", "of", "4"]
    code, _, err = run_captured(capsys, "tune", "pause", "first")
    assert (code, err) == (
        1, "tetrarium: 'first' is not running, so it accepts no commands. See `tetrarium tune list`.\n",
    )  # fmt: skip
    for number in ("0", "9"):
        refused = run_captured(capsys, "tune", "delete", "first", "--trial", number)
        assert refused[::2] == (1, f"tetrarium: The study 'first' has no trial {number}. Choose one of its list.\n")
    (home.study_folder("first") / "study.json").write_text("{")
    damaged = run_captured(capsys, "tune", "list")[1]
    assert damaged.splitlines()[1].split()[:2] == ["first", "damaged"]
    assert run_captured(capsys, "tune", "show", "first")[2].startswith("tetrarium: The study's ")
    assert damaged.endswith("Restore it from a copy, or delete the study by `tetrarium tune delete first`.\n")
    assert run_captured(capsys, "tune", "delete", "first")[1] == (
        "This would permanently delete first. To confirm, add --yes\n"
    )
    assert run_captured(capsys, "tune", "delete", "first", "--yes")[1] == "Deleted first.\n"
    assert run_captured(capsys, "tune", "delete", "first")[0] == 1


def test_variable_settings_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_captured(capsys, "tune", "settings")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert ["learning_rate", "1e-12", "to", "10", "learning", "rate", "of", "Adam", "at", "the", "start"] in rows
    assert ["batch_size", "1", "to", "1,048,576", "transitions"] in [row[:5] for row in rows]
    assert ["double_q", "true,", "false"] in [row[:3] for row in rows]
    assert not {"width", "device"} & {row[0] for row in rows}


def test_progress_of_an_active_study(home: Home) -> None:
    asked = study(n_trials=4)
    trials = complete(home, asked, [10.0])
    detail = read_study(home, "first")
    clock = iter([0.0, 0.0, 30.0, 30.0, 90.0, 90.0, 90.0, 90.0]).__next__
    written = io.StringIO()
    display = PlainStudy(written, clock)
    display.update(detail)
    display.update(detail)
    running = trials.add(trials.sample())
    display.update(read_study(home, "first"))
    trials.finish(running, "pruned", about={"note": "Pruned: below the median of the other trials.", "step": 600})
    display.update(read_study(home, "first"))
    lines = written.getvalue().splitlines()
    assert lines[0] == "Tuning first over learning_rate, n_steps: 1 of 4 trials, 36 s left"
    assert lines[-1].startswith("first-0002 pruned, with learning_rate 0.00")
    assert lines[-1].endswith(" Pruned: below the median of the other trials.")

    trial = replace(detail.trials[0], number=2, run="first-0002", state="running", step=300, value=None)
    active = replace(detail, trials=(*detail.trials, trial))
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    console.print(draw_study(active))
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    assert "first  1 of 4 trials, 36 s left" in drawn
    assert "first-0002" in drawn and "25 %" in drawn and "running" in drawn
    assert "best so far  first-0001: 10 lines until the limit, with learning_rate" in drawn


def test_a_blocked_reader_does_not_delay_the_study(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_FLUSH_TIMEOUT_S", 0.05)
    complete(home, study(n_trials=4), [10.0])
    detail = read_study(home, "first")
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as stream, PlainStudy(stream, count(0, 60).__next__) as plain:
        for _ in range(5_000):  # lines, which are more than a pipe holds
            plain.update(detail)
    first, *others = os.read(reader, 1 << 20).decode().splitlines()
    os.close(reader)
    assert first.startswith("Tuning first over ") and 1_000 < len(others) < 5_000
    assert set(others) == {"1 of 4 trials, 36 s left"}


def test_command_in_the_docs_creates_a_study(home: Home) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "guides" / "studies.md").read_text(encoding="utf-8")
    written = re.findall(r"^\| `([a-z_]+=[^`]+)` \|", docs, flags=re.MULTILINE)
    assert [parse_range(text).to_text() for text in written[:3]] == [
        "learning_rate=0.0001..0.01:log", "gamma=0.8..0.98", "batch_size=64,128,256,512",
    ]  # fmt: skip
    assert [parse_range(text).name for text in written[3:]] == ["n_steps", "net_arch", "double_q"]
    command = re.search(r"```sh\n(tetrarium tune .*?)```", docs, flags=re.DOTALL)
    assert command is not None
    words = shlex.split(command[1].replace("\\\n", ""))
    given = dict(pair for pair in pairwise(words) if pair[0] in {"--preset", "--objective"})
    env_config, training_config = read_configs(given["--preset"], None, after(words, "--set"), {}, environment={})
    asked = StudyConfig(
        name=words[2],
        preset=given["--preset"],
        env_config=env_config,
        training_config=training_config,
        ranges=tuple(parse_range(text) for text in after(words, "--vary")),
        objective=given["--objective"],
    )
    assert create_study(home, asked).n_trials == 20


def after(words: list[str], flag: str) -> list[str]:
    """Returns the values of a repeated flag."""
    return [value for word, value in pairwise(words) if word == flag]
