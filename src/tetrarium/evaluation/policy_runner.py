"""Game batches, the interface of policies that play them, and the adapter of any object with ``predict``.

A policy makes one ``PolicyRunner`` for each thread. A runner holds that thread's working memory; it plays listed games
of the batch for a number of pieces, or chooses the action of one game.

An object with ``predict``, for example an agent, has ``features`` and ``predict(observations) -> (actions, state)``. It
is played in lockstep because each call is slow. Observations are ``(n, n_actions, n_features) float32``, with the
features in the order of ``features`` and -1 throughout the rows of illegal actions; ``n`` actions are returned.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from tetrarium.engine import Games, Layout, make_layout, row_length
from tetrarium.engine.afterstates.feature_rows import Scratch
from tetrarium.engine.features import FEATURES, feature_width
from tetrarium.engine.placement.hold_and_spawn import make_game_scratch
from tetrarium.engine.random_streams import N_STREAM_WORDS
from tetrarium.engine.state_layout import N_PLACED, TERMINATED
from tetrarium.environment import EnvConfig
from tetrarium.errors import IllegalActionError, PolicyError
from tetrarium.evaluation.kernels.listed_games import nearest_listed, observe_listed, place_listed

_CHOICE_STREAM_KEY: Final = 1  # separates the stream of a policy's choices from that of the game's pieces


class PolicyRunner(Protocol):
    """Policy bound to a batch, with its own working memory: threads do not share runners."""

    def choose(self, index: int) -> int:
        """Returns the legal action that the policy plays in one game."""

    def play(self, listed: npt.NDArray[np.int64], n_pieces: int, max_pieces: int) -> int:
        """Plays up to ``n_pieces`` pieces of each listed game, to its end or ``max_pieces``; returns their number."""


class PlayablePolicy(Protocol):
    """Policy that ``evaluate`` plays directly; every policy of this package is one."""

    name: str
    features: tuple[str, ...]
    width: int | None  # the only board width that it plays, or None for any
    preview: int | None  # the only preview that it plays, or None for any
    compiled: bool  # whether its runners run without the GIL, so that threads help
    # Optional: digest, a text that is equal for policies with the same weights; ledgers need it.

    def make_runner(self, batch: "GameBatch") -> PolicyRunner:
        """Returns a runner for one thread."""


@dataclass(frozen=True, kw_only=True)
class GameBatch:
    """Games of one seed, and the treatment of illegal actions."""

    games: Games
    seed: int
    numbers: tuple[int, ...]  # numbers of the games under the seed
    illegal_action: str  # "nearest" or "raise"

    @cached_property
    def choice_streams(self) -> npt.NDArray[np.int64]:
        """``(n, 4) int64`` random streams for a policy's choices, separate from those of the pieces."""
        streams = np.empty((len(self.numbers), N_STREAM_WORDS), dtype=np.int64)
        for index, number in enumerate(self.numbers):
            sequence = np.random.SeedSequence((self.seed, number), spawn_key=(_CHOICE_STREAM_KEY,))
            streams[index] = sequence.generate_state(N_STREAM_WORDS, np.uint32)
        return streams

    @property
    def has_choice_streams(self) -> bool:
        """True if a policy draws its choices: its runner has asked for their streams."""
        return "choice_streams" in self.__dict__

    def states(self, n_games: int, with_choice_streams: bool) -> npt.NDArray[np.int64]:
        """Returns a copy of the first games' rows, ``(n_games, …)``, followed by their streams of choices if wanted."""
        rows = self.games.rows[:n_games]
        return np.hstack((rows, self.choice_streams[:n_games])) if with_choice_streams else rows.copy()

    def set_states(self, states: npt.NDArray[np.int64]) -> None:
        """Sets the first games to the states that ``states`` returned."""
        n_games, n_words = len(states), self.games.rows.shape[1]
        self.games.rows[:n_games] = states[:, :n_words]
        if states.shape[1] > n_words:
            self.choice_streams[:n_games] = states[:, n_words:]

    def layout(self, features: tuple[str, ...]) -> Layout:
        """Returns the positions of these features in a row."""
        return make_layout(features, self.games.rules.width, self.games.rules.preview)

    def rows(self, layout: Layout, n_games: int = 1) -> npt.NDArray[np.float32]:
        """Returns an array for the afterstates of some games, ``(n_games, n_actions, row length)``."""
        return np.empty((n_games, self.games.n_actions, row_length(layout)), dtype=np.float32)

    def masks(self, n_games: int = 1) -> npt.NDArray[np.bool_]:
        """Returns an array for the legal actions of some games, ``(n_games, n_actions)``."""
        return np.empty((n_games, self.games.n_actions), dtype=np.bool_)

    def memory(self) -> Scratch:
        """Returns the kernels' working memory for one thread."""
        return make_game_scratch(self.games.rules)

    @classmethod
    def begin(cls, config: EnvConfig, seed: int, numbers: tuple[int, ...]) -> "GameBatch":
        """Starts the numbered games of a seed."""
        games = Games(config.rules(), seed, numbers)
        return cls(games=games, seed=seed, numbers=numbers, illegal_action=config.illegal_action)


