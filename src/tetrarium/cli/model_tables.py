"""Saved models as tables: on a terminal within its width, elsewhere a line each, however long."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from tetrarium.cli.display import make_console

if TYPE_CHECKING:
    from tetrarium.registry.versions import ModelSlot, ModelVersion

__all__ = ["game_text", "plain_table", "print_slots", "print_table", "print_version", "print_versions"]

_WIDE: Final = 10_000  # columns where there is no terminal to fit


def print_slots(slots: "Sequence[ModelSlot]") -> None:
    """Prints a line for each model, with the version that its name stands for."""
    if not slots:
        print("There are no models yet. Save one: tetrarium models save RUN@best")
        return
    table = plain_table("model", "versions", "stands for", "algorithm", "step", "game", "tags", "note")
    for slot in slots:
        version = slot.current
        promoted = " (promoted)" if version.is_promoted else ""
        table.add_row(
            slot.name, f"{len(slot.versions)}", f"@{version.number}{promoted}", version.algorithm,
            f"{version.step:,}", game_text(version.env_config), " ".join(version.tags), _first_line(version.note),
        )  # fmt: skip
    print_table(table)


def print_versions(versions: "Sequence[ModelVersion]") -> None:
    """Prints a line for each version."""
    table = plain_table("version", "saved", "algorithm", "step", "from", "tags", "note")
    for version in versions:
        marks = " (promoted)" * version.is_promoted + " (lost)" * (not version.is_there)
        table.add_row(
            version.spec + marks, _date(version.saved_s), version.algorithm,
            f"{version.step:,}", _origin(version.about), " ".join(version.tags), _first_line(version.note),
        )  # fmt: skip
    print_table(table)


def print_version(version: "ModelVersion") -> None:
    """Prints all about one version."""
    size = f"{version.n_bytes / 1e3:,.1f} kB" + ("" if version.is_there else ", but the file is gone")
    rows = {
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
    table = Table(box=None, show_header=False, pad_edge=False)
    for label, value in rows.items():
        table.add_row(label, Text(value))
    print_table(table)


def plain_table(*columns: str) -> Table:
    """A table without lines around it."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Prints a table on standard output; where that is no terminal, no row is broken."""
    console = make_console(sys.stdout)
    if sys.stdout.isatty():
        console.print(table)
        return
    console.width = _WIDE
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip())


def game_text(env_config: Mapping[str, Any]) -> str:
    """Which game, such as ``10 × 20, 7-bag``."""
    size = f"{env_config.get('width', '?')} \N{MULTIPLICATION SIGN} {env_config.get('height', '?')}"
    return f"{size}, {env_config.get('randomizer', '?')}"


_ORIGIN: Final = ("run", "checkpoint", "imported")


def _origin(about: Mapping[str, Any]) -> str:
    if "run" in about:
        return f"{about['run']}@{about.get('checkpoint', '?')}"
    return str(about.get("imported", ""))


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _first_line(note: str) -> str:
    return note.partition("\n")[0]
