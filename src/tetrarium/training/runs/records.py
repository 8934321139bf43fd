"""What a run writes down as it goes: tables to which rows are added, and from which a resumed run takes the later ones.

Each row tells the step at which it was written; when a run goes on from a checkpoint, rows of later steps are dropped,
because they will be written again.
"""

import csv
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from tetrarium.training.runs.callbacks import RoundCallback

__all__ = ["EPISODE_COLUMNS", "EVALUATION_COLUMNS", "EpisodeLog", "Table"]

EPISODE_COLUMNS: Final = ("step", "env", "reward", "lines", "pieces", "cut_off", "seconds")
EVALUATION_COLUMNS: Final = (
    "decided_step", "step", "lines", "n_games", "n_cut_off", "max_pieces", "seed", "is_best",
)  # fmt: skip


class Table:
    """A CSV file whose first column is the step at which a row was written.

    Args:
        path: The file; made with its header at the first opening.
        columns: Names of the columns.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = tuple(columns)
        self._file: TextIO | None = None

    def open(self) -> None:
        """Gets ready for rows."""
        is_new = not self.path.exists()
        self._file = self.path.open("a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        if is_new:
            self._writer.writerow(self.columns)

    def add(self, row: Sequence[Any]) -> None:
        """Adds a row, which stays in memory until ``hand_over`` or ``sync``."""
        assert self._file is not None
        self._writer.writerow(row)

    def hand_over(self) -> None:
        """Hands what was added to the system: it survives the end of this process."""
        if self._file is not None:
            self._file.flush()

    def sync(self) -> None:
        """Waits until what was added would survive a power failure."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Syncs, and ends writing."""
        if self._file is not None:
            self.sync()
            self._file.close()
            self._file = None

    def drop_later(self, step: int) -> None:
        """Removes rows that were written after a step, and torn ones; the file is replaced as one."""
        if not self.path.exists():
            return
        with self.path.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.reader(file))[1:]
        whole = [row for row in rows if len(row) == len(self.columns) and row[0].isdecimal()]
        partial = self.path.with_suffix(".partial")
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows(row for row in whole if int(row[0]) <= step)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)


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
