"""A person's game as time goes by, without a process: phases, goals, what is said, rivals, and its replay."""

import random
from dataclasses import replace

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.environment.hand_games import HandGame
from tetrarium.environment.replays import Replay
from tetrarium.errors import PolicyError, WorkerError
from tetrarium.evaluation import LinearPolicy, named_policy
from tetrarium.workers.hand_orders import HandControl, KeyEvent, Wishes
from tetrarium.workers.hand_rounds import KEY_RATE, HandRound, hand_game
from tetrarium.workers.held_keys import PRESSES, Handling
from tetrarium.workers.rivals import Adviser, Opponent, rival_game

DROP = "hard drop"


def event(key: str, at_s: float, is_down: bool = True, number: int | None = None) -> KeyEvent:
    return KeyEvent(key=key, is_down=is_down, at_s=at_s, number=number, heard_s=at_s)


def tap(played: HandRound, key: str, at_s: float) -> None:
    played.press(event(key, at_s))
    played.press(event(key, at_s, is_down=False))


def test_the_first_key_begins_and_a_pause_stops_the_time() -> None:
    played = HandRound(Wishes(), seed=1)
    played.run_until(100.0)
    assert (played.phase, played.seconds) == ("ready", 0.0)
    tap(played, "left", 100.0)
    played.run_until(100.1)
    assert played.phase == "playing"
    assert played.seconds == pytest.approx(0.1, abs=1.5 / KEY_RATE)
    seconds = played.seconds
    played.press(event("right", 100.1))
    played.pause()
    played.run_until(200.0)
    tap(played, DROP, 200.0)
    assert (played.phase, played.seconds, played.game.state.pieces) == ("paused", seconds, 0)
    played.resume(200.0)
    played.run_until(200.2)
    assert played.phase == "playing"
    assert played.shown(game=1).key_number is None, "what was held was let go"


def test_a_busy_machine_takes_no_time_from_the_player() -> None:
    played = HandRound(Wishes(), seed=1)
    tap(played, "left", 0.0)
    played.run_until(0.1)
    played.run_until(30.0)
    assert played.seconds < 0.2


def test_several_keys_of_one_instant_act_in_one_frame_in_their_order() -> None:
    played, by_hand = HandRound(Wishes(), seed=4), HandGame(hand_game(1), 4, 0)
    keys = ["clockwise", "left", "hold", DROP]
    for key in keys:
        tap(played, key, 0.0)
    played.run_until(1 / 60)
    for key in [*keys, "nothing"]:
        by_hand.press(key)
    assert played.game.state == by_hand.state


def test_a_sprint_ends_at_its_fortieth_line_and_says_so() -> None:
    played = HandRound(Wishes(mode="sprint"), seed=1)
    games = played.game._games
    now_s = 0.0
    for _ in range(10):
        games.set_board(0, [0b1111] * 9 + [0])
        played.game.cells[:4, :9] = 1
        state = games.state(0)
        games.restore(0, replace(state, queue=(0, *state.queue[1:])))
        played.game.state = games.state(0)
        tap(played, "clockwise", now_s)
        for _ in range(6):
            tap(played, "right", now_s)
        tap(played, DROP, now_s)
        now_s += 0.2
        played.run_until(now_s)
    shown = played.shown(game=1)
    assert (shown.phase, shown.lines_game, shown.goal_lines) == ("finished", 40, 40)
    assert shown.said[:3] == ("Back-to-back", "Tetris", "Combo 9")
    assert shown.cleared_rows == (0, 1, 2, 3)
    seconds = played.seconds
    played.run_until(now_s + 1)
    assert played.seconds == seconds


def test_a_lost_game_is_over_and_takes_no_keys() -> None:
    played = HandRound(Wishes(level=20), seed=1)
    for k in range(40):
        tap(played, DROP, k * 0.05)
        played.run_until(k * 0.05 + 0.04)
    assert played.has_ended
    pieces = played.game.state.pieces
    tap(played, DROP, 9.0)
    played.run_until(9.5)
    assert played.game.state.pieces == pieces
    assert played.shown(game=1).falling == ()


def test_a_game_replays_exactly_whatever_was_pressed() -> None:
    played = HandRound(Wishes(mode="free", level=9, handling=Handling(das_ms=50, arr_ms=0)), seed=11)
    chance = random.Random(5)
    now_s = 0.0
    while not played.has_ended and now_s < 60:
        played.press(event(chance.choice(PRESSES), now_s, is_down=chance.random() < 0.6))
        now_s += chance.random() * 0.1
        played.run_until(now_s)
    replay = Replay.from_bytes(played.replay().to_bytes())
    *_, last = replay.play()
    assert last.state_tp1 == played.game.state
    assert replay.about["mode"] == "free"
    assert len(replay) / KEY_RATE == played.seconds


def test_an_opponent_gets_the_same_pieces_in_the_same_order() -> None:
    policy = named_policy("dellacherie")
    played = HandRound(Wishes(), seed=77)
    opponent = Opponent(policy, rival_game(policy, None, hand_game(1)), 77, None)
    mine, theirs = [], []
    for pieces in range(1, 40):
        mine.append(played.game.state.queue[0])
        theirs.append(opponent._follower.queue[0])
        played.game._games.set_board(0, [0] * 10)
        played.game.press(DROP)
        assert opponent.play_until(0.0, pieces, None)
    assert mine == theirs


