"""The tables of ``registry.db`` as queries name them; ``migrations.py`` makes them."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Integer, MetaData, String, Table

__all__ = [
    "METADATA",
    "episode_buckets",
    "episodes",
    "evaluations",
    "models",
    "record_parts",
    "records",
    "runs",
    "scores",
    "tags",
    "versions",
]

METADATA: Final = MetaData()

models: Final = Table(
    "models",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("promoted", Integer),
    Column("last_number", Integer, nullable=False),  # a number is not given twice, even where its version is gone
)
versions: Final = Table(
    "versions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("model_id", ForeignKey("models.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("saved_s", Float, nullable=False),
    Column("algorithm", String, nullable=False),
    Column("step", Integer, nullable=False),
    Column("seed", Integer),
    Column("training_config", JSON, nullable=False),
    Column("env_config", JSON, nullable=False),
    Column("about", JSON, nullable=False),
    Column("note", String, nullable=False),
    Column("n_bytes", Integer, nullable=False),
    Column("sha256", String, nullable=False),  # of the weights
    Column("trashed_s", Float),
)
tags: Final = Table(
    "tags",
    METADATA,
    Column("version_id", ForeignKey("versions.id"), primary_key=True),
    Column("tag", String, primary_key=True),
)
scores: Final = Table(
    "scores",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("player", String, nullable=False),
    Column("sha256", String, nullable=False),  # of what played: weights, or a controller's
    Column("protocol", String, nullable=False),
    Column("protocol_sha256", String, nullable=False),
    Column("measured_s", Float, nullable=False),
    Column("report", JSON, nullable=False),
)
runs: Final = Table(
    "runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("mark", String, nullable=False),  # of the files that the rest was read from; empty before it was
    Column("state", String),
    Column("step", Integer),
    Column("total_steps", Integer),
    Column("error", String),
    Column("message", String),
    Column("algorithm", String),
    Column("preset", String),
    Column("seed", Integer),
    Column("started", String),
    Column("seconds", Float),
    Column("mean_lines_game", Float),
    Column("best_lines_game", Integer),
    Column("games_ended", Integer),
    Column("steps_per_second", Float),
    Column("command", String),
    Column("checkpoints", JSON),
    Column("has_best", Boolean),
    Column("is_alive", Boolean),
    Column("config", JSON),  # config.json: settings, versions, revision; last, so that lists need not read it
)
records: Final = Table(
    "records",
    METADATA,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("record", String, primary_key=True),  # "episodes" or "evaluations"
    Column("seen", String, nullable=False),  # of the file when all in it was taken in
)
record_parts: Final = Table(
    "record_parts",
    METADATA,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("record", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("n_lines", Integer, nullable=False),
    Column("n_rows", Integer, nullable=False),  # up to the part's end, as is
    Column("n_bytes", Integer, nullable=False),
    Column("sha256", String, nullable=False),  # of the part's own bytes
)
episodes: Final = Table(
    "episodes",
    METADATA,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("step", Integer, nullable=False),
    Column("env", Integer, nullable=False),
    Column("reward", Float, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("pieces", Integer, nullable=False),
    Column("cut_off", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
)
episode_buckets: Final = Table(
    "episode_buckets",
    METADATA,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("size", Integer, primary_key=True),  # episodes in a full one
    Column("number", Integer, primary_key=True),
    Column("n_games", Integer, nullable=False),
    Column("first_step", Integer, nullable=False),
    Column("sum_lines", Integer, nullable=False),
    Column("min_lines", Integer, nullable=False),
    Column("max_lines", Integer, nullable=False),
    Column("sum_reward", Float, nullable=False),
    Column("min_reward", Float, nullable=False),
    Column("max_reward", Float, nullable=False),
    Column("sum_pieces", Integer, nullable=False),
    Column("min_pieces", Integer, nullable=False),
    Column("max_pieces", Integer, nullable=False),
)
evaluations: Final = Table(
    "evaluations",
    METADATA,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("decided_step", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("lines", Float, nullable=False),
    Column("n_games", Integer, nullable=False),
    Column("n_cut_off", Integer, nullable=False),
    Column("max_pieces", Integer, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("is_best", Integer, nullable=False),
)
