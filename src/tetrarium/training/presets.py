"""Presets: named pairs of a game and the settings to train on it."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from types import MappingProxyType
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, suggestion
from tetrarium.training.config import TrainingConfig

# The settings of both configurations by name; they share none.
ALL_SETTINGS: Final[Mapping[str, Field[Any]]] = MappingProxyType(
    {item.name: item for item in (*fields(EnvConfig), *fields(TrainingConfig))}
)
ENV_SETTINGS: Final = frozenset(item.name for item in fields(EnvConfig))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A game, its training settings and a one-line description."""

    meaning: str
    env_config: EnvConfig
    training_config: TrainingConfig

    def configs_with(self, settings: Mapping[str, Any]) -> tuple[EnvConfig, TrainingConfig]:
        """Returns the two configs with some settings changed.

        Raises:
            ConfigError: if there is no such setting, or a value breaks its rule.
        """
        game = {name: value for name, value in settings.items() if name in ENV_SETTINGS}
        training = {name: value for name, value in settings.items() if name not in ENV_SETTINGS}
        return self.env_config.with_changes(**game), self.training_config.with_changes(**training)


def _preset(meaning: str, env_config: EnvConfig, **training: Any) -> Preset:
    return Preset(meaning=meaning, env_config=env_config, training_config=TrainingConfig(**training))


_LITERATURE_FEATURES: Final = (  # of the DT controllers in Scherrer et al., JMLR 16, 2015
    "landing_height", "eroded_cells", "row_transitions", "column_transitions", "holes", "fast_wells", "hole_depth",
    "rows_with_holes", "pattern_diversity", "game_over",
)  # fmt: skip


_SURFACE_FEATURES: Final = (
    "column_heights", "height_differences", "difference_classes", "max_height", "bumpiness", "lines_cleared", "wells",
)  # fmt: skip
_COLUMN_FEATURES: Final = ("column_heights", "height_differences")
_LONG_SEARCH: Final = 1_600_000_000


def _cma_preset(
    meaning: str,
    total_timesteps: int,
    height: int = 10,
    features: tuple[str, ...] = _LITERATURE_FEATURES,
    **training: Any,
) -> Preset:
    """Returns a preset of CMA-ES on the literature's game, by default with the features of published controllers."""
    usual = {
        "evaluate_every": total_timesteps // 10,
        "evaluation_games": 100,
        "evaluation_pieces": 100_000,
        "harder_games": 1_000,
    }
    return _preset(
        meaning,
        EnvConfig.literature(height).with_changes(features=features),
        algorithm="cma-es",
        total_timesteps=total_timesteps,
        checkpoint_every=total_timesteps // 10,
        **usual | training,
    )


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "default": _preset("masters the default game", EnvConfig()),
        "quick": _preset(
            "the default game in a quarter of the time",
            EnvConfig(),
            total_timesteps=100_000,
            n_envs=25,
            n_steps=3,
            learning_rate_final=0.003,
        ),
        "guideline-hold": _preset(
            "the guideline game: hold, five previews, block out and lock out",
            EnvConfig.guideline(),
            total_timesteps=50_000,
            n_envs=25,
            n_steps=3,
            learning_rate_final=0.003,
            checkpoint_every=12_500,
            evaluate_every=25_000,
            evaluation_games=10,
            harder_games=40,
        ),
        "literature-10x20": _preset("the game of the published line counts", EnvConfig.literature(20)),
        "literature-10x10": _preset(
            "the published game on 10 rows, where strong agents lose, too",
            EnvConfig.literature(10).with_changes(line_reward=0.1),
            total_timesteps=1_900_000,
            gamma=0.98,
            learning_rate_final=0.00003,
            averaging=0.9995,
            mirroring=True,
        ),
        "literature-10x10-ppo": _preset(
            "the published game on 10 rows: PPO over afterstates in large batches",
            EnvConfig.literature(10).with_changes(
                line_reward=0.1, features=(*_LITERATURE_FEATURES, *_SURFACE_FEATURES)
            ),
            algorithm="ppo",
            total_timesteps=30_000_000,
            n_envs=512,
            max_pieces_game=10_000_000,
            gamma=0.99,
            batch_size=4_096,
            max_grad_norm=0.5,
            learning_rate=0.001,
            learning_rate_final=0.00002,
            net_arch=(64,),
            mirroring=True,
            ppo_n_epochs=1,
            ppo_ent_coef=0.0,
            checkpoint_every=5_000_000,
            evaluate_every=5_000_000,
            evaluation_games=100,
            evaluation_pieces=100_000,
            harder_games=1_000,
        ),
        "literature-10x10-cma": _cma_preset(
            "the published game on 10 rows: CMA-ES over ten weights, on whole games", 340_000_000
        ),
        "strong": _cma_preset(
            "CMA-ES as literature-10x10-cma, three times as long; plays boards of any height", 1_000_000_000
        ),
        "literature-10x20-cma": _cma_preset(
            "the published game on 20 rows: CMA-ES on 10 rows, then by estimates of games too long to play",
            _LONG_SEARCH,
            20,
            (*_LITERATURE_FEATURES, *_COLUMN_FEATURES),
            cma_columns=True,
            cma_search_height=10,
            cma_walkers=20,
            evaluate_every=_LONG_SEARCH,  # once: none lasts long enough to rank these weights
            evaluation_games=20,
            evaluation_pieces=1_000_000,
            harder_games=0,
        ),
    }
)


def find_preset(name: str) -> Preset:
    """Returns the preset of a name.

    Raises:
        ConfigError: if there is no such preset.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigError(
            f"A preset is one of {', '.join(PRESETS)}; got {name!r}.{suggestion(name, PRESETS)}", field="preset"
        )
    return PRESETS[name]
