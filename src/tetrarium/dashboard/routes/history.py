"""Collections of runs: ``/api/history``, ``/api/activity``, ``/api/checkpoints`` and the trash, ``/api/trash/runs``.

The functions may block, so they are not coroutines: each runs in a thread.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from operator import attrgetter
from statistics import median
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from pydantic import ConfigDict, Field

from tetrarium.dashboard.live.sources import find_source
from tetrarium.dashboard.schemas import FAILURES, NAME_PATTERN, JsonRoute, RequestModel, ResponseModel
from tetrarium.errors import ConfigError, suggestion
from tetrarium.registry import run_trash
from tetrarium.registry.home import Home, natural_key
from tetrarium.training.runs.storage import checkpoint_cleanup
from tetrarium.workers.directories.process_directory import list_demos
from tetrarium.workers.directories.run_filter import differing_settings, parse_filter
from tetrarium.workers.directories.run_status import RunView, default_settings
from tetrarium.workers.directories.run_views import active_runs, find_run, list_runs
from tetrarium.workers.protocol.status_files import PROCESS_STATES, ProcessState

MAX_RUNS: Final = 200  # in one response
MAX_SEARCH_LENGTH: Final = 100
_MIN_GROUP: Final = 2  # runs
Search = Annotated[
    str,
    Query(
        max_length=MAX_SEARCH_LENGTH,
        description="Terms that all match: a word of name, group, tags, note, algorithm, preset, seed or command; "
        "`tag:NAME`; `group:NAME`; or a comparison of a setting or result, such as `gamma<0.9`.",
    ),
]
States = Annotated[
    list[ProcessState], Query(max_length=len(PROCESS_STATES), description="States of the runs; all by default.")
]
Open = Annotated[
    list[Annotated[str, Query(pattern=NAME_PATTERN)]],
    Query(max_length=1_000, description="Groups whose runs are listed below them."),
]
Collapse = Annotated[
    bool,
    Query(
        description="Whether runs of a group are listed as one row of `rows`, at the place of the first of them. "
        "Pages then count rows."
    ),
]
Limit = Annotated[int, Query(ge=1, le=MAX_RUNS, description="Largest number of runs.")]
Offset = Annotated[int, Query(ge=0, le=10**6, description="Number of runs to skip.")]
Names = Annotated[
    list[Annotated[str, Query(pattern=NAME_PATTERN)]],
    Query(max_length=1_000, description="Names of the runs; all by default."),
]
Name = Annotated[str, PathParameter(pattern=NAME_PATTERN, description="The run's name.", examples=["first"])]
Keep = Annotated[int, Query(ge=1, le=1_000, description="Number of latest checkpoints to keep of each run.")]
SORT_KEYS: Final = (
    "started", "name", "state", "step", "training_mean", "best_lines_game", "steps_per_second", "algorithm", "seed",
)  # fmt: skip
SortKey = Annotated[
    str,
    Query(
        pattern="^[a-z][a-z0-9_]{0,63}$",
        description=f"{', '.join(f'`{key}`' for key in SORT_KEYS)}, or the name of a setting, such as `gamma`.",
    ),
]


class GroupResponse(ResponseModel):
    """Runs of a group that match."""

    name: str = Field(description="Name of the group.", examples=["rates"])
    runs: list[str] = Field(description="Names of the runs, in the requested order.", examples=[["rates-0001"]])
    n_alive: int = Field(description="Runs that are being trained.", examples=[1])
    n_by_state: dict[str, int] = Field(description="Runs in each state.", examples=[{"finished": 4}])
    training_mean: float | None = Field(description="Median of their training means.", examples=[1204.5])
    best_lines_game: int | None = Field(description="Most lines in one game.", examples=[3998])
    started: str | None = Field(description="Latest start time in ISO 8601.", examples=["2026-11-22T17:40:00+00:00"])
    settings: dict[str, Any] = Field(
        description="Settings that differ from the defaults and are the same in all of them.", examples=[{"gamma": 0.9}]
    )
    differing: list[str] = Field(description="Settings that differ among them.", examples=[["seed"]])


class HistoryRow(ResponseModel):
    """A row of a list of groups and runs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"group": None, "run": None, "is_member": False}]})
    group: GroupResponse | None = Field(
        default=None, description="A group with more than one matching run; null for a run."
    )
    run: RunView | None = Field(default=None, description="A run; null for a group.")
    is_member: bool = Field(default=False, description="Whether it is a run below the row of its group.")


