"""Policies that need no training: a weighted sum of features, and chance.

Weights and features go by name, so that what a controller is made of reads as it does in the papers.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.features import FEATURES, GAME_OVER, Layout, feature_width, row_length
from tetrarium.engine.rules import Rules
from tetrarium.engine.weighing import RowWeights, can_weigh
from tetrarium.errors import ConfigError
from tetrarium.evaluation.kernels import choose_linear, choose_random, play_linear, play_random, record_linear
from tetrarium.evaluation.linear_drops import LinearDropSeat
from tetrarium.evaluation.matches import Match

__all__ = ["LinearPolicy", "RandomPolicy"]

_SAME_FOR_ALL: Final = ("next_pieces", "held_piece")  # no placement differs from another in these


class LinearPolicy:
    """Plays the placement with the largest weighted sum of features.

    A placement that ends the game counts as minus infinity; among equals the first one is played, orientation by
    orientation and in each from left to right, as in the literature (Thiery and Scherrer, ICGA Journal 32, 2009).

    >>> policy = LinearPolicy({"landing_height": -2.18, "eroded_cells": 2.42})
    >>> policy.features
    ('landing_height', 'eroded_cells')

    Args:
        weights: For each feature its weight. ``column_heights`` takes one weight for all columns, or as many as the
            board has columns; the policy then plays that width only.
        name: What reports call it.

    Raises:
        ConfigError: if there is no weight, a name is unknown, or a weight is not a finite number.
    """

    compiled = True
    preview: int | None = None

    def __init__(self, weights: Mapping[str, float | Sequence[float]], name: str = "linear") -> None:
        if not weights:
            raise ConfigError("A linear policy has at least one weight; got none. Name a feature, such as 'holes'.")
        self.name = name
        self.width: int | None = None
        self.weights: dict[str, tuple[float, ...]] = {}
        for feature in sorted(weights, key=lambda given: FEATURES.index(given) if given in FEATURES else -1):
            self.weights[feature] = self._checked(feature, weights[feature])
        self.features = tuple(self.weights)

    def _checked(self, feature: str, given: Any) -> tuple[float, ...]:
        feature_width(feature, 1, 0)  # refuses an unknown name
        if feature in _SAME_FOR_ALL:
            raise ConfigError(f"A linear policy weighs what placements differ in; got {feature!r}. Leave it out.")
        several = not isinstance(given, Real | str)
        values = tuple(given) if several else (given,)
        if several and feature != "column_heights":
            raise ConfigError(f"{feature!r} takes one weight; got {len(values)}. Pass a number.")
        if several:
            self.width = len(values)
        for value in values:
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise ConfigError(f"A weight is a finite number; got {value!r} for {feature!r}. Correct it.")
        return tuple(float(value) for value in values)

    def __repr__(self) -> str:
        return f"<LinearPolicy {self.name!r} of {len(self.features)} features>"

    def seat(self, match: Match) -> "_LinearSeat | LinearDropSeat":
        """Makes a seat for one thread."""
        rules = match.games.rules
        layout = match.layout((*self.features, "game_over"))
        weights = self._row_weights(layout, rules)
        if can_weigh(rules, weights):
            return LinearDropSeat(match.games, layout, weights)
        return _LinearSeat(match, layout, weights)

    def valuing_seat(self, match: Match) -> "_LinearSeat":
        """Makes a seat that also tells what every action is worth."""
        layout = match.layout((*self.features, "game_over"))
        return _LinearSeat(match, layout, self._row_weights(layout, match.games.rules))

    def _row_weights(self, layout: Layout, rules: Rules) -> RowWeights:
        """A weight for each number of a row."""
        weights = np.zeros(row_length(layout), dtype=np.float64)
        for feature, values in self.weights.items():
            start = layout[FEATURES.index(feature)]
            weights[start : start + feature_width(feature, rules.width, rules.preview)] = values
        return weights


class _LinearSeat:
    """A linear policy at a match of any kind."""

    def __init__(self, match: Match, layout: Layout, weights: RowWeights) -> None:
        rules = match.games.rules
        rows = match.rows(layout)[0]
        self._all = match.games
        self._games = match.games.rows
        self._script = rules.script
        self._choice = (
            rules.compiled,
            layout,
            match.memory(),
            rows,
            match.masks()[0],
            weights,
            int(layout[GAME_OVER]),
        )

    def choose(self, index: int) -> int:
        return int(choose_linear(self._games, index, *self._choice))

    def values(self) -> npt.NDArray[np.float32]:
        """``(n_actions,)`` sums for the match's only game as it stands; -inf for what is not legal, or ends it."""
        _, layout, _, rows, mask, weights, at_over = self._choice
        self._all.observe(layout, rows[None], mask[None])
        return np.where(mask & (rows[:, at_over] <= 0), rows @ weights, -np.inf).astype(np.float32)

    def play(self, listed: npt.NDArray[np.int64], n_pieces: int, max_pieces: int) -> int:
        return int(play_linear(self._games, listed, n_pieces, max_pieces, self._script, *self._choice))

    def record(self, index: int, max_pieces: int) -> npt.NDArray[np.int64]:
        """Plays one game to its end or the cut; returns the actions."""
        actions = np.empty(max_pieces, dtype=np.int64)
        return actions[: record_linear(self._games, index, actions, self._script, *self._choice)]


class RandomPolicy:
    """Plays any legal action, all equally likely.

    Its choices come from a stream of their own for each game, so that it meets the same pieces as every other policy.

    >>> RandomPolicy().name
    'random'
    """

    compiled = True
    name = "random"
    features: tuple[str, ...] = ()
    width: int | None = None
    preview: int | None = None

    def __repr__(self) -> str:
        return "<RandomPolicy>"

    def seat(self, match: Match) -> "_RandomSeat":
        """Makes a seat for one thread."""
        return _RandomSeat(match)


class _RandomSeat:
    def __init__(self, match: Match) -> None:
        self._games = match.games.rows
        self._script = match.games.rules.script
        self._choice = (match.games.rules.compiled, match.choice_streams, match.memory(), match.masks()[0])

    def choose(self, index: int) -> int:
        return int(choose_random(self._games, index, *self._choice))

    def play(self, listed: npt.NDArray[np.int64], n_pieces: int, max_pieces: int) -> int:
        return int(play_random(self._games, listed, n_pieces, max_pieces, self._script, *self._choice))
