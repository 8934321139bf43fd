"""Slices of an evaluation, and the queue that cuts them.

A slice is the state of some games and a number of pieces; playing it returns the state of the games after them. A state
holds the random streams, so a slice gives the same result on any thread, process or machine, however often it is
played.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.state_layout import N_PLACED, TERMINATED
from tetrarium.environment import EnvConfig
from tetrarium.evaluation.policy_runner import GameBatch, PlayablePolicy

GameStates = npt.NDArray[np.int64]  # (n, COLUMNS + width), and four more words if the policy draws its choices

# (games, pieces) of a slice: where pieces take microseconds, and where each takes a call of predict
_COMPILED: Final = (32, 16_384)
_PREDICTED: Final = (256, 4_096)
_SHARES: Final = 4  # a slice holds at most 1 / _SHARES of a runner's share of the waiting games
_LARGEST_GROWTH: Final = 4.0  # of a slice's pieces from one slice to the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Policy, game and piece limit of an evaluation, which all its slices share."""

    policy: PlayablePolicy
    config: EnvConfig
    max_pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some games of an evaluation, and how many more pieces of each are played."""

    listed: npt.NDArray[np.int64]  # (n,) numbers of the games
    states: GameStates  # (n, …)
    n_pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedSlice:
    """Result of a slice."""

    states: GameStates
    n_placed: int
    seconds: float


class SliceRunner:
    """Plays slices, one at a time, with its own working memory.

    ``n_games``: the most games of a slice; by default the most that a ``WorkQueue`` puts into one.
    """

    def __init__(self, task: Task, n_games: int | None = None) -> None:
        most_games, _ = _COMPILED if task.policy.compiled else _PREDICTED
        numbers = tuple(range(most_games if n_games is None else min(n_games, most_games)))
        self._max_pieces = task.max_pieces
        self._batch = GameBatch.begin(task.config, 0, numbers)
        self._runner = task.policy.make_runner(self._batch)
        self._runner.play(np.empty(0, dtype=np.int64), 1, task.max_pieces)  # compiles, so that clocks measure playing

    @property
    def draws_choices(self) -> bool:
        """True if the state of a game includes a random stream for the policy's choices."""
        return self._batch.has_choice_streams

    def play(self, states: GameStates, n_pieces: int) -> PlayedSlice:
        """Plays up to ``n_pieces`` pieces of each game, to its end or the piece limit."""
        started_s = time.perf_counter()
        self._batch.set_states(states)
        n_placed = self._runner.play(np.arange(len(states)), n_pieces, self._max_pieces)
        played = self._batch.states(len(states), self.draws_choices)
        return PlayedSlice(states=played, n_placed=n_placed, seconds=time.perf_counter() - started_s)


class WorkQueue:
    """Unfinished games of an evaluation; any number of threads may take slices.

    Unfinished games of a slice return to the end of the queue, so all games advance together; or to its front, so few
    are in progress at a time and the others have ended or not begun.

    Args:
        states: State of every game; updated. A game is finished when it is over or has ``max_pieces`` pieces.
        task: The evaluation.
        n_runners: Number of slices that are played at a time.
        in_order: Whether unfinished games return to the front.
        slice_s: Seconds that a slice shall take; by default it has a fixed number of pieces.
    """

    def __init__(
        self, states: GameStates, task: Task, n_runners: int, *, in_order: bool = False, slice_s: float | None = None
    ) -> None:
        self._states = states
        self._max_pieces = task.max_pieces
        self._most_games, self._most_pieces = _COMPILED if task.policy.compiled else _PREDICTED
        self._least_pieces = self._most_pieces
        self._shares = _shares(n_runners)
        self._in_order = in_order
        self._slice_s = slice_s
        self._stretch = 1.0
        self._stopped = False
        self._changed = threading.Condition()
        self._is_finished = self._finished(states)
        self._waiting = deque(np.flatnonzero(~self._is_finished).tolist())
        self.n_pieces = int(states[:, N_PLACED].sum())
        self.n_finished = len(states) - len(self._waiting)

    @property
    def is_done(self) -> bool:
        """True once every game is finished."""
        return self.n_finished == len(self._states)

    @property
    def slice_s(self) -> float | None:
        """Seconds that a slice shall take; None if it has a fixed number of pieces."""
        return None if self._slice_s is None else self._stretch * self._slice_s

    def suit(self, n_runners: int, stretch: float) -> None:
        """Adapts further slices to the number that are played at a time; ``stretch`` multiplies their length."""
        with self._changed:
            self._shares = _shares(n_runners)
            self._stretch = stretch

    def stop(self) -> None:
        """Makes every thread return after its present slice."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def play_all(self, runner: SliceRunner) -> None:
        """Plays slices until every game is finished."""
        while self.play_one(runner):
            pass

    def play_one(self, runner: SliceRunner) -> bool:
        """Plays one slice; returns whether there was one."""
        taken = self.take()
        if taken is None:
            return False
        self.give_back(taken, runner.play(taken.states, taken.n_pieces))
        return True

    def take(self, *, wait: bool = True) -> Slice | None:
        """Returns the next slice; None if there is none, after waiting for slices in progress if ``wait``."""
        with self._changed:
            while wait and not self._waiting and not self.is_done and not self._stopped:
                self._changed.wait()
            if self._stopped or not self._waiting:
                return None
            n_taken = min(self._most_games, -(-len(self._waiting) // self._shares))
            listed = np.array([self._waiting.popleft() for _ in range(n_taken)])
            n_pieces = max(1, self._most_pieces // n_taken)
            return Slice(listed=listed, states=self._states[listed], n_pieces=n_pieces)

    def give_back(self, taken: Slice, played: PlayedSlice | None) -> None:
        """Stores the result of a slice; None if it was lost, so that its games are played again."""
        states = taken.states if played is None else played.states
        is_finished = self._finished(states)
        unfinished = taken.listed[~is_finished].tolist()
        with self._changed:
            self._states[taken.listed] = states
            self._is_finished[taken.listed] = is_finished
            self.n_finished += len(taken.listed) - len(unfinished)
            if self._in_order or played is None:
                self._waiting.extendleft(reversed(unfinished))
            else:
                self._waiting.extend(unfinished)
            if played is not None:
                self.n_pieces += played.n_placed
                self._adapt(played.seconds)
            self._changed.notify_all()

    def snapshot(self, is_known: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Returns the numbers of the games that have finished and are not known yet, and of those in progress."""
        with self._changed:
            in_progress = ~self._is_finished & (self._states[:, N_PLACED] > 0)
            return np.flatnonzero(self._is_finished & ~is_known), np.flatnonzero(in_progress)

    def states_of(self, listed: npt.NDArray[np.int64]) -> GameStates:
        """Returns a copy of the states of some games."""
        with self._changed:
            return self._states[listed]

    def _adapt(self, seconds: float) -> None:
        if (slice_s := self.slice_s) is not None:
            growth = min(slice_s / max(seconds, 1e-6), _LARGEST_GROWTH)
            self._most_pieces = max(self._least_pieces, int(self._most_pieces * growth))

    def _finished(self, states: GameStates) -> npt.NDArray[np.bool_]:
        finished: npt.NDArray[np.bool_] = (states[:, TERMINATED] != 0) | (states[:, N_PLACED] >= self._max_pieces)
        return finished


def _shares(n_runners: int) -> int:
    return _SHARES * n_runners if n_runners > 1 else 1
