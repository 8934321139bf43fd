"""Server side of a worker: publishes events and answers commands in a thread beside the one that works.

The thread that publishes an event sends it directly, into a socket that drops messages for clients that read too
slowly, or, for boards, into the file of the latest boards; it never waits. Commands are answered by the server's own
thread, which sleeps otherwise. Without viewers no boards are requested, so that they cost nothing.
"""

import contextlib
import json
import logging
import os
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

import zmq

from tetrarium import events
from tetrarium.errors import WorkerError, error_to_dict
from tetrarium.training.runs.control import Control, Subscription
from tetrarium.workers.protocol.commands import WorkerKind, dispatch_command, effective_state, read_command
from tetrarium.workers.protocol.curve_keys import CurveKeys, new_token
from tetrarium.workers.protocol.latest_boards import BoardWriter
from tetrarium.workers.protocol.status_files import Address, WorkerState, read_address, remove_address

_LOGGER: Final = logging.getLogger(__name__)
_LOOPBACK: Final = "tcp://127.0.0.1"
_WAKE: Final = "inproc://wake"
_ZAP: Final = "inproc://zeromq.zap.01"  # ZeroMQ's authentication requests, RFC 27
_MAX_QUEUED: Final = 32  # messages for one client; further ones are dropped
_SEND_BUFFER_BYTES: Final = 1 << 16  # for one client; small, so that its messages are recent
_MAX_COMMAND_BYTES: Final = 1 << 16
_NO_WAIT: Final = int(zmq.NOBLOCK)  # an int, because the enumeration's flags cost microseconds in each call
_LINGER_MS: Final = 500  # for the last messages
LEASE_S: Final = 3.0  # a viewer renews its lease each second; without a renewal it counts as gone
_MAX_LEASES: Final = 1_000  # further viewers see what the others asked for


class Leases:
    """Subscriptions of viewers, by viewer.

    >>> leases = Leases()
    >>> leases.renew(b"one", Subscription(boards_per_second=30.0), now_s=0.0)
    >>> leases.renew(b"other", Subscription(boards_per_second=60.0, action_values=True), now_s=1.0)
    >>> leases.combined(2.9)
    Subscription(boards_per_second=60.0, action_values=True)
    >>> leases.combined(3.5) == leases.combined(2.9), leases.combined(9.0).boards_per_second
    (True, 0.0)
    """

    def __init__(self) -> None:
        self._leases: dict[bytes, tuple[float, Subscription]] = {}  # with the time of expiry

    def renew(self, viewer: bytes, subscription: Subscription, now_s: float) -> None:
        """Replaces a viewer's lease; a subscription without boards ends it."""
        self._leases.pop(viewer, None)
        if subscription.boards_per_second > 0 and len(self._leases) < _MAX_LEASES:
            self._leases[viewer] = (now_s + LEASE_S, subscription)

    def combined(self, now_s: float) -> Subscription:
        """Drops expired leases; returns the union of the remaining subscriptions."""
        self._leases = {viewer: lease for viewer, lease in self._leases.items() if lease[0] > now_s}
        subscriptions = [subscription for _, subscription in self._leases.values()]
        return Subscription(
            boards_per_second=max((one.boards_per_second for one in subscriptions), default=0.0),
            action_values=any(one.action_values for one in subscriptions),
        )

    def next_end_s(self) -> float | None:
        """Returns the time at which the next lease expires unless it is renewed, or None without leases."""
        return min((end_s for end_s, _ in self._leases.values()), default=None)


