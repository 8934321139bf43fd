"""All runs together: ``/api/history``, and freeing space in them, ``/api/prunable`` and ``/api/prune``.

Every function here may block, so none is a coroutine: each runs in a thread.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query

from tetrarium.dashboard.history import find_history
from tetrarium.dashboard.routes.runs import FAILURES
from tetrarium.dashboard.schemas import NAME_PATTERN, RunState
from tetrarium.dashboard.schemas_runs import History, Prunable, Prune, Pruned, SortKey
from tetrarium.registry.home import Home
from tetrarium.training.runs import pruning
from tetrarium.workers.directory import list_runs

__all__ = ["history_routes"]

_MOST: Final = 200  # runs in one answer
Search = Annotated[str, Query(max_length=100, description="Words in name, algorithm, preset, seed or command.")]
States = Annotated[list[RunState], Query(max_length=8, description="Those that are wanted; any without one.")]
Limit = Annotated[int, Query(ge=1, le=_MOST, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=10**6, description="How many are left out before the first.")]
Names = Annotated[
    list[Annotated[str, Query(pattern=NAME_PATTERN)]],
    Query(max_length=1_000, description="Which runs; all without one."),
]
Keep = Annotated[int, Query(ge=1, le=1_000, description="How many of a run's latest checkpoints stay.")]


def history_routes(home: Home) -> APIRouter:
    """Makes the routes."""
    routes = APIRouter(prefix="/api", tags=["runs"], responses=FAILURES)

    @routes.get("/history", summary="Some of the runs: searched, filtered, in order")
    def show_history(
        search: Search = "",
        state: States = [],  # noqa: B006 never altered
        sort: SortKey = "started",
        descending: bool = True,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> History:
        """A page of the history of runs; runs without a value in what they are sorted by come last."""
        return find_history(
            list_runs(home),
            search=search,
            states=state,
            sort=sort,
            descending=descending,
            limit=limit,
            offset=offset,
        )

    @routes.get("/prunable", summary="Which checkpoints could go, and what that would free")
    def show_prunable(name: Names = [], keep: Keep = 1) -> Pruned:  # noqa: B006 never altered
        """A run's latest checkpoints, its best weights and its records stay; runs under way are left alone."""
        return _pruned(pruning.find_prunable(home, name, keep))

    @routes.post("/prune", summary="Remove checkpoints that runs do not need to be resumed")
    def prune_runs(wanted: Prune) -> Pruned:
        """Removes what `GET /api/prunable` tells, and tells what went."""
        found = pruning.find_prunable(home, wanted.names or (), wanted.keep)
        pruning.prune(home, found)
        return _pruned(found)

    return routes


def _pruned(found: Sequence[pruning.Prunable]) -> Pruned:
    runs = [Prunable(name=one.name, steps=list(one.steps), n_bytes=one.n_bytes) for one in found]
    return Pruned(runs=runs, n_bytes=sum(one.n_bytes for one in found))
