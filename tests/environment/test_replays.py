"""Replays: played exactly, read back whole, refused where they do not hold, and fixtures that play for ever."""

import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetrarium.engine import Games
from tetrarium.engine.random_streams import draw_below, make_stream, rewind
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import MAX_ACTIONS, Replay, pack_actions
from tetrarium.errors import ReplayError

FIXTURES = Path(__file__).parent.parent / "fixtures"
SQUARES = EnvConfig(randomizer="O")
ACROSS = [0, 8, 16, 24, 32]  # five squares side by side clear two rows


def squares(**changes: Any) -> Replay:
    fields: dict[str, Any] = {
        "env_config": SQUARES,
        "seed": 0,
        "game": 0,
        "actions": pack_actions(SQUARES, ACROSS),
        "lines": 2,
        "pieces": 5,
        "terminated": False,
        "about": {"agent": "squares", "step": 7, "score": 0.5},
    }
    return Replay(**{**fields, **changes})


def altered(**changes: Any) -> bytes:
    """The file of a replay with another header, its checksum made to fit."""
    content = squares().to_bytes()
    header, packed = content[:-4].split(b"\n", 1)
    return checked(json.dumps({**json.loads(header), **changes}).encode() + b"\n" + packed)


def checked(content: bytes) -> bytes:
    return content + zlib.crc32(content).to_bytes(4, "big")


def with_actions(packed: bytes, **changes: Any) -> bytes:
    return checked(altered(**changes).split(b"\n", 1)[0] + b"\n" + packed)


# Playing


def test_a_replay_plays_every_placement() -> None:
    moves = list(squares().play())
    assert [move.action for move in moves] == ACROSS
    assert [move.lines_placement for move in moves] == [0, 0, 0, 0, 2]
    assert moves[0].state_t == Games(SQUARES.rules(), seed=0, numbers=[0]).state(0)
    assert [earlier.state_tp1 for earlier in moves[:-1]] == [later.state_t for later in moves[1:]]
    assert moves[-1].state_tp1.columns == (0,) * 10


def test_the_stream_alone_says_which_pieces_come() -> None:
    config = EnvConfig(preview=6)
    stream = tuple(make_stream(4, 9).tolist())
    fields: dict[str, Any] = {"env_config": config, "actions": bytes([0]), "lines": 0, "pieces": 1, "terminated": False}
    by_number = Replay(seed=4, game=9, **fields)
    by_stream = Replay(seed=0, game=0, stream=stream, **fields)
    other = Replay(seed=0, game=0, **fields)
    assert list(by_stream.play()) == list(by_number.play())
    assert next(other.play()).state_t.queue != next(by_number.play()).state_t.queue


def test_an_action_that_is_not_legal_at_its_piece_is_named() -> None:
    bad = squares(actions=pack_actions(SQUARES, [0, 9, 16, 24, 32]))  # a square has one orientation
    playing = bad.play()
    assert next(playing).action == 0
    with pytest.raises(ReplayError, match=r"^Every action of a replay is legal; action 9 at piece 2, O, is not\. Copy"):
        next(playing)
    with pytest.raises(ReplayError, match=r"action 36 at piece 1, O, is not"):
        next(squares(actions=bytes([36])).play())
    with pytest.raises(ReplayError, match=r"action 200 at piece 1, O, is not"):
        next(squares(actions=bytes([200])).play())


def test_what_it_reaches_is_compared() -> None:
    for changes, said in (
        ({"lines": 3}, "3 lines and 5 pieces and no end"),
        ({"pieces": 6}, "2 lines and 6 pieces and no end"),
        ({"terminated": True}, "2 lines and 5 pieces and the end"),
    ):
        with pytest.raises(ReplayError) as caught:
            list(squares(**changes).play())
        assert str(caught.value).startswith(
            f"A replay reaches its stated result, {said}; this one reached 2 lines and 5 pieces and no end. Copy it"
        )


def test_nothing_follows_the_end_of_a_game() -> None:
    tower = squares(actions=bytes([0] * 13), lines=0, pieces=13, terminated=True)
    with pytest.raises(ReplayError, match=r"this one ended after 11 of 13 actions\."):
        list(tower.play())


