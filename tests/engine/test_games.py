"""Tests of batches of games: comparison with the naive twin, laws of a game, steps and errors."""

import zlib

import numba
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine import naive
from tests.strategies import Position, positions, rules, scripts
from tetrarium.engine import FEATURES, Games, GameState, Layout, Rules, make_layout, row_length
from tetrarium.engine.afterstates.feature_rows import nearest_action
from tetrarium.engine.state_layout import COLUMNS, HELD, GameRows
from tetrarium.errors import GameError

GAME = Rules(width=10, height=20, hidden_rows=4, randomizer="7-bag", preview=1)
NEVER = 10**9

compiled_only = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="plays more than plain Python can in time")


def started_from(position: Position) -> Games:
    games = Games(position.rules, seed=0, numbers=[0])
    games.set_board(0, position.array)
    games.queue[0] = position.queue
    return games


def arrays(games: Games, layout: Layout) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    shape = (games.n_games, games.n_actions)
    return np.full((*shape, row_length(layout)), np.nan, dtype=np.float32), np.zeros(shape, dtype=np.bool_)


def shown(game_rows: GameRows) -> GameRows:
    """Returns the rows without the fields that only games with hold or under the guideline use."""
    later = np.s_[HELD:COLUMNS]
    return game_rows if game_rows[:, later].any() else np.delete(game_rows, later, axis=1)


# Features of the engine's signature; later features are tested elsewhere and leave the signature unchanged.
SIGNED_FEATURES = [name for name in FEATURES if name not in ("height_differences", "difference_classes")]


def play(games: Games, n_steps: int, *, seed: int = 0, features: list[str] | None = None) -> int:
    """Plays uniformly random actions, illegal ones included; returns the checksum of all results."""
    layout = make_layout(features or FEATURES, games.rules.width, games.rules.preview)
    rows, masks = arrays(games, layout)
    final_rows = rows.copy()
    rng = np.random.default_rng(seed)
    games.observe(layout, rows, masks)
    checksum = zlib.crc32(rows.tobytes())
    for _ in range(n_steps):
        actions = rng.integers(0, games.n_actions, games.n_games)
        games.step(actions, layout, rows, masks, max_pieces=NEVER, final=final_rows)
        for part in (rows, masks, shown(games.rows), shown(games.state_after.rows)):
            checksum = zlib.crc32(part.tobytes(), checksum)
    return checksum


@given(positions(), st.data())
def test_placement_matches_the_naive_game(position: Position, data: st.DataObject) -> None:
    width, height, piece = position.rules.width, position.rules.height, position.queue[0]
    action = data.draw(st.sampled_from(naive.legal_actions(piece, width)))
    twin = naive.Placement(naive.board_of(position.columns), piece, action, width, height)
    games = started_from(position)
    assert games.place(0, action) == twin.lines
    assert games.columns[0].tolist() == naive.columns_of(twin.board, width)
    assert (games.lines[0], games.pieces[0], games.terminated[0]) == (twin.lines, 1, twin.terminated)
    assert games.queue[0, :-1].tolist() == list(position.queue[1:])


@given(positions(), st.data())
def test_cells_are_conserved(position: Position, data: st.DataObject) -> None:
    width = position.rules.width
    games = started_from(position)
    action = data.draw(st.integers(0, games.n_actions - 1))
    n_lines = games.place(0, action)
    n_cells = sum(int(column).bit_count() for column in games.columns[0])
    assert n_cells == sum(column.bit_count() for column in position.columns) + 4 - width * n_lines


@given(st.integers(0, 6), st.integers(4, 16), st.data())
def test_nearest_action_matches_the_naive_game(piece: int, width: int, data: st.DataObject) -> None:
    action = data.draw(st.integers(0, 4 * width - 1))
    expected = naive.nearest_action(piece, action, width)
    assert nearest_action(piece, action, width) == expected
    assert nearest_action(piece, expected, width) == expected


