"""Sessions of human games without a process: phases, goals, labels, opponent, advice and replay."""

import random
from dataclasses import replace

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.environment.human_games import HumanGame
from tetrarium.environment.replays import Replay
from tetrarium.errors import PolicyError, WorkerError
from tetrarium.evaluation import LinearPolicy, named_policy
from tetrarium.workers.human_play.human_game_control import HumanGameControl, KeyEvent, SessionOptions
from tetrarium.workers.human_play.input import PRESSES, Handling
from tetrarium.workers.human_play.opponent import Advisor, Opponent, opponent_config
from tetrarium.workers.human_play.session import KEY_RATE, GameSession, human_game_config

DROP = "hard drop"


def event(key: str, at_s: float, is_down: bool = True, number: int | None = None) -> KeyEvent:
    return KeyEvent(key=key, is_down=is_down, at_s=at_s, number=number, received_s=at_s)


def tap(played: GameSession, key: str, at_s: float) -> None:
    played.press(event(key, at_s))
    played.press(event(key, at_s, is_down=False))


def test_the_first_key_begins_and_a_pause_stops_the_clock() -> None:
    played = GameSession(SessionOptions(), seed=1)
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
    assert played.to_event(game=1).key_number is None, "held keys were released"


def test_delays_of_a_busy_machine_do_not_count_as_time() -> None:
    played = GameSession(SessionOptions(), seed=1)
    tap(played, "left", 0.0)
    played.run_until(0.1)
    played.run_until(30.0)
    assert played.seconds < 0.2


def test_simultaneous_keys_act_in_one_frame_in_their_order() -> None:
    played, by_hand = GameSession(SessionOptions(), seed=4), HumanGame(human_game_config(1), 4, 0)
    keys = ["clockwise", "left", "hold", DROP]
    for key in keys:
        tap(played, key, 0.0)
    played.run_until(1 / 60)
    for key in [*keys, "nothing"]:
        by_hand.press(key)
    assert played.game.state == by_hand.state


def test_a_sprint_is_finished_at_its_fortieth_line() -> None:
    played = GameSession(SessionOptions(mode="sprint"), seed=1)
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
    shown = played.to_event(game=1)
    assert (shown.phase, shown.lines_game, shown.goal_lines) == ("finished", 40, 40)
    assert shown.clear_label[:3] == ("Back-to-back", "Tetris", "Combo 9")
    assert shown.cleared_rows == (0, 1, 2, 3)
    seconds = played.seconds
    played.run_until(now_s + 1)
    assert played.seconds == seconds


def test_a_lost_game_is_over_and_ignores_keys() -> None:
    played = GameSession(SessionOptions(level=20), seed=1)
    for k in range(40):
        tap(played, DROP, k * 0.05)
        played.run_until(k * 0.05 + 0.04)
    assert played.has_ended
    pieces = played.game.state.pieces
    tap(played, DROP, 9.0)
    played.run_until(9.5)
    assert played.game.state.pieces == pieces
    assert played.to_event(game=1).falling == ()


def test_a_game_replays_exactly() -> None:
    played = GameSession(SessionOptions(mode="free", level=9, handling=Handling(das_ms=50, arr_ms=0)), seed=11)
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
    played = GameSession(SessionOptions(), seed=77)
    opponent = Opponent(policy, opponent_config(policy, None, human_game_config(1)), 77, None)
    mine, theirs = [], []
    for pieces in range(1, 40):
        mine.append(played.game.state.queue[0])
        theirs.append(opponent._tracker.queue[0])
        played.game._games.set_board(0, [0] * 10)
        played.game.press(DROP)
        assert opponent.play_until(0.0, pieces, None)
    assert mine == theirs


def test_an_opponent_keeps_its_pace_and_its_goal() -> None:
    policy = named_policy("dellacherie")
    opponent = Opponent(policy, opponent_config(policy, None, human_game_config(1)), 5, goal=20)
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


def test_advice_is_the_advisors_placement() -> None:
    policy = LinearPolicy({"landing_height": -1.0, "holes": -10.0})
    advisor = Advisor(policy, opponent_config(policy, None, human_game_config(1)))
    game = HumanGame(human_game_config(1), 3, 0)
    game._games.set_board(0, [1] * 9 + [0])
    state = game._games.state(0)
    advice = advisor.advise(state)
    assert advice is not None
    assert advice.value is not None
    assert len(advice.cells) == 4
    assert all(cell % 10 == 9 or cell >= 10 for cell in advice.cells), "the piece rests on the stack"
    game._games.set_board(0, [1 << 20] * 2 + [0] * 8)
    assert advisor.advise(game._games.state(0)) is None, "the board is too high for its game"


