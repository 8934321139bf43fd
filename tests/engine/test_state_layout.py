"""Tests of games as named arrays: round trip, and errors by name."""

import numpy as np
import pytest

from tetrarium.engine import Games, Rules
from tetrarium.engine.state_layout import join_games, split_games
from tetrarium.errors import GameError

RULES = Rules(width=5, height=8, hidden_rows=4, randomizer="7-bag", preview=3)


def played() -> Games:
    games = Games(RULES, seed=3, numbers=range(4))
    for piece in range(9):
        for index in range(4):
            if not games.terminated[index]:
                games.place(index, (4 * piece + index) % games.n_actions)
    return games


def test_split_games_are_joined_again() -> None:
    games = played()
    fields = split_games(games.rows)

    assert np.array_equal(join_games(fields), games.rows)
    assert {name: value.shape for name, value in fields.items()} == {
        "stream": (4, 4), "queue": (4, 7), "bag": (4,), "lines": (4,), "pieces": (4,), "over": (4,), "columns": (4, 5),
    }  # fmt: skip


def test_fields_have_their_names_and_shapes() -> None:
    games = played()
    fields = split_games(games.rows)
    state = games.state(1)

    assert fields["columns"][1].tolist() == list(state.columns)
    assert fields["queue"][1, :4].tolist() == list(state.queue)
    assert fields["stream"][1].tolist() == list(state.stream)
    found = (fields["bag"][1], fields["lines"][1], fields["pieces"][1], fields["over"][1])
    assert found == (state.bag, state.lines, state.pieces, state.terminated)


@pytest.mark.parametrize("name", ["stream", "bag", "lines", "pieces", "over", "queue", "columns"])
def test_missing_or_misshapen_field_raises(name: str) -> None:
    fields = split_games(played().rows)
    with pytest.raises(GameError, match="Saved games have"):
        join_games({**fields, name: fields[name][:, None]})
    del fields[name]
    with pytest.raises(GameError, match="found nothing"):
        join_games(fields)
