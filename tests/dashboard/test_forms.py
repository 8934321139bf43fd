"""Settings as a form needs them: all of them, each once, as the fields say."""

from dataclasses import fields

import pytest

from tetrarium.dashboard.forms import GROUPS, read_settings, setting_groups
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, NotAvailableError
from tetrarium.training import TrainingConfig


def test_every_setting_is_in_one_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(item.name for config in (EnvConfig, TrainingConfig) for item in fields(config))
    assert [group.name for group in setting_groups()] == list(GROUPS)


def test_a_field_tells_what_its_setting_is() -> None:
    described = {item.name: item for group in setting_groups() for item in group.fields}
    assert described["learning_rate"].model_dump() == {
        "config": "training", "name": "learning_rate", "help": "step size of Adam at the start", "type": "float",
        "items": None, "default": 0.003, "low": 1e-12, "high": 10.0, "choices": [], "nullable": False,
    }  # fmt: skip
    kinds = {name: (item.config, item.type, item.items, item.nullable) for name, item in described.items()}
    assert kinds["width"] == ("env", "int", None, False)
    assert kinds["hold"] == ("env", "bool", None, False)
    assert kinds["features"] == ("env", "list", "str", False)
    assert kinds["net_arch"] == ("training", "list", "int", False)
    assert kinds["target_lines"] == ("training", "int", None, True)
    assert described["net_arch"].default == [64, 64]
    assert described["algorithm"].choices == ["dqn", "qr-dqn", "maskable-ppo", "cma-es"]
    assert "holes" in described["features"].choices


def test_settings_change_a_preset() -> None:
    env_config, training_config = read_settings("quick", {"width": 6, "net_arch": [8]})
    assert (env_config.width, training_config.net_arch, training_config.n_envs) == (6, (8,), 25)


@pytest.mark.parametrize(
    ("preset", "settings", "error", "said"),
    [
        ("quik", {}, ConfigError, "Did you mean 'quick'?"),
        ("quick", {"batchsize": 1}, ConfigError, "no setting 'batchsize'. Did you mean 'batch_size'?"),
        ("quick", {"width": 3}, ConfigError, "width is a whole number from 4 to 16; got 3."),
        ("quick", {"gamma": float("nan")}, ConfigError, "gamma is a number from 0.0 to 0.999999; got nan."),
        ("quick", {"actions": "keys"}, NotAvailableError, "actions='drop' only"),
    ],
)
def test_what_breaks_a_rule_is_refused(preset: str, settings: dict[str, object], error: type, said: str) -> None:
    with pytest.raises(error, match=said.replace("?", r"\?").replace(".", r"\.")):
        read_settings(preset, settings)
