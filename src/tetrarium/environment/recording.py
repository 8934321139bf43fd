"""Recording of all games of a batch, each of which becomes a replay when it ends.

A step costs one write for all games, into an ``(n_games, capacity)`` array of actions that grows by doubling. A game is
recorded from its first piece on; one already in progress when recording begins is skipped, and so is one that grows too
long.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.random_streams import N_STREAM_WORDS, rewind
from tetrarium.engine.state_layout import STREAM
from tetrarium.environment.core import GameCore
from tetrarium.environment.replays import MAX_ACTIONS, Replay, action_type
from tetrarium.errors import GameError

_FIRST_CAPACITY: Final = 256
_MAX_REWINDS: Final = 64  # a game starts with at most seven draws, of which one in 600 million takes two words


class GameRecorder:
    """Recorder of the actions played in a core, which makes a replay of each game that ends.

    >>> from tetrarium.environment import EnvConfig
    >>> core = GameCore(EnvConfig(max_pieces=2), n_games=3, seed=0)
    >>> recorder = GameRecorder(core, seed=0)
    >>> recorder.note() if core.step(np.array([0, 4, 8]), restart=True) else None
    []
    >>> _ = core.step(np.array([0, 4, 8]), restart=True)
    >>> [(replay.game, replay.pieces, replay.terminated) for replay in recorder.note()]
    [(0, 2, False), (1, 2, False), (2, 2, False)]

    Args:
        core: The games; those that have placed no piece yet are recorded from now on.
        seed: Seed of the core, stored in replays.
        max_actions: Longer games get no replay, so that endless games do not fill the memory.
    """

    def __init__(self, core: GameCore, seed: int, *, max_actions: int = 1_000_000) -> None:
        self._core = core
        self._seed = seed
        self._max_actions = min(max_actions, MAX_ACTIONS)
        n_games = core.games.n_games
        self._indices = np.arange(n_games)
        self._actions = np.zeros((n_games, _FIRST_CAPACITY), dtype=action_type(core.config))
        self._lengths = np.zeros(n_games, dtype=np.int64)  # (n,) recorded actions of each game
        self._starts = np.zeros((n_games, N_STREAM_WORDS), dtype=np.int64)  # (n, 4) random stream at each game's start
        self._recorded = np.zeros(n_games, dtype=np.bool_)  # (n,) whether the game is recorded from its start
        self._longest = 0  # upper bound of the lengths
        self.begin()

    def begin(self) -> None:
        """Restarts recording with the present games; to be called after the core's reset."""
        games = self._core.games
        self._lengths[:] = 0
        self._longest = 0
        for index in range(games.n_games):
            start = self._start_of(index) if games.pieces[index] == 0 and not games.terminated[index] else None
            self._recorded[index] = start is not None
            self._starts[index] = start or 0

    def note(self) -> list[Replay]:
        """Records the core's last step; returns the replays of the games that it ended, in the batch's order."""
        games = self._core.games
        if self._longest == self._actions.shape[1]:
            self._make_room()
        self._actions[self._indices, self._lengths] = games.executed_actions
        self._lengths += 1
        self._longest += 1
        ended = np.flatnonzero(games.step_terminated | games.step_truncated)
        return [replay for index in ended.tolist() if (replay := self._end(index)) is not None]

    def replay(self, index: int) -> Replay | None:
        """Returns the replay of one game so far; None if its start was not recorded."""
        games = self._core.games
        return self._make_replay(
            index, int(games.lines[index]), int(games.pieces[index]), terminated=bool(games.terminated[index])
        )

    def start_stream(self, index: int) -> tuple[int, ...] | None:
        """Returns the random stream at one game's start, which identifies the game; None if that was not recorded."""
        return tuple(self._starts[index].tolist()) if self._recorded[index] else None

    def actions(self, index: int) -> npt.NDArray[Any]:
        """Returns the actions of one game so far, as a view that the next step may change."""
        played: npt.NDArray[Any] = self._actions[index, : self._lengths[index]]
        return played

    def state(self) -> dict[str, Any]:
        """Returns a copy of everything that later replays depend on: arrays of the filled part only."""
        filled = np.arange(self._actions.shape[1]) < self._lengths[:, None]
        return {
            "actions": self._actions[filled],
            "lengths": self._lengths.copy(),
            "starts": self._starts.copy(),
            "recorded": self._recorded.copy(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores a state that ``state`` returned; the core's state is restored separately.

        Raises:
            GameError: if it belongs to another number of games, or its arrays do not fit each other.
        """
        lengths = np.asarray(state["lengths"], dtype=np.int64)
        actions = np.asarray(state["actions"])
        if lengths.shape != self._lengths.shape or (lengths < 0).any() or lengths.sum() != len(actions):
            raise GameError(
                f"Recorded games fit the batch of {len(self._lengths)}; got lengths of shape {lengths.shape} for "
                f"{len(actions)} actions. Use the state that was saved with these games."
            )
        self._longest = int(lengths.max())
        while self._actions.shape[1] < self._longest:
            self._grow()
        self._lengths[:] = lengths
        self._starts[:] = state["starts"]
        self._recorded[:] = state["recorded"]
        self._actions[np.arange(self._actions.shape[1]) < lengths[:, None]] = actions

    def _end(self, index: int) -> Replay | None:
        """Returns the replay of a game that ended, and starts to record the next one, which continues its stream."""
        state_after = self._core.games.state_after
        replay = self._make_replay(
            index,
            int(state_after.lines[index]),
            int(state_after.pieces[index]),
            terminated=bool(state_after.terminated[index]),
        )
        self._lengths[index] = 0
        self._starts[index] = state_after.rows[index, STREAM : STREAM + N_STREAM_WORDS]
        self._recorded[index] = True
        return replay

    def _make_replay(self, index: int, lines: int, pieces: int, *, terminated: bool) -> Replay | None:
        if not self._recorded[index] or self._lengths[index] > self._max_actions:
            return None
        a, b, c, counter = self._starts[index].tolist()
        return Replay(
            env_config=self._core.config,
            seed=self._seed,
            game=index,
            stream=(a, b, c, counter),
            actions=self._actions[index, : self._lengths[index]].tobytes(),
            lines=lines,
            pieces=pieces,
            terminated=terminated,
        )

    def _make_room(self) -> None:
        too_long = self._lengths > self._max_actions
        self._recorded &= ~too_long
        self._lengths[~self._recorded] = 0
        self._longest = int(self._lengths.max())
        if self._longest == self._actions.shape[1]:
            self._grow()

    def _grow(self) -> None:
        self._actions = np.concatenate([self._actions, np.zeros_like(self._actions)], axis=1)

    def _start_of(self, index: int) -> tuple[int, ...] | None:
        """Returns the random stream at a new game's start, found by rewinding the draws of its first pieces."""
        games = self._core.games
        row = games.rows[index : index + 1]
        words = tuple(row[0, STREAM : STREAM + N_STREAM_WORDS].tolist())
        for _ in range(_MAX_REWINDS):
            trial = row.copy()
            trial[0, STREAM : STREAM + N_STREAM_WORDS] = words
            games.start(trial, 0)
            if np.array_equal(trial, row):
                return words
            words = rewind(words)
        return None  # the board was set by hand
