"""A run of another process, followed to its end: its messages are handed to a display, its end is waited for."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Final

from tetrarium.errors import WorkerError
from tetrarium.events import Event, RunEnded, event_from_json
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import is_locked
from tetrarium.workers.client import AsyncWorkerClient

__all__ = ["Follower"]

_LOOK_EVERY_S: Final = 0.25


class Follower:
    """Follows one run.

    Args:
        home: Where it is.
        name: Its name.
        handle: Is given every message.
    """

    def __init__(self, home: Home, name: str, handle: Callable[[Event], None]) -> None:
        self._folder = home.run_folder(name)
        self._handle = handle
        self._stop_asked = asyncio.Event()
        self.ended: RunEnded | None = None  # how it ended by its own word

    def ask_to_stop(self) -> None:
        """Has the run stop with a checkpoint, as soon as its worker listens."""
        self._stop_asked.set()

    async def follow(self) -> None:
        """Returns once the run's process has ended."""
        while is_locked(self._folder):
            with contextlib.suppress(WorkerError):  # it does not listen yet, or no longer
                async with AsyncWorkerClient.connect(self._folder) as worker:
                    await self._attend(worker)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _attend(self, worker: AsyncWorkerClient) -> None:
        status = await worker.command("status")
        for event in status.get("latest", {}).values():
            self._take(json.dumps(event))
        is_told = False
        while is_locked(self._folder) or self.ended is None:
            if self._stop_asked.is_set() and not is_told:
                await worker.command("stop")
                is_told = True
            try:
                self._take(await asyncio.wait_for(worker.receive(), _LOOK_EVERY_S))
            except TimeoutError:
                if not is_locked(self._folder):
                    return

    def _take(self, text: str) -> None:
        with contextlib.suppress(ValueError):  # of a newer version
            event = event_from_json(text)
            if isinstance(event, RunEnded):
                self.ended = event
            self._handle(event)
