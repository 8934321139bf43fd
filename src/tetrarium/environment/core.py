"""n games with an observation and a reward: the one core under every face of the environment.

Arrays are ``(n, …)``, one row a game. What an observation holds is in ``observations``.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tetrarium.engine import MAX_ORIENTATIONS, Games, KeyGames
from tetrarium.engine.keys import KEYS
from tetrarium.engine.scoring import clear_scores
from tetrarium.environment.config import EnvConfig
from tetrarium.environment.key_observations import make_key_observer
from tetrarium.environment.observations import Masks, Observations, Observer, make_observer
from tetrarium.errors import ConfigError, GameError, IllegalActionError

__all__ = ["GameCore", "Observations", "StepOutcome", "make_games", "whole_actions"]

_NO_LIMIT: Final = 1 << 62


class StepOutcome(NamedTuple):
    """What one step of n games gave."""

    observations: Observations
    masks: Masks
    rewards: npt.NDArray[np.float64]  # (n,)
    over: npt.NDArray[np.bool_]  # (n,) the placement ended the game
    cut: npt.NDArray[np.bool_]  # (n,) the game reached the piece limit


def make_games(config: EnvConfig, seed: int, numbers: Sequence[int], n_threads: int | None = None) -> Games | KeyGames:
    """Starts the numbered games of a seed, of the kind that the config's actions ask for."""
    if config.actions == "keys":
        return KeyGames(config.key_rules(), seed, numbers, n_threads)
    return Games(config.rules(), seed, numbers, n_threads)


def whole_actions(actions: Any) -> npt.NDArray[np.int64]:
    """Returns actions as the games take them.

    Raises:
        GameError: if they are not whole numbers.
    """
    given = np.asarray(actions)
    if given.dtype.kind not in "iu":
        raise GameError(f"Actions are whole numbers; got {given.dtype}. Pass integers, one a game.")
    return given.astype(np.int64, copy=False)


