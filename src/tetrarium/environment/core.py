"""Core of all environment interfaces: n games stepped together, with observations, masks and rewards.

Arrays are ``(n, …)``, one row a game. The module ``observations`` describes observations.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tetrarium.engine import KEYS, MAX_ORIENTATIONS, Games, KeyGames
from tetrarium.engine.batches import IndependentCopies
from tetrarium.engine.rules import is_integer
from tetrarium.engine.scoring import clear_scores
from tetrarium.environment.config import EnvConfig
from tetrarium.environment.observations import Masks, Observations, ObservationWriter, make_observation_writer
from tetrarium.errors import ConfigError, GameError, IllegalActionError

_NO_LIMIT: Final = 1 << 62
_INT64: Final = np.dtype(np.int64)
_INT64_MAX: Final = np.uint64(2**63 - 1)
_STATE_MAX: Final = 2**62
_MAX_GAMES: Final = 1 << 20


class StepOutcome(NamedTuple):
    """Result of one step of n games."""

    observations: Observations
    masks: Masks
    rewards: npt.NDArray[np.float64]  # (n,)
    terminated: npt.NDArray[np.bool_]  # (n,) the placement ended the game
    truncated: npt.NDArray[np.bool_]  # (n,) the game reached the piece limit


def make_games(config: EnvConfig, seed: int, numbers: Sequence[int], n_threads: int | None = None) -> Games | KeyGames:
    """Starts the numbered games of a seed, by placements or by keys according to the config."""
    if config.actions == "keys":
        return KeyGames(config.key_rules(), seed, numbers, n_threads)
    return Games(config.rules(), seed, numbers, n_threads)


def integer_actions(actions: Any, n_games: int) -> npt.NDArray[np.int64]:
    """Returns actions as ``(n_games,) int64``; a number beyond it becomes the largest, which no game accepts.

    Raises:
        GameError: if they are not one integer for each game.
    """
    if isinstance(actions, np.ndarray) and actions.dtype is _INT64 and actions.shape == (n_games,):
        return actions  # as nearly always
    try:
        given = np.asarray(actions)
    except (TypeError, ValueError):
        raise GameError(f"Each of {n_games} games takes one action; got {actions!r:.80}. Pass one each.") from None
    if given.dtype.kind not in "iu":
        raise GameError(f"Actions are integers; got {given.dtype}. Pass one integer for each game.")
    if given.shape != (n_games,):
        raise GameError(f"Each of {n_games} games takes one action; got shape {given.shape}. Pass one each.")
    if given.dtype == np.uint64:
        given = np.minimum(given, _INT64_MAX)
    return given.astype(np.int64, copy=False)


def action_range_error(n_actions: int, action: object) -> GameError:
    """Returns the error for an action out of range."""
    return GameError(f"An action is from 0 to {n_actions - 1}; got {action}. Choose one that the mask allows.")


def checked_seed(seed: object) -> int | None:
    """Returns a seed as an integer of Python; None if there is none.

    Raises:
        ConfigError: if it is negative or not an integer.
    """
    if seed is None:
        return None
    if not is_integer(seed) or seed < 0:
        raise ConfigError(f"A seed is 0 or more; got {seed!r:.80}. Pass an integer of 0 or more.", field="seed")
    return int(seed)


def checked_options(options: object) -> Mapping[str, Any]:
    """Returns the options of a reset, empty if there are none.

    Raises:
        ConfigError: if they are no mapping.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise ConfigError(
            f"options is a mapping; got {options!r:.80}. Pass {{'keys': True}}, for example.", field="options"
        )
    return options


def random_seed() -> int:
    """Returns a random seed."""
    return int(np.random.SeedSequence().generate_state(1)[0])


