"""Tests of games with hold, with pieces that spawn and with lock positions: naive twin, hand-made cases, laws."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.engine import naive_hold_and_spawn
from tests.engine.test_games import NEVER, SIGNED_FEATURES, arrays, compiled_only, play
from tests.strategies import board_columns, pieces
from tetrarium.engine import FEATURES, Games, GameState, Rules, make_layout, parse_board
from tetrarium.engine.features import FEATURE_SPECS
from tetrarium.engine.movegen.lock_positions import Placement
from tetrarium.engine.pieces import MIRRORED_PIECES
from tetrarium.engine.placement.transitions import (
    N_REVEALED,
    game_action_rows,
    make_games,
    mirror_games,
    observe_games,
    place_in_games,
)
from tetrarium.errors import GameError

KINDS = {
    "hold": {"hold": True},
    "guideline": {"game_over": "guideline"},
    "guideline with hold": {"game_over": "guideline", "hold": True},
    "reachable": {"actions": "reachable"},
    "reachable with hold": {"actions": "reachable", "hold": True},
    "reachable under the guideline": {"actions": "reachable", "hold": True, "game_over": "guideline"},
}
I, O, T, L, J, S, Z = range(7)
by_kind = pytest.mark.parametrize("kind", KINDS)


def rules_of(kind: str, **changes: object) -> Rules:
    usual = {"width": 10, "height": 20, "hidden_rows": 20, "randomizer": "7-bag", "preview": 2}
    return Rules(**{**usual, **KINDS[kind], **changes})  # type: ignore[arg-type]


def game_at(rules: Rules, columns: object, queue: list[int], held: int | None = None, **more: object) -> Games:
    """Returns one game with this board and these pieces."""
    games = Games(rules, seed=0, numbers=[0])
    state = games.state(0)
    fields = {name: getattr(state, name) for name in state.__slots__}
    board = tuple(int(column) for column in columns)  # type: ignore[attr-defined]
    games.restore(0, GameState(**{**fields, "columns": board, "queue": tuple(queue), "held": held, **more}))
    return games


@st.composite
def games_in_play(draw: st.DrawFn, kind: str) -> Games:
    height = draw(st.integers(4, 22))
    width = draw(st.integers(4, 12))
    rules = rules_of(
        kind, width=width, height=height, hidden_rows=draw(st.integers(4, 20)), preview=draw(st.integers(1, 3))
    )
    columns = list(draw(board_columns(width, height)))
    if rules.game_over == "guideline" and draw(st.booleans()):  # a tower above the visible rows, sometimes hollow
        columns[draw(st.integers(0, width - 1))] |= draw(st.integers(1, 7)) << height
    queue = draw(st.lists(pieces, min_size=1 + rules.preview, max_size=1 + rules.preview))
    held = draw(st.none() | pieces) if rules.hold else None
    try:
        return game_at(rules, columns, queue, held)
    except GameError:
        assume(False)
        raise


@by_kind
@given(st.data())
def test_rows_and_masks_match_the_naive_game(kind: str, data: st.DataObject) -> None:
    games = data.draw(games_in_play(kind))
    rules, state = games.rules, games.state(0)
    layout = make_layout(FEATURES, rules.width, rules.preview)
    rows, masks = arrays(games, layout)
    games.observe(layout, rows, masks)
    choices = naive_hold_and_spawn.find_legal_actions(rules, state.columns, state.queue, state.held)
    assert np.flatnonzero(masks[0]).tolist() == [choice.action for choice in choices]
    for choice in choices:
        np.testing.assert_array_equal(rows[0, choice.action], naive_hold_and_spawn.row_of(choice, FEATURES, rules))
    assert (rows[0, ~masks[0]] == -1).all()
    alone = np.zeros_like(masks)
    games.write_masks(games.rows, alone)
    np.testing.assert_array_equal(alone, masks)


@by_kind
@given(st.data())
def test_placement_matches_the_naive_game(kind: str, data: st.DataObject) -> None:
    games = data.draw(games_in_play(kind))
    state = games.state(0)
    choices = naive_hold_and_spawn.find_legal_actions(games.rules, state.columns, state.queue, state.held)
    choice = data.draw(st.sampled_from(choices))
    move = games.move(0, choice.action)
    after = move.state_tp1
    assert (move.action, move.piece, move.lines_placement) == (choice.action, choice.piece, choice.lines)
    placed = move.placement
    assert (placed.rotation, placed.column, placed.row, placed.spin) == choice.placement
    assert after.columns == tuple(naive_hold_and_spawn.naive.columns_of(choice.board, games.rules.width))
    assert (after.held, after.pieces, after.lines) == (choice.held, 1, choice.lines)
    known = [piece for piece in choice.next_pieces if piece is not None]
    assert list(after.queue[: len(known)]) == known
    assert after.terminated == choice.terminated or (after.terminated and not known)


@by_kind
@given(st.data())
def test_nearest_action_is_legal_and_leaves_legal_actions_unchanged(kind: str, data: st.DataObject) -> None:
    games = data.draw(games_in_play(kind))
    masks = np.zeros((1, games.n_actions), dtype=np.bool_)
    games.write_masks(games.rows, masks)
    action = data.draw(st.integers(0, games.n_actions - 1))
    nearest = games.nearest(0, action)
    assert masks[0, nearest]
    assert nearest == action or not masks[0, action]
    assert games.nearest(0, nearest) == nearest


@by_kind
@given(st.data())
def test_stored_transitions_reproduce_observations(kind: str, data: st.DataObject) -> None:
    games = data.draw(games_in_play(kind))
    rules, state = games.rules, games.state(0)
    layout = make_layout(FEATURES, rules.width, rules.preview)
    rows_t, masks_t = arrays(games, layout)
    games.observe(layout, rows_t, masks_t)
    action = data.draw(st.sampled_from(np.flatnonzero(masks_t[0]).tolist()))
    actions = np.array([action])
    held = np.array([0 if state.held is None else state.held + 1])
    stored = make_games(np.array([state.columns]), np.array([state.queue]), held)
    np.testing.assert_array_equal(observe_games(stored, rules, layout), rows_t)
    np.testing.assert_array_equal(game_action_rows(stored, actions, rules, layout), rows_t[:, action])
    rows_tp1, masks_tp1 = arrays(games, layout)
    games.step(actions, layout, rows_tp1, masks_tp1, max_pieces=NEVER)
    queue = [*state.queue, *games.queue[0].tolist()]
    after = place_in_games(stored, np.array([queue[-N_REVEALED:]]), actions, rules)
    np.testing.assert_array_equal(observe_games(after, rules, layout), rows_tp1)


@given(st.data())
def test_mirrored_games_with_hold_match(data: st.DataObject) -> None:
    games = data.draw(games_in_play("hold"))
    rules, state = games.rules, games.state(0)
    layout = make_layout([spec.name for spec in FEATURE_SPECS if spec.per in ("column", "board")], rules.width, 0)
    other = make_layout(("next_pieces", "held_piece"), rules.width, rules.preview)
    choices = naive_hold_and_spawn.find_legal_actions(rules, state.columns, state.queue, state.held)
    actions = np.array([data.draw(st.sampled_from(choices)).action])
    held = np.array([0 if state.held is None else state.held + 1])
    stored = make_games(np.array([state.columns]), np.array([state.queue]), held)
    seen = game_action_rows(stored, actions, rules, layout)[0]
    ahead = game_action_rows(stored, actions, rules, other)[0]
    revealed = np.array([[I, L]])
    mirrored = stored.copy()
    mirror_games(mirrored, revealed, actions, np.array([True]), rules)
    assert revealed.tolist() == [[I, J]]
    behind = game_action_rows(mirrored, actions, rules, layout)[0]
    assert behind[: rules.width].tolist() == seen[: rules.width][::-1].tolist()
    assert behind[rules.width :].tolist() == seen[rules.width :].tolist()
    swapped = game_action_rows(mirrored, actions, rules, other)[0]
    swap = MIRRORED_PIECES.tolist()
    places = [7 * k + swap[piece] for k in range(rules.preview) for piece in range(7)]
    places += [7 * rules.preview, *(7 * rules.preview + 1 + swap[piece] for piece in range(7))]
    assert swapped.tolist() == ahead[places].tolist()


# Hand-made cases


def test_an_empty_hold_takes_the_next_piece_and_a_full_one_gives_its_own_back() -> None:
    games = game_at(rules_of("hold"), [0] * 10, [T, O, I])
    first = games.move(0, 40 + 4 * 3)
    assert (first.piece, first.placement.column, first.state_tp1.held) == (O, 3, T)
    assert (first.state_tp1.queue[0], first.state_tp1.pieces) == (I, 1)
    second = games.move(0, 40 + 4 * 5 + 1)
    assert (second.piece, second.placement.rotation, second.state_tp1.held) == (T, 1, I)
    assert second.state_tp1.queue[:2] == first.state_tp1.queue[1:]
    third = games.move(0, 4 * 0)
    assert third.state_tp1.held == I


def test_row_contains_the_held_piece_and_the_queue_after_its_action() -> None:
    layout = make_layout(("next_pieces", "held_piece"), 10, 2)
    empty, full = game_at(rules_of("hold"), [0] * 10, [T, O, I]), game_at(rules_of("hold"), [0] * 10, [T, O, I], held=S)
    for games, without, with_hold in (
        (empty, ([O, I], 0), ([I, None], 1 + T)),
        (full, ([O, I], 1 + S), ([O, I], 1 + T)),
    ):
        rows, masks = arrays(games, layout)
        games.observe(layout, rows, masks)
        for action, (ahead, held) in ((0, without), (40, with_hold)):
            expected = np.zeros(22)
            for place, piece in enumerate(ahead):
                if piece is not None:
                    expected[7 * place + piece] = 1
            expected[14 + held] = 1
            assert rows[0, action].tolist() == expected.tolist()


TUCK = parse_board(
    """
    ###.......
    .........#
    """
)


def test_a_tuck_is_a_lock_position_and_no_straight_drop() -> None:
    flat = game_at(rules_of("reachable"), TUCK, [I, O, O])
    layout = make_layout(("holes", "landing_height"), 10, 2)
    rows, masks = arrays(flat, layout)
    flat.observe(layout, rows, masks)
    under = [k for k in np.flatnonzero(masks[0]) if rows[0, k].tolist() == [0, 0]]
    placements = [game_at(rules_of("reachable"), TUCK, [I, O, O]).move(0, int(k)).placement for k in under]
    assert [(one.rotation, one.column, one.row) for one in placements] == [(0, 0, 0)]
    assert flat.keys_to(0, int(under[0])) == (*19 * ["soft drop"], *3 * ["left"], "hard drop")


SLOT = parse_board(
    """
    ..........
    ####......
    ###...####
    ####.#####
    """
)


def test_t_spin_double_is_found_and_scored() -> None:
    rules = rules_of("reachable under the guideline")
    games = game_at(rules, SLOT, [T, O, O])
    masks = np.zeros((1, 512), dtype=np.bool_)
    games.write_masks(games.rows, masks)
    doubles = []
    for action in np.flatnonzero(masks[0, :256]).tolist():
        move = game_at(rules, SLOT, [T, O, O]).move(0, action)
        if move.lines_placement == 2:
            doubles.append(move)
    assert [move.placement for move in doubles] == [Placement(2, 3, 0, 2)]
    assert [(move.state_tp1.score, move.state_tp1.back_to_back) for move in doubles] == [(1200, True)]
    keys = games.keys_to(0, doubles[0].action)
    assert keys[-2:] == ("clockwise", "hard drop") or keys[-2:] == ("counter-clockwise", "hard drop")
    assert games.keys_to(0, 256)[0] == "hold"


def test_guideline_drops_start_at_the_spawn_position() -> None:
    """Two walls up to the top of the visible rows: a piece reaches no column beyond them."""
    columns = [0] * 10
    columns[1] = columns[8] = (1 << 21) - 1
    games = game_at(rules_of("guideline"), columns, [O, O, O])
    masks = np.zeros((1, 40), dtype=np.bool_)
    games.write_masks(games.rows, masks)
    assert np.flatnonzero(masks[0]).tolist() == [4 * left for left in range(2, 7)]
    assert games.nearest(0, 0) == 4 * 2


def test_lock_above_the_visible_rows_is_a_lock_out() -> None:
    columns = [0] * 10
    columns[4] = columns[5] = (1 << 20) - 1
    games = game_at(rules_of("guideline"), columns, [O, O, O])
    layout = make_layout(("game_over", "max_height"), 10, 2)
    rows, masks = arrays(games, layout)
    games.observe(layout, rows, masks)
    assert rows[0, 4 * 4].tolist() == [22, 1]
    assert rows[0, 4 * 2].tolist() == [20, 0]
    assert games.move(0, 4 * 4).state_tp1.terminated


def test_occupied_spawn_cells_are_a_block_out() -> None:
    columns = [0] * 10
    columns[3] = columns[4] = columns[5] = (1 << 19) - 1
    games = game_at(rules_of("guideline"), columns, [T, O, O])
    layout = make_layout(("game_over",), 10, 2)
    rows, masks = arrays(games, layout)
    games.observe(layout, rows, masks)
    assert (rows[0, 4 * 3, 0], rows[0, 4 * 0, 0]) == (1, 0)
    after = games.move(0, 4 * 3).state_tp1
    assert (after.terminated, after.columns[4] >> 20 & 1) == (True, 1)


def test_blocked_held_piece_cannot_come_into_play() -> None:
    columns = [0] * 10
    columns[6] = 1 << 20
    games = game_at(rules_of("guideline with hold"), columns, [O, O, O], held=I)
    masks = np.zeros((1, 80), dtype=np.bool_)
    games.write_masks(games.rows, masks)
    assert masks[0, :40].any()
    assert not masks[0, 40:].any()
    assert games.nearest(0, 40 + 4 * 4) == 4 * 4


def test_impossible_state_raises() -> None:
    with pytest.raises(GameError, match=r"^The held piece must be an index from 0 to 6, in a game with hold; got 3\."):
        game_at(rules_of("guideline"), [0] * 10, [T, O, O], held=3)
    with pytest.raises(GameError, match=r"^The board of a game in play ends below row 23; got a cell above\."):
        game_at(rules_of("guideline"), [1 << 23] + [0] * 9, [T, O, O])
    with pytest.raises(GameError, match=r"^The current piece must spawn on free cells; T does not\."):
        game_at(rules_of("guideline"), [0] * 4 + [1 << 20] + [0] * 5, [T, O, O])
    with pytest.raises(GameError, match=r"0 points, a combo of -1\. Copy them from a state\."):
        game_at(rules_of("guideline"), [0] * 10, [T, O, O], combo=-1)


def test_key_path_to_an_unreachable_drop_raises() -> None:
    wall = [0] * 9 + [(1 << 20) - 1]
    games = game_at(rules_of("hold", hidden_rows=4), wall, [O, O, O])
    assert games.keys_to(0, 4 * 3) == ("left", "hard drop")
    with pytest.raises(
        GameError, match=r"^A placement must be reachable by keys from the spawn position; action 32 is not\."
    ):
        games.keys_to(0, 4 * 8)


# Laws


@pytest.mark.compiled
@by_kind
def test_game_is_the_same_alone_in_a_batch_and_restored(kind: str) -> None:
    rules = rules_of(kind, width=8, height=10)
    together, twin = Games(rules, seed=3, numbers=range(3)), Games(rules, seed=3, numbers=range(3))
    alone = [Games(rules, seed=3, numbers=[k]) for k in range(3)]
    layout = make_layout(("column_heights", "wells", "next_pieces"), 8, 2)
    rows, masks = arrays(together, layout)
    one_row, one_mask = arrays(alone[0], layout)
    rng = np.random.default_rng(0)
    for step in range(20):
        actions = rng.integers(0, together.n_actions, 3)
        together.step(actions, layout, rows, masks, max_pieces=12, final=rows.copy())
        for k in range(3):
            alone[k].step(actions[k : k + 1], layout, one_row, one_mask, max_pieces=12, final=one_row.copy())
            np.testing.assert_array_equal(together.rows[k], alone[k].rows[0])
            np.testing.assert_array_equal(rows[k], one_row[0])
        if step == 9:
            for k in range(3):
                twin.restore(k, together.state(k))
            np.testing.assert_array_equal(twin.rows, together.rows)


@by_kind
def test_cells_are_conserved(kind: str) -> None:
    games = Games(rules_of(kind), seed=1, numbers=[0])
    rng = np.random.default_rng(0)
    while not games.terminated[0]:
        move = games.move(0, int(rng.integers(0, games.n_actions)))
        before, after = (sum(c.bit_count() for c in s.columns) for s in (move.state_t, move.state_tp1))
        assert after == before + 4 - 10 * move.lines_placement
        assert move.state_tp1.pieces == move.state_t.pieces + 1


SIGNATURES = {
    "hold": 2665382559,
    "guideline": 1897960499,
    "guideline with hold": 30933464,
    "reachable": 2966548216,
    "reachable with hold": 641541136,
    "reachable under the guideline": 959185155,
}


@compiled_only
@by_kind
def test_signature(kind: str) -> None:
    games = Games(rules_of(kind), seed=0, numbers=range(4))
    assert play(games, 150, features=SIGNED_FEATURES) == SIGNATURES[kind]
