"""Where a source's messages go from its worker to all who watch: one hub a source, as long as somebody watches.

A hub holds one subscription to the worker, renews its lease on boards while a viewer wants them, encodes each message
once, and keeps the latest of each kind for those who come later. A worker that is killed says nothing, so the hub looks
whether it lives; when the run goes on in another process, the hub follows it there.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from tetrarium.dashboard.sources import Sight, Source
from tetrarium.dashboard.viewers import BOARDS, Viewer
from tetrarium.errors import TetrariumError, WorkerError
from tetrarium.workers.client import LOOK_EVERY_S, AsyncWorkerClient
from tetrarium.workers.files import Address
from tetrarium.workers.leases import MAX_BOARDS_PER_SECOND

__all__ = ["Hub", "Hubs"]

_LOGGER: Final = logging.getLogger(__name__)
_LOOK_EVERY_S: Final = 0.5  # whether the worker lives
_LEASE_EVERY_S: Final = 1.0
_PATIENCE_S: Final = 2.0  # for a worker's answer
_LAST_WORDS_S: Final = 0.25  # in which what a worker said at its end still comes, before others speak of it
_GRACE_S: Final = 2.0  # without viewers; a page that is loaded again finds the hub as it was
_STATE: Final = "state-changed"
_ASKED_FOR: Final = "stopping"  # which workers answer before they do so
_KIND_AT: Final = len('{"kind": "')  # every message begins so


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    """What all viewers of a source want together."""

    boards: bool
    thoughts: bool
    boards_per_second: int


class Hub:
    """All viewers of one source.

    Args:
        source: What is watched.
        on_end: Called with it once nobody has watched for a while, or it has failed.
    """

    def __init__(self, source: Source, on_end: "Callable[[Hub], None]") -> None:
        self._source = source
        self._on_end = on_end
        self._prefix = f'{{"source": {json.dumps(source.name)}, "event": '
        self._viewers: set[Viewer] = set()
        self._latest: dict[str, str] = {}  # kind to text
        self._wishes_changed = asyncio.Event()
        self._wants_boards = asyncio.Event()
        self._worker: AsyncWorkerClient | None = None  # while one is attended
        self._task = asyncio.create_task(self._follow(), name=f"hub of {source.name}")
        self._task.add_done_callback(self._note_end)

    def add(self, viewer: Viewer) -> None:
        """Lets a viewer watch, or takes note that its wishes changed.

        One that is new is shown the latest of each kind; one that has heard them only the boards, which it may not
        have wanted.
        """
        is_new = viewer not in self._viewers
        self._viewers.add(viewer)
        self._wishes_changed.set()
        for kind, text in self._latest.items():
            if is_new or kind in BOARDS:
                viewer.offer(kind, text)

    def remove(self, viewer: Viewer) -> None:
        """Ends a viewer's watching; after the last one's, the hub soon ends."""
        self._viewers.discard(viewer)
        self._wishes_changed.set()
        if not self._viewers:
            asyncio.get_running_loop().call_later(_GRACE_S, self._end_if_unwatched)

    async def tell(self, command: str, **values: Any) -> None:
        """Tells the worker something.

        Raises:
            WorkerError: if there is none now, or it refuses.
        """
        if self._worker is None:
            raise WorkerError(f"{self._source.name} is not under way yet, or no longer. Wait for it, or start another.")
        await self._worker.order(command, timeout_s=_PATIENCE_S, **values)

    async def close(self) -> None:
        """Ends the hub, watched or not."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _end_if_unwatched(self) -> None:
        if not self._viewers:
            self._task.cancel()
            self._on_end(self)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """A hub that fails makes room for another."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("The %s failed.", task.get_name(), exc_info=error)
            self._on_end(self)

    async def _follow(self) -> None:
        """Stays with the source through the lives of its workers."""
        told: Sight | None = None
        while True:
            sight = await self._look()
            if sight.address is not None:
                told = None
                with contextlib.suppress(WorkerError):  # it ended, or hangs: look again
                    await self._attend(sight.address)
            elif sight != told:
                told = sight
                self._tell(json.dumps({"kind": _STATE, **sight.state}))
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _look(self) -> Sight:
        try:
            return await asyncio.to_thread(self._source.look)
        except TetrariumError as error:  # it was deleted; of a player that is stopped nothing stays
            return Sight(address=None, state={"state": "stopped", "step": 0, "message": str(error)})

    async def _attend(self, address: Address) -> None:
        """Passes on what one worker says, until it is gone."""
        async with AsyncWorkerClient.connect(self._source.folder) as worker:
            status = await worker.command("status", timeout_s=_PATIENCE_S)
            self._latest.clear()
            for event in status.get("latest", {}).values():
                self._tell(json.dumps(event))
            parts = (self._pass_on(worker), self._pass_boards(worker), self._renew(worker))
            tasks = [asyncio.create_task(part) for part in parts]
            self._worker = worker
            try:
                while (await self._look()).address == address:  # noqa: ASYNC110 what is waited for is a file
                    await asyncio.sleep(_LOOK_EVERY_S)
                await asyncio.sleep(_LAST_WORDS_S)
            finally:
                self._worker = None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, worker: AsyncWorkerClient) -> None:
        while True:
            self._tell(await worker.receive())

    async def _pass_boards(self, worker: AsyncWorkerClient) -> None:
        while True:
            await self._wants_boards.wait()
            for board in worker.boards():
                self._tell(board)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _renew(self, worker: AsyncWorkerClient) -> None:
        """Says what is wanted whenever that changes, and again and again while it is boards."""
        said: _Lease | None = None
        while True:
            self._wishes_changed.clear()
            wanted = self._wanted()
            (self._wants_boards.set if wanted.boards else self._wants_boards.clear)()
            if wanted.boards or wanted != said:
                told = self._latest.get(_STATE)
                with contextlib.suppress(WorkerError):  # it is asked again
                    answer = await worker.command("watch", timeout_s=_PATIENCE_S, **asdict(wanted))
                    said = wanted
                    if self._latest.get(_STATE) is told:  # else it may be newer than the answer
                        self._catch_up(answer)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wishes_changed.wait(), _LEASE_EVERY_S)

    def _catch_up(self, answer: dict[str, Any]) -> None:
        """Tells the state that a worker answers, where the message that told it was dropped on its way."""
        told = self._latest.get(_STATE)
        state = None if told is None else json.loads(told)["event"]["state"]
        if answer.get("ok") and answer["state"] not in (state, _ASKED_FOR):
            values = {name: answer[name] for name in ("state", "step", "message")}
            self._tell(json.dumps({"kind": _STATE, **values}))

    def _wanted(self) -> _Lease:
        wishes = [viewer.wish for viewer in self._viewers if viewer.wish is not None and viewer.wish.boards]
        return _Lease(
            boards=bool(wishes),
            thoughts=any(wish.thoughts for wish in wishes),
            boards_per_second=max((wish.boards_per_second for wish in wishes), default=MAX_BOARDS_PER_SECOND),
        )

    def _tell(self, event: str) -> None:
        kind = event[_KIND_AT : event.index('"', _KIND_AT)]
        text = f"{self._prefix}{event}}}"
        self._latest[kind] = text
        for viewer in self._viewers:
            viewer.offer(kind, text)


class Hubs:
    """The hubs of all sources that somebody watches."""

    def __init__(self) -> None:
        self._hubs: dict[str, Hub] = {}

    def watch(self, viewer: Viewer, source: Source) -> None:
        """Lets a viewer watch a source."""
        hub = self._hubs.get(source.name)
        if hub is None:
            hub = self._hubs[source.name] = Hub(source, lambda ended: self._forget(source.name, ended))
        hub.add(viewer)

    def leave(self, viewer: Viewer, name: str) -> None:
        """Ends a viewer's watching of the source of this name."""
        hub = self._hubs.get(name)
        if hub is not None:
            hub.remove(viewer)

    async def tell(self, name: str, command: str, **values: Any) -> None:
        """Tells the worker of the source of this name something.

        Raises:
            WorkerError: if there is none now, or it refuses.
        """
        hub = self._hubs.get(name)
        if hub is None:
            raise WorkerError(f"{name} is watched by nobody, so nobody listens to it. Watch it first.")
        await hub.tell(command, **values)

    async def close(self) -> None:
        """Ends all hubs."""
        await asyncio.gather(*(hub.close() for hub in self._hubs.values()))
        self._hubs.clear()

    def _forget(self, name: str, ended: Hub) -> None:
        if self._hubs.get(name) is ended:  # another may have taken its place
            del self._hubs[name]
