"""Several players at one table, with a clock of the test's own."""

from pathlib import Path

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.errors import PolicyError
from tetrarium.evaluation import named_policy, play_moves
from tetrarium.events import Event, SeatsShown, StateChanged
from tetrarium.registry.home import Home
from tetrarium.training.runs.control import Control, Watching
from tetrarium.workers.player import _Player, make_table
from tetrarium.workers.players import PlayerConfig
from tetrarium.workers.seats import Table

LOW = EnvConfig.literature(5)  # games on five rows end, whoever plays


def table_of(home: Path, *seats: str, env_config: EnvConfig = LOW, **changes: bool) -> Table:
    config = PlayerConfig(what="", seats=seats, seed=3, env_config=env_config.to_dict(), **changes)
    table = make_table(Home.locate(home), config)
    table.begin()
    return table


def lines_of(what: str, game: int) -> int:
    """Lines of a game as `watch` and `evaluate` play it."""
    return [move.state_tp1.lines for move in play_moves(named_policy(what), LOW, seed=3, game=game)][-1]


def test_side_by_side_each_game_begins_at_once_on_the_same_pieces(tetrarium_home: Path) -> None:
    table = table_of(tetrarium_home, "dt-10", "random", together=True)
    one, other = table.seats
    while not one.is_over:
        assert table.idle_s(0.0) == 0.0 and table.play(0.0)
        first, second = (seat.to_dict(k, False) for k, seat in enumerate(table.seats))
        if first["pieces_game"] == second["pieces_game"]:
            assert first["queue"][0] == second["queue"][0]
        else:
            assert second["is_over"] and second["game"] == 1, "who has lost waits"
    assert table.n_placed == one.follower.pieces + other.follower.pieces
    assert one.follower.lines == lines_of("dt-10", 0) > other.follower.lines == lines_of("random", 0)
    assert (one.games_won, other.games_won) == (1, 0) and not one.to_dict(0, False)["is_cut_off"]

    assert table.idle_s(0.5) == 1.5 and not table.play(1.9), "the end of a game is to be seen"
    assert table.play(2.0)
    told = [seat.to_dict(k, False) for k, seat in enumerate(table.seats)]
    assert [seat["game"] for seat in told] == [2, 2] and [seat["games_ended"] for seat in told] == [1, 1]
    assert [seat["lines_total"] for seat in told] == [lines_of("dt-10", 0), lines_of("random", 0)]
    table.begin()
    told = [seat.to_dict(k, False) for k, seat in enumerate(table.seats)]
    assert [seat["game"] for seat in told] == [3, 3] and [seat["games_ended"] for seat in told] == [1, 1]


def test_a_game_that_both_play_alike_nobody_wins(tetrarium_home: Path) -> None:
    table = table_of(tetrarium_home, "dt-10", "dt-10", together=True)
    while not table.seats[0].is_over:
        table.play(0.0)
    assert [seat.games_won for seat in table.seats] == [0, 0]


def test_a_game_that_is_cut_off_is_not_lost(tetrarium_home: Path) -> None:
    table = table_of(tetrarium_home, "dt-10", env_config=EnvConfig(max_pieces=3))
    while not table.seats[0].is_over:
        table.play(0.0)
    told = table.seats[0].to_dict(0, False)
    assert (told["is_over"], told["is_cut_off"], told["pieces_game"]) == (True, True, 3)
    boards = [table.seats[0].board(step=0, with_thoughts=False, is_paused=False)]
    for _ in range(2):  # the first of which is given up for the other
        table.begin()
        boards.append(table.seats[0].board(step=0, with_thoughts=False, is_paused=False))
    assert [(shown.game, shown.is_over, shown.games_ended) for shown in boards] == [
        (1, True, 1), (2, False, 1), (3, False, 1),
    ]  # fmt: skip


def test_apart_each_seat_goes_on_by_itself(tetrarium_home: Path) -> None:
    table = table_of(tetrarium_home, "dt-10", "random")
    one, other = table.seats
    while not other.is_over:
        table.play(0.0)
    assert not one.is_over and other.to_dict(1, False)["ghost"] == ()
    n_placed = one.follower.pieces
    assert table.play(1.0) and one.follower.pieces == n_placed + 1 and other.is_over
    assert table.play(2.0) and not other.is_over and other.to_dict(1, False)["game"] == 2
    assert one.to_dict(0, False)["game"] == 1
    table.play(2.0)
    told = other.to_dict(1, True)
    assert told["lines_total"] == lines_of("random", 0) + other.follower.lines
    assert told["thoughts"] is None, "nothing values placements at random"
    assert len(told["ghost"]) == 4 and one.to_dict(0, True)["thoughts"]["chosen"] is not None
    assert (told["seat"], told["what"], told["best_lines_game"]) == (1, "random", lines_of("random", 0))


def test_a_table_says_who_cannot_play_at_it(tetrarium_home: Path) -> None:
    with pytest.raises(PolicyError, match=r"^dt-10 cannot play here: The policy 'dt-10' chooses placements; got"):
        table_of(tetrarium_home, "dt-10", "random", env_config=EnvConfig(actions="keys"))


class _Listener:
    """Watches one board in 20 seconds, until a game is seen to have ended."""

    def __init__(self, control: Control) -> None:
        self.told: list[Event] = []
        self._control = control

    def publish(self, event: Event) -> None:
        self.told.append(event)
        shown = [event for event in self.told if isinstance(event, SeatsShown)]
        if len(shown) > 1:
            self._control.ask_to_stop()


def test_the_end_of_a_game_is_shown_though_few_boards_are(tetrarium_home: Path) -> None:
    config = PlayerConfig(what="", seats=("random",), seed=3, env_config=LOW.to_dict())
    control = Control("every-move", 1_000.0)
    control.watch(Watching(boards_per_second=0.05))
    listener = _Listener(control)
    _Player(make_table(Home.locate(tetrarium_home), config), config, control, listener).run()  # type: ignore[arg-type]
    first, last = (event.seats[0] for event in listener.told if isinstance(event, SeatsShown))
    assert (first["is_over"], last["is_over"], last["games_ended"]) == (False, True, 1)
    assert last["lines_game"] == lines_of("random", 0)


def test_a_player_that_nobody_watches_says_why_it_ends(tetrarium_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tetrarium.workers.player._UNWATCHED_TABLE_S", -1.0)
    config = PlayerConfig(what="", seats=("random",), seed=3, env_config=LOW.to_dict())
    control = Control("every-move")
    listener = _Listener(control)
    _Player(make_table(Home.locate(tetrarium_home), config), config, control, listener).run()  # type: ignore[arg-type]
    last = listener.told[-1]
    assert isinstance(last, StateChanged) and last.message == "Stopped after 0 pieces, because nobody watched."
