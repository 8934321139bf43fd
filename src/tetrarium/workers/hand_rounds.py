"""One game in a person's hands, as time goes by: its phases, its steps, and what others see of it.

Time comes from outside, in seconds of any one clock. There are four key steps in a sixtieth of a second, so that keys
which are pressed within one frame all act in it, in their order. A game is ready until its first key, which begins it;
while it is paused no time passes, and keys that were held are let go.
"""

import time
from typing import Any, Final

from tetrarium.engine import KeyMove, KeyRules
from tetrarium.engine.colouring import cell_signs
from tetrarium.environment import EnvConfig
from tetrarium.environment.hand_games import HandGame, level_of, said_of
from tetrarium.environment.replays import Replay
from tetrarium.events import HandShown
from tetrarium.workers.hand_orders import MODES, KeyEvent, Wishes
from tetrarium.workers.held_keys import ClockOfKeys, HeldKeys
from tetrarium.workers.rivals import Advice, Adviser, Opponent

__all__ = ["KEY_RATE", "HandRound", "hand_game"]

KEY_RATE: Final = 240
_STEP_S: Final = 1 / KEY_RATE
_MOST_LAG_S: Final = 0.25  # time that is lost to a busy machine beyond this is no time of the game


def hand_game(level: int) -> EnvConfig:
    """The game that a person plays."""
    return EnvConfig.guideline().with_changes(actions="keys", key_rate=KEY_RATE, first_level=level)


class HandRound:
    """A game from its first piece to its end.

    >>> played = HandRound(Wishes(mode="sprint"), seed=3)
    >>> played.phase
    'ready'
    >>> played.press(KeyEvent(key="hard drop", is_down=True, at_s=None, number=1, heard_s=0.0))
    >>> played.run_until(0.1)
    >>> played.phase, played.game.state.pieces, round(played.seconds, 3)
    ('playing', 1, 0.104)

    Args:
        wishes: What is played, and how keys are handled.
        seed: Which pieces.
    """

    def __init__(self, wishes: Wishes, seed: int) -> None:
        self.mode = wishes.mode
        self.goal = MODES[wishes.mode]
        self.game = HandGame(hand_game(wishes.level), seed, 0)
        self.keys = HeldKeys(wishes.handling)
        self.phase = "ready"
        self.opponent: Opponent | None = None
        self.adviser: Adviser | None = None
        self.advice: Advice | None = None
        self.pace = wishes.pace
        self.is_changed = True  # since somebody last asked what it looks like
        self.is_opponent_changed = True
        self._clock = ClockOfKeys()
        self._n_steps = 0
        self._due_s = 0.0
        self._said: tuple[tuple[str, ...], int] = ((), 0)
        self._cleared_rows: tuple[int, ...] = ()
        self._advised: object = None  # the piece that the advice is for

    @property
    def seconds(self) -> float:
        """How long it has been played."""
        return self._n_steps * _STEP_S

    @property
    def has_ended(self) -> bool:
        """Whether no key does anything any more."""
        return self.phase in {"over", "finished"}

    def press(self, event: KeyEvent) -> None:
        """Takes in that a key went down or up."""
        at_s = self._clock.here(event.at_s, event.heard_s)
        if self.phase == "ready" and event.is_down:
            self._go_on(event.heard_s)
        if self.phase != "playing":
            return
        if event.is_down:
            self.keys.press(event.key, at_s, event.number)
        else:
            self.keys.release(event.key, at_s)

    def pause(self) -> None:
        """Lets no time pass from now on."""
        if self.phase == "playing":
            self.phase = "paused"
            self.is_changed = True
        self.keys.let_go()

    def resume(self, now_s: float) -> None:
        """Lets time pass again."""
        if self.phase == "paused":
            self._go_on(now_s)

    def _go_on(self, now_s: float) -> None:
        self.phase = "playing"
        self._due_s = now_s
        self.is_changed = True

    def wait_s(self, now_s: float) -> float | None:
        """How long until the next step is due; None while none is."""
        return max(0.0, self._due_s - now_s) if self.phase == "playing" else None

    def run_until(self, now_s: float) -> None:
        """Plays the steps that are due."""
        if now_s - self._due_s > _MOST_LAG_S:
            self._due_s = now_s
        while self.phase == "playing" and self._due_s <= now_s:
            self._step(self._due_s)
            self._due_s += _STEP_S

    def _step(self, now_s: float) -> None:
        state = self.game.state
        where = (state.pieces, state.held_once, state.rotation, state.anchor_x, state.anchor_y)
        number = self.keys.latest_number
        speed = KeyRules.rows_per_second(level_of(state, self.game.config))
        move, flash = self.game.press(self.keys.next_key(now_s, speed, where))
        self._n_steps += 1
        after = move.state_tp1
        if where != (after.pieces, after.held_once, after.rotation, after.anchor_x, after.anchor_y) or after.over:
            self.is_changed = True
        if number != self.keys.latest_number:
            self.is_changed = True
        if move.placement is not None:
            self._note_placement(move, () if flash is None else flash.rows)
        if self.opponent is not None and self.opponent.play_until(self.seconds, after.pieces, self.pace):
            self.is_changed = self.is_opponent_changed = True

    def _note_placement(self, move: KeyMove, cleared_rows: tuple[int, ...]) -> None:
        state = move.state_tp1
        self._cleared_rows = cleared_rows
        said = said_of(move, self.game.config)
        if said:
            self._said = tuple(said), state.pieces
        if self.goal is not None and state.lines >= self.goal:
            self.phase = "finished"
        elif state.over or self.game.is_full:
            self.phase = "over"

    def advise(self) -> None:
        """Looks for advice on the current piece, if that is not known yet."""
        state = self.game.state
        asked = (id(self.adviser), state.pieces, state.queue[0], self.has_ended)
        if asked != self._advised:
            self._advised = asked
            is_wanted = self.adviser is not None and not self.has_ended
            self.advice = self.adviser.advise(state) if is_wanted and self.adviser is not None else None
            self.is_changed = True

    def shown(self, **others: Any) -> HandShown:
        """What it looks like; ``others`` are fields that are not its own."""
        state, config = self.game.state, self.game.config
        return HandShown(
            **{"phase": self.phase, **others},
            mode=self.mode,
            goal_lines=self.goal,
            seed=self.game.seed,
            width=config.width,
            height=config.height,
            cells=cell_signs(self.game.cells),
            falling=self._indices(state.falling),
            ghost=self._indices(state.ghost),
            queue=state.queue,
            held=state.held,
            can_hold=not state.held_once and not self.has_ended,
            level=level_of(state, config),
            lines_game=state.lines,
            pieces_game=state.pieces,
            score_game=state.score,
            seconds=round(self.seconds, 3),
            combo=max(0, state.combo - 1),
            back_to_back=state.back_to_back,
            said=self._said[0],
            said_pieces=self._said[1],
            cleared_rows=self._cleared_rows,
            key_number=self.keys.latest_number,
            sent_s=time.time(),
        )

    def _indices(self, cells: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
        """Those of the cells that are shown, ``row * width + column``."""
        n_rows, width = self.game.cells.shape
        return tuple(y * width + x for x, y in cells if y < n_rows)

    def replay(self) -> Replay:
        """The game as far as it has come."""
        return self.game.replay(mode=self.mode, seconds=round(self.seconds, 3))
