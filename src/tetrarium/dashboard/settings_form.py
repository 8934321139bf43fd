"""Descriptions of all settings for forms, read from the fields of ``EnvConfig`` and ``TrainingConfig``, in groups.

Groups, names, meanings, bounds and defaults come from the fields.
"""

from collections.abc import Mapping
from dataclasses import Field as DataclassField
from dataclasses import fields
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from pydantic import Field

from tetrarium.dashboard.schemas import ResponseModel
from tetrarium.engine import FEATURES
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.settings import Settings
from tetrarium.training import TrainingConfig
from tetrarium.training.presets import find_preset

_CONFIGS: Final[tuple[tuple[Literal["env", "training"], type[Settings]], ...]] = (
    ("env", EnvConfig),
    ("training", TrainingConfig),
)
_SCALARS: Final[dict[Any, Literal["bool", "float"]]] = {bool: "bool", float: "float"}
_ITEMS: Final[dict[Any, Literal["int", "str"]]] = {int: "int", str: "str"}


class SettingField(ResponseModel):
    """Description of a setting for forms."""

    config: Literal["env", "training"] = Field(description="Config of the setting: environment or training.")
    name: str = Field(description="Name of the setting.", examples=["learning_rate"])
    help: str = Field(description="One line for people.", examples=["step size of Adam at the start"])
    type: Literal["bool", "int", "float", "str", "list"] = Field(description="Type of its values.")
    items: Literal["int", "str"] | None = Field(description="Type of a list's elements.", examples=["int"])
    default: Any = Field(description="Default without a preset.", examples=[0.003])
    low: float | None = Field(description="Smallest valid number.", examples=[1e-12])
    high: float | None = Field(description="Largest valid number.", examples=[10.0])
    choices: list[str] = Field(
        description="Valid texts, also as elements of a list; empty if any text is valid.", examples=[["relu", "tanh"]]
    )
    nullable: bool = Field(description="Whether null is valid.")


class SettingGroup(ResponseModel):
    """A group of settings."""

    name: str = Field(description="Name of the group.", examples=["learning"])
    fields: list[SettingField] = Field(description="In the order of a form.")


def setting_groups() -> list[SettingGroup]:
    """Returns all settings in the order of a form."""
    groups: dict[str, list[SettingField]] = {}
    for config_name, config in _CONFIGS:
        for item in fields(config):
            groups.setdefault(item.metadata["group"], []).append(_describe(config_name, config, item))
    return [SettingGroup(name=name, fields=described) for name, described in groups.items()]


def read_settings(
    preset: str, settings: Mapping[str, Any], own_fields: Mapping[str, Any] = MappingProxyType({})
) -> tuple[EnvConfig, TrainingConfig]:
    """Returns the two configs of a preset with some settings changed.

    ``own_fields``: settings that a request has beside these; None where it was omitted.

    Raises:
        ConfigError: if there is no such preset or setting, one is given twice, or a value breaks its rule; ``field``
            names the setting.
    """
    base = find_preset(preset)
    given = {name: value for name, value in own_fields.items() if value is not None}
    for name in given.keys() & settings.keys():
        raise ConfigError(
            f"A setting is given once; {name} is {given[name]!r} in the request and {settings[name]!r} "
            "in its settings. Remove one.",
            field=name,
        )
    env_config, training_config = base.configs_with({**settings, **given})
    env_config.rules()
    return env_config, training_config


def _describe(
    config_name: Literal["env", "training"], config: type[Settings], item: DataclassField[Any]
) -> SettingField:
    hint = get_type_hints(config)[item.name]
    options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    kind = next(option for option in options if option is not NoneType)
    items = _ITEMS[get_args(kind)[0]] if get_origin(kind) is tuple else None
    default = item.default
    return SettingField(
        config=config_name,
        name=item.name,
        help=item.metadata["help"],
        type="list" if items else _SCALARS.get(kind) or _ITEMS[kind],
        items=items,
        default=list(default) if isinstance(default, tuple) else default,
        low=item.metadata["low"],
        high=item.metadata["high"],
        choices=list(FEATURES if item.name == "features" else item.metadata["choices"]),
        nullable=NoneType in options,
    )
