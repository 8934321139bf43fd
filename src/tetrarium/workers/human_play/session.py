"""Session of a human game in real time: its phases, its key steps and the event that shows it.

Callers pass the time in, in seconds of any one clock. A sixtieth of a second has four key steps, so that up to four
keys that are pressed within one frame act in it, in their order. A game is ready until its first key, which begins it.
While it is paused no time passes and all keys are released.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tetrarium.engine import KEYS, KeyMove, KeyRules
from tetrarium.environment import EnvConfig
from tetrarium.environment.config import GAME_SETTINGS
from tetrarium.environment.human_games import HumanGame, clear_label, level_of
from tetrarium.environment.replays import Replay
from tetrarium.environment.start_position import StartPosition, Stream
from tetrarium.events import HumanGameShown
from tetrarium.workers.human_play.finesse import FinesseCounter
from tetrarium.workers.human_play.human_game_control import MODES, KeyEvent, SessionOptions
from tetrarium.workers.human_play.input import HeldKeys, KeyClock
from tetrarium.workers.human_play.opponent import Advice, Advisor, Opponent

KEY_RATE: Final = 240
_STEP_S: Final = 1 / KEY_RATE
_MAX_OPPONENT_PIECES: Final = 5_000  # numbers that the header of a replay has room for
_MAX_LAG_S: Final = 0.25  # longer delays of a busy machine do not count as time of the game


def human_game_config(level: int) -> EnvConfig:
    return EnvConfig.guideline().with_changes(actions="keys", key_rate=KEY_RATE, first_level=level)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStart:
    """Position of another game, or one that was set up, from which a person plays on."""

    config: EnvConfig  # of the game that it belongs to
    position: StartPosition
    stream: Stream  # random state after the pieces of the position were drawn
    n_placed: int  # pieces placed before

    def make_game(self, level: int, seed: int) -> HumanGame:
        """Starts the game by keys.

        Raises:
            ConfigError: if the rules allow no game by keys.
            GameError: if they do not allow the position.
        """
        rules = {name: getattr(self.config, name) for name in GAME_SETTINGS if name != "actions"}
        config = EnvConfig(**rules, actions="keys", key_rate=KEY_RATE, first_level=level)
        return HumanGame(config, seed, 0, start=self.position, stream=self.stream)


class GameSession:
    """A human game from its first piece to its end.

    >>> played = GameSession(SessionOptions(mode="sprint"), seed=3)
    >>> played.phase
    'ready'
    >>> played.press(KeyEvent(key="hard drop", is_down=True, at_s=None, number=1, received_s=0.0))
    >>> played.run_until(0.1)
    >>> played.phase, played.game.state.pieces, round(played.seconds, 3)
    ('playing', 1, 0.104)

    Args:
        options: Mode, level, pace and handling of keys.
        seed: Seed of the pieces.
        start: Position from which it starts; by default an empty board, under the guideline.
    """

    def __init__(self, options: SessionOptions, seed: int, start: SessionStart | None = None) -> None:
        self.mode = options.mode
        self.goal = MODES[options.mode].lines
        self.game = (
            HumanGame(human_game_config(options.level), seed, 0)
            if start is None
            else start.make_game(options.level, seed)
        )
        self.keys = HeldKeys(options.handling)
        self.phase = "ready"
        self.opponent: Opponent | None = None
        self.advisor: Advisor | None = None
        self.advice: Advice | None = None
        self.pace = options.pace
        self.is_changed = True  # since the flag was last cleared
        self.is_opponent_changed = True
        self._clock = KeyClock()
        self._finesse = FinesseCounter(self.game.config.width)
        self._opponent_pieces: list[int] = []  # pieces that the opponent had placed at each placement of the person
        # Pieces placed before, in a game that continues another one.
        self._n_continued: int | None = None if start is None else start.n_placed
        self._n_steps = 0
        self._due_s = 0.0
        self._clear_label: tuple[tuple[str, ...], int] = ((), 0)  # with the number of pieces placed
        self._cleared_rows: tuple[int, ...] = ()
        self._advised: object = None  # key of the piece that the advice is for

    @property
    def seconds(self) -> float:
        """Time played."""
        return self._n_steps * _STEP_S

    @property
    def has_ended(self) -> bool:
        """True once the game is over or has reached its goal."""
        return self.phase in {"game-over", "finished"}

    def press(self, event: KeyEvent) -> None:
        """Applies a key press or release."""
        at_s = self._clock.to_local(event.at_s, event.received_s)
        if self.phase == "ready" and event.is_down:
            self._start_clock(event.received_s)
        if self.phase != "playing":
            return
        if event.is_down:
            self._finesse.press(event.key)
            self.keys.press(event.key, at_s, event.number)
        else:
            self.keys.release(event.key, at_s)

    def pause(self) -> None:
        if self.phase == "playing":
            self.phase = "paused"
            self.is_changed = True
        self.keys.clear()

    def resume(self, now_s: float) -> None:
        if self.phase == "paused":
            self._start_clock(now_s)

    def _start_clock(self, now_s: float) -> None:
        self.phase = "playing"
        self._due_s = now_s
        self.is_changed = True

    def wait_s(self, now_s: float) -> float | None:
        """Returns the seconds until the next step, or None while the game does not run."""
        return max(0.0, self._due_s - now_s) if self.phase == "playing" else None

    def run_until(self, now_s: float) -> None:
        """Executes the steps that are due."""
        if now_s - self._due_s > _MAX_LAG_S:
            self._due_s = now_s
        while self.phase == "playing" and self._due_s <= now_s:
            self._step(self._due_s)
            self._due_s += _STEP_S

    def _step(self, now_s: float) -> None:
        state = self.game.state
        position = (state.pieces, state.hold_used, state.rotation, state.anchor_x, state.anchor_y)
        number = self.keys.latest_number
        speed = KeyRules.rows_per_second(level_of(state, self.game.config))
        move, full_board = self.game.press(self.keys.next_key(now_s, speed, position))
        self._n_steps += 1
        after = move.state_tp1
        if (
            position != (after.pieces, after.hold_used, after.rotation, after.anchor_x, after.anchor_y)
            or after.terminated
        ):
            self.is_changed = True
        if number != self.keys.latest_number:
            self.is_changed = True
        if move.placement is not None:
            self._note_placement(move, () if full_board is None else full_board.full_rows)
        if self.opponent is not None and self.opponent.play_until(self.seconds, after.pieces, self.pace):
            self.is_changed = self.is_opponent_changed = True

    def _note_placement(self, move: KeyMove, cleared_rows: tuple[int, ...]) -> None:
        state = move.state_tp1
        assert move.piece is not None
        assert move.placement is not None
        self._finesse.lock(move.state_t.columns, move.piece, move.placement)
        if self.opponent is not None:
            self._opponent_pieces.append(self.opponent.pieces)
        self._cleared_rows = cleared_rows
        label = clear_label(move, self.game.config)
        if label:
            self._clear_label = tuple(label), state.pieces
        if self.goal is not None and state.lines >= self.goal:
            self.phase = "finished"
        elif state.terminated or self.game.is_full:
            self.phase = "game-over"

    def advise(self) -> None:
        """Updates the advice if the current piece has none yet."""
        state = self.game.state
        key = (id(self.advisor), state.pieces, state.queue[0], self.has_ended)
        if key != self._advised:
            self._advised = key
            is_wanted = self.advisor is not None and not self.has_ended
            self.advice = self.advisor.advise(state) if is_wanted and self.advisor is not None else None
            self.is_changed = True

    def to_event(self, **others: Any) -> HumanGameShown:
        """Returns the event that shows the game; ``others`` are fields that the session does not know."""
        state, config, snapshot = self.game.state, self.game.config, self.game.snapshot()
        return HumanGameShown(
            **{"phase": self.phase, **others},
            mode=self.mode,
            goal_lines=self.goal,
            seed=self.game.seed,
            **snapshot.to_fields(),
            falling=snapshot.cell_indices(state.falling),
            ghost=snapshot.cell_indices(state.ghost),
            can_hold=not state.hold_used and not self.has_ended,
            level=level_of(state, config),
            seconds=round(self.seconds, 3),
            combo=max(0, state.combo - 1),
            back_to_back=state.back_to_back,
            clear_label=self._clear_label[0],
            clear_label_pieces=self._clear_label[1],
            cleared_rows=self._cleared_rows,
            key_number=self.keys.latest_number,
            sent_s=time.time(),
        )

    def replay(self, opponent_game: str = "") -> Replay:
        """Returns the replay of the game so far; ``opponent_game`` is the id of the opponent's, if that was saved."""
        about: dict[str, str | float] = {"mode": self.mode, "seconds": round(self.seconds, 3)}
        if self._n_continued is None:
            about |= {"keys": self._finesse.n_presses, "finesse_faults": self._finesse.n_faults}
        else:
            about["continued_at"] = self._n_continued
        if opponent_game and len(self._opponent_pieces) <= _MAX_OPPONENT_PIECES:
            about |= {"opponent_game": opponent_game, "opponent_pieces": " ".join(map(str, self._opponent_pieces))}
        return self.game.replay(**about)

    def play_back(self, keys: Iterable[int], n_pieces: int) -> None:
        """Plays recorded keys until so many pieces are placed; the person continues from there."""
        for key in keys:
            if self.game.state.pieces >= n_pieces:
                break
            self.game.press(KEYS[key])
            self._n_steps += 1
        self._n_continued = self.game.state.pieces
        self.is_changed = True
