"""``tetrarium play``: through a real terminal, and with keys that come when a script says so."""

import io
import os
import re
import signal
import termios
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.cli.terminals import FakeTerminal, ScriptedKeys, Session, on_terminal
from tetrarium.cli.bindings import BINDINGS
from tetrarium.cli.boards import BoardView
from tetrarium.cli.hand_screen import HandView, draw_hand
from tetrarium.cli.keys import TerminalKeys
from tetrarium.cli.main import main
from tetrarium.cli.play import play_by_hand
from tetrarium.engine import KEYS, KeyMove, parse_board
from tetrarium.environment import EnvConfig
from tetrarium.environment.hand_games import HandGame, level_of, said_of
from tetrarium.environment.replays import Replay

CONFIG = EnvConfig.guideline().with_changes(actions="keys", key_rate=60)
SQUARES = CONFIG.with_changes(randomizer="O")
_ARROWS = {name: name for name in ("up", "down", "left", "right")}


def playing(*arguments: str, **variables: Any) -> AbstractContextManager[Session]:
    return on_terminal("tests.cli.hands", "play", "--seed", "3", *arguments, **variables)


def score(terminal: Session) -> int:
    return int(re.findall(r"score[^\d]*(\d+)", terminal.seen)[-1])


@pytest.mark.parametrize(
    ("way", "code"), [("q", 0), ("\x03", 0), ("sigterm", 128 + signal.SIGTERM), ("sighup", 128 + signal.SIGHUP)]
)
def test_the_terminal_is_given_back_and_the_game_kept_however_playing_ends(way: str, code: int, tmp_path: Path) -> None:
    kept = tmp_path / "game.tetris-replay"
    with playing("--replay", str(kept)) as terminal:
        before = termios.tcgetattr(terminal.follower)
        terminal.wait_for("└────────────────────┘")
        assert termios.tcgetattr(terminal.follower)[3] & (termios.ECHO | termios.ICANON) == 0
        terminal.press(" ")
        terminal.wait_for(r"38\b")  # a hard drop over nineteen rows
        if way.startswith("sig"):
            terminal.process.send_signal(signal.SIGTERM if way == "sigterm" else signal.SIGHUP)
        else:
            terminal.press(way)
        assert terminal.leave() == code
        assert termios.tcgetattr(terminal.follower) == before
        assert terminal.raw.rindex("\x1b[?25h") > terminal.raw.rindex("\x1b[?25l")  # the cursor is back
        assert terminal.raw.rindex("\x1b[?1049l") > terminal.raw.rindex("\x1b[?1049h")  # and the screen
        rest = terminal.raw[terminal.raw.rindex("\x1b[?1049l") :]
        assert re.search(r"Score 3\d, 0 lines, 1 piece; game 0 of seed 3", rest)
    replay = Replay.from_bytes(kept.read_bytes())
    *_, last = replay.play()
    assert (replay.seed, replay.game, replay.pieces, replay.over) == (3, 0, 1, False)
    assert isinstance(last, KeyMove)
    assert replay.about == {"agent": "by hand", "score": last.state_tp1.score}


def test_arrows_move_turn_hold_and_drop() -> None:
    with playing() as terminal:
        terminal.wait_for("└────────────────────┘")
        terminal.press("c")
        terminal.wait_for(r"hold[\s\S]*score")
        terminal.press("\x1b[D\x1b[D\x1bOA\x1b[B ")
        terminal.wait_for(r"score[\s\S]{0,200}?3\d")
        terminal.press("p")
        terminal.wait_for("Paused")
        terminal.wait_for("turn right")
        stood = score(terminal)
        terminal.press(" p")
        terminal.wait_for("next", after=len(terminal.seen))
        assert score(terminal) == stood
        terminal.press("q")
        assert terminal.leave() == 0


def test_a_small_terminal_gets_a_small_board_and_a_tiny_one_a_word() -> None:
    with playing(columns=40, lines=14) as terminal:
        terminal.wait_for("└──────────┘")
        terminal.resize(lines=8, columns=20)
        terminal.wait_for(r"A game takes\s+30 x 13")
        terminal.resize(lines=24, columns=80)
        terminal.wait_for("Paused")  # until its player says so
        terminal.press("q")
        assert terminal.leave() == 0


