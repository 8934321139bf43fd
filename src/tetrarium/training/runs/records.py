"""What a run writes down as it goes: tables to which rows are added, and from which a resumed run takes later ones.

A checkpoint tells in ``records.json`` how long each table was and what hash it had, so a run that goes on from there
cuts off what was recorded later, whole rows and torn ones, and finds out if an earlier byte was altered.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import HomeError
from tetrarium.registry.atomic import write_file
from tetrarium.registry.record_files import EPISODE_COLUMNS, EVALUATION_COLUMNS
from tetrarium.training.algorithms.learner import ReadFile
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.tensorboard import ScalarWriter

__all__ = ["EPISODE_COLUMNS", "EVALUATION_COLUMNS", "PROGRESS_COLUMNS", "EpisodeLog", "Records", "Table"]

PROGRESS_COLUMNS: Final = (
    "step", "seconds", "steps_per_second", "games_ended", "mean_lines_game", "lines_low", "lines_high",
    "best_lines_game", "mean_reward_placement", "loss", "mean_q", "exploration_rate",
)  # fmt: skip
_MARKS: Final = "records.json"

Mark = Mapping[str, Any]  # of a table at a checkpoint: "n_bytes" and "sha256" of what was in it


class Table:
    """A CSV file of numbers whose first column is the step at which a row was written.

    Args:
        path: The file; made with its header at the first opening.
        columns: Names of the columns.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = tuple(columns)
        self._header = f"{','.join(columns)}\n".encode()
        self._descriptor: int | None = None
        self._waiting = bytearray()  # rows that the system was not given yet
        self.last_row: tuple[str, ...] | None = None  # of what was kept at the opening
        self._n_bytes = 0
        self._hash = hashlib.sha256()

    def open(self, step: int, mark: Mark | None = None) -> None:
        """Gets ready for rows, without those that were written after a step; the file is replaced as one.

        Args:
            step: From which training goes on.
            mark: What ``mark`` gave at that step. Without it rows are told by the step in their first column, and
                such as are not whole are dropped.

        Raises:
            HomeError: if a row from before was altered or lost, or the file cannot be written.
        """
        with self._told():
            content = self.path.read_bytes() if self.path.exists() else None
            if content is None or step == 0:
                kept = self._header
            elif mark is not None:
                kept = self._checked(content, mark, step)
            else:
                kept = self._header + b"".join(self._whole_rows(content, step))
            if kept != content:
                write_file(self.path, kept)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        self._n_bytes, self._hash = len(kept), hashlib.sha256(kept)
        row = kept[kept.rfind(b"\n", 0, -1) + 1 :].decode().strip()
        self.last_row = tuple(row.split(",")) if len(kept) > len(self._header) else None

    def _checked(self, content: bytes, mark: Mark, step: int) -> bytes:
        kept = content[: mark["n_bytes"]]
        if hashlib.sha256(kept).hexdigest() != mark["sha256"]:
            what = "cut short" if len(kept) < mark["n_bytes"] else "altered"
            raise HomeError(
                f"The run's record {str(self.path)!r} is {what} before step {step:,}. Restore it from a copy, or move "
                "it elsewhere: training then goes on without its earlier rows."
            )
        return kept

    def _whole_rows(self, content: bytes, step: int) -> Iterator[bytes]:
        for row in content.splitlines(keepends=True)[1:]:
            first, *others = row.split(b",")
            if len(others) + 1 == len(self.columns) and row.endswith(b"\n") and first.isdigit() and int(first) <= step:
                yield row

    def mark(self) -> dict[str, Any]:
        """Returns by what ``open`` tells the rows of now from later ones."""
        return {"n_bytes": self._n_bytes, "sha256": self._hash.hexdigest()}

    def add(self, row: Sequence[Any]) -> None:
        """Adds a row, which stays in memory until ``hand_over`` or ``sync``."""
        data = f"{','.join(map(str, row))}\n".encode()
        self._waiting += data
        self._n_bytes += len(data)
        self._hash.update(data)

    def hand_over(self) -> None:
        """Hands what was added to the system: it survives the end of this process.

        Raises:
            HomeError: if the file cannot be written.
        """
        assert self._descriptor is not None
        with self._told():
            while self._waiting:
                del self._waiting[: os.write(self._descriptor, self._waiting)]

    def sync(self) -> None:
        """Waits until what was added would survive a power failure.

        Raises:
            HomeError: if the file cannot be written.
        """
        self.hand_over()
        assert self._descriptor is not None
        with self._told():
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Ends writing; what is later than the last checkpoint would be dropped anyway, so a full disk is no error."""
        if self._descriptor is not None:
            with contextlib.suppress(HomeError):
                self.hand_over()
            os.close(self._descriptor)
            self._descriptor = None

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HomeError(
                f"The run's record {str(self.path)!r} cannot be written: {error.strerror}. Make room, or make it "
                f"writable for you; then `tetrarium resume {self.path.parent.name}` goes on from the last checkpoint."
            ) from error


class Records:
    """The tables of a run and its scalars, which are on the disk before a checkpoint is.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._scalars: ScalarWriter | None = None  # once it is open
        self.episodes = Table(run / "episodes.csv", EPISODE_COLUMNS)
        self.evaluations = Table(run / "evaluations.csv", EVALUATION_COLUMNS)
        self.progress = Table(run / "progress.csv", PROGRESS_COLUMNS)
        self._tables = (self.episodes, self.evaluations, self.progress)
        self._marks: Mapping[str, Mark] = {}

    def read(self, names: Collection[str], read_file: ReadFile) -> None:
        """Takes over what ``write`` wrote, for ``open``."""
        if _MARKS in names:
            marks = json.loads(read_file(_MARKS))
            self._marks = {
                table.path.name: {name: marks[table.path.name][name] for name in ("n_bytes", "sha256")}
                for table in self._tables
                if table.path.name in marks  # version 0.1.0 had no progress.csv
            }

    def open(self, step: int) -> ScalarWriter:
        """Gets everything ready for what comes after a step, see ``Table.open``; returns what writes scalars."""
        for table in self._tables:
            table.open(step, self._marks.get(table.path.name))
        self._scalars = ScalarWriter(self._run, step)
        return self._scalars

    def sync(self) -> None:
        """Waits until all that was recorded would survive a power failure."""
        for table in self._tables:
            table.sync()
        if self._scalars is not None:
            self._scalars.sync()

    def write(self, folder: Path) -> None:
        """Writes the file of a checkpoint."""
        marks = {table.path.name: table.mark() for table in self._tables}
        (folder / _MARKS).write_text(json.dumps(marks), encoding="utf-8")

    def close(self) -> None:
        """Ends writing."""
        for table in self._tables:
            table.close()
        if self._scalars is not None:
            self._scalars.close()


class EpisodeLog(RoundCallback):
    """Writes every game that ends into a table, a row a game; ``seconds`` count from when training went on last."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table

    def _on_training_start(self) -> None:
        self._started_s = time.monotonic()

    def _on_step(self) -> bool:
        dones: Any = self.locals["dones"]
        if dones.any():
            seconds = round(time.monotonic() - self._started_s, 3)
            for env in dones.nonzero()[0].tolist():
                info = self.locals["infos"][env]
                reward = round(info["episode"]["r"], 6)
                cut = int(info["TimeLimit.truncated"])
                self.table.add((self.num_timesteps, env, reward, info["lines_game"], info["pieces_game"], cut, seconds))
        return True

    def on_round_end(self) -> bool:
        """Hands what was written to the system."""
        self.table.hand_over()
        return True
