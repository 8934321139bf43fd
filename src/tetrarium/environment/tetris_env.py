"""Tetris as a Gymnasium environment."""

from collections.abc import Callable
from typing import Any, cast

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tetrarium.engine.games import QUEUE
from tetrarium.engine.pieces import MAX_ORIENTATIONS, PIECE_WIDTHS
from tetrarium.engine.scoring import clear_score
from tetrarium.environment.config import EnvConfig
from tetrarium.environment.core import GameCore
from tetrarium.environment.rendering import render_rgb
from tetrarium.environment.scene import ColourBoard
from tetrarium.environment.text_board import render_ansi
from tetrarium.errors import ConfigError, suggestion

__all__ = ["TetrisEnv", "make_env"]

Observation = npt.NDArray[np.float32]  # (4 * width, row length)


class TetrisEnv(gymnasium.Env[Observation, np.int64]):
    """Tetris by straight drops, seen as the boards that each placement would leave.

    ## Action Space
    ``Discrete(4 * width)``: ``action = 4 * column + rotation``. Rotation counts clockwise turns from lying flat, column
    is the piece's leftmost cell. Legal actions are in ``info["action_mask"]`` and ``action_masks()``. Another one is
    played as the nearest legal one (``info["action"]`` says which), or raises under ``illegal_action="raise"``.

    ## Observation Space
    ``Box((4 * width, n_numbers), float32)``: row *a* holds the features of the board after action *a*, in the order of
    ``tetrarium.engine.FEATURES``; -1 throughout where *a* is not legal, and everywhere after the end.

    ## Rewards
    ``line_reward`` for each cleared row, less ``hole_penalty`` for each new hole, ``height_penalty`` for each row by
    which the highest column grows, and ``game_over_penalty`` once.

    ## Episode End
    Terminates when a piece rests with a cell above the visible rows; that placement clears nothing. Truncates at
    ``max_pieces``, if given.

    ## Version History
    v0: first version.

    >>> env = TetrisEnv()
    >>> observation, info = env.reset(seed=0)
    >>> observation.shape, int(info["action_mask"].sum())
    ((40, 23), 9)

    Args:
        config: What is played and seen.
        render_mode: ``"ansi"``, ``"rgb_array"`` or none.

    Raises:
        ConfigError: if the render mode is unknown.
        NotAvailableError: if the config asks for what this version cannot play.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 10}  # noqa: RUF012 as Gymnasium types it

    def __init__(self, config: EnvConfig | None = None, render_mode: str | None = None) -> None:
        modes = self.metadata["render_modes"]
        if render_mode is not None and render_mode not in modes:
            raise ConfigError(
                f"render_mode is one of {', '.join(modes)}, or none; got {render_mode!r}."
                f"{suggestion(str(render_mode), modes)}"
            )
        self.config = config if config is not None else EnvConfig()
        self.render_mode = render_mode
        self.core = GameCore(self.config, n_games=1, seed=_fresh_seed())
        self._score = 0
        self._colours = self._colour_board()
        self.observation_space = cast(spaces.Space[Observation], self.core.observation_space)
        self.action_space = self.core.action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts a new game; a seed starts its random stream anew, otherwise the stream goes on."""
        super().reset(seed=seed)
        observations = self.core.reset(seed)
        self._score = 0
        self._colours = self._colour_board()
        return observations[0], {"action_mask": self.action_masks(), "lines_game": 0, "pieces_game": 0, "score": 0}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Places the current piece.

        Raises:
            GameError: if the action is out of range, or the game has ended.
            IllegalActionError: under ``illegal_action="raise"``, if the action is not legal.
        """
        outcome = self.core.step(np.array([action], dtype=np.int64), restart=False)
        games = self.core.games
        played, lines_placement = int(games.played[0]), int(games.step_lines[0])
        self._score += clear_score(lines_placement, int(games.lines[0]) - lines_placement)
        if self._colours is not None:
            column, rotation = divmod(played, MAX_ORIENTATIONS)
            self._colours.place(int(self.core.rows_t[0, QUEUE]), rotation, column)
        info = {
            "action_mask": self.action_masks(),
            "action": played,
            "lines_placement": lines_placement,
            "lines_game": int(games.lines[0]),
            "pieces_game": int(games.pieces[0]),
            "score": self._score,
        }
        return outcome.observations[0], float(outcome.rewards[0]), bool(outcome.over[0]), bool(outcome.cut[0]), info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Returns ``(4 * width,) bool``, true where an action is legal."""
        mask: npt.NDArray[np.bool_] = self.core.masks[0].copy()
        return mask

    def render(self) -> Any:
        """Draws the game: text for ``"ansi"``, ``(height, width, 3) uint8`` for ``"rgb_array"``.

        The current piece hovers in the middle, and its ghost lies where it would land from there.
        """
        games = self.core.games
        if self.render_mode is None:
            return None
        draw = render_ansi if self.render_mode == "ansi" else render_rgb
        return draw(
            columns=games.columns[0],
            height=self.config.height,
            queue=tuple(games.queue[0].tolist()),
            lines=int(games.lines[0]),
            pieces=int(games.pieces[0]),
            score=self._score,
            action=MAX_ORIENTATIONS * ((self.config.width - int(PIECE_WIDTHS[games.queue[0, 0], 0])) // 2),
            colours=None if self._colours is None else self._colours.cells,
        )

    def state(self) -> dict[str, Any]:
        """Copies out the game, its score and its random stream."""
        return {**self.core.state(), "score": self._score}

    def set_state(self, state: dict[str, Any]) -> Observation:
        """Puts back what ``state`` gave, and returns what is seen; pictures no longer know what piece left a cell.

        Raises:
            GameError: if the state is of another board.
        """
        observation: Observation = self.core.set_state(state)[0]
        self._score = state["score"]
        self._colours = self._colour_board()
        return observation

    def _colour_board(self) -> ColourBoard | None:
        """The colours of the cells, where pictures are wanted."""
        if self.render_mode is None:
            return None
        return ColourBoard(self.config.width, self.config.height, self.core.games.columns[0])


def make_env(config: EnvConfig | None = None, render_mode: str | None = None) -> Callable[[], TetrisEnv]:
    """Returns a function that makes the environment, as Stable-Baselines3 expects it.

    >>> env = make_env(EnvConfig())()
    """
    return lambda: TetrisEnv(config, render_mode)


def _fresh_seed() -> int:
    return int(np.random.SeedSequence().generate_state(1)[0])
