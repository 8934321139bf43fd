"""Tables of numbers that a run writes, read while they may be in the middle of being written."""

import math
import os
from pathlib import Path
from typing import Any, Final

from tetrarium.registry.plain_files import open_plain

__all__ = ["read_last_row", "read_table"]

_TAIL_BYTES: Final = 4_096


def read_table(path: Path) -> tuple[list[str], list[list[float | None]]]:
    """Reads a table of numbers that may be in the middle of being written: what is no whole row is left out."""
    columns, lines = _read(path)
    rows = (_row(line, len(columns)) for line in lines)
    return columns, [row for row in rows if row is not None]


def read_last_row(path: Path) -> dict[str, Any]:
    """The last whole row of a table, by column; nothing of one without rows."""
    columns, lines = _read(path, _TAIL_BYTES)
    rows = (_row(line, len(columns)) for line in reversed(lines))
    return next((dict(zip(columns, row, strict=True)) for row in rows if row is not None), {})


def _read(path: Path, most_bytes: int | None = None) -> tuple[list[str], list[str]]:
    """A table's columns, and the lines below them: all, or those in its last bytes, of which the first may be cut."""
    try:
        with open_plain(path) as file:
            header = file.readline().decode(errors="replace").strip()
            if most_bytes is not None:
                file.seek(max(file.tell(), file.seek(0, os.SEEK_END) - most_bytes))
            lines = file.read().decode(errors="replace").splitlines(keepends=True)
    except OSError:
        return [], []
    return header.split(",") if header else [], lines


def _row(line: str, n_columns: int) -> list[float | None] | None:
    parts = line.rstrip("\n").split(",")
    if not line.endswith("\n") or len(parts) != n_columns:
        return None
    try:
        return [_number(part) for part in parts]
    except ValueError:
        return None


def _number(text: str) -> float | None:
    """A number, or None for an empty place and for what is none, which a loss may come to."""
    if not text or not math.isfinite(fraction := float(text)):
        return None
    return int(text) if text.lstrip("-").isdigit() else fraction
