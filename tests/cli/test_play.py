"""Command ``play``: on a real terminal, and with scripted keys."""

import io
import os
import re
import signal
import termios
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.cli.terminals import FakeTerminal, ScriptedKeys, Session, on_terminal
from tetrarium.cli.commands.play import play_games
from tetrarium.cli.main import main
from tetrarium.cli.terminal.key_input import BINDINGS, TerminalKeys
from tetrarium.cli.terminal.play_screen import PlayView, draw_play_screen
from tetrarium.engine import KEYS, KeyMove, parse_board
from tetrarium.engine.board_tracker import filled_columns
from tetrarium.environment import EnvConfig
from tetrarium.environment.human_games import HumanGame, clear_label, level_of
from tetrarium.environment.replays import Replay

CONFIG = EnvConfig.guideline().with_changes(actions="keys", key_rate=60)
SQUARES = CONFIG.with_changes(randomizer="O")
_ARROWS = {name: name for name in ("up", "down", "left", "right")}


def playing(*arguments: str, **variables: Any) -> AbstractContextManager[Session]:
    return on_terminal("tests.cli.cli_process", "play", "--seed", "3", *arguments, **variables)


def score(terminal: Session) -> int:
    return int(re.findall(r"score[^\d]*(\d+)", terminal.seen)[-1])


@pytest.mark.parametrize(
    ("way", "code"), [("q", 0), ("\x03", 0), ("sigterm", 128 + signal.SIGTERM), ("sighup", 128 + signal.SIGHUP)]
)
def test_every_way_to_quit_restores_the_terminal_and_saves_the_game(way: str, code: int, tmp_path: Path) -> None:
    saved_path = tmp_path / "game.tetris-replay"
    with playing("--save", str(saved_path)) as terminal:
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
    replay = Replay.from_bytes(saved_path.read_bytes())
    *_, last = replay.play()
    assert (replay.seed, replay.game, replay.pieces, replay.terminated) == (3, 0, 1, False)
    assert isinstance(last, KeyMove)
    assert replay.about == {"agent": "by hand", "score": last.state_tp1.score}


def test_keys_move_rotate_hold_and_drop() -> None:
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


def test_board_size_follows_the_terminal_size() -> None:
    with playing(columns=40, lines=14) as terminal:
        terminal.wait_for("└──────────┘")
        terminal.resize(lines=8, columns=20)
        terminal.wait_for(r"A game needs\s+30 x 13")
        terminal.resize(lines=24, columns=80)
        terminal.wait_for("Paused")  # until the user resumes
        terminal.press("q")
        assert terminal.leave() == 0


