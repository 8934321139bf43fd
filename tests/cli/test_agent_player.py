"""Player of agents' games: speed on a simulated clock, and keys on a real terminal."""

import io
import os
import re
import signal
import termios
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.cli.square_games import failing, moves
from tests.cli.terminals import ESCAPES, FakeTerminal, ScriptedKeys, Session, on_terminal
from tetrarium.cli.terminal.agent_player import watch
from tetrarium.cli.terminal.key_input import NoKeys, TerminalKeys, open_keys
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.evaluation import Move


@pytest.fixture
def xterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


def watched(presses: Iterable[tuple[float, str]], games: Iterable[Iterator[Move]] | None = None, **kwargs: Any) -> str:
    """Watches until the keys quit; returns the drawn text without escape sequences."""
    keys = ScriptedKeys(presses)
    out = FakeTerminal()
    watch(
        (moves(None) for _ in range(9)) if games is None else games,
        EnvConfig(),
        stream=out,
        keys=keys,
        clock=keys.clock,
        **kwargs,
    )
    return ESCAPES.sub("", out.getvalue())


def last_line(drawn: str) -> str:
    return drawn.splitlines()[-1].strip()


@pytest.mark.usefixtures("xterm")
class TestPace:
    @pytest.mark.parametrize(("speed", "pieces"), [(1, 10), (10, 100), (1_000, 10_000)])
    def test_pieces_follow_the_speed(self, speed: float, pieces: int) -> None:
        found = re.fullmatch(
            r"Quit game 1 at ([\d,]+) pieces and [\d,]+ lines", last_line(watched([(10.01, "q")], speed=speed))
        )
        assert found is not None
        assert int(found[1].replace(",", "")) == pytest.approx(pieces, abs=max(1, 0.04 * speed))

    def test_at_most_30_frames_per_second(self) -> None:
        assert 250 <= watched([(10, "q")], speed=1_000).count("game 1") - 1 <= 302

    def test_space_pauses_and_resumes(self) -> None:
        drawn = watched([(2.01, " "), (22, " "), (23.01, "q")], speed=10)
        assert last_line(drawn) == "Quit game 1 at 30 pieces and 12 lines"
        assert "game 1  paused" in drawn
        assert "space resume" in drawn

    def test_n_places_one_piece_while_paused_and_none_otherwise(self) -> None:
        keys = [(2.01, " "), (3, "n"), (4, "n"), (5, "n"), (6, "q")]
        assert last_line(watched(keys, speed=10)) == "Quit game 1 at 23 pieces and 8 lines"
        assert last_line(watched([(2.01, "n"), (2.09, "q")], speed=10)) == "Quit game 1 at 20 pieces and 8 lines"

    def test_plus_and_minus_change_the_speed_within_its_limits(self) -> None:
        faster = watched([*((k / 10, "+") for k in range(1, 9)), (1, "q")], speed=30)
        assert re.findall(r"game 1  ([\d,]+) piece", faster)[0] == "30"
        assert list(dict.fromkeys(re.findall(r"([\d,]+) pieces?/s", faster))) == [
            "30",
            "50",
            "100",
            "200",
            "500",
            "1,000",
        ]
        slower = watched([*((k / 10, "-") for k in range(1, 9)), (2, "q")], speed=30)
        assert list(dict.fromkeys(re.findall(r"([\d,]+) pieces?/s", slower))) == ["30", "20", "10", "5", "2", "1"]
        assert "1 piece/s" in slower

    def test_r_starts_the_next_game(self) -> None:
        drawn = watched([(1.01, "r"), (1.52, "q")], speed=10)
        assert last_line(drawn) == "Quit game 2 at 5 pieces and 2 lines"

    def test_the_next_game_starts_after_the_result_was_shown(self) -> None:
        drawn = watched([(4.05, "q")], iter([moves(11), moves(None)]), speed=10)
        assert "Game 1 ended with 4 lines after 11 pieces" in drawn
        assert last_line(drawn) == "Quit game 2 at 4 pieces and 0 lines"

    def test_watching_ends_with_the_last_game(self) -> None:
        drawn = watched([], (moves(11, over=False) for _ in range(5)), speed=10, n_games=2)
        assert last_line(drawn) == "Game 2 was truncated at 11 pieces with 4 lines"

    def test_games_are_started_one_at_a_time(self) -> None:
        begun: list[int] = []

        def games() -> Iterator[Iterator[Move]]:
            for number in range(100):
                begun.append(number)
                yield moves(None)

        watched([(0.5, "r"), (1, "q")], games())
        assert begun == [0, 1]

    def test_header_shows_the_name_of_the_agent(self) -> None:
        assert "dt-10  game 1  10 pieces/s" in watched([(0.5, "q")], title="dt-10")


@pytest.mark.usefixtures("xterm")
@pytest.mark.parametrize(
    ("columns", "lines", "floor"),
    [(120, 40, "└────────────────────┘"), (80, 24, "└──────────┘"), (60, 20, "└──────────┘"), (40, 14, "└──────────┘")],
)
def test_board_is_as_large_as_the_terminal_allows(
    monkeypatch: pytest.MonkeyPatch, columns: int, lines: int, floor: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))
    drawn = watched([(0.55, "q")], speed=10)
    assert drawn.count(floor) >= 5
    assert "pieces 5" in drawn


@pytest.mark.usefixtures("xterm")
def test_no_color_disables_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    keys, out = ScriptedKeys([(0.5, "q")]), FakeTerminal()
    watch([moves(None)], EnvConfig(), stream=out, keys=keys, clock=keys.clock)
    assert re.search(r"[\[;]([34]8;|[349][0-7]m)", out.getvalue()) is None
    assert "│████      │" in ESCAPES.sub("", out.getvalue())


