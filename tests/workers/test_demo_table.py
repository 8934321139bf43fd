"""Tables of demos, on a simulated clock."""

from pathlib import Path

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.errors import PolicyError
from tetrarium.evaluation import named_policy, play_moves
from tetrarium.events import Event, StateChanged, TableShown
from tetrarium.registry.home import Home
from tetrarium.training.runs.control import Control, Subscription
from tetrarium.workers.directories.process_directory import DemoConfig
from tetrarium.workers.processes.demo_process import Table, _DemoLoop, make_table

LOW = EnvConfig.literature(5)  # games on five rows end for any agent


def table_of(home: Path, *seats: str, env_config: EnvConfig = LOW, **changes: bool) -> Table:
    config = DemoConfig(agent="", seats=seats, seed=3, env_config=env_config.to_dict(), **changes)
    table = make_table(Home.locate(home), config)
    table.begin()
    return table


def lines_of(what: str, game: int) -> int:
    """Returns the lines of a game as `watch` and `evaluate` play it."""
    return [move.state_tp1.lines for move in play_moves(named_policy(what), LOW, seed=3, game=game)][-1]


def test_games_played_together_begin_at_once_with_the_same_pieces(tetrarium_home: Path) -> None:
    table = table_of(tetrarium_home, "dt-10", "random", together=True)
    one, other = table.seats
    while not one.is_over:
        assert table.idle_s(0.0) == 0.0 and table.play(0.0)
        first, second = (seat.to_dict(k, False) for k, seat in enumerate(table.seats))
        if first["pieces_game"] == second["pieces_game"]:
            assert first["queue"][0] == second["queue"][0]
        else:
            assert second["is_over"] and second["game"] == 1, "the loser waits for the other"
    assert table.n_placed == one.tracker.pieces + other.tracker.pieces
    assert one.tracker.lines == lines_of("dt-10", 0) > other.tracker.lines == lines_of("random", 0)
    assert (one.games_won, other.games_won) == (1, 0) and not one.to_dict(0, False)["is_truncated"]

    assert table.idle_s(0.5) == 1.5 and not table.play(1.9), "the end of a game stays visible"
    assert table.play(2.0)
    seats = [seat.to_dict(k, False) for k, seat in enumerate(table.seats)]
    assert [seat["game"] for seat in seats] == [2, 2] and [seat["games_ended"] for seat in seats] == [1, 1]
    assert [seat["lines_total"] for seat in seats] == [lines_of("dt-10", 0), lines_of("random", 0)]
    table.begin()
    seats = [seat.to_dict(k, False) for k, seat in enumerate(table.seats)]
    assert [seat["game"] for seat in seats] == [3, 3] and [seat["games_ended"] for seat in seats] == [1, 1]


def test_a_tie_is_no_win(tetrarium_home: Path) -> None:
    table = table_of(tetrarium_home, "dt-10", "dt-10", together=True)
    while not table.seats[0].is_over:
        table.play(0.0)
    assert [seat.games_won for seat in table.seats] == [0, 0]


def test_a_truncated_game_is_not_lost(tetrarium_home: Path) -> None:
    table = table_of(tetrarium_home, "dt-10", env_config=EnvConfig(max_pieces=3))
    while not table.seats[0].is_over:
        table.play(0.0)
    seat = table.seats[0].to_dict(0, False)
    assert (seat["is_over"], seat["is_truncated"], seat["pieces_game"]) == (True, True, 3)
    boards = [table.seats[0].board(step=0, with_action_values=False, is_paused=False)]
    for _ in range(2):  # the first one is abandoned
        table.begin()
        boards.append(table.seats[0].board(step=0, with_action_values=False, is_paused=False))
    assert [(shown.game, shown.is_over, shown.games_ended) for shown in boards] == [
        (1, True, 1), (2, False, 1), (3, False, 1),
    ]  # fmt: skip


def test_seats_that_play_apart_begin_games_independently(tetrarium_home: Path) -> None:
    table = table_of(tetrarium_home, "dt-10", "random")
    one, other = table.seats
    while not other.is_over:
        table.play(0.0)
    assert not one.is_over and other.to_dict(1, False)["ghost"] == ()
    n_placed = one.tracker.pieces
    assert table.play(1.0) and one.tracker.pieces == n_placed + 1 and other.is_over
    assert table.play(2.0) and not other.is_over and other.to_dict(1, False)["game"] == 2
    assert one.to_dict(0, False)["game"] == 1
    table.play(2.0)
    seat = other.to_dict(1, True)
    assert seat["lines_total"] == lines_of("random", 0) + other.tracker.lines
    assert seat["action_values"] is None, "the random policy has no action values"
    assert len(seat["ghost"]) == 4 and one.to_dict(0, True)["action_values"]["chosen"] is not None
    assert (seat["seat"], seat["agent"], seat["best_lines_game"]) == (1, "random", lines_of("random", 0))


def test_an_agent_that_cannot_play_is_named(tetrarium_home: Path) -> None:
    with pytest.raises(PolicyError, match=r"^dt-10 cannot play this game: The policy 'dt-10' chooses placements; got"):
        table_of(tetrarium_home, "dt-10", "random", env_config=EnvConfig(actions="keys"))


class _Listener:
    """Server that collects events and requests a stop at the second table."""

    def __init__(self, control: Control) -> None:
        self.events: list[Event] = []
        self._control = control

    def publish(self, event: Event) -> None:
        self.events.append(event)
        shown = [event for event in self.events if isinstance(event, TableShown)]
        if len(shown) > 1:
            self._control.request_stop()


def test_the_end_of_a_game_is_published_at_a_low_board_rate(tetrarium_home: Path) -> None:
    config = DemoConfig(agent="", seats=("random",), seed=3, env_config=LOW.to_dict())
    control = Control("every-move", 1_000.0)
    control.subscribe(Subscription(boards_per_second=0.05))
    listener = _Listener(control)
    _DemoLoop(make_table(Home.locate(tetrarium_home), config), config, control, listener).run()  # type: ignore[arg-type]
    first, last = (event.seats[0] for event in listener.events if isinstance(event, TableShown))
    assert (first["is_over"], last["is_over"], last["games_ended"]) == (False, True, 1)
    assert last["lines_game"] == lines_of("random", 0)


def test_a_demo_without_viewers_ends_with_the_reason(tetrarium_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tetrarium.workers.processes.demo_process._UNWATCHED_S", -1.0)
    config = DemoConfig(agent="", seats=("random",), seed=3, env_config=LOW.to_dict())
    control = Control("every-move")
    listener = _Listener(control)
    _DemoLoop(make_table(Home.locate(tetrarium_home), config), config, control, listener).run()  # type: ignore[arg-type]
    last = listener.events[-1]
    assert isinstance(last, StateChanged) and last.message == "Stopped after 0 pieces because it had no viewers."