@given(positions(), st.data())
def test_step_fields_describe_the_placement(position: Position, data: st.DataObject) -> None:
    width = position.rules.width
    games = started_from(position)
    action = data.draw(st.integers(0, games.n_actions - 1))
    layout = make_layout(["holes"], width, 0)
    rows, masks = arrays(games, layout)
    before = naive.board_of(position.columns)
    played = naive.nearest_action(position.queue[0], action, width)
    twin = naive.Placement(before, position.queue[0], played, width, position.rules.height)
    games.step(np.array([action]), layout, rows, masks, max_pieces=NEVER)
    n_holes = len(naive.holes(twin.board)) - len(naive.holes(before))
    heights = [max(naive.column_height(board, x) for x in range(width)) for board in (before, twin.board)]
    assert (games.executed_actions[0], games.step_lines[0], games.new_holes[0]) == (played, twin.lines, n_holes)
    assert games.added_height[0] == heights[1] - heights[0]
    assert (games.step_terminated[0], games.step_truncated[0]) == (twin.terminated, 0)
    if twin.terminated:
        assert (rows == -1).all() and not masks.any()
    else:
        assert np.flatnonzero(masks[0]).tolist() == naive.legal_actions(int(games.queue[0, 0]), width)


@pytest.mark.compiled
@given(rules(), st.integers(0, 2**40))
def test_restored_state_continues_in_the_same_way(drawn: Rules, seed: int) -> None:
    games = Games(drawn, seed=seed, numbers=[0])
    play(games, 10)
    copied = games.state(0)
    other = Games(drawn, seed=seed + 1, numbers=[5])
    other.restore(0, copied)
    assert other.state(0) == copied
    assert play(games, 10, features=["holes"]) == play(other, 10, features=["holes"])


@pytest.mark.parametrize("seed", [0, 1, 2**31])
@pytest.mark.parametrize("randomizer", ["7-bag", "uniform"])
def test_same_seed_same_game_other_seed_other_game(seed: int, randomizer: str) -> None:
    drawn = Rules(width=10, height=20, hidden_rows=4, randomizer=randomizer, preview=6)
    first = play(Games(drawn, seed=seed, numbers=[0]), 30, features=["next_pieces"])
    assert play(Games(drawn, seed=seed, numbers=[0]), 30, features=["next_pieces"]) == first
    assert play(Games(drawn, seed=seed + 1, numbers=[0]), 30, features=["next_pieces"]) != first
    assert play(Games(drawn, seed=seed, numbers=[1]), 30, features=["next_pieces"]) != first


@pytest.mark.compiled
@given(rules(), st.integers(1, 5))
def test_a_game_is_the_same_alone_and_in_a_batch(drawn: Rules, n_games: int) -> None:
    together = Games(drawn, seed=3, numbers=range(n_games))
    alone = [Games(drawn, seed=3, numbers=[k]) for k in range(n_games)]
    layout = make_layout(["column_heights", "fast_wells"], drawn.width, drawn.preview)
    rows, masks = arrays(together, layout)
    one_row, one_mask = arrays(alone[0], layout)
    rng = np.random.default_rng(0)
    for _ in range(12):
        actions = rng.integers(0, together.n_actions, n_games)
        together.step(actions, layout, rows, masks, max_pieces=8, final=rows.copy())
        for k in range(n_games):
            alone[k].step(actions[k : k + 1], layout, one_row, one_mask, max_pieces=8, final=one_row.copy())
            np.testing.assert_array_equal(together.rows[k], alone[k].rows[0])
            np.testing.assert_array_equal(rows[k], one_row[0])
            np.testing.assert_array_equal(masks[k], one_mask[0])


@given(scripts, st.integers(0, 6))
def test_a_scripted_game_repeats_its_script(script: str, preview: int) -> None:
    games = Games(Rules(width=10, height=40, hidden_rows=4, randomizer=script, preview=preview), seed=0, numbers=[0])
    seen = ""
    for k in range(12):
        seen += naive.LETTERS[games.queue[0, 0]]
        games.place(0, 4 * (2 * k % 10))
    assert seen == (script * 12)[:12]


