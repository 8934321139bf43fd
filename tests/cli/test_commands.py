"""Commands ``train``, ``resume``, ``evaluate``, ``watch`` and ``doctor``: output, exit codes, and signals."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import EVALUATED, SMALL, run_command, spawn, wait_for
from tetrarium.cli.main import app
from tetrarium.evaluation import ledger


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a home with a finished run, which was evaluated."""
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TETRARIUM_HOME", str(home))
        assert run_command("train", "--name", "one", "--steps", "2000", *EVALUATED) == 0
    return home


def test_train_prints_progress_and_next_command(tetrarium_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("train", "--name", "first", "--steps", "400", *SMALL) == 0

    output = capsys.readouterr().out
    assert "400 of 400 steps (100 %)" in output
    assert "Finished at step 400" in output
    assert "tetrarium watch first" in output
    assert (tetrarium_home / "runs" / "first" / "checkpoints" / "400").is_dir()


def test_next_command_names_a_home_other_than_the_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "my home"
    assert run_command("train", "--name", "first", "--steps", "80", "--home", str(home), *SMALL) == 0

    assert f"tetrarium watch first --home '{home}'" in capsys.readouterr().out


def test_settings_come_from_flags_then_environment_then_file(
    tetrarium_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "one.toml"
    file.write_text("gamma = 0.5\nn_envs = 2\nseed = 5\n[training]\nnet_arch = [8]\n[game]\nwidth = 6\n")
    monkeypatch.setenv("TETRARIUM_N_ENVS", "3")
    monkeypatch.setenv("TETRARIUM_SEED", "6")
    arguments = ("--preset", "literature-10x10", "--config", str(file), "--seed", "7", "--steps", "60")
    assert run_command("train", *arguments, "--name", "one") == 0

    config = json.loads((tetrarium_home / "runs" / "one" / "config.json").read_text())
    settings = config["training_config"]
    assert (settings["gamma"], settings["n_envs"], settings["seed"], settings["net_arch"]) == (0.5, 3, 7, [8])
    assert (config["env_config"]["width"], config["env_config"]["height"]) == (6, 10)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "--steps", "-5"], 2, "total_timesteps is a whole number from 1 to"),
        (["train", "--steps", "many"], 2, "many"),
        (["train", "--target-lines", "0"], 2, "target_lines is a whole number from 1 to"),
        (["train", "--set", "batchsize=3"], 2, "Unknown setting 'batchsize' after --set. Did you mean 'batch_size'?"),
        (["train", "--set", "gamma"], 2, "--set takes key=value; got 'gamma'"),
        (["train", "--set", "width=3"], 2, "width is a whole number from 4 to 16; got 3."),
        (["train", "--config", "none.toml"], 2, "'none.toml' cannot be read"),
        (["train", "--preset", "quik"], 2, "Did you mean 'quick'?"),
        (["train", "--name", "../out"], 2, "A name has 1 to 64 letters"),
        (["train", "--set", "hold=true", "--set", "preview=0"], 2, "hold takes the next piece where none is held"),
        (["train", "--steps", "5", "--set", "total_timesteps=6"], 2, "total_timesteps is 5 by its flag and 6 by --set"),
        (["evaluate", "best.tetris-replay"], 2, "An agent plays new games, and a replay holds one recorded game"),
        (["train", "--seeds", "0"], 2, "--seeds is 1 or more; got 0"),
        (["train", "--set", "algorithm=dqm"], 2, "Did you mean 'dqn'?"),
        (["resume", "nothing"], 1, "There is no run 'nothing'"),
        (
            ["resume", "one", "--stretch", "--set", "schedule_steps=9"],
            2,
            "--stretch sets schedule_steps, which --set se",
        ),
        (["evaluate", "nobody"], 2, "Unknown agent 'nobody'"),
        (["evaluate", "n" * 300], 2, f"Unknown agent '{'n' * 81}. Name one of: a run"),
        (["watch", "n" * 300], 2, f"Unknown agent '{'n' * 81}. Name one of: a run"),
        (["train", "--from", "n" * 300], 2, f"Unknown agent '{'n' * 81}. Name one of: a run"),
        (["evaluate", "randum"], 2, "Did you mean 'random'?"),
        (["evaluate", "random", "--games", "0"], 2, "got 0"),
        (["evaluate", "random", "--on", "locale"], 2, "got 'locale'. Did you mean 'local'? Omit it for this process."),
        (["evaluate", "random", "--on", "http://a:1"], 2, "got 'http://a:1'. Pass one of these."),
        (["evaluate", "random", "--on", "tcp://127.0.0.1"], 2, "A Dask scheduler is tls://HOST:PORT, tcp://HOST:PORT"),
        (["evaluate", "random", "--on", "tcp://10.0.0.1:8786"], 2, "Use tls://, or pass --insecure on a network"),
        (["evaluate", "random", "--on", "ray:here"], 2, "A Ray cluster is ray:auto or ray:HOST:PORT; got 'ray:here'."),
        (["evaluate", "random", "--on", "none.json"], 2, "none.json cannot be read: No such file or directory."),
        (["evaluate", "random", "--workers", "2"], 2, "got --workers 2 with no --on. Pass --on local,"),
        (["evaluate", "random", "--on", "tls://a:1", "--workers", "2"], 2, "a scheduler knows its workers."),
        (["evaluate", "random", "--on", "local", "--workers", "0"], 2, "--workers is from 1 to 256; got 0."),
        (["train", "--on", "locale"], 2, "got 'locale'. Did you mean 'local'? Omit it for this process."),
        (["train", "--seeds", "2", "--on", "tcp://10.0.0.1:8786"], 2, "Use tls://, or pass --insecure on a network"),
        (["train", "--workers", "2"], 2, "got --workers 2 with no --on. Pass --on local,"),
        (["train", "--piece-s", "2"], 2, "--piece-s is the length of pieces that workers train; got 2.0 with no --on"),
        (["train", "--on", "local", "--piece-s", "-1"], 2, "A piece lasts 0 seconds or more; got -1.0."),
        (["resume", "nothing", "--on", "local"], 1, "There is no run 'nothing'"),
        (["tune", "new", "--vary", "gamma=0.1,0.2", "--on", "tcp://127.0.0.1"], 2, "A Dask scheduler is tls://HOST"),
        (["evaluate", "random", "--max-pieces", "0"], 2, "got 0"),
        (["evaluate", "random", "--csv", "/nowhere/at/all.csv"], 2, "--csv is a file in an existing folder"),
        (["train", "--device", "toaster"], 2, "got 'toaster'"),
        (["train", "--name", "du"], 1, "'du' is the name of a controller"),
        (["evaluate", "random", "--height", "3"], 2, "height is a whole number from 4 to 40; got 3."),
        (["watch", "nobody"], 2, "Unknown agent 'nobody'"),
        (["fly"], 2, "fly"),
    ],
)
def test_bad_input_exits_with_one_line_and_the_documented_code(
    arguments: list[str], code: int, message: str, tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(*arguments) == code

    output = capsys.readouterr()
    assert message in " ".join((output.err + output.out).split())
    assert "Traceback" not in output.err
    assert not (tetrarium_home / "runs").exists()
    assert not (tetrarium_home / "tuning").exists()


def test_a_folder_does_not_hide_the_run_of_its_name(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").mkdir()
    monkeypatch.chdir(tmp_path)

    assert run_command("evaluate", "one", "--home", str(trained), "--games", "1", "--max-pieces", "9") == 0
    assert "one at step 2,000" in capsys.readouterr().out
    assert run_command("evaluate", "./one", "--home", str(trained)) == 1


@pytest.mark.parametrize("suffix", [".json", ".tetris-replay"])
def test_a_run_may_be_named_like_a_replay(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / f"x{suffix}").symlink_to(trained / "runs" / "one")
    place = ("--home", str(tmp_path))

    assert run_command("watch", f"x{suffix}", "--games", "1", *place) == 0
    assert "lines" in capsys.readouterr().out
    assert run_command("watch", f"./x{suffix}", *place) == 2
    assert f"There is no replay file './x{suffix}'." in capsys.readouterr().err


def test_run_references_resolve_to_latest_best_or_step(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ("--home", str(trained), "--games", "1", "--max-pieces", "9")
    for what in ("one", "one@best", "one@2000"):
        assert run_command("evaluate", what, *few) == 0
        assert "one at step 2,000" in capsys.readouterr().out
    for step in ("1999", "02000", "2_000", "\N{FULLWIDTH DIGIT TWO}000", "1" * 90):
        assert run_command("evaluate", f"one@{step}", *few) == 2
        assert f"one@ is followed by 'best' or by the step of a checkpoint, of which there are 2000; got {step!r}." in (
            capsys.readouterr().err
        )


def test_resume_accepts_only_changeable_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("train", "--name", "on", "--steps", "400", *SMALL) == 0
    assert run_command("resume", "on", "--steps", "480", "--set", "checkpoint_every=200") == 0
    output = capsys.readouterr().out
    assert "from step 400 to 480" in output
    assert "had already finished" not in output
    assert run_command("resume", "on") == 0
    assert capsys.readouterr().out.endswith("had already finished. To train longer: tetrarium resume on --steps 960\n")
    assert run_command("resume", "on", "--set", "n_envs=5") == 2
    error = capsys.readouterr().err
    assert "n_envs cannot change when a run resumes; only total_timesteps, schedule_steps, " in error
    assert error.endswith("torch_threads can. Start a new run with `tetrarium train --from on`.\n")


def test_resume_at_an_earlier_checkpoint_creates_a_run(
    tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    often = ("--set", "checkpoint_every=200")
    assert run_command("train", "--name", "whole", "--steps", "400", *often, *SMALL) == 0
    assert run_command("resume", "whole", "--at", "200") == 0
    assert "Training whole-at-200: from step 200 to 400" in capsys.readouterr().out
    assert run_command("resume", "whole", "--at", "200", "--name", "other", "--set", "n_envs=5") == 2
    assert not (tetrarium_home / "runs" / "other").exists()
    error = capsys.readouterr().err
    assert "n_envs cannot change when a run resumes; only total_timesteps, schedule_steps, " in error
    assert error.endswith("torch_threads can. Start a new run with `tetrarium train --from whole`.\n")
    assert run_command("resume", "whole", "--at", "300") == 2
    assert (
        "A branch starts at the step of a checkpoint; 'whole' has checkpoints at 200, 400; got 300."
        in capsys.readouterr().err
    )
    assert run_command("resume", "whole", "--name", "other") == 2
    assert (
        "--name needs --at STEP, which starts a new run; got --name 'other' alone. Add --at." in capsys.readouterr().err
    )


def test_resume_of_an_untrusted_checkpoint_needs_trust(
    tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("train", "--name", "moved", "--steps", "400", *SMALL) == 0
    (tetrarium_home / "secret.key").unlink()
    assert run_command("resume", "moved", "--steps", "480") == 1
    assert "was not made in this home" in capsys.readouterr().err
    assert run_command("resume", "moved", "--steps", "480", "--trust") == 0
    assert run_command("resume", "moved", "--steps", "560") == 0, "the checkpoint is signed anew"


def test_all_seeds_are_validated_before_training(tetrarium_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("train", "--seeds", "2", "--seed", "4294967295") == 2
    assert "seed is a whole number from 0 to 4,294,967,295; got 4294967296." in capsys.readouterr().err
    assert not (tetrarium_home / "runs").exists()
    (tetrarium_home / "runs" / "s-2").mkdir(parents=True)
    assert run_command("train", "--seeds", "2", "--name", "s") == 1
    assert "The name 's-2' is taken." in capsys.readouterr().err
    assert [path.name for path in (tetrarium_home / "runs").iterdir()] == ["s-2"]


def test_several_seeds_are_trained_and_compared(tetrarium_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--steps", "80", "--seeds", "3", "--seed", "4", "--name", "s", "--set", "height=4", *SMALL)
    assert run_command("train", *arguments) == 0
    output = capsys.readouterr().out.splitlines()

    assert sorted(path.name for path in (tetrarium_home / "runs").iterdir()) == ["s-4", "s-5", "s-6"]
    start = output.index("Lines until the limit")
    rows = [line.split() for line in output[start + 1 : start + 4]]
    assert [row[:3] for row in rows] == [["s-4", "seed", "4"], ["s-5", "seed", "5"], ["s-6", "seed", "6"]]
    lines = sorted(float(row[3]) for row in rows)
    assert output[start + 4].strip() == (
        f"median of 3 seeds: {lines[1]:g} lines, {lines[0]:g} to {lines[2]:g} (75 % confidence interval of the median)"
    )
    shutil.rmtree(tetrarium_home / "runs" / "s-6")
    assert run_command("train", *arguments) == 0  # again: the others are there
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith(" ")][-4:] == output[start + 1 :]
    assert run_command("train", *arguments, "--set", "gamma=0.5") == 1
    assert "The name 's-4' is taken." in capsys.readouterr().err


@pytest.mark.oracle
def test_seeds_trained_before_a_stop_are_compared(tetrarium_home: Path) -> None:
    arguments = ("--steps", "30000", "--seeds", "2", "--seed", "4", "--name", "s", *SMALL)
    process = spawn("train", *arguments)
    wait_for(tetrarium_home / "runs" / "s-5" / "run.lock", process)
    process.send_signal(signal.SIGTERM)
    output = process.communicate()[0].splitlines()

    assert process.returncode == 143
    start = output.index("Lines until the limit")
    assert output[start + 1].split()[:3] == ["s-4", "seed", "4"]
    assert output[start + 2].strip().startswith("median of 1 seed: ")


def test_a_taken_name_suggests_resume(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("train", "--name", "one", "--home", str(trained)) == 1

    assert "'one' is taken. Resume that run by `tetrarium resume one --home " in capsys.readouterr().err


def test_a_home_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")

    assert run_command("train", "--home", str(tmp_path / "file"), "--steps", "10") == 1
    assert "The home is a folder" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("train", "--home", "/proc/tetrarium", "--steps", "10") == 1

    error = capsys.readouterr().err
    assert error.splitlines() == [
        "tetrarium: The home '/proc/tetrarium' does not exist yet. Check --home if it should.",
        "tetrarium: The home '/proc/tetrarium' cannot be used: No such file or directory. "
        "Choose another home with --home or TETRARIUM_HOME.",
    ]


@pytest.mark.oracle
def test_a_full_disk_ends_a_run_with_one_line_and_keeps_checkpoints(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        process = spawn("train", "--home", str(place), "--name", "one", "--steps", "40000", "--checkpoint-every", "500",
                        "--set", "keep_checkpoints=9", *SMALL)  # fmt: skip
        _, error = process.communicate(timeout=150)
        saved = sorted((place / "runs" / "one" / "checkpoints").iterdir(), key=lambda path: int(path.name))
        evaluated = spawn("evaluate", str(saved[-1]), "--games", "2", "--max-pieces", "20", "--home", str(place))
        assert process.returncode == 1
        assert "disk is full" in error
        assert error.count("\n") == 1
        assert evaluated.communicate(timeout=150)[1] == ""
        assert evaluated.returncode == 0
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.oracle),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.oracle),
    ],
)
def test_signals_save_a_checkpoint_and_resume_reaches_the_same_result(
    number: signal.Signals, code: int, tetrarium_home: Path, trained: Path
) -> None:
    ignored = {signal.SIGHUP} - {number}  # as by nohup
    previous = [(other, signal.signal(other, signal.SIG_IGN)) for other in ignored]
    process = spawn("train", "--name", "one", "--steps", "2000", "--checkpoint-every", "200", *SMALL)
    for other, handler in previous:
        signal.signal(other, handler)
    wait_for(tetrarium_home / "runs" / "one" / "checkpoints" / "200", process)
    for sent in (*ignored, number):
        process.send_signal(sent)
    output, error = process.communicate(timeout=120)

    assert (process.returncode, error) == (code, "")
    assert "Stopped at step" in output
    assert run_command("resume", "one") == 0
    for name in ("averaged.safetensors", "games.safetensors"):
        ours = tetrarium_home / "runs" / "one" / "checkpoints" / "2000" / name
        assert ours.read_bytes() == (trained / "runs" / "one" / "checkpoints" / "2000" / name).read_bytes()


@pytest.mark.oracle
def test_a_killed_run_resumes_to_the_same_result(tetrarium_home: Path, trained: Path) -> None:
    process = spawn("train", "--name", "one", "--steps", "2000", "--checkpoint-every", "200", *SMALL)
    wait_for(tetrarium_home / "runs" / "one" / "checkpoints" / "400", process)
    process.kill()
    process.communicate(timeout=60)
    assert run_command("resume", "one") == 0

    ours = tetrarium_home / "runs" / "one"
    theirs = trained / "runs" / "one"
    for name in ("averaged.safetensors", "games.safetensors"):
        assert (ours / "checkpoints/2000" / name).read_bytes() == (theirs / "checkpoints/2000" / name).read_bytes()
    without_time = [line.rsplit(",", 1)[0] for line in (ours / "episodes.csv").read_text().splitlines()]
    assert without_time == [line.rsplit(",", 1)[0] for line in (theirs / "episodes.csv").read_text().splitlines()]


def test_more_steps_keep_the_end_of_the_schedules_unless_they_are_stretched(
    tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def resumed(*options: str) -> tuple[bool, int | None]:
        capsys.readouterr()
        assert run_command("resume", "one", *options) == 0
        config = json.loads((tetrarium_home / "runs" / "one" / "config.json").read_text())
        kept = "Exploration and learning rate end after 40 steps, as before; --stretch spreads them over the new total."
        return kept in capsys.readouterr().out, config["training_config"]["schedule_steps"]

    assert run_command("train", "--name", "one", "--steps", "40", *SMALL) == 0
    assert resumed("--steps", "80") == (True, 40)
    assert resumed("--steps", "120") == (True, 40)
    assert resumed("--steps", "160", "--stretch") == (False, None)


def test_resuming_a_finished_run_changes_nothing(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("resume", "one", "--home", str(trained)) == 0

    assert "Finished at step 2,000" in capsys.readouterr().out
    saved = [path.name for path in (trained / "runs" / "one" / "checkpoints").iterdir()]
    assert saved == ["2000"]


def test_evaluate_reports_as_a_table_as_json_and_as_csv(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("evaluate", "one", "--home", str(trained), "--games", "5", "--max-pieces", "50")
    assert run_command(*arguments) == 0
    assert "one at step 2,000" in capsys.readouterr().out
    assert run_command(*arguments, "--json", "--csv", str(tmp_path / "games.csv")) == 0

    report = json.loads(capsys.readouterr().out)
    assert (report["n_games"], report["max_pieces"], report["seed"]) == (5, 50, 0)
    assert len((tmp_path / "games.csv").read_text().splitlines()) == 6


def test_evaluate_uses_the_given_rules(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = ("--rules", "literature", "--height", "10")
    short = ("--games", "2", "--max-pieces", "20")
    assert run_command("evaluate", "one", "--home", str(trained), *rules, *short, "--json") == 0

    config = json.loads(capsys.readouterr().out)["config"]
    assert (config["height"], config["randomizer"]) == (10, "uniform")


def test_watch_without_a_terminal_prints_games(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("watch", "one", "--home", str(trained), "--games", "1") == 0

    assert "lines" in capsys.readouterr().out


def test_doctor_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("doctor", "--json") == 0

    found = json.loads(capsys.readouterr().out)
    assert [one["check"] for one in found if not one["is_ok"]] == []
    messages = {one["check"]: one["message"] for one in found}
    assert re.fullmatch(r"/.*/kernels-[0-9a-f]{16}, [0-9]+ kernels", messages["kernel cache"])
    assert (found[-1]["check"], "placements per second" in found[-1]["message"]) == ("learning", True)


def test_doctor_reports_a_failed_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")

    assert run_command("doctor", "--home", str(tmp_path / "file")) == 1
    output = " ".join(capsys.readouterr().out.split())  # lines are wrapped
    assert "is a file. Choose another home with --home or TETRARIUM_HOME." in output


@pytest.mark.parametrize("command", [name for name in app if not name.startswith("-")])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(command, "--help") == 0
    assert f"tetrarium {command}" in capsys.readouterr().out


def test_help_of_a_command_is_its_whole_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, sentence in (
        (("train",), "Every setting can be given by --set (such as --set gamma=0.8)"),
        (("watch",), "Keys: space pauses, + and - change the speed, q quits."),
        (("tune",), "Ctrl-C stops the study and saves checkpoints of its trials"),
        (("models", "promote"), "also when others are saved later"),
        (("models",), "Save, inspect, share and compare trained models."),
    ):
        assert run_command(*arguments, "--help") == 0
        assert sentence in " ".join(capsys.readouterr().out.split())


def test_module_runs_as_the_command() -> None:
    version = subprocess.run(
        [sys.executable, "-m", "tetrarium", "--version"], capture_output=True, text=True, check=True, env=os.environ
    )

    assert version.stdout.strip() == "0.1.0"


@pytest.mark.oracle
@pytest.mark.compiled
def test_compile_notice_appears_only_in_the_first_training(
    tetrarium_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    output = []
    for name in ("one", "two"):
        process = spawn("train", "--name", name, "--steps", "80", *SMALL)
        output.append(process.communicate(timeout=170)[0])

    assert "Compiling the game for this machine" in output[0]
    assert "Compiling" not in output[1]
    assert (tetrarium_home / "runs" / "two" / "checkpoints" / "80").is_dir()


def test_every_setting_is_listed_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("train", "--settings") == 0

    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert "400,000" in rows["total_timesteps"]
    assert "0.9" in rows["gamma"]
    assert "7-bag" in rows["randomizer"]
    assert len(rows) > 35


def test_training_starts_from_the_weights_of_another_agent(
    trained: Path, tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = trained / "runs" / "one"
    assert run_command("train", "--from", str(source), "--name", "two", "--steps", "200", *SMALL) == 0

    begun = tetrarium_home / "runs" / "two" / "checkpoints" / "0" / "averaged.safetensors"
    assert begun.read_bytes() == (source / "checkpoints" / "2000" / "averaged.safetensors").read_bytes()
    assert json.loads((tetrarium_home / "runs" / "two" / "config.json").read_text())["start_from"].endswith("2000")
    assert run_command("train", "--from", "nobody", *SMALL) == 2
    assert "Unknown agent 'nobody'" in capsys.readouterr().err


def test_evaluate_on_processes_and_with_a_ledger(
    trained: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("evaluate", "one", "--home", str(trained), "--games", "5", "--max-pieces", "40", "--json")
    assert run_command(*arguments) == 0
    expected = json.loads(capfd.readouterr().out)["games"]
    assert not (trained / "evaluations").exists()

    monkeypatch.setattr(ledger, "_WRITE_EVERY_S", 0.0)
    assert run_command(*arguments, "--on", "local", "--workers", "1") == 0
    assert json.loads(capfd.readouterr().out)["games"] == expected

    assert run_command(*arguments) == 0
    printed = capfd.readouterr()
    assert json.loads(printed.out)["games"] == expected
    n_pieces = sum(game["pieces"] for game in expected)
    assert printed.err.startswith(
        f"Continuing an earlier evaluation: 5 of 5 games and {n_pieces} pieces were played. Pass --fresh to play them "
        "again.\n"
    )
    assert run_command(*arguments, "--fresh") == 0
    assert "Continuing" not in capfd.readouterr().err

    assert run_command("runs", "prune", "--evaluations", "0", "--home", str(trained)) == 0
    key, *_ = (trained / "evaluations").iterdir()
    assert f"Evaluation {key.name}: 0.0 MB\nThis would free 0.0 MB" in capfd.readouterr().out
    assert run_command("runs", "prune", "--evaluations", "0", "--yes", "--home", str(trained)) == 0
    assert list((trained / "evaluations").iterdir()) == []


def test_runs_are_trained_resumed_and_evaluated_on_processes(
    tetrarium_home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on = ("--on", "local", "--workers", "1")
    small = ("--steps", "80", "--seed", "4", "--set", "height=4", *SMALL)
    assert run_command("train", "--name", "s", "--seeds", "2", *small, *on) == 0
    printed = capfd.readouterr().out
    assert "s-5: Finished at step 80 after" in printed
    assert "median of 2 seeds: " in printed
    assert run_command("train", "--name", "s-5", *small, *on) == 1
    assert "The name 's-5' is taken." in capfd.readouterr().err
    monkeypatch.setattr("tetrarium.training.runs.run.require_device", pytest.fail)  # workers have devices of their own
    assert run_command("resume", "s-5", "--steps", "120", "--on", "local", "--workers", "2") == 0
    assert "Finished at step 120 after" in capfd.readouterr().out
    config = json.loads((tetrarium_home / "runs" / "s-5" / "config.json").read_text())["training_config"]
    assert (config["total_timesteps"], config["schedule_steps"]) == (120, 80)
