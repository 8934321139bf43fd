"""Who may ask: names, origins and tokens."""

import pytest

from tetrarium.dashboard import Access

LOCAL = Access.for_host("127.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:80", "localhost.:9"])
def test_names_of_this_machine_are_answered(host: str) -> None:
    assert LOCAL.refusal([(b"host", host.encode())]) is None
    assert LOCAL.refusal([(b"host", host.encode()), (b"origin", f"http://{host}".encode())]) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:8765", "localhost@evil.example", "192.168.0.7:8765", "", "a b", "[::1",
     "localhost:999999", "localhost:8765, evil.example"],
)  # fmt: skip
def test_other_names_are_refused(host: str) -> None:
    refusal = LOCAL.refusal([(b"host", host.encode())])
    assert refusal is not None
    assert refusal.status == 403
    assert refusal.message == (
        f"The dashboard answers under its own address; got Host {host!r}. Use the one it printed."
    )


def test_no_name_or_two_are_refused() -> None:
    for headers in ([], [(b"host", b"localhost"), (b"host", b"localhost")]):
        refusal = LOCAL.refusal(headers)
        assert refusal is not None
        assert f"got Host '{len(headers)} of them'" in refusal.message


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:8765", "file://localhost:8765"]
)
def test_other_origins_are_refused(origin: str) -> None:
    refusal = LOCAL.refusal([(b"host", b"localhost:8765"), (b"origin", origin.encode())])
    assert refusal is not None
    assert (refusal.status, refusal.message) == (
        403,
        f"The dashboard answers its own pages and programs; got Origin {origin!r}. Open the address it printed.",
    )


def test_a_server_for_others_takes_addresses_and_asks_for_a_token() -> None:
    access = Access.for_host("0.0.0.0")
    assert access.refusal([(b"host", b"192.168.0.7:8765")]) is None
    assert access.refusal([(b"host", b"evil.example")]) is not None
    assert access.token is not None
    assert len(access.token) >= 32
    assert access.token not in repr(access)
    assert not access.knows_token([], "tetrarium-1")
    assert not access.knows_token([(b"authorization", b"Bearer wrong")], "tetrarium-1")
    assert access.knows_token([(b"authorization", b"Bearer " + access.token.encode())], "tetrarium-1")
    cookie = f"a=b; tetrarium-1={access.token}".encode()
    assert access.knows_token([(b"cookie", cookie)], "tetrarium-1")
    assert not access.knows_token([(b"cookie", cookie)], "tetrarium-2")


def test_a_server_for_one_address_takes_that_one() -> None:
    access = Access.for_host("192.168.0.7")
    assert access.refusal([(b"host", b"192.168.0.7:8765")]) is None
    assert access.refusal([(b"host", b"192.168.0.8:8765")]) is not None
    assert access.token is not None
    assert LOCAL.token is None
    assert LOCAL.knows_token([], "tetrarium-1")