def test_ended_games_restart_only_with_final_rows() -> None:
    tower = Rules(width=4, height=4, hidden_rows=4, randomizer="O", preview=0)
    layout = make_layout(["max_height"], 4, 0)
    for restart in (False, True):
        games = Games(tower, seed=0, numbers=[0])
        rows, masks = arrays(games, layout)
        final_rows = np.zeros_like(rows)
        for _ in range(3):
            games.step(np.array([0]), layout, rows, masks, max_pieces=NEVER, final=final_rows if restart else None)
        assert (games.step_terminated[0], games.state_after.terminated[0], games.state_after.columns[0].tolist()) == (
            1,
            1,
            [63, 63, 0, 0],
        )
        assert games.terminated[0] == (not restart)
        assert games.pieces[0] == (0 if restart else 3)
        if restart:
            assert (final_rows == -1).all()
            assert rows[0, :, 0].tolist() == [2, -1, -1, -1, 2, -1, -1, -1, 2, *[-1] * 7]


def test_game_is_truncated_at_the_piece_limit_with_its_last_observation() -> None:
    layout = make_layout(["max_height"], 10, 1)
    games = Games(Rules(width=10, height=20, hidden_rows=4, randomizer="O", preview=1), seed=0, numbers=[0])
    rows, masks = arrays(games, layout)
    final_rows = np.zeros_like(rows)
    games.step(np.array([0]), layout, rows, masks, max_pieces=2, final=final_rows)
    assert (games.step_truncated[0], games.step_terminated[0], games.pieces[0]) == (0, 0, 1)
    games.step(np.array([8]), layout, rows, masks, max_pieces=2, final=final_rows)
    assert (games.step_truncated[0], games.step_terminated[0], games.pieces[0]) == (1, 0, 0)
    assert games.state_after.pieces[0] == 2
    assert (final_rows[0, 0, 0], rows[0, 0, 0]) == (4, 2)


def test_game_that_ends_at_the_piece_limit_is_terminated_and_not_truncated() -> None:
    games = Games(Rules(width=4, height=4, hidden_rows=4, randomizer="O", preview=0), seed=0, numbers=[0])
    layout = make_layout(["max_height"], 4, 0)
    rows, masks = arrays(games, layout)
    for _ in range(3):
        games.step(np.array([0]), layout, rows, masks, max_pieces=3)
    assert (games.step_terminated[0], games.step_truncated[0]) == (1, 0)


def test_games_in_the_reset_mask_restart_instead_of_playing() -> None:
    layout = make_layout(FEATURES, 10, 1)
    games, twin = Games(GAME, seed=0, numbers=range(3)), Games(GAME, seed=0, numbers=range(3))
    rows, masks = arrays(games, layout)
    play(games, 9), play(twin, 9)
    games.terminated[1] = 1
    fresh = np.array([False, True, True])
    games.step(np.array([5, 99, -1]), layout, rows, masks, max_pieces=NEVER, reset_mask=fresh)  # two are out of range
    twin.place(0, 5), twin.restart(1), twin.restart(2)

    np.testing.assert_array_equal(games.rows, twin.rows)  # streams continue
    np.testing.assert_array_equal(games.state_after.rows, twin.rows)
    expected_rows, expected_masks = arrays(twin, layout)
    twin.observe(layout, expected_rows, expected_masks)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(masks, expected_masks)
    for done in (
        games.executed_actions,
        games.step_lines,
        games.new_holes,
        games.added_height,
        games.step_terminated,
        games.step_truncated,
    ):
        assert done[1:].tolist() == [0, 0]


