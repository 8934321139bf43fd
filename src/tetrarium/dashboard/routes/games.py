"""Analysis of recorded games: ``/api/games/ID/…``, ``/api/fumens`` and ``/api/analyses``.

The functions may block, so they are not coroutines: each runs in a thread.
"""

import math
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathParameter
from pydantic import Field

from tetrarium.dashboard.live.sources import require_agent
from tetrarium.dashboard.routes.replays import First, ReplayBoardsResponse, make_animation, replay_boards
from tetrarium.dashboard.schemas import FAILURES, NAME_PATTERN, Agent, JsonRoute, RequestModel, ResponseModel
from tetrarium.engine import PIECES, orientation_cells
from tetrarium.engine.board_tracker import decode_cells, encode_cells
from tetrarium.environment.fumen import (
    HEIGHT,
    WIDTH,
    FumenPage,
    decode_fumen,
    encode_fumen,
    is_fumen,
    quiz_comment,
    replay_fumen,
)
from tetrarium.environment.placement_replays import PlacementReplay, reduce_to_placements
from tetrarium.environment.replays import MAX_ACTIONS, REPLAY_SUFFIX, Replay
from tetrarium.errors import EntryNotFoundError, FumenError, ReplayError
from tetrarium.evaluation.analysis.analyzer import Records, empty_records
from tetrarium.evaluation.analysis.positions import UNKNOWN
from tetrarium.evaluation.analysis.results import count_positions, drops_of, graph_of
from tetrarium.registry.home import Home
from tetrarium.workers.directories.game_reference import (
    GAME_ID_PATTERN,
    REPLAY_FOLDER,
    REPLAY_OF_RUN,
    fumen_positions,
    reference_of,
    resolve_game,
    set_up_game,
)
from tetrarium.workers.directories.jobs import JobView, read_job
from tetrarium.workers.human_play.human_game_control import MAX_GAME_REFERENCE
from tetrarium.workers.human_play.saved_games import import_game
from tetrarium.workers.processes.analysis_job import read_records
from tetrarium.workers.processes.launcher import start_job

_MAX_ACTIONS: Final = 200_000  # of a game that is shown; checking so many keys takes seconds
_MAX_PAGES: Final = 500
_VISIBLE_ROWS: Final = 20  # of the guideline's board, and of a fumen's
_ROWS_ABOVE: Final = HEIGHT - _VISIBLE_ROWS
_N_CACHED: Final = 8
_MEDIA_TYPES: Final = {"gif": "image/gif", "mp4": "video/mp4"}
_ANIMATION: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {name: {"schema": {"type": "string", "format": "binary"}} for name in _MEDIA_TYPES.values()}}
}
GameId = Annotated[
    str,
    PathParameter(
        pattern=GAME_ID_PATTERN,
        description="A saved or imported game's name without its suffix, or `RUN~REPLAY`.",
        examples=["first~best-01"],
    ),
]
Id = Annotated[str, PathParameter(pattern=NAME_PATTERN, description="The analysis's id.", examples=["9f3a01c2"])]
Known = Annotated[
    int, Query(ge=-1, le=MAX_ACTIONS, description="`n_valued` of the values that the caller has; -1 for none.")
]


class GameResponse(ResponseModel):
    """A recorded game as it is analyzed: by its placements."""

    title: str = Field(description="Title for people.", examples=["first/best-01"])
    by_keys: bool = Field(description="Whether it was played by keys; its points are then those of placements alone.")
    pieces: int = Field(description="Placements that can be shown.", examples=[103])
    n_left_out: int = Field(description="Placements after them that are no action of the reduced game.", examples=[0])
    lines: int = Field(description="Cleared lines.", examples=[40])
    terminated: bool = Field(description="Whether it was lost, as opposed to truncated or completed.")
    seconds: list[float] = Field(description="When each piece was placed, in a game by keys.", examples=[[0.6, 1.1]])
    about: dict[str, str | int | float] = Field(
        description="Further facts: agent, mode.", examples=[{"mode": "sprint"}]
    )


