"""The side of a worker that others talk to: a thread which answers commands, beside the thread that works.

Events go out by the thread that publishes them, straight into a socket that drops what a watcher is too slow for, and
boards into the file of the latest ones; none waits. Commands are answered by the server's own thread, which sleeps
otherwise. With nobody watching no board is asked for, and nothing is spent on any.
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

from tetrarium.errors import WorkerError
from tetrarium.events import (
    BoardShown,
    CheckpointSaved,
    ControlChanged,
    Event,
    Progress,
    RunEnded,
    RunStarted,
    SeatsShown,
    StateChanged,
    event_to_json,
)
from tetrarium.training.runs.control import Control, Watching
from tetrarium.workers.commands import obey, read_command, say_state
from tetrarium.workers.files import Address, WorkerState, read_address, remove_address
from tetrarium.workers.keys import Keys, new_token
from tetrarium.workers.latest_boards import BoardWriter
from tetrarium.workers.leases import Leases

__all__ = ["WorkerServer"]

_LOGGER: Final = logging.getLogger(__name__)
_HERE: Final = "tcp://127.0.0.1"
_WAKE: Final = "inproc://wake"
_ZAP: Final = "inproc://zeromq.zap.01"  # where ZeroMQ asks who may connect, RFC 27
_MOST_QUEUED: Final = 32  # messages for one watcher; further ones are dropped
_MOST_BUFFERED: Final = 1 << 16  # bytes in the system for one watcher, so that what it gets is not old
_MOST_COMMAND_BYTES: Final = 1 << 16
_NOW: Final = int(zmq.NOBLOCK)  # a plain number: flags of the enumeration's type cost microseconds in each call
_LINGER_MS: Final = 500  # for the last messages


class WorkerServer:
    """Publishes a worker's events and answers commands to it, between ``with`` and its end.

    Args:
        folder: The worker's, whose lock this process holds.
        kind: ``"training"``, ``"player"``, ``"hand"`` or ``"tuning"``.
        control: What is asked of the worker.
        total_steps: Where it ends, if it does.
    """

    def __init__(self, folder: Path, kind: str, control: Control, total_steps: int | None = None) -> None:
        self._folder = folder
        self._kind = kind
        self._control = control
        self._leases = Leases()
        self._latest: dict[str, str] = {}  # of each kind, the latest event as it was sent
        self._told: dict[str, Any] = asdict(WorkerState(state="starting", total_steps=total_steps))
        self._shown: ControlChanged | None = None
        self._lock = threading.Lock()  # of the socket for events, and of what is above
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
        self._keys = Keys.of_token(token)
        self._boards = opened.enter_context(contextlib.closing(BoardWriter(self._folder)))
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        opened.callback(context.term)
        self._gate, wake, self._woken, self._commands, self._events = (
            opened.enter_context(context.socket(kind)) for kind in (zmq.REP, zmq.PAIR, zmq.PAIR, zmq.ROUTER, zmq.PUB)
        )
        self._gate.bind(_ZAP)
        self._woken.bind(_WAKE)
        wake.connect(_WAKE)
        commands, events = (self._bound(socket) for socket in (self._commands, self._events))
        self._thread.start()
        opened.callback(self._thread.join)
        opened.callback(wake.send, b"")
        opened.callback(self._remove_address)
        self._address = Address(kind=self._kind, pid=os.getpid(), commands=commands, events=events, token=token)
        self._address.write(self._folder)

    def _bound(self, socket: "zmq.Socket[bytes]") -> str:
        """Makes a socket listen; returns where."""
        self._keys.open_worker(socket)
        socket.linger = _LINGER_MS
        socket.sndhwm = socket.rcvhwm = _MOST_QUEUED
        socket.sndbuf = _MOST_BUFFERED
        socket.maxmsgsize = _MOST_COMMAND_BYTES
        return f"{_HERE}:{socket.bind_to_random_port(_HERE)}"

    def publish(self, event: Event) -> None:
        """Sends an event to whoever listens; may be called from any thread, and waits for nobody."""
        data = event_to_json(event)
        with self._lock:
            self._latest[event.kind] = data
            self._note(event)
            message = data.encode()
            if not (isinstance(event, BoardShown) and self._boards.put(message)):
                self._events.send(message, _NOW)

    def _note(self, event: Event) -> None:
        told = self._told
        match event:
            case BoardShown() | SeatsShown():
                told["step"] = event.step
            case Progress():
                told.update(step=event.step, total_steps=event.total_steps, seconds=event.seconds)
            case RunStarted():
                told.update(step=event.step, total_steps=event.total_steps)
            case CheckpointSaved():
                told["checkpoint"] = event.path
            case RunEnded():
                told.update(error=event.error, seconds=event.seconds, checkpoint=event.checkpoint)
            case StateChanged():
                told.update(state=event.state, step=event.step, message=event.message)
                self._write_state()

    def _write_state(self) -> None:
        if self._is_folder_ours():
            with contextlib.suppress(OSError):  # whether others see it is not worth ending for
                WorkerState(**self._told).write(self._folder)

    def _remove_address(self) -> None:
        if self._is_folder_ours():
            remove_address(self._folder)

    def _is_folder_ours(self) -> bool:
        """Whether no other worker lives where this one's folder was, which somebody may have moved."""
        return read_address(self._folder) in (self._address, None)

    def _serve(self) -> None:
        poller = zmq.Poller()
        for socket in (self._commands, self._gate, self._woken):
            poller.register(socket, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(self._patience_ms()))
            if self._woken in ready:
                return
            if self._gate in ready:
                self._let_in()
            if self._commands in ready:
                self._answer()
                with self._lock:
                    self._events.get(zmq.EVENTS)  # lets go who went; else each is kept until the next event
            self._watch_together()

    def _patience_ms(self) -> int | None:
        end_s = self._leases.next_end_s()
        return None if end_s is None else max(0, int((end_s - time.monotonic()) * 1_000)) + 1

    def _let_in(self) -> None:
        version, request, _domain, _address, _identity, mechanism, *credentials = self._gate.recv_multipart()
        knows = mechanism == b"CURVE" and credentials == [zmq.utils.z85.decode(self._keys.client_public)]
        status = (b"200", b"OK", b"owner") if knows else (b"400", b"The token is another.", b"")
        self._gate.send_multipart([version, request, *status, b""])

    def _answer(self) -> None:
        frames = self._commands.recv_multipart()
        if b"" not in frames or frames[-2] != b"":
            return  # nobody of ours
        *envelope, data = frames
        reply = self._reply(envelope[0], data)
        with contextlib.suppress(zmq.ZMQError):  # it went, or reads no answers
            self._commands.send_multipart([*envelope, json.dumps(reply).encode()], _NOW)

    def _reply(self, sender: bytes, data: bytes) -> dict[str, Any]:
        try:
            command, values = read_command(data, self._kind)
            message = obey(self._control, lambda wanted: self._renew(sender, wanted), command, values, self._kind)
        except WorkerError as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:  # the thread lives on for others
            _LOGGER.exception("A command failed.")
            return {"ok": False, "error": f"The command failed ({error!r}). See the worker's log."}
        with self._lock:
            told = WorkerState(**self._told)
            latest = {kind: json.loads(text) for kind, text in self._latest.items()} if command == "status" else {}
        reply = {
            "ok": True,
            "state": say_state(told.state, self._control),
            "step": told.step,
            "message": message or told.message,
        }
        if command == "status":
            control = self._control
            reply |= {
                "total_steps": told.total_steps,
                "mode": control.mode,
                "pieces_per_second": control.pieces_per_second,
                "latest": latest,
            }
        return reply

    def _renew(self, sender: bytes, wanted: Watching) -> None:
        self._leases.renew(sender, wanted, time.monotonic())

    def _watch_together(self) -> None:
        control = self._control
        watching = self._leases.together(time.monotonic())
        if watching != control.watching:
            control.watch(watching)
        shown = ControlChanged(
            mode=control.mode, pieces_per_second=control.pieces_per_second, thoughts=watching.thoughts
        )
        if shown != self._shown:
            self._shown = shown
            self.publish(shown)
