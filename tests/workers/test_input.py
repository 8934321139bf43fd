"""Input of a human game: order of presses, and repetition of held keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetrarium.errors import WorkerError
from tetrarium.workers.human_play.input import PRESSES, Handling, HeldKeys, KeyClock

RATE = 240


def played(keys: HeldKeys, seconds: float, events: list[tuple[float, str, bool]]) -> list[tuple[int, str]]:
    """Runs steps with key presses and releases; returns (milliseconds, key) of each step with a key.

    The piece has moved by each step, so that no repeat is in vain.
    """
    waiting = sorted(events, key=lambda event: event[0])
    seen = []
    for step in range(round(seconds * RATE)):
        now_s = step / RATE
        while waiting and waiting[0][0] <= now_s:
            at_s, key, is_down = waiting.pop(0)
            (keys.press if is_down else keys.release)(key, at_s)
        pressed = keys.next_key(now_s, 1.0, step)
        if pressed != "nothing":
            seen.append((round(1_000 * now_s), pressed))
    return seen


def test_a_held_direction_moves_at_once_then_after_das_then_every_arr() -> None:
    keys = HeldKeys(Handling(das_ms=100, arr_ms=50))
    moves = played(keys, 0.4, [(0.0, "left", True), (0.26, "left", False)])
    assert [at for at, _ in moves] == [0, 100, 150, 200, 250]
    assert {key for _, key in moves} == {"left"}


def test_a_tap_shorter_than_das_moves_once() -> None:
    assert played(HeldKeys(Handling()), 1.0, [(0.0, "right", True), (0.16, "right", False)]) == [(0, "right")]


def test_a_tap_between_two_steps_is_not_lost() -> None:
    taps = [(0.0011, "left", True), (0.0012, "left", False), (0.0013, "soft drop", True), (0.0014, "soft drop", False)]
    assert played(HeldKeys(Handling()), 0.5, taps) == [(4, "left"), (8, "soft drop")]


def test_the_later_of_two_directions_counts_and_the_earlier_stays_charged() -> None:
    keys = HeldKeys(Handling(das_ms=100, arr_ms=50))
    events = [(0.0, "left", True), (0.06, "right", True), (0.21, "right", False), (0.3, "left", False)]
    assert played(keys, 0.5, events) == [
        (0, "left"), (62, "right"), (162, "right"), (212, "left"), (262, "left"),
    ]  # fmt: skip


def test_an_arr_of_zero_moves_to_the_wall_and_stops_there() -> None:
    keys = HeldKeys(Handling(das_ms=0, arr_ms=0))
    keys.press("left", 0.0)
    column, moves = 4, []
    for step in range(12):
        pressed = keys.next_key(step / RATE, 1.0, column)
        moves.append(pressed)
        column = max(0, column - (pressed == "left"))
    assert moves == ["left"] * 5 + ["nothing"] * 7


def test_a_soft_drop_multiplies_gravity() -> None:
    keys = HeldKeys(Handling(soft_drop=20))
    moves = played(keys, 0.2, [(0.0, "soft drop", True), (0.16, "soft drop", False)])
    assert [at for at, _ in moves] == [0, 50, 100, 150]


def test_presses_precede_repeats() -> None:
    keys = HeldKeys(Handling(das_ms=0, arr_ms=0))
    for key in ("left", "clockwise", "hold", "hard drop"):
        keys.press(key, 0.0)
    assert [keys.next_key(k / RATE, 1.0, k) for k in range(5)] == ["left", "clockwise", "hold", "hard drop", "left"]


@given(st.lists(st.sampled_from(PRESSES), max_size=30))
def test_every_press_has_its_step_in_order(pressed: list[str]) -> None:
    keys = HeldKeys(Handling(das_ms=1_000))
    for number, key in enumerate(pressed):
        keys.press(key, 0.0, number)
        keys.release(key, 0.0)
    assert [keys.next_key(0.0, 1.0, k) for k in range(len(pressed))] == pressed
    assert keys.latest_number == (len(pressed) - 1 if pressed else None)
    assert keys.next_key(0.5, 1.0, None) == "nothing"


def test_a_released_key_has_no_effect() -> None:
    keys = HeldKeys(Handling(das_ms=0, arr_ms=0))
    for key in ("left", "soft drop", "hold"):
        keys.press(key, 0.0)
    keys.clear()
    assert [keys.next_key(float(second), 1.0, second) for second in range(3)] == ["nothing"] * 3
    keys.release("left", 3.0)
    assert keys.next_key(4.0, 1.0, 4) == "nothing"


def test_key_times_are_limited_to_the_recent_past() -> None:
    clock = KeyClock()
    assert clock.to_local(1_000.0, now_s=50.0) == 50.0
    assert clock.to_local(0.0, now_s=60.0) == 59.75
    assert clock.to_local(1e15, now_s=61.0) == 61.0
    assert clock.to_local(None, now_s=62.0) == 62.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"das_ms": -1}, "das_ms is a number from 0 to 1,000; got -1. Choose one in that range."),
        ({"arr_ms": "0"}, "arr_ms is a number from 0 to 1,000; got '0'. Choose one in that range."),
        ({"soft_drop": float("nan")}, "soft_drop is a number from 1 to 1,000; got nan. Choose one in that range."),
        ({"das": 1}, "The settings of handling are das_ms, arr_ms, soft_drop; got 'das'. Did you mean 'das_ms'?"),
    ],
)
def test_invalid_handling_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(WorkerError) as caught:
        Handling().with_changes(values)
    assert str(caught.value) == said
