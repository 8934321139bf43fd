"""The tables of ``registry.db`` as queries name them; ``migrations.py`` makes them."""

from typing import Final

from sqlalchemy import JSON, Column, Float, ForeignKey, Integer, MetaData, String, Table

__all__ = ["METADATA", "models", "scores", "tags", "versions"]

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