def test_last_boards_are_printed_without_a_terminal() -> None:
    out = io.StringIO()
    watch([moves(11), moves(7, over=False), moves(3)], EnvConfig(height=6), n_games=2, stream=out)
    lines = out.getvalue().splitlines()
    assert lines[5:9] == [
        "|[][] . . . . . . . .|",
        "|[][] . . . . . . . .|  lines   4",
        "+--------------------+  pieces 11",
        "Game 1 ended with 4 lines after 11 pieces",
    ]
    assert lines[-1] == "Game 2 was truncated at 7 pieces with 2 lines"


def test_one_game_is_played_by_default_without_a_terminal() -> None:
    out = io.StringIO()
    watch((moves(3) for _ in range(10)), EnvConfig(), stream=out)
    assert out.getvalue().count("Game ") == 1


@pytest.mark.parametrize("speed", [0, 0.5, 1_001, float("nan")])
def test_speed_out_of_range(speed: float) -> None:
    with pytest.raises(
        ConfigError, match=r"speed is 1 to 1,000 pieces per second; got .*\. Choose a value in that range\."
    ):
        watch([], EnvConfig(), speed=speed)


def test_no_games() -> None:
    with pytest.raises(ConfigError, match=r"games is a whole number, 1 or more; got 0\. Omit it"):
        watch([], EnvConfig(), n_games=0)


# A real terminal


def session(*arguments: str, **variables: str) -> AbstractContextManager[Session]:
    return on_terminal("tests.cli.square_games", *arguments, **variables)


@pytest.mark.parametrize(("way", "code"), [("q", 0), ("\x03", 0), ("sigterm", 128 + signal.SIGTERM), ("failure", 1)])
def test_every_way_to_quit_restores_the_terminal(way: str, code: int) -> None:
    with session("failing" if way == "failure" else "endless", "20") as terminal:
        before = termios.tcgetattr(terminal.follower)
        terminal.wait_for(r"pieces +\d")
        if way != "failure":
            during = termios.tcgetattr(terminal.follower)
            assert during[3] & (termios.ECHO | termios.ICANON) == 0
        if way == "sigterm":
            terminal.process.terminate()
        elif way != "failure":
            terminal.press(way)
        assert terminal.leave() == code
        assert termios.tcgetattr(terminal.follower) == before
        assert terminal.raw.rindex("\x1b[?25h") > terminal.raw.rindex("\x1b[?25l")  # the cursor is back
        assert terminal.raw.rindex("\x1b[?1049l") > terminal.raw.rindex("\x1b[?1049h")  # and the screen
        rest = terminal.raw[terminal.raw.rindex("\x1b[?1049l") :]
        if way in {"q", "\x03"}:
            assert re.search(r"Quit game 1 at \d+ pieces? and \d+ lines", rest)
        elif way == "failure":
            assert "RuntimeError: the policy fell over" in rest


def test_pause_stops_the_pieces_and_n_places_one() -> None:
    with session("endless", "50") as terminal:
        terminal.wait_for(r"pieces +\d\d")
        terminal.press(" ")
        terminal.wait_for(r"paused[\s\S]*pieces +\d+\s")
        stood = terminal.pieces
        for _ in range(4):  # frames of a paused game, a quarter of a second apart
            terminal.wait_for(r"paused[\s\S]*pieces +\d+\s", after=len(terminal.seen))
        assert terminal.pieces == stood
        terminal.press("nnn")
        terminal.wait_for(rf"pieces +{stood + 3}\b")
        terminal.press(" ")
        terminal.wait_for(r"50 pieces/s[\s\S]*pieces +\d+\s", after=len(terminal.seen))
        terminal.wait_for(rf"pieces +(?!{stood + 3}\b)\d+\s", after=len(terminal.seen))
        assert terminal.pieces > stood + 3


def test_plus_arrows_and_the_next_game() -> None:
    with session("endless", "20") as terminal:
        for keys, shown in (("+", "50 pieces/s"), ("\x1b[A", "100 pieces/s"), ("--", "20 pieces/s"), ("r", "game 2")):
            after = len(terminal.seen)
            terminal.press(keys)
            terminal.wait_for(shown, after=after)
        terminal.press("\x1b[5~\x1bOPxq")  # keys without a meaning, then quit
        assert terminal.leave() == 0


def test_pieces_have_their_colors() -> None:
    with session("endless", "20", COLORTERM="truecolor") as terminal:
        terminal.wait_for(r"pieces +\d")
        assert "38;2;235;190;45" in terminal.raw  # the square's yellow
        assert "38;2;106;86;20" in terminal.raw  # and its ghost's


def test_a_terminal_that_grows_gets_a_larger_board() -> None:
    with session("endless", "20") as terminal:
        terminal.wait_for("└──────────┘")
        terminal.resize(lines=40, columns=100)
        terminal.wait_for("└────────────────────┘")


def test_a_terminal_that_is_closed_ends_watching() -> None:
    leader, follower = os.openpty()
    with TerminalKeys(follower) as keys:
        assert keys.read(0) == ""
        os.close(leader)
        assert keys.read(1) == "end"
    os.close(follower)


def test_keys_are_read_from_terminals_only() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as stream, open_keys(stream) as keys:
        assert isinstance(keys, NoKeys)
        assert keys.read(0) == ""
    os.close(writer)


def test_errors_of_the_policy_are_raised() -> None:
    with pytest.raises(RuntimeError, match="the policy fell over"):
        watch([failing()], EnvConfig(), stream=io.StringIO())
