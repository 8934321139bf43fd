"""What brings a policy and its games together: who may play what, and the working memory of one thread.

A *match* is a batch of games and the rules they are played under. A policy takes a *seat* at it, one for each thread; a
seat plays listed games for some pieces each, or picks the action of one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from tetrarium.engine.choices import make_memory
from tetrarium.engine.features import Layout, make_layout, row_length
from tetrarium.engine.games import Games
from tetrarium.engine.scratch import Scratch
from tetrarium.engine.streams import N_STREAM_WORDS
from tetrarium.errors import PolicyError

if TYPE_CHECKING:
    from tetrarium.environment import EnvConfig

__all__ = ["Match", "PlayablePolicy", "Seat", "require_playable"]

_CHOICE_STREAM_KEY: Final = 1  # sets the stream of a policy's choices apart from that of the game's pieces


class Seat(Protocol):
    """A policy at a match, with working memory of its own: no two threads share a seat."""

    def choose(self, index: int) -> int:
        """The legal action that the policy plays now in one game."""

    def play(self, listed: npt.NDArray[np.int64], n_pieces: int, max_pieces: int) -> int:
        """Plays up to ``n_pieces`` pieces of each listed game, none beyond its end or the cut; returns how many."""


class PlayablePolicy(Protocol):
    """What ``evaluate`` plays; every policy of this package is one."""

    name: str
    features: tuple[str, ...]
    width: int | None  # the only board width that it plays, or None for any
    preview: int | None  # the only preview that it plays, or None for any
    compiled: bool  # whether its seats run without the GIL, so that threads help

    def seat(self, match: "Match") -> Seat:
        """Makes a seat for one thread."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """Games of one seed, and how they are played."""

    games: Games
    seed: int
    numbers: tuple[int, ...]  # which games of the seed
    illegal_action: str  # "nearest" or "raise"

    @cached_property
    def choice_streams(self) -> npt.NDArray[np.int64]:
        """``(n, 4) int64`` random streams for a policy's choices, apart from those that the pieces come from."""
        streams = np.empty((len(self.numbers), N_STREAM_WORDS), dtype=np.int64)
        for index, number in enumerate(self.numbers):
            sequence = np.random.SeedSequence((self.seed, number), spawn_key=(_CHOICE_STREAM_KEY,))
            streams[index] = sequence.generate_state(N_STREAM_WORDS, np.uint32)
        return streams

    def layout(self, features: tuple[str, ...]) -> Layout:
        """Where these features lie in a row of this match."""
        return make_layout(features, self.games.rules.width, self.games.rules.preview)

    def rows(self, layout: Layout, n_games: int = 1) -> npt.NDArray[np.float32]:
        """Working memory for the afterstates of some games, ``(n_games, n_actions, row length)``."""
        return np.empty((n_games, self.games.n_actions, row_length(layout)), dtype=np.float32)

    def masks(self, n_games: int = 1) -> npt.NDArray[np.bool_]:
        """Working memory for the legal actions of some games, ``(n_games, n_actions)``."""
        return np.empty((n_games, self.games.n_actions), dtype=np.bool_)

    def memory(self) -> Scratch:
        """The kernels' working memory of one thread."""
        return make_memory(self.games.rules)

    @classmethod
    def begin(cls, config: "EnvConfig", seed: int, numbers: tuple[int, ...]) -> "Match":
        """Starts the numbered games of a seed."""
        games = Games(config.rules(), seed, numbers)
        return cls(games=games, seed=seed, numbers=numbers, illegal_action=config.illegal_action)


def require_playable(policy: PlayablePolicy, config: "EnvConfig") -> None:
    """Refuses, by name, a policy that was not made for this game.

    Raises:
        PolicyError: if the board's width, its preview, the hold or the action mode is not one that it plays.
    """
    if config.actions == "keys":
        raise PolicyError(
            f"The policy {policy.name!r} chooses placements; got actions='keys'. Evaluate it with actions='drop' or "
            "'reachable'."
        )
    made_for: list[tuple[str, Any, Any]] = []
    if "held_piece" in policy.features:
        made_for.append(("hold", True, config.hold))
    if policy.width is not None:
        made_for.append(("width", policy.width, config.width))
    if policy.preview is not None:
        made_for.append(("preview", policy.preview, config.preview))
    for setting, plays, given in made_for:
        if plays != given:
            raise PolicyError(
                f"The policy {policy.name!r} plays {setting}={plays!r} only; got {setting}={given!r}. "
                f"Evaluate it with {setting}={plays!r}, or use a policy made for this game."
            )