class ImportedGame(ResponseModel):
    """A game that was imported."""

    name: str = Field(description="Its id in addresses.", examples=["imported-0123456789abcdef"])


class FumenRequest(RequestModel):
    """A fumen to be shown."""

    fumen: str = Field(
        max_length=MAX_GAME_REFERENCE, description="The text, or an address with it.", examples=["v115@vhAXKJ"]
    )


class PositionRequest(RequestModel):
    """A position that was set up by hand."""

    width: int = Field(default=WIDTH, ge=4, le=16, description="Columns of the board.")
    height: int = Field(default=_VISIBLE_ROWS, ge=4, le=40, description="Visible rows of the board.")
    cells: str = Field(
        max_length=16 * (40 + _ROWS_ABOVE),
        pattern="^[IOTLJSZx.]*$",
        description="Cells as in `board-shown`, up to three rows above the visible ones; empty ones at the end can be "
        "left out.",
        examples=["IIII......"],
    )
    queue: str = Field(
        min_length=1, max_length=7, pattern="^[IOTLJSZ]*$", description="The current and the next pieces.",
        examples=["TIO"],
    )  # fmt: skip
    held: str | None = Field(default=None, pattern="^[IOTLJSZ]$", description="The held piece.", examples=["S"])


class FumenResponse(ResponseModel):
    """A fumen as text."""

    fumen: str = Field(description="The text.", examples=["v115@vhAAgH"])


class SetUpPositionResponse(ResponseModel):
    """A position that can be shown, analyzed and linked to."""

    fumen: str | None = Field(
        description="Its fumen; null for a board of another size, which a fumen cannot hold.", examples=["v115@vhAAgH"]
    )
    game: str | None = Field(description="Id of the game without a piece that holds it instead.", examples=[None])


class StartAnalysisRequest(RequestModel):
    """Starts an analysis."""

    game: str = Field(
        max_length=MAX_GAME_REFERENCE, description="Id of a game, or a fumen.", examples=["first~best-01"]
    )
    advisor: Agent = Field(default="champion", description="Agent reference of the advisor.")
    first: int = Field(default=0, ge=0, description="Position that is analyzed first, with those around it.")


class ContinueRequest(RequestModel):
    """Has an agent play on from a position."""

    agent: Agent = Field(description="Agent reference of the agent that plays on.", examples=["champion"])
    first: int = Field(ge=0, description="Number of pieces placed before.", examples=[40])
    max_pieces: int = Field(default=200, ge=1, le=10_000, description="Pieces that it places at most.")


class PlacementResponse(ResponseModel):
    """A piece at its lock position."""

    piece: int = Field(description="Number of the piece.", examples=[2])
    rotation: int = Field(description="Clockwise turns from lying flat.", examples=[1])
    column: int = Field(description="Column of its leftmost cell, from 0.", examples=[4])
    row: int = Field(description="Row of its lowest cell, from 0.", examples=[0])
    lines: int = Field(description="Lines that it clears.", examples=[0])
    cells: list[int] = Field(description="Its cells, `row * width + column`.", examples=[[4, 14, 24, 15]])


class CandidateResponse(PlacementResponse):
    """A placement with its value."""

    value: float | None = Field(description="Action value; null where the advisor counts it as lost.", examples=[1.2])
    ends: bool = Field(description="Whether it ends the game.")
    ahead: list[PlacementResponse] = Field(description="Placements that the advisor makes next.", examples=[[]])


class PositionResponse(ResponseModel):
    """Analysis of one position."""

    position: int = Field(description="Number of the position, from 0.", examples=[41])
    n_legal: int = Field(description="Number of placements.", examples=[34])
    rank: int | None = Field(description="Rank of the played placement; null where nothing was played.", examples=[1])
    drop: float | None = Field(description="Value that it lost; null where it loses the game.", examples=[0.0])
    played: CandidateResponse | None = Field(description="The played placement.", examples=[None])
    best: list[CandidateResponse] = Field(description="The five best placements, best first.", examples=[[]])


