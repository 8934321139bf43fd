"""Every setting as a form needs it, read off the fields of ``EnvConfig`` and ``TrainingConfig``, in groups.

Names, meanings, bounds and defaults are the fields' own; only which group a field belongs to stands here.
"""

import re
from collections.abc import Mapping
from dataclasses import Field, fields
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from tetrarium.dashboard.schemas import SettingField, SettingGroup
from tetrarium.engine import FEATURES
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.settings import Settings
from tetrarium.training import TrainingConfig
from tetrarium.training.presets import find_preset

__all__ = ["GROUPS", "SettingError", "read_settings", "setting_groups"]

GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "game": (
            "width", "height", "hidden_rows", "randomizer", "game_over", "actions", "hold", "gravity", "key_rate",
            "first_level", "preview", "observation", "features", "illegal_action", "max_pieces",
        ),
        "reward": ("line_reward", "hole_penalty", "height_penalty", "game_over_penalty"),
        "run": (
            "algorithm", "total_timesteps", "n_envs", "seed", "max_pieces_game", "target_lines", "target_mean_lines",
            "target_mean_games", "target_evaluation_lines", "device", "torch_threads",
        ),
        "network": ("net_arch", "activation", "averaging"),
        "exploration": ("exploration_initial_eps", "exploration_final_eps", "exploration_fraction", "learning_starts"),
        "learning": (
            "learning_rate", "learning_rate_final", "gamma", "n_steps", "batch_size", "buffer_size", "train_freq",
            "gradient_steps", "target_update_interval", "tau", "max_grad_norm", "double_q", "mirroring",
        ),
        "checkpoints": ("checkpoint_every", "checkpoint_every_s", "keep_checkpoints", "keep_every"),
        "evaluation": (
            "evaluate_every", "evaluation_games", "evaluation_pieces", "evaluation_seed", "stats_window_size",
        ),
        "qr-dqn": ("n_quantiles",),
        "maskable-ppo": (
            "ppo_n_steps", "ppo_n_epochs", "ppo_gae_lambda", "ppo_clip_range", "ppo_ent_coef", "ppo_vf_coef",
        ),
        "cma-es": ("cma_population", "cma_sigma", "cma_games"),
    }
)  # fmt: skip
_CONFIGS: Final[tuple[tuple[Literal["env", "training"], type[Settings]], ...]] = (
    ("env", EnvConfig),
    ("training", TrainingConfig),
)
_ALL: Final = frozenset(name for names in GROUPS.values() for name in names)
_GAME: Final = frozenset(item.name for item in fields(EnvConfig))
_DEVICE: Final = re.compile(r"auto|(cpu|cuda|mps|xpu)(:[0-9]{1,3})?")
_TRUTHS_AND_NUMBERS: Final[dict[Any, Literal["bool", "float"]]] = {bool: "bool", float: "float"}
_ITEMS: Final[dict[Any, Literal["int", "str"]]] = {int: "int", str: "str"}


class SettingError(ConfigError):
    """Settings that make no run.

    Args:
        message: The rule, the value, the remedy.
        field: The setting at fault, where it is one.
    """

    def __init__(self, message: str, field: str | None) -> None:
        super().__init__(message)
        self.field = field


def setting_groups() -> list[SettingGroup]:
    """All settings, in the order of a form."""
    described = {
        item.name: _described(config_name, config, item) for config_name, config in _CONFIGS for item in fields(config)
    }
    return [SettingGroup(name=group, fields=[described[name] for name in names]) for group, names in GROUPS.items()]


def read_settings(preset: str, settings: Mapping[str, Any]) -> tuple[EnvConfig, TrainingConfig]:
    """Makes the two configs of a preset and what is to be different.

    Raises:
        SettingError: if there is no such preset or setting, or a value breaks its rule.
    """
    try:
        return _changed(preset, settings)
    except ConfigError as error:
        raise SettingError(str(error), _at_fault(preset, settings, str(error))) from error


def _changed(preset: str, settings: Mapping[str, Any]) -> tuple[EnvConfig, TrainingConfig]:
    base = find_preset(preset)
    game = {name: value for name, value in settings.items() if name in _GAME}
    training = {name: value for name, value in settings.items() if name not in _GAME}
    env_config = base.env_config.with_changes(**game)
    training_config = base.training_config.with_changes(**training)
    env_config.rules()
    if _DEVICE.fullmatch(training_config.device) is None:
        raise ConfigError(f"device is 'cpu', 'cuda' or 'auto'; got {training_config.device!r}. Choose one of them.")
    return env_config, training_config


def _at_fault(preset: str, settings: Mapping[str, Any], message: str) -> str | None:
    """The setting that is wrong by itself, or else the first one that the message names."""
    for name, value in settings.items():
        try:
            _changed(preset, {name: value})
        except ConfigError as error:
            if str(error) == message:
                return name if name in _ALL else None
    return next((word for word in re.findall(r"[\w-]+", message) if word in _ALL), None)


def _described(config_name: Literal["env", "training"], config: type[Settings], item: Field[Any]) -> SettingField:
    hint = get_type_hints(config)[item.name]
    options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    kind = next(option for option in options if option is not NoneType)
    items = _ITEMS[get_args(kind)[0]] if get_origin(kind) is tuple else None
    default = item.default
    return SettingField(
        config=config_name,
        name=item.name,
        help=item.metadata["help"],
        type="list" if items else _TRUTHS_AND_NUMBERS.get(kind) or _ITEMS[kind],
        items=items,
        default=list(default) if isinstance(default, tuple) else default,
        low=item.metadata["low"],
        high=item.metadata["high"],
        choices=list(FEATURES if item.name == "features" else item.metadata["choices"]),
        nullable=NoneType in options,
    )
