"""Many games as one Stable-Baselines3 ``VecEnv``, stepped in one native call.

This is the one module of the environment that imports Stable-Baselines3, and with it torch.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv

from tetrarium.environment.config import EnvConfig
from tetrarium.environment.core import GameCore, whole_actions
from tetrarium.environment.observations import one_game
from tetrarium.environment.rendering import render_rgb
from tetrarium.environment.scene import state_looks

__all__ = ["TetrisVecEnv", "make_vec_env"]


class TetrisVecEnv(VecEnv):
    """n games behind Stable-Baselines3's interface; a game that ends or is cut starts anew in the same step.

    The ``info`` of a step holds ``action_mask`` (of the observation returned), ``action`` (what was played),
    ``lines_placement``, ``lines_game`` and ``pieces_game``, under ``actions="reachable"`` also ``placement`` and
    ``left_out``, as in ``TetrisEnv``; at the end of a game also ``terminal_observation``,
    ``TimeLimit.truncated`` and ``episode`` (reward ``r``, pieces ``l``, seconds ``t``), as a ``Monitor`` writes it.
    """

    def __init__(self, config: EnvConfig, n_envs: int, seed: int = 0, n_threads: int | None = None) -> None:
        self.config = config
        self.core = GameCore(config, n_envs, seed, n_threads)
        self._actions = np.zeros(n_envs, dtype=np.int64)
        self._started_s = time.monotonic()
        self.render_mode = "rgb_array"
        super().__init__(n_envs, self.core.observation_space, self.core.action_space)
        self.seed(seed)

    def reset(self) -> Any:
        """Starts every game anew; a seed given by ``seed`` is used once."""
        observations = self.core.reset(self._seeds[0])
        self.reset_infos = [{"action_mask": mask} for mask in self.core.masks]
        self._reset_seeds()
        self._reset_options()
        return observations

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seeds the next reset; game k draws from the stream ``(seed, k)``."""
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        self._seeds = [seed] * self.num_envs
        return self._seeds

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Remembers the actions for ``step_wait``.

        Raises:
            GameError: if they are not whole numbers.
        """
        self._actions = whole_actions(actions)

    def step_wait(
        self,
    ) -> tuple[Any, npt.NDArray[np.float32], npt.NDArray[np.bool_], list[dict[str, Any]]]:
        """Plays the remembered actions."""
        core = self.core
        outcome = core.step(self._actions, restart=True)
        games = core.games
        dones = outcome.over | outcome.cut
        infos = [
            {
                "action_mask": mask,
                "action": action,
                "lines_placement": lines_placement,
                "lines_game": lines_game,
                "pieces_game": pieces_game,
                "TimeLimit.truncated": cut,
            }
            for mask, action, lines_placement, lines_game, pieces_game, cut in zip(
                outcome.masks,
                games.played.tolist(),
                games.step_lines.tolist(),
                games.reached.lines.tolist(),
                games.reached.pieces.tolist(),
                outcome.cut.tolist(),
                strict=True,
            )
        ]
        for name, values in {**core.placements(), **core.left_out(games.rows, outcome.masks)}.items():
            for info, value in zip(infos, values, strict=True):
                info[name] = value
        ended = np.flatnonzero(dones)
        final = core.final_observations(ended) if len(ended) else None
        for place, index in enumerate(ended.tolist()):
            assert final is not None
            infos[index]["terminal_observation"] = one_game(final, place)
            infos[index]["episode"] = {
                "r": float(core.rewards_game[index]),
                "l": infos[index]["pieces_game"],
                "t": round(time.monotonic() - self._started_s, 6),
            }
            core.rewards_game[index] = 0.0
        return outcome.observations, outcome.rewards.astype(np.float32), dones, infos

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Returns ``(n_envs, n_actions) bool``, true where an action is legal."""
        return self.core.masks.copy()

    def state(self) -> dict[str, Any]:
        """Copies out all games and their random streams."""
        return self.core.state()

    def set_state(self, state: dict[str, Any]) -> Any:
        """Puts back what ``state`` gave, and returns what is seen."""
        return self.core.set_state(state)

    def close(self) -> None:
        """Does nothing: there is nothing to release."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Returns an attribute of the whole for each game asked for."""
        value = getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuses: games of one batch share their settings."""
        raise AttributeError(f"Games of one batch share their settings; {attr_name} cannot be set. Make a new batch.")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Answers ``action_masks``, ``keys_to`` and ``render`` for each game asked for."""
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
        games = self.core.games
        state = games.state(index)
        return render_rgb(
            columns=games.columns[index],
            height=self.config.height,
            queue=state.queue,
            lines=state.lines,
            pieces=state.pieces,
            **state_looks(state, can_hold=self.config.hold),
        )

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """No game is wrapped."""
        return [False for _ in self._get_indices(indices)]


def make_vec_env(
    config: EnvConfig | None = None, n_envs: int = 1, seed: int = 0, *, n_threads: int | None = None
) -> TetrisVecEnv:
    """Makes n games behind Stable-Baselines3's ``VecEnv``.

    >>> make_vec_env(EnvConfig(), n_envs=3, seed=0).reset().shape
    (3, 40, 23)

    Args:
        config: What is played and seen; the default game if left out.
        n_envs: How many games.
        seed: Game k of a seed is the same in a batch of any size, on any number of threads.
        n_threads: That share a step; left out: one for each core, as long as each has 512 games.

    Raises:
        ConfigError: if a number is out of range.
    """
    return TetrisVecEnv(config if config is not None else EnvConfig(), n_envs, seed, n_threads)