class GraphResponse(ResponseModel):
    """Values of all positions as columns; null where one is not known yet."""

    best: list[float | None] = Field(description="Value of each position's best placement.", examples=[[1.2]])
    played: list[float | None] = Field(description="Value of each played placement.", examples=[[1.1]])
    drop: list[float | None] = Field(description="Value lost; null also where it loses the game.", examples=[[0.1]])
    mistakes: list[int] = Field(description="Positions with mistakes, the largest drop first.", examples=[[41]])
    spread: float = Field(
        description="Median difference between a position's best and middle placement.", examples=[0.6]
    )


class AnalysisResponse(ResponseModel):
    """State of an analysis, with the values of all positions unless the caller has them."""

    state: str = Field(description="As of a job.", examples=["running"])
    message: str = Field(description="Latest message for people.", examples=["Analyzing first/best-01."])
    code: str = Field(description="Code of the error, or empty.", examples=[""])
    share_done: float | None = Field(description="Progress from 0 to 1.", examples=[0.4])
    n_positions: int = Field(description="Number of positions; 0 until it is known.", examples=[104])
    n_valued: int = Field(description="Number of positions with values.", examples=[104])
    n_played: int = Field(description="Number of those in which a piece was placed.", examples=[103])
    n_ahead: int = Field(description="Number of positions with placements ahead.", examples=[52])
    graph: GraphResponse | None = Field(description="The values; null if the caller knows them.", examples=[None])


def game_routes(home: Home) -> APIRouter:
    """Creates the routes."""
    routes = APIRouter(prefix="/api", tags=["games"], responses=FAILURES, route_class=JsonRoute)
    _add_games(routes, home)
    _add_fumens(routes, home)
    _add_analyses(routes, home)
    return routes


def _add_games(routes: APIRouter, home: Home) -> None:
    @routes.post(
        "/games",
        status_code=201,
        summary="Import a replay",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def import_replay(request: Request) -> ImportedGame:
        """Stores a `.tetris-replay` file or one in JSON, which can then be shown and analyzed."""
        content = await request.body()
        is_json = content[:64].lstrip()[:1] == b"{" and content.rstrip()[-1:] == b"}"
        return ImportedGame(
            name=import_game(home, Replay.from_json(content) if is_json else Replay.from_bytes(content))
        )

    @routes.get("/games/{game_id}/facts", summary="Show a recorded game")
    def show_game(game_id: GameId) -> GameResponse:
        """Returns what is known of a game, and how many of its placements can be shown."""
        original, reduced = _game(home, game_id)
        replay = reduced.replay
        return GameResponse(
            title=game_id.replace(REPLAY_OF_RUN, "/"),
            by_keys=original.env_config.actions == "keys",
            pieces=len(replay),
            n_left_out=reduced.n_left_out,
            lines=replay.lines,
            terminated=original.terminated,
            seconds=list(reduced.seconds),
            about=dict(original.about),
        )

    @routes.get("/games/{game_id}/boards", summary="Show boards of a recorded game")
    def show_game_boards(
        game_id: GameId,
        first: First = 0,
        n_boards: Annotated[int, Query(ge=1, le=500, description="Largest number of boards.")] = 200,
    ) -> ReplayBoardsResponse:
        """Returns consecutive boards, one per placement also of a game by keys."""
        return replay_boards(_game(home, game_id)[1].replay, first, n_boards)

    @routes.get(
        "/games/{game_id}/animation",
        summary="Render a part of a game as a GIF or a video",
        response_class=Response,
        responses=_ANIMATION,
    )
    def show_game_animation(
        game_id: GameId,
        kind: Annotated[Literal["gif", "mp4"], Query(description="A GIF or a video.")] = "gif",
        first: First = 0,
        n_pieces: Annotated[int, Query(ge=1, le=300, description="Number of pieces to show.")] = 100,
        speed: Annotated[float, Query(ge=1, le=100, description="Pieces per second.")] = 10,
    ) -> Response:
        """Takes some seconds; one animation is rendered at a time."""
        replay = _game(home, game_id)[1].replay
        content = make_animation(replay, first=first, n_pieces=n_pieces, speed=speed, suffix=f".{kind}")
        name = f"{game_id.replace(REPLAY_OF_RUN, '-')}.{kind}"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type=_MEDIA_TYPES[kind], headers=headers)

    @routes.get("/games/{game_id}/fumen", summary="Show a part of a game as a fumen")
    def show_game_fumen(
        game_id: GameId,
        first: First = 0,
        n_pages: Annotated[int, Query(ge=1, le=_MAX_PAGES, description="Largest number of pages.")] = 1,
    ) -> FumenResponse:
        """Returns positions with the placements that were played in them."""
        return FumenResponse(fumen=replay_fumen(_game(home, game_id)[1].replay, first, n_pages))

    @routes.post("/games/{game_id}/continuations", status_code=202, summary="Have an agent play on from a position")
    def continue_from(game_id: GameId, request: ContinueRequest) -> JobView:
        """Starts a job of the kind `continue`; its result names the new game, which begins as this one does."""
        require_agent(home, request.agent, "agent")
        values = {"game": reference_of(game_id), **request.model_dump()}
        return read_job(home, start_job(home, "continue", values))


