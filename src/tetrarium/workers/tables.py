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
    try:
        with open_plain(path) as file:
            lines = file.read().decode(errors="replace").splitlines(keepends=True)
    except OSError:
        return [], []
    header, *rows = lines or [""]
    columns = header.strip().split(",") if header.strip() else []
    read = (_row(line, len(columns)) for line in rows)
    return columns, [row for row in read if row is not None]


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


def read_last_row(path: Path) -> dict[str, Any]:
    """The last whole row of a table, by column; nothing of one without rows."""
    try:
        with open_plain(path) as file:
            header = file.readline().decode().strip().split(",")
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - _TAIL_BYTES))
            tail = file.read().decode(errors="replace").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        return {}
    rows = (_row(line, len(header)) for line in reversed(tail))
    row = next((row for row in rows if row is not None), None)
    return {} if row is None else dict(zip(header, row, strict=True))
