"""Policies that need no training: linear controllers, which weigh features by name, and random play.

Sources of the published controllers: Pierre Dellacherie's as described by Fahey, "Tetris AI", 2003; *DU* from Thiery
and Scherrer, "Building Controllers for Tetris", ICGA Journal 32, 2009 (there called BCTS); *DT-10* from Scherrer,
Ghavamzadeh, Gabillon, Lesner and Geist, JMLR 16, 2015. Its table 1 gives the mean lines over 10,000 games under
literature rules: DU 3,800 and DT-10 5,000 on a board of 10 × 10, 31,000,000 and 29,000,000 on 10 × 20.

DU was published with the cumulative wells of Thiery and Scherrer, here ``wells``; the DT controllers with the variant
here called ``fast_wells``.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.afterstates.linear_values import RowWeights, nonzero_features, supports_linear_values
from tetrarium.engine.features import FEATURES, GAME_OVER, FeatureSpec, Layout, feature_spec, feature_width, row_length
from tetrarium.engine.rules import Rules, require_instance
from tetrarium.errors import ConfigError, UnknownAgentError, suggestion
from tetrarium.evaluation.kernels.linear import LinearChoice, LinearDropChoice, RandomChoice
from tetrarium.evaluation.kernels.listed_games import CompiledRunner
from tetrarium.evaluation.policy_runner import GameBatch


class LinearPolicy:
    """Policy that plays the placement with the largest weighted sum of features.

    A placement that ends the game counts as minus infinity; among equals the first one is played, orientation by
    orientation and in each from left to right, as in the literature (Thiery and Scherrer, ICGA Journal 32, 2009).

    >>> policy = LinearPolicy({"landing_height": -2.18, "eroded_cells": 2.42})
    >>> policy.features
    ('landing_height', 'eroded_cells')

    Args:
        weights: Weight of each feature. A feature of several numbers takes one weight for all of them, or as many
            as the board has columns, or gaps between columns; the policy then plays that width only.
        name: Name in reports.

    Raises:
        ConfigError: if there is no weight, a name is unknown, or a weight is not a finite number.
    """

    compiled = True
    preview: int | None = None

    def __init__(self, weights: Mapping[str, float | Sequence[float]], name: str = "linear") -> None:
        require_instance("weights", weights, Mapping)
        if not weights:
            raise ConfigError("A linear policy has at least one weight; got none. Name a feature, such as 'holes'.")
        self.name = name
        self.width: int | None = None
        self.weights: dict[str, tuple[float, ...]] = {}
        for feature in sorted(weights, key=lambda given: FEATURES.index(given) if given in FEATURES else -1):
            self.weights[feature] = self._checked(feature, weights[feature])
        self.features = tuple(self.weights)

    def _checked(self, feature: str, given: Any) -> tuple[float, ...]:
        spec = feature_spec(feature)
        if not spec.is_weighable:
            raise ConfigError(f"A linear policy weighs what placements differ in; got {feature!r}. Leave it out.")
        several = isinstance(given, Sequence | np.ndarray) and not isinstance(given, str)
        values = tuple(given) if several else (given,)
        if several:
            self.width = self._fitting_width(spec, len(values))
        for value in values:
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise ConfigError(f"A weight is a finite number; got {value!r} for {feature!r}. Correct it.")
        return tuple(float(value) for value in values)

    def _fitting_width(self, spec: FeatureSpec, n_weights: int) -> int:
        """Returns the width of the boards on which a feature has so many numbers."""
        width = spec.board_width(n_weights)
        if width is None:
            raise ConfigError(f"{spec.name!r} takes one weight; got {n_weights}. Pass a number.")
        if self.width not in (None, width):
            raise ConfigError(
                f"Weights fit boards of one width; got {n_weights} of {spec.name!r}, for {width} columns, and some for "
                f"{self.width} columns. Pass as many as fit, or one for all."
            )
        return width

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        return hashlib.sha256(repr(("linear", self.weights)).encode()).hexdigest()

    def __repr__(self) -> str:
        return f"<LinearPolicy {self.name!r} of {len(self.features)} features>"

    def make_runner(self, batch: GameBatch) -> CompiledRunner:
        """Returns a runner for one thread."""
        rules = batch.games.rules
        layout = batch.layout((*self.features, "game_over"))
        weights = self._row_weights(layout, rules)
        if supports_linear_values(rules, weights):
            return CompiledRunner(batch.games, LinearDropChoice(nonzero_features(layout, weights, rules), weights))
        return self.make_value_runner(batch)

    def make_value_runner(self, batch: GameBatch) -> "_LinearRunner":
        """Returns a runner that also computes the value of every action."""
        layout = batch.layout((*self.features, "game_over"))
        weights = self._row_weights(layout, batch.games.rules)
        at_over = int(layout[GAME_OVER])
        return _LinearRunner(
            batch.games, LinearChoice(layout, weights, at_over, batch.rows(layout)[0], batch.masks()[0])
        )

    def _row_weights(self, layout: Layout, rules: Rules) -> RowWeights:
        """Returns one weight for each number of a row."""
        weights = np.zeros(row_length(layout), dtype=np.float64)
        for feature, values in self.weights.items():
            start = layout[FEATURES.index(feature)]
            weights[start : start + feature_width(feature, rules.width, rules.preview)] = values
        return weights


class _LinearRunner(CompiledRunner):
    def values(self) -> npt.NDArray[np.float32]:
        """Returns ``(n_actions,) float32`` sums of the batch's only game; -inf for illegal or fatal actions."""
        _, weights, at_over, rows, mask = self.choice
        self.observe()
        return np.where(mask & (rows[:, at_over] <= 0), rows @ weights, -np.inf).astype(np.float32)