def require_playable(policy: PlayablePolicy, config: EnvConfig) -> None:
    """Checks that a policy plays this game.

    Raises:
        PolicyError: if the board's width, its preview, the hold or the action mode is not one that it plays.
    """
    if config.actions == "keys":
        raise PolicyError(
            f"The policy {policy.name!r} chooses placements; got actions='keys'. Evaluate it with actions='drop' or "
            "'reachable'."
        )
    made_for: list[tuple[str, Any, Any]] = []
    if "held_piece" in policy.features:
        made_for.append(("hold", True, config.hold))
    if policy.width is not None:
        made_for.append(("width", policy.width, config.width))
    if policy.preview is not None:
        made_for.append(("preview", policy.preview, config.preview))
    for setting, plays, given in made_for:
        if plays != given:
            raise PolicyError(
                f"The policy {policy.name!r} plays {setting}={plays!r} only; got {setting}={given!r}. "
                f"Evaluate it with {setting}={plays!r}, or use a policy made for this game."
            )


def as_playable(policy: Any) -> PlayablePolicy:
    """Returns the policy that is played for an object.

    An object with ``compiled_policy()`` is replaced by its result. One that has ``make_runner`` is then returned
    unchanged; one that has ``predict`` and ``features`` is played in lockstep.

    Raises:
        PolicyError: if it is none of these.
    """
    if isinstance(policy, type):
        raise PolicyError(f"A policy is an object; got the class {policy.__name__}. Pass {policy.__name__}(…).")
    if _overrides(policy, "predict", "compiled_policy"):
        return PredictingPolicy(policy)
    if hasattr(policy, "compiled_policy"):
        policy = policy.compiled_policy()
    if hasattr(policy, "make_runner"):
        playable: PlayablePolicy = policy
        return playable
    if callable(getattr(policy, "predict", None)) and hasattr(policy, "features"):
        return PredictingPolicy(policy)
    if isinstance(policy, tuple):
        raise PolicyError(
            "A policy is one object; got a tuple, as load_model returns. Write policy, config = load_model(name)."
        )
    if callable(getattr(policy, "predict", None)):
        raise PolicyError(
            f"A policy has 'features'; got {policy!r} without. Set its 'features' to those of the "
            "EnvConfig that it was trained with."
        )
    raise PolicyError(
        f"A policy has 'features' and 'predict'; got {policy!r}. Pass an agent, a policy of tetrarium.evaluation, "
        "or named_policy('dt-10')."
    )


def _overrides(policy: Any, method: str, compiled: str) -> bool:
    """Returns whether an object defines a method in a subclass of the class that defines its compiled form."""
    for kind in (policy, *type(policy).__mro__):
        names = getattr(kind, "__dict__", {})
        if compiled in names:
            return False
        if method in names:
            return hasattr(policy, compiled)
    return False


