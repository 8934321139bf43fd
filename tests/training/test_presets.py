"""Presets are playable games with trainable settings."""

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.evaluation.policies import PUBLISHED
from tetrarium.training import TrainingConfig
from tetrarium.training.presets import PRESETS, find_preset


def test_the_default_preset_is_the_defaults() -> None:
    assert find_preset("default").env_config == EnvConfig()
    assert find_preset("default").training_config == TrainingConfig()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_game_that_this_version_plays(name: str) -> None:
    assert find_preset(name).env_config.rules().width == 10


def test_the_literatures_presets_play_the_literatures_game() -> None:
    assert find_preset("literature-10x10").env_config.rules() == EnvConfig.literature(10).rules()
    assert find_preset("literature-10x20").env_config.rules() == EnvConfig.literature(20).rules()


def test_the_guidelines_preset_plays_the_guidelines_game_with_hold() -> None:
    assert find_preset("guideline-hold").env_config == EnvConfig.guideline()
    assert find_preset("guideline-hold").env_config.rules().n_actions == 80


def test_the_search_preset_uses_the_nine_features_of_published_controllers() -> None:
    preset = find_preset("literature-10x10-cma")

    assert preset.env_config.with_changes(features=EnvConfig().features) == EnvConfig.literature(10)
    assert set(preset.env_config.features) == {*PUBLISHED["dt-10"], "game_over"}
    assert preset.training_config.algorithm == "cma-es"


def test_the_search_on_20_rows_estimates_long_games_and_evaluates_its_last_weights_alone() -> None:
    preset = find_preset("literature-10x20-cma")

    published = find_preset("literature-10x10-cma").env_config
    columns = ("column_heights", "height_differences")
    assert preset.env_config == published.with_changes(height=20, features=(*published.features, *columns))
    assert preset.training_config.cma_columns
    assert preset.training_config.cma_walkers > 0 and preset.training_config.cma_search_height == 10
    assert preset.training_config.evaluate_every == preset.training_config.total_timesteps


def test_an_unknown_preset_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"got 'quik'\. Did you mean 'quick'\?"):
        find_preset("quik")