class GameCore(IndependentCopies):
    """Batch of n games.

    Args:
        config: Settings of the games.
        n_games: Number of games, at least 1.
        seed: Game k of a seed is the same in a core of any size; random if None.
        n_threads: Threads that share a step; by default one for each CPU core and 512 games.

    Raises:
        ConfigError: if the config is no ``EnvConfig``, or ``n_games`` is below 1.
    """

    def __init__(self, config: EnvConfig, n_games: int, seed: int | None, n_threads: int | None = None) -> None:
        if not isinstance(config, EnvConfig):
            raise ConfigError(
                f"config is an EnvConfig; got {config!r}. Pass EnvConfig(height=10), for example.", field="config"
            )
        if not is_integer(n_games) or not 1 <= n_games <= _MAX_GAMES:
            raise ConfigError(
                f"n_envs is 1 or more; got {n_games!r:.80}. Pass an integer of up to {_MAX_GAMES:,}.", field="n_envs"
            )
        n_games = int(n_games)
        seed = random_seed() if seed is None else checked_seed(seed)
        assert seed is not None
        self.config = config
        self.games: Any = make_games(config, seed, range(n_games), n_threads)
        self._writer: ObservationWriter = make_observation_writer(config, n_games)
        self.observation_space = self._writer.space  # of one game
        self.action_space = spaces.Discrete(self.games.n_actions)
        self.masks: Masks = np.zeros((n_games, self.games.n_actions), dtype=np.bool_)
        self.states_t = np.zeros_like(self.games.rows)  # states of all games before the last step
        self.rewards_game = np.zeros(n_games)  # (n,) sum of the rewards of each game so far
        self._max_pieces = config.max_pieces or _NO_LIMIT

    @property
    def by_keys(self) -> bool:
        """True if actions are keys instead of placements."""
        return self.config.actions == "keys"

    def reset(self, seed: int | None = None) -> Observations:
        """Restarts every game and returns the observations; without a seed, the random streams continue."""
        indices = range(self.games.n_games)
        self.begin_games(indices, [None if seed is None else (seed, number) for number in indices])
        return self.observe()

    def begin_games(self, indices: Iterable[int], streams: Iterable[tuple[int, int] | None]) -> None:
        """Restarts some games, each with the random stream of a seed and a number, or continuing its own if None."""
        for index, stream in zip(indices, streams, strict=True):
            if stream is None:
                self.games.restart(index)
            else:
                self.games.reseed_one(index, *stream)
            self.rewards_game[index] = 0.0

    def observe(self) -> Observations:
        """Returns the present observations and updates ``masks``."""
        self.masks = np.empty_like(self.masks)
        return self._writer.observe(self.games, self.masks)

    def final_observations(self, indices: npt.NDArray[np.intp]) -> Observations:
        """Returns the final observations of games that the last step ended and restarted, one entry each."""
        return self._writer.final(self.games, indices)

    def final_masks(self) -> Masks:
        """Returns the final action masks of games that the last step truncated; all False for other games."""
        masks = np.zeros_like(self.masks)
        truncated = np.flatnonzero(self.games.step_truncated)
        if len(truncated):
            some = masks[truncated]
            self.games.write_masks(self.games.state_after.rows[truncated], some)
            masks[truncated] = some
        return masks

    def step(
        self, actions: npt.NDArray[np.int64], *, restart: bool, reset_mask: npt.NDArray[np.bool_] | None = None
    ) -> StepOutcome:
        """Plays one action in every game.

        Args:
            actions: ``(n,) int64``.
            restart: Whether games that terminate or are truncated restart; ``final_observations`` then returns their
                last observations.
            reset_mask: ``(n,) bool``, games that restart instead, whatever their action, with a reward of 0.

        Raises:
            GameError: if an action is out of range or a game has ended; no game is then changed.
            IllegalActionError: under ``illegal_action="raise"``, if an action is not legal.
        """
        if self.config.illegal_action == "raise":
            self._require_legal(actions, reset_mask)
        masks = np.empty_like(self.masks)
        games = self.games
        np.copyto(self.states_t, games.rows)
        observations = self._writer.step(
            games, actions, masks, max_pieces=self._max_pieces, restart=restart, reset_mask=reset_mask
        )
        self.masks = masks
        rewards = self._rewards()
        self.rewards_game += rewards
        if reset_mask is not None:
            self.rewards_game[reset_mask] = 0.0
        return StepOutcome(
            observations=observations,
            masks=masks,
            rewards=rewards,
            terminated=games.step_terminated.astype(np.bool_),
            truncated=games.step_truncated.astype(np.bool_),
        )

    def placements(self) -> dict[str, npt.NDArray[np.int64]]:
        """Returns the last step's placements (rotation, column, row, spin) if actions do not determine them."""
        return {"placement": self.games.placements.copy()} if self.config.actions == "reachable" else {}

    def n_dropped(self, rows: npt.NDArray[np.int64], masks: Masks) -> dict[str, npt.NDArray[np.int64]]:
        """Returns the number of lock positions without an action, ``(n,)``, in games of these rows and masks."""
        return {"n_dropped": self.games.count_dropped(rows, masks)} if self.config.actions == "reachable" else {}

    def keys_to(self, index: int, action: int) -> tuple[str, ...]:
        """Returns the shortest key sequence that plays an action in one game, an illegal one as the nearest.

        Raises:
            ConfigError: if actions are keys themselves.
            GameError: if the game has ended, or no key sequence leads there.
        """
        if self.by_keys:
            raise ConfigError(
                "Key sequences exist for placements; got actions='keys'. Use actions='drop' or 'reachable'.",
                field="actions",
            )
        if not is_integer(action) or not 0 <= action < self.games.n_actions:
            raise action_range_error(self.games.n_actions, repr(action))
        keys: tuple[str, ...] = self.games.keys_to(index, int(action))
        return keys

    def add_points(self, scores: npt.NDArray[np.int64]) -> None:
        """Updates the points of all games, ``(n,) int64``, by the last step, before any restart."""
        games = self.games
        if self.by_keys or self.config.game_over == "guideline":
            scores[:] = games.state_after.scores
        elif np.count_nonzero(games.step_lines):
            scores += clear_scores(games.step_lines, games.state_after.lines - games.step_lines)

    def _rewards(self) -> npt.NDArray[np.float64]:
        config, games = self.config, self.games
        rewards: npt.NDArray[np.float64] = (
            config.line_reward * games.step_lines - config.game_over_penalty * games.step_terminated
        )
        if config.hole_penalty:
            rewards = rewards - config.hole_penalty * np.maximum(games.new_holes, 0)
        if config.height_penalty:
            rewards = rewards - config.height_penalty * np.maximum(games.added_height, 0)
        return rewards.astype(np.float64, copy=False)

    def _require_legal(self, actions: npt.NDArray[np.int64], reset_mask: npt.NDArray[np.bool_] | None) -> None:
        for index, action in enumerate(actions):
            if reset_mask is not None and reset_mask[index]:
                continue
            if self.games.terminated[index]:
                return  # the step raises the error
            if not 0 <= action < self.games.n_actions:
                raise action_range_error(self.games.n_actions, action)
            if not self.masks[index, action]:
                if self.by_keys:
                    raise IllegalActionError(
                        f"Key {action} ({KEYS[action]}) is not legal now. Choose one that action_mask allows."
                    )
                raise IllegalActionError(
                    f"{self._describe(int(action))} is not legal for this piece. Choose one that action_mask allows."
                )

    def _describe(self, action: int) -> str:
        config, n_piece_actions = self.config, self.games.rules.n_piece_actions
        hold, choice = divmod(action, n_piece_actions)
        parts = ["hold"] if hold else []
        if config.actions == "drop":
            parts += [f"rotation {choice % MAX_ORIENTATIONS}", f"column {choice // MAX_ORIENTATIONS}"]
        return f"Action {action} ({', '.join(parts)})" if parts else f"Action {action}"

    def state(self) -> dict[str, Any]:
        """Returns a copy of everything that the future depends on."""
        return {"rows": self.games.rows.copy(), "rewards_game": self.rewards_game.copy()}

    def set_state(self, state: Mapping[str, Any]) -> Observations:
        """Restores a state that ``state`` returned; returns the observations.

        Raises:
            GameError: if the state belongs to another number, shape or kind of games; they are then unchanged.
        """
        games = self.games
        rows = state_array(state, "rows", games.rows.shape)
        if rows.max() > _STATE_MAX or rows.min() < -_STATE_MAX:  # sums in kernels would overflow
            raise GameError(f"Numbers of a state lie within ±{_STATE_MAX:,}. Pass what state() returned.")
        rewards_game = state_array(state, "rewards_game", self.rewards_game.shape, "iuf")
        before = games.rows.copy()
        games.rows[:] = rows
        try:
            for index in range(games.n_games):
                games.restore(index, games.state(index))
        except GameError:
            games.rows[:] = before
            raise
        self.rewards_game[:] = rewards_game
        return self.observe()


def state_array(state: Mapping[str, Any], name: str, shape: tuple[int, ...], kinds: str = "iu") -> npt.NDArray[Any]:
    """Returns a part of a saved state.

    Args:
        state: What ``state`` of an environment returned.
        name: Name of the part.
        shape: Its shape.
        kinds: Kinds of numbers that it may have, as in ``dtype.kind``.

    Raises:
        GameError: if it is missing, or of another shape or kind.
    """
    if not isinstance(state, Mapping) or name not in state:
        got = ", ".join(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        raise GameError(f"A state has {name}; got {got or 'nothing'}. Pass what state() returned.")
    try:
        values = np.asarray(state[name])
    except (TypeError, ValueError):  # ragged
        values = np.empty(0, dtype=object)
    if values.shape != shape or values.dtype.kind not in kinds or (values.dtype.kind == "f" and np.isnan(values).any()):
        raise GameError(
            f"A state fits its games, of shape {shape} in {name}; got a state of shape {values.shape}, {values.dtype}. "
            "Use the config that it was saved with."
        )
    return values
