"""Gymnasium ``VectorEnv`` of many games, stepped in one native call.

Steps return the same as Gymnasium's ``SyncVectorEnv`` of as many ``TetrisEnv``, to the last key of ``infos``, in all
three autoreset modes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from tetrarium.engine.batches import IndependentCopies
from tetrarium.engine.rules import is_integer
from tetrarium.environment import core
from tetrarium.environment.config import EnvConfig
from tetrarium.environment.observations import one_game
from tetrarium.environment.pictures.env_renderer import RENDER_MODES, make_renderer
from tetrarium.errors import ConfigError, GameError, suggestion

Actions = npt.NDArray[np.int64]  # (num_envs,)
Infos = dict[str, Any]  # a key's values are (num_envs, …); its twin with "_" marks the games that have one
Stream = tuple[int, int]  # a seed and the number of a game

_MODES: Final = [mode.value for mode in AutoresetMode]


class TetrisVectorEnv(IndependentCopies, gymnasium.vector.VectorEnv[Any, Actions, npt.NDArray[Any]]):
    """Gymnasium vector environment of many games of Tetris.

    ## Action Space
    ``MultiDiscrete([n_actions] * num_envs)``, in each game as in ``TetrisEnv``. Legal actions are in
    ``infos["action_mask"]`` and ``action_masks()``, ``(num_envs, n_actions) bool``. An illegal one is played as
    the nearest legal one, or raises under ``illegal_action="raise"``.

    ## Observation Space
    That of ``TetrisEnv``, with a first axis of ``num_envs``: ``Box((num_envs, n_actions, n_numbers), float32)``, or
    under ``observation="board"`` a ``Dict`` of ``board (num_envs, 1, rows, width)`` and ``pieces (num_envs, …)``.

    Under ``actions="keys"`` both are those of ``TetrisEnv`` by keys, with the same first axis.

    ## Rewards
    ``(num_envs,) float64``, in each game as in ``TetrisEnv``.

    ## Episode Termination
    As in ``TetrisEnv``. A game that terminates or truncates restarts according to ``autoreset_mode``:
    ``"NextStep"``, in the step after it, whose action is ignored and whose reward is 0; ``"SameStep"``, in the same
    step, which returns its end as ``infos["final_obs"]`` and ``infos["final_info"]``; ``"Disabled"``, by
    ``reset(options={"reset_mask": mask})`` alone, ``mask`` being ``(num_envs,) bool``.

    ## Starting State
    A seed *s* gives game *k* the random stream *(s, k)*, as in ``make_vec_env`` and in an evaluation: it is the same in
    a batch of any size, and seeds *s* and *s + 1* have no game in common. Gymnasium's own vector environments use
    seed *s + k* for game *k* instead. With a list of seeds, as in Gymnasium, game *k* is the one that
    ``TetrisEnv.reset(seed=seeds[k])`` starts; where ``seeds[k]`` is None, it continues its random stream.

    ## Version History
    v0: first version.

    >>> envs = TetrisVectorEnv(num_envs=3, seed=0)
    >>> observations, infos = envs.reset()
    >>> observations.shape, infos["action_mask"].sum(axis=1).tolist()
    ((3, 40, 23), [9, 17, 34])

    Args:
        config: Settings of the games, or a mapping of them; by default ``EnvConfig()``.
        num_envs: Number of games.
        seed: Seed of the first reset, unless that has its own; random by default.
        autoreset_mode: Gymnasium's ``AutoresetMode`` or its value.
        render_mode: ``"ansi"``, ``"rgb_array"`` or None.
        n_threads: Threads that share a step; by default one for each CPU core and 512 games.

    Raises:
        ConfigError: if ``num_envs`` is below 1, or a mode is unknown.
    """

    metadata: dict[str, Any] = {"render_modes": [*RENDER_MODES], "render_fps": 10}  # noqa: RUF012 as Gymnasium types it

    def __init__(
        self,
        config: EnvConfig | Mapping[str, Any] | None = None,
        num_envs: int = 1,
        *,
        seed: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.config = EnvConfig.of(config)
        self.num_envs = num_envs
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        first_seed = core.random_seed() if seed is None else core.checked_seed(seed)
        assert first_seed is not None
        self._first_seed: int | None = first_seed  # until the first reset of all games
        self.core = core.GameCore(self.config, num_envs, first_seed, n_threads)
        self.single_observation_space = self.core.observation_space
        self.single_action_space = self.core.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = cast(spaces.MultiDiscrete, batch_space(self.single_action_space, num_envs))
        self._renderer = make_renderer(self.core, render_mode)
        self._scores = np.zeros(num_envs, dtype=np.int64)
        self._ended = np.zeros(num_envs, dtype=np.bool_)  # games that must restart before they are played
        self._all_games = np.ones(num_envs, dtype=np.bool_)
        self._no_games = ~self._all_games

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, Infos]:
        """Restarts all games, or those in ``options["reset_mask"]``; without a seed their random streams continue.

        Raises:
            ConfigError: if a seed is negative, or seeds or the mask do not have one entry for each game.
        """
        chosen = self._chosen(core.checked_options(options))
        if seed is None and chosen.all():
            seed = self._first_seed
        streams = self._streams(seed)
        if chosen.all():
            self._first_seed = None
        if is_integer(seed):
            super().reset(seed=int(seed))
        indices = np.flatnonzero(chosen).tolist()
        self.core.begin_games(indices, [streams[index] for index in indices])
        self._scores[chosen] = 0
        self._ended = self._ended & ~chosen
        self._update_renderer(began=chosen, played=self._no_games)
        observations = self.core.observe()
        zeros = np.zeros(self.num_envs, dtype=np.int64)
        values = {"lines_game": zeros, "pieces_game": zeros.copy(), "score": zeros.copy()}
        masks = self.core.masks & chosen[:, None]
        values |= self.core.n_dropped(self.core.games.rows, masks)
        return observations, _given({"action_mask": masks, **values}, chosen)

    def step(
        self, actions: Actions
    ) -> tuple[Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], Infos]:
        """Places a piece in every game that has not just ended.

        Raises:
            GameError: if actions are not one integer in range for each game, or a game awaits its reset; no game is
                then changed.
            IllegalActionError: under ``illegal_action="raise"``, if an action is not legal.
        """
        actions = core.integer_actions(actions, self.num_envs)
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP
        reset_mask = self._ended if np.count_nonzero(self._ended) else None
        if reset_mask is not None and self.autoreset_mode is AutoresetMode.DISABLED:
            raise GameError(
                f"The episode of game {int(reset_mask.argmax())} is over and takes no action. "
                "Call reset(options={'reset_mask': mask}) first."
            )
        outcome = self.core.step(actions, restart=same_step, reset_mask=reset_mask)
        done = outcome.terminated | outcome.truncated
        self._add_scores(reset_mask)
        infos: Infos = {}
        if same_step and np.count_nonzero(done):
            infos = self._final_infos(done)
            self._scores[done] = 0
            self.core.rewards_game[done] = 0.0
            reset_mask = done
        elif not same_step:
            self._ended = done
        infos |= self._step_infos(outcome, reset_mask)
        began = self._no_games if reset_mask is None else reset_mask
        self._update_renderer(began=began, played=~began)
        return outcome.observations, outcome.rewards, outcome.terminated, outcome.truncated, infos

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Returns ``(num_envs, n_actions) bool``, true where an action is legal."""
        return self.core.masks.copy()

    def render(self) -> tuple[Any, ...] | None:
        """Draws every game like ``TetrisEnv``."""
        if self._renderer is None:
            return None
        return tuple(self._renderer.draw(index, score) for index, score in enumerate(self._scores.tolist()))

    def state(self) -> dict[str, Any]:
        """Returns a copy of all games, their scores and random streams, and of the games that await their restart."""
        return {**self.core.state(), "scores": self._scores.copy(), "ended": self._ended.copy()}

    def set_state(self, state: dict[str, Any]) -> Any:
        """Restores a state that ``state`` returned; returns the observations. Pictures lose the pieces of filled cells.

        Raises:
            GameError: if the state belongs to another number or shape of games.
        """
        scores = core.state_array(state, "scores", self._scores.shape)
        ended = core.state_array(state, "ended", self._ended.shape, "b")
        observations = self.core.set_state(state)
        self._scores[:] = scores
        self._ended = ended.copy()
        self._update_renderer(began=self._all_games, played=self._no_games)
        return observations

    def _add_scores(self, reset_mask: npt.NDArray[np.bool_] | None) -> None:
        self.core.add_points(self._scores)
        if reset_mask is not None:
            self._scores[reset_mask] = 0

    def _step_infos(self, outcome: core.StepOutcome, began: npt.NDArray[np.bool_] | None) -> Infos:
        """Returns the infos of ``TetrisEnv`` for each game: after a placement, or after a restart."""
        games = self.core.games
        infos = _given(
            {
                "action_mask": outcome.masks.copy(),
                "lines_game": games.lines.copy(),
                "pieces_game": games.pieces.copy(),
                "score": self._scores.copy(),
                **self.core.n_dropped(games.rows, outcome.masks),
            },
            self._all_games,
        )
        if began is None or not began.all():
            played = self._all_games if began is None else ~began
            done = {"action": games.executed_actions, "lines_placement": games.step_lines, **self.core.placements()}
            infos |= _given({name: _where(played, part) for name, part in done.items()}, played)
        return infos

    def _final_infos(self, done: npt.NDArray[np.bool_]) -> Infos:
        """Returns the final observations and infos of games that have restarted in the same step."""
        games = self.core.games
        final_obs = np.full(self.num_envs, None, dtype=object)
        indices = np.flatnonzero(done)
        final = self.core.final_observations(indices)
        for place, index in enumerate(indices.tolist()):
            final_obs[index] = one_game(final, place)
        values = {
            "action": games.executed_actions,
            "lines_placement": games.step_lines,
            "lines_game": games.state_after.lines,
            "pieces_game": games.state_after.pieces,
            "score": self._scores,
            **self.core.placements(),
        }
        masks = self.core.final_masks()
        values = {name: _where(done, part) for name, part in values.items()}
        values |= {"action_mask": masks, **self.core.n_dropped(games.state_after.rows, masks)}
        final_info = _given(values, done)
        return _given({"final_obs": final_obs, "final_info": final_info}, done)

    def _update_renderer(self, *, began: npt.NDArray[np.bool_], played: npt.NDArray[np.bool_]) -> None:
        """Updates the renderer, if there is one, with restarts and placements."""
        if self._renderer is not None:
            for index in np.flatnonzero(began).tolist():
                self._renderer.begin(index)
            for index in np.flatnonzero(played).tolist():
                self._renderer.follow(index)

    def _chosen(self, options: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
        if "reset_mask" not in options:
            return self._all_games
        mask = options["reset_mask"]
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            got = f"{mask.dtype} of shape {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
            raise ConfigError(
                f"reset_mask is an array of {self.num_envs} bool; got {got}. Pass one entry for each game.",
                field="reset_mask",
            )
        if not mask.any():
            raise ConfigError("reset_mask has at least one true entry; got none. Skip the reset.", field="reset_mask")
        return mask.copy()

    def _streams(self, seed: int | Sequence[int | None] | None) -> list[Stream | None]:
        """Returns the random stream of each game's start; None where its own continues."""
        streams: list[Stream | None]
        if seed is None:
            return [None] * self.num_envs
        if (
            isinstance(seed, Sequence | np.ndarray)
            and not isinstance(seed, str | bytes)
            and getattr(seed, "ndim", 1) == 1
        ):
            seeds = [core.checked_seed(one) for one in seed]
            streams = [None if one is None else (one, 0) for one in seeds]
        else:
            first = core.checked_seed(seed)
            assert first is not None
            streams = [(first, number) for number in range(self.num_envs)]
        if len(streams) != self.num_envs:
            raise ConfigError(
                f"seed has one entry for each of {self.num_envs} games; got {len(streams)}. Pass as many.", field="seed"
            )
        return streams


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    if not isinstance(mode, AutoresetMode) and not (isinstance(mode, str) and mode in _MODES):
        raise ConfigError(
            f"autoreset_mode is one of {', '.join(_MODES)}; got {mode!r}.{suggestion(str(mode), _MODES)}",
            field="autoreset_mode",
        )
    return AutoresetMode(mode)


def _where(chosen: npt.NDArray[np.bool_], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns the values of chosen games, and 0 for others."""
    zeroed: npt.NDArray[Any] = values * chosen.reshape(-1, *[1] * (values.ndim - 1))
    return zeroed


def _given(values: Infos, mask: npt.NDArray[np.bool_]) -> Infos:
    """Lays values out like Gymnasium: each with a mask, under its name with "_", of the games that have it."""
    infos: Infos = {}
    for name, value in values.items():
        infos[name] = value
        infos[f"_{name}"] = mask.copy()
    return infos
