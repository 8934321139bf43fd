"""Commands ``models …``: saving, finding, sharing, comparing and deleting models."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import EVALUATED, SMALL, run_command
from tetrarium.evaluation import POLICY_NAMES, PROTOCOLS, protocols
from tetrarium.registry.versions import champion_names


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TETRARIUM_HOME", str(home))
        more = ["--set=evaluate_every=1000", "--set=evaluation_games=2", "--set=evaluation_pieces=30"]
        assert run_command("train", "--name", "one", "--steps", "1000", *EVALUATED, *more) == 0
    return home


@pytest.fixture(autouse=True)
def home(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained, tmp_path / "home")
    monkeypatch.setenv("TETRARIUM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def output_of(capsys: pytest.CaptureFixture[str]) -> Any:
    """Returns a function that runs a command, requires success, and returns its output."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert run_command(*arguments) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


def test_life_cycle_of_a_model(output_of: Any) -> None:
    assert output_of("models", "save", "one@best", "--name", "mine", "--tag", "good", "--note", "two\nlines") == (
        "Saved mine@1: dqn at step 1,000.\n"
    )
    assert output_of("models", "save", "one@1000", "--name", "mine") == "Saved mine@2: dqn at step 1,000.\n"
    listed = output_of("models", "list").splitlines()
    assert listed[0].split() == ["model", "versions", "default", "algorithm", "step", "game", "tags", "note"]
    assert [line.split()[:3] for line in listed[1:] if line.startswith("mine")] == [["mine", "2", "@2"]]
    assert output_of("models", "promote", "mine@1") == "Default version of 'mine': 1.\n"
    assert output_of("models", "tag", "mine@1", "better", "--remove", "good") == "mine@1 has the tags: better.\n"
    assert output_of("models", "note", "mine", "spins") == "Note of mine@1 saved.\n"
    versions = output_of("models", "list", "mine").splitlines()
    assert versions[1].startswith("mine@1 (promoted)") and versions[1].endswith("spins")
    assert output_of("models", "list", "--tag", "better").splitlines()[1:] == versions[1:2]
    assert "one@best" in output_of("models", "show", "mine")
    assert output_of("models", "delete", "mine@1") == (
        "Moved to the trash: mine@1. Undo: tetrarium models restore mine@1\n"
    )
    assert output_of("models", "list", "--trash").splitlines()[1].startswith("mine@1 ")
    assert output_of("models", "restore", "mine@1") == "Restored: mine@1.\n"
    for name, names in (("mine@2", "mine@2"), ("mine", "mine@1, mine@2")):
        assert output_of("models", "delete", name, "--forever") == (
            f"This would permanently delete {names}. To confirm, add --yes\n"
        )
    assert output_of("models", "delete", "mine@2") != ""
    assert "delete mine@2." in output_of("models", "delete", "mine", "--forever"), "its versions in the trash first"
    assert output_of("models", "list", "mine").splitlines()[1].startswith("mine@1 ")
    assert output_of("models", "delete", "mine@2", "--forever", "--yes") == "Permanently deleted: mine@2.\n"
    assert output_of("models", "delete", "mine", "--forever", "--yes") == "Permanently deleted: mine@1.\n"
    assert output_of("models", "list", "--trash") == "The trash is empty.\n"


def test_json_output_contains_all_fields(output_of: Any) -> None:
    saved = json.loads(output_of("models", "save", "one", "--name", "mine", "--json"))

    assert saved["spec"] == "mine@1" and saved["step"] == 1_000 and saved["about"]["run"] == "one"
    assert json.loads(output_of("models", "show", "mine", "--json")) == saved
    assert json.loads(output_of("models", "list", "mine", "--json")) == [saved]
    (slot,) = [one for one in json.loads(output_of("models", "list", "--json")) if one["name"] == "mine"]
    assert slot == {**saved, "n_versions": 1}
    assert json.loads(output_of("models", "delete", "mine", "--json"))[0]["trashed_s"] > 0


