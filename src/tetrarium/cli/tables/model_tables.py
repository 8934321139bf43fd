"""Tables of saved models as plain lines: cut to the width of a terminal, of any length elsewhere.

Lists of a thousand models must be instant, so rows are formatted here and not by a library that measures every cell.
"""

import shutil
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tetrarium.cli.formatting import lines_text
from tetrarium.cli.options import suggested

if TYPE_CHECKING:
    from tetrarium.registry.versions import ModelSlot, ModelVersion

_GAP: Final = "  "
_MIN_VALUE_WIDTH: Final = 20
_FACT_LABELS: Final = {"lines_until_limit": "lines until the limit", "harder_lines": "harder game, lines"}
_ORIGIN: Final = ("run", "checkpoint", "imported")  # keys of "about" that are shown together


def print_slots(slots: "Sequence[ModelSlot]", home: Path, flag: Path | None) -> None:
    """Prints a line per model of a home, with its default version."""
    if not slots:
        command = suggested("tetrarium models save RUN@best", flag)
        print(f"There are no models yet in {str(home)!r}. Save one: {command}")
        return
    rows = []
    for slot in slots:
        version = slot.current
        promoted = " (promoted)" if version.is_promoted else ""
        rows.append((
            slot.name, f"{len(slot.versions)}", f"@{version.number}{promoted}", version.algorithm,
            f"{version.step:,}", game_text(version.env_config), " ".join(version.tags), _first_line(version.note),
        ))  # fmt: skip
    print_table(("model", "versions", "default", "algorithm", "step", "game", "tags", "note"), rows)


def print_versions(versions: "Sequence[ModelVersion]") -> None:
    """Prints a line per version."""
    rows = []
    for version in versions:
        marks = " (promoted)" * version.is_promoted + " (lost)" * (not version.has_file)
        rows.append((
            version.spec + marks, date_text(version.saved_s), version.algorithm, f"{version.step:,}",
            _origin(version.about), " ".join(version.tags), _first_line(version.note),
        ))  # fmt: skip
    print_table(("version", "saved", "algorithm", "step", "from", "tags", "note"), rows)


def print_version(version: "ModelVersion") -> None:
    """Prints all fields of one version."""
    size = f"{version.n_bytes / 1e3:,.1f} kB" + ("" if version.has_file else ", but the file is missing")
    shown = {
        "model": f"{version.spec}{' (promoted)' if version.is_promoted else ''}",
        "saved": date_text(version.saved_s),
        "algorithm": version.algorithm,
        "step": f"{version.step:,}",
        "seed": "none" if version.seed is None else str(version.seed),
        "game": game_text(version.env_config),
        "features": ", ".join(version.features),
        "from": _origin(version.about) or "unknown",
        **dict(_fact(name, value) for name, value in version.about.items() if name not in _ORIGIN),
        "tags": " ".join(version.tags) or "none",
        "file": size,
        "weights": version.sha256[:16],
        "note": version.note or "none",
    }
    widest = max(map(len, shown))
    width = _width()
    for label, value in shown.items():
        for number, line in enumerate(value.splitlines() or [""]):
            value_width = None if width is None else max(_MIN_VALUE_WIDTH, width - widest - len(_GAP))
            parts = [line] if value_width is None else textwrap.wrap(line, value_width) or [""]
            for piece, part in enumerate(parts):
                print(f"{'' if number or piece else label:<{widest}}{_GAP}{part}".rstrip())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows under a header; on a terminal, lines are cut at its width."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    width = _width()
    for row in (columns, *rows):
        line = _GAP.join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip()
        print(line if width is None or len(line) <= width else f"{line[: width - 1]}\N{HORIZONTAL ELLIPSIS}")


def game_text(env_config: Mapping[str, Any]) -> str:
    """Returns the game in words, such as ``10 × 20, 7-bag``."""
    size = f"{env_config.get('width', '?')} \N{MULTIPLICATION SIGN} {env_config.get('height', '?')}"
    return f"{size}, {env_config.get('randomizer', '?')}"


def _width() -> int | None:
    """Returns the width of the terminal, or None without one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _origin(about: Mapping[str, Any]) -> str:
    if "run" in about:
        return f"{about['run']}@{about.get('checkpoint', '?')}"
    return str(about.get("imported", ""))


def _fact(name: str, value: str | float) -> tuple[str, str]:
    """Returns a label and the text of a fact about a model's origin."""
    if name in _FACT_LABELS and not isinstance(value, str):
        return _FACT_LABELS[name], lines_text(value)
    return name.replace("_", " "), str(value)


def date_text(seconds: float) -> str:
    """Returns the local time of seconds since 1970."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _first_line(note: str) -> str:
    return note.partition("\n")[0]
