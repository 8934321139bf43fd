"""ASGI middleware between the network and the application.

Rejects requests without access, reads bodies up to a size limit, and adds the response headers that keep a page from
loading, or being loaded by, other sites.
"""

import asyncio
import contextlib
import html
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from fastapi import Request

from tetrarium.dashboard.http.access import Access, Refusal
from tetrarium.dashboard.http.error_handlers import error_body, is_navigation
from tetrarium.errors import ConfigError, UploadTooLargeError
from tetrarium.registry.bundles import BUNDLE_SUFFIX, MAX_BYTES_BUNDLE

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES: Final = 2**20
_BODY_TIMEOUT_S: Final = 10.0
_CONTENT_SECURITY_POLICY: Final = (
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
    (b"content-security-policy", _CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_TOO_SLOW: Final = Refusal(
    408, "request-timeout", f"A request body must arrive within {_BODY_TIMEOUT_S:.0f} seconds. Send it again."
)
_REFUSAL_PAGE: Final = "<!doctype html><html lang=en><title>tetrarium</title><h1>Refused</h1><p>{}</p></html>"
_NO_TOKEN: Final = Refusal(
    401,
    "token-required",
    "A dashboard that other machines can reach requires a token. Open the whole address that it printed.",
)


class Guard:
    """Wraps an application in the checks."""

    def __init__(self, app: Application, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        scope = _without_prefix(scope, self._access.root_path)
        if scope["type"] == "websocket":
            refusal = self._refusal(scope)
            if refusal is not None:
                await _reject_socket(refusal, send)
                return
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(scope["path"], send))
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        refusal = self._access.refusal(scope["headers"])
        if refusal is None and self._has_token_in_url(scope):
            await self._store_token(scope, send)
            return
        refusal = refusal or self._refusal(scope)
        limit = UPLOADS.get((scope["method"], scope["path"]))
        if refusal is None and limit is not None:  # the route itself reads the body, in chunks
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
            await self._app(scope, _replay_body(body, receive), send)
        elif is_navigation(Request(scope)):
            page = _REFUSAL_PAGE.format(html.escape(refusal.message))
            await _respond(send, refusal.status, b"text/html; charset=utf-8", page.encode())
        else:
            await _respond(send, refusal.status, b"application/json", error_body(refusal.message, refusal.code))

    def _refusal(self, scope: Message) -> Refusal | None:
        refusal = self._access.refusal(scope["headers"])
        if refusal is None and not self._access.has_token(scope["headers"], _cookie_name(scope)):
            return _NO_TOKEN
        return refusal

    def _has_token_in_url(self, scope: Message) -> bool:
        """Returns whether a request opens the printed address, which contains the token."""
        if self._access.token is None or scope["path"] != "/" or scope["method"] != "GET":
            return False
        given = [value for key, value in parse_qsl(scope["query_string"].decode("latin-1")) if key == "token"]
        return len(given) == 1 and self._access.is_token(given[0].encode())

    async def _store_token(self, scope: Message, send: Send) -> None:
        """Stores the token in a cookie and reloads the page without it in the address.

        A redirect would not work: browsers send no ``SameSite=Strict`` cookie with it after a link from another site.
        """
        cookie = f"{_cookie_name(scope)}={self._access.token}; HttpOnly; SameSite=Strict"  # for this folder and below
        headers = ((b"set-cookie", cookie.encode()), (b"refresh", b"0; url=./"), (b"cache-control", b"no-store"))
        await _respond(send, 200, b"text/plain", b"Opening the dashboard.", headers)


def _without_prefix(scope: Message, prefix: str) -> Message:
    """Returns the scope without the prefix of its path, however that is encoded; a path that lacks it is unchanged."""
    decoded = unquote(prefix)
    if not prefix or not scope.get("path", "").startswith(f"{decoded}/"):
        return scope
    raw = b"/" + scope["raw_path"].split(b"/", prefix.count("/") + 1)[-1]
    return {**scope, "path": scope["path"].removeprefix(decoded), "raw_path": raw}


def _cookie_name(scope: Message) -> str:
    """Returns a cookie name with the port, since cookies are shared by all ports of a host."""
    server = scope.get("server") or ("", 0)
    return f"tetrarium-{server[1]}"


async def _read_body(scope: Message, receive: Receive) -> bytes | None:
    """Returns the whole body, or None as soon as it is too large."""
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
    """Returns whether ``Content-Length`` exceeds the limit or is not a number."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return any(not value.isdigit() or len(value) > len(str(limit)) or int(value) > limit for value in lengths)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, UploadTooLargeError.code, f"A request body must have at most {limit:,} bytes. Send less.")


def _replay_body(body: bytes, receive: Receive) -> Receive:
    """Returns a ``receive`` that yields a body already read, then the remaining messages."""
    is_replayed = False

    async def receive_next() -> Message:
        nonlocal is_replayed
        if is_replayed:
            return await receive()
        is_replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_next


def _with_headers(path: str, send: Send) -> Send:
    caching = b"no-store" if path.startswith("/api/") else b"no-cache"

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", []))
            has_caching = any(name == b"cache-control" for name, _ in given)
            message = {
                **message,
                "headers": [*given, *_HEADERS, *(() if has_caching else ((b"cache-control", caching),))],
            }
        await send(message)

    return send_with_headers


async def _respond(
    send: Send, status: int, kind: bytes, body: bytes, extra_headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *extra_headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _reject_socket(refusal: Refusal, send: Send) -> None:
    body = error_body(refusal.message, refusal.code)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


async def refuse_unused_body(request: Request) -> None:
    """Refuses a request whose body nothing reads; an empty JSON object is accepted.

    Raises:
        ConfigError: if there is such a body.
    """
    route = request.scope["route"]
    is_read = route.body_field is not None or route.dependant.request_param_name is not None
    if request.method == "GET" or is_read:
        return
    n_bytes = len(body) if (body := (await request.body()).strip()) not in (b"{}", b"null") else 0
    if n_bytes:
        raise ConfigError(
            f"{request.method} {request.url.path[:100]} takes no values; got a body of {n_bytes:,} bytes. Send none."
        )


UPLOADS: Final = {("POST", "/api/imports"): MAX_BYTES_BUNDLE}  # routes with a larger body limit, in bytes
_TIMEOUT_S: Final = 120.0


@contextlib.asynccontextmanager
async def receive_upload(request: Request, limit: int) -> AsyncIterator[Path]:
    """Yields the path of a temporary file with the request body; deleted at the end of the block.

    ``limit``: largest size in bytes.

    Raises:
        UploadTooLargeError: if the body exceeds the limit or arrives too slowly.
    """
    with tempfile.TemporaryDirectory(prefix="tetrarium-") as folder:
        path = Path(folder) / f"upload{BUNDLE_SUFFIX}"
        n_bytes = 0
        with path.open("wb") as file:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    async for chunk in request.stream():
                        n_bytes += len(chunk)
                        if n_bytes > limit:
                            raise UploadTooLargeError(
                                f"An uploaded file must have at most {limit:,} bytes. Send a smaller file."
                            )
                        await asyncio.to_thread(file.write, chunk)
            except TimeoutError:
                raise UploadTooLargeError(
                    f"An upload must finish within {_TIMEOUT_S:.0f} seconds. Send it again."
                ) from None
        yield path
