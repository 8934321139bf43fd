"""What every batch of games has: streams, and steps that threads share.

A game draws from its own stream and never looks at a neighbour, so that a batch steps alike on any number of threads.
Kernels release the GIL. Threads take spans of games of equal length; a small batch takes one, because waking another
takes as long as stepping some hundred games.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.game_rows import OVER, STREAM, GameRows
from tetrarium.engine.streams import N_STREAM_WORDS, make_stream
from tetrarium.errors import ConfigError, GameError

__all__ = ["MAX_THREADS", "Batch"]

MAX_THREADS: Final = 256
_LEAST_GAMES: Final = 512  # of a thread, where nobody said how many there shall be


class Batch:
    """Games that are stepped together, a row of integers each.

    Args:
        rows: ``(n, any) int64``.
        n_actions: Actions are numbered from 0.
        n_threads: Left out: one for each core, as long as each has 512 games.

    Raises:
        GameError: if there is no game.
        ConfigError: if the number of threads is out of range.
    """

    def __init__(self, rows: GameRows, n_actions: int, n_threads: int | None = None) -> None:
        if len(rows) == 0:
            raise GameError("A batch has at least one game; got 0. Ask for 1 or more.")
        if n_threads is None:
            n_threads = max(1, min(os.cpu_count() or 1, len(rows) // _LEAST_GAMES))
        if isinstance(n_threads, bool) or not isinstance(n_threads, int) or not 1 <= n_threads <= MAX_THREADS:
            raise ConfigError(
                f"n_threads is a whole number from 1 to {MAX_THREADS}; got {n_threads!r}. Leave it out for one a core."
            )
        self.rows = rows
        self.n_actions = n_actions
        bounds = np.linspace(0, len(rows), min(n_threads, len(rows)) + 1).astype(int).tolist()
        self._spans = [slice(first, beyond) for first, beyond in pairwise(bounds)]
        self._none_fresh = np.zeros(len(rows), dtype=np.bool_)

    @property
    def n_games(self) -> int:
        """How many games there are."""
        return len(self.rows)

    @property
    def n_threads(self) -> int:
        """How many threads a step takes."""
        return len(self._spans)

    def reseed(self, seed: int, numbers: Sequence[int]) -> None:
        """Starts every game anew with the streams of these numbers."""
        for index, number in enumerate(numbers):
            self.reseed_one(index, seed, number)

    def reseed_one(self, index: int, seed: int, number: int) -> None:
        """Starts one game anew with the stream of this number."""
        self.rows[index, STREAM : STREAM + N_STREAM_WORDS] = make_stream(seed, number)
        self.restart(index)

    def restart(self, index: int) -> None:
        """Starts one game anew; its stream goes on."""
        self.start(self.rows, index)

    def start(self, rows: GameRows, index: int) -> None:
        """Starts a game anew in rows that need not be these; its stream goes on."""
        raise NotImplementedError

    def _play(
        self,
        kernel: Any,
        actions: npt.NDArray[np.int64],
        fresh: npt.NDArray[np.bool_] | None,
        of_games: Sequence[npt.NDArray[Any]],
        shared: Sequence[Any],
        of_threads: Sequence[Any] = (),
    ) -> None:
        """Calls a kernel that plays an action in every game; nothing is played if one of them cannot be.

        Args:
            kernel: Takes rows, actions, fresh, ``of_games``, ``shared`` and one of ``of_threads``, in this order;
                returns the first game that cannot take its action, having played none, or -1.
            actions: ``(n,)`` one each.
            fresh: ``(n,)`` games that start anew instead; none if left out.
            of_games: Further arrays of a row a game.
            shared: What is the same for all games.
            of_threads: Working memory, one each.

        Raises:
            GameError: if an action is out of range or a game has ended.
        """
        if actions.shape != (self.n_games,):
            raise GameError(f"Each of {self.n_games} games takes one action; got shape {actions.shape}. Pass one each.")
        fresh = self._none_fresh if fresh is None else fresh
        arrays = (self.rows, actions, fresh, *of_games)
        if len(self._spans) == 1:
            refused = kernel(*arrays, *shared, *of_threads[:1])
        else:
            refused = self._first_refused(actions, fresh)
            if refused < 0:
                calls = [
                    _pool(len(self._spans), os.getpid()).submit(
                        kernel, *(array[span] for array in arrays), *shared, *of_threads[number : number + 1]
                    )
                    for number, span in enumerate(self._spans)
                ]
                for call in calls:
                    call.result()
        if refused >= 0:
            self._refuse(refused, int(actions[refused]))

    def _first_refused(self, actions: npt.NDArray[np.int64], fresh: npt.NDArray[np.bool_]) -> int:
        takes_it = (self.rows[:, OVER] == 0) & (actions >= 0) & (actions < self.n_actions)
        refused = np.flatnonzero(~takes_it & ~fresh)
        return int(refused[0]) if len(refused) else -1

    def _refuse(self, index: int, action: int) -> None:
        if self.rows[index, OVER]:
            raise GameError("A game that has ended takes no action. Reset it first.")
        raise GameError(f"An action is from 0 to {self.n_actions - 1}; got {action}. Choose one that the mask allows.")


@cache
def _pool(n_threads: int, process: int) -> ThreadPoolExecutor:
    """The threads of a process, which a fork of it does not have."""
    del process
    return ThreadPoolExecutor(n_threads, thread_name_prefix="games")
