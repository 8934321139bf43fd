"""Who may ask the dashboard: decided by a request's ``Host``, ``Origin`` and token, before anything else looks at it.

A page of another site can make a browser send requests here, and can make a name of its own point here (DNS rebinding).
So ``Host`` must be a name of this server, and ``Origin``, where a browser sends it, the very same. On loopback that is
all; reachable from elsewhere, a token is needed too.
"""

import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

__all__ = ["Access", "Refusal", "is_loopback"]

Headers = Iterable[tuple[bytes, bytes]]  # as ASGI has them: names in lower case

_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_WILDCARDS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 compared with, not bound to
_N_BYTES_TOKEN: Final = 24


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Names under which the dashboard may be reached, and the token that it asks for, if it does.

    >>> Access.for_host("127.0.0.1").refusal([(b"host", b"rebound.example:8765")]).status
    403
    """

    names: frozenset[str]
    any_address: bool = False  # whether any IP address is a name of this server
    token: str | None = field(default=None, repr=False)

    @classmethod
    def for_host(cls, host: str) -> Self:
        """The rules for a server that listens on this address: beyond loopback it asks for a new token."""
        if is_loopback(host):
            return cls(names=_LOOPBACK_NAMES | {host.lower()})
        own = socket.gethostname().lower()
        names = _LOOPBACK_NAMES | {host.lower(), own, f"{own.split('.')[0]}.local"}
        return cls(names=names, any_address=host in _WILDCARDS, token=secrets.token_urlsafe(_N_BYTES_TOKEN))

    def refusal(self, headers: Headers) -> Refusal | None:
        """Says why a request must not be answered, or None; the token is `knows_token`'s matter."""
        hosts = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        origins = [value.decode("latin-1").lower() for name, value in headers if name == b"origin"]
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            shown = hosts[0][:80] if len(hosts) == 1 else f"{len(hosts)} of them"
            return Refusal(
                403, f"The dashboard answers under its own address; got Host {shown!r}. Use the one it printed."
            )
        if any(origin not in {f"http://{hosts[0]}", f"https://{hosts[0]}"} for origin in origins):
            return Refusal(
                403,
                f"The dashboard answers its own pages and programs; got Origin {origins[0][:80]!r}. "
                "Open the address it printed.",
            )
        return None

    def knows_token(self, headers: Headers, cookie: str) -> bool:
        """Whether a request carries the token: as ``Authorization: Bearer``, or in the cookie of this name."""
        if self.token is None:
            return True
        for name, value in headers:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                return self.is_token(value[7:])
            if name == b"cookie":
                for part in value.split(b";"):
                    key, _, content = part.strip().partition(b"=")
                    if key == cookie.encode() and self.is_token(content):
                        return True
        return False

    def is_token(self, given: bytes) -> bool:
        """Compares in a time that tells nothing."""
        return self.token is not None and hmac.compare_digest(given, self.token.encode())

    def _is_own(self, authority: str) -> bool:
        match = _AUTHORITY.fullmatch(authority)
        if match is None:
            return False
        name = match[1].strip("[]").removesuffix(".")
        return name in self.names or (self.any_address and _address(name) is not None)


def is_loopback(host: str) -> bool:
    """Whether an address or name can be reached from this machine only."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
