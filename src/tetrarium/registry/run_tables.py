"""Tables of numbers in a run's folder: ``progress.csv``, ``episodes.csv`` and ``evaluations.csv``.

A run appends rows to them while others read, so the last line of a file may be incomplete. Rows with missing or
malformed values are left out.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tetrarium.registry.files.safe_files import open_plain

Row = tuple[int | float | None, ...]

MARKS_FILE: Final = "records.json"  # in a checkpoint: length and hash of each table
_TAIL_BYTES: Final = 4_096
_INT64_END: Final = 2**63


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Args:
        name: Name in the header.
        type: Of its values.
        meaning: One line for people.
        is_nullable: Whether a value may be missing: an empty cell or a number that is not finite.
        earlier_name: Its name in files of an earlier version.
    """

    name: str
    type: type[int] | type[float]
    meaning: str
    is_nullable: bool = False
    earlier_name: str = ""


@dataclass(frozen=True, slots=True)
class RunTable:
    """One kind of table; ``table["step"]`` is a column of it."""

    name: str
    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns in order."""
        return tuple(column.name for column in self.columns)

    @property
    def file_name(self) -> str:
        """Name of the file in the run's folder."""
        return f"{self.name}.csv"

    @property
    def header(self) -> bytes:
        """First line of a file."""
        return f"{','.join(self.column_names)}\n".encode()


PROGRESS: Final = RunTable(
    "progress",
    (
        Column("step", int, "environment steps of all games together"),
        Column("seconds", float, "training time"),
        Column("evaluated_seconds", float, "seconds of waiting for evaluations", is_nullable=True),
        Column("steps_per_second", float, "of the latest seconds", is_nullable=True),
        Column("games_ended", int, "games that ended"),
        Column("games_lost", int, "games that ended before a limit"),
        Column("last_loss_step", int, "step at which a game was last lost", is_nullable=True),
        Column("losses_per_10000_pieces", float, "over at least the latest 10,000 placements", is_nullable=True),
        Column(
            "training_mean", float, "mean lines of the latest games, running ones included",
            is_nullable=True, earlier_name="mean_lines_game",
        ),
        Column("training_n_ended", int, "games in that mean that ended"),
        Column("training_n_running", int, "games in that mean that still run"),
        Column("lines_low", float, "10 % quantile of the lines of these games", is_nullable=True),
        Column("lines_high", float, "90 % quantile of the lines of these games", is_nullable=True),
        Column("best_lines_game", int, "most lines in one game"),
        Column("mean_reward_placement", float, "mean reward per placement since the row before", is_nullable=True),
        Column("loss", float, "loss of the latest gradient steps", is_nullable=True),
        Column("mean_q", float, "mean Q-value of the latest batch", is_nullable=True),
        Column("exploration_rate", float, "share of random actions", is_nullable=True),
    ),
)  # fmt: skip
EPISODES: Final = RunTable(
    "episodes",
    (
        Column("step", int, "environment steps of all games when this one ended"),
        Column("env", int, "index of the environment"),
        Column("reward", float, "return of the game"),
        Column("lines", int, "lines cleared"),
        Column("pieces", int, "pieces placed"),
        Column("cut_off", int, "1 if the game was truncated, else 0"),
        Column("seconds", float, "time since training started or was resumed"),
    ),
)
EVALUATIONS: Final = RunTable(
    "evaluations",
    (
        Column("decided_step", int, "step at which the result was recorded and decided about the best weights"),
        Column("step", int, "step of the weights that were evaluated"),
        Column("n_games", int, "games played"),
        Column("max_pieces", int, "pieces after which games are truncated"),
        Column("survival", int, "games alive at that limit", earlier_name="n_cut_off"),
        Column("lines_until_limit", float, "mean lines of a game up to that limit", earlier_name="lines"),
        Column("estimated_lines", float, "estimated lines per game; empty if no game was lost", is_nullable=True),
        Column("estimated_low", float, "lower end of its 95 % interval", is_nullable=True),
        Column("estimated_high", float, "upper end; empty if no game was lost", is_nullable=True),
        Column("harder_games", int, "games played on the harder game", is_nullable=True),
        Column("harder_survival", int, "those of them alive at its limit", is_nullable=True),
        Column("harder_lines", float, "estimated lines per game on the harder game", is_nullable=True),
        Column("harder_low", float, "lower end of its 95 % interval", is_nullable=True),
        Column("harder_high", float, "upper end of its 95 % interval", is_nullable=True),
        Column("seed", int, "seed of the games"),
        Column("is_best", int, "1 if significantly better than the best weights so far, else 0"),
    ),
)  # fmt: skip
RUN_TABLES: Final[Mapping[str, RunTable]] = MappingProxyType(
    {table.name: table for table in (PROGRESS, EPISODES, EVALUATIONS)}
)


