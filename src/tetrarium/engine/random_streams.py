"""Random streams, one per game: Chris Doty-Humphrey's sfc32 on 32-bit words held in ``int64``.

A stream is a row of four words ``(a, b, c, counter)``. The words stay below 2**32 in a wider signed type, so that the
arithmetic is the same with and without the JIT. Streams are seeded by ``SeedSequence((seed, game))``: a game draws
the same pieces alone, in a batch of any size and on any thread. Only pieces are drawn from it.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.compiling import small_kernel
from tetrarium.engine.rules import is_integer
from tetrarium.errors import ConfigError

N_STREAM_WORDS: Final = 4
_WORD_MASK: Final = (1 << 32) - 1
_INVERSE_OF_9: Final = pow(9, -1, 1 << 32)


def make_stream(seed: int, game: int) -> npt.NDArray[np.int64]:
    """Returns the ``(4,) int64`` stream of one game.

    Raises:
        ConfigError: if the seed or the game is negative or not an integer.
    """
    if not is_integer(seed) or not is_integer(game) or seed < 0 or game < 0:
        raise ConfigError(
            f"A seed and a game number are 0 or more; got seed {seed!r}, game {game!r}. Pass 0 or more.", field="seed"
        )
    words = np.random.SeedSequence((seed, game)).generate_state(N_STREAM_WORDS, np.uint32)
    return words.astype(np.int64)


@small_kernel
def _next_word(streams, index):
    a, b, c, counter = streams[index, 0], streams[index, 1], streams[index, 2], streams[index, 3]
    word = (a + b + counter) & _WORD_MASK
    streams[index, 3] = (counter + 1) & _WORD_MASK
    streams[index, 0] = b ^ (b >> 9)
    streams[index, 1] = (c + (c << 3)) & _WORD_MASK
    streams[index, 2] = (((c << 21) & _WORD_MASK | (c >> 11)) + word) & _WORD_MASK
    return word


@small_kernel
def draw_below(streams, index, bound):
    """Draws a uniform integer in ``[0, bound)`` from one stream, exact for bounds below 2**31 (Lemire 2019).

    Args:
        streams: ``(n, 4 or more) int64``; the first four words of a row are its stream, and are advanced.
        index: Row of the stream.
        bound: Number of values.
    """
    product = _next_word(streams, index) * bound
    low = product & _WORD_MASK
    if low < bound:
        threshold = (_WORD_MASK + 1 - bound) % bound
        while low < threshold:
            product = _next_word(streams, index) * bound
            low = product & _WORD_MASK
    return product >> 32


def rewind(words: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the four words of a stream one draw earlier: sfc32 is invertible.

    >>> stream = make_stream(seed=0, game=0)[None]
    >>> before = tuple(stream[0].tolist())
    >>> _ = draw_below(stream, 0, 7)
    >>> rewind(tuple(stream[0].tolist())) == before
    True
    """
    a_tp1, b_tp1, c_tp1, counter_tp1 = words
    b = a_tp1 ^ (a_tp1 >> 9)
    b = a_tp1 ^ (b >> 9)
    b = a_tp1 ^ (b >> 9)  # each round determines nine more bits, from the top
    c = b_tp1 * _INVERSE_OF_9 & _WORD_MASK
    word = c_tp1 - ((c << 21) & _WORD_MASK | (c >> 11))
    counter = (counter_tp1 - 1) & _WORD_MASK
    return (word - b - counter) & _WORD_MASK, b, c, counter
