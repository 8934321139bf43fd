"""Base class of batches of games: seeding, and steps that are divided among threads.

A game draws from its own stream and does not depend on the other games, so that a batch steps alike on any number of
threads. Kernels release the GIL. Each thread steps a contiguous part of the games; a small batch uses one thread,
because waking another takes as long as stepping some hundred games.
"""

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import cache
from itertools import pairwise
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from tetrarium.engine.boards import Columns
from tetrarium.engine.compiling import small_kernel
from tetrarium.engine.random_streams import N_STREAM_WORDS, make_stream
from tetrarium.engine.rules import is_integer, require_instance
from tetrarium.engine.state_layout import HELD, LINES, N_PLACED, QUEUE, STREAM, TERMINATED, GameRows
from tetrarium.errors import ConfigError, GameError

MAX_THREADS: Final = 256
_INT64_END: Final = 2**63
_MIN_GAMES_PER_THREAD: Final = 512  # where the number of threads is not given


# Fields that every step record begins with: the result of one step, before a restart.
EXECUTED_ACTION, STEP_LINES, NEW_HOLES, ADDED_HEIGHT, STEP_TERMINATED, STEP_TRUNCATED = range(6)


def usable_cores() -> int:
    """Returns how many cores this process may use; a batch system or a container can give it fewer than there are."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def require_array(name: str, value: object, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
    """Checks an array that a kernel reads or writes.

    Raises:
        GameError: if its shape or type differs, or it cannot be written.
    """
    if not (isinstance(value, np.ndarray) and value.shape == shape and value.dtype == dtype and value.flags.writeable):
        found = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else f"{value!r:.80}"
        raise GameError(
            f"{name} is a writable array of {np.dtype(dtype)} of shape {shape}; got {found}. Pass such one."
        )


class IndependentCopies:
    """Base of objects whose shallow copies are deep ones, because a copy that shares arrays would play along."""

    def __copy__(self) -> Self:
        return deepcopy(self)


@small_kernel
def first_rejected(games, actions, reset_mask, n_actions):
    """Returns the first game whose action is rejected, or -1."""
    for index in range(games.shape[0]):
        if not reset_mask[index] and (games[index, TERMINATED] or not 0 <= actions[index] < n_actions):
            return index
    return -1


@small_kernel
def record_end(games, index, max_pieces, step_record, state_after):
    """Records the state of a game after a step and the end, if any; returns whether it terminated or truncated."""
    terminated = games[index, TERMINATED]
    truncated = 1 if not terminated and games[index, N_PLACED] >= max_pieces else 0
    step_record[index, STEP_TERMINATED] = terminated
    step_record[index, STEP_TRUNCATED] = truncated
    for k in range(games.shape[1]):
        state_after[index, k] = games[index, k]
    return terminated or truncated


class GameViews:
    """Named, writable views of an array of games; copies and pickles hold the array alone, and derive them anew.

    Args:
        rows: ``(n, start + width) int64``, one game per row.
        preview: Number of visible pieces after the current one.
        score: Index of the points in a row.
        columns: Index of the first column in a row.
    """

    lines: npt.NDArray[np.int64]  # (n,) lines cleared in each game
    pieces: npt.NDArray[np.int64]  # (n,) pieces placed in each game
    terminated: npt.NDArray[np.int64]  # (n,) 1 once a game has ended
    queue: npt.NDArray[np.int64]  # (n, 1 + preview) the current piece, then the preview
    held: npt.NDArray[np.int64]  # (n,) one more than the index of the held piece, 0 without one
    scores: npt.NDArray[np.int64]  # (n,) points, where the game counts them
    columns: npt.NDArray[np.int64]  # (n, width) bit r = row r

    def __init__(self, rows: GameRows, preview: int, score: int, columns: int) -> None:
        self.rows = rows
        self._places = (preview, score, columns)
        self.__dict__.update(self._views())

    def _views(self) -> dict[str, npt.NDArray[np.int64]]:
        rows, (preview, score, columns) = self.rows, self._places
        return {
            "lines": rows[:, LINES],
            "pieces": rows[:, N_PLACED],
            "terminated": rows[:, TERMINATED],
            "queue": rows[:, QUEUE : QUEUE + 1 + preview],
            "held": rows[:, HELD],
            "scores": rows[:, score],
            "columns": rows[:, columns:],
        }

    def __getstate__(self) -> dict[str, Any]:
        views = self._views()
        return {name: value for name, value in self.__dict__.items() if name not in views}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.update(self._views())


class Batch(IndependentCopies, GameViews):
    """Games that are stepped together, one row of integers each.

    Args:
        rows: ``(n, columns + width) int64``, one game per row.
        preview: Number of visible pieces after the current one.
        score: Index of the points in a row.
        columns: Index of the first column in a row.
        n_step_fields: Length of the step record of a game.
        n_actions: Number of actions of a game.
        n_threads: Number of threads; by default one per core, as long as each has 512 games.

    Raises:
        GameError: if there is no game.
        ConfigError: if the number of threads is out of range.
    """

    executed_actions: npt.NDArray[np.int64]  # (n,) of the last step, after illegal ones were replaced
    step_lines: npt.NDArray[np.int64]  # (n,) lines that it cleared
    new_holes: npt.NDArray[np.int64]  # (n,) holes after it minus holes before
    added_height: npt.NDArray[np.int64]  # (n,) height of the stack after it minus before
    step_terminated: npt.NDArray[np.int64]  # (n,) 1 where it ended the game
    step_truncated: npt.NDArray[np.int64]  # (n,) 1 where it reached the piece limit

    def __init__(
        self,
        rows: GameRows,
        *,
        preview: int,
        score: int,
        columns: int,
        n_step_fields: int,
        n_actions: int,
        n_threads: int | None,
    ) -> None:
        if len(rows) == 0:
            raise GameError("A batch has at least one game; got 0. Pass 1 or more.")
        if n_threads is None:
            n_threads = max(1, min(usable_cores(), len(rows) // _MIN_GAMES_PER_THREAD))
        if not is_integer(n_threads) or not 1 <= n_threads <= MAX_THREADS:
            raise ConfigError(
                f"n_threads is a whole number from 1 to {MAX_THREADS}; got {n_threads!r}. Omit it for one per core.",
                field="n_threads",
            )
        self.step_record = np.zeros((len(rows), n_step_fields), dtype=np.int64)
        super().__init__(rows, preview, score, columns)
        self.state_after = GameViews(np.zeros_like(rows), preview, score, columns)  # after the step, before a restart
        self.n_actions = n_actions
        bounds = np.linspace(0, len(rows), min(n_threads, len(rows)) + 1).astype(int).tolist()
        self._spans = [slice(first, beyond) for first, beyond in pairwise(bounds)]
        self._no_resets = np.zeros(len(rows), dtype=np.bool_)

    def _views(self) -> dict[str, npt.NDArray[np.int64]]:
        record = self.step_record
        return super()._views() | {
            "executed_actions": record[:, EXECUTED_ACTION],
            "step_lines": record[:, STEP_LINES],
            "new_holes": record[:, NEW_HOLES],
            "added_height": record[:, ADDED_HEIGHT],
            "step_terminated": record[:, STEP_TERMINATED],
            "step_truncated": record[:, STEP_TRUNCATED],
        }

    @property
    def n_games(self) -> int:
        """Number of games."""
        return len(self.rows)

    @property
    def n_threads(self) -> int:
        """Number of threads that share a step."""
        return len(self._spans)

    def reseed(self, seed: int, numbers: Sequence[int]) -> None:
        """Resets every game to the stream of its number."""
        require_instance("numbers", numbers, Collection)
        for index, number in enumerate(numbers):
            self.reseed_one(index, seed, number)

    def reseed_one(self, index: int, seed: int, number: int) -> None:
        """Resets one game to the stream of this number."""
        self._require_game(index)
        self.rows[index, STREAM : STREAM + N_STREAM_WORDS] = make_stream(seed, number)
        self.restart(index)

    def restart(self, index: int) -> None:
        """Starts a new game in one row; its stream continues."""
        self._require_game(index)
        self.start(self.rows, index)

    def start(self, rows: GameRows, index: int) -> None:
        """Starts a new game in a row of any array of games; its stream continues."""
        raise NotImplementedError

    def _play(
        self,
        kernel: Any,
        actions: npt.NDArray[np.int64],
        reset_mask: npt.NDArray[np.bool_] | None,
        game_arrays: Sequence[npt.NDArray[Any]],
        shared: Sequence[Any],
        scratches: Sequence[Any] = (),
    ) -> None:
        """Calls a kernel that plays one action in every game, or none if any action is rejected.

        Args:
            kernel: Takes rows, actions, reset_mask, ``game_arrays``, ``shared`` and one of ``scratches``, in this
                order; returns -1, or the first game whose action is rejected, having played none.
            actions: ``(n,) int64``, one action per game.
            reset_mask: ``(n,) bool``, games that are reset instead; none by default.
            game_arrays: Further arrays with one row per game.
            shared: Arguments that all games share, ``max_pieces`` first.
            scratches: Working memory, one entry per thread.

        Raises:
            GameError: if an action is out of range or a game has ended.
        """
        if actions.shape != (self.n_games,):
            raise GameError(f"Each of {self.n_games} games takes one action; got shape {actions.shape}. Pass one each.")
        if reset_mask is None:
            reset_mask = self._no_resets
        arrays = (self.rows, actions, reset_mask, *game_arrays)
        if len(self._spans) == 1:
            rejected = kernel(*arrays, *shared, *scratches[:1])
        else:
            rejected = self._first_rejected(actions, reset_mask)
            if rejected < 0:
                calls = [
                    _pool(len(self._spans)).submit(
                        kernel, *(array[span] for array in arrays), *shared, *scratches[number : number + 1]
                    )
                    for number, span in enumerate(self._spans)
                ]
                for call in calls:
                    call.result()
        if rejected >= 0:
            self._raise_rejected(rejected, int(actions[rejected]))

    def _require_step(self, actions: object, max_pieces: object, reset_mask: object) -> int:
        """Checks the arguments of a step; returns ``max_pieces`` as the type for which kernels are compiled."""
        if not isinstance(actions, np.ndarray) or actions.dtype.kind not in "iu":
            raise GameError(f"Actions are integers; got {actions!r:.80}. Pass one integer for each game.")
        if not is_integer(max_pieces) or abs(int(max_pieces)) >= _INT64_END:
            raise GameError(f"max_pieces is a whole number; got {max_pieces!r:.80}. Pass an integer.")
        if reset_mask is not None:
            require_array("reset_mask", reset_mask, (self.n_games,), np.bool_)
        return int(max_pieces)

    def _first_rejected(self, actions: npt.NDArray[np.int64], reset_mask: npt.NDArray[np.bool_]) -> int:
        is_accepted = (self.rows[:, TERMINATED] == 0) & (actions >= 0) & (actions < self.n_actions)
        rejected = np.flatnonzero(~is_accepted & ~reset_mask)
        return int(rejected[0]) if len(rejected) else -1

    def _require_game(self, index: int) -> None:
        if not is_integer(index) or not -self.n_games <= index < self.n_games:
            raise GameError(f"The games of a batch are 0 to {self.n_games - 1}; got {index!r:.80}. Choose one of them.")

    def _board(self, columns: Columns | Sequence[int]) -> tuple[int, ...]:
        if not isinstance(columns, Collection) or not all(map(is_integer, columns)):
            raise GameError(f"A board is an integer for each column; got {columns!r:.80}. Pass a bit for each cell.")
        return tuple(map(int, columns))

    def _require_action(self, index: int, action: int) -> None:
        self._require_game(index)
        if self.terminated[index] or not is_integer(action) or not 0 <= action < self.n_actions:
            self._raise_rejected(index, action)

    def _raise_rejected(self, index: int, action: int) -> None:
        if self.rows[index, TERMINATED]:
            raise GameError("The game has ended. Reset it before the next action.")
        raise GameError(
            f"An action is from 0 to {self.n_actions - 1}; got {action!s:.80}. Choose one that the mask allows."
        )


@cache
def _pool(n_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads, thread_name_prefix="games")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of these threads
