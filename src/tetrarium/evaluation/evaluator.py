"""Plays a policy on fixed games and reports.

Game i of a seed has the same pieces whoever plays it, and nobody's choice of thread or slice changes it: a report
depends on the policy, the config, the number of games, the seed and the piece limit alone, but for its timing.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tetrarium.engine.batches import MAX_THREADS
from tetrarium.engine.game_rows import LINES, N_PLACED, OVER
from tetrarium.engine.rules import UNIFORM
from tetrarium.errors import ConfigError
from tetrarium.evaluation.matches import Match, Seat, require_playable
from tetrarium.evaluation.predicting import as_playable
from tetrarium.evaluation.report import GameResult, Report, make_report
from tetrarium.evaluation.slices import Slices

if TYPE_CHECKING:
    from tetrarium.environment import EnvConfig

__all__ = ["evaluate", "piece_limit"]

Progress = Callable[[int, int], None]  # pieces placed so far, games finished so far

_LIMIT_INDEPENDENT: Final = 1_000_000
_LIMIT_OTHERS: Final = 10_000
_PROGRESS_S: Final = 0.1


def evaluate(
    policy: Any,
    config: "EnvConfig",
    n_games: int = 100,
    seed: int = 0,
    *,
    max_pieces: int | None = None,
    n_threads: int | None = None,
    on_progress: Progress | None = None,
) -> Report:
    """Plays games 0 to ``n_games - 1`` of a seed to their end or the piece limit.

    >>> from tetrarium.environment import EnvConfig
    >>> from tetrarium.evaluation import RandomPolicy
    >>> evaluate(RandomPolicy(), EnvConfig(), n_games=2, seed=0).n_ended
    2

    Args:
        policy: A policy of this package, an agent, or any object with ``features`` and
            ``predict(observations) -> (actions, state)``. Features and their order come from it.
        config: Fixes the game; its features and rewards play no part.
        n_games: 1 or more.
        seed: 0 or more.
        max_pieces: Where a game is cut off. Left out: the config's; where that has none, 1,000,000 with independent
            pieces, and 10,000 under 7-bag or a script, where a good player survives for ever.
        n_threads: Left out: one for each core. A policy with ``predict`` is played in lockstep on the calling thread.
        on_progress: Called on the calling thread, several times a second and at the end, with the pieces placed and
            the games finished so far. What it raises ends the evaluation.

    Raises:
        ConfigError: if a number is out of range.
        PolicyError: if the policy does not play this width, preview, hold or action mode, or is none.
        IllegalActionError: if it chooses an illegal action under ``illegal_action="raise"``.
    """
    _require_whole("n_games", n_games, 1)
    _require_whole("seed", seed, 0)
    n_seats = min(os.cpu_count() or 1, MAX_THREADS) if n_threads is None else n_threads
    _require_whole("n_threads", n_seats, 1, MAX_THREADS)
    playable = as_playable(policy)
    require_playable(playable, config)
    limit = piece_limit(config, max_pieces)

    match = Match.begin(config, seed, tuple(range(n_games)))
    seats = [playable.seat(match) for _ in range(min(n_seats, n_games) if playable.compiled else 1)]
    nothing = np.empty(0, dtype=np.int64)
    seats[0].play(nothing, 1, limit)  # compiles, so that the clock measures playing
    slices = Slices(match.games.rows, limit, len(seats), playable.compiled)
    started = time.perf_counter()
    if playable.compiled:
        _play_threaded(slices, seats, on_progress)
    else:
        _play_here(slices, seats[0], on_progress)
    seconds = time.perf_counter() - started
    if on_progress is not None:
        on_progress(slices.n_pieces, slices.n_finished)
    return make_report(
        _results(match),
        policy=playable.name,
        seed=seed,
        max_pieces=limit,
        seconds=seconds,
        config=config.to_dict(),
    )


def piece_limit(config: "EnvConfig", max_pieces: int | None = None) -> int:
    """Where ``evaluate`` cuts a game off if it is not told otherwise.

    Raises:
        ConfigError: if ``max_pieces`` is given and not a whole number above 0.
    """
    if max_pieces is not None:
        _require_whole("max_pieces", max_pieces, 1)
        return max_pieces
    if config.max_pieces is not None:
        return config.max_pieces
    return _LIMIT_INDEPENDENT if config.rules().compiled.randomizer == UNIFORM else _LIMIT_OTHERS


def _play_threaded(slices: Slices, seats: list[Seat], on_progress: Progress | None) -> None:
    with ThreadPoolExecutor(len(seats), thread_name_prefix="evaluate") as pool:
        try:
            running = {pool.submit(slices.play_all, seat) for seat in seats}
            while running:
                done, running = wait(running, timeout=_PROGRESS_S, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                if on_progress is not None and running:
                    on_progress(slices.n_pieces, slices.n_finished)
        finally:
            slices.stop()  # on Ctrl-C or an error, threads end with the slice they are in


def _play_here(slices: Slices, seat: Seat, on_progress: Progress | None) -> None:
    reported = time.perf_counter()
    while slices.play_one(seat):
        if on_progress is not None and time.perf_counter() - reported > _PROGRESS_S:
            on_progress(slices.n_pieces, slices.n_finished)
            reported = time.perf_counter()


def _results(match: Match) -> tuple[GameResult, ...]:
    played = match.games.rows[:, (LINES, N_PLACED, OVER)].tolist()
    return tuple(
        GameResult(game=number, lines=lines, pieces=pieces, cut_off=not over)
        for number, (lines, pieces, over) in zip(match.numbers, played, strict=True)
    )


def _require_whole(name: str, value: object, least: int, most: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        raise ConfigError(f"{name} is a whole number, {bounds}; got {value!r}. Pass one in that range.")
