"""Tests of games by keys: comparison with the naive twin, laws, observations and errors."""

import subprocess
import sys
import zlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.key_game import CLOCKWISE, COUNTER, HARD, HOLD, LEFT, NOTHING, RIGHT, SOFT, guideline, press
from tests.engine.naive import board_of, columns_of, piece_cells
from tests.engine.naive_keys import NaiveKeyGame, pieces_of
from tests.strategies import board_columns, scripts
from tetrarium.engine import KEYS, KeyGames, KeyMove, KeyRules
from tetrarium.engine.keyplay.observations import CURRENT_PIECE, n_extra_values, n_observed_rows, n_row_words
from tetrarium.engine.movegen.key_paths import find_key_paths
from tetrarium.engine.movegen.lock_positions import Placement, find_placements
from tetrarium.engine.pieces import PIECES
from tetrarium.errors import ConfigError, GameError

NEVER = 1 << 62
compiled_only = pytest.mark.compiled


# --- against the twin ---

# A few drawn keys, or many random ones, which make games of several pieces.
key_lists = st.lists(st.integers(0, 7), max_size=40) | st.integers(0, 1 << 32).map(
    lambda seed: np.random.default_rng(seed).integers(0, 8, 150).tolist()
)


@st.composite
def key_rules(draw: st.DrawFn) -> KeyRules:
    width, height = draw(st.integers(4, 12)), draw(st.integers(4, 14))
    return KeyRules(
        width=width,
        height=height,
        hidden_rows=draw(st.integers(4, 8)),
        randomizer=draw(scripts),
        preview=draw(st.integers(1, 3)),
        hold=draw(st.booleans()),
        game_over=draw(st.sampled_from(["guideline", "overflow"])),
        gravity=draw(st.sampled_from(["level", "none"])),
        key_rate=draw(st.sampled_from([1, 2, 5, 10, 60])),
        first_level=draw(st.integers(1, 20)),
    )


def twin_of(rules: KeyRules, columns: tuple[int, ...], n_pieces: int) -> NaiveKeyGame:
    return NaiveKeyGame(
        width=rules.width,
        height=rules.height,
        n_rows=rules.height + rules.hidden_rows,
        pieces=pieces_of(rules.randomizer, n_pieces),
        hold=rules.hold,
        guideline=rules.game_over == "guideline",
        falls=rules.gravity == "level",
        key_rate=rules.key_rate,
        first_level=rules.first_level,
        board=frozenset(board_of(columns)),
    )


@given(st.data())
def test_key_steps_match_the_naive_game(data: st.DataObject) -> None:
    rules = data.draw(key_rules())
    columns = data.draw(board_columns(rules.width, rules.height))
    games = KeyGames(rules, seed=0, numbers=[0])
    games.set_board(0, np.array(columns, dtype=np.int64))
    twin = twin_of(rules, columns, 200)
    for key in data.draw(key_lists):
        if twin.terminated:
            break
        n_locks = len(twin.locks)
        move = games.move(0, key)
        twin.press(KEYS[key])
        state = move.state_tp1
        assert (state.terminated, state.lines, state.pieces, state.score) == (
            twin.terminated,
            twin.lines,
            twin.placed,
            twin.score,
        )
        assert (state.back_to_back, state.combo) == (twin.back_to_back, twin.combo)
        assert (state.held, state.hold_used) == (twin.held, twin.hold_used)
        assert list(state.columns) == columns_of(twin.board, rules.width)
        assert (move.piece is not None) == (len(twin.locks) > n_locks)
        if move.placement is not None and move.piece is not None:
            lock = move.placement
            cells = {(x + lock.column, y + lock.row) for x, y in piece_cells(move.piece, lock.rotation)}
            assert (cells, lock.spin) == twin.locks[-1]
        if not twin.terminated:
            assert set(state.falling) == twin.space.cells(twin.state)
            assert state.queue[0] == twin.pieces[0]
            assert (state.fallen, state.rested) == (twin.fallen, twin.rested)


# --- laws ---


