"""Reverse proxy in a thread that serves a dashboard under a prefix and removes it, as nginx and JupyterHub do."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class PrefixProxy(socketserver.ThreadingTCPServer):
    """Forwards connections below ``prefix``; other requests are recorded and answered by 404."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, target: tuple[str, int], prefix: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = target
        self.prefix = prefix
        self.strays: list[str] = []  # paths outside the prefix

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{self.prefix}/"

    def handle_error(self, *_: Any) -> None:
        """Ignores connections that the browser closes early."""


class _Connection(socketserver.StreamRequestHandler):
    server: PrefixProxy

    def handle(self) -> None:
        """Forwards one request, or one WebSocket, and closes the connection."""
        request = self.rfile.readline().decode("latin-1")
        lines = []
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            lines.append(line)
        method, path, version = request.split()
        if not path.startswith(f"{self.server.prefix}/"):
            self.server.strays.append(path)
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        is_socket = any(line.lower().startswith(b"upgrade:") for line in lines)
        kept = [line for line in lines if is_socket or not line.lower().startswith(b"connection:")]
        head = f"{method} {path.removeprefix(self.server.prefix)} {version}\r\n".encode("latin-1")
        head += b"".join(kept) + (b"" if is_socket else b"Connection: close\r\n") + b"\r\n"
        with socket.create_connection(self.server.target) as upstream:
            upstream.sendall(head)
            threading.Thread(target=self._send_body, args=(upstream,), daemon=True).start()
            while data := upstream.recv(65_536):
                self.wfile.write(data)

    def _send_body(self, upstream: socket.socket) -> None:
        try:
            while data := self.rfile.read1(65_536):  # type: ignore[attr-defined]  # a BufferedReader
                upstream.sendall(data)
        except (OSError, ValueError):
            return  # the connection has ended


@contextmanager
def prefix_proxy(target: tuple[str, int], prefix: str) -> Iterator[PrefixProxy]:
    """Serves a proxy until the end of the block."""
    with PrefixProxy(target, prefix) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()
