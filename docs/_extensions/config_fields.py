"""Directive ``config-fields``: a table of the settings of a configuration, read off its dataclass fields."""

from dataclasses import MISSING, fields
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def _default(item: Any) -> str:
    value = item.default
    if value is MISSING:
        return "required"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return f"{value:,}" if isinstance(value, int) else str(value)


def _allowed(item: Any) -> str:
    low, high, choices = (item.metadata.get(name) for name in ("low", "high", "choices"))
    if choices:
        return ", ".join(choices)
    return f"{low:,} to {high:,}" if low is not None else ""


class ConfigFields(SphinxDirective):
    """Table with one row for each field: name, default, allowed values, meaning."""

    required_arguments = 1
    has_content = False

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].rpartition(".")
        config = getattr(import_module(module), name)
        rows = [(item.name, _default(item), _allowed(item), item.metadata["help"]) for item in fields(config)]
        table = nodes.table(classes=["config-fields"])
        group = nodes.tgroup(cols=4)
        group += [nodes.colspec(colwidth=width) for width in (22, 14, 18, 46)]
        head = nodes.thead()
        head += self._row(("setting", "default", "allowed", "meaning"), literal=False)
        body = nodes.tbody()
        body += [self._row(row, literal=True) for row in rows]
        group += [head, body]
        table += group
        return [table]

    @staticmethod
    def _row(cells: tuple[str, ...], *, literal: bool) -> nodes.row:
        row = nodes.row()
        for place, cell in enumerate(cells):
            content = nodes.literal(text=cell) if literal and place == 0 else nodes.Text(cell)
            row += nodes.entry("", nodes.paragraph("", "", content))
        return row


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("config-fields", ConfigFields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
