"""Saved models: slots, which are names with a history, and their versions, which are never overwritten.

A version is a bundle, ``models/NAME/NUMBER.tetris``, and a row in ``registry.db`` with the same facts and later ones:
note, tags, promotion, trash. The file is written atomically, and first, while the database is locked; a kill at any
instant leaves no row without a file. A file without a row, left by a kill or copied there by hand, gets its row at the
next access, and a file that was deleted by hand is noticed then.

Deleted versions stay in the trash, with file and number, until they are restored or removed permanently.
"""

import contextlib
import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from tetrarium import errors
from tetrarium.registry import versions as model_versions
from tetrarium.registry.bundles import Bundle, check_note, check_tag, read_bundle
from tetrarium.registry.database import Database, models, tags, versions
from tetrarium.registry.files.atomic import remove_directory, write_file
from tetrarium.registry.home import Home, check_name, check_new_name, natural_key

_COLUMNS: Final = (models.c.name, models.c.promoted, *versions.c)


def select_versions(
    connection: Connection, *conditions: Any, on_disk: Collection[model_versions.Key] | None = None
) -> list[model_versions.ModelVersion]:
    """Returns versions by name and number.

    ``on_disk``: versions whose files exist; by default all.
    """
    query = select(*_COLUMNS).join_from(models, versions).where(*conditions)
    rows = connection.execute(query.order_by(versions.c.number)).all()
    tags_of: dict[int, list[str]] = {}
    for version_id, tag in connection.execute(select(tags).order_by(tags.c.tag)):
        tags_of.setdefault(version_id, []).append(tag)
    return [_version(row, tags_of, on_disk) for row in sorted(rows, key=lambda row: natural_key(row.name))]


def _version(
    row: Row[Any], tags_of: dict[int, list[str]], on_disk: Collection[model_versions.Key] | None
) -> model_versions.ModelVersion:
    others = ("promoted", "about", "id", "model_id")
    return model_versions.ModelVersion(
        **{name: value for name, value in row._mapping.items() if name not in others},
        about=model_versions.current_facts(row.about),
        tags=tuple(tags_of.get(row.id, ())),
        is_promoted=row.promoted == row.number,
        has_file=on_disk is None or (row.name, row.number) in on_disk,
        row_id=row.id,
    )


def known_versions(connection: Connection) -> dict[model_versions.Key, float | None]:
    """Returns the time of deletion, or None, of every version that has a row."""
    query = select(models.c.name, versions.c.number, versions.c.trashed_s).join_from(models, versions)
    return {(name, number): trashed_s for name, number, trashed_s in connection.execute(query)}


def last_number(connection: Connection, name: str) -> int:
    """Returns the highest number ever assigned in a slot, including removed versions; 0 if there is no slot."""
    return connection.execute(select(models.c.last_number).where(models.c.name == name)).scalar() or 0


def add_version(
    connection: Connection, key: model_versions.Key, bundle: Bundle, *, n_bytes: int, saved_s: float
) -> None:
    """Adds the rows of a version, and of its slot if it is the first."""
    name, number = key
    model_id = connection.execute(select(models.c.id).where(models.c.name == name)).scalar()
    if model_id is None:
        row = insert(models).values(name=name, last_number=number).returning(models.c.id)
        model_id = connection.execute(row).scalar_one()
    is_lower = (models.c.id == model_id) & (models.c.last_number < number)
    connection.execute(update(models).where(is_lower).values(last_number=number))
    values = {
        "model_id": model_id,
        "number": number,
        "saved_s": saved_s,
        "algorithm": bundle.algorithm,
        "step": bundle.step,
        "seed": bundle.seed,
        "training_config": dict(bundle.training_config),
        "env_config": dict(bundle.env_config),
        "about": dict(bundle.about),
        "note": bundle.note,
        "n_bytes": n_bytes,
        "sha256": bundle.weights_sha256,
    }
    version_id = connection.execute(insert(versions).values(**values).returning(versions.c.id)).scalar_one()
    write_tags(connection, version_id, bundle.tags)


