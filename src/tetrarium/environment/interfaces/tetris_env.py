"""Gymnasium environment of one game of Tetris."""

from collections.abc import Callable, Mapping
from functools import partial
from operator import index
from typing import Any, SupportsIndex

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tetrarium.engine.batches import IndependentCopies
from tetrarium.environment.config import EnvConfig
from tetrarium.environment.core import GameCore, action_range_error, checked_options, checked_seed, state_array
from tetrarium.environment.observations import one_game
from tetrarium.environment.pictures.env_renderer import RENDER_MODES, make_renderer
from tetrarium.errors import GameError


class TetrisEnv(IndependentCopies, gymnasium.Env[Any, Any]):
    """Tetris by placements, observed as afterstates, or by keys, observed as cells.

    ## Description
    A piece is placed on a board of ``width`` × ``height`` cells, full rows vanish, and the next piece follows, until a
    piece no longer fits. ``EnvConfig`` selects rules, actions, observation and rewards;
    ``EnvConfig.guideline()`` is the game of the Tetris guideline, ``EnvConfig.literature()`` that of the literature.

    ## Observation Space
    ``Box((n_actions, n_numbers), float32)``: row *a* holds the features of the board after action *a*, in the order of
    ``tetrarium.engine.FEATURES``; -1 throughout if *a* is illegal, and everywhere after the end.

    Under ``observation="board"``, for convolutional networks: ``Dict`` of ``board``, ``Box(0, 1, (1, rows, width),
    uint8)``, 1 where a cell is filled, the topmost hidden row first; and ``pieces``, ``Box(0, 1, (7 * (1 + preview),),
    uint8)``, one-hot in the order of ``tetrarium.engine.PIECES``, the current piece first, with hold eight more for the
    held one, all 0 after the end. Stable-Baselines3's ``MultiInputPolicy`` flattens both; its convolutions are for
    larger pictures, so pass a features extractor of your own for them.

    Under ``actions="keys"``, ``Box(0, 15, (n_numbers,), uint8)``, one row: the lowest rows of the board column by
    column, each from the bottom up, 0 empty, 1 filled, 2 the current piece; then the visible pieces and the counters
    that ``tetrarium.engine.keyplay.observations`` lists. With ``observation="board"``: a ``Dict`` of ``board``,
    ``Box(0, 1, (2, rows, width), uint8)``, the filled cells and the current piece; and ``pieces``, the end of that row.
    All is 0 after the end.

    ## Action Space
    Under ``actions="drop"``, ``Discrete(4 * width)``: ``action = 4 * column + rotation``. Rotation counts clockwise
    turns from lying flat, column is the piece's leftmost cell. Under ``"reachable"``, ``Discrete(256)``: action k is
    the k-th lock position that keys can reach, tucks and spins included, in the order (rotation, column, row, spin).
    With hold, as many actions again follow: those of the piece that comes into play when the current one is held, which
    is the held one, or the next one if none is held. Under ``"keys"``, ``Discrete(8)``: an index in
    ``tetrarium.engine.KEYS``: nothing, left, right, clockwise, counter-clockwise, soft drop, hard drop, hold. All are
    legal except a second hold of one piece, which is played as nothing; a key that cannot move the piece has no effect.
    ``gravity`` determines whether pieces fall and lock by themselves, ``key_rate`` the number of steps in a second.

    Legal actions are in ``info["action_mask"]`` and ``action_masks()``, ``(n_actions,) bool``; a random one is
    ``action_space.sample(mask=info["action_mask"].astype("int8"))``. An illegal one is played as the nearest legal one,
    or raises under ``illegal_action="raise"``. ``keys_to`` returns the keys of a placement, and so does
    ``info["keys"]`` after ``reset(options={"keys": True})``.

    ## Rewards
    ``line_reward`` for each cleared row, minus ``hole_penalty`` for each new hole, ``height_penalty`` for each row by
    which the highest column grows, and ``game_over_penalty`` once at termination. By keys, a reward comes with the step
    in which a piece locks.

    ## Starting State
    An empty board. ``reset(seed=s)`` starts the random stream of *s*, which determines the pieces: the same ones for
    every policy, on every machine. ``reset()`` continues the stream, so that the next game is another one, and equally
    deterministic. Game 0 of ``make_vec_env(seed=s)`` and of ``evaluate(seed=s)`` is the game of seed *s*.

    ## Episode Termination
    Under ``game_over="overflow"``, terminates when a piece rests with a cell above the visible rows; that placement
    clears nothing. Under ``"guideline"``, terminates when a piece rests with all its cells there, or the next one finds
    a cell occupied where it spawns. Truncates at ``max_pieces``, if set. By keys without gravity, a game in which no
    piece is dropped never ends.

    ## Info
    After every step and reset: ``action_mask``; ``lines_game`` and ``pieces_game``, cleared and placed in this game;
    ``score``, the guideline's points; under ``actions="reachable"`` also ``n_dropped``, the number of lock positions
    without an action. After a step also ``action``, the executed one; ``lines_placement``, the rows that it cleared;
    and under ``"reachable"``, ``placement``: rotation, column, row and spin.

    ## Arguments
    ``gymnasium.make("tetrarium/Tetris-v0", config=EnvConfig(height=10), render_mode="rgb_array")``

    ## Version History
    v0: first version.

    >>> env = TetrisEnv()
    >>> observation, info = env.reset(seed=0)
    >>> observation.shape, int(info["action_mask"].sum())
    ((40, 23), 9)

    Args:
        config: Settings of the game, or a mapping of them; by default ``EnvConfig()``.
        render_mode: ``"ansi"``, ``"rgb_array"`` or None.

    Raises:
        ConfigError: if the render mode is unknown, or the config is no ``EnvConfig``.
    """

    action_space: spaces.Discrete
    observation_space: spaces.Space[Any]
    metadata: dict[str, Any] = {"render_modes": [*RENDER_MODES], "render_fps": 10}  # noqa: RUF012 as Gymnasium types it

    def __init__(self, config: EnvConfig | Mapping[str, Any] | None = None, render_mode: str | None = None) -> None:
        self.config = EnvConfig.of(config)
        self.render_mode = render_mode
        self.core = GameCore(self.config, n_games=1, seed=None)
        self._scores = np.zeros(1, dtype=np.int64)
        self._reports_keys = False
        self._renderer = make_renderer(self.core, render_mode)
        self.observation_space = self.core.observation_space
        self.action_space = self.core.action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts a new game; a seed restarts the random stream, which otherwise continues.

        With ``options={"keys": True}``, each step's ``info["keys"]`` has the shortest key sequence of its placement.
        """
        seed = checked_seed(seed)
        self._reports_keys = bool(checked_options(options).get("keys", False))
        super().reset(seed=seed)
        observations = self.core.reset(seed)
        self._scores[:] = 0
        if self._renderer is not None:
            self._renderer.begin(0)
        info = {"action_mask": self.action_masks(), "lines_game": 0, "pieces_game": 0, "score": 0, **self._n_dropped()}
        return one_game(observations, 0), info

    def step(self, action: SupportsIndex) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Plays one action.

        Raises:
            GameError: if the action is not an integer or out of range, or the game has ended.
            IllegalActionError: under ``illegal_action="raise"``, if the action is illegal.
        """
        try:
            chosen = index(action)
        except TypeError:
            raise GameError(
                f"An action is an integer from 0 to {self.action_space.n - 1}; got {action!r}. "
                "Choose one that action_mask allows."
            ) from None
        if not 0 <= chosen < self.core.games.n_actions:
            raise action_range_error(self.core.games.n_actions, chosen)
        keys = {"keys": self.keys_to(chosen)} if self._reports_keys else {}
        outcome = self.core.step(np.array([chosen], dtype=np.int64), restart=False)
        games = self.core.games
        executed, lines_placement = int(games.executed_actions[0]), int(games.step_lines[0])
        self.core.add_points(self._scores)
        if self._renderer is not None:
            self._renderer.follow(0)
        info = {
            "action_mask": self.action_masks(),
            "action": executed,
            "lines_placement": lines_placement,
            "lines_game": int(games.lines[0]),
            "pieces_game": int(games.pieces[0]),
            "score": int(self._scores[0]),
            **{name: placement[0] for name, placement in self.core.placements().items()},
            **self._n_dropped(),
            **keys,
        }
        observation = one_game(outcome.observations, 0)
        return observation, float(outcome.rewards[0]), bool(outcome.terminated[0]), bool(outcome.truncated[0]), info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Returns ``(n_actions,) bool``, true where an action is legal."""
        mask: npt.NDArray[np.bool_] = self.core.masks[0].copy()
        return mask

    def keys_to(self, action: int) -> tuple[str, ...]:
        """Returns the shortest keys that play an action (an illegal one as the nearest), the last one a hard drop.

        Raises:
            ConfigError: if actions are keys themselves.
            GameError: if the action is out of range, the game has ended, or no key sequence leads there.
        """
        return self.core.keys_to(0, action)

    def _n_dropped(self) -> dict[str, int]:
        return {name: int(n[0]) for name, n in self.core.n_dropped(self.core.games.rows, self.core.masks).items()}

    def render(self) -> Any:
        """Draws the game: text for ``"ansi"``, ``(height, width, 3) uint8`` for ``"rgb_array"``.

        The current piece is drawn above the middle columns, and its ghost where it would land from there.
        """
        return None if self._renderer is None else self._renderer.draw(0, int(self._scores[0]))

    def state(self) -> dict[str, Any]:
        """Returns a copy of the game, its score and its random stream."""
        return {**self.core.state(), "score": int(self._scores[0])}

    def set_state(self, state: dict[str, Any]) -> Any:
        """Restores a state that ``state`` returned; returns the observation.

        Later renderings show the cells that are filled now without their pieces' colors.

        Raises:
            GameError: if the state belongs to another board.
        """
        score = state_array(state, "score", ())
        observation = one_game(self.core.set_state(state), 0)
        self._scores[:] = score
        if self._renderer is not None:
            self._renderer.begin(0)
        return observation


def make_env(
    config: EnvConfig | Mapping[str, Any] | None = None, render_mode: str | None = None
) -> Callable[[], TetrisEnv]:
    """Returns a function that creates the environment, as Stable-Baselines3 expects.

    >>> env = make_env(EnvConfig())()
    """
    return partial(TetrisEnv, config, render_mode)  # unlike a lambda, it can be pickled
