"""Shell completion: names of runs and models, and the scripts for shells."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Literal

import pytest

from tests.workers.test_learning_curves import made
from tetrarium.cli.configuration import read_assignments
from tetrarium.cli.main import app, main
from tetrarium.environment import EnvConfig
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.workers.directories.learning_curves import COLUMNS


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    home = Home.locate(tetrarium_home)
    made(home, "fast-1", seed=1)
    made(home, "fast-2", seed=2)
    return home


def completions(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """Returns the completions of the last word."""
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["__complete", *words])
    return [line.split("\t")[0] for line in capsys.readouterr().out.partition("begin\n")[2].splitlines()]


@pytest.mark.usefixtures("home")
def test_names_of_runs_and_models_are_completed(
    tetrarium_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tetrarium_home / "models" / "mine").mkdir(parents=True)
    (tetrarium_home / "runs" / ".tetrarium-0").mkdir()

    assert completions(capsys, "runs", "show", "fa") == ["fast-1", "fast-2"]
    assert completions(capsys, "runs", "plot", "fast-1", "") == ["fast-1", "fast-2"]
    assert "mine" in completions(capsys, "models", "show", "") and "fast-1" not in completions(
        capsys, "models", "show", ""
    )
    assert {"mine", "fast-1", "dt-10"} <= set(completions(capsys, "evaluate", ""))
    (tmp_path / "elsewhere" / "runs" / "there").mkdir(parents=True)
    elsewhere = completions(capsys, "runs", "stop", "--home", str(tmp_path / "elsewhere"), "")
    assert "there" in elsewhere and "fast-1" not in elsewhere
    assert "fast-1" not in completions(capsys, "runs", "stop", "--home", str(tmp_path / "nowhere"), "")


@pytest.mark.parametrize(
    ("words", "expected", "refused"),
    [
        (["train", "--preset", ""], ["default", "quick", "strong"], []),
        (["tune", "first", "--preset", ""], ["default", "quick", "strong"], []),
        (["tune", "first", "--objective", ""], ["lines"], []),
        (["tune", "first", "--sampler", ""], ["tpe", "grid"], []),
        (["models", "leaderboard", "--protocol", ""], ["default", "literature-10x10"], []),
        (["runs", "plot", "--column", ""], list(COLUMNS), []),
        (["evaluate", "dt-10", "--randomizer", ""], ["7-bag", "uniform"], []),
        (["train", "--set", ""], ["gamma=", "hold=", "n_envs="], ["gamma=0.9"]),
        (["train", "--set", "gamm"], ["gamma=", "gamma=0.9"], ["n_envs="]),
        (["train", "--set", "hold="], ["hold=true", "hold=false"], ["hold_allowed="]),
        (["train", "--set", "algorithm=q"], ["algorithm=qr-dqn", "algorithm=cma-es"], ["algorithm=['dqn']"]),
        (["train", "--set", "net_arch="], ["net_arch=64,64"], []),
        (["train", "--set", "nonsense="], [], ["gamma="]),
        (["resume", "fast-1", "--set", ""], ["total_timesteps=", "device="], ["gamma="]),
        (["tune", "first", "--set", ""], ["gamma=", "total_timesteps="], []),
        (["tune", "first", "--vary", ""], ["gamma=", "n_steps="], ["total_timesteps="]),
        (["models", "import", "model.zip", "--set", ""], ["gamma="], []),
    ],
)
@pytest.mark.usefixtures("tetrarium_home")
def test_fixed_words_are_completed(
    words: list[str], expected: list[str], refused: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = completions(capsys, *words)

    assert set(expected) <= set(found)
    assert not set(refused) & set(found)


def test_every_completed_setting_can_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    keys = [word.removesuffix("=") for word in completions(capsys, "train", "--set", "") if word.endswith("=")]

    for key in keys:
        values = [word for word in completions(capsys, "train", "--set", f"{key}=") if not word.endswith("=")]
        for word in values:
            assert read_assignments([word], {}).keys() == {key}
    assert len(keys) == len(fields(EnvConfig)) + len(fields(TrainingConfig))


@pytest.mark.usefixtures("home")
def test_completion_imports_no_heavy_libraries() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tetrarium", "__complete", "runs", "plot", ""],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "fast-2" in done.stdout
    assert not {"torch", "numba", "sqlalchemy"} & {line.split("|")[-1].strip() for line in done.stderr.splitlines()}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid(shell: Literal["bash", "zsh", "fish"], tmp_path: Path) -> None:
    script = app.generate_completion(shell=shell)

    assert "__complete" in script and "leaderboard" in script and "install-completion" in script
    if shell == "bash":
        (tmp_path / "script").write_text(script)
        subprocess.run(["bash", "-n", str(tmp_path / "script")], check=True)


@pytest.mark.parametrize("has_output", [True, False])
def test_install_completion_edits_the_start_up_file_unless_a_file_is_given(
    has_output: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    user, script = tmp_path / "user", tmp_path / "script"
    user.mkdir()
    (user / ".bashrc").write_text("# mine\n")
    monkeypatch.setenv("HOME", str(user))

    with pytest.raises(SystemExit) as ended:
        main(["--install-completion", "--shell", "bash", *(["--output", str(script)] if has_output else [])])

    assert ended.value.code == 0
    out = capsys.readouterr().out
    if has_output:
        assert "__complete" in script.read_text()
        assert [path.name for path in user.iterdir()] == [".bashrc"]
        assert (user / ".bashrc").read_text() == "# mine\n"
        assert out == f"Wrote the completion script to {script}. Load it in the shell's start-up file to use it.\n"
    else:
        assert "tetrarium" in (user / ".bashrc").read_text()
        assert out.endswith("Start a new shell to use it.\n")