class WorkerServer:
    """Publishes a worker's events and answers its commands, as a context manager.

    Args:
        folder: The worker's folder, whose lock this process holds.
        kind: The worker's kind, which determines the commands that it accepts.
        control: The worker's control, to which commands are applied.
        total_steps: Step at which the worker ends; None if it has no end.
        place: Name of the cluster that works; empty if this process does.
    """

    def __init__(
        self, folder: Path, kind: WorkerKind, control: Control, total_steps: int | None = None, *, place: str = ""
    ) -> None:
        self._folder = folder
        self._kind = kind
        self._control = control
        self._leases = Leases()
        self._latest: dict[str, str] = {}  # JSON of the latest event of each kind
        self._state: dict[str, Any] = asdict(WorkerState(state="starting", total_steps=total_steps, place=place))
        self._published_control: events.ControlChanged | None = None
        self._lock = threading.Lock()  # guards the event socket and the fields above
        self._thread = threading.Thread(target=self._serve, name="worker", daemon=True)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            self._open(opened)
            self._opened = opened.pop_all()
        self._write_state()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _open(self, opened: contextlib.ExitStack) -> None:
        token = new_token()
        self._keys = CurveKeys.from_token(token)
        self._boards = opened.enter_context(contextlib.closing(BoardWriter(self._folder)))
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        opened.callback(context.term)
        self._authentication, wake, self._woken, self._commands, self._events = (
            opened.enter_context(context.socket(kind)) for kind in (zmq.REP, zmq.PAIR, zmq.PAIR, zmq.ROUTER, zmq.PUB)
        )
        self._authentication.bind(_ZAP)
        self._woken.bind(_WAKE)
        wake.connect(_WAKE)
        commands, events_address = (self._bound(socket) for socket in (self._commands, self._events))
        self._thread.start()
        opened.callback(self._thread.join)
        opened.callback(wake.send, b"")
        opened.callback(self._remove_address)
        self._address = Address(
            kind=self._kind.name, pid=os.getpid(), commands=commands, events=events_address, token=token
        )
        self._address.write(self._folder)

    def _bound(self, socket: "zmq.Socket[bytes]") -> str:
        """Configures a socket and binds it; returns its endpoint."""
        self._keys.open_worker(socket)
        socket.linger = _LINGER_MS
        socket.sndhwm = socket.rcvhwm = _MAX_QUEUED
        socket.sndbuf = _SEND_BUFFER_BYTES
        socket.maxmsgsize = _MAX_COMMAND_BYTES
        return f"{_LOOPBACK}:{socket.bind_to_random_port(_LOOPBACK)}"

    def publish(self, event: events.Event) -> None:
        """Sends an event to all clients, without waiting for any; may be called from any thread."""
        data = events.event_to_json(event)
        with self._lock:
            self._latest[event.kind] = data
            self._update_state(event)
            message = data.encode()
            if not (isinstance(event, events.BoardShown) and self._boards.put(message)):
                self._events.send(message, _NO_WAIT)

    def _update_state(self, event: events.Event) -> None:
        state = self._state
        match event:
            case events.BoardShown() | events.TableShown():
                state["step"] = event.step
            case events.Progress():
                state.update(step=event.step, total_steps=event.total_steps)
                state.update(seconds=event.seconds, evaluated_seconds=event.evaluated_seconds)
            case events.RunStarted():
                state.update(step=event.step, total_steps=event.total_steps)
            case events.CheckpointSaved():
                state["checkpoint"] = event.path
            case events.RunEnded():
                state.update(error=event.error, code=event.code, field=event.field)
                state.update(seconds=event.seconds, evaluated_seconds=event.evaluated_seconds)
                state["checkpoint"] = event.checkpoint
            case events.StateChanged():
                state.update(state=event.state, step=event.step, message=event.message)
                self._write_state()

    def _write_state(self) -> None:
        if self._owns_folder():
            with contextlib.suppress(OSError):  # the worker continues without it
                WorkerState(**self._state).write(self._folder)

    def _remove_address(self) -> None:
        if self._owns_folder():
            remove_address(self._folder)

    def _owns_folder(self) -> bool:
        """Returns whether the folder is still this worker's: it may have been moved and another one created."""
        return read_address(self._folder) in (self._address, None)

    def _serve(self) -> None:
        poller = zmq.Poller()
        for socket in (self._commands, self._authentication, self._woken):
            poller.register(socket, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(self._timeout_ms()))
            if self._woken in ready:
                return
            if self._authentication in ready:
                self._authenticate()
            if self._commands in ready:
                self._answer()
                with self._lock:
                    self._events.get(zmq.EVENTS)  # frees closed connections, which ZeroMQ keeps until the next send
            self._apply_leases()

    def _timeout_ms(self) -> int | None:
        end_s = self._leases.next_end_s()
        return None if end_s is None else max(0, int((end_s - time.monotonic()) * 1_000)) + 1

    def _authenticate(self) -> None:
        version, request, _domain, _address, _identity, mechanism, *credentials = self._authentication.recv_multipart()
        is_valid = mechanism == b"CURVE" and credentials == [zmq.utils.z85.decode(self._keys.client_public)]
        status = (b"200", b"OK", b"owner") if is_valid else (b"400", b"Invalid token.", b"")
        self._authentication.send_multipart([version, request, *status, b""])

    def _answer(self) -> None:
        frames = self._commands.recv_multipart()
        if b"" not in frames or frames[-2] != b"":
            return  # not a request of our clients
        *envelope, data = frames
        reply = self._reply(envelope[0], data)
        with contextlib.suppress(zmq.ZMQError):  # the client is gone, or reads no replies
            self._commands.send_multipart([*envelope, json.dumps(reply).encode()], _NO_WAIT)

    def _reply(self, sender: bytes, data: bytes) -> dict[str, Any]:
        try:
            command, values = read_command(data, self._kind)
            message = dispatch_command(
                self._kind, self._control, lambda subscription: self._renew(sender, subscription), command, values
            )
        except WorkerError as error:
            return {"ok": False, **error.to_dict()}
        except Exception as error:  # the thread must survive for other commands
            _LOGGER.exception("A command failed.")
            message = f"The command failed ({error!r}). See the worker's log."
            return {"ok": False, **error_to_dict(error), "error": message}
        with self._lock:
            state = WorkerState(**self._state)
            latest = {kind: json.loads(text) for kind, text in self._latest.items()} if command == "status" else {}
        reply = {
            "ok": True,
            "state": effective_state(state.state, self._control),
            "step": state.step,
            "message": message or state.message,
        }
        if command == "status":
            control = self._control
            reply |= {
                "total_steps": state.total_steps,
                "mode": control.mode,
                "pieces_per_second": control.pieces_per_second,
                "latest": latest,
            }
        return reply

    def _renew(self, sender: bytes, subscription: Subscription) -> None:
        self._leases.renew(sender, subscription, time.monotonic())

    def _apply_leases(self) -> None:
        control = self._control
        subscription = self._leases.combined(time.monotonic())
        if subscription != control.subscription:
            control.subscribe(subscription)
        event = events.ControlChanged(
            mode=control.mode, pieces_per_second=control.pieces_per_second, action_values=subscription.action_values
        )
        if event != self._published_control:
            self._published_control = event
            self.publish(event)
