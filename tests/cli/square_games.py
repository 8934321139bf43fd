"""Games of O pieces, five side by side, so that every fifth clears two rows."""

import fcntl
import sys
import termios
from collections.abc import Iterator

from tetrarium.cli.terminal.agent_player import watch
from tetrarium.engine import MAX_ORIENTATIONS, GameState
from tetrarium.engine.movegen.lock_positions import Placement
from tetrarium.environment import EnvConfig
from tetrarium.evaluation import Move

SQUARE = 1
ACROSS = 5


def state(pieces: int, *, over: bool = False) -> GameState:
    filled = 2 * (pieces % ACROSS)
    return GameState(
        columns=(3,) * filled + (0,) * (2 * ACROSS - filled),
        queue=(SQUARE, SQUARE),
        bag=0,
        stream=(0, 0, 0, 0),
        lines=2 * (pieces // ACROSS),
        pieces=pieces,
        terminated=over,
    )


def moves(n_pieces: int | None, *, over: bool = True) -> Iterator[Move]:
    """Yields the moves of a game with this many pieces, or of one that never ends."""
    pieces = 0
    while n_pieces is None or pieces < n_pieces:
        yield Move(
            state_t=state(pieces),
            action=MAX_ORIENTATIONS * 2 * (pieces % ACROSS),
            piece=SQUARE,
            placement=Placement(rotation=0, column=2 * (pieces % ACROSS), row=0, spin=0),
            lines_placement=2 * ((pieces + 1) % ACROSS == 0),
            state_tp1=state(pieces + 1, over=over and pieces + 1 == n_pieces),
        )
        pieces += 1


def failing() -> Iterator[Move]:
    """Yields two moves, then raises an error."""
    yield from moves(2)
    raise RuntimeError("the policy fell over")


if __name__ == "__main__":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches this process
    kind, speed = sys.argv[1], float(sys.argv[2])
    watch(
        (failing() if kind == "failing" else moves(None) for _ in range(100)), EnvConfig(), speed=speed, title="squares"
    )
