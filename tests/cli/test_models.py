"""``tetrarium models``: what a person types to keep, find, share and throw away models."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import SMALL, call
from tetrarium.evaluation import PROTOCOLS, protocols


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TETRARIUM_HOME", str(home))
        more = ["--set=evaluate_every=500", "--set=evaluation_games=2", "--set=evaluation_pieces=30"]
        assert call("train", "--name", "one", "--steps", "1000", *SMALL, *more) == 0
    return home


@pytest.fixture(autouse=True)
def home(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained, tmp_path / "home")
    monkeypatch.setenv("TETRARIUM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command that succeeds and returns what it printed."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert call(*arguments) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


def test_a_model_from_its_saving_to_its_end(say: Any) -> None:
    assert say("models", "save", "one@best", "--name", "mine", "--tag", "good", "--note", "two\nlines") == (
        "Saved mine@1: dqn at step 1,000.\n"
    )
    assert say("models", "save", "one@1000", "--name", "mine") == "Saved mine@2: dqn at step 1,000.\n"
    listed = say("models", "list").splitlines()
    assert listed[0].split() == ["model", "versions", "stands", "for", "algorithm", "step", "game", "tags", "note"]
    assert [line.split()[:3] for line in listed[1:] if line.startswith("mine")] == [["mine", "2", "@2"]]
    assert say("models", "promote", "mine@1") == "'mine' stands for mine@1.\n"
    assert say("models", "tag", "mine@1", "better", "--remove", "good") == "mine@1 has the tags: better.\n"
    assert say("models", "note", "mine", "spins") == "Noted of mine@1.\n"
    versions = say("models", "list", "mine").splitlines()
    assert versions[1].startswith("mine@1 (promoted)") and versions[1].endswith("spins")
    assert say("models", "list", "--tag", "better").splitlines()[1:] == versions[1:2]
    assert "one@best" in say("models", "show", "mine")
    assert say("models", "delete", "mine@1") == ("Moved to the trash: mine@1. Undo: tetrarium models restore mine@1\n")
    assert say("models", "list", "--trash").splitlines()[1].startswith("mine@1 ")
    assert say("models", "restore", "mine@1") == "Restored: mine@1.\n"
    assert say("models", "delete", "mine", "--forever") == "Removed for ever: mine@1, mine@2.\n"
    assert say("models", "list", "--trash") == "The trash is empty.\n"


def test_json_says_what_there_is_to_say(say: Any) -> None:
    saved = json.loads(say("models", "save", "one", "--name", "mine", "--json"))

    assert saved["spec"] == "mine@1" and saved["step"] == 1_000 and saved["about"]["run"] == "one"
    assert json.loads(say("models", "show", "mine", "--json")) == saved
    assert json.loads(say("models", "list", "mine", "--json")) == [saved]
    (slot,) = [one for one in json.loads(say("models", "list", "--json")) if one["name"] == "mine"]
    assert slot == {**saved, "n_versions": 1}
    assert json.loads(say("models", "delete", "mine", "--json"))[0]["trashed_s"] > 0


def test_whatever_takes_an_agent_takes_a_model_and_a_bundle(say: Any, tmp_path: Path) -> None:
    say("models", "save", "one@best", "--name", "mine")
    shared = str(tmp_path / "mine.tetris")
    assert say("models", "export", "mine", shared).startswith(f"Wrote mine to {shared}, ")
    assert json.loads(say("models", "export", "mine", shared, "--force", "--json")) == {
        "file": shared, "n_bytes": Path(shared).stat().st_size, "algorithm": "dqn", "step": 1_000,
    }  # fmt: skip

    def played(what: str) -> Any:
        report = json.loads(say("evaluate", what, "--games", "3", "--max-pieces", "50", "--json"))
        return report["policy"], report["games"]

    _, games = played("one@best")
    assert played("mine@1") == ("mine@1 at step 1,000", games) and played("mine") == ("mine@1 at step 1,000", games)
    assert played(shared) == ("mine at step 1,000", games)
    assert say("models", "import", shared, "--name", "theirs") == "Imported theirs@1: dqn at step 1,000.\n"
    assert played("theirs@1") == ("theirs@1 at step 1,000", games)
    assert "Recorded theirs@1" in say("record", "theirs", str(tmp_path / "game.json"), "--max-pieces", "5")
    assert "Game 1" in say("watch", "mine@1", "--games", "1")
    assert "Finished at step 100" in say("train", "--from", "mine@1", "--name", "next", "--steps", "100", *SMALL)


def test_a_name_of_a_run_and_a_model_is_the_runs(say: Any) -> None:
    say("models", "save", "one@best")
    for what, player in (("one", "one"), ("one@1000", "one"), ("one@1", "one@1")):
        report = json.loads(say("evaluate", what, "--games", "1", "--max-pieces", "5", "--json"))
        assert report["policy"].startswith(f"{player} at step ")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default protocol of a few short games."""
    short = replace(PROTOCOLS["default"], n_games=8, max_pieces=200, height=8)
    monkeypatch.setattr(protocols, "PROTOCOLS", {**PROTOCOLS, "default": short})


