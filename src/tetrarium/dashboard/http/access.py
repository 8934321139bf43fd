"""Access control by a request's ``Host``, ``Origin`` and token, applied before anything else reads the request.

A page of another site can make a browser send requests to this server, and can make its own host name resolve to this
server (DNS rebinding). So ``Host`` must be a name of this server, and ``Origin``, where a browser sends it, must equal
it. A server on loopback needs nothing more; a server that other machines can reach also requires a token.

Behind a reverse proxy the names are those of ``--allow-host``: one of them may be the ``Host``, and, with its port, the
``Origin`` even where the proxy sends its own ``Host``. They too require a token. No ``X-Forwarded-*`` header is read,
since every client can send it: pages have relative addresses, so a prefix that the proxy removes need not be known, and
one that it leaves is given by ``--root-path``.
"""

import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from tetrarium.errors import ConfigError

Headers = Iterable[tuple[bytes, bytes]]  # in ASGI's form, names in lower case

_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_WILDCARDS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 compared, not bound
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~@%-]+)*/?")
_N_BYTES_TOKEN: Final = 24


@dataclass(frozen=True, slots=True)
class Refusal:
    """HTTP status, error code and message of a rejected request."""

    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Names and prefix under which the dashboard may be reached, and the token that it requires, if any.

    >>> Access.for_host("127.0.0.1").refusal([(b"host", b"rebound.example:8765")]).status
    403
    """

    names: frozenset[str]
    proxies: frozenset[str] = frozenset()  # names of reverse proxies, with a port where it is not a scheme's own
    root_path: str = ""  # prefix of all paths, which a proxy may or may not remove
    any_address: bool = False  # whether every IP address counts as a name of this server
    token: str | None = field(default=None, repr=False)

    @classmethod
    def for_host(cls, host: str, proxy_names: Iterable[str] = (), root_path: str = "") -> Self:
        """Returns the rules for a server: beyond loopback, or with a proxy, it requires a newly generated token.

        Args:
            host: The address.
            proxy_names: Names of reverse proxies, with a port where browsers show one.
            root_path: Prefix of all paths.

        Raises:
            ConfigError: if a name or the prefix is malformed.
        """
        proxies = frozenset(map(_checked_authority, proxy_names))
        prefix = _checked_prefix(root_path)
        names = _LOOPBACK_NAMES | {host.lower()} | {name for proxy in proxies if (name := _name_of(proxy))}
        if is_loopback(host) and not proxies:
            return cls(names=names, root_path=prefix)
        if not is_loopback(host):
            own = socket.gethostname().lower()
            names |= {own, f"{own.split('.')[0]}.local"}
        token = secrets.token_urlsafe(_N_BYTES_TOKEN)
        return cls(names=names, proxies=proxies, root_path=prefix, any_address=host in _WILDCARDS, token=token)

    def refusal(self, headers: Headers) -> Refusal | None:
        """Returns the reason to reject a request, or None; `has_token` checks the token."""
        hosts = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        origins = [value.decode("latin-1").lower() for name, value in headers if name == b"origin"]
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            shown = hosts[0][:80] if len(hosts) == 1 else f"{len(hosts)} headers"
            message = (
                f"Host must be an address of the dashboard; got {shown!r}. Use the address that it printed"
                f"{_flag_for(hosts[0] if len(hosts) == 1 else '')}."
            )
            return Refusal(403, "wrong-host", message)
        for origin in origins:
            if not self._is_own_origin(origin, hosts[0]):
                message = (
                    f"Origin must be the dashboard's own address; got {origin[:80]!r}. Open the address that it printed"
                    f"{_flag_for(origin.partition('://')[2], with_port=True)}."
                )
                return Refusal(403, "wrong-origin", message)
        return None

    def has_token(self, headers: Headers, cookie: str) -> bool:
        """Returns whether a request carries the token, as ``Authorization: Bearer`` or in the named cookie."""
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
        """Returns whether this is the token, compared in constant time."""
        return self.token is not None and hmac.compare_digest(given, self.token.encode())

    def _is_own(self, authority: str) -> bool:
        name = _name_of(authority)
        return name is not None and (name in self.names or (self.any_address and _address(name) is not None))

    def _is_own_origin(self, origin: str, host: str) -> bool:
        scheme, _, authority = origin.partition("://")
        if scheme not in _DEFAULT_PORTS or _name_of(authority) is None:
            return False
        return authority == host or _without_port(authority, _DEFAULT_PORTS[scheme]) in self.proxies


def _name_of(authority: str) -> str | None:
    """Returns the host name of ``NAME:PORT``; None if it is malformed."""
    match = _AUTHORITY.fullmatch(authority)
    return None if match is None else match[1].strip("[]").removesuffix(".")


def _without_port(authority: str, *ports: str) -> str:
    """Returns a well-formed authority without its port, if it is one of these, and without a dot after its name."""
    match = _AUTHORITY.fullmatch(authority)
    assert match is not None, authority
    name = match[1].removesuffix(".")
    return name if match[2] in (None, *ports) else f"{name}:{match[2]}"


def _flag_for(authority: str, *, with_port: bool = False) -> str:
    """Returns the remedy for a reverse proxy of this name; an empty string if there can be none."""
    name = _name_of(authority)
    if not name or name in _LOOPBACK_NAMES:
        return ""
    return f", or start it with `--allow-host {_without_port(authority) if with_port else name}`"


def _checked_authority(text: str) -> str:
    given = text.strip().lower()
    if isinstance(_address(given), ipaddress.IPv6Address):
        given = f"[{given}]"
    if _name_of(given) is None:
        raise ConfigError(
            "--allow-host takes a host name, with a port where browsers show one, without scheme and path; got "
            f"{text[:80]!r}. Write, for example, --allow-host hub.example.org or --allow-host hub.example.org:8443.",
            field="allow_host",
        )
    return _without_port(given, *_DEFAULT_PORTS.values())


def _checked_prefix(path: str) -> str:
    if _PREFIX.fullmatch(path) is None:
        raise ConfigError(
            f"--root-path is a path of letters, digits, '.', '_', '~', '@', '%' and '-'; got {path[:80]!r}. Write, for "
            "example, --root-path /proxy/8765.",
            field="root_path",
        )
    return path.rstrip("/")


def is_loopback(host: str) -> bool:
    """Returns whether an address or name can be reached from this machine only."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
