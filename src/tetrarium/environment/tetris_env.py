"""Tetris as a Gymnasium environment."""

from collections.abc import Callable
from operator import index
from typing import Any, SupportsIndex

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tetrarium.environment.config import EnvConfig
from tetrarium.environment.core import GameCore
from tetrarium.environment.drawing import RENDER_MODES, make_drawer
from tetrarium.environment.observations import one_game
from tetrarium.errors import GameError

__all__ = ["TetrisEnv", "fresh_seed", "make_env"]


class TetrisEnv(gymnasium.Env[Any, Any]):
    """Tetris by placements, seen as the boards that each would leave, or by keys seen as cells.

    ## Action Space
    Under ``actions="drop"``, ``Discrete(4 * width)``: ``action = 4 * column + rotation``. Rotation counts clockwise
    turns from lying flat, column is the piece's leftmost cell. Under ``"reachable"``, ``Discrete(256)``: slot k is the
    k-th lock position that keys can reach, tucks and spins included, in the order (rotation, column, row, spin);
    ``info["placement"]`` tells these of what was played, ``info["left_out"]`` how many have no slot. With hold, as many
    actions again follow: those of the piece that comes into play when the current one is held, which is the held one,
    or the next one where none is held.

    Legal actions are in ``info["action_mask"]`` and ``action_masks()``, ``(n_actions,) bool``; one of them by chance is
    ``action_space.sample(mask=info["action_mask"].astype("int8"))``. Another one is played as the nearest legal one
    (``info["action"]`` says which), or raises under ``illegal_action="raise"``. ``keys_to`` tells the keys of a
    placement, and so does ``info["keys"]`` after ``reset(options={"keys": True})``.

    ## Observation Space
    ``Box((n_actions, n_numbers), float32)``: row *a* holds the features of the board after action *a*, in the order of
    ``tetrarium.engine.FEATURES``; -1 throughout where *a* is not legal, and everywhere after the end.

    Under ``observation="board"``, for convolutional networks: ``Dict`` of ``board``, ``Box(0, 1, (1, rows, width),
    uint8)``, 1 where a cell is filled, the topmost hidden row first; and ``pieces``, ``Box(0, 1, (7 * (1 + preview),),
    uint8)``, one-hot in the order of ``tetrarium.engine.PIECES``, the current piece first, with hold eight more for the
    held one, all 0 after the end.
    Stable-Baselines3's ``MultiInputPolicy`` flattens both; its convolutions are for larger pictures, so give it a
    features extractor of your own for them.

    ## Rewards
    ``line_reward`` for each cleared row, less ``hole_penalty`` for each new hole, ``height_penalty`` for each row by
    which the highest column grows, and ``game_over_penalty`` once.

    ## Episode End
    Under ``game_over="overflow"``, terminates when a piece rests with a cell above the visible rows; that placement
    clears nothing. Under ``"guideline"``, terminates when a piece rests with all its cells there, or the next one finds
    a cell taken where it spawns. Truncates at ``max_pieces``, if given.

    ## Info
    Of every step and reset: ``action_mask``; ``lines_game`` and ``pieces_game``, cleared and placed in this game;
    ``score``, the guideline's points. Of a step also ``action``, what was played, and ``lines_placement``, the rows
    that it cleared.

    ## Starting State
    An empty board. ``reset(seed=s)`` begins the random stream of *s*, which gives the pieces: the same ones to whoever
    plays, on every machine. ``reset()`` goes on with the stream, so the next game is another one, and just as certain.
    Game 0 of ``make_vec_env(seed=s)`` and of ``evaluate(seed=s)`` is the game of seed *s*.

    ## By Keys
    Under ``actions="keys"`` an action is one of ``tetrarium.engine.KEYS``, ``Discrete(8)``: nothing, left, right,
    clockwise, counter-clockwise, soft drop, hard drop, hold. All are legal but a second hold of one piece, which is
    played as nothing; a key that cannot move the piece does nothing. ``gravity`` says whether pieces fall and lock by
    themselves, ``key_rate`` how many steps make a second of that. Rewards come with the step in which a piece locks;
    ``info["score"]`` counts the guideline's points. Without gravity nothing ends a game in which nobody drops.

    The observation is ``Box(0, 15, (n_numbers,), uint8)``, one row: the lowest rows of the board column by column,
    each from the bottom up, 0 empty, 1 filled, 2 the current piece; then the pieces in view and what cells do not tell,
    as ``tetrarium.engine.key_views`` lists it. Under ``observation="board"``: a ``Dict`` of ``board``, ``Box(0, 1, (2,
    rows, width), uint8)``, what is filled and the current piece; and ``pieces``, the end of that row. All is 0 after
    the end.

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
        ConfigError: if the render mode is unknown, or the config is no ``EnvConfig``.
    """

    action_space: spaces.Discrete
    observation_space: spaces.Space[Any]
    metadata: dict[str, Any] = {"render_modes": [*RENDER_MODES], "render_fps": 10}  # noqa: RUF012 as Gymnasium types it

    def __init__(self, config: EnvConfig | None = None, render_mode: str | None = None) -> None:
        self.config = config if config is not None else EnvConfig()
        self.render_mode = render_mode
        self.core = GameCore(self.config, n_games=1, seed=fresh_seed())
        self._scores = np.zeros(1, dtype=np.int64)
        self._tells_keys = False
        self._drawer = make_drawer(self.core, render_mode)
        self.observation_space = self.core.observation_space
        self.action_space = self.core.action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts a new game; a seed starts its random stream anew, otherwise the stream goes on.

        Under ``options={"keys": True}``, each step's ``info["keys"]`` has the fewest keys to the placement it made.
        """
        super().reset(seed=seed)
        observations = self.core.reset(seed)
        self._scores[:] = 0
        if self._drawer is not None:
            self._drawer.begin(0)
        self._tells_keys = bool((options or {}).get("keys", False))
        info = {"action_mask": self.action_masks(), "lines_game": 0, "pieces_game": 0, "score": 0, **self._left_out()}
        return one_game(observations, 0), info

    def step(self, action: SupportsIndex) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Places the current piece.

        Raises:
            GameError: if the action is not a whole number or out of range, or the game has ended.
            IllegalActionError: under ``illegal_action="raise"``, if the action is not legal.
        """
        try:
            chosen = index(action)
        except TypeError:
            raise GameError(
                f"An action is one whole number from 0 to {self.action_space.n - 1}; got {action!r}. "
                "Choose one that the mask allows."
            ) from None
        keys = {"keys": self.keys_to(chosen)} if self._tells_keys else {}
        outcome = self.core.step(np.array([chosen], dtype=np.int64), restart=False)
        games = self.core.games
        played, lines_placement = int(games.played[0]), int(games.step_lines[0])
        self.core.add_points(self._scores)
        if self._drawer is not None:
            self._drawer.follow(0)
        info = {
            "action_mask": self.action_masks(),
            "action": played,
            "lines_placement": lines_placement,
            "lines_game": int(games.lines[0]),
            "pieces_game": int(games.pieces[0]),
            "score": int(self._scores[0]),
            **{name: placement[0] for name, placement in self.core.placements().items()},
            **self._left_out(),
            **keys,
        }
        observation = one_game(outcome.observations, 0)
        return observation, float(outcome.rewards[0]), bool(outcome.over[0]), bool(outcome.cut[0]), info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Returns ``(n_actions,) bool``, true where an action is legal."""
        mask: npt.NDArray[np.bool_] = self.core.masks[0].copy()
        return mask

    def keys_to(self, action: int) -> tuple[str, ...]:
        """Returns the fewest keys that play an action now, an illegal one as the nearest; the last is a hard drop.

        Raises:
            ConfigError: if actions are keys themselves.
            GameError: if the action is out of range, the game has ended, or no keys lead there.
        """
        return self.core.keys_to(0, action)

    def _left_out(self) -> dict[str, int]:
        return {name: int(n[0]) for name, n in self.core.left_out(self.core.games.rows, self.core.masks).items()}

    def render(self) -> Any:
        """Draws the game: text for ``"ansi"``, ``(height, width, 3) uint8`` for ``"rgb_array"``.

        The current piece hovers in the middle, and its ghost lies where it would land from there.
        """
        return None if self._drawer is None else self._drawer.draw(0, int(self._scores[0]))

    def state(self) -> dict[str, Any]:
        """Copies out the game, its score and its random stream."""
        return {**self.core.state(), "score": int(self._scores[0])}

    def set_state(self, state: dict[str, Any]) -> Any:
        """Puts back what ``state`` gave, and returns what is seen; pictures no longer know what piece left a cell.

        Raises:
            GameError: if the state is of another board.
        """
        observation = one_game(self.core.set_state(state), 0)
        self._scores[:] = state["score"]
        if self._drawer is not None:
            self._drawer.begin(0)
        return observation


def make_env(config: EnvConfig | None = None, render_mode: str | None = None) -> Callable[[], TetrisEnv]:
    """Returns a function that makes the environment, as Stable-Baselines3 expects it.

    >>> env = make_env(EnvConfig())()
    """
    return lambda: TetrisEnv(config, render_mode)


def fresh_seed() -> int:
    """A seed that nobody has chosen."""
    return int(np.random.SeedSequence().generate_state(1)[0])
