"""Any object that predicts as a policy: played in lockstep, many games a call, because each call is slow.

Such an object has ``features``, and ``predict(observations) -> (actions, state)`` with observations
``(n, n_actions, n_features) float32``, features in the order in which it names them, the rows of illegal actions -1
throughout, and ``n`` actions. An agent is one.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tetrarium.engine.features import FEATURES, feature_width
from tetrarium.engine.game_rows import N_PLACED, OVER
from tetrarium.errors import IllegalActionError, PolicyError
from tetrarium.evaluation.kernels import nearest_listed, observe_listed, place_listed
from tetrarium.evaluation.matches import Match, PlayablePolicy

__all__ = ["PredictingPolicy", "as_playable"]


def as_playable(policy: Any) -> PlayablePolicy:
    """Returns what is played for this object.

    An object with ``playing_policy()`` is replaced by its result; then one that has ``seat`` is played as it is, and
    one that has ``predict`` and ``features`` in lockstep.

    Raises:
        PolicyError: if it is none of these.
    """
    if hasattr(policy, "playing_policy"):
        policy = policy.playing_policy()
    if hasattr(policy, "seat"):
        playable: PlayablePolicy = policy
        return playable
    if callable(getattr(policy, "predict", None)) and hasattr(policy, "features"):
        return PredictingPolicy(policy)
    if isinstance(policy, tuple):
        raise PolicyError(
            "A policy is played alone; got a tuple, as load_model returns. Write policy, config = load_model(name)."
        )
    if callable(getattr(policy, "predict", None)):
        raise PolicyError(
            f"A policy says which features it reads; got {policy!r} without. Set its 'features' to those of the "
            "EnvConfig that it was trained with."
        )
    raise PolicyError(
        f"A policy has 'features' and 'predict'; got {policy!r}. Pass an agent, a policy of tetrarium.evaluation, "
        "or named_policy('dt-10')."
    )


class PredictingPolicy:
    """An object with ``predict`` as a policy that ``evaluate`` plays."""

    compiled = False

    def __init__(self, predictor: Any) -> None:
        self._predictor = predictor
        self.name = str(getattr(predictor, "name", type(predictor).__name__))
        self.features = tuple(predictor.features)
        self.width: int | None = getattr(predictor, "width", None)
        self.preview: int | None = getattr(predictor, "preview", None)

    def seat(self, match: Match) -> "_PredictingSeat":
        """Makes a seat for one thread."""
        return _PredictingSeat(self, match)

    def predict(self, observations: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """``(n,) int64`` actions for ``(n, n_actions, n_features)`` observations.

        Raises:
            PolicyError: if it does not answer with one action in range for each game.
        """
        given, _ = self._predictor.predict(observations)
        actions = np.asarray(given)
        n_games, n_actions = observations.shape[:2]
        if actions.shape != (n_games,) or not np.issubdtype(actions.dtype, np.integer):
            raise PolicyError(
                f"The policy {self.name!r} is asked for {n_games} whole numbers; it predicted {actions.dtype} of shape "
                f"{actions.shape}. Return one action for each observation."
            )
        if actions.min() < 0 or actions.max() >= n_actions:
            wrong = actions[(actions < 0) | (actions >= n_actions)][0]
            raise PolicyError(f"An action is from 0 to {n_actions - 1}; the policy {self.name!r} predicted {wrong}.")
        return actions.astype(np.int64)


class _PredictingSeat:
    def __init__(self, policy: PredictingPolicy, match: Match) -> None:
        self._policy = policy
        self._match = match
        self._layout = match.layout(policy.features)
        self._columns = self._columns_as_named()
        self._scratch = match.memory()

    def choose(self, index: int) -> int:
        return int(self._choose(np.array([index], dtype=np.int64))[0])

    def play(self, listed: npt.NDArray[np.int64], n_pieces: int, max_pieces: int) -> int:
        games, rules = self._match.games.rows, self._match.games.rules
        n_placed = 0
        for _ in range(n_pieces):
            listed = listed[(games[listed, OVER] == 0) & (games[listed, N_PLACED] < max_pieces)]
            if len(listed) == 0:
                break
            place_listed(games, listed, self._choose(listed), rules.script, rules.compiled, self._scratch)
            n_placed += len(listed)
        return n_placed

    def _choose(self, listed: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        games, rules = self._match.games.rows, self._match.games.rules
        observations = self._match.rows(self._layout, len(listed))
        observe_listed(games, listed, rules.compiled, self._layout, self._scratch, observations, self._match.masks()[0])
        actions = self._policy.predict(observations[..., self._columns])
        legal = np.empty_like(actions)
        nearest_listed(games, listed, actions, rules.compiled, self._scratch, legal)
        if self._match.illegal_action == "raise" and (legal != actions).any():
            wrong = int(np.flatnonzero(legal != actions)[0])
            raise IllegalActionError(
                f"The policy {self._policy.name!r} chose action {actions[wrong]}, which the piece does not have; "
                f"the nearest is {legal[wrong]}. Choose a row that is not -1, or play with illegal_action='nearest'."
            )
        return legal

    def _columns_as_named(self) -> npt.NDArray[np.int64] | slice:
        """Where in a row the numbers lie that the policy names, in its order; all, where that is the engine's."""
        features, rules = self._policy.features, self._match.games.rules
        if features == tuple(name for name in FEATURES if name in features):
            return slice(None)
        starts = [int(self._layout[FEATURES.index(name)]) for name in features]
        widths = [feature_width(name, rules.width, rules.preview) for name in features]
        return np.concatenate([np.arange(start, start + n) for start, n in zip(starts, widths, strict=True)])
