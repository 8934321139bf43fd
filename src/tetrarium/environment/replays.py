"""Replays: recorded games as a config, a random start and actions, which reproduce the game exactly.

A file is a line of JSON, then the actions compressed by zlib, then the CRC-32 of all before in four bytes, most
significant first. Actions are unsigned and little-endian, one byte each if the game has at most 256 actions, otherwise
two. In JSON they are a list. Reading never executes anything, and unpacks no more than the header states and the format
allows. Callers read and write the files.
"""

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

import numpy as np

from tetrarium.engine import KEYS, MAX_ORIENTATIONS, PIECES, Games, GameState, KeyGames, KeyMove, Move
from tetrarium.engine.board_tracker import BoardTracker
from tetrarium.engine.random_streams import N_STREAM_WORDS
from tetrarium.engine.state_layout import STREAM
from tetrarium.environment.config import EnvConfig
from tetrarium.environment.core import make_games
from tetrarium.environment.start_position import StartPosition
from tetrarium.errors import ConfigError, GameError, NewerReplayError, ReplayError
from tetrarium.values import decode_text

About = Mapping[str, str | int | float]

REPLAY_SUFFIX: Final = ".tetris-replay"
FORMAT_VERSION: Final = 1
MAX_ACTIONS: Final = 1 << 24  # of one replay
_FORMAT: Final = "tetris-replay"
_MAX_HEADER_BYTES: Final = 1 << 16
_CRC_BYTES: Final = 4
MAX_FILE_BYTES: Final = _MAX_HEADER_BYTES + 2 * MAX_ACTIONS + (1 << 16)  # zlib adds a little to what does not compress
_ONE_BYTE: Final = np.dtype("u1")
_TWO_BYTES: Final = np.dtype("<u2")
# Fields by their names in a file.
_FIELDS: Final = {
    **{name: name for name in ("env_config", "seed", "game", "stream", "lines", "pieces")},
    "over": "terminated",
    "about": "about",
}
_START: Final = "start"  # added later: written only where a game starts from a position
_REMEDY: Final = "Copy it again from where it came from, or record the game again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Recorded game.

    >>> config = EnvConfig(randomizer="O")
    >>> replay = Replay(
    ...     env_config=config, seed=0, game=0, actions=pack_actions(config, [0, 8]), lines=0, pieces=2,
    ...     terminated=False,
    ... )
    >>> [move.state_tp1.columns[:4] for move in replay.play()]
    [(3, 3, 0, 0), (3, 3, 3, 3)]
    >>> Replay.from_bytes(replay.to_bytes()) == replay
    True

    Args:
        env_config: The game; its features and rewards are ignored.
        seed: Seed of its random stream, with ``game``.
        game: Number of the game under the seed, or of the stream in which it was a later one.
        stream: Four words of random state at the game's start; by default those of the seed and the game.
        start: Position in which it starts, with ``stream`` the state after its pieces were drawn; by default an empty
            board.
        actions: Packed by ``pack_actions``.
        lines: Rows cleared.
        pieces: Pieces placed.
        terminated: Whether the game terminated; otherwise it was truncated, or is a part of a game.
        about: Further facts: the agent, the run, the step.

    Raises:
        ReplayError: if a value breaks its rule.
    """

    env_config: EnvConfig
    seed: int
    game: int
    stream: tuple[int, int, int, int] | None = None
    start: StartPosition | None = None
    actions: bytes
    lines: int
    pieces: int
    terminated: bool
    about: About = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(isinstance(self.env_config, EnvConfig), "env_config is an EnvConfig", self.env_config)
        _require(isinstance(self.actions, bytes), "actions are bytes of pack_actions", self.actions)
        for name in ("seed", "game", "lines", "pieces"):
            _require(_is_whole(getattr(self, name)), f"{name} is a whole number, 0 or more", getattr(self, name))
        _require(isinstance(self.terminated, bool), "terminated is true or false", self.terminated)
        _require(self.stream is None or _is_stream(self.stream), "stream is 4 words of 32 bits", self.stream)
        _require(self.start is None or isinstance(self.start, StartPosition), "start is a StartPosition", self.start)
        _require(self.start is None or self.stream is not None, "A start position has a stream", self.stream)
        _require(_is_about(self.about), "about has printable text and finite numbers", self.about)
        size = action_type(self.env_config).itemsize
        _require(len(self.actions) % size == 0, f"An action takes {size} bytes", len(self.actions))
        _require(len(self.actions) <= size * MAX_ACTIONS, f"A replay has at most {MAX_ACTIONS:,} actions", len(self))

    def __len__(self) -> int:
        return len(self.actions) // action_type(self.env_config).itemsize

    @property
    def truncated(self) -> bool:
        """True if the recording stopped before the game terminated."""
        return not self.terminated

    def action_numbers(self) -> list[int]:
        """Returns the actions as numbers: ``4 * column + rotation`` for straight drops, or indices in ``KEYS``."""
        numbers: list[int] = np.frombuffer(self.actions, dtype=action_type(self.env_config)).tolist()
        return numbers

    def play(self) -> Iterator[Move | KeyMove]:
        """Plays the game again and yields every placement, or every key step of a game by keys.

        Each action is checked before it is played; lines, pieces and end are compared after the last one.

        Raises:
            ReplayError: if an action is illegal, or the game does not match the replay's lines, pieces and end.
        """
        games = make_games(self.env_config, seed=self.seed, numbers=[self.game])
        self.begin(games)
        return self._moves(games)

    def begin(self, games: Games | KeyGames) -> None:
        """Puts the first game of a batch, made by the seed and the number of the game, at the start of this game.

        Raises:
            ReplayError: if the start position is not possible.
        """
        if self.stream is None:
            return
        if self.start is None:
            games.rows[0, STREAM : STREAM + N_STREAM_WORDS] = self.stream
            games.restart(0)
            return
        try:
            self.start.begin(games, self.stream)
        except GameError as error:
            raise ReplayError(f"A replay starts in a position that its rules allow. {error}") from error

    def begin_tracker(self, tracker: BoardTracker) -> None:
        """Puts a tracker of this game's rules at the start of the game.

        Raises:
            ReplayError: if the start position is not possible.
        """
        games = make_games(self.env_config, seed=self.seed, numbers=[self.game])
        self.begin(games)
        tracker.begin_at(games.rows[0])
        if self.start is not None:
            tracker.grid[:] = self.start.grid(self.env_config.width, self.env_config.height)

    def _moves(self, games: Games | KeyGames) -> Iterator[Move | KeyMove]:
        state_t: GameState = games.state(0)
        unit = "key" if isinstance(games, KeyGames) else "piece"
        for number, action in enumerate(self.action_numbers(), start=1):
            if state_t.terminated:
                raise ReplayError(
                    f"No action follows the end of a game; this one ended after {number - 1:,} of {len(self):,} "
                    f"actions. {_REMEDY}"
                )
            piece = state_t.queue[0]
            if action >= games.n_actions or games.nearest(0, action) != action:
                raise ReplayError(
                    f"Every action of a replay is legal; action {action} at {unit} {number:,}, {PIECES[piece]}, is not"
                    f". {_REMEDY}"
                )
            move = games.move(0, action)
            yield move
            state_t = move.state_tp1
        stated = _reached(self.lines, self.pieces, self.terminated)
        reached = _reached(state_t.lines, state_t.pieces, state_t.terminated)
        if stated != reached:
            raise ReplayError(f"A replay reaches its stated result, {stated}; this one reached {reached}. {_REMEDY}")

    def to_bytes(self) -> bytes:
        """Returns the content of a replay file.

        Raises:
            ReplayError: if ``about`` is too long for the header.
        """
        header = {**self._header(), "n_actions": len(self), "action_bytes": action_type(self.env_config).itemsize}
        line = json.dumps(header, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        _require(len(line) <= _MAX_HEADER_BYTES, f"The header has at most {_MAX_HEADER_BYTES:,} bytes", len(line))
        content = line + zlib.compress(self.actions, 9)
        return content + zlib.crc32(content).to_bytes(_CRC_BYTES, "big")

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Reads the content of a replay file, which may come from an untrusted source.

        Raises:
            ReplayError: if it is no replay, of another version, or damaged.
        """
        _require(isinstance(content, bytes), "The content of a replay is bytes", content)
        end = content.find(b"\n", 0, _MAX_HEADER_BYTES) + 1
        if not end:
            raise ReplayError(
                f"A replay begins with one line of JSON; these {len(content):,} bytes do not. It is no replay, or "
                f"truncated. {_REMEDY}"
            )
        header = _read_object(content[:end])
        if zlib.crc32(content[:-_CRC_BYTES]) != int.from_bytes(content[-_CRC_BYTES:], "big"):
            raise ReplayError(f"A replay ends with its checksum; this one's does not fit. {_REMEDY}")
        known = _known_fields(header, "n_actions", "action_bytes")
        size = action_type(known["env_config"]).itemsize
        _require(header["action_bytes"] == size, f"An action takes {size} bytes", header["action_bytes"])
        _require(_is_whole(header["n_actions"]), "n_actions is a whole number, 0 or more", header["n_actions"])
        return cls(**known, actions=_decompressed(content[end:-_CRC_BYTES], header["n_actions"], size))

    def to_json(self) -> str:
        """Returns the replay in JSON, for people and other programs."""
        head = json.dumps(self._header(), allow_nan=False, indent=2).removesuffix("\n}")
        return f'{head},\n  "actions": {json.dumps(self.action_numbers())}\n}}\n'

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Reads a replay in JSON, which may come from an untrusted source.

        Raises:
            ReplayError: if it is no replay, of another version, or damaged.
        """
        values = _read_object(text)
        known = _known_fields(values, "actions")
        _require(isinstance(values["actions"], list), "actions is a list", type(values["actions"]).__name__)
        return cls(**known, actions=pack_actions(known["env_config"], values["actions"]))

    def _header(self) -> dict[str, Any]:
        values = {key: getattr(self, name) for key, name in _FIELDS.items()}
        return {
            "format": _FORMAT,
            "version": FORMAT_VERSION,
            **values,
            "env_config": self.env_config.to_stored(),
            "about": dict(self.about),
            **({} if self.start is None else {_START: asdict(self.start)}),
        }


def pack_actions(config: EnvConfig, actions: Iterable[int]) -> bytes:
    """Packs action numbers as a replay's ``actions``.

    Raises:
        ReplayError: if one is not an action of this game.
    """
    numbers, n_actions = list(actions), _n_actions(config)
    for place, action in enumerate(numbers, start=1):
        if not _is_whole(action) or action >= n_actions:
            raise ReplayError(
                f"An action is a whole number from 0 to {n_actions - 1}; got {action!r:.60} at place {place:,}. "
                "Correct it."
            )
    return np.array(numbers, dtype=action_type(config)).tobytes()


def _n_actions(config: EnvConfig) -> int:
    if config.actions == "keys":
        return len(KEYS)
    return (256 if config.actions == "reachable" else MAX_ORIENTATIONS * config.width) << config.hold


def action_type(config: EnvConfig) -> np.dtype[np.unsignedinteger[Any]]:
    return _ONE_BYTE if _n_actions(config) <= 1 << 8 else _TWO_BYTES


def _reached(lines: int, pieces: int, terminated: bool) -> str:
    return f"{lines:,} lines and {pieces:,} pieces and {'the end' if terminated else 'no end'}"


def _read_object(text: str | bytes) -> dict[str, Any]:
    """Reads an object of JSON, each name once, and checks that it is a replay of this version."""
    try:
        text = text if isinstance(text, str) else decode_text(text)
        values = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ReplayError(f"A replay is strict JSON; this is not: {error!s:.120}. {_REMEDY}") from error
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        raise ReplayError(f"A replay's format is {_FORMAT!r}; this file has another. Choose a replay file.")
    version = values.get("version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        is_newer = isinstance(version, int) and version > FORMAT_VERSION
        raise (NewerReplayError if is_newer else ReplayError)(
            f"This version reads replays of format {FORMAT_VERSION}; got format {version!r:.60}. "
            "Read it with the version of tetrarium that made it."
        )
    return values


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("an object has a duplicate key")
    return values


def _known_fields(values: dict[str, Any], *others: str) -> dict[str, Any]:
    """Returns a replay's fields in JSON, after checking that none is missing or unknown."""
    wanted = {"format", "version", *_FIELDS, *others}
    _require(
        values.keys() - {_START} == wanted, f"The fields are {', '.join(sorted(wanted))}", ", ".join(sorted(values))
    )
    known = {name: values[key] for key, name in _FIELDS.items()}
    try:
        known["env_config"] = EnvConfig.from_dict(known["env_config"])
    except (ConfigError, TypeError) as error:
        raise ReplayError(f"A replay's env_config is valid; this one is not: {error!s:.300}") from error
    if isinstance(known["stream"], list):
        known["stream"] = tuple(known["stream"])
    if _START in values:
        known["start"] = _read_start(values[_START])
    return known


