"""Games as named arrays: nothing is lost, and what does not fit is refused by name."""

import numpy as np
import pytest

from tetrarium.engine import Games, Rules
from tetrarium.engine.saved_games import join_games, split_games
from tetrarium.errors import GameError

RULES = Rules(width=5, height=8, hidden_rows=4, randomizer="7-bag", preview=3)


def played() -> Games:
    games = Games(RULES, seed=3, numbers=range(4))
    for piece in range(9):
        for index in range(4):
            if not games.over[index]:
                games.place(index, (4 * piece + index) % games.n_actions)
    return games


def test_what_was_split_is_joined_again() -> None:
    games = played()
    fields = split_games(games.rows)

    assert np.array_equal(join_games(fields), games.rows)
    assert {name: value.shape for name, value in fields.items()} == {
        "stream": (4, 4), "queue": (4, 7), "bag": (4,), "lines": (4,), "pieces": (4,), "over": (4,), "columns": (4, 5),
    }  # fmt: skip


def test_names_say_what_lies_there() -> None:
    games = played()
    fields = split_games(games.rows)
    state = games.state(1)

    assert fields["columns"][1].tolist() == list(state.columns)
    assert fields["queue"][1, :4].tolist() == list(state.queue)
    assert fields["stream"][1].tolist() == list(state.stream)
    found = (fields["bag"][1], fields["lines"][1], fields["pieces"][1], fields["over"][1])
    assert found == (state.bag, state.lines, state.pieces, state.over)


@pytest.mark.parametrize("name", ["stream", "bag", "lines", "pieces", "over", "queue", "columns"])
def test_what_does_not_fit_is_refused_by_name(name: str) -> None:
    fields = split_games(played().rows)
    with pytest.raises(GameError, match="Saved games have"):
        join_games({**fields, name: fields[name][:, None]})
    del fields[name]
    with pytest.raises(GameError, match="found nothing"):
        join_games(fields)
