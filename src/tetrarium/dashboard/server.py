"""The server around the application: which port, which loop, and an end without fuss."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Coroutine, Iterator
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode

import uvicorn
import uvloop
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from tetrarium.dashboard.access import Access
from tetrarium.dashboard.app import create_app
from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home

__all__ = ["DEFAULT_PORT", "Dashboard", "run_loop"]

Outcome = TypeVar("Outcome")

DEFAULT_PORT: Final = 8765
_N_PORTS: Final = 50  # tried one after the other
_MAX_PORT: Final = 65_535
_MAX_MESSAGE_BYTES: Final = 2**14
_MOST_BUFFERED: Final = 2**14  # bytes, here and in the system, for one viewer
_GOODBYE_S: Final = 1


class Dashboard:
    """A dashboard whose port is taken as soon as it is made, and which answers once it is served.

    Args:
        home: Whose runs are shown.
        host: Address to listen on; beyond loopback, a token is asked for.
        port: First port to try; 0 for any.

    Raises:
        ConfigError: if the address cannot be listened on.
    """

    def __init__(self, home: Home, *, host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
        self.access = Access.for_host(host)
        self._host = host
        self._socket = _listen(host, port)
        logging.getLogger("uvicorn.error").addFilter(_is_fault)
        self._server = _Server(
            uvicorn.Config(
                create_app(home, self.access),
                http="httptools",
                ws=_Socket,
                ws_max_size=_MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,  # boards are small, and viewers many
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_GOODBYE_S,
            )
        )

    @property
    def port(self) -> int:
        """The port that was free."""
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it, token and all."""
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)  # noqa: S104 read, not bound
        if ":" in shown and not shown.startswith("["):
            shown = f"[{shown}]"
        query = f"?{urlencode({'token': self.access.token})}" if self.access.token else ""
        return f"http://{shown}:{self.port}/{query}"

    async def serve(self) -> None:
        """Answers until `close` is called."""
        await self._server.serve([self._socket])

    def close(self) -> None:
        """Ends `serve` soon; may be called from a signal handler."""
        self._server.should_exit = True


def run_loop(main: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Runs a coroutine to its end on the quickest event loop there is."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def _is_fault(record: logging.LogRecord) -> bool:
    """Whether something is told that should not happen; who was refused or left in the middle is no news."""
    return record.exc_info is not None and record.exc_info[0] not in {None, asyncio.CancelledError}


class _Socket(WebSocketsSansIOProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps little on its way to a viewer: what waits in buffers is old by the time that it is read."""
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=_MOST_BUFFERED)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_BUFFERED)
        super().connection_made(transport)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to the command that serves."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _MAX_PORT:
        raise ConfigError(f"A port is a number from 0 to {_MAX_PORT:,}; got {port}. Leave --port out for 8765.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host is an address of this machine; got {host!r} ({error}). Try 127.0.0.1.") from error
    last = min(port + _N_PORTS - 1, _MAX_PORT) if port else 0
    for candidate in range(port, last + 1):
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address[0], candidate, *address[2:]))
            listener.listen()  # only this tells whether another listens
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise ConfigError(
                    f"The dashboard cannot listen on {host}:{candidate}: {error.strerror}. "
                    "Choose another --port or --host."
                ) from error
        else:
            return listener
    raise ConfigError(f"A dashboard needs a free port; {port} to {last} are all taken. Choose another --port.")