@st.composite
def situations(draw: st.DrawFn) -> tuple[KeyRules, tuple[int, ...], str]:
    width, height = draw(st.integers(4, 12)), draw(st.integers(6, 20))
    letter = draw(st.sampled_from(PIECES))
    rules = guideline(width=width, height=height, hidden_rows=4, randomizer=letter, preview=1)
    return rules, draw(board_columns(width, max(0, height - 2))), letter


def assert_locked(move: KeyMove, placement: Placement) -> None:
    lock = move.placement
    assert lock is not None
    lost = move.state_tp1.terminated and move.lines_placement == move.points == 0  # a lock out records no spin
    assert lock == (replace(placement, spin=lock.spin) if lost else placement)


@given(situations())
def test_keys_reach_exactly_the_listed_lock_positions(situation: tuple[KeyRules, tuple[int, ...], str]) -> None:
    """Each key path reaches its placement, and random keys reach no other one."""
    rules, columns, letter = situation
    piece = PIECES.index(letter)
    listed = find_placements(columns, piece, rules)
    games = KeyGames(rules, seed=0, numbers=[0])
    games.set_board(0, np.array(columns, dtype=np.int64))
    begin = games.rows.copy()
    for placement, keys in find_key_paths(columns, piece, rules).items():
        games.rows[:] = begin
        press(games, *(KEYS.index(key) for key in keys[:-1]))
        assert_locked(games.move(0, HARD), placement)
    random = np.random.default_rng(0)
    for _ in range(20 if listed else 0):
        games.rows[:] = begin
        press(games, *random.integers(NOTHING, HARD, random.integers(0, 40)).tolist())
        move = games.move(0, HARD)
        assert move.placement in listed or move.state_tp1.terminated


@given(st.data())
def test_cells_are_conserved(data: st.DataObject) -> None:
    rules = data.draw(key_rules())
    games = KeyGames(rules, seed=0, numbers=[0])
    for key in data.draw(st.lists(st.integers(0, 7), max_size=80)):
        if games.terminated[0]:
            break
        games.place(0, key)
        n_cells = sum(int(column).bit_count() for column in games.columns[0])
        assert n_cells == 4 * games.pieces[0] - rules.width * games.lines[0]


MIRRORED_KEYS = (NOTHING, RIGHT, LEFT, COUNTER, CLOCKWISE, SOFT, HARD, HOLD)
MIRRORED = dict(zip("TJLSZ", "TLJZS", strict=True))


@given(st.data())
def test_mirrored_games_match(data: st.DataObject) -> None:
    """For three-wide pieces, which spawn centered on a board of odd width and whose kicks mirror; those of I do not."""
    width = data.draw(st.sampled_from([5, 7, 9, 11]))
    script = data.draw(st.text("TJLSZ", min_size=1, max_size=6))
    columns = data.draw(board_columns(width, 12))
    gravity = data.draw(st.sampled_from(["level", "none"]))
    sides = []
    for letters, board in ((script, columns), ("".join(MIRRORED[x] for x in script), columns[::-1])):
        rules = guideline(width=width, height=14, hidden_rows=6, randomizer=letters, gravity=gravity)
        sides.append(KeyGames(rules, seed=0, numbers=[0]))
        sides[-1].set_board(0, np.array(board, dtype=np.int64))
    for key in data.draw(st.lists(st.integers(0, 7), max_size=60)):
        if sides[0].terminated[0]:
            break
        one, other = sides[0].move(0, key).state_tp1, sides[1].move(0, MIRRORED_KEYS[key]).state_tp1
        assert one.columns == other.columns[::-1]
        assert (one.score, one.lines, one.terminated) == (other.score, other.lines, other.terminated)
        assert {(width - 1 - x, y) for x, y in one.falling} == set(other.falling)


def arrays(games: KeyGames) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    rules = games.rules
    words = np.zeros((games.n_games, n_row_words(rules.width, rules.height, rules.preview)), dtype=np.int64)
    return words, np.zeros((games.n_games, 8), dtype=np.bool_)


