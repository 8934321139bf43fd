"""Replays of a run: its first game, its ten best and its ten latest finished games.

A good agent's games do not end. So when training stops, running games count among the best with their lines so far.

A checkpoint contains the replays and the running games, in ``replays.safetensors`` and ``recording.safetensors``; so a
resumed run keeps the same replays as an uninterrupted one. The folder ``replays/`` is exported from them.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import numpy as np
import safetensors.numpy

from tetrarium.environment.interfaces.vec_env import TetrisVecEnv
from tetrarium.environment.recording import GameRecorder
from tetrarium.environment.replays import REPLAY_SUFFIX, Replay
from tetrarium.errors import HomeError
from tetrarium.registry.files.atomic import DISK
from tetrarium.registry.files.tensors import write_tensors
from tetrarium.training.algorithms.learner import ReadFile, WholeGame
from tetrarium.training.callbacks import RoundCallback

MAX_REPLAYS: Final = 10  # of the best, and of the latest games
_REPLAYS: Final = "replays.safetensors"
_RECORDING: Final = "recording.safetensors"
_PARTIAL: Final = ".partial"  # suffix of a file that is being written


class _KeptGame:
    """A game whose replay is created on first access."""

    def __init__(self, lines: int, record: Callable[[], Replay], about: dict[str, str | int | float]) -> None:
        self.lines = lines
        self._record = record
        self._about = about

    @cached_property
    def data(self) -> bytes:
        """The content of the replay's file."""
        return replace(self._record(), about=self._about).to_bytes()

    @classmethod
    def read(cls, data: bytes) -> "_KeptGame":
        """Reads a replay from a checkpoint."""
        replay = Replay.from_bytes(data)
        return cls(replay.lines, partial(_identity, replay), dict(replay.about))


class ReplayCollection(RoundCallback):
    """Records every game of a run, and keeps the first, the best and the latest.

    Args:
        vec_env: The training environment.
        seed: The run's seed.
        run: The run's name, stored in each replay.
    """

    def __init__(self, vec_env: TetrisVecEnv, seed: int, run: str) -> None:
        super().__init__()
        self.recorder = GameRecorder(vec_env.core, seed)
        self._n_envs = vec_env.num_envs
        self._has_games = False  # the recorder has the running games
        self._run = run
        self.first: _KeptGame | None = None
        self.best: list[_KeptGame] = []  # most lines first; ties: the earlier first
        self.latest: deque[_KeptGame] = deque(maxlen=MAX_REPLAYS)  # oldest first

    def _on_training_start(self) -> None:
        if not self._has_games:
            self.recorder.begin()
            self._has_games = True

    def _on_step(self) -> bool:
        whole_games: list[WholeGame] = self.locals.get("whole_games", [])
        if whole_games:
            self.add(whole_games)
        else:
            self.add(WholeGame(replay.lines, partial(_identity, replay)) for replay in self.recorder.note())
        return True

    def add(self, games: Iterable[WholeGame]) -> None:
        """Adds games that ended at the current step."""
        for lines, record in games:
            game = _KeptGame(lines, record, {"run": self._run, "step": self.num_timesteps})
            if self.first is None:
                self.first = game
            self.latest.append(game)
            if len(self.best) < MAX_REPLAYS or lines > self.best[-1].lines:
                self.best = self._best_with([game])

    def _best_with(self, games: Sequence[_KeptGame]) -> list[_KeptGame]:
        return sorted([*self.best, *games], key=lambda one: -one.lines)[:MAX_REPLAYS]

    def _running(self) -> list[_KeptGame]:
        """Returns the running games of which every placement was recorded."""
        replays = (self.recorder.replay(index) for index in range(self._n_envs))
        return [
            _KeptGame(replay.lines, partial(_identity, replay), {"run": self._run})
            for replay in replays
            if replay is not None and replay.lines and len(replay) == replay.pieces
        ]

    def files(self, running: Sequence[_KeptGame] = ()) -> dict[str, bytes]:
        """Returns the contents of the replays' files by name: ``first``, ``best-01`` the best, ``last-01`` the latest.

        Args:
            running: Running games, which count among the best.
        """
        replays = {"first": self.first} if self.first is not None else {}
        replays |= {f"best-{number:02}": replay for number, replay in enumerate(self._best_with(running), start=1)}
        replays |= {f"last-{number:02}": replay for number, replay in enumerate(reversed(self.latest), start=1)}
        return {name: game.data for name, game in replays.items()}

    def export(self, folder: Path, *, is_final: bool = False) -> None:
        """Updates a folder to the current replays; each file is replaced atomically.

        Args:
            folder: The folder; created if it is missing.
            is_final: Training stops here: also export running games, and flush the files to the disk.

        Raises:
            HomeError: if the folder cannot be written to.
        """
        running = self._running() if is_final else []
        files = {f"{name}{REPLAY_SUFFIX}": data for name, data in self.files(running).items()}
        try:
            folder.mkdir(exist_ok=True)
            for name, data in files.items():
                _replace(folder / name, data, flush=is_final)
            for path in folder.iterdir():
                if path.name not in files and path.suffix in (REPLAY_SUFFIX, _PARTIAL):
                    path.unlink()
            if is_final:
                DISK.flush(folder)
        except OSError as error:
            raise HomeError(
                f"The run's replays cannot be written to {str(folder)!r}: {error.strerror}. Free some space, or grant "
                f"yourself write permission; then `tetrarium resume {self._run}` writes them."
            ) from error

    def write(self, folder: Path) -> None:
        """Writes the replays and the running games into a checkpoint."""
        arrays = {name: np.frombuffer(data, dtype=np.uint8) for name, data in self.files().items()}
        write_tensors(folder / _REPLAYS, arrays)
        write_tensors(folder / _RECORDING, self.recorder.state())

    def read(self, names: Collection[str], read_file: ReadFile) -> None:
        """Restores what ``write`` saved, if the checkpoint is a run's."""
        if _REPLAYS not in names:
            return
        files = safetensors.numpy.load(read_file(_REPLAYS))
        replays = {name: _KeptGame.read(data.tobytes()) for name, data in sorted(files.items())}
        self.first = replays.get("first")
        self.best = [replay for name, replay in replays.items() if name.startswith("best-")]
        latest = [replay for name, replay in replays.items() if name.startswith("last-")]
        self.latest = deque(reversed(latest), maxlen=MAX_REPLAYS)
        self.recorder.set_state(safetensors.numpy.load(read_file(_RECORDING)))
        self._has_games = True


def _identity(replay: Replay) -> Replay:
    return replay


def _replace(path: Path, data: bytes, *, flush: bool) -> None:
    if not path.is_file() or path.read_bytes() != data:
        partial = path.with_suffix(_PARTIAL)
        partial.write_bytes(data)
        partial.replace(path)
    if flush:
        DISK.flush(path)