def _read_start(values: object) -> StartPosition:
    _require(isinstance(values, dict), "start is an object", values)
    assert isinstance(values, dict)
    try:
        return StartPosition(**values)
    except (GameError, TypeError) as error:
        raise ReplayError(f"A replay's start is a position; this one is not: {error!s:.300}. {_REMEDY}") from error


def _decompressed(packed: bytes, n_actions: int, size: int) -> bytes:
    _require(n_actions <= MAX_ACTIONS, f"A replay has at most {MAX_ACTIONS:,} actions", n_actions)
    unpacking = zlib.decompressobj()
    try:
        actions = unpacking.decompress(packed, size * n_actions + 1)
    except zlib.error as error:
        raise ReplayError(f"A replay's actions are compressed by zlib; these cannot be unpacked. {_REMEDY}") from error
    whole = unpacking.eof and not unpacking.unused_data and len(actions) == size * n_actions
    _require(whole, f"The header promises {n_actions:,} actions", f"{len(actions) // size:,} or another end")
    return actions


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_stream(stream: object) -> bool:
    return (
        isinstance(stream, tuple)
        and len(stream) == N_STREAM_WORDS
        and all(_is_whole(word) and word < 1 << 32 for word in stream)
    )


def _is_about(about: object) -> bool:
    """Returns whether names and texts are printable, so that no file controls a terminal, and numbers are finite."""
    return isinstance(about, Mapping) and all(
        isinstance(name, str)
        and name.isprintable()
        and (
            (isinstance(value, str) and value.isprintable())
            or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))
        )
        for name, value in about.items()
    )


def _require(holds: bool, rule: str, value: object) -> None:
    if not holds:
        raise ReplayError(f"A replay follows its format. {rule}; got {value!r:.120}. {_REMEDY}")
