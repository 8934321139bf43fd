"""The command ``analyze``: mistakes in a terminal, everything in JSON, and one clear line for what is no game."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import run_captured
from tetrarium.engine.board_tracker import EMPTY, FILLED
from tetrarium.environment import EnvConfig
from tetrarium.environment.fumen import HEIGHT, WIDTH, FumenPage, encode_fumen
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.evaluation import named_policy
from tetrarium.evaluation.single_games import record_game
from tetrarium.registry import Home
from tetrarium.workers.human_play.saved_games import save_game

BLUNDER = 17  # the piece, an O, that stands on the tower at the left wall
EIGHT_PIECES = "v115@vhHJEJWPJyKJz/I1QJUNJvIJAgH"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a saved game and a replay of a run, both of which end with a blunder."""
    home, config = Home(tmp_path_factory.mktemp("home")), EnvConfig()
    good = record_game(named_policy("dellacherie"), config, seed=0, game=0, max_pieces=BLUNDER)
    actions = pack_actions(config, [*good.action_numbers(), 0])
    game = replace(good, actions=actions, pieces=BLUNDER + 1, about={"mode": "sprint", "seconds": 61.5, "score": 0})
    save_game(home, game)
    folder = home.run_folder("first") / "replays"
    folder.mkdir(parents=True)
    (folder / "best-01.tetris-replay").write_bytes(game.to_bytes())
    return home


def run(home: Home, capsys: pytest.CaptureFixture[str], game: object, *options: str) -> tuple[int, str, str]:
    return run_captured(capsys, "analyze", str(game), "--advisor", "dellacherie", "--home", str(home.root), *options)


def test_the_blunder_is_the_first_mistake_in_the_terminal_and_in_json(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    (saved,) = home.games.iterdir()
    for game in (saved.name, saved.name.partition(".")[0], saved, "first/best-01"):
        code, out, _ = run(home, capsys, game)
        assert code == 0
        assert "18 placements, judged by dellacherie.\n94 % were the advisor's own; 1 mistake.\n" in out
        assert "\n18     O, columns 1\N{EN DASH}2  O, columns " in out
        assert out.count("█") >= 3
    code, out, _ = run(home, capsys, "first/best-01", "--json", "--ahead")
    analysis = json.loads(out)
    assert (code, analysis["game"], analysis["mistakes"]) == (0, "first/best-01", [BLUNDER])
    position = analysis["positions"][BLUNDER]
    assert position["played"]["value"] == position["best"][0]["value"] - position["drop"]
    assert (position["queue"], position["lines"], position["pieces"]) == ("OZ", 4, BLUNDER)
    assert len(position["best"][0]["ahead"]) == 5


def test_a_fumen_is_analyzed_page_by_page_and_a_position_by_its_best_placements(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(home, capsys, f"https://fumen.zui.jp/?{EIGHT_PIECES}")
    assert (code, out.partition("\n")[0]) == (0, "Fumen: 7 placements, judged by dellacherie.")
    cells = np.full((HEIGHT, WIDTH), EMPTY, dtype=np.int8)
    cells[:4, 1:] = FILLED
    code, out, _ = run(home, capsys, encode_fumen([FumenPage(cells=cells, comment="#Q=[S](I)TO")]))
    assert code == 0
    assert "\nITO, held S:\nbest " in out
    assert "\nI turned 90°, column 1 " in out


def test_what_is_no_game_is_one_clear_line(home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (home.human_games / "9f3a01c2").mkdir(parents=True)
    (home.human_games / "9f3a01c2" / "human-game.json").write_text("{}")
    content = (home.run_folder("first") / "replays" / "best-01.tetris-replay").read_bytes()
    files = {
        "newer": content.replace(b'"version":1', b'"version":2'),
        "damaged": content[:-9] + content[-8:],
        "empty": b"",
    }
    for name, written in files.items():
        (tmp_path / f"{name}.tetris-replay").write_bytes(written)
    with (tmp_path / "large.tetris-replay").open("wb") as file:
        file.truncate(100 << 20)
    blocked = np.full((HEIGHT, WIDTH), EMPTY, dtype=np.int8)
    blocked[20, 4] = FILLED
    high = encode_fumen([FumenPage(cells=blocked, comment="#Q=[](I)TO")])
    narrow = replace(Replay.from_bytes(content), env_config=EnvConfig(width=5), actions=b"", lines=0, pieces=0)
    (tmp_path / "narrow.tetris-replay").write_bytes(narrow.to_bytes())
    refusals = {
        "nothing": "There is no game 'nothing'. Name a saved game, RUN/REPLAY",
        "first/best-02": "There is no game 'first/best-02'. Name a saved game, or RUN/first",
        "9f3a01c2": "A game is analyzed once it has ended; '9f3a01c2' is still being played. Finish it first.",
        tmp_path / "newer.tetris-replay": "This version reads replays of format 1; got format 2. Read it with the ver",
        tmp_path / "damaged.tetris-replay": "A replay ends with its checksum; this one's does not fit.",
        tmp_path / "empty.tetris-replay": "A game is analyzed once it is written; ",
        tmp_path / "large.tetris-replay": "A replay has at most 33,",
        "v110@7eXKJ": "A fumen begins with v115@; got 'v110@7eXKJ'.",
        "v115@vhAAgH": "A fumen that is analyzed states a piece",
        "v115@lhI8AeAgWWAFLDmClcJSAVDEHBEooRBJoAVBUHBAA": "The cells of a position lie on its board; this fumen",
        high: "The current piece must spawn on free cells; I does not.",
    }
    for game, message in refusals.items():
        code, out, err = run(home, capsys, game)
        assert (code in {1, 2}, out) == (True, "")
        assert message in err
        assert err.count("\n") == 1
    code, _, err = run_captured(capsys, "analyze", "first/best-01", "--advisor", "random", "--home", str(home.root))
    assert code != 0
    assert "An advisor values placements; 'random' only chooses them." in err
    code, _, err = run_captured(
        capsys, "analyze", str(tmp_path / "narrow.tetris-replay"), "--advisor", "champion", "--home", str(home.root)
    )
    assert code != 0
    assert "plays width=10 only; got width=5." in err
