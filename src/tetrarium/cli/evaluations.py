"""Evaluations of several commands: their ledger, and their progress in a display."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from tetrarium.cli.places import find_executor
from tetrarium.cli.terminal.compile_notice import notify_compiling
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.events import EvaluationFinished, EvaluationProgress, KernelsCompiling
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.evaluation import Report
    from tetrarium.evaluation.executors import ExecutorStatus

FreshOption = Annotated[
    bool, Parameter(negative="", help="Play all games again instead of continuing an earlier evaluation.")
]

_ESTIMATE_AFTER_S: Final = 10.0
_N_RUN_GAMES: Final = 100
_RUN_SEED: Final = 0


def evaluate_in(
    display: Any,
    policy: Any,
    config: EnvConfig,
    n_games: int,
    seed: int,
    *,
    max_pieces: int | None = None,
    home: Home | None = None,
    on: str | None = None,
    workers: int | None = None,
    insecure: bool = False,
    fresh: bool = False,
) -> "Report":
    """Evaluates a policy and shows the progress.

    Args:
        display: Receives events.
        policy: As for ``evaluate``; and the next ones.
        config: The game.
        n_games: Number of games.
        seed: Their seed.
        max_pieces: Piece limit of a game.
        home: Home with the ledgers; None for none. One that cannot be written gets none.
        on: Value of ``--on``.
        workers: Value of ``--workers``.
        insecure: Value of ``--insecure``.
        fresh: Whether to play all games again.
    """
    from tetrarium.evaluation import evaluate
    from tetrarium.evaluation.evaluator import piece_limit

    executor, n_workers = find_executor(on, workers, insecure=insecure)
    on_progress = _Progress(display.handle, n_games, piece_limit(config, max_pieces))
    with notify_compiling(lambda: display.handle(KernelsCompiling())):
        return evaluate(
            policy,
            config,
            n_games,
            seed,
            max_pieces=max_pieces,
            n_threads=n_workers,
            on_progress=on_progress,
            executor=executor,
            ledger=None if home is None else _writable(home.evaluations),
            fresh=fresh,
            on_workers=on_progress.note_workers,
        )


def evaluate_run(folder: Path, display: Any, where: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Evaluates the latest checkpoint of a run of ``--seeds``; returns the report as a dictionary.

    Args:
        folder: The run's folder.
        display: Receives events.
        where: Arguments of ``evaluate_in`` that choose a place.
    """
    from tetrarium.training import read_policy
    from tetrarium.training.runs.storage.folder import latest_checkpoint

    checkpoint = latest_checkpoint(folder)
    if checkpoint is None:
        raise ConfigError(
            "An evaluation needs a checkpoint; the run has none. Train with more --steps.", field="total_timesteps"
        )
    policy, env_config = read_policy(checkpoint, folder.name)
    report = evaluate_in(display, policy, env_config, _N_RUN_GAMES, _RUN_SEED, **where).to_dict()
    display.handle(EvaluationFinished(report=report))
    return report


class _Progress:
    """Progress function that handles events with the estimated time left, and reports a continued evaluation."""

    def __init__(self, handle: Callable[[EvaluationProgress], None], n_games: int, max_pieces: int) -> None:
        self._handle = handle
        self._n_games = n_games
        self._max_pieces = max_pieces
        self._started: tuple[float, float] | None = None  # time, and share that was done then
        self._workers: Mapping[str, int] = {}

    def note_workers(self, status: "ExecutorStatus") -> None:
        """Notes the status of the workers, which the next progress includes."""
        self._workers = asdict(status)

    def __call__(self, n_pieces: int, n_finished: int) -> None:
        from tetrarium.evaluation.evaluator import share_done

        now_s, done = time.monotonic(), share_done(n_pieces, n_finished, self._n_games, self._max_pieces)
        if self._started is None:
            self._started = now_s, done
            if n_pieces > 0:
                print(
                    f"Continuing an earlier evaluation: {n_finished:,} of {self._n_games:,} games and {n_pieces:,} "
                    "pieces were played. Pass --fresh to play them again.",
                    file=sys.stderr,
                )
        started_s, done_at_start = self._started
        left_s = None
        if now_s - started_s > _ESTIMATE_AFTER_S and done > done_at_start:
            left_s = (now_s - started_s) * (1 - done) / (done - done_at_start)
        self._handle(
            EvaluationProgress(
                games_done=n_finished,
                n_games=self._n_games,
                pieces_total=n_pieces,
                seconds_left=left_s,
                **self._workers,
            )
        )


def _writable(folder: Path) -> Path | None:
    """Returns a folder if it can be written or created, else None."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return folder if os.access(existing, os.W_OK) else None
