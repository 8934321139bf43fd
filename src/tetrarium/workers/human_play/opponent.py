"""Agents beside a person: an opponent with the same pieces, and an advisor for the person's own pieces.

Both choose placements, in a game of straight drops or lock positions without hold. Their pieces come from the random
stream of the person's game, and so are the same in the same order.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tetrarium.engine import GameState, KeyState
from tetrarium.engine.board_tracker import BoardTracker
from tetrarium.engine.random_streams import N_STREAM_WORDS
from tetrarium.environment import EnvConfig
from tetrarium.environment.board_snapshot import board_event
from tetrarium.environment.config import KEY_SETTINGS
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.errors import GameError, PolicyError
from tetrarium.evaluation.policy_runner import GameBatch, as_playable, require_playable
from tetrarium.evaluation.single_games import PolicyGame
from tetrarium.events import BoardShown

_STREAM: Final = (1,) * N_STREAM_WORDS  # arbitrary, as no piece is drawn from it


def opponent_config(policy: Any, trained_for: EnvConfig | None, human: EnvConfig) -> EnvConfig:
    """Returns the config of the game that a policy plays beside a person.

    Args:
        policy: Policy of the opponent or advisor.
        trained_for: Config that it was trained for, if any.
        human: Config of the person's game.

    Raises:
        PolicyError: if the policy plays by keys, with hold, with a longer preview, or on a board of another width.
    """
    config = trained_for or EnvConfig()
    name = getattr(policy, "name", "the policy")
    for setting, plays, needed in (
        ("actions='keys'", config.actions == "keys", "by placements"),
        ("hold", config.hold, "without hold"),
    ):
        if plays:
            raise PolicyError(
                f"An opponent or advisor plays {needed}; {name!r} was trained with {setting}. Choose another agent."
            )
    if config.width != human.width:
        raise PolicyError(
            f"An opponent or advisor plays on a board {human.width} wide; {name!r} was trained for {config.width}. "
            "Choose another agent."
        )
    if config.preview > human.preview:
        raise PolicyError(
            f"An opponent or advisor sees at most {human.preview} pieces ahead; {name!r} was trained with "
            f"{config.preview}. Choose another agent."
        )
    plain = {name: getattr(EnvConfig(), name) for name in (*KEY_SETTINGS, "max_pieces")}
    config = config.with_changes(height=human.height, randomizer=human.randomizer, illegal_action="nearest", **plain)
    require_playable(as_playable(policy), config)
    return config


class Opponent:
    """Game that a policy plays with the pieces of a person's game.

    Args:
        policy: The policy.
        config: Result of ``opponent_config``.
        seed: Seed of the person's game.
        goal: Number of cleared lines at which the game is finished, if any.
    """

    def __init__(self, policy: Any, config: EnvConfig, seed: int, goal: int | None) -> None:
        self._game = PolicyGame(policy, config, seed, number=0)
        self._tracker = BoardTracker(config.rules())
        self._tracker.warm()
        self._tracker.begin(self._game.stream)
        self._goal = goal
        self._config = config
        self._seed = seed
        self._actions: list[int] = []
        self.seconds = 0.0  # time of its latest placement

    @property
    def pieces(self) -> int:
        """Number of pieces placed."""
        return self._tracker.pieces

    @property
    def lines(self) -> int:
        """Number of lines cleared."""
        return self._tracker.lines

    @property
    def score(self) -> int:
        return self._tracker.score

    @property
    def has_finished(self) -> bool:
        """True once the goal is reached."""
        return self._goal is not None and self.lines >= self._goal

    @property
    def is_over(self) -> bool:
        """True once the game has ended without reaching the goal."""
        return not self.has_finished and self._game.next_action is None

    def play_until(self, seconds: float, pieces: int, pace: float | None) -> bool:
        """Places a piece if one is due; returns whether it did.

        Args:
            seconds: Time of the person's game.
            pieces: Number of pieces that the person has placed.
            pace: Pieces per second; None for as many as the person.
        """
        if self.is_over or self.has_finished:
            return False
        is_due = self.pieces < pieces if pace is None else seconds >= self.seconds + 1 / pace
        if is_due:
            next_action = self._game.next_action
            assert next_action is not None
            self._tracker.follow([next_action])
            self._actions.append(next_action)
            self._game.place()
            self.seconds = seconds if pace is None else max(self.seconds + 1 / pace, seconds - 1 / pace)
        return is_due

    def replay(self, agent: str) -> Replay:
        """Returns the replay of the game so far; ``agent`` names who plays."""
        return Replay(
            env_config=self._config,
            seed=self._seed,
            game=0,
            actions=pack_actions(self._config, self._actions),
            lines=self.lines,
            pieces=self.pieces,
            terminated=self._tracker.is_over,
            about={"agent": agent},
        )

    def board(self, is_paused: bool) -> BoardShown:
        """Returns the event that shows the game."""
        return board_event(self._tracker, step=self.pieces, game=1, action_values=None, is_paused=is_paused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Placement that a policy suggests for a person's piece."""

    cells: tuple[int, ...]  # row * width + column
    value: float | None  # action value; None where the policy has none


class Advisor:
    """Suggests placements of a policy for a person's pieces."""

    def __init__(self, policy: Any, config: EnvConfig) -> None:
        playable: Any = as_playable(policy)
        self._batch = GameBatch.begin(config, seed=0, numbers=(0,))
        self._runner = playable.make_runner(self._batch)
        self._valuing = playable.make_value_runner(self._batch) if hasattr(playable, "make_value_runner") else None
        self._tracker = BoardTracker(config.rules())
        self._tracker.warm()

    def advise(self, state: KeyState) -> Advice | None:
        """Returns the placement of the current piece, or None if the game has ended or its board is too high."""
        games = self._batch.games
        bare = GameState(
            columns=state.columns,
            queue=state.queue[: 1 + games.rules.preview],
            bag=0,
            stream=_STREAM,
            lines=state.lines,
            pieces=state.pieces,
            terminated=False,
        )
        if state.terminated:
            return None
        try:
            games.restore(0, bare)
        except GameError:  # the stack is too high for the policy's game
            return None
        action = self._runner.choose(0)
        self._tracker.begin_at(games.rows[0])
        cells = self._tracker.resting_cells(np.array([action], dtype=np.int64))[0]
        value = None if self._valuing is None else float(self._valuing.values()[action])
        return Advice(cells=cells, value=value if value is not None and np.isfinite(value) else None)