def test_advice_is_computed_once_for_each_piece() -> None:
    policy = named_policy("dellacherie")
    played = GameSession(SessionOptions(), seed=3)
    played.advisor = Advisor(policy, opponent_config(policy, None, human_game_config(1)))
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
    ("config", "message"),
    [
        (
            EnvConfig(hold=True),
            "An opponent or advisor plays without hold; 'mine' was trained with hold. Choose another agent.",
        ),
        (
            EnvConfig(width=6),
            "An opponent or advisor plays on a board 10 wide; 'mine' was trained for 6. Choose another agent.",
        ),
        (
            EnvConfig(preview=6),
            "An opponent or advisor sees at most 5 pieces ahead; 'mine' was trained with 6. Choose another agent.",
        ),
    ],
)
def test_an_unsuitable_opponent_is_refused(config: EnvConfig, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        opponent_config(LinearPolicy({"holes": -1.0}, name="mine"), config, human_game_config(1))
    assert str(caught.value) == message


def test_a_model_of_another_game_plays_the_humans_rules() -> None:
    policy = named_policy("dellacherie")
    config = opponent_config(policy, EnvConfig.literature(height=10), human_game_config(1))
    assert (config.height, config.randomizer, config.hold) == (20, "7-bag", False)


@pytest.mark.parametrize(
    ("command", "values", "message"),
    [
        ("new-game", {"mode": "sprnt"}, "mode is one of sprint, marathon, free; got 'sprnt'. Did you mean 'sprint'?"),
        ("new-game", {"mode": []}, "mode is one of sprint, marathon, free; got '[]'."),
        ("new-game", {"level": 1.5}, "level is an integer; got 1.5. Round it."),
        ("new-game", {"seed": -1}, "seed is a number from 0 to 4,294,967,295; got -1. Choose one in that range."),
        ("change", {"pace": 0}, "pace is a number from 0 to 20; got 0. Choose one in that range."),
        ("change", {"advice": ""}, "advice is the name of an agent; got ''. Name a model, a run or a controller."),
        ("keys", {"keys": [{"key": "up", "down": True}]}, "A key is one of left, right, clockwise, counter-clockwise, "
         "soft drop, hard drop, hold; got 'up'."),
        ("keys", {"keys": [{"key": "left", "down": 1}]}, "down is true or false; got '1'. Choose one of the two."),
        ("keys", {"keys": 3}, "keys is a list of at most 64 key presses and releases. Send such a list."),
    ],
)  # fmt: skip
def test_an_invalid_request_is_refused_and_changes_nothing(
    command: str, values: dict[str, object], message: str
) -> None:
    control = HumanGameControl(SessionOptions())
    with pytest.raises(WorkerError) as caught:
        control.submit(command, values)
    assert str(caught.value) == message
    assert control.take_requests() == []
    assert control.options == SessionOptions()


def test_the_queue_of_requests_is_bounded() -> None:
    control = HumanGameControl(SessionOptions())
    for _ in range(1_000):
        control.submit("change", {"pace": 2})
    with pytest.raises(WorkerError, match=r"At most 1,000 requests can be queued. Send fewer at once."):
        control.submit("new-game", {})


def test_a_game_continues_from_a_position_of_a_recorded_one() -> None:
    recorded = GameSession(SessionOptions(mode="free"), seed=6)
    for at_s in (0.0, 0.1, 0.2, 0.3):
        for key in ("left", DROP):
            tap(recorded, key, at_s)
        recorded.run_until(at_s + 0.05)
    keys = recorded.replay().action_numbers()
    played = GameSession(SessionOptions(mode="free"), seed=6)
    played.play_back(keys, n_pieces=2)
    assert (played.phase, played.game.state.pieces) == ("ready", 2)
    assert 0.0 < played.seconds < recorded.seconds
    tap(played, "right", 10.0)
    tap(played, DROP, 10.05)
    played.run_until(10.2)
    replay = played.replay()
    assert [move for move in replay.play() if move.placement is not None]
    assert (replay.pieces, replay.about["continued_at"], "keys" in replay.about) == (3, 2, False)


def test_keys_and_presses_beyond_the_fewest_are_counted() -> None:
    played = GameSession(SessionOptions(), seed=1)
    for at_s, keys in ((0.0, ("left", "right", DROP)), (0.2, (DROP,)), (0.4, ("soft drop", "left", "right", DROP))):
        for key in keys:
            tap(played, key, at_s)
        played.run_until(at_s + 0.2)
    about = played.replay().about
    assert (played.game.state.pieces, about["keys"], about["finesse_faults"]) == (3, 8, 2)


def test_the_game_of_the_opponent_is_kept_with_its_pace() -> None:
    played = GameSession(SessionOptions(opponent="dellacherie", pace=10.0), seed=5)
    policy = named_policy("dellacherie")
    played.opponent = Opponent(policy, opponent_config(policy, None, played.game.config), seed=5, goal=None)
    played.pace = 10.0
    for at_s in (0.0, 0.2, 0.4):
        tap(played, DROP, at_s)
        played.run_until(at_s + 0.2)
    replay = played.opponent.replay("dellacherie")
    assert len(list(replay.play())) == played.opponent.pieces == 6
    about = played.replay("imported-1").about
    assert (about["opponent_game"], about["opponent_pieces"]) == ("imported-1", "0 2 4")
    assert "opponent_game" not in played.replay().about
