"""The tables that a run writes down, ``episodes.csv`` and ``evaluations.csv``, read piece by piece for the database.

The files stay the authority. They grow at their end, and are cut off and written on when a run goes on from an
earlier checkpoint, so a file is looked at in parts of ``PART_LINES`` lines, each with its hash: what is known of a file
holds up to the first part that is another by now. Lines that are no whole row of numbers count for the hash alone.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import BinaryIO, Final

from tetrarium.registry.plain_files import open_plain

__all__ = [
    "EPISODES",
    "EPISODE_COLUMNS",
    "EVALUATIONS",
    "EVALUATION_COLUMNS",
    "RECORDS",
    "Batch",
    "Part",
    "Record",
    "read_batch",
    "seen_now",
]

EPISODE_COLUMNS: Final = ("step", "env", "reward", "lines", "pieces", "cut_off", "seconds")
EVALUATION_COLUMNS: Final = (
    "decided_step", "step", "lines", "n_games", "n_cut_off", "max_pieces", "seed", "is_best",
)  # fmt: skip
PART_LINES: Final = 1_024
_BATCH_BYTES: Final = 1 << 20  # some 25,000 episodes, taken in by one transaction
_LARGEST: Final = 2**63  # that SQLite holds as a whole number

Row = tuple[int | float, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One kind of table."""

    name: str
    columns: tuple[str, ...]
    fractions: frozenset[str]  # columns that are not whole numbers

    @property
    def file_name(self) -> str:
        """In the run's folder."""
        return f"{self.name}.csv"

    @property
    def header(self) -> bytes:
        """The first line of a file."""
        return f"{','.join(self.columns)}\n".encode()


EPISODES: Final = Record("episodes", EPISODE_COLUMNS, frozenset({"reward", "seconds"}))
EVALUATIONS: Final = Record("evaluations", EVALUATION_COLUMNS, frozenset({"lines"}))
RECORDS: Final = (EPISODES, EVALUATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some lines of a file; all parts but the last have ``PART_LINES``, the header among those of the first."""

    number: int
    n_lines: int
    n_rows: int  # of the file up to this part's end
    n_bytes: int  # as is
    sha256: str  # of this part's own bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a file has beyond what is known of it."""

    kept: Part | None  # the last part that is as it is known; what comes after it is known wrongly
    rows: list[Row]  # the first of them is the ``kept.n_rows``-th of the file
    parts: list[Part]  # that hold them; the first may be the last that was kept, with more lines
    seen: str  # of the file, as ``seen_now`` tells it; of one that goes on after this, which file it is
    is_last: bool  # whether the file ends here


def seen_now(path: Path) -> str | None:
    """Tells a file that was looked at from the same one later, and from another; None where there is none."""
    try:
        return _seen(path.stat())
    except OSError:
        return None


def _seen(status: os.stat_result) -> str:
    return f"{status.st_ino} {status.st_mtime_ns} {status.st_size}"


def read_batch(
    path: Path, record: Record, seen: str, latest: Sequence[Part], read_parts: Callable[[], Sequence[Part]]
) -> Batch:
    """Reads on in a file behind what is known of it.

    Args:
        path: The file.
        record: What is in it.
        seen: What the last batch said of the file; empty before the first.
        latest: The last part that is known, after the one before it.
        read_parts: Gives all parts that are known; is called where the last is not as it was.

    Raises:
        OSError: if it cannot be read.
    """
    with open_plain(path) as file:
        seen_before = _seen(os.fstat(file.fileno()))
        is_same_file = seen.split()[:1] == seen_before.split()[:1]
        parts = list(latest) if is_same_file and _holds(file, latest) else list(_whole(file, read_parts()))
        kept = parts[-1] if parts else None
        is_open = kept is not None and kept.n_lines < PART_LINES
        base = parts[-2] if is_open and len(parts) > 1 else None if is_open else kept
        start = 0 if base is None else base.n_bytes
        known = 0 if kept is None else kept.n_bytes - start
        file.seek(start)
        data = file.read(known + _BATCH_BYTES)
    whole = data[: data.rfind(b"\n") + 1]
    is_last = len(data) < known + _BATCH_BYTES or len(whole) == known
    if not is_last:
        seen_before = seen_before.split()[0]
    if base is None and not whole.startswith(record.header):
        return Batch(kept=None, rows=[], parts=[], seen=seen_before, is_last=True)
    rows, new = _parsed(whole.splitlines(keepends=True), record, base)
    n_known = 0 if kept is None else kept.n_rows - (0 if base is None else base.n_rows)
    return Batch(kept=kept, rows=rows[n_known:], parts=new, seen=seen_before, is_last=is_last)


def _holds(file: BinaryIO, latest: Sequence[Part]) -> bool:
    """Whether the last known part still is what it was."""
    if latest:
        file.seek(latest[-2].n_bytes if len(latest) > 1 else 0)
    return not latest or _is_same(file, latest[-1])


def _whole(file: BinaryIO, parts: Sequence[Part]) -> Iterator[Part]:
    """The parts up to the first that is another by now."""
    file.seek(0)
    for part in parts:
        if not _is_same(file, part):
            return
        yield part


def _is_same(file: BinaryIO, part: Part) -> bool:
    return hashlib.sha256(file.read(part.n_bytes - file.tell())).hexdigest() == part.sha256


def _parsed(lines: Sequence[bytes], record: Record, base: Part | None) -> tuple[list[Row], list[Part]]:
    number, n_rows, n_bytes = (0, 0, 0) if base is None else (base.number + 1, base.n_rows, base.n_bytes)
    all_rows: list[Row] = []
    parts = []
    for begin in range(0, len(lines), PART_LINES):
        inside = lines[begin : begin + PART_LINES]
        rows = _rows(inside[1:] if number == 0 else inside, record)
        content = b"".join(inside)
        all_rows += rows
        n_rows += len(rows)
        n_bytes += len(content)
        sha256 = hashlib.sha256(content).hexdigest()
        parts.append(Part(number=number, n_lines=len(inside), n_rows=n_rows, n_bytes=n_bytes, sha256=sha256))
        number += 1
    return all_rows, parts


def _rows(lines: Sequence[bytes], record: Record) -> list[Row]:
    try:
        return _converted(lines, record)
    except ValueError:
        if len(lines) == 1:
            return []
    return [row for line in lines for row in _rows([line], record)]


def _converted(lines: Sequence[bytes], record: Record) -> list[Row]:
    """Reads whole rows column by column, which is quick; refuses them all if one of them is none."""
    columns = list(zip(*(line.split(b",") for line in lines), strict=True))
    pairs = zip(columns, record.columns, strict=bool(lines))
    return list(zip(*(_numbers(texts, column in record.fractions) for texts, column in pairs), strict=True))


def _numbers(texts: Sequence[bytes], are_fractions: bool) -> list[int] | list[float]:
    if are_fractions:
        fractions = list(map(float, texts))
        if not all(map(isfinite, fractions)):
            raise ValueError("not finite")
        return fractions
    numbers = list(map(int, texts))
    if max(numbers) >= _LARGEST or min(numbers) < -_LARGEST:
        raise ValueError("too large")
    return numbers