def play(games: KeyGames, n_steps: int, seed: int = 0) -> int:
    """Presses random legal keys with automatic restarts; returns a checksum of all results."""
    words, masks = arrays(games)
    final = np.zeros_like(words)
    games.observe(words, masks)
    random = np.random.default_rng(seed)
    draws = random.random((n_steps, games.n_games))
    checksum = 0
    for step in range(n_steps):
        n_legal = masks.sum(axis=1)
        chosen = (draws[step] * n_legal).astype(np.int64)  # hold is the last key, so that legal keys come first
        games.step(chosen, words, masks, max_pieces=40, final=final)
        for part in (words, masks, final, games.step_record, games.rows):
            checksum = zlib.crc32(np.ascontiguousarray(part).tobytes(), checksum)
    return checksum


def test_game_is_the_same_in_batches_of_any_size() -> None:
    rules = guideline(gravity="level")
    random = np.random.default_rng(1)
    keys = random.integers(0, 8, (300, 5))
    together = KeyGames(rules, seed=3, numbers=range(5))
    alone = [KeyGames(rules, seed=3, numbers=[number]) for number in range(5)]
    for step in keys:
        together.advance(step, max_pieces=NEVER, restart=True)
        for index, one in enumerate(alone):
            one.advance(step[index : index + 1], max_pieces=NEVER, restart=True)
            assert np.array_equal(one.rows[0], together.rows[index])


def test_restored_state_continues_in_the_same_way() -> None:
    games = KeyGames(guideline(gravity="level"), seed=0, numbers=range(3))
    play(games, 37)
    states, rows = [games.state(index) for index in range(3)], games.rows.copy()
    future = play(games, 50, seed=1)
    other = KeyGames(guideline(gravity="level"), seed=9, numbers=range(3))
    for index, state in enumerate(states):
        other.restore(index, state)
    assert np.array_equal(other.rows, rows)
    other.step_record[:] = 0
    assert play(other, 50, seed=1) == future


def test_pieces_match_those_of_placement_games() -> None:
    from tetrarium.engine import Games, Rules

    by_keys = KeyGames(guideline(), seed=5, numbers=[7])
    by_drops = Games(Rules(width=10, height=20, hidden_rows=20, randomizer="7-bag", preview=5), seed=5, numbers=[7])
    for _ in range(8):
        assert by_keys.state(0).queue == by_drops.state(0).queue
        by_keys.place(0, HARD)
        by_drops.place(0, 4 * 4)


# Changes only with the behavior of games by keys: a checksum of all results of 400 steps of 8 games.
@compiled_only
def test_signature() -> None:
    falling = play(KeyGames(guideline(gravity="level"), seed=0, numbers=range(8)), 400)
    resting = play(KeyGames(guideline(preview=1, hold=False, hidden_rows=4), seed=1, numbers=range(8)), 400)
    assert (falling, resting) == (602701763, 936436789)


# --- what is seen ---


