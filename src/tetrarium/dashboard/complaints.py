"""What Pydantic finds wrong with a request, in words for people: the rule, the value that broke it, the remedy."""

import json
import reprlib
from collections.abc import Callable
from typing import Any, Final

from tetrarium.dashboard.schemas import NAME_PATTERN, WHAT_PATTERN
from tetrarium.dashboard.schemas_models import SPEC_PATTERN, TAG_PATTERN

__all__ = ["complaint"]

Problem = dict[str, Any]  # as Pydantic lists it: type, loc, msg, input, perhaps ctx
Rule = Callable[[str, Problem], str]  # of the place and the problem

_SHOWN: Final = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 80
_FORMS: Final = {
    NAME_PATTERN: "has 1 to 64 letters from A to Z, digits, '.', '_' and '-', and begins with a letter, digit or '_'",
    WHAT_PATTERN: "is a name, NAME@best, NAME@STEP or NAME@VERSION",
    SPEC_PATTERN: "is NAME or NAME@VERSION",
    TAG_PATTERN: "has 1 to 32 letters from A to Z, digits, '.', '_' and '-', and begins with a letter, digit or '_'",
}
_KINDS: Final = {
    "bool": "true or false",
    "dict": "an object",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "model_attributes": "an object",
    "string": "text",
}


def complaint(problem: Problem) -> str:
    """Says in one sentence what is wrong; in Pydantic's words where there are none of our own."""
    place = ".".join(map(str, problem["loc"][1:]))  # the first says whether body, query or path
    say = _RULES.get(problem["type"])
    kind = _KINDS.get(problem["type"].removesuffix("_type").removesuffix("_parsing"))
    if not place and kind is not None:
        return f"The body is {kind} in JSON, with Content-Type: application/json; got {_given(problem)}."
    if say is not None:
        return say(place or "The body", problem)
    rule = f"is {kind}" if kind is not None else f"breaks a rule ({problem['msg']})"
    return f"{place or 'The body'} {rule}; got {_given(problem)}."


def _given(problem: Problem) -> str:
    value = problem["input"]
    return json.dumps(value) if value is None or isinstance(value, bool) else _SHOWN.repr(value)


def _missing(place: str) -> str:
    return f"{place} is needed, and is missing. /api/openapi.json says what it is."


def _tag_name(problem: Problem) -> str:
    return str(problem["ctx"]["discriminator"]).strip("'")


def _one_of(place: str, problem: Problem) -> str:
    return f"{place} is {problem['ctx']['expected']}; got {_given(problem)}."


def _tagged(_place: str, problem: Problem) -> str:
    about = problem["ctx"]
    return f"{_tag_name(problem)} is one of {about['expected_tags']}; got {about['tag'][:80]!r}."


def _form(place: str, problem: Problem) -> str:
    pattern = problem["ctx"]["pattern"]
    return f"{place} {_FORMS.get(pattern, f'has the form {pattern}')}; got {_given(problem)}."


def _length(unit: str) -> Rule:
    def say(place: str, problem: Problem) -> str:
        return f"{place} has at most {problem['ctx']['max_length']:,} {unit}; got {len(problem['input']):,}."

    return say


def _bound(words: str, limit: str) -> Rule:
    return lambda place, problem: f"{place} is {words} {problem['ctx'][limit]:,}; got {_given(problem)}."


_RULES: Final[dict[str, Rule]] = {
    "extra_forbidden": lambda place, _: f"There is no field {place!r}. /api/openapi.json lists those that there are.",
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "json_invalid": lambda _, problem: f"The body is no JSON: {problem['ctx']['error']}.",
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "literal_error": _one_of,
    "missing": lambda place, _: _missing(place),
    "string_pattern_mismatch": _form,
    "string_too_long": _length("characters"),
    "too_long": _length("entries"),
    "union_tag_invalid": _tagged,
    "union_tag_not_found": lambda _, problem: (
        f"{problem['ctx']['discriminator'].strip(chr(39))} is needed, and is missing."
    ),
}
