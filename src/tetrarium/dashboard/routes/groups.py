"""Groups of runs: ``/api/groups``, their median curves, and the settings in which runs and groups differ.

The functions may block, so they are not coroutines: each runs in a thread.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field

from tetrarium.dashboard.live.sources import find_source
from tetrarium.dashboard.schemas import COMPARED_PATTERN, FAILURES, NAME_PATTERN, JsonRoute, ResponseModel
from tetrarium.registry.home import Home
from tetrarium.workers.directories.learning_curves import Axis, read_group_curves
from tetrarium.workers.directories.run_filter import differences
from tetrarium.workers.directories.run_views import GROUP, group_runs, list_runs, read_compared

MAX_COMPARED: Final = 40  # runs and groups
Groups = Annotated[
    list[Annotated[str, Query(pattern=NAME_PATTERN)]], Query(max_length=MAX_COMPARED, description="Names of groups.")
]
Column = Annotated[
    str, Query(max_length=64, description="Quantity: a name of `runs plot --column`, or a column of a run's tables.")
]
Over = Annotated[Axis, Query(description="What the curves are over: training steps or seconds of training.")]
Compared = Annotated[
    list[Annotated[str, Query(pattern=COMPARED_PATTERN)]],
    Query(max_length=MAX_COMPARED, description="Names of runs, and `group:NAME` for a group."),
]


class RunGroup(ResponseModel):
    """A group of runs."""

    name: str = Field(description="Name of the group.", examples=["rates"])
    runs: list[str] = Field(description="Names of its runs, in natural order.", examples=[["rates-0001"]])
    tags: list[str] = Field(description="Tags of its runs.", examples=[["good"]])


class GroupCurve(ResponseModel):
    """Median of the curves of a group, over the part that all of its runs have reached."""

    group: str = Field(description="Name of the group.", examples=["rates"])
    runs: list[str] = Field(description="Names of the runs with values.", examples=[["rates-0001", "rates-0002"]])
    n_alive: int = Field(description="Runs that are being trained.", examples=[0])
    x: list[float] = Field(description="Training steps or seconds of training.", examples=[[2000, 4000]])
    y: list[float] = Field(description="Median at each of them.", examples=[[1.5, 20.0]])
    low: list[float] | None = Field(description="Lower end of the band; null without one.", examples=[[1.0, 12.0]])
    high: list[float] | None = Field(description="Upper end of the band.", examples=[[2.0, 31.5]])
    band: str = Field(
        description="Kind of the band.", examples=["their median and its 93 % confidence interval of 5 runs"]
    )


class DifferencesResponse(ResponseModel):
    """Settings that are not the same in all of the runs."""

    compared: list[str] = Field(description="Columns: runs and groups.", examples=[["first", "group:rates"]])
    settings: dict[str, list[list[Any]]] = Field(
        description="Distinct values of each column, sorted, by setting.", examples=[{"gamma": [[0.9], [0.8, 0.95]]}]
    )


def group_routes(home: Home) -> APIRouter:
    """Creates the routes."""
    routes = APIRouter(prefix="/api", tags=["runs"], responses=FAILURES, route_class=JsonRoute)

    @routes.get("/groups", summary="List groups of runs")
    def show_groups() -> list[RunGroup]:
        """Returns all groups with the names of their runs."""
        return [
            RunGroup(
                name=name, runs=[view.name for view in views], tags=sorted({tag for view in views for tag in view.tags})
            )
            for name, views in group_runs(list_runs(home)).items()
        ]

    @routes.get("/curves", summary="Show curves of groups")
    def show_curves(group: Groups, column: Column = "lines", axis: Over = "step") -> list[GroupCurve]:
        """Returns the median of each group with its interval, as `tetrarium runs plot` draws it.

        Groups without a value yet, or without a run, are left out.
        """
        found = group_runs(list_runs(home))
        members = {name: [view.name for view in found[name]] for name in group if name in found}
        return [
            GroupCurve(
                group=curve.label,
                runs=list(curve.runs),
                n_alive=sum(view.is_alive for view in found[curve.label]),
                x=list(curve.steps),
                y=list(curve.values),
                low=None if curve.low is None else list(curve.low),
                high=None if curve.high is None else list(curve.high),
                band=curve.band,
            )
            for curve in read_group_curves(home, members, column, axis)
        ]

    @routes.get("/differences", summary="Show the settings in which runs differ")
    def show_differences(compared: Compared) -> DifferencesResponse:
        """Returns what `tetrarium runs diff` prints."""
        for name in compared:
            if not name.startswith(GROUP):
                find_source(home, "run", name)
        views = read_compared(home, compared)
        return DifferencesResponse(compared=list(views), settings=differences(list(views.values())))

    return routes
