"""Named ways of measuring, each the same for everybody: what leaderboards rest on.

A protocol fixes the game, the pieces (a seed and how many games), and where a game is cut off. So two scores under one
name are of the same games. Definitions are not altered: another way of measuring gets another name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tetrarium.errors import ConfigError, suggestion

if TYPE_CHECKING:
    from tetrarium.environment import EnvConfig

__all__ = ["DEFAULT_PROTOCOL", "PROTOCOLS", "Protocol", "find_protocol"]

DEFAULT_PROTOCOL: Final = "default"
_SEED: Final = 20_000  # apart from the seeds that training evaluates on by default, and from those that people try


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One way of measuring."""

    name: str
    meaning: str
    height: int
    randomizer: str
    preview: int
    n_games: int
    max_pieces: int
    seed: int = _SEED

    @property
    def env_config(self) -> "EnvConfig":
        """The game that is played."""
        from tetrarium.environment import EnvConfig

        return EnvConfig(height=self.height, randomizer=self.randomizer, preview=self.preview)

    def to_dict(self) -> dict[str, Any]:
        """Everything that a score depends on, as JSON can hold it."""
        game = {name: value for name, value in self.env_config.to_dict().items() if name in _OF_THE_GAME}
        return {"game": game, "n_games": self.n_games, "max_pieces": self.max_pieces, "seed": self.seed}


_OF_THE_GAME: Final = frozenset(
    {"width", "height", "hidden_rows", "randomizer", "game_over", "actions", "hold", "preview"}
)

PROTOCOLS: Final[Mapping[str, Protocol]] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
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
        ConfigError: if there is none.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"A protocol is one of {', '.join(PROTOCOLS)}; got {name!r}.{suggestion(name, PROTOCOLS)}")
    return PROTOCOLS[name]
