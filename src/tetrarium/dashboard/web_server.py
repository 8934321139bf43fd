"""The uvicorn server around the application: port, event loop and shutdown."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode

import uvicorn
import uvloop
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from tetrarium.dashboard.app import create_app
from tetrarium.dashboard.http.access import Access
from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home

Outcome = TypeVar("Outcome")

DEFAULT_PORT: Final = 8765
_N_PORTS: Final = 50  # number of consecutive ports that are tried
_MAX_PORT: Final = 65_535
_MAX_MESSAGE_BYTES: Final = 2**14
_MAX_BUFFERED_BYTES: Final = 2**14  # per viewer, in this process and in the kernel
_SHUTDOWN_TIMEOUT_S: Final = 1


class Dashboard:
    """A dashboard server that binds its port on construction and answers requests while `serve` runs.

    Args:
        home: Home folder whose runs are shown.
        host: Address to listen on; addresses beyond loopback require a token.
        port: First port to try; 0 for any free port.
        proxy_names: Host names of reverse proxies, with a port where browsers show one; they require a token.
        root_path: Prefix under which a reverse proxy serves it.

    Raises:
        ConfigError: if a name or the prefix is malformed, or the address cannot be listened on.
    """

    def __init__(
        self,
        home: Home,
        *,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        proxy_names: Sequence[str] = (),
        root_path: str = "",
    ) -> None:
        self.access = Access.for_host(host, proxy_names, root_path)
        self._host = host
        self._socket = _listen(host, port)
        logging.getLogger("uvicorn.error").addFilter(_is_server_error)
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
                timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT_S,
            )
        )

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Address for a browser on this machine, with the token if one is required."""
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)  # noqa: S104 read, not bound
        if ":" in shown and not shown.startswith("["):
            shown = f"[{shown}]"
        query = f"?{urlencode({'token': self.access.token})}" if self.access.token else ""
        return f"http://{shown}:{self.port}/{query}"

    @property
    def proxy_urls(self) -> list[str]:
        """Addresses behind the reverse proxies; without ``root_path``, the proxy may add a prefix."""
        query = urlencode({"token": self.access.token})
        return [f"https://{proxy}{self.access.root_path}/?{query}" for proxy in sorted(self.access.proxies)]

    async def serve(self) -> None:
        """Serves requests until `close` is called."""
        await self._server.serve([self._socket])

    def close(self) -> None:
        """Requests that `serve` returns; safe to call from a signal handler."""
        self._server.should_exit = True


def run_loop(main: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Runs a coroutine to completion on a uvloop event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def _is_server_error(record: logging.LogRecord) -> bool:
    """Returns whether a log record reports an unexpected error, not a rejected or disconnected client."""
    return record.exc_info is not None and record.exc_info[0] not in {None, asyncio.CancelledError}


class _Socket(WebSocketsSansIOProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limits the buffers of a connection: a board that waits in a buffer is outdated when it is read."""
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=_MAX_BUFFERED_BYTES)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MAX_BUFFERED_BYTES)
        super().connection_made(transport)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signal handling to the command that runs the server."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _MAX_PORT:
        raise ConfigError(f"--port must be from 0 to {_MAX_PORT:,}; got {port}. Omit --port to use {DEFAULT_PORT}.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"--host must be an address of this machine; got {host!r} ({error}). Try 127.0.0.1."
        ) from error
    last = min(port + _N_PORTS - 1, _MAX_PORT) if port else 0
    for candidate in range(port, last + 1):
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address[0], candidate, *address[2:]))
            listener.listen()  # fails if another process listens there; bind alone may not
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise ConfigError(
                    f"The dashboard cannot listen on {host}:{candidate}: {error.strerror}. "
                    "Choose another --port or --host."
                ) from error
        else:
            return listener
    raise ConfigError(f"No free port: {port} to {last} are all in use. Choose another --port.")
