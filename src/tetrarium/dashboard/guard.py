"""The door of the dashboard: every request passes here before the application, every answer after it.

What must not be answered is refused; a body is read up to a limit and no further; answers get the headers that keep a
page from loading, or being loaded by, anything foreign.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

from tetrarium.dashboard.access import Access, Refusal
from tetrarium.dashboard.answers import error_body
from tetrarium.dashboard.uploads import UPLOADS

__all__ = ["MAX_BODY_BYTES", "Guard"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES: Final = 2**20
_BODY_TIMEOUT_S: Final = 10.0
_POLICY: Final = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self' data: blob:; "
    "font-src 'self'; "
    "connect-src 'self'; "
    "manifest-src 'self'; "
    "base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_TOO_SLOW: Final = Refusal(408, f"A body arrives within {_BODY_TIMEOUT_S:.0f} seconds. Send it again.")
_NO_TOKEN: Final = Refusal(
    401, "This dashboard can be reached from elsewhere and asks for its token. Open the whole address it printed."
)


class Guard:
    """Wraps an application.

    Args:
        app: What answers.
        access: Who may ask.
    """

    def __init__(self, app: Application, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            refusal = self._refusal(scope)
            if refusal is not None:
                await _refuse_socket(refusal, send)
                return
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(scope["path"], send))
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        refusal = self._access.refusal(scope["headers"])
        if refusal is None and self._is_arrival(scope):
            await self._let_in(scope, send)
            return
        refusal = refusal or self._refusal(scope)
        limit = UPLOADS.get((scope["method"], scope["path"]))
        if refusal is None and limit is not None:  # the route reads it itself, piece by piece
            if _claims_more(scope, limit):
                refusal = _too_large(limit)
            else:
                await self._app(scope, receive, send)
                return
        body = b""
        if refusal is None:
            try:
                async with asyncio.timeout(_BODY_TIMEOUT_S):
                    read = await _read_body(scope, receive)
                refusal, body = (_too_large(MAX_BODY_BYTES), b"") if read is None else (None, read)
            except TimeoutError:
                refusal = _TOO_SLOW
        if refusal is None:
            await self._app(scope, _told_once(body, receive), send)
        else:
            await _answer(send, refusal.status, b"application/json", error_body(refusal.message))

    def _refusal(self, scope: Message) -> Refusal | None:
        refusal = self._access.refusal(scope["headers"])
        if refusal is None and not self._access.knows_token(scope["headers"], _cookie_name(scope)):
            return _NO_TOKEN
        return refusal

    def _is_arrival(self, scope: Message) -> bool:
        """Whether somebody opens the printed address, token and all."""
        if self._access.token is None or scope["path"] != "/" or scope["method"] != "GET":
            return False
        given = [value for key, value in parse_qsl(scope["query_string"].decode("latin-1")) if key == "token"]
        return len(given) == 1 and self._access.is_token(given[0].encode())

    async def _let_in(self, scope: Message, send: Send) -> None:
        """Keeps the token in a cookie and reloads without it in the address.

        A redirect would not do: a browser that followed a link from elsewhere does not send a strict cookie with it.
        """
        cookie = f"{_cookie_name(scope)}={self._access.token}; Path=/; HttpOnly; SameSite=Strict"
        further = ((b"set-cookie", cookie.encode()), (b"refresh", b"0; url=/"), (b"cache-control", b"no-store"))
        await _answer(send, 200, b"text/plain", b"Opening the dashboard.", further)


def _cookie_name(scope: Message) -> str:
    """Cookies know hosts, not ports: two dashboards on one machine must not share a name."""
    server = scope.get("server") or ("", 0)
    return f"tetrarium-{server[1]}"


async def _read_body(scope: Message, receive: Receive) -> bytes | None:
    """Reads the whole body, or returns None as soon as it is too large."""
    if _claims_more(scope, MAX_BODY_BYTES):
        return None
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _claims_more(scope: Message, limit: int) -> bool:
    """Whether a request says that its body is too large, or says no number."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return any(not value.isdigit() or len(value) > len(str(limit)) or int(value) > limit for value in lengths)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"A body has at most {limit:,} bytes. Send less.")


def _told_once(body: bytes, receive: Receive) -> Receive:
    """Hands over a body that was read before, then whatever comes."""
    told = False

    async def receive_next() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_next


def _with_headers(path: str, send: Send) -> Send:
    caching = b"no-store" if path.startswith("/api/") else b"no-cache"

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", []))
            is_said = any(name == b"cache-control" for name, _ in given)
            message = {
                **message,
                "headers": [*given, *_HEADERS, *(() if is_said else ((b"cache-control", caching),))],
            }
        await send(message)

    return send_with_headers


async def _answer(
    send: Send, status: int, kind: bytes, body: bytes, further: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *further]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse_socket(refusal: Refusal, send: Send) -> None:
    body = error_body(refusal.message)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
