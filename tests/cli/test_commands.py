"""The commands as a person types them: what they print, how they end, and how they survive signals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tetrarium.cli.main import main

SMALL = [
    "--set", "n_envs=4", "--set", "learning_starts=40", "--set", "batch_size=16", "--set", "net_arch=8",
    "--set", "buffer_size=400",
]  # fmt: skip


def call(*arguments: str) -> int:
    """Runs a command in this process; returns its exit code."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def spawn(*arguments: str) -> subprocess.Popen[str]:
    """Starts a command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tetrarium", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Waits until a file exists."""
    deadline_s = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s, f"{path} did not come"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a finished run."""
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TETRARIUM_HOME", str(home))
        assert call("train", "--name", "one", "--steps", "2000", *SMALL) == 0
    return home


def test_train_says_what_it_did_and_where_it_lies(tetrarium_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--name", "first", "--steps", "400", *SMALL) == 0

    said = capsys.readouterr().out
    assert "400 of 400 steps (100 %)" in said
    assert "Finished at step 400" in said
    assert "tetrarium watch first" in said
    assert (tetrarium_home / "runs" / "first" / "checkpoints" / "400").is_dir()


def test_what_to_type_next_names_a_home_that_is_not_the_usual_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "my home"
    assert call("train", "--name", "first", "--steps", "80", "--home", str(home), *SMALL) == 0

    assert f"tetrarium watch first --home '{home}'" in capsys.readouterr().out


def test_settings_come_from_flags_then_environment_then_file(
    tetrarium_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "one.toml"
    file.write_text("gamma = 0.5\nn_envs = 2\nseed = 5\n[training]\nnet_arch = [8]\n[game]\nwidth = 6\n")
    monkeypatch.setenv("TETRARIUM_N_ENVS", "3")
    monkeypatch.setenv("TETRARIUM_SEED", "6")
    arguments = ("--preset", "literature-10x10", "--config", str(file), "--seed", "7", "--steps", "60")
    assert call("train", *arguments, "--name", "one") == 0

    config = json.loads((tetrarium_home / "runs" / "one" / "config.json").read_text())
    settings = config["training_config"]
    assert (settings["gamma"], settings["n_envs"], settings["seed"], settings["net_arch"]) == (0.5, 3, 7, [8])
    assert (config["env_config"]["width"], config["env_config"]["height"]) == (6, 10)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["train", "--steps", "-5"], 2, "total_timesteps is a whole number from 1 to"),
        (["train", "--steps", "many"], 2, "many"),
        (["train", "--target-lines", "0"], 2, "target_lines is a whole number from 1 to"),
        (["train", "--set", "batchsize=3"], 2, "no setting 'batchsize' after --set. Did you mean 'batch_size'?"),
        (["train", "--set", "gamma"], 2, "--set takes key=value; got 'gamma'"),
        (["train", "--set", "width=3"], 2, "width is a whole number from 4 to 16; got 3."),
        (["train", "--config", "none.toml"], 2, "'none.toml' cannot be read"),
        (["train", "--preset", "quik"], 2, "Did you mean 'quick'?"),
        (["train", "--name", "../out"], 2, "A name has 1 to 64 letters"),
        (["train", "--set", "hold=true", "--set", "preview=0"], 2, "hold takes the next piece where none is held"),
        (["train", "--steps", "5", "--set", "total_timesteps=6"], 2, "total_timesteps is 5 by its flag and 6 by --set"),
        (["evaluate", "best.tetris-replay"], 2, "A replay is one game that was played, and here an agent plays new"),
        (["train", "--seeds", "0"], 2, "--seeds takes 1 or more; got 0"),
        (["train", "--set", "algorithm=dqm"], 2, "Did you mean 'dqn'?"),
        (["resume", "nothing"], 1, "There is no run 'nothing'"),
        (["evaluate", "nobody"], 2, "there is no 'nobody'"),
        (["evaluate", "randum"], 2, "Did you mean 'random'?"),
        (["evaluate", "random", "--games", "0"], 2, "got 0"),
        (["evaluate", "random", "--max-pieces", "0"], 2, "got 0"),
        (["evaluate", "random", "--csv", "/nowhere/at/all.csv"], 2, "--csv names a file in a folder that is there"),
        (["train", "--device", "toaster"], 2, "got 'toaster'"),
        (["train", "--name", "du"], 1, "'du' is a known controller"),
        (["evaluate", "random", "--height", "3"], 2, "height is a whole number from 4 to 40; got 3."),
        (["watch", "nobody"], 2, "there is no 'nobody'"),
        (["fly"], 2, "fly"),
    ],
)
def test_bad_input_is_one_clear_line_and_the_documented_code(
    arguments: list[str], code: int, said: str, tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments) == code

    output = capsys.readouterr()
    assert said in " ".join((output.err + output.out).split())
    assert "Traceback" not in output.err
    assert not (tetrarium_home / "runs").exists()


def test_a_folder_does_not_hide_the_run_of_its_name(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").mkdir()
    monkeypatch.chdir(tmp_path)

    assert call("evaluate", "one", "--home", str(trained), "--games", "1", "--max-pieces", "9") == 0
    assert "one at step 2,000" in capsys.readouterr().out
    assert call("evaluate", "./one", "--home", str(trained)) == 1


def test_a_run_stands_for_its_latest_checkpoint_its_best_model_or_one_of_its_steps(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--home", str(trained), "--games", "1", "--max-pieces", "9")
    for what in ("one", "one@best", "one@2000"):
        assert call("evaluate", what, *few) == 0
        assert "one at step 2,000" in capsys.readouterr().out
    assert call("evaluate", "one@1999", *few) == 2
    assert "After one@ stands 'best' or the step of a checkpoint, of which there are 2000; got '1999'." in (
        capsys.readouterr().err
    )


def test_a_run_goes_on_with_what_may_change_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--name", "on", "--steps", "400", *SMALL) == 0
    assert call("resume", "on", "--steps", "480", "--set", "checkpoint_every=200") == 0
    said = capsys.readouterr().out
    assert "from step 400 to 480" in said
    assert "had all its steps" not in said
    assert call("resume", "on") == 0
    assert capsys.readouterr().out.endswith("before; train on by `tetrarium resume on --steps 960`.\n")
    assert call("resume", "on", "--set", "n_envs=5") == 2
    assert "n_envs is one of them" in capsys.readouterr().err


def test_a_run_goes_on_from_an_earlier_checkpoint_as_a_new_run(
    tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    often = ("--set", "checkpoint_every=200")
    assert call("train", "--name", "whole", "--steps", "400", *often, *SMALL) == 0
    assert call("resume", "whole", "--at", "200") == 0
    assert "Training whole-at-200: from step 200 to 400" in capsys.readouterr().out
    assert call("resume", "whole", "--at", "200", "--name", "other", "--set", "n_envs=5") == 2
    assert not (tetrarium_home / "runs" / "other").exists()
    assert "n_envs is one of them" in capsys.readouterr().err
    assert call("resume", "whole", "--at", "300") == 2
    assert "the steps at which 'whole' has one are 200, 400; got 300" in capsys.readouterr().err
    assert call("resume", "whole", "--name", "other") == 2
    assert "--name names the run that begins at --at STEP; got 'other' alone. Add --at." in capsys.readouterr().err


def test_a_checkpoint_of_another_home_goes_on_only_if_trusted(
    tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("train", "--name", "moved", "--steps", "400", *SMALL) == 0
    (tetrarium_home / "secret.key").unlink()
    assert call("resume", "moved", "--steps", "480") == 1
    assert "was not made in this home" in capsys.readouterr().err
    assert call("resume", "moved", "--steps", "480", "--trust") == 0
    assert call("resume", "moved", "--steps", "560") == 0, "the checkpoint is signed anew"


def test_what_a_later_seed_would_be_refused_for_is_said_first(
    tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("train", "--seeds", "2", "--seed", "4294967295") == 2
    assert "seed is a whole number from 0 to 4,294,967,295; got 4294967296." in capsys.readouterr().err
    assert not (tetrarium_home / "runs").exists()
    (tetrarium_home / "runs" / "s-2").mkdir(parents=True)
    assert call("train", "--seeds", "2", "--name", "s") == 1
    assert "A new run needs a new name, and 's-2' is taken." in capsys.readouterr().err
    assert [path.name for path in (tetrarium_home / "runs").iterdir()] == ["s-2"]


def test_several_seeds_are_trained_and_compared(tetrarium_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--steps", "80", "--seeds", "3", "--seed", "4", "--name", "s", "--set", "height=4", *SMALL)
    assert call("train", *arguments) == 0
    said = capsys.readouterr().out.splitlines()

    assert sorted(path.name for path in (tetrarium_home / "runs").iterdir()) == ["s-4", "s-5", "s-6"]
    start = said.index("Lines a game as played, up to the cut")
    rows = [line.split() for line in said[start + 1 : start + 4]]
    assert [row[:3] for row in rows] == [["s-4", "seed", "4"], ["s-5", "seed", "5"], ["s-6", "seed", "6"]]
    lines = sorted(float(row[3]) for row in rows)
    assert said[start + 4].strip() == (
        f"median of 3 seeds: {lines[1]:g} lines a game, {lines[0]:g} to {lines[2]:g} (75 %, by rank)"
    )


@pytest.mark.oracle
def test_seeds_that_were_trained_before_a_stop_are_compared(tetrarium_home: Path) -> None:
    arguments = ("--steps", "30000", "--seeds", "2", "--seed", "4", "--name", "s", *SMALL)
    process = spawn("train", *arguments)
    wait_for(tetrarium_home / "runs" / "s-5" / "run.lock", process)
    process.send_signal(signal.SIGTERM)
    said = process.communicate()[0].splitlines()

    assert process.returncode == 143
    start = said.index("Lines a game as played, up to the cut")
    assert said[start + 1].split()[:3] == ["s-4", "seed", "4"]
    assert said[start + 2].strip().startswith("median of 1 seed: ")


def test_a_taken_name_suggests_resume(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--name", "one", "--home", str(trained)) == 1

    assert "'one' is taken. Go on with that run by `tetrarium resume one`" in capsys.readouterr().err


def test_a_home_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")

    assert call("train", "--home", str(tmp_path / "file"), "--steps", "10") == 1
    assert "The home is a folder" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--home", "/proc/tetrarium", "--steps", "10") == 1

    error = capsys.readouterr().err
    assert "/proc/tetrarium" in error
    assert error.count("\n") == 1


@pytest.mark.oracle
def test_a_full_disk_ends_a_run_with_one_line_and_keeps_what_was_saved(tmp_path: Path) -> None:
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
def test_ctrl_c_and_sigterm_stop_with_a_checkpoint_and_resume_goes_on_to_the_same_end(
    number: signal.Signals, code: int, tetrarium_home: Path, trained: Path
) -> None:
    process = spawn("train", "--name", "one", "--steps", "2000", "--checkpoint-every", "200", *SMALL)
    wait_for(tetrarium_home / "runs" / "one" / "checkpoints" / "200", process)
    process.send_signal(number)
    output, error = process.communicate(timeout=120)

    assert (process.returncode, error) == (code, "")
    assert "Stopped at step" in output
    assert call("resume", "one") == 0
    for name in ("averaged.safetensors", "games.safetensors"):
        ours = tetrarium_home / "runs" / "one" / "checkpoints" / "2000" / name
        assert ours.read_bytes() == (trained / "runs" / "one" / "checkpoints" / "2000" / name).read_bytes()


@pytest.mark.oracle
def test_a_killed_run_resumes_to_the_same_end(tetrarium_home: Path, trained: Path) -> None:
    process = spawn("train", "--name", "one", "--steps", "2000", "--checkpoint-every", "200", *SMALL)
    wait_for(tetrarium_home / "runs" / "one" / "checkpoints" / "400", process)
    process.kill()
    process.communicate(timeout=60)
    assert call("resume", "one") == 0

    ours = tetrarium_home / "runs" / "one"
    theirs = trained / "runs" / "one"
    for name in ("averaged.safetensors", "games.safetensors"):
        assert (ours / "checkpoints/2000" / name).read_bytes() == (theirs / "checkpoints/2000" / name).read_bytes()
    without_time = [line.rsplit(",", 1)[0] for line in (ours / "episodes.csv").read_text().splitlines()]
    assert without_time == [line.rsplit(",", 1)[0] for line in (theirs / "episodes.csv").read_text().splitlines()]


def test_resuming_a_run_that_is_done_says_so(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("resume", "one", "--home", str(trained)) == 0

    assert "Finished at step 2,000" in capsys.readouterr().out
    saved = [path.name for path in (trained / "runs" / "one" / "checkpoints").iterdir()]
    assert saved == ["2000"]


def test_evaluate_reports_as_a_table_as_json_and_as_csv(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("evaluate", "one", "--home", str(trained), "--games", "5", "--max-pieces", "50")
    assert call(*arguments) == 0
    assert "one at step 2,000" in capsys.readouterr().out
    assert call(*arguments, "--json", "--csv", str(tmp_path / "games.csv")) == 0

    report = json.loads(capsys.readouterr().out)
    assert (report["n_games"], report["max_pieces"], report["seed"]) == (5, 50, 0)
    assert len((tmp_path / "games.csv").read_text().splitlines()) == 6


def test_an_agent_is_evaluated_under_the_rules_it_is_asked_to(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("evaluate", "one", "--home", str(trained), "--games", "2", "--rules", "literature", "--height", "10",
                "--max-pieces", "20", "--json") == 0  # fmt: skip

    config = json.loads(capsys.readouterr().out)["config"]
    assert (config["height"], config["randomizer"]) == (10, "uniform")


def test_watch_off_a_terminal_prints_the_games(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("watch", "one", "--home", str(trained), "--games", "1") == 0

    assert "lines" in capsys.readouterr().out


def test_the_doctor_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("doctor", "--json") == 0

    found = json.loads(capsys.readouterr().out)
    assert [one["check"] for one in found if not one["is_ok"]] == []
    assert (found[-1]["check"], "placements a second" in found[-1]["said"]) == ("learning", True)


def test_the_doctor_says_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")

    assert call("doctor", "--home", str(tmp_path / "file")) == 1
    assert "failed" in capsys.readouterr().out


def test_help_answers_at_once() -> None:
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tetrarium", "--help"], capture_output=True, text=True, check=True
    )

    assert "tetrarium run" in loaded.stdout
    names = {line.rsplit("|", 1)[-1].strip() for line in loaded.stderr.splitlines() if line.startswith("import time")}
    assert not names & {"torch", "numba", "gymnasium", "numpy"}


def test_the_module_is_the_command() -> None:
    version = subprocess.run(
        [sys.executable, "-m", "tetrarium", "--version"], capture_output=True, text=True, check=True, env=os.environ
    )

    assert version.stdout.strip() == "0.1.0"


@pytest.mark.oracle
@pytest.mark.compiled
def test_the_first_ever_training_says_that_it_compiles_and_the_next_does_not(
    tetrarium_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    said = []
    for name in ("one", "two"):
        process = spawn("train", "--name", name, "--steps", "80", *SMALL)
        said.append(process.communicate(timeout=170)[0])

    assert "Compiling the game for this machine" in said[0]
    assert "Compiling" not in said[1]
    assert (tetrarium_home / "runs" / "two" / "checkpoints" / "80").is_dir()


def test_every_setting_is_listed_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--settings") == 0

    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert "400,000" in rows["total_timesteps"]
    assert "0.9" in rows["gamma"]
    assert "7-bag" in rows["randomizer"]
    assert len(rows) > 35


def test_an_agent_begins_with_anothers_weights(
    trained: Path, tetrarium_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = trained / "runs" / "one"
    assert call("train", "--from", str(source), "--name", "two", "--steps", "200", *SMALL) == 0

    begun = tetrarium_home / "runs" / "two" / "checkpoints" / "0" / "averaged.safetensors"
    assert begun.read_bytes() == (source / "checkpoints" / "2000" / "averaged.safetensors").read_bytes()
    assert json.loads((tetrarium_home / "runs" / "two" / "config.json").read_text())["start_from"].endswith("2000")
    assert call("train", "--from", "nobody", *SMALL) == 2
    assert "there is no 'nobody'" in capsys.readouterr().err
