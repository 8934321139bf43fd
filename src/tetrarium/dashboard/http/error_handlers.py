"""Exceptions as JSON responses: ``{"error": "one line", "code": "kebab-case", "field": "gamma"}``.

=================================  ======  ====================================================
``NotFoundError``                  404     nothing has that name
``UploadTooLargeError``            413     an upload above its size or time limit
``ConfigError``, ``BundleError``   422     a value that breaks a rule, a file that is no model
``FumenError``, ``GameError``      422     a text that is no fumen, a board that no game has
any other ``TetrariumError``       409     a conflict with the present state
``OSError``                        409     the disk is full, for example
=================================  ======  ====================================================
"""

import json
import logging
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from tetrarium import errors
from tetrarium.dashboard.http.pages import with_root
from tetrarium.dashboard.http.validation_messages import invalid_field, validation_message

_LOGGER: Final = logging.getLogger(__name__)
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_UNPROCESSABLE: Final = 422
_STATUS_BY_CLASS: Final[tuple[tuple[type[errors.TetrariumError], int], ...]] = (  # the first match counts
    (errors.NotFoundError, _NOT_FOUND),
    (errors.UploadTooLargeError, 413),
    (errors.ConfigError, _UNPROCESSABLE),
    (errors.BundleError, _UNPROCESSABLE),
    (errors.FumenError, _UNPROCESSABLE),
    (errors.GameError, _UNPROCESSABLE),
    (errors.TetrariumError, _CONFLICT),
)
_HTTP_CODES: Final = {400: "bad-request", _NOT_FOUND: errors.NotFoundError.code, 405: "method-not-allowed"}
_SYSTEM_ERROR: Final = "system-error"
_MAX_CHARACTERS: Final = 600
_MAX_PROBLEMS: Final = 3


def error_body(message: str, code: str, field: str | None = None) -> bytes:
    """Returns an error as JSON in ASCII, so that any text from outside can be quoted in it."""
    line = " ".join(message.split())
    shown = line if len(line) <= _MAX_CHARACTERS else f"{line[:_MAX_CHARACTERS]}…"
    return json.dumps({"error": shown, "code": code, "field": field}).encode()


def exception_body(error: errors.TetrariumError) -> bytes:
    """Returns an exception as JSON."""
    return error_body(str(error), error.code, error.field)


def error_response(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response:
    """Returns a JSON response with the body of an error."""
    return Response(body, status, headers, "application/json")


def add_error_handlers(app: FastAPI, not_found_page: str = "") -> None:
    """Registers the exception handlers of an application.

    ``not_found_page``: HTML for browsers that open an unknown address, without its root; others receive JSON.
    """

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if not_found_page and error.status_code == _NOT_FOUND and is_navigation(request):
            return HTMLResponse(with_root(not_found_page, request.scope["raw_path"].decode("latin-1")), _NOT_FOUND)
        return _http_error(error)

    app.add_exception_handler(errors.TetrariumError, _tetrarium_error)
    app.add_exception_handler(OSError, _system_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, http)


def is_navigation(request: Request) -> bool:
    """Returns whether a browser opens an address, as opposed to a program that calls the API."""
    is_page = not request.url.path.startswith(("/api/", "/static/"))
    return is_page and request.method == "GET" and "text/html" in request.headers.get("accept", "")


async def _tetrarium_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.TetrariumError)
    status = next(status for kind, status in _STATUS_BY_CLASS if isinstance(error, kind))
    return error_response(status, exception_body(error))


async def _system_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    _LOGGER.warning("%s", error)
    return error_response(_CONFLICT, error_body(errors.describe_os_error(error), _SYSTEM_ERROR))


async def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()[:_MAX_PROBLEMS]
    message = " ".join(validation_message(problem, error.body) for problem in problems)
    field = invalid_field(problems[0], error.body) or None
    return error_response(_UNPROCESSABLE, error_body(message, errors.ConfigError.code, field))


def _http_error(error: HTTPException) -> Response:
    if error.status_code == _NOT_FOUND:
        message = "There is nothing at this address. /api/openapi.json lists all operations."
    else:
        message = f"{str(error.detail).removesuffix('.')}. /api/openapi.json describes all operations."
    code = _HTTP_CODES.get(error.status_code, "http-error")
    return error_response(error.status_code, error_body(message, code), headers=dict(error.headers or {}))