def test_facts_of_a_built_in_model_have_their_present_names(output_of: Any) -> None:
    lines = output_of("models", "show", "champion").splitlines()
    assert [line.split("  ")[-1] for line in lines if line.startswith("lines until the limit ")] == ["798"]
    assert json.loads(output_of("models", "show", "champion", "--json"))["about"]["lines_until_limit"] == 798.2


def test_models_and_bundles_are_agents_of_every_command(output_of: Any, tmp_path: Path) -> None:
    output_of("models", "save", "one@best", "--name", "mine")
    shared = str(tmp_path / "mine.tetris")
    assert output_of("models", "export", "mine", shared).startswith(f"Exported mine to {shared}, ")
    assert json.loads(output_of("models", "export", "mine", shared, "--force", "--json")) == {
        "file": shared, "n_bytes": Path(shared).stat().st_size, "algorithm": "dqn", "step": 1_000,
    }  # fmt: skip

    def played(what: str) -> Any:
        report = json.loads(output_of("evaluate", what, "--games", "3", "--max-pieces", "50", "--json"))
        return report["policy"], report["games"]

    _, games = played("one@best")
    assert played("mine@1") == ("mine@1 at step 1,000", games) and played("mine") == ("mine@1 at step 1,000", games)
    assert played(shared) == ("mine at step 1,000", games)
    assert output_of("models", "import", shared, "--name", "theirs") == "Imported theirs@1: dqn at step 1,000.\n"
    assert played("theirs@1") == ("theirs@1 at step 1,000", games)
    assert "Recorded theirs@1" in output_of("record", "theirs", str(tmp_path / "game.json"), "--max-pieces", "5")
    assert "Game 1" in output_of("watch", "mine@1", "--games", "1")
    assert "Finished at step 100" in output_of("train", "--from", "mine@1", "--name", "next", "--steps", "100", *SMALL)


