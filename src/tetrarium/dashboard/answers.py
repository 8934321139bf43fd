"""What goes wrong, as an answer: ``{"error": "one line"}`` and a status of 400 to 499.

==========================  ======  ===============================================
``ConfigError`` and kin     422     a value that breaks a rule
``BundleError``             422     a file that is no model
``HomeError``               404     nothing of that name; 409 where the name is taken
``WorkerError``             409     a worker that does not answer, or refuses
any other of ours           409     what is asked for does not go with what is there
``OSError``                 409     the disk is full, say
==========================  ======  ===============================================
"""

import json
import logging
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from tetrarium.dashboard.complaints import complaint
from tetrarium.dashboard.forms import SettingError
from tetrarium.errors import BundleError, ConfigError, TetrariumError

__all__ = ["NotThereError", "TooLargeError", "add_error_answers", "error_answer", "error_body"]

_LOGGER: Final = logging.getLogger(__name__)
_UNPROCESSABLE: Final = 422
_CONFLICT: Final = 409
_NOT_FOUND: Final = 404
_TOO_LARGE: Final = 413
_MAX_CHARACTERS: Final = 600


class NotThereError(TetrariumError):
    """What a path names is not there."""


class TooLargeError(TetrariumError):
    """What was sent is too large, or comes too slowly."""


def error_body(message: str, field: str | None = None) -> bytes:
    """An error as JSON; ASCII, so that what came from outside can be quoted, whatever it is."""
    line = " ".join(message.split())
    shown = line if len(line) <= _MAX_CHARACTERS else f"{line[:_MAX_CHARACTERS]}…"
    return json.dumps({"error": shown} if field is None else {"error": shown, "field": field}).encode()


def error_answer(
    status: int, message: str, *, field: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    return Response(error_body(message, field), status, headers, "application/json")


def add_error_answers(app: FastAPI, lost_page: str = "") -> None:
    """Teaches an application to answer whatever is raised.

    Args:
        app: The application.
        lost_page: What a browser is shown where there is nothing, as HTML; who asks otherwise is told in JSON.
    """

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if lost_page and error.status_code == _NOT_FOUND and _is_followed(request):
            return HTMLResponse(lost_page, _NOT_FOUND)
        return _http(error)

    app.add_exception_handler(TetrariumError, _ours)
    app.add_exception_handler(OSError, _refused_by_system)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, http)


def _is_followed(request: Request) -> bool:
    """Whether somebody follows an address in a browser, rather than a program that asks the API."""
    is_page = not request.url.path.startswith(("/api/", "/static/"))
    return is_page and request.method == "GET" and "text/html" in request.headers.get("accept", "")


async def _ours(_request: Request, error: Exception) -> Response:
    if isinstance(error, NotThereError):
        return error_answer(_NOT_FOUND, str(error))
    if isinstance(error, TooLargeError):
        return error_answer(_TOO_LARGE, str(error))
    if isinstance(error, SettingError):
        return error_answer(_UNPROCESSABLE, str(error), field=error.field)
    return error_answer(_UNPROCESSABLE if isinstance(error, ConfigError | BundleError) else _CONFLICT, str(error))


async def _refused_by_system(_request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    _LOGGER.warning("%s", error)
    return error_answer(_CONFLICT, f"The system refused: {error.strerror or error}. Make room or check the home.")


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_answer(_UNPROCESSABLE, " ".join(complaint(problem) for problem in error.errors()[:3]))


def _http(error: HTTPException) -> Response:
    if error.status_code == _NOT_FOUND:
        message = "There is nothing at this address. /api/openapi.json lists what there is."
    else:
        message = f"{str(error.detail).removesuffix('.')}. /api/openapi.json says what is understood."
    return error_answer(error.status_code, message, headers=dict(error.headers or {}))
