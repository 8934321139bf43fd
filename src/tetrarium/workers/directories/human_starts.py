"""Positions of recorded games, and such that were set up by hand, from which a person plays on."""

from dataclasses import replace
from typing import Final

from tetrarium.engine import PIECES, Games
from tetrarium.engine.board_tracker import BoardTracker, encode_cells
from tetrarium.engine.random_streams import N_STREAM_WORDS, make_stream
from tetrarium.engine.state_layout import BAG, HELD, QUEUE, STREAM
from tetrarium.environment import EnvConfig
from tetrarium.environment.placement_replays import reduce_to_placements
from tetrarium.environment.start_position import StartPosition, Stream
from tetrarium.errors import ConfigError, GameError
from tetrarium.workers.directories.game_reference import RecordedGame
from tetrarium.workers.human_play.session import SessionStart

_SHOWN: Final = EnvConfig.guideline().preview  # pieces that a person sees, where the position does not decide it


def human_start(game: RecordedGame, number: int, seed: int) -> SessionStart:
    """Returns the start of a person's game from a position of another game, under the rules of that game.

    The pieces behind the visible ones are those of the recorded game; of a position that was set up, they are drawn.

    Args:
        game: A replay or a fumen.
        number: Number of pieces placed before, or of the fumen's page.
        seed: Seed of the pieces that are drawn.

    Raises:
        ConfigError: if there is no such position, or the game has ended there.
        GameError: if the position is not possible in a game by keys.
        ReplayError: if the replay is damaged.
        FumenError: if the fumen is no position.
    """
    positions = game.positions()
    if number >= len(positions):
        raise ConfigError(
            f"A person plays on from a position before the end, 0 to {len(positions) - 1:,}; got {number:,}. Choose an "
            "earlier one.",
            field="start_pieces",
        )
    config, row = positions.config, positions.rows[number].tolist()
    queue = "".join(PIECES[piece] for piece in row[QUEUE : QUEUE + 1 + config.preview])
    bag, stream = row[BAG], tuple(row[STREAM : STREAM + N_STREAM_WORDS])
    if game.is_set_up:
        config, queue, bag, stream = _completed(config, queue, seed)
    position = StartPosition(
        cells=_cells(game, number), queue=queue, held=PIECES[row[HELD] - 1] if row[HELD] else None, bag=bag
    )
    start = SessionStart(config=config, position=position, stream=stream, n_placed=number)
    try:
        start.make_game(level=1, seed=seed)
    except GameError as error:
        raise GameError(f"No game by keys starts from this position. {error}") from error
    return start


def _cells(game: RecordedGame, number: int) -> str:
    if game.replay is None:
        return encode_cells([page for page in game.pages if page.queue][number].cells).rstrip(".")
    replay = reduce_to_placements(game.replay).replay
    tracker = BoardTracker(replay.env_config.rules())
    replay.begin_tracker(tracker)
    tracker.follow(replay.action_numbers()[:number])
    return encode_cells(tracker.grid).rstrip(".")


def _completed(config: EnvConfig, queue: str, seed: int) -> tuple[EnvConfig, str, int, Stream]:
    """Returns a position's config, queue, bag and stream with as many visible pieces as a person sees, and hold."""
    preview = max(config.preview, _SHOWN)
    n_drawn = 1 + preview - len(queue)
    bag, stream = 0, tuple(make_stream(seed, 0).tolist())
    if n_drawn:
        drawn = Games(replace(config, preview=n_drawn - 1, hold=False).rules(), seed, [0]).state(0)
        queue += "".join(PIECES[piece] for piece in drawn.queue)
        bag, stream = drawn.bag, drawn.stream
    return config.with_changes(preview=preview, hold=True), queue, bag, stream
