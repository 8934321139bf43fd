"""The lock positions of a piece as actions: slot k is the k-th of them, in the order of ``reachable``.

Where a piece lies open to the sky, the board after it is that of a straight drop, and all straight drops are described
at once; what is left, tucks and spins, is described one by one. ``words`` is working memory, from the place given on.
"""

from typing import Final

import numpy as np

from tetrarium.engine import reachable
from tetrarium.engine import scratch as at
from tetrarium.engine.afterstates import landing_row, write_rest, write_rows
from tetrarium.engine.features import ROW_LENGTH
from tetrarium.engine.guideline import OPEN_ROWS
from tetrarium.engine.jit import inlined_kernel, kernel, small_kernel
from tetrarium.engine.pieces import MAX_ORIENTATIONS
from tetrarium.engine.reachable import list_placements, write_locks
from tetrarium.engine.rules import N_SLOTS

__all__ = ["N_SLOT_WORDS", "find_slots", "read_slot", "write_slots"]

_LOCKS: Final = 0
_PLACES: Final = _LOCKS + reachable.N_WORDS  # four words a slot: rotation, left column, row of the lowest cell, spin
_DROPS: Final = _PLACES + 4 * N_SLOTS  # from here on the rows of straight drops, float32
N_SLOT_WORDS: Final = _DROPS + MAX_ORIENTATIONS * at.LANES * at.MAX_ROW_LENGTH // 2


@kernel
def find_slots(columns, piece, rules, words):  # type: ignore[no-untyped-def]
    """Lists the lock positions of a piece, as many as there are slots; returns how many there are."""
    write_locks(columns, piece, rules.n_rows, rules.height, OPEN_ROWS[rules.height], words)
    places = words[_PLACES:_DROPS].reshape((N_SLOTS, 4))
    return list_placements(piece, rules.width, words, places)


@small_kernel
def read_slot(words, slot):  # type: ignore[no-untyped-def]
    """One lock position of those listed last: rotation, left column, row of the lowest cell, spin."""
    place = _PLACES + 4 * slot
    return words[place], words[place + 1], words[place + 2], words[place + 3]


@inlined_kernel
def write_slots(columns, view, n_slots, rules, layout, scratch, words, rows):  # type: ignore[no-untyped-def]
    """Writes the afterstates of so many lock positions of those listed last, and -1 beyond.

    Args:
        columns: ``(width,) int64``.
        view: As the queue of ``write_rows``.
        n_slots: How many.
        rules: ``CompiledRules``.
        layout: Which features, and where.
        scratch: As for ``write_rows``.
        words: As ``find_slots`` left them.
        rows: ``(N_SLOTS, row length) float32``.
    """
    length = layout[ROW_LENGTH]
    piece = view[0]
    drops = words[_DROPS:N_SLOT_WORDS].view(np.float32)
    write_rows(columns, view, rules, layout, scratch, drops)
    for slot in range(n_slots):
        rotation, left, bottom, spin = read_slot(words, slot)
        action = MAX_ORIENTATIONS * left + rotation
        if bottom == landing_row(columns, piece, rotation, left):
            for k in range(length):
                rows[slot, k] = drops[action * length + k]
        elif spin > 0 and slot > 0 and read_slot(words, slot - 1)[:3] == (rotation, left, bottom):
            for k in range(length):
                rows[slot, k] = rows[slot - 1, k]
        else:
            write_rest(columns, view, action, bottom, rules, layout, scratch, rows[slot])
    rows[n_slots:] = at.ILLEGAL
