"""The rows of saved models: how a version is written into ``registry.db`` and read from it, inside a transaction."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from tetrarium.registry.bundles import Bundle
from tetrarium.registry.model_files import Key
from tetrarium.registry.schema import models, tags, versions
from tetrarium.registry.versions import ModelVersion

__all__ = ["add_version", "known_versions", "last_number", "remove_version", "select_versions", "write_tags"]

_COLUMNS: Final = (models.c.name, models.c.promoted, *versions.c)


def select_versions(
    connection: Connection, *conditions: Any, on_disk: Collection[Key] | None = None
) -> list[ModelVersion]:
    """Reads versions by name and number.

    Args:
        connection: A transaction.
        conditions: Which ones.
        on_disk: Which ones have their files; all, if left out.
    """
    query = select(*_COLUMNS).join_from(models, versions).where(*conditions)
    rows = connection.execute(query.order_by(models.c.name, versions.c.number)).all()
    tags_of: dict[int, list[str]] = {}
    for version_id, tag in connection.execute(select(tags).order_by(tags.c.tag)):
        tags_of.setdefault(version_id, []).append(tag)
    return [_version(row, tags_of, on_disk) for row in rows]


def _version(row: Row[Any], tags_of: dict[int, list[str]], on_disk: Collection[Key] | None) -> ModelVersion:
    return ModelVersion(
        name=row.name,
        number=row.number,
        saved_s=row.saved_s,
        algorithm=row.algorithm,
        step=row.step,
        seed=row.seed,
        training_config=row.training_config,
        env_config=row.env_config,
        about=row.about,
        note=row.note,
        tags=tuple(tags_of.get(row.id, ())),
        n_bytes=row.n_bytes,
        sha256=row.sha256,
        is_promoted=row.promoted == row.number,
        is_there=on_disk is None or (row.name, row.number) in on_disk,
        trashed_s=row.trashed_s,
        row_id=row.id,
    )


def known_versions(connection: Connection) -> dict[Key, float | None]:
    """Every version that has a row, and since when it lies in the trash, if it does."""
    query = select(models.c.name, versions.c.number, versions.c.trashed_s).join_from(models, versions)
    return {(name, number): trashed_s for name, number, trashed_s in connection.execute(query)}


def last_number(connection: Connection, name: str) -> int:
    """The highest number that a slot ever gave, also where that version is gone for ever; 0 where there is no slot."""
    return connection.execute(select(models.c.last_number).where(models.c.name == name)).scalar() or 0


def add_version(connection: Connection, key: Key, bundle: Bundle, *, n_bytes: int, saved_s: float) -> None:
    """Writes the rows of a version, and of its slot if it is the first."""
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


def remove_version(connection: Connection, key: Key) -> None:
    """Removes the row of a version with its tags."""
    name, number = key
    model_id = select(models.c.id).where(models.c.name == name).scalar_subquery()
    connection.execute(delete(versions).where(versions.c.model_id == model_id, versions.c.number == number))


def write_tags(connection: Connection, version_id: int, wanted: Iterable[str]) -> None:
    """Makes a version's tags these."""
    connection.execute(delete(tags).where(tags.c.version_id == version_id))
    rows = [{"version_id": version_id, "tag": tag} for tag in sorted(wanted)]
    if rows:
        connection.execute(insert(tags), rows)