# Files


@pytest.mark.parametrize("stream", [None, (0, 1, 2**32 - 1, 7)])
def test_a_replay_comes_back_equal(stream: Any) -> None:
    replay = squares(stream=stream)
    assert Replay.from_bytes(replay.to_bytes()) == replay
    assert Replay.from_json(replay.to_json()) == replay
    assert json.loads(replay.to_json())["actions"] == ACROSS


def test_actions_beyond_256_take_two_bytes() -> None:
    config = EnvConfig(actions="reachable", hold=True)
    replay = squares(env_config=config, actions=pack_actions(config, [511, 0, 258]))
    assert (replay.actions, len(replay), replay.action_numbers()) == (b"\xff\x01\x00\x00\x02\x01", 3, [511, 0, 258])
    assert Replay.from_bytes(replay.to_bytes()) == replay
    assert Replay.from_json(replay.to_json()) == replay


def test_a_long_game_is_small() -> None:
    replay = squares(actions=pack_actions(SQUARES, ACROSS * 2_000), lines=4_000, pieces=10_000)
    assert len(replay.to_bytes()) < 1_000


def test_a_file_cut_short_anywhere_is_refused() -> None:
    content = squares().to_bytes()
    for size in range(len(content)):
        with pytest.raises(ReplayError, match=r"Copy it again from where it came from, or record the game again\.$"):
            Replay.from_bytes(content[:size])


@given(st.data())
def test_a_flipped_bit_is_refused(data: st.DataObject) -> None:
    content = bytearray(squares().to_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ReplayError):
        Replay.from_bytes(bytes(content))


@given(st.binary(max_size=300))
def test_whatever_else_it_is_one_error(content: bytes) -> None:
    for read in (Replay.from_bytes, Replay.from_json):
        with pytest.raises(ReplayError):
            read(content)
    with pytest.raises(ReplayError):
        Replay.from_bytes(with_actions(content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "A replay begins with one line of JSON; these 0 bytes do not."),
        (b"\0" * 10**6, "A replay begins with one line of JSON; these 1,000,000 bytes do not."),
        (b"[1]\n", "A replay's format is 'tetris-replay'; this file has another. Choose a replay file."),
        (b'{"a": NaN}\n', "A replay is strict JSON; this is not: NaN is no number of JSON."),
        (b'{"a": 1, "a": 2}\n', "A replay is strict JSON; this is not: an object has a duplicate key."),
        (b"[" * 60_000 + b"\n", "A replay is strict JSON; this is not: "),
        (altered(version=2), "This version reads replays of format 1; got format 2. Read it with the version of"),
        (altered(version=True), "This version reads replays of format 1; got format True."),
        (squares().to_bytes()[:-1] + b"\0", "A replay ends with its checksum; this one's does not fit."),
        (altered(n_actions=4), "A replay follows its format. The header promises 4 actions; got"),
        (altered(n_actions=6), "A replay follows its format. The header promises 6 actions; got"),
        (
            altered(n_actions=MAX_ACTIONS + 1),
            "A replay follows its format. A replay has at most 16,777,216 actions; got",
        ),
        (altered(n_actions=5.0), "A replay follows its format. n_actions is a whole number, 0 or more; got 5.0."),
        (altered(action_bytes=2), "A replay follows its format. An action takes 1 bytes; got 2."),
        (altered(seed=-1), "A replay follows its format. seed is a whole number, 0 or more; got -1."),
        (altered(game="0"), "A replay follows its format. game is a whole number, 0 or more; got '0'."),
        (altered(over=0), "A replay follows its format. terminated is true or false; got 0."),
        (altered(stream=[1, 2, 3]), "A replay follows its format. stream is 4 words of 32 bits; got (1, 2, 3)."),
        (altered(stream=[0, 0, 0, 2**32]), "A replay follows its format. stream is 4 words of 32 bits; got"),
        (altered(about={"a": "\x1b[2J"}), "A replay follows its format. about has printable text and finite numbers"),
        (altered(about={"a": [1]}), "A replay follows its format. about has printable text and finite numbers"),
        (altered(more=1), "A replay follows its format. The fields are about, action_bytes,"),
        (altered(env_config={"width": 99}), "A replay's env_config is valid; this one is not: width is a whole number"),
        (
            altered(env_config={"moonlight": 1}),
            "A replay's env_config is valid; this one is not: EnvConfig has no setting",
        ),
        (altered(env_config={"randomizer": [[]]}), "A replay's env_config is valid; this one is not: "),
        (
            altered(env_config=None),
            "A replay's env_config is valid; this one is not: EnvConfig takes an object of settings",
        ),
        (with_actions(b"abc"), "A replay's actions are compressed by zlib; these cannot be unpacked."),
        (with_actions(zlib.compress(bytes(5)) + b"x"), "A replay follows its format. The header promises 5 actions"),
    ],
)
def test_a_bad_file_is_one_clear_line(content: bytes, message: str) -> None:
    with pytest.raises(ReplayError) as caught:
        Replay.from_bytes(content)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_unpacking_stops_at_what_the_header_says() -> None:
    bomb = with_actions(zlib.compress(bytes(10**8), 9))  # 100 MB in 97 kB
    with pytest.raises(ReplayError, match=r"The header promises 5 actions; got '6 or another end'"):
        Replay.from_bytes(bomb)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0, 40], "An action is a whole number from 0 to 39; got 40 at place 2. Correct it."),
        ([-1], "An action is a whole number from 0 to 39; got -1 at place 1. Correct it."),
        ([True], "An action is a whole number from 0 to 39; got True at place 1. Correct it."),
        ([1.0], "An action is a whole number from 0 to 39; got 1.0 at place 1. Correct it."),
        ("0", "A replay follows its format. actions is a list; got 'str'."),
    ],
)
def test_bad_actions_in_json_are_named(actions: Any, message: str) -> None:
    values = {**json.loads(squares().to_json()), "actions": actions}
    with pytest.raises(ReplayError) as caught:
        Replay.from_json(json.dumps(values))
    assert str(caught.value).startswith(message)


