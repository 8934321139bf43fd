"""Events and reports for the tests of displays."""

from typing import Any

from tetrarium.events import AgentEvaluated, BoardShown, Progress, RunStarted, WarningGiven

STARTED = RunStarted(name="first", folder="runs/first", step=0, total_steps=100_000, seed=1, n_envs=16)
WARNING = WarningGiven(step=41_200, message="The registry cannot grow: the disk is full. Free some space.")
EVALUATED = AgentEvaluated(
    step=40_000, n_games=20, max_pieces=1_000, survival=20, lines_until_limit=398.6, estimated_lines=None,
    estimated_low=2_661.0, estimated_high=None, harder_games=50, harder_survival=0, harder_lines=135.2,
    harder_low=108.0, harder_high=170.4, is_best=True,
)  # fmt: skip
BOARD = BoardShown(
    width=10,
    height=20,
    cells="JTTT.....O" + "J........O" + "." * 220,
    queue=(0, 1),
    lines_game=1_204,
    pieces_game=3_012,
)


def progress(step: int, **changes: Any) -> Progress:
    values: dict[str, Any] = {
        "step": step,
        "total_steps": 100_000,
        "steps_per_second": 5_310.4,
        "seconds": step / 1_000,
        "seconds_left": (100_000 - step) / 1_000,
        "games_ended": 812,
        "games_lost": 800,
        "training_mean": 1_204.33,
        "training_n_ended": 84,
        "training_n_running": 16,
        "best_lines_game": 3_998,
        "lines_total": 500_000,
        "exploration_rate": 0.05,
        "loss": 0.012345,
    }
    return Progress(**{**values, **changes})


def report(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "policy": "dt-10",
        "n_games": 1_000,
        "n_ended": 1_000,
        "n_truncated": 0,
        "share_truncated": 0.0,
        "mean_lines": 1_204.33,
        "interval_lines": [1_144.5, 1_264.2],
        "interval_kind": "bootstrap",
        "confidence": 0.95,
        "median_lines": 830.0,
        "quantiles_as_played": {"0.05": 62.4, "0.25": 346.5, "0.75": 1_670.0, "0.95": 3_608.0},
        "lines_total": 1_204_330,
        "pieces_total": 3_010_825,
        "seconds": 4.61,
        "pieces_per_second": 653_107.4,
        "seed": 3,
        "max_pieces": 10_000,
        "config": {"width": 10, "height": 20, "randomizer": "7-bag"},
        "games": [],
    }
    return values | changes