def _add_fumens(routes: APIRouter, home: Home) -> None:
    @routes.post("/fumens", summary="Show the boards of a fumen")
    def show_fumen(request: FumenRequest) -> ReplayBoardsResponse:
        """Returns the pages that state a piece as boards; their ghosts are the placed pieces."""
        pages = [page for page in decode_fumen(request.fumen) if page.queue]
        if not 1 <= len(pages) <= _MAX_PAGES:
            raise FumenError(
                f"A fumen that is shown states a piece on 1 to {_MAX_PAGES} pages; this one does on {len(pages):,}. "
                "Add a piece, or split it."
            )
        return ReplayBoardsResponse(
            width=WIDTH,
            height=_VISIBLE_ROWS,
            first=0,
            n_pieces=len(pages) - 1,
            cells=[encode_cells(page.cells).rstrip(".") for page in pages],
            queue=[[PIECES.index(letter) for letter in page.queue] for page in pages],
            held=[None if page.held is None else PIECES.index(page.held) for page in pages],
            lines=[0] * len(pages),
            score=[0] * len(pages),
            placed=[[]] * len(pages),
            cleared=[[]] * len(pages),
            ghost=[[row * 10 + column for column, row in page.placed] for page in pages],
        )

    @routes.post("/positions", summary="Set up a position")
    def set_up_position(request: PositionRequest) -> SetUpPositionResponse:
        """Returns its fumen, or the id of a new game that holds it on a board of another size than a fumen's."""
        width, height = request.width, request.height
        cells = decode_cells(request.cells.ljust(width * (height + _ROWS_ABOVE), "."), width)
        if (width, height) != (WIDTH, _VISIBLE_ROWS):
            game = set_up_game(cells, request.queue, request.held, width=width, height=height)
            return SetUpPositionResponse(fumen=None, game=import_game(home, game))
        page = FumenPage(cells=cells, comment=quiz_comment(request.queue, request.held))
        fumen_positions([page])  # refuses what is no position of a game
        return SetUpPositionResponse(fumen=encode_fumen([page]), game=None)


def _add_analyses(routes: APIRouter, home: Home) -> None:
    @routes.post("/analyses", status_code=202, summary="Start an analysis of a game")
    def start_analysis(request: StartAnalysisRequest) -> JobView:
        """Starts a job of the kind `analyze`, whose results can be read while it runs."""
        require_agent(home, request.advisor, "advisor")
        reference = reference_of(request.game)
        replay = resolve_game(reference, home, reads_paths=False).replay  # what is no game starts no process
        if replay is not None:
            _require_short(replay, reference)
        values = request.model_dump() | {"game": reference}
        return read_job(home, start_job(home, "analyze", values))

    @routes.get("/analyses/{analysis_id}", summary="Show an analysis")
    def show_analysis(analysis_id: Id, known: Known = -1) -> AnalysisResponse:
        """Returns its progress and the values so far, these only if there are more than the caller knows."""
        view = _analysis_job(home, analysis_id)
        records = read_records(home.job_folder(analysis_id))
        return _analysis_response(view, records, known)

    @routes.get("/analyses/{analysis_id}/positions", summary="Show the best placements of positions")
    def show_positions(
        analysis_id: Id,
        first: First = 0,
        n_positions: Annotated[int, Query(ge=1, le=200, description="Largest number of positions.")] = 50,
    ) -> list[PositionResponse]:
        """Returns the positions that have values, with their best placements and those that follow these."""
        view = _analysis_job(home, analysis_id)
        records = read_records(home.job_folder(analysis_id))
        if records is None:
            return []
        part = range(first, min(first + n_positions, len(records)))
        drops = drops_of(records)
        width = _width(home, str(view.values["game"]))
        return [_position_response(records, k, drops[k], width) for k in part if records["is_valued"][k]]


