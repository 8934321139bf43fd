"""Resolution of game references to the positions of recorded games.

A game reference is the name of a saved human game, ``RUN/REPLAY`` for a replay of a run, the path of a replay file, or
a fumen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tetrarium.engine import PIECES
from tetrarium.engine.board_tracker import CellGrid, encode_cells, filled_columns
from tetrarium.engine.movegen.lock_positions import find_placements
from tetrarium.engine.pieces import orientation_cells
from tetrarium.engine.random_streams import make_stream
from tetrarium.engine.rules import MAX_ROWS, N_PLACEMENT_ACTIONS
from tetrarium.environment import EnvConfig
from tetrarium.environment.fumen import FumenPage, decode_fumen, is_fumen
from tetrarium.environment.replays import MAX_FILE_BYTES, REPLAY_SUFFIX, Replay
from tetrarium.environment.start_position import StartPosition, Stream
from tetrarium.errors import ConfigError, EntryNotFoundError, FumenError, ReplayError, suggestion
from tetrarium.evaluation.analysis.positions import UNKNOWN, Positions, replay_positions, set_up_position
from tetrarium.registry.files.safe_files import open_plain
from tetrarium.registry.home import NAME_RULE, Home
from tetrarium.training.agent_reference import resolve_replay
from tetrarium.workers.directories.process_directory import HUMAN_GAMES
from tetrarium.workers.human_play.saved_games import find_game

REPLAY_FOLDER: Final = "replays"  # of a run
_GUIDELINE: Final = EnvConfig.guideline().with_changes(actions="reachable")
_MAX_PREVIEW: Final = 6
_FIRST_STREAM: Final[Stream] = tuple(make_stream(0, 0).tolist())
REPLAY_OF_RUN: Final = "~"  # between a run and its replay in ids, where a slash would part the address
GAME_ID_PATTERN: Final = f"^{NAME_RULE.pattern}(~(first|best-[0-9]{{2}}|last-[0-9]{{2}}))?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedGame:
    """A game that a reference names: a replay, or the pages of a fumen."""

    title: str  # for people
    replay: Replay | None = None
    pages: Sequence[FumenPage] = ()

    @property
    def is_set_up(self) -> bool:
        """True for positions that were set up by hand, so that no pieces follow the visible ones."""
        return self.replay is None or (self.replay.start is not None and len(self.replay) == 0)

    def positions(self) -> Positions:
        """Returns its positions.

        Raises:
            ReplayError: if the replay does not replay as recorded.
            GameError: if the board of a page is not possible.
            FumenError: if no page states a piece.
        """
        return fumen_positions(self.pages) if self.replay is None else replay_positions(self.replay)


def resolve_game(reference: str, home: Home, *, reads_paths: bool = True) -> RecordedGame:
    """Resolves a game reference.

    ``reads_paths``: whether it may be the path of a file; those of clients may not.

    Raises:
        EntryNotFoundError: if nothing has that name.
        ReplayError: if the file cannot be read, or is still being written.
        FumenError: if the fumen cannot be read.
    """
    if is_fumen(reference):
        return RecordedGame(title="Fumen", pages=decode_fumen(reference))
    replay = _replay_at(reference, home) if reads_paths else None
    if replay is not None:
        return RecordedGame(title=Path(reference).name, replay=replay)
    run, slash, name = reference.partition("/")
    if slash and NAME_RULE.allows(run) and NAME_RULE.allows(name):
        return RecordedGame(title=reference, replay=read_game(home.run_folder(run) / REPLAY_FOLDER, name, reference))
    if not NAME_RULE.allows(reference.removesuffix(REPLAY_SUFFIX)):
        raise EntryNotFoundError(
            f"A game is a saved game's name, RUN/REPLAY, a {REPLAY_SUFFIX} file or a fumen (v115@…); got "
            f"{reference[:80]!r}. Name one of these."
        )
    return RecordedGame(title=reference.removesuffix(REPLAY_SUFFIX), replay=_saved_game(reference, home))


def reference_of(game_id: str, field: str = "game") -> str:
    """Returns the reference of a game by its id in addresses, or a fumen; never the path of a file.

    Raises:
        ConfigError: if it is neither.
    """
    if is_fumen(game_id):
        return game_id
    if re.match(GAME_ID_PATTERN, game_id) is None:
        raise ConfigError(
            f"{field} is the id of a game, RUN~REPLAY, or a fumen; got {game_id[:80]!r}. Import a file first, by "
            "POST /api/games.",
            field=field,
        )
    return game_id.replace(REPLAY_OF_RUN, "/")


def set_up_game(cells: CellGrid, queue: str, held: str | None, *, width: int, height: int) -> Replay:
    """Returns a position that was set up by hand as a replay without a piece, under the guideline on any board.

    ``cells``: ``(n_rows, width) int8``, row 0 at the bottom.

    Raises:
        ConfigError: if the board is too small or too large.
        GameError: if the position is not possible.
    """
    config = _GUIDELINE.with_changes(
        width=width, height=height, hidden_rows=min(_GUIDELINE.hidden_rows, MAX_ROWS - height)
    )
    config = _set_up_config(config, len(queue))
    queue, held = queue[: 1 + config.preview], held if config.hold else None
    set_up_position(config, filled_columns(cells).tolist(), queue, held=held)  # refuses what is not possible
    start = StartPosition(cells=encode_cells(cells).rstrip("."), queue=queue, held=held)
    return Replay(
        env_config=config, seed=0, game=0, stream=_FIRST_STREAM, start=start, actions=b"", lines=0, pieces=0,
        terminated=False, about={"agent": "set up by hand", "mode": "position"},
    )  # fmt: skip


def _set_up_config(config: EnvConfig, n_pieces: int) -> EnvConfig:
    """Returns the config of a position that states so many pieces, which allows hold where there is a choice."""
    preview = min(_MAX_PREVIEW, n_pieces - 1)
    return config.with_changes(hold=preview > 0, preview=preview, features=EnvConfig().features)


def _replay_at(path: str, home: Home) -> Replay | None:
    """Reads a replay file; returns None if the path is none, or the name of a saved game."""
    if NAME_RULE.allows(path) and (home.games / path).is_file():
        return None
    if Path(path).suffix == REPLAY_SUFFIX and Path(path).is_file() and not Path(path).stat().st_size:
        raise ReplayError(f"A game is analyzed once it is written; {path!r} is empty. Try again, or copy it anew.")
    return resolve_replay(path, home)


def _saved_game(name: str, home: Home) -> Replay:
    stem = name.removesuffix(REPLAY_SUFFIX)
    if (home.human_games / stem / HUMAN_GAMES.config_file).is_file():
        raise ReplayError(f"A game is analyzed once it has ended; {stem!r} is still being played. Finish it first.")
    try:
        path = find_game(home, f"{stem}{REPLAY_SUFFIX}")
    except EntryNotFoundError:
        names = [file.name.removesuffix(REPLAY_SUFFIX) for file in home.games.glob(f"*{REPLAY_SUFFIX}")]
        raise EntryNotFoundError(
            f"There is no game {name[:80]!r}. Name a saved game, RUN/REPLAY, a {REPLAY_SUFFIX} file or a fumen "
            f"(v115@…).{suggestion(stem, names)}"
        ) from None
    return read_game(path.parent, stem, name)


def read_game(folder: Path, name: str, reference: str) -> Replay:
    """Reads a replay of the home.

    Raises:
        EntryNotFoundError: if there is none of that name.
        ReplayError: if it is still being written, or cannot be read.
    """
    path = folder / f"{name}{REPLAY_SUFFIX}"
    try:
        with open_plain(path) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise EntryNotFoundError(
            f"There is no game {reference[:80]!r}. Name a saved game, or RUN/first, RUN/best-01 or RUN/last-01."
        ) from None
    if not content:
        raise ReplayError(f"A game is analyzed once it has ended; {reference!r} is still being written. Try again.")
    if len(content) > MAX_FILE_BYTES:
        raise ReplayError(f"A replay has at most {MAX_FILE_BYTES:,} bytes; {reference!r} has more. Name another game.")
    return Replay.from_bytes(content)


def fumen_positions(pages: Sequence[FumenPage]) -> Positions:
    """Returns the positions of the pages that state a piece, under the guideline.

    All have as many visible pieces as the page with the fewest, and hold is allowed where every page leaves a choice.

    Raises:
        FumenError: if there is no such page, or one has cells below its board.
        GameError: if a board is not possible.
    """
    stated = [page for page in pages if page.queue]
    if not stated:
        raise FumenError(
            "A fumen that is analyzed states a piece: a placed one, or a comment such as #Q=[](T)IO; this one states "
            "none. Add it."
        )
    if any(page.below for page in stated):
        raise FumenError(
            "The cells of a position lie on its board; this fumen has some in the row below it. Remove them."
        )
    config = _set_up_config(_GUIDELINE, min(len(page.queue) for page in stated))
    parts = [
        set_up_position(
            config,
            filled_columns(page.cells).tolist(),
            page.queue[: 1 + config.preview],
            held=page.held if config.hold else None,
        )
        for page in stated
    ]
    actions = [_action_of(page, config, part) for page, part in zip(stated, parts, strict=True)]
    return Positions(
        config=parts[0].config,
        rows=np.concatenate([part.rows for part in parts]),
        actions=np.array(actions, dtype=np.int64),
        is_recorded=False,
        n_left_out=sum(bool(page.placed) and action == UNKNOWN for page, action in zip(stated, actions, strict=True)),
    )


def _action_of(page: FumenPage, config: EnvConfig, position: Positions) -> int:
    """Returns the action that places a page's piece; UNKNOWN where there is none."""
    if page.piece is None:
        return UNKNOWN
    is_held = page.piece != page.queue[0]
    if is_held and not config.hold:
        return UNKNOWN
    piece = PIECES.index(page.piece)
    columns = filled_columns(page.cells)
    for action, lock in enumerate(find_placements(columns, piece, position.config.rules())[:N_PLACEMENT_ACTIONS]):
        cells = {(lock.column + x, lock.row + y) for x, y in orientation_cells(piece, lock.rotation)}
        if cells == set(page.placed):
            return action + is_held * N_PLACEMENT_ACTIONS
    return UNKNOWN
