"""Writes the OpenAPI document of the dashboard, from which types of its JavaScript are generated, and those of events.

python tools/openapi.py build/openapi.json build/types/events.d.ts
"""

import asyncio
import sys
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

import httpx

from tetrarium.dashboard.app import create_app
from tetrarium.events import EVENT_CLASSES, Event
from tetrarium.registry.home import Home

_TYPES: Final = {str: "string", int: "number", float: "number", bool: "boolean", NoneType: "null"}
_OBJECTS: Final = {  # fields that hold objects, with their types in tools/page/events.d.ts
    "action_values": "ActionValues",
    "advice": "Advice",
    "opponent": "Opponent",
    "seats": "TableSeat",
}


async def read_document() -> str:
    with TemporaryDirectory() as folder:
        transport = httpx.ASGITransport(create_app(Home.locate(Path(folder))))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get("/api/openapi.json")).raise_for_status().text


def event_types() -> str:
    """Returns TypeScript interfaces of all events, named like their classes, and their union ``WorkerEvent``."""
    interfaces = [_interface(event) for event in EVENT_CLASSES.values()]
    union = " | ".join(event.__name__ for event in EVENT_CLASSES.values())
    return "\n".join([*interfaces, f"type WorkerEvent = {union};", ""])


def _interface(event: type[Event]) -> str:
    hints = get_type_hints(event)
    lines = [f"  {item.name}: {_type(item.name, hints[item.name])};" for item in fields(event)]
    return "\n".join([f"interface {event.__name__} {{", f'  kind: "{event.kind}";', *lines, "}", ""])


def _type(name: str, hint: Any) -> str:
    if hint in _TYPES:
        return _TYPES[hint]
    if getattr(hint, "__origin__", None) is tuple:
        return f"{_type(name, get_args(hint)[0])}[]"
    if getattr(hint, "__origin__", None) is dict:
        return _OBJECTS.get(name, "Record<string, unknown>")
    return " | ".join(_type(name, part) for part in get_args(hint))


def main(document: Path, events: Path) -> None:
    for path, text in ((document, asyncio.run(read_document())), (events, event_types())):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
