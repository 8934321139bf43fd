"""Saved models: slots, which are names with a history, and their versions; nothing that was saved is overwritten.

A version is a bundle, ``models/NAME/NUMBER.tetris``, and a row in ``registry.db`` that says the same and what was added
since: notes, tags, which version is promoted, what lies in the trash. The file is written first, as a whole, while the
database's lock is held; so a kill at any instant leaves no row without a file. A file without a row, be it left by a
kill or copied in by hand, gets its row when models are next looked at, and a file deleted by hand is noticed then.

What is deleted lies in the trash, where its file and its number stay, until it is restored or removed for ever.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, delete, update

from tetrarium.errors import BundleError, ModelError, suggestion
from tetrarium.registry.atomic import write_file
from tetrarium.registry.box import champion_names, champion_path, champion_version
from tetrarium.registry.bundles import Bundle, check_note, check_tag, read_bundle
from tetrarium.registry.database import Database
from tetrarium.registry.home import Home, check_name
from tetrarium.registry.model_files import Key, model_files, model_path
from tetrarium.registry.model_rows import (
    add_version,
    known_versions,
    last_number,
    remove_version,
    select_versions,
    write_tags,
)
from tetrarium.registry.schema import models, versions
from tetrarium.registry.versions import ModelSlot, ModelVersion, parse_spec

__all__ = ["ModelStore"]

_NO_BUNDLES: Final[dict[Path, tuple[int, int]]] = {}  # files that are none, with the time and size they were read at


class ModelStore:
    """The saved models of a home.

    >>> ModelStore(Home.locate("somewhere")).slots()
    []

    Args:
        home: Where they are kept.
        clock: Seconds since 1970.
        wait_s: How long to wait for others that write; as long as the database does by itself, if left out.
    """

    def __init__(self, home: Home, *, clock: Callable[[], float] = time.time, wait_s: float | None = None) -> None:
        self.home = home
        self._database = Database(home, wait_s=wait_s)
        self._clock = clock

    def save(self, name: str, bundle: Bundle, *, once: bool = False) -> ModelVersion:
        """Adds a version to a slot, which is made if there is none.

        Args:
            name: The slot's.
            bundle: What to save; its own name plays no part.
            once: Whether a version with the same weights is returned instead of saving them again.

        Raises:
            HomeError: if the name may not be one, or the home cannot be written.
            BundleError: if the bundle is not what it should be.
        """
        data = bundle.described(name=check_name(name)).to_bytes()
        sha256 = bundle.weights_sha256
        self._adopt()
        with self._database.writing() as connection:
            if once and (found := select_versions(connection, *_live(name), versions.c.sha256 == sha256)):
                return found[-1]
            number = self._next_number(connection, name)
            write_file(model_path(self.home, name, number), data)
            add_version(connection, (name, number), bundle, n_bytes=len(data), saved_s=self._clock())
            return self._one(connection, name, number)

    def slots(self) -> list[ModelSlot]:
        """All slots by name, with the version that each stands for; those that lie in the trash as a whole are not."""
        by_name: dict[str, list[ModelVersion]] = {}
        for version in self._all(versions.c.trashed_s.is_(None)):
            by_name.setdefault(version.name, []).append(version)
        return [ModelSlot(name=name, versions=tuple(found)) for name, found in by_name.items()]

    def versions(self, name: str) -> list[ModelVersion]:
        """A slot's versions, oldest first, without those in the trash.

        Raises:
            ModelError: if there is no such slot, or its versions all lie in the trash.
        """
        found = self._all(*_live(name))
        return found or self._refuse(name)

    def trash(self) -> list[ModelVersion]:
        """What was deleted and can be restored, by name and number."""
        return self._all(versions.c.trashed_s.is_not(None))

    def find(self, spec: str) -> ModelVersion:
        """Finds the version that ``NAME`` or ``NAME@NUMBER`` stands for, in this home or else in the box.

        A name alone stands for the promoted version, or else for the latest.

        Raises:
            ModelError: if there is none.
        """
        name, number = parse_spec(spec)
        own = self._all(*_live(name))
        if not own and number in (None, 1) and (in_box := champion_version(name)) is not None:
            return in_box
        return _chosen(name, number, own or self._refuse(name))

    def _own(self, spec: str) -> ModelVersion:
        """Finds a version of this home, which can be changed."""
        name, number = parse_spec(spec)
        own = self._all(*_live(name))
        if not own and name in champion_names():
            raise ModelError(f"The model {name!r} is in the box and stays as it is. Save a copy of it first.")
        return _chosen(name, number, own or self._refuse(name))

    def has(self, name: str) -> bool:
        """Whether there is a slot of that name with a version outside of the trash."""
        return bool(self._all(*_live(name)))

    def path(self, version: ModelVersion) -> Path:
        """Where a version's bundle lies.

        Raises:
            ModelError: if somebody removed it.
        """
        in_box = champion_path(version.name) if version.is_in_box else None
        path = in_box or model_path(self.home, version.name, version.number)
        if not path.is_file():
            raise ModelError(
                f"The model {version.spec} is known, but its file {str(path)!r} is gone. Put it back from a copy, or "
                f"`tetrarium models delete {version.spec}`."
            )
        return path

    def load(self, spec: str) -> Bundle:
        """Reads a version as it is now: with its notes and tags of today.

        Raises:
            ModelError: if there is none.
            BundleError: if its file was altered.
        """
        version = self.find(spec)
        return read_bundle(self.path(version)).described(name=version.name, note=version.note, tags=version.tags)

    def set_note(self, spec: str, note: str) -> ModelVersion:
        """Writes what there is to say about a version in place of what was said.

        Raises:
            ModelError: if there is no such version.
            BundleError: if the note may not be one.
        """
        return self._change(spec, note=check_note(note))

    def set_tags(self, spec: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> ModelVersion:
        """Adds and takes away tags.

        Raises:
            ModelError: if there is no such version.
            BundleError: if a tag may not be one, or there are too many.
        """
        version = self._own(spec)
        wanted = (set(version.tags) | {check_tag(tag) for tag in add}) - set(remove)
        read_bundle(self.path(version)).described(tags=tuple(sorted(wanted))).to_bytes()  # refuses too many
        with self._database.writing() as connection:
            write_tags(connection, version.row_id, wanted)
            return self._one(connection, version.name, version.number)

    def promote(self, spec: str) -> ModelVersion:
        """Lets the name alone stand for this version, until another is promoted.

        Raises:
            ModelError: if there is no such version.
        """
        version = self._own(spec)
        with self._database.writing() as connection:
            connection.execute(update(models).where(models.c.name == version.name).values(promoted=version.number))
            return self._one(connection, version.name, version.number)

    def delete(self, spec: str) -> list[ModelVersion]:
        """Moves one version, or with a name alone all of a slot's, to the trash; returns them.

        Raises:
            ModelError: if there is none.
        """
        name, number = parse_spec(spec)
        one = self._own(spec)
        chosen = self.versions(name) if number is None else [one]
        return self._mark(chosen, self._clock())

    def restore(self, spec: str) -> list[ModelVersion]:
        """Takes one version, or with a name alone all of a slot's, back from the trash; returns them.

        Raises:
            ModelError: if there is none there.
        """
        name, number = parse_spec(spec)
        chosen = [found for found in self.trash() if found.name == name and number in (None, found.number)]
        if not chosen:
            names = sorted({found.spec for found in self.trash()})
            raise ModelError(
                f"What is restored lies in the trash, and {spec!r} does not."
                f"{suggestion(spec, names) or ' `tetrarium models list --trash` shows what does.'}"
            )
        return self._mark(chosen, None)

    def empty_trash(self, older_than_s: float = 0.0) -> list[ModelVersion]:
        """Removes for ever what has lain in the trash for so long; returns it."""
        latest_s = self._clock() - older_than_s
        return self.remove([version for version in self.trash() if (version.trashed_s or 0.0) <= latest_s])

    def remove(self, chosen: Sequence[ModelVersion]) -> list[ModelVersion]:
        """Removes versions that lie in the trash for ever; returns them.

        The file goes first: of a process that is killed in between there remains a row in the trash without a file,
        which goes when models are next looked at.
        """
        with self._database.writing() as connection:
            for version in chosen:
                model_path(self.home, version.name, version.number).unlink(missing_ok=True)
                connection.execute(delete(versions).where(versions.c.id == version.row_id))
        return list(chosen)

    def _adopt(self) -> dict[Key, Path]:
        """Gives files without a row theirs, and drops what the trash has lost; returns what lies on the disk."""
        on_disk = model_files(self.home)
        if not on_disk and not self._database.exists:
            return {}
        with self._database.reading() as connection:
            known = known_versions(connection)
        strays = {key: path for key, path in on_disk.items() if key not in known}
        lost = [key for key, trashed_s in known.items() if trashed_s is not None and key not in on_disk]
        if lost or strays:
            self._agree(strays, lost)
        return on_disk

    def _agree(self, strays: dict[Key, Path], lost: Sequence[Key]) -> None:
        read = {}
        for key, path in strays.items():
            with contextlib.suppress(OSError):
                status = path.stat()
                seen = (status.st_mtime_ns, status.st_size)
                if _NO_BUNDLES.get(path) == seen:
                    continue
                try:
                    read[key] = (read_bundle(path), status)
                except BundleError:  # what is no bundle is no version, and is left alone
                    _NO_BUNDLES[path] = seen
        if not read and not lost:
            return
        with self._database.writing() as connection:
            known = known_versions(connection)
            for key, (bundle, status) in read.items():
                if key not in known:
                    add_version(connection, key, bundle, n_bytes=status.st_size, saved_s=status.st_mtime)
            for key in lost:
                if not model_path(self.home, *key).exists():
                    remove_version(connection, key)

    def _all(self, *conditions: Any) -> list[ModelVersion]:
        on_disk = self._adopt()
        if not self._database.exists:
            return []
        with self._database.reading() as connection:
            return select_versions(connection, *conditions, on_disk=on_disk)

    def _one(self, connection: Connection, name: str, number: int) -> ModelVersion:
        return select_versions(connection, models.c.name == name, versions.c.number == number)[0]

    def _next_number(self, connection: Connection, name: str) -> int:
        """The number after the highest that was ever given, or that a file has."""
        numbers = [number for other, number in model_files(self.home) if other == name]
        return 1 + max([last_number(connection, name), *numbers])

    def _change(self, spec: str, **values: Any) -> ModelVersion:
        version = self._own(spec)
        with self._database.writing() as connection:
            connection.execute(update(versions).where(versions.c.id == version.row_id).values(**values))
            return self._one(connection, version.name, version.number)

    def _mark(self, chosen: Sequence[ModelVersion], trashed_s: float | None) -> list[ModelVersion]:
        with self._database.writing() as connection:
            for version in chosen:
                connection.execute(update(versions).where(versions.c.id == version.row_id).values(trashed_s=trashed_s))
            return [self._one(connection, version.name, version.number) for version in chosen]

    def _refuse(self, name: str) -> list[ModelVersion]:
        if any(version.name == name for version in self.trash()):
            raise ModelError(
                f"The model {name!r} lies in the trash. Take it back by `tetrarium models restore {name}`."
            )
        names = [slot.name for slot in self.slots()]
        remedy = suggestion(name, names) or " `tetrarium models list` shows what there is."
        raise ModelError(f"There is no model {name[:80]!r} in {str(self.home.root)!r}.{remedy}")


def _chosen(name: str, number: int | None, own: Sequence[ModelVersion]) -> ModelVersion:
    slot = ModelSlot(name=name, versions=tuple(own))
    if number is None:
        return slot.current
    for version in own:
        if version.number == number:
            return version
    there = ", ".join(str(version.number) for version in own)
    raise ModelError(f"The model {name!r} has the versions {there}; got {number}. Name one of these.")


def _live(name: str) -> tuple[Any, ...]:
    """Which versions of a slot are outside of the trash."""
    return models.c.name == name, versions.c.trashed_s.is_(None)