@given(st.data())
def test_observation_row_describes_the_state(data: st.DataObject) -> None:
    rules = data.draw(key_rules())
    games = KeyGames(rules, seed=0, numbers=[0])
    words, masks = arrays(games)
    for key in data.draw(st.lists(st.integers(0, 7), max_size=40)):
        if games.terminated[0]:
            break
        games.place(0, key)
    games.observe(words, masks)
    seen, state = words.view(np.uint8)[0], games.state(0)
    n_shown = n_observed_rows(rules.height)
    assert n_shown % 8 == 0 and rules.height + 2 <= n_shown < rules.height + 10
    cells, rest = np.split(seen, [rules.width * n_shown])
    if state.terminated:
        assert not seen.any() and not masks.any()
        return
    expected = np.zeros((rules.width, n_shown), dtype=np.uint8)
    for x, column in enumerate(state.columns):
        expected[x] = [column >> row & 1 for row in range(n_shown)]
    for x, y in state.falling:
        if y < n_shown:
            expected[x, y] = CURRENT_PIECE
    assert np.array_equal(cells.reshape(rules.width, n_shown), expected)
    expected = [int(piece == k) for piece in state.queue for k in range(7)]
    expected += [int(state.held == k) for k in range(7)] + [int(state.rotation == k) for k in range(4)]
    expected += [int(rules.hold and not state.hold_used), int(state.outcome > 0)]
    if rules.gravity == "level":
        n_steps = max(1, round(rules.key_rate / 2))
        expected += [state.fallen * 16 // 65536, min(15, n_steps - state.rested), 15 - max(0, state.moves)]
    else:
        expected += [0, 0, 0]
    assert rest[: len(expected)].tolist() == expected
    assert len(expected) == n_extra_values(rules.preview)
    assert not rest[len(expected) :].any()


# --- bad input ---


@pytest.mark.parametrize("action", [-1, 8])
def test_action_out_of_range_raises_and_changes_nothing(action: int) -> None:
    games = KeyGames(guideline(), seed=0, numbers=range(2))
    words, masks = arrays(games)
    before = games.rows.copy()
    message = f"^An action is from 0 to 7; got {action}. Choose one that the mask allows.$"
    with pytest.raises(GameError, match=message):
        games.step(np.array([0, action]), words, masks, max_pieces=NEVER)
    with pytest.raises(GameError, match=message):
        games.place(0, action)
    assert np.array_equal(games.rows, before)


def test_wrong_number_of_actions_raises() -> None:
    games = KeyGames(guideline(), seed=0, numbers=range(2))
    with pytest.raises(GameError, match=r"^Each of 2 games takes one action; got shape \(1,\)\. Pass one each\.$"):
        games.advance(np.array([0]), max_pieces=NEVER, restart=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held": 7}, "The held piece must be an index from 0 to 6, in a game with hold; got 7."),
        ({"rotation": 4}, "The current piece must be on free cells; rotation 4 at column"),
        ({"anchor_x": -1}, "rotation 0 at column -1, row 19 is not. Copy it from a state of these rules."),
        ({"fallen": 65536}, "Counts of the current piece must be in their range; got KeyState"),
        ({"outcome": 6}, "Counts of the current piece must be in their range"),
        ({"columns": (0,) * 9}, "The board must have 10 columns; got 9."),
    ],
)
def test_impossible_state_raises_and_changes_nothing(changes: dict[str, object], message: str) -> None:
    games = KeyGames(guideline(), seed=0, numbers=[0])
    before = games.rows.copy()
    with pytest.raises(GameError) as error:
        games.restore(0, replace(games.state(0), **changes))  # type: ignore[arg-type]
    assert message in str(error.value)
    assert np.array_equal(games.rows, before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key_rate": 0}, "key_rate is a whole number from 1 to 240; got 0."),
        ({"first_level": 21}, "first_level is a whole number from 1 to 20; got 21."),
        ({"gravity": "some"}, "gravity is one of 'level', 'none'; got 'some'."),
    ],
)
def test_invalid_rules_raise(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        guideline(**changes)
    assert message in str(error.value)


COMPILED = """
import sys
import numpy as np
from numba.core.registry import CPUDispatcher
from tetrarium.environment import EnvConfig, TetrisVectorEnv
config = EnvConfig() if sys.argv[1] == "drop" else EnvConfig.guideline().with_changes(actions="keys")
envs = TetrisVectorEnv(config, 4, seed=0, autoreset_mode="SameStep")
envs.reset()
for _ in range(40):
    envs.step(np.zeros(4, dtype=np.int64) + (6 if sys.argv[1] == "keys" else 0))
for name, module in list(sys.modules.items()):
    if name.startswith("tetrarium.engine."):
        for thing in vars(module).values():
            if isinstance(thing, CPUDispatcher) and thing.signatures and thing.__module__ == name:
                print(name.removeprefix("tetrarium.engine."))
"""


@compiled_only
def test_each_action_mode_compiles_only_its_own_kernels() -> None:
    def modules(mode: str) -> set[str]:
        done = subprocess.run([sys.executable, "-c", COMPILED, mode], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    by_drops, by_keys = modules("drop"), modules("keys")
    assert "placement.games" in by_drops
    assert not [name for name in by_drops if name.startswith("keyplay.") or name == "movegen.keys"]
    assert "keyplay.games" in by_keys
    searches = {"movegen.reachability", "movegen.lock_positions", "afterstates.feature_kernels"}
    assert not [name for name in by_keys if name.startswith("placement.") or name in searches]
