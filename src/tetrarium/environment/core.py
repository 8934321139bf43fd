"""n games with an observation and a reward: the one core under every face of the environment.

Arrays are ``(n, …)``, one row a game. An observation is ``(n, 4 * width, row length) float32``: row *a* describes the
board after action *a*, and is -1 throughout where the piece does not have that action, or the game has ended.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tetrarium.engine import FEATURES, Games, make_layout, row_length
from tetrarium.engine.features import feature_width
from tetrarium.environment.config import EnvConfig
from tetrarium.errors import ConfigError, GameError, IllegalActionError

__all__ = ["GameCore", "StepOutcome", "feature_limits", "observation_space"]

Observations = npt.NDArray[np.float32]  # (n, n_actions, row length)
Masks = npt.NDArray[np.bool_]  # (n, n_actions)

_NO_LIMIT: Final = 1 << 62


class StepOutcome(NamedTuple):
    """What one step of n games gave."""

    observations: Observations
    masks: Masks
    rewards: npt.NDArray[np.float64]  # (n,)
    over: npt.NDArray[np.bool_]  # (n,) the placement ended the game
    cut: npt.NDArray[np.bool_]  # (n,) the game reached the piece limit
    final_observations: Observations | None  # rows of games that ended or were cut, where games start anew


def feature_limits(config: EnvConfig) -> npt.NDArray[np.float32]:
    """Returns ``(row length,) float32``: the largest value that each number of a row can take."""
    rows = config.height + config.hidden_rows
    columns = config.width
    limits = {
        "column_heights": rows,
        "max_height": rows,
        "holes": columns * rows,
        "bumpiness": (columns - 1) * rows,
        "lines_cleared": 4,
        "landing_height": rows,
        "eroded_cells": 16,
        "row_transitions": config.height * (columns + 1),
        "column_transitions": columns * (rows + 1),
        "wells": columns * rows * (rows + 1) // 2,
        "fast_wells": columns * rows * (rows + 1) // 2,
        "hole_depth": columns * rows,
        "rows_with_holes": rows,
        "pattern_diversity": 5,
        "game_over": 1,
        "next_pieces": 1,
        "held_piece": 1,
    }
    wide = [
        np.full(feature_width(name, columns, config.preview), limits[name])
        for name in FEATURES
        if name in config.features
    ]
    return np.concatenate(wide).astype(np.float32)


def observation_space(config: EnvConfig) -> spaces.Box:
    """The space of one game's observation."""
    high = np.tile(feature_limits(config), (4 * config.width, 1))
    return spaces.Box(low=np.full_like(high, -1.0), high=high, dtype=np.float32)


class GameCore:
    """n games stepped together.

    Args:
        config: What is played and seen.
        n_games: How many games, at least 1.
        seed: Game k of a seed is the same in a core of any size.
    """

    def __init__(self, config: EnvConfig, n_games: int, seed: int) -> None:
        if n_games < 1:
            raise ConfigError(f"There is at least one game; got n_envs={n_games}. Ask for 1 or more.")
        self.config = config
        self.games = Games(config.rules(), seed, range(n_games))
        self.layout = make_layout(config.features, config.width, config.preview)
        self.observation_space = observation_space(config)
        self.action_space = spaces.Discrete(self.games.n_actions)
        self.masks: Masks = np.zeros((n_games, self.games.n_actions), dtype=np.bool_)
        self.rows_t = np.zeros_like(self.games.rows)  # every game as it was before the last step
        self.rewards_game = np.zeros(n_games)  # (n,) sum of the rewards of the game so far
        self._max_pieces = config.max_pieces or _NO_LIMIT
        self._final = self._empty()

    def _empty(self) -> Observations:
        return np.empty((self.games.n_games, self.games.n_actions, row_length(self.layout)), dtype=np.float32)

    def reset(self, seed: int | None = None) -> Observations:
        """Starts every game anew and returns what is seen; without a seed, streams go on where they are."""
        if seed is not None:
            self.games.reseed(seed, range(self.games.n_games))
        else:
            for index in range(self.games.n_games):
                self.games.restart(index)
        self.rewards_game[:] = 0.0
        return self.observe()

    def observe(self) -> Observations:
        """Returns what is seen now, and brings the masks up to date."""
        observations = self._empty()
        self.masks = np.empty_like(self.masks)
        self.games.observe(self.layout, observations, self.masks)
        return observations

    def step(self, actions: npt.NDArray[np.int64], *, restart: bool) -> StepOutcome:
        """Plays one action in every game; with ``restart``, games that ended or were cut start anew.

        Raises:
            GameError: if an action is out of range or a game has ended; nothing has been played then.
            IllegalActionError: under ``illegal_action="raise"``, if an action is not legal.
        """
        if self.config.illegal_action == "raise":
            self._require_legal(actions)
        observations, masks = self._empty(), np.empty_like(self.masks)
        games = self.games
        np.copyto(self.rows_t, games.rows)
        games.step(
            actions,
            self.layout,
            observations,
            masks,
            max_pieces=self._max_pieces,
            final_rows=self._final if restart else None,
        )
        self.masks = masks
        rewards = self._rewards()
        self.rewards_game += rewards
        return StepOutcome(
            observations=observations,
            masks=masks,
            rewards=rewards,
            over=games.step_over.astype(np.bool_),
            cut=games.step_cut.astype(np.bool_),
            final_observations=self._final if restart else None,
        )

    def _rewards(self) -> npt.NDArray[np.float64]:
        config, games = self.config, self.games
        rewards = config.line_reward * games.step_lines - config.game_over_penalty * games.step_over
        if config.hole_penalty:
            rewards = rewards - config.hole_penalty * np.maximum(games.new_holes, 0)
        if config.height_penalty:
            rewards = rewards - config.height_penalty * np.maximum(games.added_height, 0)
        return rewards.astype(np.float64)

    def _require_legal(self, actions: npt.NDArray[np.int64]) -> None:
        for index, action in enumerate(actions):
            if self.games.over[index]:
                return  # the step says so
            if not 0 <= action < self.games.n_actions:
                raise GameError(f"An action is from 0 to {self.games.n_actions - 1}; got {action}. Choose a legal one.")
            if not self.masks[index, action]:
                raise IllegalActionError(
                    f"Action {action} (rotation {action % 4}, column {action // 4}) is not legal for this piece. "
                    "Choose one that action_mask allows."
                )

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
