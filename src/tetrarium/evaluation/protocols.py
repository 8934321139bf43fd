"""Evaluation protocols: named, fixed ways to evaluate, on which leaderboards are based.

A protocol fixes the game, the pieces (a seed and the number of games) and the piece limit, so that two scores under one
name are of the same games. A definition never changes; another one gets another name.

A harder game is one that even strong agents mostly lose, so that agents that no longer lose their own can still be
compared. It has independent pieces on a few rows: how long an agent lasts there grows with its strength from a beginner
to the strongest, and games are short. There are two: the protocol ``harder``, the same for all agents, and
``harder_game`` of the game that is trained, which evaluations during training play. docs/explanation/results.md has the
measurements by which they were chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.environment.config import GAME_SETTINGS
from tetrarium.errors import ConfigError, suggestion

HARDER_PIECES: Final = 5_000  # limits the duration of a harder game; strong agents reach it in some games
_HARDER_ROWS: Final = 8
_HARDER_ROWS_HOLD: Final = 4  # an agent that can hold a piece survives on fewer rows
DEFAULT_PROTOCOL: Final = "harder"  # it separates all agents
_SEED: Final = 20_000  # differs from the default seeds of evaluations in training, and from seeds that people try


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Named evaluation settings."""

    name: str
    meaning: str
    height: int
    randomizer: str
    preview: int
    n_games: int
    max_pieces: int
    seed: int = _SEED

    @property
    def env_config(self) -> EnvConfig:
        """Config of the game."""
        return EnvConfig(height=self.height, randomizer=self.randomizer, preview=self.preview)

    def to_dict(self) -> dict[str, Any]:
        """Returns everything that a score depends on, as JSON can hold it."""
        game = {name: value for name, value in self.env_config.to_stored().items() if name in GAME_SETTINGS}
        return {"game": game, "n_games": self.n_games, "max_pieces": self.max_pieces, "seed": self.seed}


PROTOCOLS: Final[Mapping[str, Protocol]] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol(
                name="harder",
                meaning="8 rows, independent pieces, lost by strong agents, too; 1,000 games of up to 10,000 pieces",
                height=_HARDER_ROWS, randomizer="uniform", preview=1, n_games=1_000, max_pieces=10_000,
            ),
            Protocol(
                name="default",
                meaning="the default game, 100 games of up to 10,000 pieces",
                height=20, randomizer="7-bag", preview=1, n_games=100, max_pieces=10_000,
            ),
            Protocol(
                name="uniform",
                meaning="the default board with independent pieces, 100 games of up to 100,000",
                height=20, randomizer="uniform", preview=1, n_games=100, max_pieces=100_000,
            ),
            Protocol(
                name="literature-10x10",
                meaning="the literature's game on 10 rows, 1,000 games of up to 1,000,000 pieces",
                height=10, randomizer="uniform", preview=0, n_games=1_000, max_pieces=1_000_000,
            ),
            Protocol(
                name="literature-10x20",
                meaning="the literature's game on 20 rows, 20 games of up to 1,000,000 pieces",
                height=20, randomizer="uniform", preview=0, n_games=20, max_pieces=1_000_000,
            ),
        )
    }
)  # fmt: skip


def find_protocol(name: str) -> Protocol:
    """Returns the protocol of a name.

    >>> find_protocol("literature-10x10").n_games
    1000

    Raises:
        ConfigError: if there is no such protocol.
    """
    if not isinstance(name, str) or name not in PROTOCOLS:
        raise ConfigError(
            f"A protocol is one of {', '.join(PROTOCOLS)}; got {name!r}.{suggestion(str(name), PROTOCOLS)}",
            field="protocol",
        )
    return PROTOCOLS[name]


def harder_game(config: "EnvConfig") -> "EnvConfig":
    """Returns the harder game for agents that are trained on a game.

    All rows together, visible and hidden, stay as many as they are, so that no kernel is compiled for it.

    >>> from tetrarium.environment import EnvConfig
    >>> game = harder_game(EnvConfig())
    >>> game.height, game.hidden_rows, game.randomizer
    (8, 16, 'uniform')
    """
    height = min(config.height, _HARDER_ROWS_HOLD if config.hold else _HARDER_ROWS)
    hidden_rows = config.height + config.hidden_rows - height
    return config.with_changes(height=height, hidden_rows=hidden_rows, randomizer="uniform")