@pytest.mark.parametrize("restart", [False, True])
def test_advance_equals_step_without_observations(restart: bool) -> None:
    small = Rules(width=4, height=5, hidden_rows=4, randomizer="7-bag", preview=2)
    layout = make_layout(["holes"], 4, 2)
    seeing, blind = Games(small, seed=0, numbers=range(5)), Games(small, seed=0, numbers=range(5))
    rows, masks = arrays(seeing, layout)
    final_rows = np.zeros_like(rows) if restart else None
    rng = np.random.default_rng(0)
    fresh = np.zeros(5, dtype=np.bool_)
    n_ended = 0
    for _ in range(60):
        actions = rng.integers(0, 16, 5)
        seeing.step(actions, layout, rows, masks, max_pieces=4, final=final_rows, reset_mask=fresh)
        blind.advance(actions, max_pieces=4, restart=restart, reset_mask=fresh)
        np.testing.assert_array_equal(blind.rows, seeing.rows)
        np.testing.assert_array_equal(blind.state_after.rows, seeing.state_after.rows)
        for name in (
            "executed_actions",
            "step_lines",
            "new_holes",
            "added_height",
            "step_terminated",
            "step_truncated",
        ):
            np.testing.assert_array_equal(getattr(blind, name), getattr(seeing, name))
        ended = (seeing.step_terminated | seeing.step_truncated).astype(np.bool_)
        n_ended += ended.sum()
        fresh = ended & (not restart)
    assert n_ended > 30


@pytest.mark.compiled
def test_rows_can_be_copied_and_restored() -> None:
    games = Games(GAME, seed=0, numbers=range(3))
    play(games, 9)
    copied = games.rows.copy()
    first = play(games, 20, seed=1)
    games.rows[:] = copied
    assert play(games, 20, seed=1) == first


def test_a_state_prints_as_board_queue_and_counts() -> None:
    games = Games(Rules(width=4, height=4, hidden_rows=4, randomizer="OI", preview=1), seed=0, numbers=[0])
    assert str(games.state(0)) == "....\nO I  lines 0  pieces 0"
    games.place(0, 0)
    assert str(games.state(0)) == "##..\n##..\nI O  lines 0  pieces 1"
    games.place(0, 1)
    assert str(games.state(0)) == "#...\n#...\n#...\n#...\n##..\n##..\nO I  lines 0  pieces 2  over"


# Changes only with the engine's behavior: a checksum of all results of 300 steps of 8 games, under both randomizers.
@compiled_only
def test_signature() -> None:
    uniform_rules = Rules(width=10, height=20, hidden_rows=4, randomizer="uniform", preview=0)
    bag = play(Games(GAME, seed=0, numbers=range(8)), 300, features=SIGNED_FEATURES)
    uniform = play(Games(uniform_rules, seed=1, numbers=range(8)), 300, features=SIGNED_FEATURES)
    assert (bag, uniform) == (3528017791, 1588302187)


def message(error: pytest.ExceptionInfo[BaseException]) -> str:
    return str(error.value)


def test_empty_batch_raises() -> None:
    with pytest.raises(GameError) as error:
        Games(GAME, seed=0, numbers=[])
    assert message(error) == "A batch has at least one game; got 0. Pass 1 or more."


@pytest.mark.parametrize("action", [-1, 40])
def test_action_out_of_range_raises_and_changes_nothing(action: int) -> None:
    games = Games(GAME, seed=0, numbers=range(2))
    layout = make_layout(["holes"], 10, 1)
    rows, masks = arrays(games, layout)
    before = games.rows.copy()
    expected = f"An action is from 0 to 39; got {action}. Choose one that the mask allows."
    with pytest.raises(GameError) as error:
        games.step(np.array([0, action]), layout, rows, masks, max_pieces=NEVER)
    assert message(error) == expected
    with pytest.raises(GameError) as error:
        games.place(0, action)
    assert message(error) == expected
    np.testing.assert_array_equal(games.rows, before)


def test_wrong_number_of_actions_raises() -> None:
    games = Games(GAME, seed=0, numbers=range(2))
    layout = make_layout(["holes"], 10, 1)
    with pytest.raises(GameError) as error:
        games.step(np.array([0]), layout, *arrays(games, layout), max_pieces=NEVER)
    assert message(error) == "Each of 2 games takes one action; got shape (1,). Pass one each."
    with pytest.raises(GameError) as error:
        games.advance(np.array([0]), max_pieces=NEVER, restart=True)
    assert message(error) == "Each of 2 games takes one action; got shape (1,). Pass one each."