def test_an_opponent_keeps_its_pace_and_its_goal() -> None:
    policy = named_policy("dellacherie")
    opponent = Opponent(policy, rival_game(policy, None, hand_game(1)), 5, goal=20)
    counts = []
    for step in range(10 * KEY_RATE + 1):
        opponent.play_until(step / KEY_RATE, 0, 2.0)
        counts.append(opponent.pieces)
    assert (counts[KEY_RATE], counts[5 * KEY_RATE], counts[10 * KEY_RATE]) == (2, 10, 20)
    for step in range(10 * KEY_RATE, 60 * KEY_RATE):
        opponent.play_until(step / KEY_RATE, 0, 20.0)
    assert opponent.has_finished and not opponent.is_over
    assert 20 <= opponent.lines < 24
    assert len(opponent.board(is_paused=False).cells) == 240


def test_advice_is_where_the_adviser_would_place_the_piece() -> None:
    policy = LinearPolicy({"landing_height": -1.0, "holes": -10.0})
    adviser = Adviser(policy, rival_game(policy, None, hand_game(1)))
    game = HandGame(hand_game(1), 3, 0)
    game._games.set_board(0, [1] * 9 + [0])
    state = game._games.state(0)
    advice = adviser.advise(state)
    assert advice is not None
    assert advice.value is not None
    assert len(advice.cells) == 4
    assert all(cell % 10 == 9 or cell >= 10 for cell in advice.cells), "it lies on the board, not in it"
    game._games.set_board(0, [1 << 20] * 2 + [0] * 8)
    assert adviser.advise(game._games.state(0)) is None, "its own game would be over"


def test_advice_comes_once_for_each_piece_and_goes_with_the_game() -> None:
    policy = named_policy("dellacherie")
    played = HandRound(Wishes(), seed=3)
    played.adviser = Adviser(policy, rival_game(policy, None, hand_game(1)))
    played.advise()
    first = played.advice
    assert first is not None
    played.is_changed = False
    played.advise()
    assert not played.is_changed
    tap(played, "hold", 0.0)
    played.run_until(0.02)
    played.advise()
    assert played.advice != first


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            EnvConfig(hold=True),
            "Who plays beside a person plays no hold; 'mine' was trained with hold. Choose another one.",
        ),
        (
            EnvConfig(width=6),
            "Who plays beside a person plays boards 10 wide; 'mine' was trained for 6. Choose another one.",
        ),
        (
            EnvConfig(preview=6),
            "Who plays beside a person sees at most 5 pieces ahead; 'mine' was trained with 6. Choose another one.",
        ),
    ],
)
def test_who_cannot_play_beside_a_person_is_refused(config: EnvConfig, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        rival_game(LinearPolicy({"holes": -1.0}, name="mine"), config, hand_game(1))
    assert str(caught.value) == said


def test_a_model_of_another_game_plays_the_persons() -> None:
    policy = named_policy("dellacherie")
    config = rival_game(policy, EnvConfig.literature(height=10), hand_game(1))
    assert (config.height, config.randomizer, config.hold) == (20, "7-bag", False)


@pytest.mark.parametrize(
    ("command", "values", "said"),
    [
        ("begin", {"mode": "sprnt"}, "mode is one of sprint, marathon, free; got 'sprnt'. Did you mean 'sprint'?"),
        ("begin", {"mode": []}, "mode is one of sprint, marathon, free; got '[]'."),
        ("begin", {"level": 1.5}, "level is a whole number; got 1.5. Round it."),
        ("begin", {"seed": -1}, "seed is a number from 0 to 4,294,967,295; got -1. Choose one in that range."),
        ("change", {"pace": 0}, "pace is a number from 0 to 20; got 0. Choose one in that range."),
        ("change", {"advice": ""}, "advice is the name of something that plays; got ''. Name one."),
        ("keys", {"keys": [{"key": "up", "down": True}]}, "A key is one of left, right, clockwise, counter-clockwise, "
         "soft drop, hard drop, hold; got 'up'."),
        ("keys", {"keys": [{"key": "left", "down": 1}]}, "down is true or false; got '1'. Choose one of the two."),
        ("keys", {"keys": 3}, "keys is a list of at most 64 keys that went down or up. Send one."),
    ],
)  # fmt: skip
def test_an_order_that_breaks_a_rule_is_refused_and_changes_nothing(
    command: str, values: dict[str, object], said: str
) -> None:
    control = HandControl(Wishes())
    with pytest.raises(WorkerError) as caught:
        control.take(command, values)
    assert str(caught.value) == said
    assert control.orders() == []
    assert control.wishes == Wishes()


def test_orders_do_not_pile_up() -> None:
    control = HandControl(Wishes())
    for _ in range(1_000):
        control.take("change", {"pace": 2})
    with pytest.raises(WorkerError, match="At most 1,000 orders wait for their step"):
        control.take("begin", {})
