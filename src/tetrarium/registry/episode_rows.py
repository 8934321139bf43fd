"""The games of a run as rows of ``registry.db``, and sums of 32 and of 1,024 of them, so that a curve reads few rows.

A curve of at most so many points is made of the coarsest sums that are no coarser than its points: however many games
there are, some ten thousand rows are read.
"""

import itertools
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, Subquery, delete, func, insert, literal, select

from tetrarium.registry.schema import episode_buckets, episodes

__all__ = ["CURVE_COLUMNS", "refresh_buckets", "select_curve"]

_SIZES: Final = (1, 32, 1_024)  # games in a sum; each a multiple of the one before
_SUMMED: Final = ("lines", "reward", "pieces")
CURVE_COLUMNS: Final = (
    "step",
    "n_games",
    *(f"{how}_{what}_game" for what in _SUMMED for how in ("mean", "min", "max")),
)


def _sums(run_id: int, size: int, first: int = 0) -> Subquery:
    """The sums of so many games each that begin at the ``first`` game or later; ``place`` is of its first game."""
    if size == 1:
        games = episodes.c
        itself: list[Any] = [games[what].label(f"{how}_{what}") for what in _SUMMED for how in ("sum", "min", "max")]
        query = select(
            games.number.label("place"), literal(1).label("n_games"), games.step.label("first_step"), *itself
        )
        return query.where(games.run_id == run_id, games.number >= first).subquery()
    sums = episode_buckets.c
    columns = [column for column in sums if column.name not in ("run_id", "size", "number")]
    query = select((sums.number * size).label("place"), *columns)
    return query.where(sums.run_id == run_id, sums.size == size, sums.number >= first // size).subquery()


def _summed(finer: Subquery) -> list[Any]:
    by_name: dict[str, Callable[..., Any]] = {"sum": func.sum, "min": func.min, "max": func.max}
    return [
        func.sum(finer.c.n_games),
        func.min(finer.c.first_step),
        *(by_name[how](finer.c[f"{how}_{what}"]) for what in _SUMMED for how in ("sum", "min", "max")),
    ]


def refresh_buckets(connection: Connection, run_id: int, first: int) -> None:
    """Makes the sums of all games from the ``first`` on anew."""
    buckets = episode_buckets.c
    for finer_size, size in itertools.pairwise(_SIZES):
        begin = first // size
        is_stale = (buckets.run_id == run_id) & (buckets.size == size) & (buckets.number >= begin)
        connection.execute(delete(episode_buckets).where(is_stale))
        finer = _sums(run_id, finer_size, begin * size)
        number = finer.c.place // size
        summed = select(literal(run_id), literal(size), number, *_summed(finer)).group_by(number)
        connection.execute(insert(episode_buckets).from_select(list(buckets.keys()), summed))


def select_curve(connection: Connection, run_id: int, n_games: int, max_points: int) -> list[tuple[Any, ...]]:
    """Reads means, least and most over groups of consecutive games, as ``CURVE_COLUMNS``, in at most so many rows."""
    width = -(-n_games // max_points)
    finest = max(size for size in _SIZES if size <= max(width, 1))
    sums = _sums(run_id, finest)
    group = sums.c.place // (-(-width // finest) * finest)
    n, first_step, *summed = _summed(sums)
    values = [
        place / (n * 1.0) if how == 0 else place for how, place in zip([0, 1, 2] * len(_SUMMED), summed, strict=True)
    ]
    rows = connection.execute(select(first_step, n, *values).group_by(group).order_by(group))
    return [tuple(row) for row in rows]
