"""Runs of ``train --seeds``, which differ in their seed alone."""

from pathlib import Path
from typing import NamedTuple

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, HomeError
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig


class SeededRun(NamedTuple):
    """One of the runs."""

    seed: int
    name: str | None  # None for the next number
    is_begun: bool  # it exists, and is resumed


def seeded_runs(
    home: Home, name: str | None, configs: tuple[EnvConfig, TrainingConfig], start_from: Path | None, n: int
) -> list[SeededRun]:
    """Returns the runs with consecutive seeds; those of these names and settings are resumed.

    Raises:
        ConfigError: if ``n`` is less than 1, or a seed too large.
        NameTakenError: if a run of one of the names has other settings.
    """
    if n < 1:
        raise ConfigError(f"--seeds is 1 or more; got {n}. Give the number of runs to train.", field="seeds")
    first = configs[1].seed
    configs[1].with_changes(seed=first + n - 1)  # an error now instead of after hours
    names = {seed: None if name is None else f"{name}-{seed}" for seed in range(first, first + n)}
    return [
        SeededRun(seed, asked, asked is not None and _is_begun(home, asked, configs, seed, start_from))
        for seed, asked in names.items()
    ]


def _is_begun(
    home: Home, name: str, configs: tuple[EnvConfig, TrainingConfig], seed: int, start_from: Path | None
) -> bool:
    """Returns whether a run exists and has these settings.

    Raises:
        NameTakenError: if it has others.
    """
    from tetrarium.training.runs.storage.run_config import RunConfig, read_run_config

    try:
        found = read_run_config(home, name)
    except HomeError:  # it does not exist, or cannot be resumed
        home.require_free(name)
        return False
    asked = RunConfig(
        name=name,
        env_config=configs[0],
        training_config=configs[1].with_changes(seed=seed),
        start_from=None if start_from is None else str(start_from.absolute()),
        preset=found.preset,
        branched_from=None,
    )
    if found != asked:
        home.require_free(name)
    return True
