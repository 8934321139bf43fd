"""Messages for request validation errors of Pydantic: the rule, the value that broke it, the remedy."""

import json
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from tetrarium.dashboard.schemas import (
    AGENT_PATTERN,
    COMPARED_PATTERN,
    GROUP_PATTERN,
    NAME_PATTERN,
    SPEC_PATTERN,
    TAG_PATTERN,
)
from tetrarium.registry.home import NAME_RULE, TAG_RULE

Problem = Mapping[str, Any]  # an error as Pydantic lists it: type, loc, msg, input, sometimes ctx
MessageRule = Callable[[str, Problem], str]  # takes the field and the problem

_SHOWN: Final = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 80
_PATTERN_RULES: Final = {
    NAME_PATTERN: NAME_RULE.text,
    AGENT_PATTERN: "must be a name, NAME@best, NAME@STEP or NAME@VERSION",
    COMPARED_PATTERN: "must be the name of a run, or group:NAME",
    GROUP_PATTERN: f"{NAME_RULE.text}, or is empty",
    SPEC_PATTERN: "must be NAME or NAME@VERSION",
    TAG_PATTERN: TAG_RULE.text,
}
_TYPES: Final = {
    "bool": "true or false",
    "dict": "an object",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "model_attributes": "an object",
    "string": "text",
}


def invalid_field(problem: Problem, body: Any) -> str:
    """Returns the path of the invalid value, such as ``ranges.gamma.low``; an empty string for the whole body.

    An entry of a list has the path of the list: its number means nothing in a form, whose words are in another order.

    ``body``: the request's body. Parts of Pydantic's location that are not in it, names of union members, are dropped.
    """
    path = _path(problem, body)
    return ".".join(map(str, path[:-1] if _is_entry(path) else path))


def _is_entry(path: list[str | int]) -> bool:
    return len(path) > 1 and isinstance(path[-1], int)


def _path(problem: Problem, body: Any) -> list[str | int]:
    location: list[str | int]
    source, *location = problem["loc"]
    if source != "body":
        return location
    missing = location[-1] if location and problem["type"] == "missing" else None
    path: list[str | int] = []
    value = body
    for part in location:
        if isinstance(value, dict) and (part in value or part == missing):
            path.append(part)
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            path.append(part)
            value = value[part]
    return path


def validation_message(problem: Problem, body: Any) -> str:
    """Returns a sentence about an error, in Pydantic's words where no rule is known."""
    field = invalid_field(problem, body)
    if _is_entry(_path(problem, body)):
        field = f"An entry of {field}"
    rule = _RULES.get(problem["type"])
    kind = _TYPES.get(problem["type"].removesuffix("_type").removesuffix("_parsing"))
    if not field and kind is not None:
        return f"The body must be {kind} in JSON, with Content-Type: application/json; got {_given(problem)}."
    if rule is not None:
        return rule(field or "The body", problem)
    text = f"must be {kind}" if kind is not None else f"is invalid ({problem['msg']})"
    return f"{field or 'The body'} {text}; got {_given(problem)}."


def _given(problem: Problem) -> str:
    value = problem["input"]
    return json.dumps(value) if value is None or isinstance(value, bool) else _SHOWN.repr(value)


def _missing(field: str, _problem: Problem) -> str:
    return f"{field} is required. /api/openapi.json describes it."


def _one_of(field: str, problem: Problem) -> str:
    return f"{field} must be {problem['ctx']['expected']}; got {_given(problem)}."


def _tag_name(problem: Problem) -> str:
    return str(problem["ctx"]["discriminator"]).strip("'")


def _unknown_tag(_field: str, problem: Problem) -> str:
    context = problem["ctx"]
    return f"{_tag_name(problem)} must be one of {context['expected_tags']}; got {context['tag'][:80]!r}."


def _pattern(field: str, problem: Problem) -> str:
    pattern = problem["ctx"]["pattern"]
    return f"{field} {_PATTERN_RULES.get(pattern, f'must match {pattern}')}; got {_given(problem)}."


def _max_length(unit: str) -> MessageRule:
    def message(field: str, problem: Problem) -> str:
        return f"{field} must have at most {problem['ctx']['max_length']:,} {unit}; got {len(problem['input']):,}."

    return message


def _bound(words: str, limit: str) -> MessageRule:
    return lambda field, problem: f"{field} must be {words} {problem['ctx'][limit]:,}; got {_given(problem)}."


_RULES: Final[dict[str, MessageRule]] = {
    "extra_forbidden": lambda field, _: f"Unknown field {field!r}. /api/openapi.json lists all fields.",
    "greater_than": _bound("greater than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "json_invalid": lambda _, problem: f"The body is not valid JSON: {problem['ctx']['error']}.",
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "literal_error": _one_of,
    "missing": _missing,
    "string_pattern_mismatch": _pattern,
    "string_too_long": _max_length("characters"),
    "too_long": _max_length("entries"),
    "union_tag_invalid": _unknown_tag,
    "union_tag_not_found": lambda _, problem: _missing(_tag_name(problem), problem),
}
