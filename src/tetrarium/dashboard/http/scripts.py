"""Scripts of the pages: a page's modules in one file, which a browser loads in half the time of fifty files.

A module of ``static/`` imports names from files, ``import { a, b as c } from "./x.js";``, and exports functions,
classes and constants where it declares them. In a page's script, each is a function that returns what it exports; it is
called once, after those of the modules that it imports. Modules cannot import each other.
"""

import functools
import hashlib
import re
from pathlib import Path
from typing import Final

_IMPORT: Final = re.compile(r'^import \{([^}]*)\} from "([^"]+)";$', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


def script_address(entry: Path) -> str:
    """Returns the address of a page's script below that of the dashboard; it changes with the script."""
    return f"scripts/{entry.parent.name}/{entry.name}?{hashlib.sha256(bundle(entry).encode()).hexdigest()[:12]}"


@functools.cache
def bundle(entry: Path) -> str:
    """Returns a module together with all that it imports, as one script.

    Args:
        entry: File of the module.
    """
    modules: dict[Path, str] = {}  # those that are called first come first
    _add_module(entry.resolve(), modules)
    return "".join(modules.values())


def _add_module(path: Path, modules: dict[Path, str]) -> None:
    """Adds a module after those that it imports."""

    def take(found: re.Match[str]) -> str:
        target = (path.parent / found[2]).resolve()
        if target not in modules:
            _add_module(target, modules)
        return f"const {{{found[1].replace(' as ', ': ')}}} = {_variable(target)};"

    source = _IMPORT.sub(take, path.read_text(encoding="utf-8"))
    exports = ", ".join(_EXPORT.findall(source))
    body = _EXPORT.sub("", source)
    modules[path] = f"const {_variable(path)} = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();\n"


def _variable(path: Path) -> str:
    return f"{path.parent.name}_{path.stem}".replace("-", "_")
