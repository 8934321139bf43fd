"""Named ways of training: a game, and the settings to learn it with."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, suggestion
from tetrarium.training.config import TrainingConfig

__all__ = ["PRESETS", "Preset", "find_preset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A game, how to learn it, and one line about it."""

    meaning: str
    env_config: EnvConfig
    training_config: TrainingConfig


def _preset(meaning: str, env_config: EnvConfig, **training: Any) -> Preset:
    return Preset(meaning=meaning, env_config=env_config, training_config=TrainingConfig(**training))


_LITERATURE_FEATURES: Final = (  # of the controllers DT in Scherrer et al., JMLR 16, 2015
    "landing_height", "eroded_cells", "row_transitions", "column_transitions", "holes", "fast_wells", "hole_depth",
    "rows_with_holes", "pattern_diversity", "game_over",
)  # fmt: skip


def _search(meaning: str, total_timesteps: int) -> Preset:
    """CMA-ES over the features of published controllers, on the short game."""
    return _preset(
        meaning,
        EnvConfig.literature(10).with_changes(features=_LITERATURE_FEATURES),
        algorithm="cma-es",
        total_timesteps=total_timesteps,
        checkpoint_every=total_timesteps // 10,
        evaluate_every=total_timesteps // 10,
        evaluation_games=100,
        evaluation_pieces=100_000,
    )


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "default": _preset("plays the default game without losing", EnvConfig()),
        "quick": _preset(
            "the default game in a quarter of the time",
            EnvConfig(),
            total_timesteps=100_000,
            n_envs=25,
            n_steps=3,
            learning_rate_final=0.003,
        ),
        "guideline-hold": _preset(
            "the guideline's game: hold, five next pieces, block out and lock out",
            EnvConfig.guideline(),
            total_timesteps=50_000,
            n_envs=25,
            n_steps=3,
            learning_rate_final=0.003,
            checkpoint_every=10_000,
            evaluate_every=10_000,
        ),
        "literature-10x20": _preset("the game of published line counts", EnvConfig.literature(20)),
        "literature-10x10": _preset(
            "the same on half the height, where every agent loses",
            EnvConfig.literature(10).with_changes(line_reward=0.1),
            total_timesteps=1_900_000,
            gamma=0.98,
            learning_rate_final=0.00003,
            averaging=0.9995,
            mirroring=True,
        ),
        "literature-10x10-cma": _search(
            "the same board, by a search of nine weights that plays whole games", 340_000_000
        ),
        "strong": _search("the same for longer; what it finds plays boards of any height", 1_000_000_000),
    }
)


def find_preset(name: str) -> Preset:
    """Returns a preset by name.

    Raises:
        ConfigError: if there is none of that name.
    """
    if name not in PRESETS:
        raise ConfigError(f"A preset is one of {', '.join(PRESETS)}; got {name!r}.{suggestion(name, PRESETS)}")
    return PRESETS[name]
