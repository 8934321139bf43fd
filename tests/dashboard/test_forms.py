"""Settings as a form needs them: all of them, each once, as the fields say."""

from dataclasses import fields

import pytest

from tetrarium.dashboard.forms import GROUPS, SettingError, read_settings, setting_groups
from tetrarium.environment import EnvConfig
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
    ("preset", "settings", "said", "field"),
    [
        ("quik", {}, "Did you mean 'quick'?", None),
        ("quick", {"batchsize": 1}, "no setting 'batchsize'. Did you mean 'batch_size'?", None),
        ("quick", {"gamma": 0.5, "width": 3}, "width is a whole number from 4 to 16; got 3.", "width"),
        ("quick", {"gamma": float("nan")}, "gamma is a number from 0.0 to 0.999999; got nan.", "gamma"),
        ("quick", {"net_arch": [64, "wide"]}, "net_arch is widths from 1 to 4096; got (64, 'wide').", "net_arch"),
        ("quick", {"features": ["height"]}, "A feature is one of column_heights, max_height", "features"),
        ("quick", {"randomizer": 7}, "randomizer is '7-bag', 'uniform', or piece letters", "randomizer"),
        ("quick", {"device": "toaster"}, "device is 'cpu', 'cuda' or 'auto'; got 'toaster'.", "device"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_named(
    preset: str, settings: dict[str, object], said: str, field: str | None
) -> None:
    with pytest.raises(SettingError) as caught:
        read_settings(preset, settings)
    assert said in str(caught.value)
    assert caught.value.field == field


NASTY = [None, True, False, 0, -1, 1.5, float("nan"), float("inf"), 10**400, "", "x", "\ud800", [], [1], [[1]], [None],
         ["x", 1], [True], [1.5], {}, [{"a": 1}], {"a": [1]}, ["holes", ["holes"]], ["holes", "holes"]]  # fmt: skip


@pytest.mark.parametrize("name", [name for names in GROUPS.values() for name in names])
def test_no_value_of_any_setting_does_more_than_be_refused(name: str) -> None:
    faults = []
    for value in NASTY:
        try:
            read_settings("quick", {name: value})
        except SettingError as error:
            faults.append(error.field)
    assert len(faults) >= 10
    assert set(faults) == {name}