def _analysis_job(home: Home, analysis_id: str) -> JobView:
    view = read_job(home, analysis_id)
    if view.kind != "analyze":
        raise EntryNotFoundError(f"There is no analysis {analysis_id!r}. Start one with POST /api/analyses.")
    return view


def _game(home: Home, game_id: str) -> tuple[Replay, PlacementReplay]:
    """Returns a game and its placements, checked."""
    run, tilde, name = game_id.partition(REPLAY_OF_RUN)
    folder, stem = (home.run_folder(run) / REPLAY_FOLDER, name) if tilde else (home.games, game_id)
    path = folder / f"{stem}{REPLAY_SUFFIX}"
    try:
        status = path.lstat()
    except FileNotFoundError:
        status = None
    return _read_game(home.root, reference_of(game_id), (status.st_mtime_ns, status.st_size) if status else None)


def _require_short(replay: Replay, reference: str) -> None:
    if len(replay) > _MAX_ACTIONS:
        raise ReplayError(
            f"Games of at most {_MAX_ACTIONS:,} actions can be shown; {reference!r} has {len(replay):,}. Use "
            "`tetrarium watch` or `tetrarium analyze`."
        )


@lru_cache(maxsize=_N_CACHED)
def _read_game(root: Path, reference: str, _state: tuple[int, int] | None) -> tuple[Replay, PlacementReplay]:
    replay = resolve_game(reference, Home(root), reads_paths=False).replay
    assert replay is not None
    _require_short(replay, reference)
    reduced = reduce_to_placements(replay)
    if reduced.replay is replay:
        for _ in replay.play():
            pass
    return replay, reduced


def _width(home: Home, reference: str) -> int:
    return WIDTH if is_fumen(reference) else _game(home, reference.replace("/", REPLAY_OF_RUN))[0].env_config.width


def _analysis_response(view: JobView, records: Records | None, n_known: int) -> AnalysisResponse:
    records = empty_records() if records is None else records
    counts = count_positions(records)
    graph = None if counts.n_valued == n_known else GraphResponse(**asdict(graph_of(records)))
    return AnalysisResponse(
        state=view.state, message=view.message, code=view.code, share_done=view.share_done, graph=graph,
        **asdict(counts),
    )  # fmt: skip


def _position_response(records: Records, k: int, drop: float, width: int) -> PositionResponse:
    record = records[k]
    return PositionResponse(
        position=k,
        n_legal=int(record["n_legal"]),
        rank=int(record["rank"]) or None,
        drop=float(drop) if math.isfinite(drop) else None,
        played=_candidate(record["played"], width) if record["rank"] else None,
        best=[_candidate(one, width) for one in record["best"] if one["action"] != UNKNOWN],
    )


def _candidate(record: Any, width: int) -> CandidateResponse:
    value = float(record["value"])
    ahead = [PlacementResponse(**_placement(one, width)) for one in record["ahead"] if one["piece"] != UNKNOWN]
    return CandidateResponse(
        **_placement(record["placed"], width),
        value=value if math.isfinite(value) else None,
        ends=bool(record["ends"]),
        ahead=ahead,
    )


def _placement(placed: Any, width: int) -> dict[str, Any]:
    piece, rotation, column, row, _, lines = placed.tolist()
    cells = [(row + y) * width + column + x for x, y in orientation_cells(piece, rotation)]
    return {"piece": piece, "rotation": rotation, "column": column, "row": row, "lines": lines, "cells": cells}
