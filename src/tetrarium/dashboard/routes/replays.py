"""Saved games of a run: ``/api/runs/NAME/replays`` and the paths below it.

The functions may block, so they are not coroutines: each runs in a thread.
"""

import itertools
import stat
import threading
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter
from pydantic import Field

from tetrarium.dashboard.live.sources import find_source
from tetrarium.dashboard.routes.runs import Name
from tetrarium.dashboard.schemas import FAILURES, JsonRoute, ResponseModel
from tetrarium.engine.board_tracker import BoardTracker, encode_cells
from tetrarium.environment.pictures.animation import ANIMATION_WRITERS, animation_frames
from tetrarium.environment.replays import MAX_FILE_BYTES, REPLAY_SUFFIX, Replay
from tetrarium.errors import ConfigError, EntryNotFoundError, LimitReachedError, ReplayError
from tetrarium.registry.files.safe_files import open_plain
from tetrarium.registry.home import Home

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_GIF: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"image/gif": _BINARY}}}
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}, "application/octet-stream": _BINARY}}
}
_MAX_FIRST: Final = 1 << 24
REPLAY_PATTERN = r"^(first|best-[0-9]{2}|last-[0-9]{2})$"
ReplayName = Annotated[
    str, PathParameter(pattern=REPLAY_PATTERN, description="Name of the replay.", examples=["best-01"])
]
First = Annotated[int, Query(ge=0, le=_MAX_FIRST, description="Number of pieces placed before the first board.")]


class ReplayResponse(ResponseModel):
    """A replay of a run."""

    name: str = Field(
        description="Name: `first`, `best-01` for the best game, `last-01` for the latest.", examples=["best-01"]
    )
    lines: int = Field(description="Cleared lines.", examples=[3_998])
    pieces: int = Field(description="Placed pieces.", examples=[10_000])
    terminated: bool = Field(description="Whether it terminated by the rules, as opposed to truncated or unfinished.")
    step: int | None = Field(description="Training step at which it ended, if it did.", examples=[41_200])
    seed: int = Field(description="Seed of its pieces.", examples=[1])
    game: int = Field(description="Number of the game of the seed.", examples=[7])


class ReplayBoardsResponse(ResponseModel):
    """Consecutive boards of a replay as columns of equal length."""

    width: int = Field(description="Columns of the board.", examples=[10])
    height: int = Field(description="Visible rows.", examples=[20])
    first: int = Field(description="Number of pieces placed on the first board.", examples=[200])
    n_pieces: int = Field(description="Pieces of the whole game.", examples=[10_000])
    cells: list[str] = Field(
        description="As in `board-shown`, without the empty cells at the end.",
        examples=[["IIII..", "IIII..OO........OO"]],
    )
    queue: list[list[int]] = Field(description="Visible pieces, the current one first.", examples=[[[1, 4]]])
    held: list[int | None] = Field(description="Held piece, if there is one.", examples=[[None]])
    lines: list[int] = Field(description="Lines cleared so far.", examples=[[0]])
    score: list[int] = Field(description="Points so far.", examples=[[0]])
    placed: list[list[int]] = Field(
        description="Cells that the latest piece filled, before lines were cleared.", examples=[[[0, 1, 2, 3]]]
    )
    cleared: list[list[int]] = Field(description="Rows that it cleared.", examples=[[[]]])
    ghost: list[list[int]] = Field(
        description="Cells that the current piece is going to fill.", examples=[[[4, 5, 14, 15]]]
    )


