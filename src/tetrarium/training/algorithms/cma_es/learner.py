"""The learner of CMA-ES: a gradient-free search over the weights of a linear policy, which plays whole games.

A round is a generation. Its candidates play the same games, new ones each generation, in evaluation's compiled kernels
and on all cores, which changes no result. A candidate's score is its mean lines, in games of at most
``max_pieces_game`` pieces. The search runs in normalized coordinates, in which all directions matter equally
(``normalization_matrix``); the weights are the normalization matrix times these coordinates. The policy is the averaged
mean of the distribution, which no single lucky game moves. After 30 % of all steps (``quadratic_fit``) each candidate
plays one game, and the policy is the maximum of a fit to all these games.

Games of good candidates on a high board are too long to play. With ``cma_search_height`` the search plays on a lower
board, and with ``cma_walkers`` each game for the fit is replaced by an estimate of the candidate's mean lines
(``weighted_ensemble``), which is no game in any statistic.

Candidates do not play in ``vec_env``: there the policy makes one placement per game and generation, for viewers.
Rewards are not used.

Files in a checkpoint:

=======================  ============================================================================================
evolution.safetensors    the distribution, the normalization matrix and the keys of the random generator
weights.safetensors      the policy's weights by feature, one for each of its numbers
games.safetensors        the games for viewers
=======================  ============================================================================================

All other numbers are counters, in ``metadata.json``. There are no pickles.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

import gymnasium
import numpy as np
import numpy.typing as npt
import safetensors.numpy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from tetrarium.engine.batches import MAX_THREADS, usable_cores
from tetrarium.engine.features import feature_width
from tetrarium.engine.state_layout import LINES, N_PLACED, TERMINATED
from tetrarium.environment import EnvConfig
from tetrarium.environment.interfaces.vec_env import TetrisVecEnv
from tetrarium.environment.replays import Replay
from tetrarium.evaluation import LinearPolicy
from tetrarium.evaluation.policy_runner import GameBatch
from tetrarium.evaluation.single_games import record_game
from tetrarium.registry.files.tensors import write_tensors
from tetrarium.training.algorithms import learner, training_env
from tetrarium.training.algorithms.callback_model import CallbackModel
from tetrarium.training.algorithms.cma_es import linear_policy
from tetrarium.training.algorithms.cma_es.quadratic_fit import GAMES_PER_COEFFICIENT, QuadraticFit
from tetrarium.training.algorithms.cma_es.search import CmaSearch
from tetrarium.training.algorithms.cma_es.weighted_ensemble import WeightedEnsemble
from tetrarium.training.config import TrainingConfig
from tetrarium.training.requirements import linear_features, require_independent_pieces, require_linear_features

# candidates; numbers of their games, (population, n_games); lines, pieces, terminated: (population, n_games, 3)
_Generation = tuple[list[npt.NDArray[np.float64]], npt.NDArray[np.int64], npt.NDArray[np.int64]]

_SEARCH: Final = "evolution.safetensors"
_WEIGHTS: Final = "weights.safetensors"
_NORMALIZATION: Final = "units"
_FIRST_GAME: Final = 1 << 32  # of a seed; no game of an evaluation is trained on
_MAX_PIECES: Final = 2_000_000  # per generation, a few seconds: Ctrl-C waits for its end
_N_SKIPPED: Final = 200  # pieces of each walker before the measurement; on 20 rows losses are then as frequent as ever
_N_STEPS: Final = 600  # pieces of each walker that are measured
_ESTIMATES_PER_COEFFICIENT: Final = 2  # before the first quadratic fit; an estimate varies less than a game
_MOST_LOST: Final = 8.0  # frequency of lost games relative to the median; higher ones would outweigh all others
_WALKERS_KEY: Final = 3  # separates the random stream of estimates
_LOADED_SIGMA: Final = 0.1  # relative to the length of loaded weights
_SEARCH_SHARE: Final = 0.3  # of all steps, before the quadratic fit
_MIN_GENERATIONS: Final = 50  # before the quadratic fit
_CANDIDATES_KEY: Final = 2  # separates the random stream of the quadratic fit's candidates


class CmaEsLearner(learner.Learner):
    """CMA-ES over the weights of a linear policy."""

    algorithm: ClassVar[str] = "cma-es"
    shape_settings: ClassVar[tuple[str, ...]] = ()
    plays_whole_games: ClassVar[bool] = True
    uses_blas: ClassVar[bool] = True
    vec_env: TetrisVecEnv
    env_config: EnvConfig
    model: CallbackModel

    def __init__(self, env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig) -> None:
        self.vec_env, self.env_config = training_env.require_tetris_vec_env(
            *training_env.make_training_env(env, config), self.algorithm
        )
        self.config = config.with_changes(n_envs=self.vec_env.num_envs)
        self.features = require_linear_features(self.env_config, config)
        require_independent_pieces(self.env_config, config)
        self.normalization = linear_policy.normalization_matrix(self.env_config, self.features, config.seed)
        n_numbers, n = self.normalization.shape
        self.search = CmaSearch(np.zeros(n), config.cma_sigma, config.cma_population, config.cma_games, config.seed)
        self.quadratic_fit: QuadraticFit | None = None
        self.policy_weights = np.zeros(n_numbers)
        self.model = CallbackModel(self.vec_env)
        self._observations = self.vec_env.reset()

    @property
    def exploration_rate(self) -> None:
        """None: no placement is random."""
        return None

    @property
    def loss(self) -> None:
        """None: there is no gradient."""
        return None

    @property
    def mean_q(self) -> None:
        """None: no values are predicted."""
        return None

    @property
    def latest_observations(self) -> Any:
        """Observations of the games for viewers."""
        return self._observations

    def action_values(self, observation: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Returns the policy's weighted sums; -inf also for placements that end the game."""
        values = linear_policy.linear_action_values(observation[None], self.weights(), self.env_config)[0]
        return np.asarray(values, dtype=np.float32)

    def setup_learn(self, n_steps: int, callbacks: Sequence[BaseCallback]) -> BaseCallback:
        """Prepares for a number of further placements."""
        return self.model.combine(callbacks)

    def run_round(self, callback: BaseCallback) -> bool:
        """Plays a generation, and updates the distribution or the quadratic fit.

        Callbacks are called once, with the games of all candidates as ``dones``, ``infos`` and ``whole_games``; without
        games in a generation of estimates.
        """
        callback.on_rollout_start()
        is_fit = self._is_fitting()
        candidates, numbers, results = self._fit_generation() if is_fit else self._search_generation()
        config = self._played_config()
        self.model.num_timesteps += int(results[:, :, 1].sum())
        self._step_vec_env()
        of_games = [weights for weights in candidates for _ in range(numbers.shape[1])]
        games = list(zip(results.reshape(-1, 3).tolist(), of_games, numbers.ravel().tolist(), strict=True))
        if is_fit and self.config.cma_walkers:
            games.clear()
        infos = [_info(*game) for game, _, _ in games]
        whole_games = [
            learner.WholeGame(lines, partial(self._record_game, config, weights, number))
            for (lines, _, _), weights, number in games
        ]
        dones = np.ones(len(infos), dtype=np.bool_)
        callback.update_locals({"dones": dones, "infos": infos, "whole_games": whole_games})
        continues = callback.on_step()
        self._log(results[:, :, 0].mean(axis=1))
        callback.on_rollout_end()
        return continues

    def _is_fitting(self) -> bool:
        """Returns whether the search has passed to the quadratic fit; starts the fit when it is due."""
        if (
            self.quadratic_fit is None
            and len(self.search.averaged) > 1
            and self.search.generation >= _MIN_GENERATIONS
            and self.model.num_timesteps >= _SEARCH_SHARE * (self.config.schedule_steps or self.config.total_timesteps)
        ):
            n_games = _ESTIMATES_PER_COEFFICIENT if self.config.cma_walkers else GAMES_PER_COEFFICIENT
            self.quadratic_fit = QuadraticFit(self.search.averaged, n_games)
        return self.quadratic_fit is not None

    def _search_generation(self) -> _Generation:
        """Plays a generation of the search, in which all candidates play the same games."""
        search = self.search
        candidates = search.ask()
        first = _FIRST_GAME + search.n_games_begun
        numbers = np.tile(np.arange(first, first + search.n_games), (len(candidates), 1))
        results = self._play(candidates, numbers)
        mean_pieces = max(float(results[:, :, 1].mean()), 1.0)
        search.update(candidates, results[:, :, 0], int(_MAX_PIECES / mean_pieces / len(candidates)))
        self.policy_weights = self.normalization @ search.averaged
        return candidates, numbers, results

    def _fit_generation(self) -> _Generation:
        """Plays a generation for the quadratic fit, in which every candidate plays another game."""
        assert self.quadratic_fit is not None
        n_begun = self.search.n_games_begun
        rng = np.random.default_rng((self.config.seed, _CANDIDATES_KEY, n_begun))
        candidates = self.quadratic_fit.ask(self.config.cma_population, rng)
        first = _FIRST_GAME + n_begun
        numbers = np.arange(first, first + len(candidates))[:, None]
        results = (self._estimate if self.config.cma_walkers else self._play)(candidates, numbers)
        self.search.n_games_begun += len(candidates)
        if self.config.cma_walkers:  # frequencies of lost games are unbiased, their inverses are not
            lost = 1 / np.maximum(results[:, 0, 0], 1)
            lost = np.minimum(lost, _MOST_LOST * np.median(lost))
            lines = np.full(len(lost), 1 / lost.mean())
            self.quadratic_fit.update(candidates, lines, lost * lines)
        else:
            self.quadratic_fit.update(candidates, results[:, 0, 0], results[:, 0, 2])
        self.policy_weights = self.normalization @ self.quadratic_fit.center
        return candidates, numbers, results

    def _play(
        self, candidates: Sequence[npt.NDArray[np.float64]], numbers: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Plays games of all candidates.

        Args:
            candidates: ``(n,)`` coordinates of each candidate.
            numbers: ``(population, n_games)`` numbers of their games.

        Returns:
            ``(population, n_games, 3)``: lines, pieces, and 1 if the game terminated.
        """
        config = self._played_config()
        max_pieces = config.max_pieces or self.config.max_pieces_game
        unique, indices = np.unique(numbers, return_inverse=True)
        of_thread = threading.local()

        def begin_games() -> None:
            of_thread.batch = GameBatch.begin(config, self.config.seed, tuple(unique.tolist()))
            of_thread.start = of_thread.batch.games.rows.copy()

        def play(weights: npt.NDArray[np.float64], games: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
            batch: GameBatch = of_thread.batch
            rows = batch.games.rows
            rows[games] = of_thread.start[games]
            self._policy(weights).make_runner(batch).play(games, max_pieces, max_pieces)
            return rows[games][:, (LINES, N_PLACED, TERMINATED)]

        with ThreadPoolExecutor(_n_threads(candidates), "cma-es", initializer=begin_games) as pool:
            played = pool.map(play, candidates, indices.reshape(numbers.shape))
            return np.array(list(played))

    def _estimate(
        self, candidates: Sequence[npt.NDArray[np.float64]], numbers: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Estimates the mean lines of candidates; arguments and result as in ``_play``, an estimate as one game."""
        of_thread = threading.local()

        def begin_walkers() -> None:
            of_thread.ensemble = WeightedEnsemble(self.vec_env.config, self.config.cma_walkers)

        def estimate(weights: npt.NDArray[np.float64], number: int) -> tuple[int, int, int]:
            rng = np.random.default_rng((self.config.seed, _WALKERS_KEY, number))
            found = of_thread.ensemble.estimate(self._policy(weights), _N_SKIPPED, _N_STEPS, rng)
            return round(found.lines), found.n_placed, 1

        with ThreadPoolExecutor(_n_threads(candidates), "cma-es", initializer=begin_walkers) as pool:
            return np.array(list(pool.map(estimate, candidates, numbers[:, 0].tolist())))[:, None]

    def _record_game(self, config: EnvConfig, weights: npt.NDArray[np.float64], number: int) -> Replay:
        """Plays a candidate's game again and records it."""
        max_pieces = config.max_pieces or self.config.max_pieces_game
        return record_game(self._policy(weights), config, self.config.seed, number, max_pieces)

    def _played_config(self) -> EnvConfig:
        """Returns the game of whole games: that of the environment, in the search on fewer rows if wanted."""
        config, height = self.vec_env.config, self.config.cma_search_height
        if height is None or height >= config.height or self.quadratic_fit is not None:
            return config
        return config.with_changes(height=height, hidden_rows=config.height + config.hidden_rows - height)

    def _policy(self, weights: npt.NDArray[np.float64]) -> LinearPolicy:
        """Returns the policy at normalized coordinates."""
        return LinearPolicy(_by_feature(self._numbers_by_feature(self.normalization @ weights)))

    def _step_vec_env(self) -> None:
        """Makes one placement in each of the games for viewers."""
        assert isinstance(self._observations, np.ndarray)  # make_training_env rejects dictionaries
        actions = self.predict(self._observations, deterministic=True)
        self.vec_env.step_async(actions)
        self._observations = self.vec_env.step_wait()[0]

    def _log(self, scores: npt.NDArray[np.float64]) -> None:
        logger, search = self.model.logger, self.search
        logger.record("train/generation", search.generation)
        logger.record("train/games_candidate", search.n_games)
        logger.record("train/lines_candidates", float(np.median(scores)))
        logger.record("train/sigma_relative", search.sigma / max(float(np.linalg.norm(search.mean)), 1e-12))

    def predict(self, observation: npt.NDArray[Any], *, deterministic: bool) -> npt.NDArray[Any]:
        """Chooses the policy's actions."""
        observation = learner.checked_observation(observation, self.vec_env.observation_space.shape)
        rows = observation.reshape(-1, *observation.shape[-2:])
        actions = linear_policy.choose_actions(rows, self.weights(), self.env_config)
        return actions[0] if observation.ndim == 2 else actions

    def weights(self) -> learner.Weights:
        """Returns the policy's weights, by feature."""
        return self._numbers_by_feature(self.policy_weights)

    def _numbers_by_feature(self, numbers: npt.NDArray[np.float64]) -> learner.Weights:
        """Splits ``(n_numbers,)`` weights by feature."""
        specs = self.weight_specs(self.config, self.env_config).values()
        ends = np.cumsum([n for (n,), _ in specs])
        return dict(zip(self.features, np.split(numbers, ends[:-1]), strict=True))

    def load_weights(self, weights: learner.Weights) -> None:
        """Starts from a narrow distribution around the weights of another policy."""
        self.policy_weights = np.concatenate([weights[name] for name in self.features])
        mean = np.linalg.lstsq(self.normalization, self.policy_weights)[0].astype(np.float64)
        self.quadratic_fit = None
        self.search.move_to(mean, _LOADED_SIGMA * max(float(np.linalg.norm(mean)), 1e-6))

    def write(self, folder: Path) -> None:
        """Writes the search, the policy's weights and the games."""
        fit = {} if self.quadratic_fit is None else self.quadratic_fit.arrays()
        arrays = {**self.search.arrays(), **fit, _NORMALIZATION: self.normalization}
        write_tensors(folder / _SEARCH, arrays)
        write_tensors(folder / _WEIGHTS, self.weights())
        training_env.write_game_states(self.vec_env, folder)

    def counters(self) -> dict[str, Any]:
        """Returns the step count and the numbers of the search."""
        return {"num_timesteps": self.model.num_timesteps, "search": self.search.numbers()}

    def read(self, read_file: learner.ReadFile, counters: Mapping[str, Any]) -> None:
        """Restores the complete state."""
        arrays = safetensors.numpy.load(read_file(_SEARCH))
        self.normalization = arrays.get(_NORMALIZATION, np.eye(len(self.features)))  # old files have none
        self.search.set_state(arrays, counters["search"])
        self.quadratic_fit = QuadraticFit.from_arrays(arrays)
        weights = self.read_weights((), read_file)
        self.policy_weights = np.concatenate([weights[name] for name in self.features])
        self._observations = training_env.read_game_states(self.vec_env, read_file)
        self.model.num_timesteps = int(counters["num_timesteps"])

    @classmethod
    def read_weights(cls, files: Sequence[str], read_file: learner.ReadFile) -> learner.Weights:  # noqa: ARG003 it is one file
        """Reads the policy's weights."""
        return dict(safetensors.numpy.load(read_file(_WEIGHTS)))

    @classmethod
    def weight_specs(cls, config: TrainingConfig, env_config: EnvConfig) -> learner.WeightSpecs:
        """Returns a weight for each number of the weighted features."""
        names = linear_features(env_config, config)
        return {name: ((feature_width(name, env_config.width, env_config.preview),), "float64") for name in names}

    @classmethod
    def make_policy(
        cls, weights: learner.Weights, config: TrainingConfig, env_config: EnvConfig, name: str
    ) -> LinearPolicy:
        """Returns the linear policy of these weights."""
        return LinearPolicy(_by_feature({name: weights[name] for name in linear_features(env_config, config)}), name)


def _by_feature(weights: learner.Weights) -> dict[str, float | list[float]]:
    """Returns the weights of a ``LinearPolicy``; those of a single number suit boards of every width."""
    return {name: values.tolist() if len(values) > 1 else float(values[0]) for name, values in weights.items()}


def _n_threads(tasks: Sequence[Any]) -> int:
    return min(usable_cores(), len(tasks), MAX_THREADS)


def _info(lines: int, pieces: int, terminated: int) -> dict[str, Any]:
    """Returns the info that a ``TetrisVecEnv`` gives at the end of the same game."""
    return {
        "lines_game": lines,
        "pieces_game": pieces,
        "TimeLimit.truncated": not terminated,
        "episode": {"r": float(lines), "l": pieces, "t": 0.0},
    }