class HistoryResponse(ResponseModel):
    """One page of the matching runs in the requested order."""

    runs: list[RunView] = Field(description="Runs of the page; of a collapsed list, those in `rows`.")
    rows: list[HistoryRow] = Field(description="Rows of the page, if groups are collapsed; else empty.")
    n_rows: int = Field(description="Rows on all pages: matching runs, or groups and runs.", examples=[12])
    differing: list[str] = Field(
        description="Settings that differ among the matching runs.", examples=[["learning_rate", "gamma"]]
    )
    n_found: int = Field(description="Runs that match the search and the states.", examples=[12])
    n_runs: int = Field(description="Runs in total.", examples=[1_000])
    n_alive: int = Field(description="Running runs in total.", examples=[1])
    n_by_state: dict[str, int] = Field(
        description="Runs in each state that match the search.", examples=[{"running": 1, "crashed": 2}]
    )


class ActivityResponse(ResponseModel):
    """Numbers of active processes."""

    n_running: int = Field(description="Runs that are being trained.", examples=[1])
    n_paused: int = Field(description="Paused runs.", examples=[0])
    n_demos: int = Field(description="Demos that play.", examples=[1])


class PruneRequest(RequestModel):
    """Checkpoints to delete."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"names": ["first"], "keep": 1}]})
    names: list[Annotated[str, Field(pattern=NAME_PATTERN)]] | None = Field(
        default=None, max_length=1_000, description="Names of the runs; all by default."
    )
    keep: int = Field(default=1, ge=1, le=1_000, description="Number of latest checkpoints to keep of each run.")


class PruneResponse(ResponseModel):
    """Deleted or deletable checkpoints."""

    runs: list[checkpoint_cleanup.Prunable] = Field(description="Runs with such checkpoints.")
    n_bytes: int = Field(description="Total size.", examples=[18_800_000])


class TrashedRunResponse(ResponseModel):
    """A deleted run that can be restored."""

    id: str = Field(
        description="Reference in the trash, where runs may share a name.", examples=["first~1795381200000"]
    )
    name: str = Field(description="Name of the run.", examples=["first"])
    trashed_s: float = Field(description="Time of deletion in seconds since 1970.", examples=[1_795_381_200.0])
    n_bytes: int = Field(description="Size of its files.", examples=[24_000_000])


class RestoreRunRequest(RequestModel):
    """A run to restore from the trash."""

    run: str = Field(
        pattern=f"{NAME_PATTERN[:-1]}(~[0-9]{{1,15}})?$",
        description="Its id, or its name for the latest deleted one.",
        examples=["first"],
    )


def history_routes(home: Home) -> APIRouter:
    """Creates the routes."""
    routes = APIRouter(prefix="/api", tags=["runs"], responses=FAILURES, route_class=JsonRoute)
    _add_trash(routes, home)

    @routes.get("/history", summary="Search, filter and sort runs")
    def show_history(
        search: Search = "",
        state: States = [],  # noqa: B006 never modified
        sort: SortKey = "started",
        descending: bool = True,
        limit: Limit = 50,
        offset: Offset = 0,
        collapse: Collapse = False,
        open: Open = [],  # noqa: A002, B006 never modified
    ) -> HistoryResponse:
        """Returns one page; runs without a value in the sort field come last."""
        if sort not in (*SORT_KEYS, *default_settings()):
            raise ConfigError(
                f"sort is a setting, or one of {', '.join(SORT_KEYS)}; got {sort!r}."
                f"{suggestion(sort, (*SORT_KEYS, *default_settings()))}",
                field="sort",
            )
        return search_runs(
            list_runs(home), search=search, states=state, sort=sort, descending=descending, limit=limit, offset=offset,
            open_groups=open if collapse else None,
        )  # fmt: skip

    @routes.get("/activity", summary="Count active runs and demos")
    def show_activity() -> ActivityResponse:
        """Returns what is active in the home, no matter where it was started."""
        states = [run.state for run in active_runs(home)]
        n_paused = states.count("paused")
        n_demos = sum(demo.is_alive and demo.state != "paused" for demo in list_demos(home))
        return ActivityResponse(n_running=len(states) - n_paused, n_paused=n_paused, n_demos=n_demos)

    @routes.get("/checkpoints/prunable", summary="List checkpoints that can be deleted")
    def show_prunable(name: Names = [], keep: Keep = 1) -> PruneResponse:  # noqa: B006 never modified
        """Returns the checkpoints that pruning would delete, without those of active runs.

        Latest checkpoints, best weights and records are kept.
        """
        return _response(checkpoint_cleanup.find_prunable(home, name, keep))

    @routes.post("/checkpoints/prune", summary="Delete checkpoints that runs do not need to be resumed")
    def prune_runs(request: PruneRequest) -> PruneResponse:
        """Deletes the checkpoints that `GET /api/checkpoints/prunable` lists, and returns them."""
        found = checkpoint_cleanup.find_prunable(home, request.names or (), request.keep)
        checkpoint_cleanup.prune(home, found)
        return _response(found)

    return routes


def _add_trash(routes: APIRouter, home: Home) -> None:
    @routes.delete("/runs/{name}", summary="Move a run to the trash")
    def delete_whole_run(name: Name) -> TrashedRunResponse:
        """POST /api/trash/runs/restore restores it; saved models stay. Refused while it runs."""
        find_source(home, "run", name)
        return TrashedRunResponse(**checkpoint_cleanup.trashed_values(checkpoint_cleanup.delete_run(home, name)))

    @routes.get("/trash/runs", summary="List the trash of runs")
    def list_trashed_runs() -> list[TrashedRunResponse]:
        """Returns deleted runs, the latest deletion first."""
        return [TrashedRunResponse(**checkpoint_cleanup.trashed_values(run)) for run in run_trash.trashed_runs(home)]

    @routes.post("/trash/runs/restore", summary="Restore a run from the trash")
    def restore_run(request: RestoreRunRequest) -> RunView:
        """Refused if another run has its name by now."""
        return find_run(home, run_trash.restore_run(home, request.run).name)

    @routes.delete("/trash/runs", summary="Empty the trash of runs")
    def empty_trash_of_runs() -> list[TrashedRunResponse]:
        """Deletes the runs in the trash permanently and returns them."""
        runs = run_trash.trashed_runs(home)
        responses = [TrashedRunResponse(**checkpoint_cleanup.trashed_values(run)) for run in runs]
        run_trash.remove_trashed(runs)
        return responses


def _response(found: Sequence[checkpoint_cleanup.Prunable]) -> PruneResponse:
    return PruneResponse(runs=list(found), n_bytes=sum(one.n_bytes for one in found))


def search_runs(
    views: Sequence[RunView],
    *,
    search: str = "",
    states: Collection[str] = (),
    sort: str = "started",
    descending: bool = True,
    limit: int = 50,
    offset: int = 0,
    open_groups: Collection[str] | None = None,
) -> HistoryResponse:
    """Returns one page of the matching runs.

    Args:
        views: All runs.
        search: A filter, as ``parse_filter`` reads it.
        states: States of the runs; all if empty.
        sort: One of ``SORT_KEYS``, or a setting. Runs without a value come last in both directions; ties are sorted by
            name.
        descending: Whether the largest value comes first.
        limit: Largest number of runs.
        offset: Number of runs to skip.
        open_groups: Groups whose runs are listed below them; None to list all runs without groups.
    """
    searched = [*filter(parse_filter(search), views)]
    found = [view for view in searched if not states or view.state in states]
    found.sort(key=lambda view: natural_key(view.name))
    value: Callable[[RunView], Any] = attrgetter(sort) if sort in SORT_KEYS else partial(_setting_key, sort)
    known = [view for view in found if value(view) is not None]
    if sort != "name":
        known.sort(key=value, reverse=descending)
    elif descending:
        known.reverse()
    ordered = known + [view for view in found if value(view) is None]
    rows = [] if open_groups is None else _rows(ordered, open_groups)
    page = rows[offset : offset + limit]
    return HistoryResponse(
        runs=ordered[offset : offset + limit] if open_groups is None else [row.run for row in page if row.run],
        rows=page,
        n_rows=len(ordered) if open_groups is None else len(rows),
        differing=differing_settings(found),
        n_found=len(found),
        n_runs=len(views),
        n_alive=sum(view.is_alive for view in views),
        n_by_state=dict(Counter(view.state for view in searched)),
    )


def _setting_key(name: str, view: RunView) -> tuple[bool, float, Any] | None:
    """Returns the sort key of a setting: numbers by value before texts in natural order; None for a setting of None."""
    value = view.setting(name)
    if value is None:
        return None
    if isinstance(value, int | float):
        return (False, value, ())
    return (True, 0, natural_key(",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)))


def _rows(ordered: Sequence[RunView], open_groups: Collection[str]) -> list[HistoryRow]:
    """Returns groups and runs in the order of the runs; a group with one matching run is that run."""
    members: dict[str, list[RunView]] = {}
    for view in ordered:
        if view.group is not None:
            members.setdefault(view.group, []).append(view)
    rows = []
    for view in ordered:
        group = members.get(view.group, []) if view.group is not None else []
        if len(group) < _MIN_GROUP:
            rows.append(HistoryRow(run=view))
        elif view is group[0] and view.group is not None:
            rows.append(HistoryRow(group=_group(view.group, group)))
            if view.group in open_groups:
                rows += [HistoryRow(run=member, is_member=True) for member in group]
    return rows


def _group(name: str, members: Sequence[RunView]) -> GroupResponse:
    best = [view.best_lines_game for view in members if view.best_lines_game is not None]
    means = [view.training_mean for view in members if view.training_mean is not None]
    differing = differing_settings(members)
    return GroupResponse(
        name=name,
        runs=[member.name for member in members],
        n_alive=sum(member.is_alive for member in members),
        n_by_state=dict(Counter(member.state for member in members)),
        training_mean=median(means) if means else None,
        best_lines_game=max(best, default=None),
        started=max((view.started for view in members if view.started), default=None),
        settings={name: value for name, value in members[0].changed_settings.items() if name not in differing},
        differing=differing,
    )
