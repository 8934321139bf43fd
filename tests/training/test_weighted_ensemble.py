"""The weighted ensemble against games played to their end, and in the search of CMA-ES."""

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback

from tetrarium.engine.state_layout import COLUMNS
from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import ConfigError
from tetrarium.evaluation import evaluate, named_policy
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.algorithms.cma_es import learner as cma_es_learner
from tetrarium.training.algorithms.cma_es.weighted_ensemble import WeightedEnsemble
from tetrarium.training.algorithms.learner import WholeGame

N_WALKERS = 20
SMALL = TrainingConfig(
    algorithm="cma-es", n_envs=2, cma_population=6, cma_games=2, cma_walkers=4, max_pieces_game=50, seed=3,
    total_timesteps=10_000_000,
)  # fmt: skip
BOARD = EnvConfig.literature(6)


class WholeGames(BaseCallback):
    """Collects the games of every round."""

    def __init__(self) -> None:
        super().__init__()
        self.whole_games: list[WholeGame] = []

    def _on_step(self) -> bool:
        self.whole_games += self.locals["whole_games"]
        return True


def estimated_lines(config: EnvConfig, n_estimates: int, policy: str = "dt-10", seed: int = 0) -> float:
    """Returns the mean lines by the mean frequency of lost games of several estimates."""
    ensemble = WeightedEnsemble(config, N_WALKERS)
    rng = np.random.default_rng(seed)
    estimates = [ensemble.estimate(named_policy(policy), 150, 300, rng).lines for _ in range(n_estimates)]
    return float(1 / np.mean(1 / np.array(estimates)))


@pytest.mark.parametrize("height", [7, 9])
def test_estimated_lines_equal_those_of_games_played_to_their_end(height: int) -> None:
    config = EnvConfig.literature(height)
    played = evaluate(named_policy("dt-10"), config, n_games=2_000, seed=0, max_pieces=10**9)
    low, high = played.interval_lines
    assert low * 0.93 < estimated_lines(config, 30) < high * 1.07  # its own error is 3 %


def test_a_preview_and_other_widths_are_estimated_too() -> None:
    config = EnvConfig(width=8, height=9, randomizer="uniform", preview=2)
    played = evaluate(named_policy("dt-10"), config, n_games=2_000, seed=0, max_pieces=10**9)
    low, high = played.interval_lines
    assert low * 0.93 < estimated_lines(config, 30) < high * 1.07


def walkers_on_three_heights() -> tuple[np.ndarray, np.ndarray]:
    """Returns 3, 30 and 1 walkers with stacks of 0, 3 and 6 rows, and their unequal weights."""
    rows = np.zeros((34, COLUMNS + 10), dtype=np.int64)
    rows[3:33, COLUMNS + 4] = 0b100
    rows[33, COLUMNS + 9] = 0b100000
    return rows, np.random.default_rng(0).dirichlet(np.full(34, 0.5))


def test_every_height_gets_equally_many_walkers_and_keeps_its_weight() -> None:
    rows, weights = walkers_on_three_heights()
    chosen, after = WeightedEnsemble(BOARD, N_WALKERS)._resample(rows, weights, np.random.default_rng(1))

    heights = np.repeat([0, 1, 2], [3, 30, 1])
    assert heights[chosen].tolist() == sorted([0, 1, 2] * N_WALKERS)
    np.testing.assert_allclose(np.bincount(heights[chosen], after), np.bincount(heights, weights), rtol=1e-12)


def test_a_walker_continues_with_its_own_weight_on_average() -> None:
    rows, weights = walkers_on_three_heights()
    ensemble, rng = WeightedEnsemble(BOARD, N_WALKERS), np.random.default_rng(1)
    continued = np.zeros(len(weights))
    for _ in range(2_000):
        chosen, after = ensemble._resample(rows, weights, rng)
        np.add.at(continued, chosen, after / 2_000)

    np.testing.assert_allclose(continued, weights, atol=2e-3)


def test_an_estimate_depends_on_the_generator_alone() -> None:
    assert estimated_lines(BOARD, 2, seed=5) == estimated_lines(BOARD, 2, seed=5) != estimated_lines(BOARD, 2, seed=6)


def test_random_play_is_estimated_to_clear_nearly_nothing() -> None:
    assert estimated_lines(BOARD, 2, "dellacherie") > 20 * estimated_lines(BOARD, 2, "random") > 0


def test_threads_change_no_result_of_a_fit_with_walkers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cma_es_learner, "_MIN_GENERATIONS", 2)
    monkeypatch.setattr(cma_es_learner, "_ESTIMATES_PER_COEFFICIENT", 0.05)
    weights = []
    for n_cores in (1, 3):
        monkeypatch.setattr("os.sched_getaffinity", lambda _process, n_cores=n_cores: set(range(n_cores)))
        agent = TetrisAgent(make_env(BOARD)(), SMALL.with_changes(total_timesteps=1_000)).train(150_000)
        weights.append(agent.learner.policy_weights)
    assert agent.learner.quadratic_fit.arrays()["surface_games"].shape[0] >= 12
    assert not np.array_equal(weights[0], agent.learner.normalization @ agent.learner.search.averaged)  # it was fitted
    assert np.array_equal(*weights)


def test_only_games_of_the_search_are_counted_and_shown_with_their_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cma_es_learner, "_MIN_GENERATIONS", 1)
    config = SMALL.with_changes(cma_search_height=4, total_timesteps=1_000)
    games = WholeGames()
    agent = TetrisAgent(make_env(BOARD)(), config).train(1_000, callback=games)

    lines = [game.lines for game in games.whole_games]
    replays = [game.record() for game in games.whole_games]
    assert {replay.env_config.height for replay in replays} == {4}
    assert [replay.lines for replay in replays] == lines
    assert agent.learner.quadratic_fit.arrays()["surface_games"].shape[0] > 0  # estimates followed
    statistics = agent.statistics
    assert (statistics.games_ended, statistics.best_lines_game) == (len(lines), max(lines))
    assert sum(replay.pieces for replay in replays) == statistics.pieces_total < agent.timesteps_trained


def test_a_candidate_that_loses_at_once_counts_as_much_as_eight_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cma_es_learner, "_MIN_GENERATIONS", 1)
    agent = TetrisAgent(make_env(BOARD)(), SMALL.with_changes(total_timesteps=1_000)).train(1_000)
    learner = agent.learner
    estimates = np.array([[[lines, 100, 1]] for lines in (10**7, 10**7, 10**7, 10**7, 10**7, 2)])
    monkeypatch.setattr(learner, "_estimate", lambda *_: estimates)
    learner._fit_generation()

    lost = learner.quadratic_fit.arrays()["surface_games"][-6:, 1]
    np.testing.assert_allclose(lost / lost[0], [1, 1, 1, 1, 1, 8])


def test_walkers_of_dependent_pieces_are_refused() -> None:
    with pytest.raises(ConfigError, match="randomizer='uniform'; got cma_walkers=4 and randomizer='7-bag'") as caught:
        TetrisAgent(make_env(EnvConfig())(), SMALL)
    assert caught.value.field == "cma_walkers"
