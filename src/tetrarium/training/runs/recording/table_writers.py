"""Writers of a run's CSV tables, which a resumed run truncates to its checkpoint; ``run_tables`` has their columns.

A checkpoint stores in ``records.json`` the length and hash of each table. A run that resumes from it removes everything
recorded later, complete and partial rows alike, and detects alterations of earlier bytes.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from tetrarium.errors import HomeError
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.run_tables import EPISODES, EVALUATIONS, MARKS_FILE, PROGRESS, RunTable, columns_of
from tetrarium.training.algorithms.learner import ReadFile
from tetrarium.training.callbacks import RoundCallback
from tetrarium.training.runs.recording.tensorboard import ScalarWriter

Mark = Mapping[str, Any]  # state of a table at a checkpoint: "n_bytes" and "sha256" of its content


class TableWriter:
    """Writer of a CSV file of numbers, whose first column is the step at which a row was written.

    Args:
        folder: The run's folder; the file is created with its header when first opened.
        table: The table's definition.
    """

    def __init__(self, folder: Path, table: RunTable) -> None:
        self.path = folder / table.file_name
        self._table = table
        self._columns = table.column_names  # those of the file, which an earlier version may have begun
        self._descriptor: int | None = None
        self._buffer = bytearray()  # rows that are not written yet
        self.last_row: dict[str, str] | None = None  # last row when the table was opened
        self._n_bytes = 0
        self._hash = hashlib.sha256()

    def open(self, step: int, mark: Mark | None = None) -> None:
        """Opens the file for appending; atomically removes the rows that were written after a step.

        Args:
            step: The step at which training resumes.
            mark: The result of ``mark`` at that step. Without it, rows are selected by the step in their first column,
                and partial rows are dropped.

        Raises:
            HomeError: if an earlier row was altered or lost, or the file cannot be written to.
        """
        with self._errors_reported():
            content = self.path.read_bytes() if self.path.exists() else None
            if content is None or step == 0:
                kept = self._table.header
            elif mark is not None:
                kept = self._verified(content, mark, step)
            else:
                kept = b"".join(self._complete_rows(content, step))
            try:
                header, *rows = kept.decode("utf-8-sig").splitlines()
            except UnicodeDecodeError as error:
                raise self._damaged_error("altered", step) from error
            if kept != content:
                write_file(self.path, kept)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        self._n_bytes, self._hash = len(kept), hashlib.sha256(kept)
        self._columns = tuple(column.name for column in columns_of(header.split(","), self._table))
        self.last_row = dict(zip(self._columns, rows[-1].split(","), strict=True)) if rows else None

    def _verified(self, content: bytes, mark: Mark, step: int) -> bytes:
        kept = content[: mark["n_bytes"]]
        if hashlib.sha256(kept).hexdigest() != mark["sha256"]:
            raise self._damaged_error("incomplete" if len(kept) < mark["n_bytes"] else "altered", step)
        return kept

    def _damaged_error(self, damage: str, step: int) -> HomeError:
        return HomeError(
            f"The run's record {str(self.path)!r} is {damage} before step {step:,}. Restore it from a copy, or "
            "move it elsewhere: training then resumes without its earlier rows."
        )

    def _complete_rows(self, content: bytes, step: int) -> Iterator[bytes]:
        header, *rows = content.splitlines(keepends=True) or [self._table.header]
        n_commas = header.count(b",")
        yield header
        for row in rows:
            first = row.split(b",")[0]
            if row.count(b",") == n_commas and row.endswith(b"\n") and first.isdigit() and int(first) <= step:
                yield row

    def mark(self) -> dict[str, Any]:
        """Returns the table's current length and hash, for ``open``."""
        return {"n_bytes": self._n_bytes, "sha256": self._hash.hexdigest()}

    def add(self, **values: Any) -> None:
        """Adds a row, which stays in memory until ``flush`` or ``sync``.

        ``values``: one value for each column; None if it is missing. A file that an earlier version began keeps its
        columns.
        """
        assert values.keys() == set(self._table.column_names), values
        row = (values.get(name) for name in self._columns)
        data = f"{','.join('' if value is None else str(value) for value in row)}\n".encode()
        self._buffer += data
        self._n_bytes += len(data)
        self._hash.update(data)

    def flush(self) -> None:
        """Writes the added rows to the file, so that they survive the end of this process.

        Raises:
            HomeError: if the file cannot be written to.
        """
        assert self._descriptor is not None
        with self._errors_reported():
            while self._buffer:
                del self._buffer[: os.write(self._descriptor, self._buffer)]

    def sync(self) -> None:
        """Flushes the added rows to the disk, so that they survive a power failure.

        Raises:
            HomeError: if the file cannot be written to.
        """
        self.flush()
        assert self._descriptor is not None
        with self._errors_reported():
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Closes the file. Errors are ignored: rows after the last checkpoint are removed on resuming anyway."""
        if self._descriptor is not None:
            with contextlib.suppress(HomeError):
                self.flush()
            os.close(self._descriptor)
            self._descriptor = None

    @contextlib.contextmanager
    def _errors_reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HomeError(
                f"The run's record {str(self.path)!r} cannot be written: {error.strerror}. Free some space, or grant "
                f"yourself write permission; then `tetrarium resume {self.path.parent.name}` continues from the last "
                "checkpoint."
            ) from error


class Records:
    """A run's tables and scalars, which are flushed to the disk before each checkpoint.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._scalars: ScalarWriter | None = None  # None before ``open``
        self.episodes = TableWriter(run, EPISODES)
        self.evaluations = TableWriter(run, EVALUATIONS)
        self.progress = TableWriter(run, PROGRESS)
        self._tables = (self.episodes, self.evaluations, self.progress)
        self._marks: Mapping[str, Mark] = {}

    def read(self, names: Collection[str], read_file: ReadFile) -> None:
        """Reads the marks that ``write`` saved, for ``open``."""
        if MARKS_FILE in names:
            marks = json.loads(read_file(MARKS_FILE))
            self._marks = {
                table.path.name: {name: marks[table.path.name][name] for name in ("n_bytes", "sha256")}
                for table in self._tables
                if table.path.name in marks  # old checkpoints have no progress.csv
            }

    def open(self, step: int) -> ScalarWriter:
        """Opens all tables at a step, see ``TableWriter.open``; returns the writer of scalars."""
        for table in self._tables:
            table.open(step, self._marks.get(table.path.name))
        self._scalars = ScalarWriter(self._run, step)
        return self._scalars

    def sync(self) -> None:
        """Flushes all records to the disk, so that they survive a power failure."""
        for table in self._tables:
            table.sync()
        if self._scalars is not None:
            self._scalars.sync()

    def write(self, folder: Path) -> None:
        """Writes the tables' marks into a checkpoint."""
        marks = {table.path.name: table.mark() for table in self._tables}
        (folder / MARKS_FILE).write_text(json.dumps(marks), encoding="utf-8")

    def close(self) -> None:
        """Closes all files."""
        for table in self._tables:
            table.close()
        if self._scalars is not None:
            self._scalars.close()


class EpisodeLog(RoundCallback):
    """Writes a row for every finished game; ``seconds`` count from the latest start or resume of training."""

    def __init__(self, table: TableWriter) -> None:
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
                self.table.add(
                    step=self.num_timesteps,
                    env=env,
                    reward=round(info["episode"]["r"], 6),
                    lines=info["lines_game"],
                    pieces=info["pieces_game"],
                    cut_off=int(info["TimeLimit.truncated"]),
                    seconds=seconds,
                )
        return True

    def on_round_end(self) -> bool:
        """Writes the rows of the round to the file."""
        self.table.flush()
        return True