def replay_routes(home: Home) -> APIRouter:
    """Creates the routes."""
    routes = APIRouter(prefix="/api/runs/{name}/replays", tags=["replays"], responses=FAILURES, route_class=JsonRoute)

    @routes.get("", summary="List a run's replays")
    def show_replays(name: Name) -> list[ReplayResponse]:
        """Returns its first game, its best games, best first, and its latest games, latest first."""
        return list_replays(find_source(home, "run", name).folder)

    @routes.get("/{replay}/boards", summary="Show boards of a replay")
    def show_boards(
        name: Name,
        replay: ReplayName,
        first: First = 0,
        n_boards: Annotated[int, Query(ge=1, le=500, description="Largest number of boards.")] = 200,
    ) -> ReplayBoardsResponse:
        """Returns consecutive boards; each cell has the letter of the piece that filled it."""
        return replay_boards(find_replay(find_source(home, "run", name).folder, replay), first, n_boards)

    @routes.get("/{replay}/gif", summary="Render a part of a replay as a GIF", response_class=Response, responses=_GIF)
    def show_gif(
        name: Name,
        replay: ReplayName,
        first: First = 0,
        n_pieces: Annotated[int, Query(ge=1, le=300, description="Number of pieces to show.")] = 100,
        speed: Annotated[float, Query(ge=1, le=100, description="Pieces per second.")] = 10,
    ) -> Response:
        """Takes some seconds; one GIF is rendered at a time."""
        content = make_animation(
            find_replay(find_source(home, "run", name).folder, replay), first=first, n_pieces=n_pieces, speed=speed
        )
        return Response(content, media_type="image/gif", headers=_attachment(f"{name}-{replay}.gif"))

    @routes.get("/{replay}/file", summary="Download a replay", response_class=Response, responses=_FILE)
    def show_file(
        name: Name,
        replay: ReplayName,
        kind: Annotated[
            Literal["json", "tetris-replay"], Query(description="Readable JSON, or the compact binary format.")
        ] = "json",
    ) -> Response:
        """Returns a file for `tetrarium watch` and `tetrarium record`, which reproduces the game exactly."""
        found = find_replay(find_source(home, "run", name).folder, replay, is_checked=False)
        if kind == "json":
            return Response(
                found.to_json(), media_type="application/json", headers=_attachment(f"{name}-{replay}.json")
            )
        return Response(
            found.to_bytes(),
            media_type="application/octet-stream",
            headers=_attachment(f"{name}-{replay}{REPLAY_SUFFIX}"),
        )

    return routes


def _attachment(file: str) -> dict[str, str]:
    """Returns the header that makes a browser save a file; the name consists of characters that need no quoting."""
    return {"content-disposition": f'attachment; filename="{file}"'}


_REPLAY_FOLDER: Final = "replays"
_ORDER: Final = {"first": 0, "best": 1, "last": 2}
_N_CACHED: Final = 8  # replays that are kept in memory, so that each is checked once
_MAX_CHECKED: Final = 200_000  # checking so many takes about 15 seconds
_GIF_LOCK: Final = threading.Lock()
_CHECK_LOCK: Final = threading.Lock()


def list_replays(run: Path) -> list[ReplayResponse]:
    """Returns the replays of a run: its first game, its best games, best first, and its latest games, latest first."""
    found = []
    for path in sorted((run / _REPLAY_FOLDER).glob(f"*{REPLAY_SUFFIX}"), key=_sort_key):
        try:
            replay = _read(path)
        except (OSError, ReplayError):  # replaced or deleted meanwhile, or written by a later version
            continue
        step = replay.about.get("step")
        found.append(
            ReplayResponse(
                name=path.name.removesuffix(REPLAY_SUFFIX),
                lines=replay.lines,
                pieces=replay.pieces,
                terminated=replay.terminated,
                step=step if isinstance(step, int) else None,
                seed=replay.seed,
                game=replay.game,
            )
        )
    return found


def _sort_key(path: Path) -> tuple[int, str]:
    return _ORDER.get(path.name.partition("-")[0].partition(".")[0], len(_ORDER)), path.name


