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

_RUNS: Final = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        mark TEXT NOT NULL,
        state TEXT,
        step INTEGER,
        total_steps INTEGER,
        error TEXT,
        message TEXT,
        algorithm TEXT,
        preset TEXT,
        seed INTEGER,
        started TEXT,
        seconds REAL,
        mean_lines_game REAL,
        best_lines_game INTEGER,
        games_ended INTEGER,
        steps_per_second REAL,
        command TEXT,
        checkpoints TEXT,
        has_best INTEGER,
        is_alive INTEGER,
        config TEXT
    )
    """,
    """
    CREATE TABLE records (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        record TEXT NOT NULL,
        seen TEXT NOT NULL,
        PRIMARY KEY (run_id, record)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE record_parts (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        record TEXT NOT NULL,
        number INTEGER NOT NULL,
        n_lines INTEGER NOT NULL,
        n_rows INTEGER NOT NULL,
        n_bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        PRIMARY KEY (run_id, record, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE episodes (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        step INTEGER NOT NULL,
        env INTEGER NOT NULL,
        reward REAL NOT NULL,
        lines INTEGER NOT NULL,
        pieces INTEGER NOT NULL,
        cut_off INTEGER NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE episode_buckets (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        size INTEGER NOT NULL,
        number INTEGER NOT NULL,
        n_games INTEGER NOT NULL,
        first_step INTEGER NOT NULL,
        sum_lines INTEGER NOT NULL,
        min_lines INTEGER NOT NULL,
        max_lines INTEGER NOT NULL,
        sum_reward REAL NOT NULL,
        min_reward REAL NOT NULL,
        max_reward REAL NOT NULL,
        sum_pieces INTEGER NOT NULL,
        min_pieces INTEGER NOT NULL,
        max_pieces INTEGER NOT NULL,
        PRIMARY KEY (run_id, size, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE evaluations (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        decided_step INTEGER NOT NULL,
        step INTEGER NOT NULL,
        lines REAL NOT NULL,
        n_games INTEGER NOT NULL,
        n_cut_off INTEGER NOT NULL,
        max_pieces INTEGER NOT NULL,
        seed INTEGER NOT NULL,
        is_best INTEGER NOT NULL,
        PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID
    """,
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_MODELS, _RUNS)
