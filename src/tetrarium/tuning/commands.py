"""The command that trains again what a trial trained."""

import shlex
from typing import Any

from tetrarium.environment import EnvConfig
from tetrarium.training import TrainingConfig
from tetrarium.training.presets import find_preset

__all__ = ["train_command"]


def train_command(preset: str, env_config: EnvConfig, training_config: TrainingConfig) -> str:
    """Returns a command line whose configs are these two.

    >>> train_command("quick", EnvConfig(), find_preset("quick").training_config.with_changes(gamma=0.8))
    'tetrarium train --preset quick --set gamma=0.8'
    """
    base = find_preset(preset)
    before = {**base.env_config.to_dict(), **base.training_config.to_dict()}
    after = {**env_config.to_dict(), **training_config.to_dict()}
    words = ["tetrarium", "train", "--preset", preset]
    for name, value in after.items():
        if value != before[name]:
            words += ["--set", f"{name}={_written(value)}"]
    return shlex.join(words)


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
