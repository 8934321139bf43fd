"""What ``registry.db`` knows of training runs: how they stand, every game that ended, and every evaluation.

The files in a run's folder are the authority, and the database follows them: whatever it knows could be read again. So
its commits need not wait for the disk, and who cannot write to it goes on without. New rows of a file and how far the
file was read become known in one transaction; a process that is killed leaves both or neither. Rows that a run has cut
off, to go on from an earlier checkpoint, go when its file is next looked at.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as insert_or_change

from tetrarium.registry.database import Database
from tetrarium.registry.episode_rows import CURVE_COLUMNS, select_curve
from tetrarium.registry.home import Home
from tetrarium.registry.plain_files import read_object
from tetrarium.registry.record_files import EPISODES, RECORDS, Batch, Record, read_batch, seen_now
from tetrarium.registry.record_rows import apply_batch, count_rows, select_known, select_parts
from tetrarium.registry.schema import runs

__all__ = ["RunStore"]

_CONFIG: Final = "config.json"
_JSON: Final = frozenset({"checkpoints", "config"})  # columns
_LARGEST: Final = 2**63  # that SQLite holds as a whole number
_SHOWN: Final = [column for column in runs.c if column.name not in ("id", "config")]


class RunStore:
    """The runs of a home, as the database knows them.

    >>> RunStore(Home.locate("somewhere")).standings()
    {}

    Args:
        home: Where they are.
        wait_s: How long a transaction waits for others; as long as the database does by itself, if left out.
    """

    def __init__(self, home: Home, *, wait_s: float | None = None) -> None:
        self.home = home
        self._database = Database(home, wait_s=wait_s)

    def standings(self) -> dict[str, dict[str, Any]]:
        """How every run stood when it was last looked at, by name: the columns of ``runs`` but for its config.

        Raises:
            HomeError: if the database cannot be read.
        """
        if not self._database.exists:
            return {}
        with self._database.reading() as connection:
            return {row.name: dict(row._mapping) for row in connection.execute(select(*_SHOWN))}

    def keep(self, changed: Mapping[str, Mapping[str, Any]], gone: Iterable[str] = ()) -> None:
        """Writes down how runs stand; a run of which a value is none that the database holds is left out.

        Args:
            changed: Columns of ``runs``, by name of the run.
            gone: Runs whose folders are gone; what is known of them goes too, unless they are there again.

        Raises:
            HomeError: if the database cannot be written.
        """
        with self._database.writing(is_durable=False) as connection:
            for name, values in changed.items():
                if _fits(values):
                    _keep(connection, name, values)
            for name in gone:
                if not self.home.run_folder(name).is_dir():
                    connection.execute(delete(runs).where(runs.c.name == name))

    def take_in(self, name: str, *, max_batches: int | None = None) -> bool:
        """Takes in what a run's files have beyond what is known of them, in transactions of some 25,000 rows.

        Args:
            name: The run's.
            max_batches: How many transactions at most; as many as it takes, if left out.

        Returns:
            Whether all is taken in.

        Raises:
            HomeError: if the name may not be one, or the database cannot be written.
            OSError: if a file cannot be read.
        """
        folder = self.home.run_folder(name)
        if not folder.is_dir():
            if name in self.standings():
                self.keep({}, [name])
            return True
        n_batches = 0
        for record in RECORDS:
            while not self._take_in_batch(folder, record):
                n_batches += 1
                if n_batches == max_batches:
                    return False
        return True

    def _take_in_batch(self, folder: Path, record: Record) -> bool:
        """Takes in some rows of a file; returns whether these were the last."""
        path = folder / record.file_name
        with self._database.reading() as connection:
            known = select_known(connection, folder.name, record)
        if (seen_now(path) or "") == known.seen and known.run_id is not None:
            return True

        def read_parts() -> list[Any]:
            if known.run_id is None:
                return []
            with self._database.reading() as connection:
                return list(select_parts(connection, known.run_id, record))

        try:
            batch = read_batch(path, record, known.seen, known.latest, read_parts)
        except FileNotFoundError:
            batch = Batch(kept=None, rows=[], parts=[], seen="", is_last=True)
        with self._database.writing(is_durable=False) as connection:
            if select_known(connection, folder.name, record) != known:
                return False  # another process was quicker
            run_id = known.run_id
            if run_id is None:
                run_id = _keep(connection, folder.name, {"mark": "", "config": _config(folder)})
            apply_batch(connection, run_id, record, batch)
        return batch.is_last

    def curve(self, name: str, max_points: int) -> dict[str, list[int | float]]:
        """The games of a run that ended, in groups of consecutive ones, as columns of at most so many values.

        Raises:
            HomeError: if the database cannot be read.
        """
        rows: list[tuple[Any, ...]] = []
        if self._database.exists:
            with self._database.reading() as connection:
                run_id, n_games = count_rows(connection, name, EPISODES)
                if run_id is not None and n_games:
                    rows = select_curve(connection, run_id, n_games, max_points)
        return {column: [row[place] for row in rows] for place, column in enumerate(CURVE_COLUMNS)}


def _keep(connection: Connection, name: str, values: Mapping[str, Any]) -> int:
    """Writes a run's row; returns its number."""
    row = insert_or_change(runs).values({**values, "name": name})
    row = row.on_conflict_do_update(index_elements=[runs.c.name], set_=dict(values))
    return int(connection.execute(row.returning(runs.c.id)).scalar_one())


def _fits(values: Mapping[str, Any]) -> bool:
    """Whether values are such as the columns hold; a config that somebody wrote may say anything."""
    plain = [value for column, value in values.items() if column not in _JSON]
    return all(
        -_LARGEST <= value < _LARGEST if isinstance(value, int) else value is None or isinstance(value, str | float)
        for value in plain
    )


def _config(folder: Path) -> Any:
    """What a run was started with, where that can be read."""
    try:
        return read_object(folder / _CONFIG)
    except (OSError, ValueError):
        return None
