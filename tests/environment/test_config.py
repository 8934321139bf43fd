"""The game's settings: their defaults, their bounds, and the errors of invalid ones."""

import pytest

from tetrarium.engine import FEATURES
from tetrarium.environment import EnvConfig
from tetrarium.environment.config import DEFAULT_FEATURES
from tetrarium.errors import ConfigError


def test_the_defaults_are_those_of_the_documented_table() -> None:
    config = EnvConfig()

    assert (config.width, config.height, config.hidden_rows, config.randomizer) == (10, 20, 4, "7-bag")
    assert (config.game_over, config.actions, config.hold, config.preview) == ("overflow", "drop", False, 1)
    left_out = ("height_differences", "difference_classes", "fast_wells", "next_pieces", "held_piece")
    assert config.features == tuple(name for name in FEATURES if name not in left_out)
    assert (config.illegal_action, config.max_pieces) == ("nearest", None)


def test_the_literature_plays_independent_pieces_without_preview() -> None:
    config = EnvConfig.literature(height=10)

    assert (config.width, config.height, config.hidden_rows) == (10, 10, 4)
    assert (config.randomizer, config.preview, config.hold, config.game_over) == ("uniform", 0, False, "overflow")


def test_the_guideline_is_the_documented_one() -> None:
    config = EnvConfig.guideline()

    assert (config.width, config.height, config.hidden_rows, config.randomizer) == (10, 20, 20, "7-bag")
    assert (config.game_over, config.actions, config.hold, config.preview) == ("guideline", "drop", True, 5)
    assert config.features == (*DEFAULT_FEATURES, "next_pieces", "held_piece")


@pytest.mark.parametrize("config", [EnvConfig(), EnvConfig.guideline(), EnvConfig(width=6, features=("holes",))])
def test_a_config_comes_back_equal_from_its_dict(config: EnvConfig) -> None:
    values = config.to_dict()

    assert isinstance(values["features"], list)
    assert EnvConfig.from_dict(values) == config
    assert isinstance(EnvConfig.from_dict(values).features, tuple)


def test_features_take_their_fixed_order() -> None:
    assert EnvConfig(features=("holes", "column_heights")).features == ("column_heights", "holes")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 3}, "width is a whole number from 4 to 16; got 3."),
        ({"height": 41}, "height is a whole number from 4 to 40; got 41."),
        ({"hidden_rows": 3}, "hidden_rows is a whole number from 4 to 56; got 3."),
        ({"preview": 7}, "preview is a whole number from 0 to 6; got 7."),
        ({"randomizer": "8-bag"}, "Did you mean '7-bag'?"),
        ({"randomizer": ""}, "or piece letters such as 'IOTLJSZ' that repeat; got ''."),
        ({"actions": "keyz"}, "actions is one of 'drop', 'keys', 'reachable'; got 'keyz'. Did you mean 'keys'?"),
        ({"game_over": "never"}, "game_over is one of 'overflow', 'guideline'; got 'never'."),
        ({"illegal_action": "ignore"}, "illegal_action is one of 'nearest', 'raise'; got 'ignore'."),
        ({"hold": 1}, "hold is true or false; got 1."),
        ({"features": ("holes", "hole")}, "got 'hole'. Did you mean 'holes'?"),
        ({"features": ("holes", "holes")}, "A feature is named once; got 'holes' twice."),
        ({"features": ()}, "An observation has at least one number a row; got none."),
        ({"features": "holes"}, "features is a list of names; got 'holes'."),
        ({"max_pieces": 0}, "max_pieces is a whole number from 1 to 1,000,000,000,000; got 0."),
        ({"max_pieces": 1.5}, "max_pieces is a whole number"),
        ({"line_reward": float("nan")}, "line_reward is a number from -1,000,000.0 to 1,000,000.0; got nan."),
        ({"hole_penalty": "much"}, "hole_penalty is a number"),
    ],
)
def test_an_invalid_value_is_rejected_with_rule_and_value(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EnvConfig.from_dict(values)

    assert message in str(caught.value)


def test_an_unknown_key_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"EnvConfig has no setting 'widht'. Did you mean 'width'\?"):
        EnvConfig.from_dict({"widht": 10})
    with pytest.raises(ConfigError, match=r"EnvConfig has no setting 'color'. Its settings are width, height"):
        EnvConfig().with_changes(color="red")


def test_a_config_returns_the_rules_of_its_game() -> None:
    rules = EnvConfig.guideline().with_changes(actions="reachable", preview=3).rules()
    assert (rules.height, rules.hidden_rows, rules.preview, rules.hold) == (20, 20, 3, True)
    assert (rules.game_over, rules.actions, rules.n_actions) == ("guideline", "reachable", 512)
    assert (EnvConfig(hold=True).rules().n_actions, EnvConfig(width=6).rules().n_actions) == (80, 24)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"features": ("holes", "held_piece")}, "The feature 'held_piece' needs hold; got hold=False. Set hold=True,"),
        ({"hold": True, "preview": 0}, "hold takes the next piece where none is held, so preview is 1 or more; got 0."),
    ],
)
def test_settings_that_do_not_go_together_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EnvConfig.from_dict(values)

    assert str(caught.value).startswith(message)


def test_a_game_by_keys_has_no_rules_of_placements() -> None:
    with pytest.raises(ConfigError, match=r"^Placements are chosen under actions='drop' or 'reachable'; got actions="):
        EnvConfig(actions="keys").rules()