def test_a_header_has_a_limit() -> None:
    with pytest.raises(ReplayError, match=r"The header has at most 65,536 bytes; got 7\d{4}\."):
        squares(about={"note": "x" * 70_000}).to_bytes()


# For ever


def test_the_file_of_version_1_plays_for_ever() -> None:
    replay = Replay.from_bytes((FIXTURES / "replay-v1.tetris-replay").read_bytes())
    *_, last = replay.play()
    assert (replay.seed, replay.game, replay.stream, replay.env_config.preview) == (5, 3, None, 3)
    assert replay.about == {"agent": "dt-10", "step": 0, "score": 1.5}
    assert str(last.state_tp1).splitlines() == [
        ".....#...#",
        "#...##...#",
        "##..###.##",
        "##..###.##",
        "I T O S  lines 46  pieces 120",
    ]


def test_the_json_of_version_1_plays_for_ever() -> None:
    replay = Replay.from_json((FIXTURES / "replay-v1.json").read_text(encoding="utf-8"))
    *_, last = replay.play()
    assert replay.about == {"agent": "random", "run": "first"}
    assert str(last.state_tp1).splitlines() == [
        "....#.",
        "....##",
        "....#.",
        "##.##.",
        "####..",
        "##.###",
        "###.##",
        ".#####",
        ".#.###",
        "###.##",
        ".#..#.",
        ".####.",
        ".##.##",
        "O  lines 1  pieces 13  over",
    ]


# Streams


@given(st.tuples(*[st.integers(0, 2**32 - 1)] * 4))
def test_a_stream_runs_backward(words: tuple[int, ...]) -> None:
    stream = make_stream(0, 0)[None]
    stream[0] = words
    draw_below(stream, 0, 1)
    assert rewind(tuple(stream[0].tolist())) == words


def test_replays_are_compared_by_all_that_they_hold() -> None:
    assert squares() == squares()
    assert squares() != replace(squares(), about={})