def test_ended_game_rejects_actions() -> None:
    games = Games(GAME, seed=0, numbers=[0])
    games.terminated[0] = 1
    layout = make_layout(["holes"], 10, 1)
    rows, masks = arrays(games, layout)
    with pytest.raises(GameError) as error:
        games.place(0, 0)
    assert message(error) == "The game has ended. Reset it before the next action."
    with pytest.raises(GameError, match=r"^The game has ended\."):
        games.step(np.array([0]), layout, rows, masks, max_pieces=NEVER)
    with pytest.raises(GameError, match=r"^The game has ended\."):
        games.advance(np.array([0]), max_pieces=NEVER, restart=False)
    games.observe(layout, rows, masks)
    assert (rows == -1).all() and not masks.any()


def altered(state: GameState, **changes: object) -> GameState:
    return GameState(**({name: getattr(state, name) for name in state.__slots__} | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"columns": (0,) * 9}, "The board must have 10 columns; got 9. Use the rules of its game."),
        (
            {"columns": (1 << 24, *[0] * 9)},
            "The board must fit in rows 0 to 23; got a cell outside. Use the rules of its game.",
        ),
        (
            {"columns": (-1, *[0] * 9)},
            "The board must fit in rows 0 to 23; got a cell outside. Use the rules of its game.",
        ),
        (
            {"columns": (2,) * 10},
            "The board of a game in play has no full row; got one. Clear it, or mark the state as terminated.",
        ),
        (
            {"columns": (1 << 20, *[0] * 9)},
            "The board of a game in play ends below row 20; got a cell above. Mark the state as terminated.",
        ),
        ({"queue": (0,)}, "The queue must be 2 pieces from 0 to 6; got (0,). Copy it from a state of these rules."),
        ({"queue": (0, 7)}, "The queue must be 2 pieces from 0 to 6; got (0, 7). Copy it from a state of these rules."),
        ({"stream": (1, 2, 3)}, "The stream must be 4 words of 32 bits; got (1, 2, 3). Copy it from a state."),
        (
            {"stream": (1, 2, 3, 1 << 32)},
            "The stream must be 4 words of 32 bits; got (1, 2, 3, 4294967296). Copy it from a state.",
        ),
        ({"bag": 128}, "The bag must be below 128; got 128. Use the rules of its game."),
        (
            {"lines": -1},
            "Counts must be 0 or more; got -1 lines, 0 pieces, 0 points, a combo of 0. Copy them from a state.",
        ),
    ],
)
def test_impossible_state_raises_and_changes_nothing(changes: dict[str, object], expected: str) -> None:
    games = Games(GAME, seed=0, numbers=[0])
    before = games.rows.copy()
    with pytest.raises(GameError) as error:
        games.restore(0, altered(games.state(0), **changes))
    assert message(error) == expected
    np.testing.assert_array_equal(games.rows, before)


def test_bag_of_a_script_is_an_index_into_it() -> None:
    games = Games(Rules(width=10, height=20, hidden_rows=4, randomizer="IO", preview=0), seed=0, numbers=[0])
    with pytest.raises(GameError, match=r"^The bag must be below 2; got 2\. Use the rules of its game\.$"):
        games.restore(0, altered(games.state(0), bag=2))


def test_set_board_replaces_the_board_alone() -> None:
    games = Games(GAME, seed=0, numbers=[0])
    before = games.state(0)
    games.set_board(0, np.arange(10))
    assert games.state(0) == altered(before, columns=tuple(range(10)))
    with pytest.raises(GameError, match=r"^The board must have 10 columns; got 4\."):
        games.set_board(0, np.zeros(4, dtype=np.int64))


def test_terminated_state_may_have_cells_above_the_visible_rows() -> None:
    games = Games(GAME, seed=0, numbers=[0])
    ended = altered(games.state(0), columns=(1 << 22, *[3] * 9), terminated=True)
    games.restore(0, ended)
    assert games.state(0) == ended


def test_reseed_starts_the_games_of_other_numbers() -> None:
    games = Games(GAME, seed=0, numbers=range(2))
    play(games, 5)
    games.reseed(4, [7, 8])
    np.testing.assert_array_equal(games.rows, Games(GAME, seed=4, numbers=[7, 8]).rows)