def remove_version(connection: Connection, key: model_versions.Key) -> None:
    """Removes the row of a version with its tags."""
    name, number = key
    model_id = select(models.c.id).where(models.c.name == name).scalar_subquery()
    connection.execute(delete(versions).where(versions.c.model_id == model_id, versions.c.number == number))


def write_tags(connection: Connection, version_id: int, wanted: Iterable[str]) -> None:
    """Replaces the tags of a version."""
    connection.execute(delete(tags).where(tags.c.version_id == version_id))
    rows = [{"version_id": version_id, "tag": tag} for tag in sorted(wanted)]
    if rows:
        connection.execute(insert(tags), rows)


_NO_BUNDLES: Final[dict[Path, tuple[int, int]]] = {}  # other files, with modification time and size when read


class ModelStore:
    """The saved models of a home.

    >>> ModelStore(Home.locate("somewhere")).slots()
    []

    Args:
        home: The home.
        clock: Returns seconds since 1970.
        wait_s: How long a transaction waits for other writers; by default as long as ``Database`` does.
    """

    def __init__(self, home: Home, *, clock: Callable[[], float] = time.time, wait_s: float | None = None) -> None:
        self.home = Home.require(home)
        self._database = Database(home, wait_s=wait_s)
        self._clock = clock

    def save(
        self, name: str, bundle: Bundle, *, once: bool = False, keeps_default: bool = False
    ) -> model_versions.ModelVersion:
        """Adds a version to a slot, which is created if there is none.

        Args:
            name: Name of the slot.
            bundle: The model; its own name is ignored.
            once: Whether to return an existing version with the same weights instead of saving them again.
            keeps_default: Whether to promote the default version of an existing slot, so that it stays the default.

        Raises:
            HomeError: if the name is invalid, or the home cannot be written.
            BundleError: if the bundle is invalid.
        """
        data = self._as_bytes(bundle, name)
        sha256 = bundle.weights_sha256
        self._adopt()
        with self._database.writing() as connection:
            if once and (found := select_versions(connection, *_not_trashed(name), versions.c.sha256 == sha256)):
                return found[-1]
            others = select_versions(connection, *_not_trashed(name))
            if keeps_default and others:
                _promote(connection, model_versions.ModelSlot(name=name, versions=tuple(others)).current)
            number = self._next_number(connection, name)
            write_file(model_versions.model_path(self.home, name, number), data)
            add_version(connection, (name, number), bundle, n_bytes=len(data), saved_s=self._clock())
            return self._one(connection, name, number)

    def save_file(self, name: str, bundle: Bundle) -> None:
        """Adds the file of a version without its row, which follows at the next access, where the database is unusable.

        Nothing is added if a version of the slot has the same weights.

        Raises:
            HomeError: if the name is invalid.
            OSError: if the file cannot be written.
        """
        data = self._as_bytes(bundle, name)
        files = {
            number: path for (other, number), path in model_versions.model_files(self.home).items() if other == name
        }
        for path in files.values():
            with contextlib.suppress(errors.BundleError, OSError):
                if read_bundle(path).weights_sha256 == bundle.weights_sha256:
                    return
        last = 0
        with contextlib.suppress(errors.HomeError), self._database.reading() as connection:
            last = last_number(connection, name)
        write_file(model_versions.model_path(self.home, name, 1 + max([last, *files])), data)

    def slots(self) -> list[model_versions.ModelSlot]:
        """Returns all slots by name, except those whose versions are all in the trash."""
        by_name: dict[str, list[model_versions.ModelVersion]] = {}
        for version in self._all(versions.c.trashed_s.is_(None)):
            by_name.setdefault(version.name, []).append(version)
        return [model_versions.ModelSlot(name=name, versions=tuple(found)) for name, found in by_name.items()]

    def versions(self, name: str) -> list[model_versions.ModelVersion]:
        """Returns the versions of a slot, oldest first, without those in the trash.

        Raises:
            ModelNotFoundError: if there is no such slot.
            ModelInTrashError: if its versions are all in the trash.
        """
        found = self._all(*_not_trashed(name))
        return found or self._refuse(name)

    def trash(self) -> list[model_versions.ModelVersion]:
        """Returns the deleted versions, by name and number."""
        return self._all(versions.c.trashed_s.is_not(None))

    def find(self, spec: str) -> model_versions.ModelVersion:
        """Returns the version ``NAME@NUMBER``, or the default version of ``NAME``, of this home or else built in.

        The default version is the promoted one, or else the latest.

        Raises:
            ModelNotFoundError: if there is none.
        """
        name, number = model_versions.parse_spec(spec)
        own = self._all(*_not_trashed(name))
        if not own and number in (None, 1) and (builtin := model_versions.champion_version(name)) is not None:
            return builtin
        return _choose(name, number, own or self._refuse(name))

    def _own(self, spec: str) -> model_versions.ModelVersion:
        """Returns a version of this home, which can be changed."""
        name, number = model_versions.parse_spec(spec)
        own = self._all(*_not_trashed(name))
        if not own and name in model_versions.champion_names():
            raise errors.ModelError(f"The model {name!r} is built in and cannot be changed. Save a copy of it first.")
        return _choose(name, number, own or self._refuse(name))

    def has(self, name: str) -> bool:
        """Returns whether a slot of that name has a version outside of the trash."""
        return bool(self._all(*_not_trashed(name)))

    def path(self, version: model_versions.ModelVersion) -> Path:
        """Returns the path of a version's bundle.

        Raises:
            ModelNotFoundError: if the file is missing.
        """
        _require_version(version)
        builtin = model_versions.champion_path(version.name) if version.is_builtin else None
        path = builtin or model_versions.model_path(self.home, version.name, version.number)
        if not path.is_file():
            raise errors.ModelNotFoundError(
                f"The file {str(path)!r} of the model {version.spec} is missing. Restore it from a copy, or delete the "
                f"version by `tetrarium models delete {version.spec}`."
            )
        return path

    def load(self, spec: str) -> Bundle:
        """Reads the bundle of a version, with its current note and tags.

        Raises:
            ModelNotFoundError: if there is none.
            BundleError: if its file was altered.
        """
        version = self.find(spec)
        return read_bundle(self.path(version)).described(name=version.name, note=version.note, tags=version.tags)

    def rename_run(self, name: str, new_name: str) -> None:
        """Replaces the name of the run that versions were saved from.

        Raises:
            HomeError: if the database cannot be written.
        """
        if not self._database.exists:
            return
        with self._database.writing() as connection:
            for row_id, about in connection.execute(select(versions.c.id, versions.c.about)).all():
                if about.get("run") == name:
                    renamed = {**about, "run": new_name}
                    connection.execute(update(versions).where(versions.c.id == row_id).values(about=renamed))

    def set_note(self, spec: str, note: str) -> model_versions.ModelVersion:
        """Replaces the note of a version.

        Raises:
            ModelNotFoundError: if there is no such version.
            BundleError: if the note is invalid.
        """
        return self._change(spec, note=check_note(note))

    def set_tags(self, spec: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> model_versions.ModelVersion:
        """Adds and removes tags.

        Raises:
            ModelNotFoundError: if there is no such version.
            BundleError: if a tag is invalid, or there are too many.
        """
        version = self._own(spec)
        wanted = (set(version.tags) | _checked_tags(add)) - _checked_tags(remove)
        read_bundle(self.path(version)).described(tags=tuple(sorted(wanted))).to_bytes()  # refuses too many
        with self._database.writing() as connection:
            write_tags(connection, version.row_id, wanted)
            return self._one(connection, version.name, version.number)

    def promote(self, spec: str) -> model_versions.ModelVersion:
        """Makes this version the default of its slot.

        Raises:
            ModelNotFoundError: if there is no such version.
        """
        version = self._own(spec)
        with self._database.writing() as connection:
            _promote(connection, version)
            return self._one(connection, version.name, version.number)

    def own_versions(self, spec: str) -> list[model_versions.ModelVersion]:
        """Returns a version, or all versions of a slot, unless the package ships them.

        Raises:
            ModelNotFoundError: if there is none.
        """
        name, number = model_versions.parse_spec(spec)
        one = self._own(spec)
        return self.versions(name) if number is None else [one]

    def delete(self, spec: str) -> list[model_versions.ModelVersion]:
        """Moves a version, or all versions of a slot, to the trash; returns them.

        Raises:
            ModelNotFoundError: if there is none.
        """
        return self._set_trashed(self.own_versions(spec), self._clock())

    def restore(self, spec: str) -> list[model_versions.ModelVersion]:
        """Restores a version, or all versions of a slot, from the trash; returns them.

        Raises:
            ModelNotFoundError: if there is none in the trash.
        """
        name, number = model_versions.parse_spec(spec)
        chosen = [found for found in self.trash() if found.name == name and number in (None, found.number)]
        if not chosen:
            names = sorted({found.spec for found in self.trash()})
            raise errors.ModelNotFoundError(
                f"There is no model {spec!r} in the trash."
                f"{errors.suggestion(spec, names) or ' `tetrarium models list --trash` lists its contents.'}"
            )
        return self._set_trashed(chosen, None)

    def empty_trash(self, older_than_s: float = 0.0) -> list[model_versions.ModelVersion]:
        """Permanently removes versions that were deleted at least ``older_than_s`` ago; returns them.

        Raises:
            ConfigError: if ``older_than_s`` is not a number.
        """
        if not isinstance(older_than_s, Real) or isinstance(older_than_s, bool) or math.isnan(older_than_s):
            raise errors.ConfigError(
                f"older_than_s is a number of seconds; got {older_than_s!r:.80}. Pass 0 for all versions.",
                field="older_than_s",
            )
        latest_s = self._clock() - older_than_s
        return self.remove([version for version in self.trash() if (version.trashed_s or 0.0) <= latest_s])

    def remove(self, chosen: Sequence[model_versions.ModelVersion]) -> list[model_versions.ModelVersion]:
        """Permanently removes versions that are in the trash; returns them.

        The file is removed first. A kill in between leaves a row without a file, which is removed at the next access.

        Raises:
            ModelError: if one is not in the trash.
        """
        in_trash = {(version.row_id, version.spec) for version in self.trash()}
        chosen = [_require_version(version) for version in _listed("versions", chosen)]
        for version in chosen:
            if (version.row_id, version.spec) not in in_trash:
                raise errors.ModelError(
                    f"Only models in the trash are removed; {version.spec} is not. Delete it first."
                )
        with self._database.writing() as connection:
            for version in chosen:
                path = model_versions.model_path(self.home, version.name, version.number)
                if path.is_dir() and not path.is_symlink():  # somebody put it in the place of the file
                    remove_directory(path)
                path.unlink(missing_ok=True)
                connection.execute(delete(versions).where(versions.c.id == version.row_id))
        return chosen

    def _adopt(self) -> dict[model_versions.Key, Path]:
        """Adds rows for files without one, and removes trashed rows without a file; returns the files on disk."""
        on_disk = model_versions.model_files(self.home)
        if not self._database.exists and not (on_disk and self._database.is_writable):
            return {}
        with self._database.reading() as connection:
            known = known_versions(connection)
        strays = {key: path for key, path in on_disk.items() if key not in known}
        lost = [key for key, trashed_s in known.items() if trashed_s is not None and key not in on_disk]
        if (lost or strays) and self._database.is_writable:
            self._reconcile(strays, lost)
        return {key: path for key, path in on_disk.items() if path.is_file()}

    def _reconcile(self, strays: dict[model_versions.Key, Path], lost: Sequence[model_versions.Key]) -> None:
        read = {}
        for key, path in strays.items():
            with contextlib.suppress(OSError):
                status = path.stat()
                seen = (status.st_mtime_ns, status.st_size)
                if _NO_BUNDLES.get(path) == seen:
                    continue
                try:
                    read[key] = (read_bundle(path), status)
                except errors.BundleError:  # not a version; the file is left alone
                    _NO_BUNDLES[path] = seen
        if not read and not lost:
            return
        with self._database.writing() as connection:
            known = known_versions(connection)
            for key, (bundle, status) in read.items():
                if key not in known:
                    add_version(connection, key, bundle, n_bytes=status.st_size, saved_s=status.st_mtime)
            for key in lost:
                if not model_versions.model_path(self.home, *key).exists():
                    remove_version(connection, key)

    def _all(self, *conditions: Any) -> list[model_versions.ModelVersion]:
        on_disk = self._adopt()
        if not self._database.exists:
            return []
        with self._database.reading() as connection:
            return select_versions(connection, *conditions, on_disk=on_disk)

    def _one(self, connection: Connection, name: str, number: int) -> model_versions.ModelVersion:
        return select_versions(connection, models.c.name == name, versions.c.number == number)[0]

    def _next_number(self, connection: Connection, name: str) -> int:
        """Returns the number after the highest that was ever assigned or that a file has."""
        numbers = [number for other, number in model_versions.model_files(self.home) if other == name]
        return 1 + max([last_number(connection, name), *numbers])

    def _change(self, spec: str, **values: Any) -> model_versions.ModelVersion:
        version = self._own(spec)
        with self._database.writing() as connection:
            connection.execute(update(versions).where(versions.c.id == version.row_id).values(**values))
            return self._one(connection, version.name, version.number)

    def _set_trashed(
        self, chosen: Sequence[model_versions.ModelVersion], trashed_s: float | None
    ) -> list[model_versions.ModelVersion]:
        with self._database.writing() as connection:
            for version in chosen:
                connection.execute(update(versions).where(versions.c.id == version.row_id).values(trashed_s=trashed_s))
            return [self._one(connection, version.name, version.number) for version in chosen]

    def _as_bytes(self, bundle: Bundle, name: str) -> bytes:
        """Returns the content of the file of a model under a name, which is new if no model and no run has it."""
        if not isinstance(bundle, Bundle):
            raise errors.BundleError(
                f"A model is saved as a Bundle; got {bundle!r:.80}. Read one by read_bundle(path)."
            )
        check_name(name)
        if not any((folder / name).exists() for folder in (self.home.models, self.home.runs)):
            check_new_name(name)
        return bundle.described(name=name).to_bytes()

    def _refuse(self, name: str) -> list[model_versions.ModelVersion]:
        if any(version.name == name for version in self.trash()):
            raise errors.ModelInTrashError(
                f"The model {name!r} is in the trash. Restore it by `tetrarium models restore {name}`."
            )
        names = [slot.name for slot in self.slots()]
        remedy = errors.suggestion(name, names) or " `tetrarium models list` lists all models."
        raise errors.ModelNotFoundError(f"There is no model {name!r:.82} in {str(self.home.root)!r}.{remedy}")


def _require_version(version: object) -> model_versions.ModelVersion:
    if not isinstance(version, model_versions.ModelVersion):
        raise errors.ModelError(f"A version is a ModelVersion; got {version!r:.80}. Pass what find() returned.")
    return version


def _checked_tags(tags: object) -> set[str]:
    return {check_tag(tag) for tag in _listed("tags", tags)}


def _listed(name: str, values: Any) -> list[Any]:
    """Returns the elements of a list, set or the like; a text is none."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise errors.ModelError(f"{name} is a list; got {values!r:.80}. Pass [] for none.", field=name)
    return list(values)


def _promote(connection: Connection, version: model_versions.ModelVersion) -> None:
    connection.execute(update(models).where(models.c.name == version.name).values(promoted=version.number))


def _choose(name: str, number: int | None, own: Sequence[model_versions.ModelVersion]) -> model_versions.ModelVersion:
    slot = model_versions.ModelSlot(name=name, versions=tuple(own))
    if number is None:
        return slot.current
    for version in own:
        if version.number == number:
            return version
    there = ", ".join(str(version.number) for version in own)
    raise errors.ModelNotFoundError(f"The model {name!r} has the versions {there}; got {number}. Choose one of these.")


def _not_trashed(name: str) -> tuple[Any, ...]:
    """Returns the conditions for the versions of a slot outside of the trash."""
    return models.c.name == str(name), versions.c.trashed_s.is_(None)
