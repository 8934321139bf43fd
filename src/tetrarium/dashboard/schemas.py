"""Base classes of request and response models, and what several resources share: patterns, choices and error responses.

Requests are strict: unknown keys and text in place of numbers are rejected. The configs check the values of settings.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tetrarium.registry.files.safe_files import StrictJsonError, object_without_duplicates
from tetrarium.registry.home import NAME_RULE, TAG_RULE

NAME_PATTERN: Final = f"^{NAME_RULE.pattern}$"
AGENT_PATTERN: Final = f"^{NAME_RULE.pattern}(@(best|[0-9]{{1,15}}))?$"

Agent = Annotated[str, Field(pattern=AGENT_PATTERN)]
Mode = Literal["no-display", "live", "every-move"]
TAG_PATTERN: Final = f"^{TAG_RULE.pattern}$"
COMPARED_PATTERN: Final = f"^(group:)?{NAME_RULE.pattern}$"
GROUP_PATTERN: Final = f"^({NAME_RULE.pattern})?$"  # empty for no group
SPEC_PATTERN: Final = f"^{NAME_RULE.pattern}(@[1-9][0-9]{{0,8}})?$"


class ResponseModel(BaseModel):
    """Base of response models."""

    model_config = ConfigDict(frozen=True)


class RequestModel(BaseModel):
    """Base of request models. A whole number may be written ``1e6``, which JSON's reader returns as a float."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _accept_whole_floats(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in values.items()
        }


class JsonRoute(APIRoute):
    """Route that refuses a body with a duplicate name, of which JSON's reader would keep the last."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Returns the handler of the route, which reads bodies strictly."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly


class _StrictRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        try:
            return json.loads(body, object_pairs_hook=object_without_duplicates)
        except StrictJsonError as error:  # FastAPI answers a JSONDecodeError as an invalid body
            raise json.JSONDecodeError(str(error), body.decode(errors="replace"), 0) from error


class ErrorResponse(ResponseModel):
    """Reason why a request failed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": "width is a whole number from 4 to 16; got 3. Choose one in that range.",
                    "code": "invalid-value",
                    "field": "width",
                }
            ]
        }
    )
    error: str = Field(description="The rule, the value that broke it, and the remedy, in one line.")
    code: str = Field(description="Kind of error, in kebab case; stable, unlike the message.")
    field: str | None = Field(description="Name of the setting at fault or path in the request, if there is one.")


class Choice(ResponseModel):
    """A named option."""

    name: str = Field(description="Its name in requests.", examples=["tpe"])
    meaning: str = Field(description="One line for people.", examples=["draws at random"])


FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorResponse, "description": description}
    for status, description in {
        400: "The body cannot be read.",
        404: "Nothing has that name.",
        409: "A conflict with the present state: a name that is taken, a run that is not running.",
        413: "The body is too large.",
        422: "A value breaks its rule.",
    }.items()
}