def test_play_requires_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["play"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "tetrarium: tetrarium play needs a terminal with a movable cursor; standard input or output is not one. "
        "Run it in a terminal window.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "-1"], "seed is a whole number, 0 or more; got -1. Choose one in that range."),
        (["--level", "21"], "first_level is a whole number from 1 to 20; got 21."),
        (
            ["--save", "game.gif"],
            "A replay's file name ends in .tetris-replay; got 'game.gif'. Name it 'game.tetris-replay'.",
        ),
        (["--save", "nowhere/game.tetris-replay"], "A replay is written into an existing folder"),
    ],
)
def test_bad_options(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["play", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_an_existing_file_is_saved_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "game.tetris-replay"
    there.write_bytes(b"mine")
    with pytest.raises(SystemExit) as stopped:
        main(["play", "--save", str(there)])
    assert stopped.value.code == 2
    assert "Choose another name or add --force." in capsys.readouterr().err
    assert there.read_bytes() == b"mine"


# Scripted keys


def played(presses: Iterable[tuple[float, str]], config: EnvConfig = SQUARES, **options: Any) -> str:
    """Plays with keys at given seconds of a simulated clock; returns the drawn text."""
    keys = ScriptedKeys(presses)
    stream = FakeTerminal()
    play_games(config, seed=0, stream=stream, keys=keys, clock=keys.clock, **options)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def xterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("NO_COLOR", raising=False)


def text_after_screen(drawn: str) -> str:
    return drawn[drawn.rindex("\x1b[?1049l") :]


def saved_game(path: Path) -> Replay:
    return Replay.from_bytes(path.read_bytes())


def test_gravity_and_lock_delay_at_level_1(tmp_path: Path) -> None:
    saved_path = tmp_path / "game.tetris-replay"
    played([(20.0, "q")], save=saved_path)
    moves = list(saved_game(saved_path).play())
    rows = [min(y for _, y in move.state_tp1.falling) for move in moves[: 60 * 19] if isinstance(move, KeyMove)]
    assert [rows.index(row) + 1 for row in (18, 17, 0)] == [60, 120, 1140]
    assert next(k for k, move in enumerate(moves) if move.state_tp1.pieces) == 1140 + 30 - 1


def test_a_paused_game_takes_no_steps(tmp_path: Path) -> None:
    saved_path = tmp_path / "game.tetris-replay"
    played([(0.2, " "), (1.0, "p"), (61.0, "p"), (62.0, "q")], save=saved_path)
    assert 115 <= len(saved_game(saved_path)) <= 125


def test_r_saves_the_game_and_starts_the_next(tmp_path: Path) -> None:
    saved_path = tmp_path / "game.tetris-replay"
    drawn = played([(0.2, " "), (0.5, "r"), (0.7, " "), (0.8, " "), (1.0, "q")], save=saved_path)
    second = tmp_path / "game-2.tetris-replay"
    assert [(saved_game(path).game, saved_game(path).pieces) for path in (saved_path, second)] == [(0, 1), (1, 2)]
    assert f"Saved {saved_path}" in text_after_screen(drawn).replace(
        "\n", ""
    ) and f"Saved {second}" in text_after_screen(drawn)


def test_a_lost_game_waits_for_a_key(tmp_path: Path) -> None:
    saved_path = tmp_path / "game.tetris-replay"
    drawn = played([*((0.1 + k / 10, " ") for k in range(14)), (5.0, "q")], save=saved_path)
    assert re.search(r"Game over[\s\S]*r new game[\s\S]*q quit", drawn)
    replay = saved_game(saved_path)
    assert (replay.terminated, replay.pieces) == (True, 11)
    assert f"{replay.pieces} pieces; game 0 of seed 0" in text_after_screen(drawn)


def test_a_saved_game_can_be_watched_and_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved_path, gif, part = (tmp_path / name for name in ("game.tetris-replay", "game.gif", "part.json"))
    played([(0.2, " "), (0.4, "c"), (0.6, " "), (0.8, "q")], save=saved_path)
    for arguments in (["watch", str(saved_path)], ["record", str(saved_path), str(gif), "--scale", "4"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
    output = capsys.readouterr().out
    assert "Game 1 was truncated at 2 pieces with 0 lines" in output
    assert "hold" in output
    assert "Recorded by hand, game 0 of seed 0: 2 pieces, 0 lines (stopped after 2 pieces)." in output
    assert gif.read_bytes()[:6] == b"GIF89a"
    with pytest.raises(SystemExit):
        main(["record", str(saved_path), str(part), "--max-pieces", "1"])
    assert Replay.from_json(part.read_text()).pieces == 1


@pytest.mark.parametrize("preset", BINDINGS)
def test_every_preset_binds_every_key(preset: str) -> None:
    assert set(BINDINGS[preset].values()) == set(KEYS) - {"nothing"}
    assert not {"p", "r", "q"} & BINDINGS[preset].keys()


def test_vi_bindings(tmp_path: Path) -> None:
    saved_path = tmp_path / "game.tetris-replay"
    played([(0.1, "h"), (0.2, "h"), (0.3, " "), (0.5, "q")], bindings="vi", save=saved_path)
    keys = [KEYS[action] for action in saved_game(saved_path).action_numbers() if action]
    assert keys == ["left", "left", "hard drop"]


# Labels and screens


def labels(board: str, script: str, *keys: str, lines: int = 0) -> list[str]:
    config = CONFIG.with_changes(randomizer=script, gravity="none")
    game = HumanGame(config, seed=0, number=0)
    game._games.set_board(0, parse_board(board))
    if lines:
        game._games.lines[0] = lines
    for key in keys:
        move, _ = game.press(key)
    return clear_label(move, config)


def test_clear_labels() -> None:
    double = "##........\n#...######\n##.#######"
    to_double = ("clockwise", "left", "left", *["soft drop"] * 18, "clockwise", "hard drop")
    assert labels(double, "T", *to_double) == ["T-spin", "Double", "+1,200"]
    right = ("clockwise", *["right"] * 4, "hard drop")
    assert labels("#########.\n" * 4 + "#.........", "I", *right) == ["Triple", "+500"]
    four = "#.........\n" + "#########.\n" * 8
    assert labels(four, "I", *right) == ["Tetris", "+800"]
    assert labels(four, "I", *right, *right) == ["Back-to-back", "Tetris", "Combo 1", "+1,250"]
    assert labels("#########.\n" * 4, "I", *right, lines=9) == ["Tetris", "Perfect clear", "+2,800", "Level 2"]
    assert labels("..........", "O", "hard drop") == []
    assert all(len(line) <= 14 for line in ("Perfect clear", "Back-to-back", "Mini T-spin"))


def test_full_rows_are_shown_before_they_are_cleared() -> None:
    game = HumanGame(CONFIG.with_changes(width=4, randomizer="I", gravity="none"), seed=0, number=0)
    _, full_board = game.press("hard drop")
    assert full_board is not None
    assert (tuple(filled_columns(full_board.cells).tolist()), full_board.full_rows) == ((1, 1, 1, 1), (0,))
    assert game.state.columns == (0, 0, 0, 0)


def test_first_level_is_that_of_the_config() -> None:
    config = CONFIG.with_changes(first_level=5)
    game = HumanGame(config, seed=0, number=0)
    assert level_of(game.state, config) == 5


def drawn(width: int, height: int, *, color: bool = True, **changes: Any) -> list[str]:
    game = HumanGame(SQUARES.with_changes(gravity="none"), seed=0, number=0)
    game.press("hold")
    board = replace(game.snapshot(), lines=12, pieces=30, score=1234)
    view = PlayView(board=board, level=2, label=["Tetris", "+800"], **changes)
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(draw_play_screen(view, width, height, color=color))
    return [line.rstrip() for line in capture.get().rstrip("\n").split("\n")]


def test_a_large_board_fits_a_terminal_of_80_by_24() -> None:
    lines = drawn(80, 24, color=False)
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "└────────────────────┘" in text
    for word in ("hold", "next", "score", "1,234", "level", "lines", "12", "Tetris", "+800", "p pause, keys"):
        assert word in text
    assert "▓▓▓▓" in text and "::::" in text  # the piece, and its ghost on the floor


def test_a_small_board_fits_30_by_13() -> None:
    lines = drawn(30, 13, color=False)
    assert len(lines) <= 13 and max(map(len, lines)) <= 30
    assert "└──────────┘" in "\n".join(lines)
    assert lines[-1].strip() == "Tetris  +800"
    assert "A game needs 30 x 13 characters; got 29 x 13. Enlarge the window." in " ".join(drawn(29, 13))


def test_key_list_covers_the_board_of_a_paused_game() -> None:
    text = "\n".join(drawn(80, 24, banner="Paused", keys=[("space", "hard drop")]))
    assert "Paused" in text
    assert re.search(r"│  space  hard drop +│", text)


# Keys of a terminal


def test_a_split_escape_sequence_is_one_key() -> None:
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