class PredictingPolicy:
    """Policy made of an object with ``predict``."""

    compiled = False

    def __init__(self, predictor: Any) -> None:
        self._predictor = predictor
        self.name = str(getattr(predictor, "name", type(predictor).__name__))
        self.features = tuple(predictor.features)
        self.width: int | None = getattr(predictor, "width", None)
        self.preview: int | None = getattr(predictor, "preview", None)

    def make_runner(self, batch: GameBatch) -> "_PredictingRunner":
        """Returns a runner for one thread."""
        return _PredictingRunner(self, batch)

    def predict(self, observations: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """Returns ``(n,) int64`` actions for ``(n, n_actions, n_features)`` observations.

        Raises:
            PolicyError: if it does not return one action in range for each game.
        """
        given, _ = self._predictor.predict(observations)
        actions = np.asarray(given)
        n_games, n_actions = observations.shape[:2]
        if actions.shape != (n_games,) or not np.issubdtype(actions.dtype, np.integer):
            raise PolicyError(
                f"The policy {self.name!r} predicts {n_games} integers, one for each game; it predicted "
                f"{actions.dtype} of shape {actions.shape}. Return one action for each observation."
            )
        if actions.min() < 0 or actions.max() >= n_actions:
            wrong = actions[(actions < 0) | (actions >= n_actions)][0]
            raise PolicyError(f"An action is from 0 to {n_actions - 1}; the policy {self.name!r} predicted {wrong}.")
        return actions.astype(np.int64)


class _PredictingRunner:
    def __init__(self, policy: PredictingPolicy, batch: GameBatch) -> None:
        self._policy = policy
        self._batch = batch
        self._layout = batch.layout(policy.features)
        self._columns = self._feature_columns()
        self._scratch = batch.memory()

    def choose(self, index: int) -> int:
        return int(self._choose(np.array([index], dtype=np.int64))[0])

    def play(self, listed: npt.NDArray[np.int64], n_pieces: int, max_pieces: int) -> int:
        games, rules = self._batch.games.rows, self._batch.games.rules
        n_placed = 0
        for _ in range(n_pieces):
            listed = listed[(games[listed, TERMINATED] == 0) & (games[listed, N_PLACED] < max_pieces)]
            if len(listed) == 0:
                break
            place_listed(games, listed, self._choose(listed), rules.script, rules.compiled, self._scratch)
            n_placed += len(listed)
        return n_placed

    def _choose(self, listed: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        games, rules = self._batch.games.rows, self._batch.games.rules
        observations = self._batch.rows(self._layout, len(listed))
        observe_listed(games, listed, rules.compiled, self._layout, self._scratch, observations, self._batch.masks()[0])
        actions = self._policy.predict(observations[..., self._columns])
        legal = np.empty_like(actions)
        nearest_listed(games, listed, actions, rules.compiled, self._scratch, legal)
        if self._batch.illegal_action == "raise" and (legal != actions).any():
            wrong = int(np.flatnonzero(legal != actions)[0])
            raise IllegalActionError(
                f"The policy {self._policy.name!r} chose action {actions[wrong]}, which the piece does not have; "
                f"the nearest is {legal[wrong]}. Choose a row that is not -1, or play with illegal_action='nearest'."
            )
        return legal

    def _feature_columns(self) -> npt.NDArray[np.int64] | slice:
        """Returns the columns of the policy's features in its order; a slice of all if that is the engine's order."""
        features, rules = self._policy.features, self._batch.games.rules
        if features == tuple(name for name in FEATURES if name in features):
            return slice(None)
        starts = [int(self._layout[FEATURES.index(name)]) for name in features]
        widths = [feature_width(name, rules.width, rules.preview) for name in features]
        return np.concatenate([np.arange(start, start + n) for start, n in zip(starts, widths, strict=True)])
