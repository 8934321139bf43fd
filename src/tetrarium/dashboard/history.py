"""The history of all runs: searched, filtered, put in order, a part at a time.

A search is words; a run is found if each of them is in its name, algorithm, preset, seed or command, whatever the case.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from operator import attrgetter

from tetrarium.dashboard.schemas import Run
from tetrarium.dashboard.schemas_runs import History
from tetrarium.workers.directory import RunView, matches

__all__ = ["find_history"]


def find_history(
    views: Sequence[RunView],
    *,
    search: str = "",
    states: Collection[str] = (),
    sort: str = "started",
    descending: bool = True,
    limit: int = 50,
    offset: int = 0,
) -> History:
    """Finds some of the runs.

    Args:
        views: All of them.
        search: Words.
        states: Those that are wanted; any, if empty.
        sort: A field of a run; those that have no value in it come last either way, and equal ones by name.
        descending: Whether the largest comes first.
        limit: How many at most.
        offset: How many are left out before the first.
    """
    words = search.casefold().split()
    searched = [view for view in views if matches(view, words)]
    found = [view for view in searched if not states or view.state in states]
    found.sort(key=lambda view: view.name)
    key = attrgetter(sort)
    known = sorted((view for view in found if key(view) is not None), key=key, reverse=descending)
    ordered = known + [view for view in found if key(view) is None]
    return History(
        runs=[Run(**asdict(view)) for view in ordered[offset : offset + limit]],
        n_found=len(found),
        n_runs=len(views),
        n_alive=sum(view.is_alive for view in views),
        n_by_state=dict(Counter(view.state for view in searched)),
    )