@pytest.mark.usefixtures("quick")
def test_the_leaderboard_has_what_was_measured_and_nothing_else(say: Any) -> None:
    say("models", "save", "one@best", "--name", "mine")
    empty = say("models", "leaderboard").splitlines()
    assert empty[0] == "Nothing was measured so yet: tetrarium models measure champion dt-10 --protocol default"
    assert empty[1].startswith("Not measured: ") and "mine@1" in empty[1]
    (measured,) = json.loads(say("models", "measure", "mine", "--json"))
    assert measured["player"] == "mine@1" and measured["n_games"] == 8 and "games" not in measured
    say("models", "measure", "dellacherie", "random")

    board = json.loads(say("models", "leaderboard", "--json"))
    assert [row["player"] for row in board] == ["dellacherie", "mine@1", "random"]
    assert board[1] == measured
    alike = ["--games", "8", "--height", "8", "--max-pieces", "200", "--seed", "20000"]
    report = json.loads(say("evaluate", "mine", *alike, "--json"))
    same = ("mean_lines", "interval_lines", "median_lines", "n_cut_off", "lines_total", "seed")
    assert [measured[name] for name in same] == [report[name] for name in same]
    lines = say("models", "leaderboard").splitlines()
    assert lines[1].split() == "player lines a game (95 %) median cut off games pieces a second".split(" ")
    assert [line.split()[:2] for line in lines[2:5]] == [["1", "dellacherie"], ["2", "mine@1"], ["3", "random"]]
    assert "mine@1" not in "".join(lines[5:])


@pytest.mark.usefixtures("quick")
def test_two_are_compared_on_the_same_pieces(say: Any) -> None:
    said = say("models", "compare", "dellacherie", "random", "--games", "30")
    assert [line.split()[-4:] for line in said.splitlines()[1:3]] == [f"{won} of 30 games".split() for won in (30, 0)]
    assert said.splitlines()[-1].startswith("dellacherie is better than random, by ")
    assert said.splitlines()[-1].endswith("n = 30 games on the same pieces). The difference is real.")
    found = json.loads(say("models", "compare", "one@best", "one", "--games", "10", "--json"))
    assert found["is_real"] is False and found["difference"] == 0.0
    assert found["sentence"].startswith("No difference can be told between one at step 1,000 and one at step 1,000")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("models", "show", "nothing"), 1, "There is no model 'nothing' in "),
        (("models", "save", "nothing"), 2, "What can be named is a run, NAME@best, NAME@STEP, a model, a bundle,"),
        (("models", "save", "one", "--name", "../x"), 2, "A name has 1 to 64 letters"),
        (("models", "save", "one", "--name", "du"), 1, "A model has a name of its own; 'du' is a known one."),
        (("models", "save", "one", "--tag", "a b"), 1, "has a wrong 'tags'"),
        (("models", "tag", "one"), 2, "A tag is added or taken away; got neither."),
        (
            ("models", "promote", "one@x"),
            1,
            "After NAME@ stands the number of a version; got 'one@x'.",
        ),
        (("models", "import", "no.tetris"), 1, "The bundle 'no.tetris' cannot be read: No such file or directory."),
        (("models", "import", "no.tetris", "--set", "width=6"), 1, "so no setting is given. Leave --set out."),
        (("models", "restore", "one"), 1, "What is restored lies in the trash, and 'one' does not."),
        (("models", "measure", "one/"), 1, "There is no model 'one/'"),
        (("models", "compare", "du", "dt-10", "--protocol", "x"), 2, "A protocol is one of default, uniform"),
        (("models",), 0, ""),
        (("models", "lst"), 2, ""),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments) == code
    complained = capsys.readouterr().err
    assert said in complained and (not said or complained.count("\n") == 1)
