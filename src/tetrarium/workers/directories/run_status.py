"""``RunView``: a training run with its status, as lists and pages show it."""

from dataclasses import dataclass, field
from typing import Any

from tetrarium.settings import documented
from tetrarium.workers.protocol import status_files


def default_settings() -> dict[str, Any]:
    """Returns the defaults of all settings by name, as JSON holds them."""
    from tetrarium.training.runs.storage import run_config  # loads the engine

    return run_config.default_settings()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A training run with its status."""

    name: str = field(metadata=documented("Name of its folder in the home.", "first"))
    state: str = field(
        metadata=documented(
            "State of the run; `crashed`: its process ended without writing a state, and it can be resumed; "
            "`damaged`: its configuration cannot be read.",
            choices=status_files.PROCESS_STATES,
        )
    )
    step: int = field(metadata=documented("Training steps so far: placements of all games together.", 41200))
    total_steps: int = field(metadata=documented("Requested training steps.", 400000))
    error: str = field(metadata=documented("Reason of a failure, or empty.", ""))
    message: str = field(metadata=documented("Latest message for people.", "Paused at step 41,200. Nothing is lost."))
    algorithm: str = field(metadata=documented("Learning algorithm.", "dqn"))
    preset: str | None = field(metadata=documented("Preset that its settings are based on, if known.", "quick"))
    seed: int = field(metadata=documented("Seed of the training.", 1))
    started: str | None = field(metadata=documented("Start time in ISO 8601.", "2026-11-22T17:40:00+00:00"))
    seconds: float = field(
        metadata=documented("Training time, without pauses and without waiting for evaluations.", 41.3)
    )
    evaluated_seconds: float = field(metadata=documented("Time of waiting for evaluations.", 1.2))
    training_mean: float | None = field(
        metadata=documented("Mean lines of the latest games, running ones included.", 1204.5)
    )
    training_n_ended: int | None = field(metadata=documented("Games in that mean that ended.", 50))
    training_n_running: int | None = field(metadata=documented("Games in that mean that still run.", 50))
    best_lines_game: int | None = field(metadata=documented("Most lines in one game.", 3998))
    games_ended: int | None = field(metadata=documented("Games that ended.", 512))
    games_lost: int | None = field(metadata=documented("Games that ended before a limit.", 512))
    last_loss_step: int | None = field(metadata=documented("Step at which a game was last lost.", 179850))
    losses_per_10000_pieces: float | None = field(metadata=documented("Over the latest 10,000 placements.", 0.0))
    evaluation: dict[str, float | None] | None = field(
        metadata=documented("Latest row of its evaluations.", {"step": 100000, "survival": 20, "n_games": 20})
    )
    steps_per_second: float | None = field(metadata=documented("Training steps per second.", 5310.2))
    group: str | None = field(metadata=documented("Group that it belongs to.", "rates"))
    tags: tuple[str, ...] = field(metadata=documented("Its tags, sorted.", ["good"]))
    note: str = field(metadata=documented("Its note.", "the one from Tuesday"))
    changed_settings: dict[str, Any] = field(
        metadata=documented("Settings that differ from the defaults, by name.", {"gamma": 0.9})
    )
    times: dict[str, float] | None = field(
        metadata=documented(
            "Seconds of `playing`, `learning`, `evaluating`, `saving`, `other` and `paused`, of the `processor`, and "
            "`memory_bytes` used at most, at the latest checkpoint; null if unknown.",
            {"playing": 12.0, "learning": 26.1, "evaluating": 1.2, "saving": 0.9, "memory_bytes": 412000000},
        )
    )
    command: str = field(metadata=documented("Command that starts the same run.", "tetrarium train --preset quick"))
    checkpoints: tuple[int, ...] = field(metadata=documented("Steps of its checkpoints.", [100000]))
    has_best: bool = field(metadata=documented("Whether the weights with the best evaluation are saved as NAME@best."))
    is_alive: bool = field(metadata=documented("Whether its process runs."))
    place: str = field(
        default="", metadata=documented("Cluster whose workers train it; empty for this machine.", "tls://head:8786")
    )

    def setting(self, name: str) -> Any:
        """Returns the value of a setting; None if there is no such setting."""
        return self.changed_settings.get(name, default_settings().get(name))
