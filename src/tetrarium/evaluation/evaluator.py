"""Evaluation of a policy on fixed games.

Game i of a seed has the same pieces for every policy, and neither threads nor slices change it: except for its timing,
a report depends on the policy, the config, the number of games, the seed and the piece limit alone.

Threads take games from a queue in slices of a few thousand pieces. An unfinished game returns to the end of the queue.
So all games advance together, the longest one is in progress from the start, threads finish within a slice of each
other, and Ctrl-C never waits for a whole game. With an executor or a ledger, games are played in order instead, so that
few are in progress at a time.
"""

import contextlib
import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Executor, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

from tetrarium.engine.batches import MAX_THREADS, usable_cores
from tetrarium.engine.rules import UNIFORM, UNIFORM_OF, is_integer
from tetrarium.engine.state_layout import LINES, N_PLACED, TERMINATED
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.evaluation.executors import SLICE_S, ExecutorSource, ExecutorStatus, play_on_executor
from tetrarium.evaluation.ledger import Ledger
from tetrarium.evaluation.policy_runner import GameBatch, as_playable, require_playable
from tetrarium.evaluation.reports import GameResult, Report, make_report
from tetrarium.evaluation.work_queue import GameStates, SliceRunner, Task, WorkQueue

Progress = Callable[[int, int], None]  # pieces placed so far, games finished so far

_MAX_PIECES_UNIFORM: Final = 1_000_000
_MAX_PIECES_OTHER: Final = 10_000  # under 7-bag or a script
_MAX_GAMES: Final = 10**7
_MAX_PIECES: Final = 10**12
_PROGRESS_S: Final = 0.1


def evaluate(
    policy: Any,
    config: EnvConfig,
    n_games: int = 100,
    seed: int = 0,
    *,
    max_pieces: int | None = None,
    n_threads: int | None = None,
    on_progress: Progress | None = None,
    executor: ExecutorSource | None = None,
    ledger: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    on_workers: Callable[[ExecutorStatus], None] | None = None,
) -> Report:
    """Plays games 0 to ``n_games - 1`` of a seed until they terminate or reach the piece limit.

    >>> from tetrarium.environment import EnvConfig
    >>> from tetrarium.evaluation import RandomPolicy
    >>> evaluate(RandomPolicy(), EnvConfig(), n_games=2, seed=0).n_ended
    2

    Args:
        policy: A policy of this package, an agent, or any object with ``features`` and
            ``predict(observations) -> (actions, state)``. Features and their order come from it.
        config: The game, or a mapping of its settings; its features and rewards are ignored.
        n_games: 1 or more.
        seed: 0 or more.
        max_pieces: Pieces after which a game is truncated. By default the config's; without one, 1,000,000 with
            independent pieces, and 10,000 under 7-bag or a script, where a good policy never loses.
        n_threads: By default one for each core. A policy with ``predict`` is played in lockstep on the calling thread.
            With an executor, the number of its workers.
        on_progress: Called on the calling thread, at the start, several times per second and at the end, with the
            pieces placed and the games finished so far. An exception that it raises ends the evaluation.
        executor: A ``concurrent.futures.Executor`` on whose workers games are played; or a function that makes one,
            which is called again if a worker is killed.
        ledger: Folder for ledgers. An evaluation of more than 10 seconds stores its results there, in a folder of its
            own, and the same call continues after an interruption; with more games, it extends the evaluation.
        fresh: Delete the results in the ledger and play all games again.
        on_workers: Called before ``on_progress`` with the number of the executor's workers, and with how many slices
            they lost and repeated.

    Raises:
        ConfigError: if a number is out of range.
        PolicyError: if ``policy`` is not a policy, or does not support this width, preview, hold or action mode.
        IllegalActionError: if it chooses an illegal action under ``illegal_action="raise"``.
        LedgerError: if the ledger is damaged.
        AlreadyRunningError: if another process writes the same ledger.
        ExecutorError: if the executor broke and cannot be replaced.
    """
    config = env_config(config)
    n_games = whole_number("n_games", n_games, 1, _MAX_GAMES)
    seed = whole_number("seed", seed, 0)
    n_runners = min(usable_cores(), MAX_THREADS) if n_threads is None else n_threads
    n_runners = whole_number("n_threads", n_runners, 1, MAX_THREADS)
    _require_callable("on_progress", on_progress, "a function of pieces and games")
    _require_callable("on_workers", on_workers, "a function of the workers' status")
    if not isinstance(executor, Executor):
        _require_callable("executor", executor, "an Executor or a function that makes one")
    playable = as_playable(policy)
    require_playable(playable, config)
    limit = piece_limit(config, max_pieces)

    task = Task(policy=playable, config=config, max_pieces=limit)
    n_local = min(n_runners, n_games) if playable.compiled and executor is None else 1
    runners = [SliceRunner(task, n_games) for _ in range(n_local)]
    states = GameBatch.begin(config, seed, tuple(range(n_games))).states(n_games, runners[0].draws_choices)
    with contextlib.nullcontext() if ledger is None else Ledger(Path(ledger), task, seed, fresh=fresh) as open_ledger:
        status = None if executor is None else ExecutorStatus(n_workers=n_runners)

        def report_progress(n_pieces: int, n_finished: int) -> None:
            if on_workers is not None and status is not None:
                on_workers(status)
            if on_progress is not None:
                on_progress(n_pieces, n_finished)

        seconds = _play(states, task, runners, executor, status, open_ledger, report_progress)
    return make_report(
        _results(states), policy=playable.name, seed=seed, max_pieces=limit, seconds=seconds, config=config.to_dict()
    )


