"""The games that a run keeps for people to see: its first, its ten best and its ten latest that ended.

A good agent's games do not end. So when training stops, games that still run count among the best as far as they came.

A checkpoint holds them, and the games under way, in ``replays.safetensors`` and ``recording.safetensors``; so a resumed
run keeps just what one that was never stopped would have kept. The folder ``replays/`` is made from them.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from tetrarium.environment.recording import GameRecorder
from tetrarium.environment.replays import REPLAY_SUFFIX, Replay
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.errors import HomeError
from tetrarium.registry.disk import DISK
from tetrarium.training.algorithms.learner import ReadFile, WholeGame
from tetrarium.training.runs.callbacks import RoundCallback

__all__ = ["N_KEPT", "ReplayCollection"]

N_KEPT: Final = 10
_REPLAYS: Final = "replays.safetensors"
_RECORDING: Final = "recording.safetensors"
_PARTIAL: Final = ".partial"  # suffix of a file that is being written


class _Kept:
    """A game that is kept; its replay is made when it is first asked for."""

    def __init__(self, lines: int, record: Callable[[], Replay], about: dict[str, str | int | float]) -> None:
        self.lines = lines
        self._record = record
        self._about = about

    @cached_property
    def data(self) -> bytes:
        """The replay as a file holds it."""
        return replace(self._record(), about=self._about).to_bytes()

    @classmethod
    def read(cls, data: bytes) -> "_Kept":
        """Takes a replay that a checkpoint held."""
        replay = Replay.from_bytes(data)
        return cls(replay.lines, partial(_itself, replay), dict(replay.about))


class ReplayCollection(RoundCallback):
    """Records every game of a run, and keeps some.

    Args:
        games: What is played.
        seed: The run's.
        run: The run's name, which replays tell.
    """

    def __init__(self, games: TetrisVecEnv, seed: int, run: str) -> None:
        super().__init__()
        self.recorder = GameRecorder(games.core, seed)
        self._n_games = games.num_envs
        self._is_under_way = False  # whether the recorder was given the games that a checkpoint held
        self._run = run
        self.first: _Kept | None = None
        self.best: list[_Kept] = []  # most lines first; among equals the earlier
        self.latest: deque[_Kept] = deque(maxlen=N_KEPT)  # oldest first

    def _on_training_start(self) -> None:
        if not self._is_under_way:
            self.recorder.begin()
            self._is_under_way = True

    def _on_step(self) -> bool:
        whole: list[WholeGame] = self.locals.get("whole_games", [])
        if whole:
            self.add(whole)
        else:
            self.add(WholeGame(replay.lines, partial(_itself, replay)) for replay in self.recorder.note())
        return True

    def add(self, ended: Iterable[WholeGame]) -> None:
        """Takes in games that ended at the current step."""
        for lines, record in ended:
            kept = _Kept(lines, record, {"run": self._run, "step": self.num_timesteps})
            if self.first is None:
                self.first = kept
            self.latest.append(kept)
            if len(self.best) < N_KEPT or lines > self.best[-1].lines:
                self.best = self._best_of([kept])

    def _best_of(self, more: Sequence[_Kept]) -> list[_Kept]:
        return sorted([*self.best, *more], key=lambda one: -one.lines)[:N_KEPT]

    def _running(self) -> list[_Kept]:
        """The games under way, where each placement of theirs was recorded."""
        replays = (self.recorder.replay(index) for index in range(self._n_games))
        return [
            _Kept(replay.lines, partial(_itself, replay), {"run": self._run})
            for replay in replays
            if replay is not None and replay.lines and len(replay) == replay.pieces
        ]

    def named(self, running: Sequence[_Kept] = ()) -> dict[str, bytes]:
        """Returns the replays as files hold them: ``first``, ``best-01`` the best, ``last-01`` the latest.

        Args:
            running: Games that did not end, and count among the best.
        """
        replays = {"first": self.first} if self.first is not None else {}
        replays |= {f"best-{number:02}": replay for number, replay in enumerate(self._best_of(running), start=1)}
        replays |= {f"last-{number:02}": replay for number, replay in enumerate(reversed(self.latest), start=1)}
        return {name: kept.data for name, kept in replays.items()}

    def export(self, folder: Path, *, lasting: bool = False) -> None:
        """Brings a folder up to date; each file is whole at any time.

        Args:
            folder: Made if it is missing.
            lasting: Whether training stops here: games that still run are exported too, and the files would survive
                a power failure afterwards.

        Raises:
            HomeError: if it cannot be written.
        """
        running = self._running() if lasting else []
        named = {f"{name}{REPLAY_SUFFIX}": data for name, data in self.named(running).items()}
        try:
            folder.mkdir(exist_ok=True)
            for name, data in named.items():
                _replace(folder / name, data, lasting)
            for path in folder.iterdir():
                if path.name not in named and path.suffix in (REPLAY_SUFFIX, _PARTIAL):
                    path.unlink()
            if lasting:
                DISK.flush(folder)
        except OSError as error:
            raise HomeError(
                f"The run's replays cannot be written to {str(folder)!r}: {error.strerror}. Make room, or make it "
                f"writable for you; then `tetrarium resume {self._run}` writes them."
            ) from error

    def write(self, folder: Path) -> None:
        """Writes the files of a checkpoint."""
        as_arrays = {name: np.frombuffer(data, dtype=np.uint8) for name, data in self.named().items()}
        safetensors.numpy.save_file(as_arrays, folder / _REPLAYS)
        safetensors.numpy.save_file(_plain(self.recorder.state()), folder / _RECORDING)

    def read(self, names: Collection[str], read_file: ReadFile) -> None:
        """Takes over what ``write`` wrote; an agent that was saved outside of a run has none of it."""
        if _REPLAYS not in names:
            return
        files = safetensors.numpy.load(read_file(_REPLAYS))
        replays = {name: _Kept.read(data.tobytes()) for name, data in sorted(files.items())}
        self.first = replays.get("first")
        self.best = [replay for name, replay in replays.items() if name.startswith("best-")]
        latest = [replay for name, replay in replays.items() if name.startswith("last-")]
        self.latest = deque(reversed(latest), maxlen=N_KEPT)
        self.recorder.set_state(safetensors.numpy.load(read_file(_RECORDING)))
        self._is_under_way = True


def _itself(replay: Replay) -> Replay:
    return replay


def _plain(state: dict[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
    return {name: np.ascontiguousarray(value) for name, value in state.items()}


def _replace(path: Path, data: bytes, lasting: bool) -> None:
    if not path.is_file() or path.read_bytes() != data:
        partial = path.with_suffix(_PARTIAL)
        partial.write_bytes(data)
        partial.replace(path)
    if lasting:
        DISK.flush(path)