def test_a_run_precedes_a_model_of_the_same_name(output_of: Any) -> None:
    output_of("models", "save", "one@best")
    for what, player in (("one", "one"), ("one@1000", "one"), ("one@1", "one@1")):
        report = json.loads(output_of("evaluate", what, "--games", "1", "--max-pieces", "5", "--json"))
        assert report["policy"].startswith(f"{player} at step ")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default protocol of a few short games."""
    short = replace(PROTOCOLS["harder"], n_games=8, max_pieces=200)
    monkeypatch.setattr(protocols, "PROTOCOLS", {**PROTOCOLS, "harder": short})


@pytest.mark.usefixtures("quick")
def test_leaderboard_lists_exactly_the_measured_agents(output_of: Any) -> None:
    output_of("models", "save", "one@best", "--name", "mine")
    empty = output_of("models", "leaderboard").splitlines()
    assert empty[0] == "No results yet. Evaluate some: tetrarium models evaluate champion dt-10 --protocol harder"
    assert empty[1].startswith("Not evaluated: ") and "mine@1" in empty[1] and "dt-10" in empty[1]
    (measured,) = json.loads(output_of("models", "evaluate", "mine", "--json"))
    assert measured["agent"] == "mine@1" and measured["n_games"] == 8 and "games" not in measured
    output_of("models", "evaluate", "dellacherie", "random")

    board = json.loads(output_of("models", "leaderboard", "--json"))
    assert [row["agent"] for row in board] == ["dellacherie", "mine@1", "random"]
    assert board[1] == measured | {"place": 2}
    alike = ["--games", "8", "--height", "8", "--max-pieces", "200", "--seed", "20000"]
    alike += ["--randomizer", "uniform"]
    report = json.loads(output_of("evaluate", "mine", *alike, "--json"))
    same = ("mean_lines", "interval_lines", "median_lines", "n_truncated", "lines_total", "seed")
    assert [measured[name] for name in same] == [report[name] for name in same]
    lines = output_of("models", "leaderboard").splitlines()
    assert lines[1].split() == "agent estimated lines per game (95 %) median truncated games pieces per second".split(
        " "
    )
    assert [line.split()[1] for line in lines[2:5]] == ["dellacherie", "mine@1", "random"]
    assert "mine@1" not in "".join(lines[5:])


def test_built_in_agents_have_scores_and_share_the_first_place_if_they_lost_no_game(output_of: Any) -> None:
    harder = json.loads(output_of("models", "leaderboard", "--json"))
    assert {row["agent"] for row in harder} >= {*champion_names(), *POLICY_NAMES}
    assert [row["place"] for row in harder] == list(range(1, len(harder) + 1))
    assert all(row["mean_lines"] is not None and row["n_games"] == 1_000 for row in harder)
    default = json.loads(output_of("models", "leaderboard", "--protocol", "default", "--json"))
    safe = [row for row in default if row["mean_lines"] is None]
    assert {row["agent"] for row in safe} >= {"dellacherie", "dt-10", "du"}
    assert {row["place"] for row in safe} == {1} and default[len(safe)]["place"] == len(safe) + 1
    assert "lost none of 100" in output_of("models", "leaderboard", "--protocol", "default")


@pytest.mark.usefixtures("quick")
def test_compare_plays_both_agents_on_the_same_pieces(output_of: Any) -> None:
    output = output_of("models", "compare", "dellacherie", "random", "--games", "30")
    assert [line.split()[-4:] for line in output.splitlines()[1:3]] == [f"{won} of 30 games".split() for won in (30, 0)]
    assert output.splitlines()[-1].startswith("dellacherie is better than random, by ")
    assert output.splitlines()[-1].endswith("n = 30 games on the same pieces). The difference is significant.")
    found = json.loads(output_of("models", "compare", "one", "one", "--games", "10", "--json"))
    assert found["is_significant"] is False and found["difference"] == 0.0
    assert found["sentence"].startswith("No significant difference between one at step 1,000 and one at step 1,000")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("models", "show", "nothing"), 1, "There is no model 'nothing' in "),
        (
            ("models", "save", "nothing"),
            2,
            "Unknown agent 'nothing'. Name one of: a run, NAME@best, NAME@STEP, a model,",
        ),
        (("models", "save", "one", "--name", "../x"), 2, "A name has 1 to 64 letters"),
        (("models", "save", "one", "--name", "du"), 1, "'du' is the name of a controller or built-in model."),
        (("models", "save", "one", "--tag", "a b"), 1, "has a wrong 'tags'"),
        (("models", "tag", "one"), 2, "models tag needs tags to add or --remove; got neither."),
        (("models", "promote", "one@x"), 1, "A model is NAME or NAME@NUMBER; got 'one@x'."),
        (("models", "import", "no.tetris"), 1, "The bundle 'no.tetris' cannot be read: No such file or directory."),
        (("models", "import", "no.tetris", "--set", "width=6"), 1, "so none can be passed. Remove --set."),
        (("models", "restore", "one"), 1, "There is no model 'one' in the trash."),
        (("models", "evaluate", "one/"), 1, "There is no model 'one/'"),
        (("models", "compare", "du", "dt-10", "--protocol", "x"), 2, "A protocol is one of harder, default, uniform"),
        (("models", "compare", "du", "dt-10", "--games", "0"), 2, "n_games is a whole number, 1 to 10,000,000; got 0."),
        (("models", "compare", "du", "dt-10", "--games", "2", "--max-pieces", "0"), 2, "max_pieces is a whole number"),
        (("models",), 0, ""),
        (("models", "lst"), 2, ""),
    ],
)
def test_errors_are_one_line(
    arguments: tuple[str, ...], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(*arguments) == code
    error = capsys.readouterr().err
    assert message in error and (not message or error.count("\n") == 1)
