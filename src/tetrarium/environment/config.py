"""Configuration of the game and its observation, with every default."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

from tetrarium.engine import KeyRules, Rules, make_layout
from tetrarium.engine.features import DEFAULT_FEATURES, feature_spec, in_table_order
from tetrarium.errors import ConfigError
from tetrarium.settings import Settings, names_of_groups, setting

_GAME_OVERS: Final = ("overflow", "guideline")
_ACTIONS: Final = ("drop", "keys", "reachable")
_OBSERVATIONS: Final = ("rows", "board")
_GRAVITIES: Final = ("level", "none")
_ILLEGAL_ACTIONS: Final = ("nearest", "raise")
_game, _keys, _observation, _episode, _reward = (
    partial(setting, group) for group in ("game", "keys", "observation", "episode", "reward")
)


@dataclass(frozen=True, kw_only=True)
class EnvConfig(Settings):
    """Settings of a game of Tetris and its observation: frozen, validated, and equal after ``from_dict(to_dict())``.

    >>> EnvConfig.literature(height=10).randomizer
    'uniform'
    >>> EnvConfig.from_dict(EnvConfig(width=6).to_dict()) == EnvConfig(width=6)
    True

    Raises:
        ConfigError: if a value breaks its rule.
    """

    width: int = _game(10, "columns of the board", 4, 16)
    height: int = _game(20, "visible rows", 4, 40)
    hidden_rows: int = _game(4, "rows above the visible ones; with them a board has at most 60", 4, 56)
    randomizer: str = _game(
        "7-bag", "'7-bag', 'uniform', 'uniform:SZ' for some pieces alone, or letters that repeat, such as 'IOTLJSZ'"
    )
    game_over: str = _game(
        "overflow",
        "'overflow': a piece that rests above the visible rows ends the game; 'guideline': pieces spawn, block out "
        "and lock out end it",
        choices=_GAME_OVERS,
    )
    actions: str = _game(
        "drop",
        "'drop': choose rotation and column, the piece falls straight down; 'reachable': choose any lock position that "
        "keys can reach, tucks and spins included; 'keys': one key a step",
        choices=_ACTIONS,
    )
    hold: bool = _game(False, "whether a piece can be held")
    gravity: str = _keys(
        "level",
        "by keys: 'level': pieces fall, faster on higher levels, and lock; 'none': only a hard drop locks",
        choices=_GRAVITIES,
    )
    key_rate: int = _keys(10, "by keys: number of key steps in a second of falling and locking", 1, 240)
    first_level: int = _keys(1, "by keys: the level at which a game begins; it rises every ten rows", 1, 20)
    preview: int = _game(1, "number of pieces shown after the current one", 0, 6)
    observation: str = _observation(
        "rows",
        "'rows': the board after each action, by keys one row of its cells; 'board': its cells, for convolutions",
        choices=_OBSERVATIONS,
    )
    features: tuple[str, ...] = _observation(
        DEFAULT_FEATURES, "features in a row of the observation, where there are rows"
    )
    illegal_action: str = _episode(
        "nearest", "'nearest' plays the nearest legal action instead, 'raise' raises", choices=_ILLEGAL_ACTIONS
    )
    max_pieces: int | None = _episode(None, "pieces after which a game is truncated; by default never", 1, 10**12)
    line_reward: float = _reward(1.0, "reward for each cleared row", -1e6, 1e6)
    hole_penalty: float = _reward(0.0, "subtracted for each new hole", -1e6, 1e6)
    height_penalty: float = _reward(0.0, "subtracted for each row by which the highest column grows", -1e6, 1e6)
    game_over_penalty: float = _reward(0.0, "subtracted once, when the game terminates", -1e6, 1e6)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "features", _ordered_features(self.features))
        self.key_rules() if self.actions == "keys" else self._rules()
        if "held_piece" in self.features and not self.hold:
            raise ConfigError(
                "The feature 'held_piece' needs hold; got hold=False. Set hold=True, or leave it out.", field="features"
            )
        make_layout(self.features, self.width, self.preview)

    @classmethod
    def guideline(cls) -> Self:
        """Returns the guideline's game: 10 × 40 matrix, 7-bag, hold, five next pieces."""
        return cls(
            hidden_rows=20,
            game_over="guideline",
            hold=True,
            preview=5,
            features=(*DEFAULT_FEATURES, "next_pieces", "held_piece"),
        )

    @classmethod
    def literature(cls, height: int = 20) -> Self:
        """Returns the "simplified Tetris" of line counts published since 2006.

        Independent uniform pieces, only the current one known, straight drops, and a piece that overflows ends the
        game without clearing anything (Thiery and Scherrer 2009).
        """
        return cls(height=height, randomizer="uniform", preview=0)

    def rules(self) -> Rules:
        """Returns the engine's rules of a game in which an action is a placement.

        Raises:
            ConfigError: if the game is played by keys.
        """
        if self.actions == "keys":
            raise ConfigError(
                "Placements are chosen under actions='drop' or 'reachable'; got actions='keys'. Use one of these, or "
                "learn keys with another library on the environment itself.",
                field="actions",
            )
        return self._rules()

    def key_rules(self) -> KeyRules:
        """Returns the engine's rules of this game played by keys, whatever ``actions`` is."""
        names = set(GAME_SETTINGS) - {"actions"} | set(KEY_SETTINGS)
        return KeyRules(**{name: getattr(self, name) for name in names})

    def to_stored(self) -> dict[str, Any]:
        """Returns the same as ``to_dict`` for digests and files that earlier versions read.

        A setting of ``LATER_SETTINGS`` is omitted where it has its default.

        >>> "gravity" in EnvConfig().to_stored(), EnvConfig(gravity="none").to_stored()["gravity"]
        (False, 'none')
        """
        usual = EnvConfig()
        return {
            name: value
            for name, value in self.to_dict().items()
            if name not in LATER_SETTINGS or getattr(self, name) != getattr(usual, name)
        }

    def _rules(self) -> Rules:
        return Rules(**{name: getattr(self, name) for name in GAME_SETTINGS})


GAME_SETTINGS: Final = names_of_groups(EnvConfig, "game")  # they determine the results of an agent that places pieces
KEY_SETTINGS: Final = names_of_groups(EnvConfig, "keys")
LATER_SETTINGS: Final = ("observation", "gravity", "key_rate", "first_level")  # added after replays and scores


def _ordered_features(features: object) -> tuple[str, ...]:
    if isinstance(features, str) or not isinstance(features, tuple | list):
        raise ConfigError(
            f"features is a list of names; got {features!r}. Write ['holes', 'max_height'], for example.",
            field="features",
        )
    for name in features:
        feature_spec(name)  # refuses an unknown name
    repeated = sorted({name for name in features if list(features).count(name) > 1})
    if repeated:
        raise ConfigError(f"A feature is named once; got {repeated[0]!r} twice. Leave one out.", field="features")
    return in_table_order(features)
