"""CMA-ES as a learner: searches the weights of a linear policy by playing whole games, without a gradient.

A round is a generation. Its candidates play the same games, new ones each generation, in evaluation's compiled
kernels; a candidate's score is its mean lines, of at most ``max_pieces_game`` pieces a game. The search goes on
in units in which all directions matter alike (``evolution_units``); weights are these times what it finds. What plays
is the averaged centre of the distribution, which no single lucky game moves. After 30 % of all steps
(``evolution_surface``) candidates play one game each, and what plays is the top of what all these games tell.

Candidates do not play in ``games``: there what plays plays on, a placement of each game a generation, for whoever
watches. Rewards play no part.

=======================  ============================================================================================
evolution.safetensors    the distribution, its units and the keys of its generator
weights.safetensors      what plays, a number for each feature by name
games.safetensors        the games that are there to be watched
=======================  ============================================================================================

The other numbers are counters, in ``metadata.json``. Nothing is a pickle.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

import gymnasium
import numpy as np
import numpy.typing as npt
import safetensors.numpy
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.vec_env import VecEnv

from tetrarium.engine.game_rows import LINES, N_PLACED, OVER
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.errors import ConfigError
from tetrarium.evaluation import LinearPolicy
from tetrarium.evaluation.matches import Match
from tetrarium.evaluation.recording import record_game
from tetrarium.training.algorithms.evolution_model import EvolutionModel
from tetrarium.training.algorithms.evolution_search import Search
from tetrarium.training.algorithms.evolution_surface import Surface
from tetrarium.training.algorithms.evolution_units import search_units
from tetrarium.training.algorithms.games import read_games, require_ours, training_games, write_games
from tetrarium.training.algorithms.learner import Learner, ReadFile, WeightKinds, Weights, WholeGame
from tetrarium.training.algorithms.linear import choose_rows, row_values, scalar_features
from tetrarium.training.config import TrainingConfig

__all__ = ["LEARNER", "EvolutionLearner"]

# candidates; numbers of their games, (population, games); what came of these, (population, games, 3)
_Generation = tuple[list[npt.NDArray[np.float64]], npt.NDArray[np.int64], npt.NDArray[np.int64]]

_SEARCH: Final = "evolution.safetensors"
_WEIGHTS: Final = "weights.safetensors"
_UNITS: Final = "units"
_FIRST_GAME: Final = 1 << 32  # of a seed; so that no game of an evaluation was trained on
_MOST_PIECES: Final = 2_000_000  # of a generation, a few seconds: Ctrl-C waits for its end
_SIGMA_TAKEN: Final = 0.1  # of the length of weights that were taken over
_SHARE_SEARCHED: Final = 0.3  # of all steps, before the surface
_LEAST_SEARCHED: Final = 50  # generations
_CANDIDATES_KEY: Final = 2  # sets the random numbers of the surface's candidates apart


class EvolutionLearner(Learner):
    """CMA-ES over the weights of a linear policy."""

    algorithm: ClassVar[str] = "cma-es"
    shaped_by: ClassVar[tuple[str, ...]] = ()
    plays_whole_games: ClassVar[bool] = True
    games: TetrisVecEnv
    env_config: EnvConfig
    model: EvolutionModel

    def __init__(self, env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig) -> None:
        self.games, self.env_config = require_ours(*training_games(env, config), self.algorithm)
        self.config = config.with_changes(n_envs=self.games.num_envs)
        self.features = scalar_features(self.env_config)
        if not self.features or "game_over" not in self.env_config.features:
            raise ConfigError(
                "The algorithm 'cma-es' weighs features of one number each and reads 'game_over'; got "
                f"{', '.join(self.env_config.features)}. Add 'game_over', and 'holes', say, to features."
            )
        self.units = search_units(self.env_config, self.features, config.seed)  # (n, n)
        self.search = Search(
            np.zeros(len(self.features)), config.cma_sigma, config.cma_population, config.cma_games, config.seed
        )
        self.surface: Surface | None = None
        self.playing = np.zeros(len(self.features))  # (n,) weights of what plays
        self.model = EvolutionModel(self.games)
        self._observations = self.games.reset()

    @property
    def exploration_rate(self) -> None:
        """None: candidates differ, but none plays at random."""
        return None

    @property
    def loss(self) -> None:
        """None: there is no gradient."""
        return None

    @property
    def mean_q(self) -> None:
        """None: nothing is valued by what will be earned."""
        return None

    @property
    def latest_observations(self) -> Any:
        """Of the games that are there to be watched."""
        return self._observations

    def values(self, observation: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Weighted sums of the averaged centre; a placement that ends the game is worth -inf."""
        weights = dict(zip(self.features, self.playing.tolist(), strict=True))
        found = row_values(observation[None], weights, self.env_config)[0]
        return np.asarray(found, dtype=np.float32)

    def start(self, n_steps: int, callbacks: Sequence[BaseCallback]) -> BaseCallback:
        """Prepares for so many further placements."""
        together = CallbackList(list(callbacks))
        together.init_callback(self.model)  # type: ignore[arg-type]  # it has what callbacks ask for
        return together

    def play_and_learn(self, callback: BaseCallback) -> bool:
        """Plays a generation, and moves the distribution.

        Callbacks are asked once, with the games of all candidates as ``dones``, ``infos`` and ``whole_games``.
        """
        callback.on_rollout_start()
        candidates, numbers, played = self._surveyed() if self._is_surveying() else self._searched()
        self.model.num_timesteps += int(played[:, :, 1].sum())
        self._show()
        infos = [_info(*game) for game in played.reshape(-1, 3).tolist()]
        players = [weights for weights in candidates for _ in range(numbers.shape[1])]
        whole_games = [
            WholeGame(info["lines_game"], partial(self._record_game, weights, number))
            for info, weights, number in zip(infos, players, numbers.ravel().tolist(), strict=True)
        ]
        dones = np.ones(len(infos), dtype=np.bool_)
        callback.update_locals({"dones": dones, "infos": infos, "whole_games": whole_games})
        goes_on = callback.on_step()
        self._record(played[:, :, 0].mean(axis=1))
        callback.on_rollout_end()
        return goes_on

    def _is_surveying(self) -> bool:
        """Whether candidates play for the surface, which begins where the search has come to."""
        if (
            self.surface is None
            and len(self.features) > 1
            and self.search.generation >= _LEAST_SEARCHED
            and self.model.num_timesteps >= _SHARE_SEARCHED * self.config.total_timesteps
        ):
            self.surface = Surface(self.search.averaged)
        return self.surface is not None

    def _searched(self) -> _Generation:
        """Plays a generation of the search, in which all candidates play the same games."""
        search = self.search
        candidates = search.ask()
        first = _FIRST_GAME + search.n_games_begun
        numbers = np.tile(np.arange(first, first + search.n_games), (len(candidates), 1))
        played = self._play(candidates, numbers)
        mean_pieces = max(float(played[:, :, 1].mean()), 1.0)
        search.tell(candidates, played[:, :, 0], int(_MOST_PIECES / mean_pieces / len(candidates)))
        self.playing = self.units @ search.averaged
        return candidates, numbers, played

    def _surveyed(self) -> _Generation:
        """Plays a generation for the surface, in which every candidate plays a game of its own."""
        assert self.surface is not None
        n_begun = self.search.n_games_begun
        rng = np.random.default_rng((self.config.seed, _CANDIDATES_KEY, n_begun))
        candidates = self.surface.ask(self.config.cma_population, rng)
        first = _FIRST_GAME + n_begun
        numbers = np.arange(first, first + len(candidates))[:, None]
        played = self._play(candidates, numbers)
        self.search.n_games_begun += len(candidates)
        self.surface.tell(candidates, played[:, 0, 0], played[:, 0, 2])
        self.playing = self.units @ self.surface.centre
        return candidates, numbers, played

    def _play(
        self, candidates: Sequence[npt.NDArray[np.float64]], numbers: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Plays the numbered games of each candidate, ``(population, games)``; returns lines, pieces, whether it ended.

        What is returned is ``(population, games, 3)``.
        """
        config = self.games.config
        cut = config.max_pieces or self.config.max_pieces_game
        known, places = np.unique(numbers, return_inverse=True)
        match = Match.begin(config, self.config.seed, tuple(known.tolist()))
        rows, start = match.games.rows, match.games.rows.copy()
        played = np.empty((*numbers.shape, 3), dtype=np.int64)
        for index, (weights, listed) in enumerate(zip(candidates, places.reshape(numbers.shape), strict=True)):
            rows[listed] = start[listed]
            self._policy(weights).seat(match).play(listed, cut, cut)
            played[index] = rows[listed][:, (LINES, N_PLACED, OVER)]
        return played

    def _record_game(self, weights: npt.NDArray[np.float64], number: int) -> Replay:
        """Plays a candidate's game again, for people to see."""
        config = self.games.config
        cut = config.max_pieces or self.config.max_pieces_game
        return record_game(self._policy(weights), config, self.config.seed, number, cut)

    def _policy(self, weights: npt.NDArray[np.float64]) -> LinearPolicy:
        """What plays by weights that are in the units of the search."""
        return LinearPolicy(dict(zip(self.features, (self.units @ weights).tolist(), strict=True)))

    def _show(self) -> None:
        """Places a piece in each of the games that are there to be watched."""
        assert isinstance(self._observations, np.ndarray)  # rows, as training_games sees to
        actions, _ = self.predict(self._observations, None, None, True)
        self.games.step_async(actions)
        self._observations = self.games.step_wait()[0]

    def _record(self, scores: npt.NDArray[np.float64]) -> None:
        logger, search = self.model.logger, self.search
        logger.record("train/generation", search.generation)
        logger.record("train/games_candidate", search.n_games)
        logger.record("train/lines_candidates", float(np.median(scores)))
        logger.record("train/sigma_relative", search.sigma / max(float(np.linalg.norm(search.mean)), 1e-12))

    def predict(
        self,
        observation: npt.NDArray[Any],
        state: tuple[npt.NDArray[Any], ...] | None,
        episode_start: npt.NDArray[Any] | None,
        deterministic: bool,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Chooses as the averaged centre does."""
        observation = np.asarray(observation, dtype=np.float32)
        shape = self.games.observation_space.shape
        if observation.shape[-2:] != shape or observation.ndim > 3:
            raise ConfigError(
                f"An observation here has shape {shape}, alone or in a batch; got {observation.shape}. "
                "Pass what the environment returned."
            )
        weights = dict(zip(self.features, self.playing.tolist(), strict=True))
        actions = choose_rows(observation.reshape(-1, *observation.shape[-2:]), weights, self.env_config)
        return (actions[0] if observation.ndim == 2 else actions), state

    def weights(self) -> Weights:
        """Returns what plays, by feature."""
        return {name: np.array([value]) for name, value in zip(self.features, self.playing, strict=True)}

    def take_weights(self, weights: Weights) -> None:
        """Begins with a narrow distribution around weights that play elsewhere."""
        self.playing = np.array([float(weights[name][0]) for name in self.features])
        mean = np.linalg.solve(self.units, self.playing).astype(np.float64)
        self.surface = None
        self.search.begin_at(mean, _SIGMA_TAKEN * max(float(np.linalg.norm(mean)), 1e-6))

    def write(self, folder: Path) -> None:
        """Writes the distribution, what plays and the games."""
        surface = {} if self.surface is None else self.surface.arrays()
        safetensors.numpy.save_file({**self.search.arrays(), **surface, _UNITS: self.units}, folder / _SEARCH)
        safetensors.numpy.save_file(dict(self.weights()), folder / _WEIGHTS)
        write_games(self.games, folder)

    def counters(self) -> dict[str, Any]:
        """Returns the placements of all candidates, and the numbers of the search."""
        return {"num_timesteps": self.model.num_timesteps, "search": self.search.numbers()}

    def read(self, read_file: ReadFile, counters: Mapping[str, Any]) -> None:
        """Reads everything back."""
        arrays = safetensors.numpy.load(read_file(_SEARCH))
        self.units = arrays.get(_UNITS, np.eye(len(self.features)))  # a search without them went on in weights
        self.search.set_state(arrays, counters["search"])
        self.surface = Surface.of(arrays)
        playing = self.read_weights((), read_file)
        self.playing = np.array([float(playing[name][0]) for name in self.features])
        self._observations = read_games(self.games, read_file)
        self.model.num_timesteps = int(counters["num_timesteps"])

    @classmethod
    def read_weights(cls, files: Sequence[str], read_file: ReadFile) -> Weights:  # noqa: ARG003 it is one file
        """Reads what plays."""
        return dict(safetensors.numpy.load(read_file(_WEIGHTS)))

    @classmethod
    def weight_kinds(cls, config: TrainingConfig, env_config: EnvConfig) -> WeightKinds:  # noqa: ARG003 all alike
        """A number for each feature that is weighed."""
        return dict.fromkeys(scalar_features(env_config), ((1,), "float64"))

    @classmethod
    def make_policy(cls, weights: Weights, config: TrainingConfig, env_config: EnvConfig, name: str) -> LinearPolicy:
        """Makes what evaluation plays; nothing of the training's config shapes it."""
        del config
        return LinearPolicy({feature: float(weights[feature][0]) for feature in scalar_features(env_config)}, name)


def _info(lines: int, pieces: int, over: int) -> dict[str, Any]:
    """What a ``TetrisVecEnv`` would tell at the end of the same game."""
    return {
        "lines_game": lines,
        "pieces_game": pieces,
        "TimeLimit.truncated": not over,
        "episode": {"r": float(lines), "l": pieces, "t": 0.0},
    }


LEARNER: Final = EvolutionLearner
