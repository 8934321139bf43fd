"""Hubs, which relay the events of a source from its worker to all of its viewers.

There is one hub per watched source. It holds one connection to the worker, renews the lease on boards while a viewer
wants them, encodes each message once, with action values and without, and keeps the latest message of each kind for
later viewers. A killed worker sends no event, so the hub polls whether it runs; when the run is resumed in another
process, the hub connects to that.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

from tetrarium.dashboard.live.sources import Source, SourceStatus
from tetrarium.dashboard.live.viewers import BOARDS, Viewer
from tetrarium.errors import TetrariumError, WorkerError, WorkerNotRunningError
from tetrarium.workers.protocol.client import POLL_INTERVAL_S, AsyncWorkerClient
from tetrarium.workers.protocol.commands import MAX_BOARDS_PER_SECOND
from tetrarium.workers.protocol.status_files import Address

_LOGGER: Final = logging.getLogger(__name__)
_POLL_INTERVAL_S: Final = 0.5  # between checks whether the worker runs
_LEASE_INTERVAL_S: Final = 1.0
_TIMEOUT_S: Final = 2.0  # of a worker's response
_LAST_EVENTS_S: Final = 0.25  # time for a worker's last events to arrive after its end
_GRACE_S: Final = 2.0  # lifetime without viewers, so that a reloaded page finds the hub unchanged
_STATE: Final = "state-changed"
_REQUESTED: Final = "stopping"  # workers respond with this state before they enter it
_HAS_ACTION_VALUES: Final = '"action_values": {'
_KIND_AT: Final = len('{"kind": "')  # every event begins with this


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    """The combined subscriptions of all viewers of a source."""

    boards: bool
    action_values: bool
    boards_per_second: int


class _Message:
    """An event for all viewers, encoded as ``{"source": …, "event": …}``."""

    def __init__(self, text: str) -> None:
        self.text = text

    def text_for(self, viewer: Viewer) -> str:
        """Returns the text without action values if only other viewers asked for them."""
        wants_values = viewer.subscription is not None and viewer.subscription.action_values
        return self.text if wants_values or _HAS_ACTION_VALUES not in self.text else self._text_without_values

    @cached_property
    def _text_without_values(self) -> str:
        message = json.loads(self.text)
        for board in (message["event"], *message["event"].get("seats", ())):
            if "action_values" in board:
                board["action_values"] = None
        return json.dumps(message)


class Hub:
    """The viewers of one source and the connection to its worker.

    ``on_end``: called with the hub after it had no viewers for a while, or failed.
    """

    def __init__(self, source: Source, on_end: "Callable[[Hub], None]") -> None:
        self._source = source
        self._on_end = on_end
        self._prefix = f'{{"source": {json.dumps(source.name)}, "event": '
        self._viewers: set[Viewer] = set()
        self._latest: dict[str, _Message] = {}  # by kind
        self._subscriptions_changed = asyncio.Event()
        self._wants_boards = asyncio.Event()
        self._worker: AsyncWorkerClient | None = None  # the connected worker
        self._task = asyncio.create_task(self._follow(), name=f"hub of {source.name}")
        self._task.add_done_callback(self._note_end)

    def add(self, viewer: Viewer) -> None:
        """Adds a viewer, or notes that its subscription changed.

        A new viewer receives the latest message of each kind; a known one only the boards, which it may not have
        subscribed to before.
        """
        is_new = viewer not in self._viewers
        self._viewers.add(viewer)
        self._subscriptions_changed.set()
        for kind, message in self._latest.items():
            if is_new or kind in BOARDS:
                viewer.offer(kind, message.text_for(viewer))

    def remove(self, viewer: Viewer) -> None:
        """Removes a viewer; the hub ends soon after the last one left."""
        self._viewers.discard(viewer)
        self._subscriptions_changed.set()
        if not self._viewers:
            asyncio.get_running_loop().call_later(_GRACE_S, self._end_if_unwatched)

    async def send_command(self, command: str, **values: Any) -> None:
        """Sends a command to the worker.

        Raises:
            WorkerError: if no worker is connected, or it refuses the command.
        """
        if self._worker is None:
            raise WorkerNotRunningError(f"{self._source.name} is not running. Wait for its start, or start another.")
        await self._worker.execute(command, timeout_s=_TIMEOUT_S, **values)

    async def close(self) -> None:
        """Ends the hub, with or without viewers."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _end_if_unwatched(self) -> None:
        if not self._viewers:
            self._task.cancel()
            self._on_end(self)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Reports a failed hub, so that a new one can take its place."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("The %s failed.", task.get_name(), exc_info=error)
            self._on_end(self)

    async def _follow(self) -> None:
        """Relays the events of the source's workers, one worker after the other."""
        last: SourceStatus | None = None
        while True:
            status = await self._read_status()
            if status.address is not None:
                last = None
                with contextlib.suppress(WorkerError):  # the worker ended or hangs; retry
                    await self._relay_worker(status.address)
            elif status != last:
                last = status
                self._publish(json.dumps({"kind": _STATE, **status.state}))
            await asyncio.sleep(_POLL_INTERVAL_S)

    async def _read_status(self) -> SourceStatus:
        try:
            return await asyncio.to_thread(self._source.read_status)
        except TetrariumError as error:  # it was deleted, as stopped demos are
            return SourceStatus(address=None, state={"state": "stopped", "step": 0, "message": str(error)})

    async def _relay_worker(self, address: Address) -> None:
        """Relays the events of one worker until it has ended."""
        async with AsyncWorkerClient.connect(self._source.folder) as worker:
            status = await worker.command("status", timeout_s=_TIMEOUT_S)
            self._latest.clear()
            for event in status.get("latest", {}).values():
                self._publish(json.dumps(event))
            parts = (self._relay_events(worker), self._relay_boards(worker), self._renew_lease(worker))
            tasks = [asyncio.create_task(part) for part in parts]
            self._worker = worker
            try:
                while (await self._read_status()).address == address:  # noqa: ASYNC110 polls files
                    await asyncio.sleep(_POLL_INTERVAL_S)
                await asyncio.sleep(_LAST_EVENTS_S)
            finally:
                self._worker = None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _relay_events(self, worker: AsyncWorkerClient) -> None:
        while True:
            self._publish(await worker.receive())

    async def _relay_boards(self, worker: AsyncWorkerClient) -> None:
        while True:
            await self._wants_boards.wait()
            for board in worker.boards():
                self._publish(board)
            await asyncio.sleep(POLL_INTERVAL_S)

    async def _renew_lease(self, worker: AsyncWorkerClient) -> None:
        """Sends the combined lease when it changes, and repeatedly while it includes boards."""
        sent: _Lease | None = None
        while True:
            self._subscriptions_changed.clear()
            lease = self._combined_lease()
            (self._wants_boards.set if lease.boards else self._wants_boards.clear)()
            if lease.boards or lease != sent:
                state = self._latest.get(_STATE)
                with contextlib.suppress(WorkerError):  # it is sent again
                    answer = await worker.command("watch", timeout_s=_TIMEOUT_S, **asdict(lease))
                    sent = lease
                    if self._latest.get(_STATE) is state:  # otherwise it may be newer than the response
                        self._correct_state(answer)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._subscriptions_changed.wait(), _LEASE_INTERVAL_S)

    def _correct_state(self, answer: dict[str, Any]) -> None:
        """Publishes the state in a worker's response if the event with it was lost."""
        latest = self._latest.get(_STATE)
        state = None if latest is None else json.loads(latest.text)["event"]["state"]
        if answer.get("ok") and answer["state"] not in (state, _REQUESTED):
            values = {name: answer[name] for name in ("state", "step", "message")}
            self._publish(json.dumps({"kind": _STATE, **values}))

    def _combined_lease(self) -> _Lease:
        subscriptions = [
            viewer.subscription
            for viewer in self._viewers
            if viewer.subscription is not None and viewer.subscription.boards
        ]
        return _Lease(
            boards=bool(subscriptions),
            action_values=any(one.action_values for one in subscriptions),
            boards_per_second=max((one.boards_per_second for one in subscriptions), default=MAX_BOARDS_PER_SECOND),
        )

    def _publish(self, event: str) -> None:
        kind = event[_KIND_AT : event.index('"', _KIND_AT)]
        message = self._latest[kind] = _Message(f"{self._prefix}{event}}}")
        for viewer in self._viewers:
            viewer.offer(kind, message.text_for(viewer))