class GameCore:
    """n games stepped together.

    Args:
        config: What is played and seen.
        n_games: How many games, at least 1.
        seed: Game k of a seed is the same in a core of any size.
        n_threads: That share a step; left out: one for each core, as long as each has 512 games.

    Raises:
        ConfigError: if the config is no ``EnvConfig``, or there is no game.
    """

    def __init__(self, config: EnvConfig, n_games: int, seed: int, n_threads: int | None = None) -> None:
        if not isinstance(config, EnvConfig):
            raise ConfigError(f"A game is made of an EnvConfig; got {config!r}. Write EnvConfig(height=10), say.")
        if n_games < 1:
            raise ConfigError(f"There is at least one game; got n_envs={n_games}. Ask for 1 or more.")
        self.config = config
        self.games: Any = make_games(config, seed, range(n_games), n_threads)
        self._observer: Observer = (make_key_observer if self.by_keys else make_observer)(config, n_games)
        self.observation_space = self._observer.space  # of one game
        self.action_space = spaces.Discrete(self.games.n_actions)
        self.masks: Masks = np.zeros((n_games, self.games.n_actions), dtype=np.bool_)
        self.rows_t = np.zeros_like(self.games.rows)  # every game as it was before the last step
        self.rewards_game = np.zeros(n_games)  # (n,) sum of the rewards of the game so far
        self._max_pieces = config.max_pieces or _NO_LIMIT

    @property
    def by_keys(self) -> bool:
        """Whether an action is a key, not a placement."""
        return self.config.actions == "keys"

    def reset(self, seed: int | None = None) -> Observations:
        """Starts every game anew and returns what is seen; without a seed, streams go on where they are."""
        everyone = range(self.games.n_games)
        self.begin_games(everyone, [None if seed is None else (seed, number) for number in everyone])
        return self.observe()

    def begin_games(self, indices: Iterable[int], streams: Iterable[tuple[int, int] | None]) -> None:
        """Starts some games anew, each with the stream of a seed and a number, or where its own stream is."""
        for index, stream in zip(indices, streams, strict=True):
            if stream is None:
                self.games.restart(index)
            else:
                self.games.reseed_one(index, *stream)
            self.rewards_game[index] = 0.0

    def observe(self) -> Observations:
        """Returns what is seen now, and brings the masks up to date."""
        self.masks = np.empty_like(self.masks)
        return self._observer.observe(self.games, self.masks)

    def final_observations(self, indices: npt.NDArray[np.intp]) -> Observations:
        """Returns the last observations of games that the last step ended or cut and started anew, one entry each."""
        return self._observer.final(self.games, indices)

    def final_masks(self) -> Masks:
        """Returns the actions with which games would have gone on that the last step cut; none for the others."""
        masks = np.zeros_like(self.masks)
        cut = np.flatnonzero(self.games.step_cut)
        if len(cut):
            some = masks[cut]
            self.games.write_masks(self.games.reached.rows[cut], some)
            masks[cut] = some
        return masks

    def step(
        self, actions: npt.NDArray[np.int64], *, restart: bool, fresh: npt.NDArray[np.bool_] | None = None
    ) -> StepOutcome:
        """Plays one action in every game.

        Args:
            actions: ``(n,)`` one each.
            restart: Whether games that end or are cut start anew; ``final_observations`` then tells how they ended.
            fresh: ``(n,)`` games that start anew instead, whatever their action; nothing is earned by that.

        Raises:
            GameError: if an action is out of range or a game has ended; nothing has been played then.
            IllegalActionError: under ``illegal_action="raise"``, if an action is not legal.
        """
        if self.config.illegal_action == "raise":
            self._require_legal(actions, fresh)
        masks = np.empty_like(self.masks)
        games = self.games
        np.copyto(self.rows_t, games.rows)
        observations = self._observer.step(
            games, actions, masks, max_pieces=self._max_pieces, restart=restart, fresh=fresh
        )
        self.masks = masks
        rewards = self._rewards()
        self.rewards_game += rewards
        if fresh is not None:
            self.rewards_game[fresh] = 0.0
        return StepOutcome(
            observations=observations,
            masks=masks,
            rewards=rewards,
            over=games.step_over.astype(np.bool_),
            cut=games.step_cut.astype(np.bool_),
        )

    def placements(self) -> dict[str, npt.NDArray[np.int64]]:
        """Where the last step's pieces came to rest, where an action does not tell: rotation, column, row, spin."""
        return {"placement": self.games.placements.copy()} if self.config.actions == "reachable" else {}

    def left_out(self, rows: npt.NDArray[np.int64], masks: Masks) -> dict[str, npt.NDArray[np.int64]]:
        """How many lock positions have no action, ``(n,)``, in games of these rows and masks."""
        return {"left_out": self.games.left_out(rows, masks)} if self.config.actions == "reachable" else {}

    def keys_to(self, index: int, action: int) -> tuple[str, ...]:
        """The fewest keys that play an action in one game, an illegal one as the nearest.

        Raises:
            ConfigError: if actions are keys themselves.
            GameError: if the game has ended, or no keys lead there.
        """
        if self.by_keys:
            raise ConfigError("Keys lead to placements; got actions='keys'. Use actions='drop' or 'reachable'.")
        found: tuple[str, ...] = self.games.keys_to(index, action)
        return found

    def add_points(self, scores: npt.NDArray[np.int64]) -> None:
        """Brings the points of all games, ``(n,)``, from before the last step to after it, before any restart."""
        games = self.games
        if self.by_keys or self.config.game_over == "guideline":
            scores[:] = games.reached.scores
        elif np.count_nonzero(games.step_lines):
            scores += clear_scores(games.step_lines, games.reached.lines - games.step_lines)

    def _rewards(self) -> npt.NDArray[np.float64]:
        config, games = self.config, self.games
        rewards: npt.NDArray[np.float64] = (
            config.line_reward * games.step_lines - config.game_over_penalty * games.step_over
        )
        if config.hole_penalty:
            rewards = rewards - config.hole_penalty * np.maximum(games.new_holes, 0)
        if config.height_penalty:
            rewards = rewards - config.height_penalty * np.maximum(games.added_height, 0)
        return rewards.astype(np.float64, copy=False)

    def _require_legal(self, actions: npt.NDArray[np.int64], fresh: npt.NDArray[np.bool_] | None) -> None:
        for index, action in enumerate(actions):
            if fresh is not None and fresh[index]:
                continue
            if self.games.over[index]:
                return  # the step says so
            if not 0 <= action < self.games.n_actions:
                raise GameError(f"An action is from 0 to {self.games.n_actions - 1}; got {action}. Choose a legal one.")
            if not self.masks[index, action]:
                if self.by_keys:
                    raise IllegalActionError(
                        f"Key {action} ({KEYS[action]}) is not legal now. Choose one that action_mask allows."
                    )
                raise IllegalActionError(
                    f"{self._named(int(action))} is not legal for this piece. Choose one that action_mask allows."
                )

    def _named(self, action: int) -> str:
        config, n_choices = self.config, self.games.rules.n_choices
        hold, choice = divmod(action, n_choices)
        parts = ["hold"] if hold else []
        if config.actions == "drop":
            parts += [f"rotation {choice % MAX_ORIENTATIONS}", f"column {choice // MAX_ORIENTATIONS}"]
        return f"Action {action} ({', '.join(parts)})" if parts else f"Action {action}"

    def state(self) -> dict[str, Any]:
        """Copies out everything that the future depends on."""
        return {"rows": self.games.rows.copy(), "rewards_game": self.rewards_game.copy()}

    def set_state(self, state: dict[str, Any]) -> Observations:
        """Puts back what ``state`` gave, and returns what is seen.

        Raises:
            GameError: if the state is of another number or shape of games.
        """
        rows = np.asarray(state["rows"])
        if rows.shape != self.games.rows.shape:
            raise GameError(
                f"The games saved have shape {rows.shape}, these {self.games.rows.shape}. "
                "Use the config they came from."
            )
        self.games.rows[:] = rows
        self.rewards_game[:] = state["rewards_game"]
        return self.observe()
