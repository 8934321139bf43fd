"""Which game is played and what an agent sees of it: ``EnvConfig``.

Every default of the game stands here and nowhere else. A config checks itself when it is made, is frozen, and comes
back equal from ``from_dict(to_dict())``.
"""

from dataclasses import dataclass
from typing import Final, Self

from tetrarium.engine import FEATURES, KeyRules, Rules, make_layout
from tetrarium.errors import ConfigError, suggestion
from tetrarium.settings import Settings, setting

__all__ = ["DEFAULT_FEATURES", "EnvConfig"]

DEFAULT_FEATURES: Final = tuple(name for name in FEATURES if name not in {"fast_wells", "next_pieces", "held_piece"})

_GAME_OVERS: Final = ("overflow", "guideline")
_ACTIONS: Final = ("drop", "keys", "reachable")
_OBSERVATIONS: Final = ("rows", "board")
_GRAVITIES: Final = ("level", "none")
_ILLEGAL_ACTIONS: Final = ("nearest", "raise")


@dataclass(frozen=True, kw_only=True)
class EnvConfig(Settings):
    """One game of Tetris and its observation.

    >>> EnvConfig.literature(height=10).randomizer
    'uniform'
    >>> EnvConfig.from_dict(EnvConfig(width=6).to_dict()) == EnvConfig(width=6)
    True

    Raises:
        ConfigError: if a value breaks its rule.
    """

    width: int = setting(10, "columns of the board", 4, 16)
    height: int = setting(20, "visible rows", 4, 40)
    hidden_rows: int = setting(4, "rows above the visible ones; with them a board has at most 60", 4, 56)
    randomizer: str = setting("7-bag", "'7-bag', 'uniform', or piece letters that repeat, such as 'IOTLJSZ'")
    game_over: str = setting(
        "overflow",
        "'overflow': a piece that rests above the visible rows ends the game; 'guideline': pieces spawn, block out "
        "and lock out end it",
        choices=_GAME_OVERS,
    )
    actions: str = setting(
        "drop",
        "'drop': choose rotation and column, the piece falls straight down; 'reachable': choose any place that keys "
        "lead to, tucks and spins included; 'keys': one key a step",
        choices=_ACTIONS,
    )
    hold: bool = setting(False, "whether a piece can be put aside")
    gravity: str = setting(
        "level",
        "by keys: 'level': pieces fall, faster on higher levels, and lock; 'none': only a hard drop locks",
        choices=_GRAVITIES,
    )
    key_rate: int = setting(10, "by keys: how many key steps make a second of falling and locking", 1, 240)
    first_level: int = setting(1, "by keys: the level at which a game begins; it rises every ten rows", 1, 20)
    preview: int = setting(1, "how many pieces after the current one are shown", 0, 6)
    observation: str = setting(
        "rows",
        "'rows': the board after each action, by keys one row of its cells; 'board': its cells, for convolutions",
        choices=_OBSERVATIONS,
    )
    features: tuple[str, ...] = setting(DEFAULT_FEATURES, "what a row of the observation holds, where there are rows")
    illegal_action: str = setting(
        "nearest", "'nearest' plays the nearest legal action instead, 'raise' raises", choices=_ILLEGAL_ACTIONS
    )
    max_pieces: int | None = setting(None, "cut a game after so many pieces; never if left out", 1, 10**12)
    line_reward: float = setting(1.0, "reward for each cleared row", -1e6, 1e6)
    hole_penalty: float = setting(0.0, "taken off for each new hole", -1e6, 1e6)
    height_penalty: float = setting(0.0, "taken off for each row by which the highest column grows", -1e6, 1e6)
    game_over_penalty: float = setting(0.0, "taken off once, when the game ends", -1e6, 1e6)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "features", _ordered_features(self.features))
        self.key_rules() if self.actions == "keys" else self._rules()
        if "held_piece" in self.features and not self.hold:
            raise ConfigError("The feature 'held_piece' needs hold; got hold=False. Set hold=True, or leave it out.")
        make_layout(self.features, self.width, self.preview)

    @classmethod
    def guideline(cls) -> Self:
        """The game of the guideline: 10 × 40 matrix, 7-bag, hold, five next pieces."""
        return cls(
            hidden_rows=20,
            game_over="guideline",
            hold=True,
            preview=5,
            features=(*DEFAULT_FEATURES, "next_pieces", "held_piece"),
        )

    @classmethod
    def literature(cls, height: int = 20) -> Self:
        """The "simplified Tetris" under which line counts have been published since 2006.

        Independent uniform pieces, only the current one known, straight drops, and a piece that overflows ends the
        game without clearing anything (Thiery and Scherrer 2009).
        """
        return cls(height=height, randomizer="uniform", preview=0)

    def rules(self) -> Rules:
        """The engine's rules for a game in which an action is a placement.

        Raises:
            ConfigError: if the game is played by keys.
        """
        if self.actions == "keys":
            raise ConfigError(
                "Placements are chosen under actions='drop' or 'reachable'; got actions='keys'. Use one of these, or "
                "learn keys with another library on the environment itself."
            )
        return self._rules()

    def key_rules(self) -> KeyRules:
        """The engine's rules for this game played by keys, whatever its actions are."""
        return KeyRules(
            width=self.width,
            height=self.height,
            hidden_rows=self.hidden_rows,
            randomizer=self.randomizer,
            preview=self.preview,
            hold=self.hold,
            game_over=self.game_over,
            gravity=self.gravity,
            key_rate=self.key_rate,
            first_level=self.first_level,
        )

    def _rules(self) -> Rules:
        return Rules(
            width=self.width,
            height=self.height,
            hidden_rows=self.hidden_rows,
            randomizer=self.randomizer,
            preview=self.preview,
            hold=self.hold,
            game_over=self.game_over,
            actions=self.actions,
        )


def _ordered_features(features: object) -> tuple[str, ...]:
    if isinstance(features, str) or not isinstance(features, tuple | list):
        raise ConfigError(f"features is a list of names; got {features!r}. Write ['holes', 'max_height'], say.")
    for name in features:
        if name not in FEATURES:
            raise ConfigError(
                f"A feature is one of {', '.join(FEATURES)}; got {name!r}.{suggestion(str(name), FEATURES)}"
            )
    repeated = sorted({name for name in features if list(features).count(name) > 1})
    if repeated:
        raise ConfigError(f"A feature is named once; got {repeated[0]!r} twice. Leave one out.")
    return tuple(name for name in FEATURES if name in features)