class Hubs:
    """The hubs of all watched sources."""

    def __init__(self) -> None:
        self._hubs: dict[str, Hub] = {}

    def add(self, viewer: Viewer, source: Source) -> None:
        """Adds a viewer to a source."""
        hub = self._hubs.get(source.name)
        if hub is None:
            hub = self._hubs[source.name] = Hub(source, lambda ended: self._forget(source.name, ended))
        hub.add(viewer)

    def remove(self, viewer: Viewer, name: str) -> None:
        """Removes a viewer from the named source."""
        hub = self._hubs.get(name)
        if hub is not None:
            hub.remove(viewer)

    async def send_command(self, name: str, command: str, **values: Any) -> None:
        """Sends a command to the worker of the named source.

        Raises:
            WorkerError: if the source has no viewers or no worker, or the worker refuses the command.
        """
        hub = self._hubs.get(name)
        if hub is None:
            raise WorkerError(f"{name} has no viewers, so no commands can be sent to it. Watch it first.")
        await hub.send_command(command, **values)

    async def close(self) -> None:
        """Ends all hubs."""
        await asyncio.gather(*(hub.close() for hub in self._hubs.values()))
        self._hubs.clear()

    def _forget(self, name: str, ended: Hub) -> None:
        if self._hubs.get(name) is ended:  # unless another one has taken its place
            del self._hubs[name]
