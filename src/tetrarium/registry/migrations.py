"""How ``registry.db`` came to be what it is, step by step: ``PRAGMA user_version`` counts the steps that were taken.

A step is never altered once a version with it was published; what is new is a further step. Times are seconds since
1970; configs and what is said of an origin are JSON.
"""

from typing import Final

__all__ = ["APPLICATION_ID", "MIGRATIONS"]

APPLICATION_ID: Final = 0x54455452  # "TETR": tells this file from other SQLite databases

_MODELS: Final = (
    """
    CREATE TABLE models (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        promoted INTEGER,
        last_number INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE versions (
        id INTEGER PRIMARY KEY,
        model_id INTEGER NOT NULL REFERENCES models (id),
        number INTEGER NOT NULL,
        saved_s REAL NOT NULL,
        algorithm TEXT NOT NULL,
        step INTEGER NOT NULL,
        seed INTEGER,
        training_config TEXT NOT NULL,
        env_config TEXT NOT NULL,
        about TEXT NOT NULL,
        note TEXT NOT NULL,
        n_bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        trashed_s REAL,
        UNIQUE (model_id, number)
    )
    """,
    """
    CREATE TABLE tags (
        version_id INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
        tag TEXT NOT NULL,
        PRIMARY KEY (version_id, tag)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE scores (
        id INTEGER PRIMARY KEY,
        player TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        protocol TEXT NOT NULL,
        protocol_sha256 TEXT NOT NULL,
        measured_s REAL NOT NULL,
        report TEXT NOT NULL,
        UNIQUE (sha256, protocol_sha256)
    )
    """,
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_MODELS,)