def _require_callable(name: str, value: object, rule: str) -> None:
    if value is not None and not callable(value):
        raise ConfigError(f"{name} is {rule}; got {value!r:.80}. Omit it for none.", field=name)


def _play(
    states: GameStates,
    task: Task,
    runners: list[SliceRunner],
    executor: ExecutorSource | None,
    status: ExecutorStatus | None,
    ledger: Ledger | None,
    on_progress: Progress,
) -> float:
    """Plays all games, updating ``states``; returns the seconds that it took, in all sessions of a ledger."""
    if ledger is not None:
        ledger.restore(states)
    queue = WorkQueue(
        states,
        task,
        len(runners) if status is None else status.n_workers,
        in_order=ledger is not None or executor is not None,
        slice_s=None if executor is None else SLICE_S,
    )

    def on_wait() -> None:
        on_progress(queue.n_pieces, queue.n_finished)
        if ledger is not None:
            ledger.write_when_due()

    started_s = time.perf_counter()
    if ledger is not None:
        ledger.begin(queue)
    on_wait()
    if executor is not None and status is not None:
        play_on_executor(queue, task, executor, status, on_wait)
    elif task.policy.compiled:
        _play_threaded(queue, runners, on_wait)
    else:
        _play_on_calling_thread(queue, runners[0], on_wait)
    seconds = time.perf_counter() - started_s if ledger is None else ledger.seconds
    on_progress(queue.n_pieces, queue.n_finished)
    return seconds


def piece_limit(config: EnvConfig, max_pieces: int | None = None) -> int:
    """Returns the number of pieces after which ``evaluate`` truncates a game.

    Raises:
        ConfigError: if ``max_pieces`` is given and not a whole number above 0.
    """
    if max_pieces is not None:
        return whole_number("max_pieces", max_pieces, 1, _MAX_PIECES)
    if config.max_pieces is not None:
        return config.max_pieces
    independent = config.rules().compiled.randomizer in (UNIFORM, UNIFORM_OF)
    return _MAX_PIECES_UNIFORM if independent else _MAX_PIECES_OTHER


def share_done(n_pieces: int, n_finished: int, n_games: int, max_pieces: int) -> float:
    """Returns how much of an evaluation is done, 0 to 1; where games are long, all of them end late."""
    return max(n_finished / n_games, n_pieces / (n_games * max_pieces))


def _play_threaded(queue: WorkQueue, runners: list[SliceRunner], on_wait: Callable[[], None]) -> None:
    with ThreadPoolExecutor(len(runners), thread_name_prefix="evaluate") as pool:
        try:
            running = {pool.submit(queue.play_all, runner) for runner in runners}
            while running:
                done, running = wait(running, timeout=_PROGRESS_S, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                if running:
                    on_wait()
        finally:
            queue.stop()  # on Ctrl-C or an error, threads end with the slice they are in


def _play_on_calling_thread(queue: WorkQueue, runner: SliceRunner, on_wait: Callable[[], None]) -> None:
    reported_s = time.perf_counter()
    while queue.play_one(runner):
        if time.perf_counter() - reported_s > _PROGRESS_S:
            on_wait()
            reported_s = time.perf_counter()


def _results(states: GameStates) -> tuple[GameResult, ...]:
    rows = states[:, (LINES, N_PLACED, TERMINATED)].tolist()
    return tuple(
        GameResult(game=number, lines=lines, pieces=pieces, truncated=not terminated)
        for number, (lines, pieces, terminated) in enumerate(rows)
    )


def env_config(config: object) -> EnvConfig:
    """Returns an ``EnvConfig``, also of a mapping of its settings.

    Raises:
        ConfigError: if it is something else, or None.
    """
    return EnvConfig.of(config if config is not None else "None")


def whole_number(name: str, value: object, least: int, most: int | None = None) -> int:
    """Returns an integer of Python or NumPy as one of Python.

    Raises:
        ConfigError: if it is none, or out of range.
    """
    if not is_integer(value) or value < least or (most is not None and value > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most:,}"
        raise ConfigError(f"{name} is a whole number, {bounds}; got {value!r}. Pass one in that range.", field=name)
    return int(value)
