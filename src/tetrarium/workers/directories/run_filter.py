"""Filter of runs: words, tags, groups, and comparisons of settings, such as ``fast tag:good gamma<0.9``."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from tetrarium.values import parse_number
from tetrarium.workers.directories.run_status import RunView, default_settings

_COMPARISON: Final = re.compile(r"([a-z][a-z0-9_]*)(<=|>=|!=|<|>|=)(.*)")
_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_RESULTS: Final = ("training_mean", "best_lines_game", "step", "seconds", "steps_per_second", "losses_per_10000_pieces")
_SEPARATOR: Final = re.compile(r"\s*(<=|>=|!=|<|>)\s*")

Matches = Callable[[RunView], bool]


def parse_filter(text: str) -> Matches:
    """Returns the function that decides whether a run matches all terms of a filter.

    A term is ``tag:NAME``, ``group:NAME``, a comparison of a setting or a result such as ``gamma<0.9``, or else a word
    that occurs in name, group, tags, note, algorithm, preset, seed or command. Case is ignored; a comparison without a
    value yet matches all runs.
    """
    terms = [_parse_term(term) for term in _SEPARATOR.sub(r"\1", text).casefold().split()]
    return lambda view: all(term(view) for term in terms)


def _parse_term(term: str) -> Matches:
    label, colon, value = term.partition(":")
    if colon and label == "tag":
        return lambda view: not value or value in (tag.casefold() for tag in view.tags)
    if colon and label == "group":
        return lambda view: not value or value == (view.group or "").casefold()
    compared = _COMPARISON.fullmatch(term)
    if compared and (compared[1] in default_settings() or compared[1] in _RESULTS):
        return _parse_comparison(*compared.groups())
    return lambda view: term in _text(view)


def _text(view: RunView) -> str:
    words = (view.name, view.group or "", *view.tags, view.note, view.algorithm, view.preset or "",
             f"seed {view.seed}", view.command)  # fmt: skip
    return " ".join(words).casefold()


def _parse_comparison(name: str, sign: str, text: str) -> Matches:
    if not text:
        return lambda _view: True
    number = parse_number(text)
    order = _ORDERS.get(sign)
    if order is None:
        return lambda view: _is_equal(_value(view, name), text, number) == (sign == "=")

    def matches(view: RunView) -> bool:
        value = _value(view, name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return number is not None and is_number and order(value, number)

    return matches


def _value(view: RunView, name: str) -> Any:
    return getattr(view, name) if name in _RESULTS else view.setting(name)


def _is_equal(value: Any, text: str, number: float | None) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value == number
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)).casefold() == text
    return ("none" if value is None else str(value).casefold()) == text


def differences(compared: Sequence[Sequence[RunView]]) -> dict[str, list[list[Any]]]:
    """Returns the settings that are not the same in all of these runs or groups.

    Args:
        compared: Runs of each column; one for a single run.

    Returns:
        By name, the distinct values of each column, sorted.
    """
    names = differing_settings(view for views in compared for view in views)
    return {name: [_distinct([view.setting(name) for view in views]) for views in compared] for name in names}


def _distinct(values: Iterable[Any]) -> list[Any]:
    distinct = {repr(value): value for value in values}.values()
    is_number = all(isinstance(value, int | float) for value in distinct)
    return sorted(distinct, key=None if is_number else repr)


def differing_settings(views: Iterable[RunView]) -> list[str]:
    """Returns the names of the settings that are not the same in all of these runs, in the order of all settings."""
    views = list(views)
    changed = {name for view in views for name in view.changed_settings}
    return [
        name for name in default_settings()
        if name in changed and len({repr(view.setting(name)) for view in views}) > 1
    ]  # fmt: skip
