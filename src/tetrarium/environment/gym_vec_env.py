"""Many games as one Gymnasium ``VectorEnv``, stepped in one native call.

What a step returns equals what Gymnasium's ``SyncVectorEnv`` of as many ``TetrisEnv`` returns, to the last key of
``infos``, in each of the three ways in which games can start anew.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from tetrarium.environment.config import EnvConfig
from tetrarium.environment.core import GameCore, StepOutcome, whole_actions
from tetrarium.environment.drawing import RENDER_MODES, make_drawer
from tetrarium.environment.observations import one_game
from tetrarium.environment.tetris_env import fresh_seed
from tetrarium.errors import ConfigError, GameError, suggestion

__all__ = ["TetrisVectorEnv"]

Actions = npt.NDArray[np.int64]  # (num_envs,)
Infos = dict[str, Any]  # a key's values are (num_envs, …); its twin with "_" says which of them are given
Stream = tuple[int, int]  # a seed and the number of a game

_MODES: Final = [mode.value for mode in AutoresetMode]


class TetrisVectorEnv(gymnasium.vector.VectorEnv[Any, Actions, npt.NDArray[Any]]):
    """Games of Tetris behind Gymnasium's interface for many at once.

    ## Action Space
    ``MultiDiscrete([n_actions] * num_envs)``, in each game as in ``TetrisEnv``. Legal actions are in
    ``infos["action_mask"]`` and ``action_masks()``, ``(num_envs, n_actions) bool``. Another one is played as the
    nearest legal one, or raises under ``illegal_action="raise"``.

    ## Observation Space
    That of ``TetrisEnv``, with a first axis of ``num_envs``: ``Box((num_envs, n_actions, n_numbers), float32)``, or
    under ``observation="board"`` a ``Dict`` of ``board (num_envs, 1, rows, width)`` and ``pieces (num_envs, …)``.

    Under ``actions="keys"`` both are those of ``TetrisEnv`` by keys, with the same first axis.

    ## Rewards
    ``(num_envs,) float64``, in each game as in ``TetrisEnv``.

    ## Episode End
    As in ``TetrisEnv``. A game that terminates or truncates starts anew as ``autoreset_mode`` says:
    ``"NextStep"``, in the step after it, whose action is ignored and whose reward is 0; ``"SameStep"``, in the same
    step, which gives how it ended as ``infos["final_obs"]`` and ``infos["final_info"]``; ``"Disabled"``, by
    ``reset(options={"reset_mask": mask})`` alone, ``mask`` being ``(num_envs,) bool``.

    ## Starting State
    A seed *s* gives game *k* the random stream *(s, k)*, as in ``make_vec_env`` and in an evaluation: it is the same in
    a batch of any size, and seeds *s* and *s + 1* have no game in common. Gymnasium's own vector environments spread
    *s* over their games as *s + k* instead. A list of seeds is theirs and ours: game *k* is then the one that
    ``TetrisEnv.reset(seed=seeds[k])`` starts, and goes on with its stream where ``seeds[k]`` is none.

    ## Version History
    v0: first version.

    >>> envs = TetrisVectorEnv(num_envs=3, seed=0)
    >>> observations, infos = envs.reset()
    >>> observations.shape, infos["action_mask"].sum(axis=1).tolist()
    ((3, 40, 23), [9, 17, 34])

    Args:
        config: What is played and seen.
        num_envs: How many games.
        seed: Of the first reset, if that is given none; by default one that nobody has chosen.
        autoreset_mode: When a game that has ended starts anew: a mode of Gymnasium, or its value.
        render_mode: ``"ansi"``, ``"rgb_array"`` or none.
        n_threads: That share a step; left out: one for each core, as long as each has 512 games.

    Raises:
        ConfigError: if there is no game, or a mode is unknown.
    """

    metadata: dict[str, Any] = {"render_modes": [*RENDER_MODES], "render_fps": 10}  # noqa: RUF012 as Gymnasium types it

    def __init__(
        self,
        config: EnvConfig | None = None,
        num_envs: int = 1,
        *,
        seed: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.config = config if config is not None else EnvConfig()
        self.num_envs = num_envs
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        first_seed = fresh_seed() if seed is None else seed
        self._first_seed: int | None = first_seed  # until the first reset of all games
        self.core = GameCore(self.config, num_envs, first_seed, n_threads)
        self.single_observation_space = self.core.observation_space
        self.single_action_space = self.core.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = cast(spaces.MultiDiscrete, batch_space(self.single_action_space, num_envs))
        self._drawer = make_drawer(self.core, render_mode)
        self._scores = np.zeros(num_envs, dtype=np.int64)
        self._ended = np.zeros(num_envs, dtype=np.bool_)  # games that have to start anew before they are played
        self._everyone = np.ones(num_envs, dtype=np.bool_)
        self._nobody = ~self._everyone

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, Infos]:
        """Starts games anew: all, or those in ``options["reset_mask"]``; without a seed their streams go on.

        Raises:
            ConfigError: if a seed is negative, or seeds or the mask are not one a game.
        """
        chosen = self._chosen(options)
        if seed is None and chosen.all():
            seed = self._first_seed
        streams = self._streams(seed)
        if chosen.all():
            self._first_seed = None
        if isinstance(seed, int | np.integer):
            super().reset(seed=int(seed))
        indices = np.flatnonzero(chosen).tolist()
        self.core.begin_games(indices, [streams[index] for index in indices])
        self._scores[chosen] = 0
        self._ended = self._ended & ~chosen
        self._follow(began=chosen, played=self._nobody)
        observations = self.core.observe()
        zeros = np.zeros(self.num_envs, dtype=np.int64)
        values = {"lines_game": zeros, "pieces_game": zeros.copy(), "score": zeros.copy()}
        masks = self.core.masks & chosen[:, None]
        values |= self.core.left_out(self.core.games.rows, masks)
        return observations, _given({"action_mask": masks, **values}, chosen)

    def step(
        self, actions: Actions
    ) -> tuple[Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], Infos]:
        """Places a piece in every game that has not just ended.

        Raises:
            GameError: if actions are not one a game, whole and in range, or a game awaits its reset; nothing has been
                played then.
            IllegalActionError: under ``illegal_action="raise"``, if an action is not legal.
        """
        actions = whole_actions(actions)
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP
        fresh = self._ended if np.count_nonzero(self._ended) else None
        if fresh is not None and self.autoreset_mode is AutoresetMode.DISABLED:
            raise GameError(
                f"A game that has ended takes no action; got one for game {int(fresh.argmax())}. "
                "Reset it first, by reset(options={'reset_mask': mask})."
            )
        outcome = self.core.step(actions, restart=same_step, fresh=fresh)
        done = outcome.over | outcome.cut
        self._add_scores(fresh)
        infos: Infos = {}
        if same_step and np.count_nonzero(done):
            infos = self._final_infos(done)
            self._scores[done] = 0
            self.core.rewards_game[done] = 0.0
            fresh = done
        elif not same_step:
            self._ended = done
        infos |= self._step_infos(outcome, fresh)
        self._follow(began=self._nobody if fresh is None else fresh, played=self._everyone if fresh is None else ~fresh)
        return outcome.observations, outcome.rewards, outcome.over, outcome.cut, infos

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Returns ``(num_envs, n_actions) bool``, true where an action is legal."""
        return self.core.masks.copy()

    def render(self) -> tuple[Any, ...] | None:
        """Draws every game, as ``TetrisEnv`` does."""
        if self._drawer is None:
            return None
        return tuple(self._drawer.draw(index, score) for index, score in enumerate(self._scores.tolist()))

    def state(self) -> dict[str, Any]:
        """Copies out all games, their scores and random streams, and which of them wait for their new start."""
        return {**self.core.state(), "scores": self._scores.copy(), "ended": self._ended.copy()}

    def set_state(self, state: dict[str, Any]) -> Any:
        """Puts back what ``state`` gave, and returns what is seen; pictures no longer know what piece left a cell.

        Raises:
            GameError: if the state is of another number or shape of games.
        """
        observations = self.core.set_state(state)
        self._scores[:] = state["scores"]
        self._ended = np.array(state["ended"], dtype=np.bool_)
        self._follow(began=self._everyone, played=self._nobody)
        return observations

    def _add_scores(self, fresh: npt.NDArray[np.bool_] | None) -> None:
        self.core.add_points(self._scores)
        if fresh is not None:
            self._scores[fresh] = 0

    def _step_infos(self, outcome: StepOutcome, began: npt.NDArray[np.bool_] | None) -> Infos:
        """What ``TetrisEnv`` says of each game: after a placement, or where one began after a reset."""
        games = self.core.games
        infos = _given(
            {
                "action_mask": outcome.masks.copy(),
                "lines_game": games.lines.copy(),
                "pieces_game": games.pieces.copy(),
                "score": self._scores.copy(),
                **self.core.left_out(games.rows, outcome.masks),
            },
            self._everyone,
        )
        if began is None or not began.all():
            played = self._everyone if began is None else ~began
            done = {"action": games.played, "lines_placement": games.step_lines, **self.core.placements()}
            infos |= _given({name: _where(played, part) for name, part in done.items()}, played)
        return infos

    def _final_infos(self, done: npt.NDArray[np.bool_]) -> Infos:
        """How games ended that have started anew in the same step."""
        games = self.core.games
        final_obs = np.full(self.num_envs, None, dtype=object)
        indices = np.flatnonzero(done)
        final = self.core.final_observations(indices)
        for place, index in enumerate(indices.tolist()):
            final_obs[index] = one_game(final, place)
        values = {
            "action": games.played,
            "lines_placement": games.step_lines,
            "lines_game": games.reached.lines,
            "pieces_game": games.reached.pieces,
            "score": self._scores,
            **self.core.placements(),
        }
        masks = self.core.final_masks()
        values = {name: _where(done, part) for name, part in values.items()}
        final_info = _given({"action_mask": masks, **values, **self.core.left_out(games.reached.rows, masks)}, done)
        return _given({"final_obs": final_obs, "final_info": final_info}, done)

    def _follow(self, *, began: npt.NDArray[np.bool_], played: npt.NDArray[np.bool_]) -> None:
        """Has the pictures follow what was done, where pictures are wanted."""
        if self._drawer is not None:
            for index in np.flatnonzero(began).tolist():
                self._drawer.begin(index)
            for index in np.flatnonzero(played).tolist():
                self._drawer.follow(index)

    def _chosen(self, options: dict[str, Any] | None) -> npt.NDArray[np.bool_]:
        if options is None or "reset_mask" not in options:
            return self._everyone
        mask = options["reset_mask"]
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            got = f"{mask.dtype} of shape {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
            raise ConfigError(f"reset_mask is an array of {self.num_envs} bool; got {got}. Pass one entry a game.")
        if not mask.any():
            raise ConfigError("reset_mask names at least one game to start anew; got none. Leave out the reset.")
        return mask.copy()

    def _streams(self, seed: int | Sequence[int | None] | None) -> list[Stream | None]:
        """The stream with which each game begins, none where its own goes on."""
        streams: list[Stream | None]
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            streams = [(int(seed), number) for number in range(self.num_envs)]
        else:
            streams = [None if one is None else (int(one), 0) for one in seed]
        if len(streams) != self.num_envs:
            raise ConfigError(f"Seeds are one for each of {self.num_envs} games; got {len(streams)}. Pass as many.")
        if any(stream is not None and stream[0] < 0 for stream in streams):
            raise ConfigError(f"A seed is 0 or more; got {seed}. Pass 0 or above.")
        return streams


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    if not isinstance(mode, AutoresetMode) and mode not in _MODES:
        raise ConfigError(f"autoreset_mode is one of {', '.join(_MODES)}; got {mode!r}.{suggestion(str(mode), _MODES)}")
    return AutoresetMode(mode)


def _where(chosen: npt.NDArray[np.bool_], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same values for games that are chosen, and 0 for others."""
    zeroed: npt.NDArray[Any] = values * chosen.reshape(-1, *[1] * (values.ndim - 1))
    return zeroed


def _given(values: Infos, mask: npt.NDArray[np.bool_]) -> Infos:
    """Lays values out as Gymnasium does: with each, under its name with "_", which games have it."""
    infos: Infos = {}
    for name, value in values.items():
        infos[name] = value
        infos[f"_{name}"] = mask.copy()
    return infos
