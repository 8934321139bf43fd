"""Access control: host names, origins and tokens."""

import pytest

from tetrarium.dashboard import Access
from tetrarium.errors import ConfigError

NAMES = ("evil.example", "127.0.0.1.evil.example", "192.168.0.7")
LOCAL = Access.for_host("127.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:80", "localhost.:9"])
def test_names_of_this_machine_are_accepted(host: str) -> None:
    assert LOCAL.refusal([(b"host", host.encode())]) is None
    assert LOCAL.refusal([(b"host", host.encode()), (b"origin", f"http://{host}".encode())]) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:8765", "localhost@evil.example", "192.168.0.7:8765", "", "a b", "[::1",
     "localhost:999999", "localhost:8765, evil.example"],
)  # fmt: skip
def test_other_host_names_are_rejected(host: str) -> None:
    refusal = LOCAL.refusal([(b"host", host.encode())])
    assert refusal is not None
    assert refusal.status == 403
    name = host.removesuffix(":8765")
    remedy = f", or start it with `--allow-host {name}`" if name in NAMES else ""
    assert refusal.message == (
        f"Host must be an address of the dashboard; got {host!r}. Use the address that it printed{remedy}."
    )


def test_exactly_one_host_header_is_required() -> None:
    for headers in ([], [(b"host", b"localhost"), (b"host", b"localhost")]):
        refusal = LOCAL.refusal(headers)
        assert refusal is not None
        assert f"got '{len(headers)} headers'" in refusal.message


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:8765", "file://localhost:8765"]
)
def test_other_origins_are_rejected(origin: str) -> None:
    refusal = LOCAL.refusal([(b"host", b"localhost:8765"), (b"origin", origin.encode())])
    assert refusal is not None
    assert refusal.status == 403
    assert refusal.message.startswith(
        f"Origin must be the dashboard's own address; got {origin!r}. Open the address that it printed"
    )
    assert ("--allow-host" in refusal.message) == (origin == "http://evil.example")
    ported = LOCAL.refusal([(b"host", b"localhost:8765"), (b"origin", b"https://hub.example.:8443")])
    assert ported is not None and ported.message.endswith(", or start it with `--allow-host hub.example:8443`.")


def test_a_wildcard_server_accepts_ip_addresses_and_requires_a_token() -> None:
    access = Access.for_host("0.0.0.0")
    assert access.refusal([(b"host", b"192.168.0.7:8765")]) is None
    assert access.refusal([(b"host", b"evil.example")]) is not None
    assert access.token is not None
    assert len(access.token) >= 32
    assert access.token not in repr(access)
    assert not access.has_token([], "tetrarium-1")
    assert not access.has_token([(b"authorization", b"Bearer wrong")], "tetrarium-1")
    assert access.has_token([(b"authorization", b"Bearer " + access.token.encode())], "tetrarium-1")
    cookie = f"a=b; tetrarium-1={access.token}".encode()
    assert access.has_token([(b"cookie", cookie)], "tetrarium-1")
    assert not access.has_token([(b"cookie", cookie)], "tetrarium-2")


def test_a_server_on_one_address_accepts_that_address() -> None:
    access = Access.for_host("192.168.0.7")
    assert access.refusal([(b"host", b"192.168.0.7:8765")]) is None
    assert access.refusal([(b"host", b"192.168.0.8:8765")]) is not None
    assert access.token is not None
    assert LOCAL.token is None
    assert LOCAL.has_token([], "tetrarium-1")


@pytest.mark.parametrize(
    ("host", "origin", "is_allowed"),
    [
        ("hub.example", "https://hub.example", True),
        ("HUB.example:443", "https://hub.example:443", True),
        ("127.0.0.1:8765", "https://hub.example", True),  # a proxy that sends its own Host
        ("127.0.0.1:8765", "https://hub.example.:443", True),
        ("127.0.0.1:8765", "http://hub.example:80", True),
        ("127.0.0.1:8765", "https://hub.example:80", False),
        ("127.0.0.1:8765", "https://hub.example:8443", False),  # another server on the proxy's host
        ("127.0.0.1:8765", "ftp://hub.example", False),
        ("127.0.0.1:8765", "https://lab.example:8000", True),
        ("127.0.0.1:8765", "https://lab.example", False),
        ("127.0.0.1:8765", "https://[::1]:8000", True),
        ("127.0.0.1:8765", "http://[::2]", True),
        ("127.0.0.1:8765", "http://localhost:3000", False),
        ("127.0.0.1:8765", "https://evil.example", False),
        ("hub.example", "https://hub.example.evil.example", False),
        ("hub.example", "https://evil.example/hub.example", False),
        ("hub.example", "null", False),
        ("other.example", "https://other.example", False),
    ],
)
def test_a_named_proxy_is_host_and_origin(host: str, origin: str, is_allowed: bool) -> None:
    access = Access.for_host("127.0.0.1", ["Hub.Example:443", "lab.example:8000", "[::1]:8000", "::2", "localhost"])
    assert access.token is not None
    forged = (b"x-forwarded-host", b"hub.example")
    refusal = access.refusal([(b"host", host.encode()), (b"origin", origin.encode()), forged])
    assert (refusal is None) == is_allowed


@pytest.mark.parametrize("name", ["", "*", "https://hub.example", "hub.example:", "hub.example:8443/x", "a b", "[::1"])
def test_a_malformed_proxy_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="--allow-host takes a host name, with a port where browsers") as refused:
        Access.for_host("127.0.0.1", [name])
    assert refused.value.field == "allow_host"


@pytest.mark.parametrize("path", ["proxy", "/a b", "//", "/a//b", "/a?b", "/a\r\nb"])
def test_a_malformed_root_path_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="--root-path is a path of letters") as refused:
        Access.for_host("127.0.0.1", root_path=path)
    assert refused.value.field == "root_path"
    assert Access.for_host("127.0.0.1", ["localhost"], "/proxy/8765/").root_path == "/proxy/8765"
    assert Access.for_host("127.0.0.1", ["localhost"]).token is not None