class RandomPolicy:
    """Policy that plays any legal action, all equally likely.

    Its choices come from a separate random stream for each game, so that it gets the same pieces as other policies.

    >>> RandomPolicy().name
    'random'
    """

    compiled = True
    name = digest = "random"
    features: tuple[str, ...] = ()
    width: int | None = None
    preview: int | None = None

    def __repr__(self) -> str:
        return "<RandomPolicy>"

    def make_runner(self, batch: GameBatch) -> CompiledRunner:
        """Returns a runner for one thread."""
        return CompiledRunner(batch.games, RandomChoice(batch.choice_streams, batch.masks()[0]))


PUBLISHED: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "dellacherie": {
            "landing_height": -1.0,
            "eroded_cells": 1.0,
            "row_transitions": -1.0,
            "column_transitions": -1.0,
            "holes": -4.0,
            "wells": -1.0,
        },
        "du": {
            "landing_height": -12.62900,
            "eroded_cells": 6.601974,
            "row_transitions": -9.215815,
            "column_transitions": -19.77356,
            "holes": -13.08335,
            "wells": -10.48747,
            "hole_depth": -1.611863,
            "rows_with_holes": -24.04087,
        },
        "dt-10": {
            "landing_height": -2.18,
            "eroded_cells": 2.42,
            "row_transitions": -2.17,
            "column_transitions": -3.31,
            "holes": 0.95,
            "fast_wells": -2.22,
            "hole_depth": -0.81,
            "rows_with_holes": -9.65,
            "pattern_diversity": 1.27,
        },
    }
)

_RANDOM: Final = "random"
POLICY_NAMES: Final = (_RANDOM, *PUBLISHED)


def named_policy(name: str) -> LinearPolicy | RandomPolicy:
    """Returns random play or a published controller.

    >>> named_policy("dt-10").name
    'dt-10'

    Raises:
        ConfigError: if there is no such policy.
    """
    if isinstance(name, str) and name == _RANDOM:
        return RandomPolicy()
    if not isinstance(name, str) or name not in PUBLISHED:
        raise UnknownAgentError(
            f"A policy by name is one of {', '.join(POLICY_NAMES)}; got {name!r}.{suggestion(str(name), POLICY_NAMES)}"
        )
    return LinearPolicy(PUBLISHED[name], name=name)
