"""CURVE keys of a worker's sockets, derived from its token.

With ZeroMQ's CURVE mechanism both sides prove that they know the token, nobody else can read the messages, and the
token itself is never sent. It is in ``worker.json``, which only its owner can read.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final, Self

import zmq
from zmq.utils import z85

_N_BYTES_TOKEN: Final = 32


def new_token() -> str:
    """Returns a random token of 256 bits."""
    return secrets.token_hex(_N_BYTES_TOKEN)


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """Key pairs of worker and client, in Z85."""

    worker_public: bytes
    worker_secret: bytes
    client_public: bytes
    client_secret: bytes

    @classmethod
    def from_token(cls, token: str) -> Self:
        """Derives the keys from a token."""
        worker, client = (
            z85.encode(hashlib.sha256(f"tetrarium {side} {token}".encode()).digest()) for side in ("worker", "client")
        )
        return cls(zmq.curve_public(worker), worker, zmq.curve_public(client), client)

    def open_worker(self, socket: "zmq.Socket[bytes]") -> None:
        """Configures a socket as the worker's side."""
        socket.curve_server = True
        socket.curve_secretkey = self.worker_secret
        socket.zap_domain = b"worker"

    def open_client(self, socket: "zmq.Socket[bytes]") -> None:
        """Configures a socket as the client's side."""
        socket.curve_serverkey = self.worker_public
        socket.curve_publickey = self.client_public
        socket.curve_secretkey = self.client_secret
