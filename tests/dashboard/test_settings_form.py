"""Descriptions of settings for forms."""

from dataclasses import fields

import pytest

from tetrarium.dashboard.settings_form import read_settings, setting_groups
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.training import TrainingConfig
from tetrarium.training.config import ALGORITHMS

NAMES = [item.name for config in (EnvConfig, TrainingConfig) for item in fields(config)]


def test_every_setting_is_in_one_group() -> None:
    groups = {group.name: [item.name for item in group.fields] for group in setting_groups()}
    assert sorted(name for names in groups.values() for name in names) == sorted(NAMES)
    assert list(groups) == [
        "game", "keys", "observation", "episode", "reward", "run", "length", "learning", "exploration", "network",
        "qr-dqn", "ppo", "cma-es", "checkpoints", "evaluation", "hardware",
    ]  # fmt: skip
    assert groups["game"] == ["width", "height", "hidden_rows", "randomizer", "game_over", "actions", "hold", "preview"]
    assert groups["hardware"] == ["device", "torch_threads"]


def test_a_field_describes_its_setting() -> None:
    fields_by_name = {item.name: item for group in setting_groups() for item in group.fields}
    assert fields_by_name["learning_rate"].model_dump() == {
        "config": "training", "name": "learning_rate", "help": "learning rate of Adam at the start", "type": "float",
        "items": None, "default": 0.003, "low": 1e-12, "high": 10.0, "choices": [], "nullable": False,
    }  # fmt: skip
    kinds = {name: (item.config, item.type, item.items, item.nullable) for name, item in fields_by_name.items()}
    assert kinds["width"] == ("env", "int", None, False)
    assert kinds["hold"] == ("env", "bool", None, False)
    assert kinds["features"] == ("env", "list", "str", False)
    assert kinds["net_arch"] == ("training", "list", "int", False)
    assert kinds["target_lines"] == ("training", "int", None, True)
    assert fields_by_name["net_arch"].default == [64, 64]
    assert fields_by_name["algorithm"].choices == list(ALGORITHMS)
    assert "holes" in fields_by_name["features"].choices


def test_settings_change_a_preset() -> None:
    env_config, training_config = read_settings("quick", {"width": 6, "net_arch": [8]})
    assert (env_config.width, training_config.net_arch, training_config.n_envs) == (6, (8,), 25)


@pytest.mark.parametrize(
    ("preset", "settings", "message", "field"),
    [
        ("quik", {}, "Did you mean 'quick'?", "preset"),
        ("quick", {"batchsize": 1}, "no setting 'batchsize'. Did you mean 'batch_size'?", "batchsize"),
        ("quick", {"gamma": 0.5, "width": 3}, "width is a whole number from 4 to 16; got 3.", "width"),
        ("quick", {"gamma": float("nan")}, "gamma is a number from 0.0 to 0.999999; got nan.", "gamma"),
        ("quick", {"net_arch": [64, "wide"]}, "net_arch contains widths from 1 to 4096; got (64, 'wide').", "net_arch"),
        ("quick", {"features": ["height"]}, "A feature is one of column_heights, max_height", "features"),
        ("quick", {"randomizer": 7}, "randomizer is '7-bag', 'uniform', 'uniform:' and", "randomizer"),
        ("quick", {"device": "toaster"}, "such as 'cuda:1'; got 'toaster'.", "device"),
    ],
)
def test_an_invalid_setting_is_rejected_and_named(
    preset: str, settings: dict[str, object], message: str, field: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(preset, settings)
    assert message in str(caught.value)
    assert caught.value.field == field


INVALID_VALUES = [
    None, True, False, 0, -1, 1.5, float("nan"), float("inf"), 10**400, "", "x", "\ud800", [], [1], [[1]], [None],
    ["x", 1], [True], [1.5], {}, [{"a": 1}], {"a": [1]}, ["holes", ["holes"]], ["holes", "holes"],
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_invalid_value_of_any_setting_raises_only_config_errors(name: str) -> None:
    faults = []
    for value in INVALID_VALUES:
        try:
            read_settings("quick", {name: value})
        except ConfigError as error:
            faults.append(error.field)
    assert len(faults) >= 10
    assert set(faults) == {name}


def test_a_setting_beside_the_settings_is_given_once() -> None:
    with pytest.raises(ConfigError, match=r"seed is 1 in the request and 2 in its settings\. Remove one\.") as caught:
        read_settings("quick", {"seed": 2}, {"seed": 1, "target_lines": None})
    assert caught.value.field == "seed"
    assert read_settings("quick", {"total_timesteps": 1e3}, {"target_lines": "none"})[1].total_timesteps == 1_000
