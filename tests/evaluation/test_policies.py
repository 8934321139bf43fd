"""Linear controllers, random play and the published weights: what they choose, and what is refused."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from tests.evaluation.sample_policies import SMALL, batch_of_heights, compiled_only
from tetrarium.engine import FEATURES
from tetrarium.engine.random_streams import make_stream
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.evaluation import POLICY_NAMES, PUBLISHED, LinearPolicy, RandomPolicy, named_policy, play_moves
from tetrarium.evaluation.kernels.linear import LinearDropChoice
from tetrarium.evaluation.policy_runner import GameBatch
from tetrarium.evaluation.single_games import record_game


def board_game(randomizer: str, height: int = 20) -> EnvConfig:
    return EnvConfig.literature(height=height).with_changes(randomizer=randomizer)


def test_equal_placements_go_orientation_by_orientation() -> None:
    """Flat on columns 2 to 5 and upright in column 0 both leave 6 rows: the action numbers say 8 and 1."""
    batch = batch_of_heights(board_game("I"), [0, 6, 5, 5, 5, 5, 6, 6, 6, 0])
    assert LinearPolicy({"max_height": -1}).make_runner(batch).choose(0) == 4 * 2 + 0


def test_among_equal_columns_the_leftmost_is_played() -> None:
    batch = batch_of_heights(board_game("O"), [4, 4, 3, 3, 4, 4, 3, 3, 4, 0])
    assert LinearPolicy({"max_height": -1}).make_runner(batch).choose(0) == 4 * 2


def test_a_placement_that_ends_the_game_is_never_better_than_one_that_does_not() -> None:
    batch = batch_of_heights(board_game("O", height=4), [3, 3, 3, 3, 2, 2, 3, 3, 3, 0])
    assert LinearPolicy({"landing_height": 1000}).make_runner(batch).choose(0) == 4 * 4


def test_where_every_placement_ends_the_game_the_first_is_played() -> None:
    batch = batch_of_heights(board_game("O", height=4), [3, 3, 3, 3, 3, 3, 3, 3, 3, 0])
    assert LinearPolicy({"landing_height": 1}).make_runner(batch).choose(0) == 0


def test_a_linear_policy_plays_the_largest_weighted_sum() -> None:
    """Against the sums of every afterstate in plain NumPy, on the boards of a game."""
    weights = {"holes": -4.5, "column_heights": [-1, 0, 0.25, 0, 0, -3], "eroded_cells": 2, "fast_wells": -0.75}
    policy = LinearPolicy(weights)
    batch = GameBatch.begin(SMALL, 5, tuple(range(9)))
    runner = policy.make_runner(batch)
    layout = batch.layout((*policy.features, "game_over"))
    rows = batch.rows(layout, 9)
    masks = np.zeros(rows.shape[:2], dtype=np.bool_)
    in_order = np.array([-1, 0, 0.25, 0, 0, -3, -4.5, 2, -0.75])
    orientation_major = sorted(range(24), key=lambda action: (action % 4, action // 4))
    n_compared = 0
    while not batch.games.terminated.all():
        batch.games.observe(layout, rows, masks)
        for game in np.flatnonzero(batch.games.terminated == 0).tolist():
            playable = [action for action in orientation_major if masks[game, action] and not rows[game, action, -1]]
            values = rows[game, :, :-1] @ in_order
            assert runner.choose(game) == max(playable, key=values.__getitem__, default=0)
            n_compared += len(playable)
            batch.games.place(game, runner.choose(game))
    assert n_compared > 300


@compiled_only
@pytest.mark.parametrize(
    "weights", [PUBLISHED["dt-10"], PUBLISHED["du"], {"column_heights": [-k / 7 for k in range(10)], "bumpiness": -0.3}]
)
def test_sums_without_rows_play_as_rows_times_weights(weights: dict[str, Any]) -> None:
    """Rows above the board change nothing, nor does the way in which placements are valued."""

    class RowPolicy(LinearPolicy):
        make_runner = LinearPolicy.make_value_runner

    low, high = (EnvConfig.literature(height=10).with_changes(hidden_rows=rows) for rows in (4, 40))
    cases = [(policy(weights), config) for policy in (LinearPolicy, RowPolicy) for config in (low, high)]
    runners = [type(policy.make_runner(GameBatch.begin(config, 0, (0,))).choice) for policy, config in cases]
    assert runners[:2] == [LinearDropChoice] * 2
    assert LinearDropChoice not in runners[2:]
    for game in range(20):
        played = [record_game(policy, config, 3, game, max_pieces=1000) for policy, config in cases]
        assert len({(tuple(one.actions), one.lines) for one in played}) == 1


def test_one_weight_for_column_heights_counts_for_every_column() -> None:
    single, several = LinearPolicy({"column_heights": -1.5}), LinearPolicy({"column_heights": [-1.5] * 6})
    assert (single.width, several.width) == (None, 6)
    games = [[move.action for move in play_moves(policy, SMALL, seed=3)] for policy in (single, several)]
    assert games[0] == games[1]


def test_height_differences_take_one_weight_or_one_per_gap() -> None:
    single, several = LinearPolicy({"height_differences": -1.5}), LinearPolicy({"height_differences": [-1.5] * 5})
    assert (single.width, several.width) == (None, 6)
    assert LinearPolicy({"column_heights": [-1] * 6, "height_differences": [-2] * 5}).width == 6
    summed = LinearPolicy({"bumpiness": -1.5})  # the sum of the differences
    games = [[move.action for move in play_moves(policy, SMALL, seed=3)] for policy in (single, several, summed)]
    assert games[0] == games[1] == games[2]


def test_features_stand_in_the_engines_order() -> None:
    assert LinearPolicy({"eroded_cells": 1, "holes": -1}).features == ("holes", "eroded_cells")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "A linear policy has at least one weight; got none. Name a feature, such as 'holes'."),
        ({"holes": float("nan")}, "A weight is a finite number; got nan for 'holes'. Correct it."),
        ({"holes": float("-inf")}, "A weight is a finite number; got -inf for 'holes'. Correct it."),
        ({"holes": True}, "A weight is a finite number; got True for 'holes'. Correct it."),
        ({"holes": "much"}, "A weight is a finite number; got 'much' for 'holes'. Correct it."),
        ({"holes": [1, 2]}, "'holes' takes one weight; got 2. Pass a number."),
        (
            {"column_heights": [1] * 6, "height_differences": [1] * 6},
            "Weights fit boards of one width; got 6 of 'height_differences', for 7 columns, and some for 6 columns. "
            "Pass as many as fit, or one for all.",
        ),
        ({"next_pieces": 1}, "A linear policy weighs what placements differ in; got 'next_pieces'. Leave it out."),
    ],
)
def test_invalid_weights_are_rejected(weights: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        LinearPolicy(weights)
    assert str(refused.value) == message


def test_a_mistyped_feature_is_suggested() -> None:
    with pytest.raises(ConfigError, match=r"got 'hole'\. Did you mean 'holes'\?"):
        LinearPolicy({"hole": -1})


def test_random_play_chooses_every_legal_action_equally_often() -> None:
    config = board_game("L")
    batch = GameBatch.begin(config, 0, tuple(range(3400)))
    runner = RandomPolicy().make_runner(batch)
    counts = Counter(runner.choose(index) for index in range(3400))
    legal = {4 * left + rotation for rotation in range(4) for left in range(8 + rotation % 2)}
    assert set(counts) == legal
    chi_square = sum((count - 100) ** 2 / 100 for count in counts.values())
    assert chi_square < 63.9  # 33 degrees of freedom, 1 in 1,000


def test_random_choices_draw_nothing_from_the_pieces() -> None:
    pieces = [
        [move.state_t.queue[0] for move in play_moves(policy, EnvConfig.literature(), seed=9, max_pieces=8)]
        for policy in (RandomPolicy(), LinearPolicy({"holes": -1}))
    ]
    assert pieces[0] == pieces[1]
    batch = GameBatch.begin(SMALL, 0, (0, 1))
    assert make_stream(0, 1).tolist() not in batch.choice_streams.tolist()


def test_every_published_controller_names_known_features() -> None:
    assert set(PUBLISHED) == {"dellacherie", "du", "dt-10"}
    assert {feature for weights in PUBLISHED.values() for feature in weights} <= set(FEATURES)
    assert "fast_wells" in PUBLISHED["dt-10"]
    assert "wells" in PUBLISHED["du"]


@pytest.mark.parametrize("name", POLICY_NAMES)
def test_policies_by_name(name: str) -> None:
    assert named_policy(name).name == name


def test_an_unknown_name_is_suggested() -> None:
    with pytest.raises(ConfigError) as refused:
        named_policy("dt10")
    expected = "A policy by name is one of random, dellacherie, du, dt-10; got 'dt10'. Did you mean 'dt-10'?"
    assert str(refused.value) == expected
