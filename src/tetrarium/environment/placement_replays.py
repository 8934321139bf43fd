"""Reduction of a recorded game by keys to its placements, the form in which games are analyzed and shown.

A game by keys and one of ``actions="reachable"`` under the same rules draw the same pieces from the same stream, and a
lock position is an action of the latter. So the reduced replay has the same boards, queues and held pieces. It has
fewer points: those of drops are points of keys.
"""

from dataclasses import dataclass, replace
from typing import Final

from tetrarium.engine import KEYS, Games, KeyGames
from tetrarium.engine.keyplay.steps import HOLD_USED, LOCK_ROTATION, LOCK_SPIN, LOCKED
from tetrarium.engine.movegen.lock_positions import Placement, find_placements
from tetrarium.engine.rules import N_PLACEMENT_ACTIONS
from tetrarium.environment.core import make_games
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.errors import ConfigError, ReplayError

_HOLD: Final = KEYS.index("hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementReplay:
    """Replay by placements, with the times of the original game if that was played by keys."""

    replay: Replay
    seconds: tuple[float, ...] = ()  # time of each placement; none for a game by placements
    n_left_out: int = 0  # placements from the first one on that is no action of the reduced game


def reduce_to_placements(replay: Replay) -> PlacementReplay:
    """Returns the placements of a recorded game; a game by placements is returned as it is.

    A placement that is no action, because keys alone do not reach it or 256 others come before it, ends the reduced
    game.

    >>> from tetrarium.environment import EnvConfig
    >>> config = EnvConfig.guideline().with_changes(actions="keys")
    >>> hard_drop = KEYS.index("hard drop")
    >>> by_keys = Replay(
    ...     env_config=config, seed=0, game=0, actions=pack_actions(config, [hard_drop] * 2), lines=0, pieces=2,
    ...     terminated=False,
    ... )
    >>> [move.placement.column for move in reduce_to_placements(by_keys).replay.play()]
    [4, 3]

    Raises:
        ReplayError: if a key is illegal, or the game does not match the replay's lines, pieces and end.
    """
    if replay.env_config.actions != "keys":
        return PlacementReplay(replay=replay)
    try:
        config = replay.env_config.with_changes(actions="reachable")
    except ConfigError as error:
        raise ReplayError(f"A game by keys is analyzed as one of placements, under the same rules. {error}") from error
    by_keys = make_games(replay.env_config, seed=replay.seed, numbers=[replay.game])
    placing = make_games(config, seed=replay.seed, numbers=[replay.game])
    assert isinstance(by_keys, KeyGames)
    assert isinstance(placing, Games)
    for games in (by_keys, placing):
        replay.begin(games)
    actions, seconds, n_left_out = _placements(replay, by_keys, placing)
    state = placing.state(0)
    reduced = replace(
        replay,
        env_config=config,
        actions=pack_actions(config, actions),
        lines=state.lines,
        pieces=state.pieces,
        terminated=state.terminated,
    )
    return PlacementReplay(replay=reduced, seconds=tuple(seconds), n_left_out=n_left_out)


def _placements(replay: Replay, by_keys: KeyGames, placing: Games) -> tuple[list[int], list[float], int]:
    """Plays both games; returns the actions, their times, and the number of placements without one."""
    actions: list[int] = []
    seconds: list[float] = []
    n_locked = 0
    for step, key in enumerate(replay.action_numbers(), start=1):
        if by_keys.terminated[0] or key >= len(KEYS) or (key == _HOLD and by_keys.nearest(0, key) != key):
            raise ReplayError(
                f"Every key of a replay is legal; key {key} at step {step:,} is not. Record the game again."
            )
        is_held = bool(by_keys.rows[0, HOLD_USED])
        by_keys.place(0, key)
        if by_keys.pieces[0] == n_locked:
            continue
        n_locked += 1
        if len(actions) < n_locked - 1:  # the reduced game has ended
            continue
        action = _action_of(by_keys, placing, is_held)
        if action is not None:
            placing.place(0, action)
            actions.append(action)
            seconds.append(step / replay.env_config.key_rate)
    stated, reached = (
        (replay.lines, replay.pieces, replay.terminated),
        (int(by_keys.lines[0]), n_locked, bool(by_keys.terminated[0])),
    )
    if stated != reached:
        raise ReplayError(
            f"A replay reaches its stated lines, pieces and end, {stated}; this one reached {reached}. "
            "Copy it again from where it came from, or record the game again."
        )
    return actions, seconds, n_locked - len(actions)


def _action_of(by_keys: KeyGames, placing: Games, is_held: bool) -> int | None:
    """Returns the action of the latest lock of the game by keys, or None."""
    record = by_keys.step_record[0].tolist()
    lock = Placement(*record[LOCK_ROTATION : LOCK_SPIN + 1])
    listed = find_placements(placing.columns[0], record[LOCKED] - 1, placing.rules)[:N_PLACEMENT_ACTIONS]
    same_cells = [
        number
        for number, place in enumerate(listed)
        if (place.rotation, place.column, place.row) == (lock.rotation, lock.column, lock.row)
    ]
    exact = [number for number in same_cells if listed[number].spin == lock.spin]
    for number in (*exact, *same_cells):
        return number + (N_PLACEMENT_ACTIONS if is_held else 0)
    return None
