"""Tests of randomizers and of the streams that they draw from."""

from itertools import pairwise

import numba
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine import naive
from tetrarium.engine import Games, Rules
from tetrarium.engine.random_streams import draw_below, make_stream
from tetrarium.errors import ConfigError

compiled_only = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="draws more than plain Python can in time")
MASK = (1 << 32) - 1


def dealt(randomizer: str, n_pieces: int, *, seed: int, preview: int = 0) -> list[int]:
    """Returns the first pieces of one game, whose board is emptied after each step."""
    games = Games(
        Rules(width=10, height=20, hidden_rows=4, randomizer=randomizer, preview=preview), seed=seed, numbers=[0]
    )
    pieces = []
    for k in range(n_pieces):
        pieces.append(int(games.queue[0, 0]))
        games.place(0, 4 * (k % 7))
        games.columns[0] = 0
        games.terminated[0] = 0
    return pieces


def naive_words(seed: int, game: int, n: int) -> list[int]:
    """Returns the words of sfc32 by Chris Doty-Humphrey (PractRand), on Python integers."""
    a, b, c, counter = (int(word) for word in np.random.SeedSequence((seed, game)).generate_state(4, np.uint32))
    words = []
    for _ in range(n):
        words.append((a + b + counter) & MASK)
        counter = (counter + 1) & MASK
        a, b = b ^ (b >> 9), (c + (c << 3)) & MASK
        c = (((c << 21) | (c >> 11)) + words[-1]) & MASK
    return words


@given(st.integers(0, 2**63), st.integers(0, 2**31))
def test_a_stream_is_sfc32(seed: int, game: int) -> None:
    streams = make_stream(seed, game)[None, :]
    words = naive_words(seed, game, 20)
    drawn = [int(draw_below(streams, 0, 1 << 30)) for _ in range(20)]
    assert drawn == [word >> 2 for word in words]


@given(st.integers(0, 1000), st.integers(1, 2**31 - 1))
def test_draws_are_below_their_bound_and_match_lemires_method(seed: int, bound: int) -> None:
    streams = make_stream(seed, 0)[None, :]
    words = iter(naive_words(seed, 0, 200))
    for _ in range(20):
        word = next(word for word in words if (word * bound & MASK) >= (1 << 32) % bound)
        assert draw_below(streams, 0, bound) == word * bound >> 32


@pytest.mark.parametrize(("seed", "game"), [(-1, 0), (0, -1)])
def test_negative_seeds_and_game_numbers_raise(seed: int, game: int) -> None:
    with pytest.raises(ConfigError) as error:
        make_stream(seed, game)
    assert str(error.value) == (
        f"A seed and a game number are 0 or more; got seed {seed}, game {game}. Pass 0 or more."
    )


@pytest.mark.parametrize("preview", [0, 1, 6])
def test_every_bag_has_all_seven_pieces(preview: int) -> None:
    pieces = dealt("7-bag", 70, seed=preview, preview=preview)
    bags = [pieces[k : k + 7] for k in range(0, 70, 7)]
    assert all(sorted(bag) == list(range(7)) for bag in bags)
    assert len({tuple(bag) for bag in bags}) > 1


# The guideline's bound: an I that opens one bag and the I that closes the next have twelve pieces between them; and an
# S and Z run is at most four long.
def test_droughts_and_runs_of_s_and_z_are_bounded() -> None:
    pieces = dealt("7-bag", 700, seed=0)
    places_of_i = [k for k, piece in enumerate(pieces) if naive.LETTERS[piece] == "I"]
    assert max(b - a - 1 for a, b in pairwise(places_of_i)) <= 12
    runs = "".join("x" if naive.LETTERS[piece] in "SZ" else " " for piece in pieces).split()
    assert max(len(run) for run in runs) <= 4


def chi_square(counts: npt.NDArray[np.int64]) -> float:
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2 / expected).sum())


# Quantiles of the chi-square distribution: 0.1 % of samples lie beyond 22.5 with 6 degrees of freedom, 84.0 with 48,
# and 5,228 with 5,039, one less than the orders of seven pieces.
@compiled_only
def test_uniform_pieces_and_pairs_are_uniform() -> None:
    pieces = np.array(dealt("uniform", 35_000, seed=0))
    assert chi_square(np.bincount(pieces, minlength=7)) < 22.5
    assert chi_square(np.bincount(7 * pieces[:-1] + pieces[1:], minlength=49)) < 84.0


@compiled_only
def test_pieces_of_some_kinds_are_independent_and_uniform() -> None:
    pieces = np.array(dealt("uniform:ZIS", 35_000, seed=0))
    kinds = np.array([naive.LETTERS.index(letter) for letter in "ZIS"])
    assert sorted(set(pieces)) == sorted(kinds)
    counts = np.bincount(7 * pieces[:-1] + pieces[1:], minlength=49).reshape(7, 7)[np.ix_(kinds, kinds)]
    assert chi_square(counts) < 26.1  # 0.1 % of samples lie beyond with 8 degrees of freedom


@compiled_only
def test_bags_are_uniform_shuffles() -> None:
    bags = np.array(dealt("7-bag", 70_000, seed=0)).reshape(-1, 7)
    for place in range(7):
        assert chi_square(np.bincount(bags[:, place], minlength=7)) < 22.5
    assert chi_square(np.bincount(7 * bags[:, 0] + bags[:, 1], minlength=49).reshape(7, 7)[~np.eye(7, dtype=bool)]) < 75


def test_a_script_needs_no_random_numbers() -> None:
    assert dealt("SZ", 5, seed=0) == dealt("SZ", 5, seed=1) == [5, 6, 5, 6, 5]
