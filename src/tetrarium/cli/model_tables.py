"""Saved models as tables of plain lines: on a terminal no wider than it is, elsewhere a line each, however long.

A thousand models are listed at once, so rows are laid out here and not by a library that measures every cell.
"""

import shutil
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tetrarium.registry.versions import ModelSlot, ModelVersion

__all__ = ["game_text", "print_slots", "print_table", "print_version", "print_versions"]

_GAP: Final = "  "
_LEAST: Final = 20  # columns that a value has, however narrow the terminal
_ORIGIN: Final = ("run", "checkpoint", "imported")  # what of "about" is said in one


def print_slots(slots: "Sequence[ModelSlot]") -> None:
    """Prints a line for each model, with the version that its name stands for."""
    if not slots:
        print("There are no models yet. Save one: tetrarium models save RUN@best")
        return
    rows = []
    for slot in slots:
        version = slot.current
        promoted = " (promoted)" if version.is_promoted else ""
        rows.append((
            slot.name, f"{len(slot.versions)}", f"@{version.number}{promoted}", version.algorithm,
            f"{version.step:,}", game_text(version.env_config), " ".join(version.tags), _first_line(version.note),
        ))  # fmt: skip
    print_table(("model", "versions", "stands for", "algorithm", "step", "game", "tags", "note"), rows)


def print_versions(versions: "Sequence[ModelVersion]") -> None:
    """Prints a line for each version."""
    rows = []
    for version in versions:
        marks = " (promoted)" * version.is_promoted + " (lost)" * (not version.is_there)
        rows.append((
            version.spec + marks, _date(version.saved_s), version.algorithm, f"{version.step:,}",
            _origin(version.about), " ".join(version.tags), _first_line(version.note),
        ))  # fmt: skip
    print_table(("version", "saved", "algorithm", "step", "from", "tags", "note"), rows)


def print_version(version: "ModelVersion") -> None:
    """Prints all about one version."""
    size = f"{version.n_bytes / 1e3:,.1f} kB" + ("" if version.is_there else ", but the file is gone")
    said = {
        "model": f"{version.spec}{' (promoted)' if version.is_promoted else ''}",
        "saved": _date(version.saved_s),
        "algorithm": version.algorithm,
        "step": f"{version.step:,}",
        "seed": "none" if version.seed is None else str(version.seed),
        "game": game_text(version.env_config),
        "features": ", ".join(version.features),
        "from": _origin(version.about) or "not said",
        **{name.replace("_", " "): str(value) for name, value in version.about.items() if name not in _ORIGIN},
        "tags": " ".join(version.tags) or "none",
        "file": size,
        "weights": version.sha256[:16],
        "note": version.note or "none",
    }
    widest = max(map(len, said))
    width = _width()
    for label, value in said.items():
        for number, line in enumerate(value.splitlines() or [""]):
            room = None if width is None else max(_LEAST, width - widest - len(_GAP))
            parts = [line] if room is None else textwrap.wrap(line, room) or [""]
            for piece, part in enumerate(parts):
                print(f"{'' if number or piece else label:<{widest}}{_GAP}{part}".rstrip())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows under the names of their columns; on a terminal, what does not fit is cut off at its edge."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    width = _width()
    for row in (columns, *rows):
        line = _GAP.join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip()
        print(line if width is None or len(line) <= width else f"{line[: width - 1]}\N{HORIZONTAL ELLIPSIS}")


def game_text(env_config: Mapping[str, Any]) -> str:
    """Which game, such as ``10 × 20, 7-bag``."""
    size = f"{env_config.get('width', '?')} \N{MULTIPLICATION SIGN} {env_config.get('height', '?')}"
    return f"{size}, {env_config.get('randomizer', '?')}"


def _width() -> int | None:
    """Columns of the terminal that is printed on; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _origin(about: Mapping[str, Any]) -> str:
    if "run" in about:
        return f"{about['run']}@{about.get('checkpoint', '?')}"
    return str(about.get("imported", ""))


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _first_line(note: str) -> str:
    return note.partition("\n")[0]