def find_replay(run: Path, name: str, *, is_checked: bool = True) -> Replay:
    """Returns one replay of a run.

    ``is_checked``: whether to play it once with every check, as needed before it is shown.

    Raises:
        EntryNotFoundError: if there is none of that name.
        ReplayError: if it cannot be read, or fails the check, or is too long for it.
    """
    path = run / _REPLAY_FOLDER / f"{name}{REPLAY_SUFFIX}"
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(path)
        if not is_checked:
            return _read(path)
        with _CHECK_LOCK:  # simultaneous requests for a replay check it once
            return _read_checked(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        raise EntryNotFoundError(
            f"The run {run.name!r} has no replay {name!r}. Choose one from the list of its replays."
        ) from None


@lru_cache(maxsize=_N_CACHED)
def _read_checked(path: Path, _modified_ns: int, _n_bytes: int) -> Replay:
    """Reads a replay and plays it once with every check.

    The board tracker has no checks and would write outside of its arrays.
    """
    replay = _read(path)
    if len(replay) > _MAX_CHECKED:
        raise ReplayError(
            f"Replays of at most {_MAX_CHECKED:,} actions can be shown; {path.name!r} has {len(replay):,}. Download "
            "the file and use `tetrarium watch`."
        )
    for _ in replay.play():
        pass
    return replay


def _read(path: Path) -> Replay:
    with open_plain(path) as file:
        return Replay.from_bytes(file.read(MAX_FILE_BYTES + 1))


def replay_boards(replay: Replay, first: int, n_boards: int) -> ReplayBoardsResponse:
    """Returns consecutive boards of a replay.

    Args:
        replay: The replay.
        first: Number of pieces placed on the first board; 0 is the empty board.
        n_boards: Largest number of boards; the last possible one follows the last piece.

    Raises:
        ReplayError: if the steps of the game are keys, not placements.
        ConfigError: if the game has fewer than ``first`` pieces.
    """
    if replay.env_config.actions == "keys":
        raise ReplayError("Boards can be shown for games of placements; got one by keys. Use `tetrarium watch`.")
    actions = replay.action_numbers()
    if first > len(actions):
        raise ConfigError(
            f"first must be at most {len(actions):,}, the pieces of the game; got {first:,}.", field="first"
        )
    follower = BoardTracker(replay.env_config.rules())
    replay.begin_tracker(follower)
    follower.follow(actions[:first])
    rows: list[dict[str, Any]] = []
    for k in range(first, min(first + n_boards, len(actions) + 1)):
        if k > first:
            follower.follow(actions[k - 1 : k])
        rows.append(
            {
                "cells": encode_cells(follower.grid).rstrip("."),
                "queue": follower.queue,
                "held": follower.hold,
                "lines": follower.lines,
                "score": follower.score,
                "placed": follower.placed,
                "cleared": follower.cleared_rows,
                "ghost": follower.resting_cells(actions[k : k + 1])[0] if k < len(actions) else (),
            }
        )
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    height, width = follower.height, follower.grid.shape[1]
    return ReplayBoardsResponse.model_validate(
        {"width": width, "height": height, "first": first, "n_pieces": len(actions), **columns}
    )


def make_animation(
    replay: Replay, *, first: int, n_pieces: int, speed: float, cell_px: int = 16, suffix: str = ".gif"
) -> bytes:
    """Renders a part of a replay.

    Args:
        replay: The replay.
        first: Number of pieces placed before the first frame.
        n_pieces: Number of pieces to show.
        speed: Pieces per second.
        cell_px: Edge length of a cell in pixels.
        suffix: A key of ``ANIMATION_WRITERS``.

    Raises:
        ConfigError: if the speed is out of range.
        ReplayError: if the game cannot be replayed.
        LimitReachedError: if another animation is being rendered, which uses one core.
    """
    if not _GIF_LOCK.acquire(blocking=False):
        raise LimitReachedError("One animation is rendered at a time, and another one is in progress. Try again later.")
    try:
        config = replay.env_config
        moves = itertools.islice(replay.play(), first + n_pieces)
        target = BytesIO()
        frames = animation_frames(
            moves,
            width=config.width,
            height=config.height,
            can_hold=config.hold,
            speed=speed,
            cell_px=cell_px,
            n_skipped=first,
        )
        ANIMATION_WRITERS[suffix](frames, target)
        return target.getvalue()
    finally:
        _GIF_LOCK.release()
