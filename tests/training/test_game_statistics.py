"""Lines per placement, per game and in total, against cases counted by hand."""

import json

import numpy as np

from tetrarium.training.callbacks import GameStatistics


def add(statistics: GameStatistics, lines: list[int], ended: list[int] | None = None) -> None:
    statistics.add_step(np.array(lines), np.array([index in (ended or []) for index in range(len(lines))]))


def test_lines_of_a_placement_a_game_and_in_all_are_three_counts() -> None:
    statistics = GameStatistics(n_envs=2)
    for lines in ([4, 0], [4, 1], [4, 0]):
        add(statistics, lines)

    assert statistics.best_lines_game == 12
    assert statistics.lines_total == 13
    assert statistics.pieces_total == 6
    assert statistics.games_ended == 0


def test_the_mean_counts_running_games_with_their_lines_so_far() -> None:
    statistics = GameStatistics(n_envs=2)
    add(statistics, [3, 1], ended=[1])
    add(statistics, [1, 2])

    assert statistics.latest_games == [4, 2, 1]
    assert statistics.training_mean == 7 / 3


def test_a_game_that_ends_starts_again_from_no_lines() -> None:
    statistics = GameStatistics(n_envs=1)
    add(statistics, [4], ended=[0])
    add(statistics, [1])

    assert statistics.latest_games == [1, 4]
    assert statistics.best_lines_game == 4


def test_the_window_contains_100_games_running_ones_first() -> None:
    statistics = GameStatistics(n_envs=1)
    for lines in range(150):
        add(statistics, [lines], ended=[0])

    assert len(statistics.latest_games) == 100
    assert statistics.latest_games[0] == 0
    assert statistics.latest_games[1:] == list(range(51, 150))
    assert statistics.games_ended == 150


def test_more_parallel_games_than_the_window_are_all_counted() -> None:
    statistics = GameStatistics(n_envs=120)
    add(statistics, [1] * 120, ended=[0])

    assert len(statistics.latest_games) == 120
    assert statistics.training_mean == 119 / 120


def test_there_is_no_mean_before_the_first_placement() -> None:
    assert GameStatistics(n_envs=3).training_mean is None


def test_a_state_survives_json() -> None:
    statistics = GameStatistics(n_envs=2)
    add(statistics, [3, 1], ended=[1])
    other = GameStatistics(n_envs=2)
    other.set_state(json.loads(json.dumps(statistics.state())))
    add(statistics, [1, 1], ended=[0])
    add(other, [1, 1], ended=[0])

    assert other.state() == statistics.state()


def test_losses_of_an_earlier_version_were_at_its_checkpoint_at_the_latest() -> None:
    statistics = GameStatistics(n_envs=2)
    add(statistics, [0, 0], ended=[1])
    add(statistics, [0, 0])
    state = {name: value for name, value in statistics.state().items() if name not in ("games_lost", "last_loss_step")}
    resumed = GameStatistics(n_envs=2)
    resumed.set_state(state)

    assert (resumed.games_lost, resumed.last_loss_step) == (1, 4)
    resumed.set_state({**state, "games_ended": 0})
    assert resumed.last_loss_step is None


def test_whole_games_are_counted_and_none_is_left_running() -> None:
    statistics = GameStatistics(n_envs=3)
    statistics.add_games(np.array([4, 10]), n_pieces=40)
    statistics.add_games(np.array([1]), n_pieces=9)

    assert (statistics.games_ended, statistics.best_lines_game, statistics.lines_total) == (3, 10, 15)
    assert statistics.pieces_total == 49
    assert statistics.latest_games == [4, 10, 1]
    assert statistics.training_mean == 5.0
    again = GameStatistics(n_envs=3)
    again.set_state(statistics.state())
    assert again.latest_games == [4, 10, 1]