def read_table(folder: Path, table: RunTable, only: Collection[str] | None = None) -> tuple[list[str], list[Row]]:
    """Reads a table of a run.

    Args:
        folder: The run's folder.
        table: Which table.
        only: Names of the columns to read, which is faster; all by default.

    Returns:
        Column names in the order of the file, and rows; none where the file cannot be read.
    """
    header, lines = _read_lines(folder / table.file_name)
    columns = columns_of(header, table)
    names = [column.name for column in columns if only is None or column.name in only]
    return names, parse_rows(lines, columns, only)


def read_last_row(folder: Path, table: RunTable) -> dict[str, Any]:
    """Returns the last complete row of a table by column; empty where there is none."""
    header, lines = _read_lines(folder / table.file_name, _TAIL_BYTES)
    columns = columns_of(header, table)
    rows = (row for line in reversed(lines) for row in parse_rows([line], columns))
    return dict(zip((column.name for column in columns), next(rows, ()), strict=False))


def parse_rows(lines: Sequence[bytes], columns: Sequence[Column], only: Collection[str] | None = None) -> list[Row]:
    """Parses complete lines; those that are not rows of these columns are left out.

    Args:
        lines: Each with or without its line end.
        columns: Columns of the lines.
        only: Names of the columns to return; all by default.
    """
    try:
        return _parse_columns(lines, columns, only)
    except ValueError:
        if len(lines) == 1:
            return []
    return [row for line in lines for row in parse_rows([line], columns, only)]


def _read_lines(path: Path, max_bytes: int | None = None) -> tuple[list[str], list[bytes]]:
    """Returns the header and the complete lines below it: all, or those in the last bytes."""
    try:
        with open_plain(path) as file:
            header = file.readline().decode("utf-8-sig", errors="replace").strip()
            if max_bytes is not None:
                file.seek(max(file.tell(), file.seek(0, os.SEEK_END) - max_bytes))
            lines = file.read().splitlines(keepends=True)
    except OSError:
        return [], []
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    return header.split(",") if header else [], lines


def columns_of(header: Sequence[str], table: RunTable) -> list[Column]:
    """Returns the columns that a header names; unknown ones, as of another version, hold any numbers."""
    known = {name: column for column in table.columns for name in (column.earlier_name, column.name)}
    return [known.get(name) or Column(name, float, "", is_nullable=True) for name in header]


def _parse_columns(lines: Sequence[bytes], columns: Sequence[Column], only: Collection[str] | None) -> list[Row]:
    """Parses lines column by column, which is fast.

    Raises:
        ValueError: if one of them is not a row.
    """
    cells = list(zip(*(line.split(b",") for line in lines), strict=True))
    pairs = [(texts, column) for texts, column in zip(cells, columns, strict=bool(lines))
             if only is None or column.name in only]  # fmt: skip
    return list(zip(*(_parse(*pair) for pair in pairs), strict=True))


def _parse(texts: Sequence[bytes], column: Column) -> Sequence[int | float | None]:
    if column.type is float:
        if column.is_nullable:
            return [_number_or_none(text) for text in texts]
        fractions = list(map(float, texts))
        if not all(map(isfinite, fractions)):
            raise ValueError(f"a {column.name} is not finite")
        return fractions
    numbers = [None if column.is_nullable and not text.strip() else int(text) for text in texts]
    if any(number is not None and not -_INT64_END <= number < _INT64_END for number in numbers):
        raise ValueError(f"a {column.name} does not fit into 64 bits")
    return numbers


def _number_or_none(text: bytes) -> float | None:
    number = float(text) if text.strip() else None
    return number if number is None or isfinite(number) else None