def test_without_a_terminal_it_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["play"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "tetrarium: A game is played in a terminal; standard input or output is none, or cannot move its cursor. "
        "Run `tetrarium play` in a terminal window.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "-1"], "seed is a whole number, 0 or more; got -1. Choose one in that range."),
        (["--level", "21"], "first_level is a whole number from 1 to 20; got 21."),
        (
            ["--replay", "game.gif"],
            "A replay's file ends in .tetris-replay; got 'game.gif'. Name it 'game.tetris-replay'.",
        ),
        (["--replay", "nowhere/game.tetris-replay"], "A replay is a file in a folder that is there"),
    ],
)
def test_bad_options(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["play", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "game.tetris-replay"
    there.write_bytes(b"mine")
    with pytest.raises(SystemExit) as stopped:
        main(["play", "--replay", str(there)])
    assert stopped.value.code == 2
    assert "Name another, or add --force." in capsys.readouterr().err
    assert there.read_bytes() == b"mine"


# --- with keys from a script ---


def played(presses: Iterable[tuple[float, str]], config: EnvConfig = SQUARES, **options: Any) -> str:
    """Plays with keys at given seconds, on a clock that stands still in between; returns what was drawn."""
    keys = ScriptedKeys(presses)
    stream = FakeTerminal()
    play_by_hand(config, seed=0, stream=stream, keys=keys, clock=keys.clock, **options)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def xterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("NO_COLOR", raising=False)


def farewell(drawn: str) -> str:
    return drawn[drawn.rindex("\x1b[?1049l") :]


def kept_game(path: Path) -> Replay:
    return Replay.from_bytes(path.read_bytes())


def test_a_piece_falls_a_row_a_second_and_locks_half_a_second_after(tmp_path: Path) -> None:
    kept = tmp_path / "game.tetris-replay"
    played([(20.0, "q")], replay=kept)
    moves = list(kept_game(kept).play())
    rows = [min(y for _, y in move.state_tp1.falling) for move in moves[: 60 * 19] if isinstance(move, KeyMove)]
    assert [rows.index(row) + 1 for row in (18, 17, 0)] == [60, 120, 1140]
    assert next(k for k, move in enumerate(moves) if move.state_tp1.pieces) == 1140 + 30 - 1


def test_a_paused_game_stands_still(tmp_path: Path) -> None:
    kept = tmp_path / "game.tetris-replay"
    played([(0.2, " "), (1.0, "p"), (61.0, "p"), (62.0, "q")], replay=kept)
    assert 115 <= len(kept_game(kept)) <= 125


def test_r_keeps_the_game_and_begins_the_next(tmp_path: Path) -> None:
    kept = tmp_path / "game.tetris-replay"
    drawn = played([(0.2, " "), (0.5, "r"), (0.7, " "), (0.8, " "), (1.0, "q")], replay=kept)
    second = tmp_path / "game-2.tetris-replay"
    assert [(kept_game(path).game, kept_game(path).pieces) for path in (kept, second)] == [(0, 1), (1, 2)]
    assert f"Kept {kept}" in farewell(drawn).replace("\n", "") and f"Kept {second}" in farewell(drawn)


def test_a_lost_game_says_so_and_waits(tmp_path: Path) -> None:
    kept = tmp_path / "game.tetris-replay"
    drawn = played([*((0.1 + k / 10, " ") for k in range(14)), (5.0, "q")], replay=kept)
    assert re.search(r"Game over[\s\S]*r new game[\s\S]*q leave", drawn)
    replay = kept_game(kept)
    assert (replay.over, replay.pieces) == (True, 11)
    assert f"{replay.pieces} pieces; game 0 of seed 0" in farewell(drawn)


def test_a_kept_game_is_watched_and_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, film, part = (tmp_path / name for name in ("game.tetris-replay", "game.gif", "part.json"))
    played([(0.2, " "), (0.4, "c"), (0.6, " "), (0.8, "q")], replay=kept)
    for arguments in (["watch", str(kept)], ["record", str(kept), str(film), "--scale", "4"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert "Game 1 was cut off at 2 pieces with 0 lines" in said
    assert "hold" in said
    assert "Recorded by hand, game 0 of seed 0: 2 pieces, 0 lines, and no end yet." in said
    assert film.read_bytes()[:6] == b"GIF89a"
    with pytest.raises(SystemExit):
        main(["record", str(kept), str(part), "--max-pieces", "1"])
    assert Replay.from_json(part.read_text()).pieces == 1


@pytest.mark.parametrize("preset", BINDINGS)
def test_every_set_of_bindings_has_every_key(preset: str) -> None:
    assert set(BINDINGS[preset].values()) == set(KEYS) - {"nothing"}
    assert not {"p", "r", "q"} & BINDINGS[preset].keys()


def test_another_set_of_bindings(tmp_path: Path) -> None:
    kept = tmp_path / "game.tetris-replay"
    played([(0.1, "h"), (0.2, "h"), (0.3, " "), (0.5, "q")], preset="vi", replay=kept)
    keys = [KEYS[action] for action in kept_game(kept).action_numbers() if action]
    assert keys == ["left", "left", "hard drop"]


# --- what is said and shown ---


def said(board: str, script: str, *keys: str, lines: int = 0) -> list[str]:
    config = CONFIG.with_changes(randomizer=script, gravity="none")
    game = HandGame(config, seed=0, number=0)
    game._games.set_board(0, parse_board(board))
    if lines:
        game._games.lines[0] = lines
    for key in keys:
        move, _ = game.press(key)
    return said_of(move, config)


def test_what_is_said_of_placements() -> None:
    double = "##........\n#...######\n##.#######"
    to_double = ("clockwise", "left", "left", *["soft drop"] * 18, "clockwise", "hard drop")
    assert said(double, "T", *to_double) == ["T-spin", "Double", "+1,200"]
    right = ("clockwise", *["right"] * 4, "hard drop")
    assert said("#########.\n" * 4 + "#.........", "I", *right) == ["Triple", "+500"]
    four = "#.........\n" + "#########.\n" * 8
    assert said(four, "I", *right) == ["Tetris", "+800"]
    assert said(four, "I", *right, *right) == ["Back-to-back", "Tetris", "Combo 1", "+1,250"]
    assert said("#########.\n" * 4, "I", *right, lines=9) == ["Tetris", "Perfect clear", "+2,800", "Level 2"]
    assert said("..........", "O", "hard drop") == []
    assert all(len(line) <= 14 for line in ("Perfect clear", "Back-to-back", "Mini T-spin"))


def test_a_clear_flashes_as_it_was_before() -> None:
    game = HandGame(CONFIG.with_changes(width=4, randomizer="I", gravity="none"), seed=0, number=0)
    _, flash = game.press("hard drop")
    assert flash is not None
    assert (flash.columns, flash.rows) == ((1, 1, 1, 1), (0,))
    assert game.state.columns == (0, 0, 0, 0)


def test_levels_begin_where_the_game_does() -> None:
    config = CONFIG.with_changes(first_level=5)
    game = HandGame(config, seed=0, number=0)
    assert level_of(game.state, config) == 5


def drawn(width: int, height: int, *, colour: bool = True, **changes: Any) -> list[str]:
    game = HandGame(SQUARES.with_changes(gravity="none"), seed=0, number=0)
    game.press("hold")
    state = game.state
    board = BoardView(
        columns=state.columns,
        height=20,
        queue=state.queue,
        lines=12,
        pieces=30,
        colours=game.cells,
        falling=(state.falling, state.ghost),
        can_hold=True,
        hold=state.held,
        score=1234,
    )
    view = HandView(board=board, level=2, said=["Tetris", "+800"], **changes)
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(draw_hand(view, width, height, colour=colour))
    return [line.rstrip() for line in capture.get().rstrip("\n").split("\n")]


def test_a_large_board_fits_a_terminal_of_80_by_24() -> None:
    lines = drawn(80, 24, colour=False)
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "└────────────────────┘" in text
    for word in ("hold", "next", "score", "1,234", "level", "lines", "12", "Tetris", "+800", "p pause, keys"):
        assert word in text
    assert "▓▓▓▓" in text and "::::" in text  # the piece, and its ghost on the floor


def test_a_small_board_fits_30_by_13() -> None:
    lines = drawn(30, 13, colour=False)
    assert len(lines) <= 13 and max(map(len, lines)) <= 30
    assert "└──────────┘" in "\n".join(lines)
    assert lines[-1].strip() == "Tetris  +800"
    assert "A game takes 30 x 13 characters; here are 29 x 13. Make room." in " ".join(drawn(29, 13))


def test_what_the_keys_do_covers_the_board_of_a_paused_game() -> None:
    text = "\n".join(drawn(80, 24, banner="Paused", keys=[("space", "hard drop")]))
    assert "Paused" in text
    assert re.search(r"│  space  hard drop +│", text)


# --- keys of a terminal ---


def test_a_key_that_comes_in_two_parts_is_one_key() -> None:
    leader, follower = os.openpty()
    with TerminalKeys(follower, _ARROWS) as keys:
        os.write(leader, b"\x1b[")
        assert keys.read(1) == ""
        os.write(leader, b"Dq")
        assert [keys.read(1), keys.read(1)] == ["left", "q"]
        os.write(leader, b"\x1bOA\x1b[B\x1b[5~x")
        assert [keys.read(1) for _ in range(3)] == ["up", "down", "x"]
    os.close(leader)
    os.close(follower)
