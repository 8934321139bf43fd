"""Keys for the sockets of one worker, all made of its token.

Sockets speak CURVE: both sides prove that they know the token, nobody else can read along, and the token itself is
never sent. It lies in ``worker.json``, which its owner alone can read.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final, Self

import zmq
from zmq.utils import z85

__all__ = ["Keys", "new_token"]

_N_BYTES_TOKEN: Final = 32


def new_token() -> str:
    """Returns a token that nobody can guess."""
    return secrets.token_hex(_N_BYTES_TOKEN)


@dataclass(frozen=True, slots=True)
class Keys:
    """Key pairs of both sides, in Z85."""

    worker_public: bytes
    worker_secret: bytes
    client_public: bytes
    client_secret: bytes

    @classmethod
    def of_token(cls, token: str) -> Self:
        """Returns the keys that a token stands for."""
        worker, client = (
            z85.encode(hashlib.sha256(f"tetrarium {side} {token}".encode()).digest()) for side in ("worker", "client")
        )
        return cls(zmq.curve_public(worker), worker, zmq.curve_public(client), client)

    def open_worker(self, socket: "zmq.Socket[bytes]") -> None:
        """Makes a socket the worker's side."""
        socket.curve_server = True
        socket.curve_secretkey = self.worker_secret
        socket.zap_domain = b"worker"

    def open_client(self, socket: "zmq.Socket[bytes]") -> None:
        """Makes a socket the client's side."""
        socket.curve_serverkey = self.worker_public
        socket.curve_publickey = self.client_public
        socket.curve_secretkey = self.client_secret
