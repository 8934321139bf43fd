"""Stable-Baselines3 ``VecEnv`` of many games, stepped in one native call.

This is the only module of the environment that imports Stable-Baselines3, and with it torch.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from tetrarium.engine.batches import IndependentCopies
from tetrarium.engine.rules import is_integer
from tetrarium.environment.board_snapshot import state_snapshot
from tetrarium.environment.config import EnvConfig
from tetrarium.environment.core import GameCore, checked_seed, integer_actions, random_seed, state_array
from tetrarium.environment.observations import one_game
from tetrarium.environment.pictures.rendering import render_rgb
from tetrarium.errors import ConfigError


class TetrisVecEnv(IndependentCopies, VecEnv):
    """Stable-Baselines3 ``VecEnv`` of n games; a game that terminates or is truncated restarts in the same step.

    The ``info`` of a step holds ``action_mask`` (of the observation returned), ``action`` (the executed one),
    ``lines_placement``, ``lines_game`` and ``pieces_game``, under ``actions="reachable"`` also ``placement`` and
    ``n_dropped``, as in ``TetrisEnv``; at the end of a game also ``terminal_observation``,
    ``TimeLimit.truncated`` and ``episode`` (reward ``r``, steps ``l``, seconds ``t``), as ``Monitor`` writes it.
    ``reset_infos`` has the info of each game's start, after a restart too.
    """

    def __init__(
        self,
        config: EnvConfig | Mapping[str, Any] | None,
        n_envs: int,
        seed: int | None = 0,
        n_threads: int | None = None,
    ) -> None:
        self.config = EnvConfig.of(config)
        self.core = GameCore(self.config, n_envs, seed, n_threads)
        self._actions = np.zeros(n_envs, dtype=np.int64)
        self._by_keys = self.core.by_keys
        self._n_steps = np.zeros(n_envs, dtype=np.int64)  # of each game by keys; otherwise a step is a piece
        self._started_s = time.monotonic()
        self.render_mode = "rgb_array"
        super().__init__(n_envs, self.core.observation_space, self.core.action_space)
        self.seed(seed)

    def reset(self) -> Any:
        """Restarts every game; a seed set by ``seed`` is used once."""
        observations = self.core.reset(self._seeds[0])
        self._n_steps[:] = 0
        n_dropped = self.core.n_dropped(self.core.games.rows, self.core.masks)
        self.reset_infos = [self._reset_info(index, n_dropped) for index in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return observations

    def _reset_info(self, index: int, n_dropped: Mapping[str, npt.NDArray[np.int64]]) -> dict[str, Any]:
        """Returns the info of a game that has just begun."""
        info = {"action_mask": self.core.masks[index], "lines_game": 0, "pieces_game": 0}
        return {**info, **{name: int(values[index]) for name, values in n_dropped.items()}}

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seeds the next reset; game k draws from the stream ``(seed, k)``."""
        seed = random_seed() if seed is None else checked_seed(seed)
        self._seeds = [seed] * self.num_envs
        return self._seeds

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Stores the actions for ``step_wait``.

        Raises:
            GameError: if they are not integers.
        """
        self._actions = integer_actions(actions, self.num_envs)

    def step_wait(self) -> tuple[Any, npt.NDArray[np.float32], npt.NDArray[np.bool_], list[dict[str, Any]]]:
        """Plays the stored actions."""
        core = self.core
        outcome = core.step(self._actions, restart=True)
        games = core.games
        if self._by_keys:
            self._n_steps += 1
        dones = outcome.terminated | outcome.truncated
        infos = [
            {
                "action_mask": mask,
                "action": action,
                "lines_placement": lines_placement,
                "lines_game": lines_game,
                "pieces_game": pieces_game,
                "TimeLimit.truncated": truncated,
            }
            for mask, action, lines_placement, lines_game, pieces_game, truncated in zip(
                outcome.masks,
                games.executed_actions.tolist(),
                games.step_lines.tolist(),
                games.state_after.lines.tolist(),
                games.state_after.pieces.tolist(),
                outcome.truncated.tolist(),
                strict=True,
            )
        ]
        n_dropped = core.n_dropped(games.rows, outcome.masks)
        for name, values in {**core.placements(), **n_dropped}.items():
            for info, value in zip(infos, values, strict=True):
                info[name] = value
        ended = np.flatnonzero(dones)
        final = core.final_observations(ended) if len(ended) else None
        for place, index in enumerate(ended.tolist()):
            assert final is not None
            infos[index]["terminal_observation"] = one_game(final, place)
            infos[index]["episode"] = {
                "r": float(core.rewards_game[index]),
                "l": int(self._n_steps[index]) if self._by_keys else infos[index]["pieces_game"],
                "t": round(time.monotonic() - self._started_s, 6),
            }
            core.rewards_game[index] = 0.0
            self._n_steps[index] = 0
            self.reset_infos[index] = self._reset_info(index, n_dropped)
        return outcome.observations, outcome.rewards.astype(np.float32), dones, infos

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Returns ``(n_envs, n_actions) bool``, true where an action is legal."""
        return self.core.masks.copy()

    def state(self) -> dict[str, Any]:
        """Returns a copy of all games and their random streams."""
        return {**self.core.state(), **({"n_steps": self._n_steps.copy()} if self._by_keys else {})}

    def set_state(self, state: dict[str, Any]) -> Any:
        """Restores a state that ``state`` returned; returns the observations."""
        if isinstance(state, Mapping) and "n_steps" not in state:
            state = {**state, "n_steps": np.zeros_like(self._n_steps)}
        n_steps = state_array(state, "n_steps", self._n_steps.shape)
        observations = self.core.set_state(state)
        self._n_steps[:] = n_steps
        return observations

    def close(self) -> None:
        """Does nothing: there is nothing to release."""

    def _get_indices(self, indices: Any) -> list[int]:
        chosen = range(self.num_envs) if indices is None else indices
        chosen = list(chosen) if isinstance(chosen, Iterable) and getattr(chosen, "ndim", 1) > 0 else [chosen]
        for index in chosen:
            if not is_integer(index) or not -self.num_envs <= index < self.num_envs:
                raise ConfigError(
                    f"Indices are of {self.num_envs} games, from 0; got {index!r:.80}. Omit them for all.",
                    field="indices",
                )
        return chosen

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Returns an attribute of the batch once for each requested game."""
        value = getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Raises ``AttributeError``: games of one batch share their settings."""
        raise AttributeError(f"Games of one batch share their settings; {attr_name} cannot be set. Make a new batch.")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Calls ``action_masks``, ``keys_to`` or ``render`` for each requested game."""
        chosen: Iterable[int] = self._get_indices(indices)
        if method_name == "action_masks":
            return [self.core.masks[index].copy() for index in chosen]
        if method_name == "render":
            return [self._picture(index) for index in chosen]
        if method_name == "keys_to":
            return [self.core.keys_to(index, *method_args) for index in chosen]
        raise AttributeError(f"A batch answers action_masks, keys_to and render for each game; got {method_name!r}.")

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """Returns a picture of every game."""
        return [self._picture(index) for index in range(self.num_envs)]

    def _picture(self, index: int) -> npt.NDArray[np.uint8]:
        state = self.core.games.state(index)
        return render_rgb(state_snapshot(state, height=self.config.height, can_hold=self.config.hold))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Returns True for ``Monitor``, whose ``episode`` infos have, and False for other wrappers."""
        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]


def make_vec_env(
    config: EnvConfig | Mapping[str, Any] | None = None,
    n_envs: int = 1,
    seed: int | None = 0,
    *,
    n_threads: int | None = None,
) -> TetrisVecEnv:
    """Returns a Stable-Baselines3 ``VecEnv`` of n games.

    >>> make_vec_env(EnvConfig(), n_envs=3, seed=0).reset().shape
    (3, 40, 23)

    Args:
        config: Settings of the games, or a mapping of them; by default ``EnvConfig()``.
        n_envs: Number of games.
        seed: Game k of a seed is the same in a batch of any size, on any number of threads; random if None.
        n_threads: Threads that share a step; by default one for each CPU core and 512 games.

    Raises:
        ConfigError: if a number is out of range.
    """
    return TetrisVecEnv(config, n_envs, seed, n_threads)
