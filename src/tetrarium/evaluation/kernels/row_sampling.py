"""Random choices among the best rows of observations, as a network scores them."""

import math
from typing import Final

from tetrarium.engine.compiling import kernel
from tetrarium.evaluation.kernels.network import forward

_NONE: Final = -1


@kernel
def sample_rows(observations, network, uniforms, rows, counts, places, actions, margin, scores, best):
    """Draws an action of every game from the softmax of its best rows' scores, and copies these rows.

    Args:
        observations: ``(n, n_actions, row_length) float32``; rows of -1 are illegal, and at least one is legal.
        network: ``CompiledNetwork`` of one output, the score of a row.
        uniforms: ``(n,) float64`` random numbers from 0 up to 1.
        rows: ``(n, n_best, row_length) float32`` output: the legal rows of the highest scores, in falling order, by
            action among equals, without those that lie more than the margin below the first.
        counts: ``(n,) int64`` output: number of these rows.
        places: ``(n,) int64`` output: place of the drawn row among them.
        actions: ``(n,) int64`` output: drawn action.
        margin: Largest difference of scores.
        scores: ``(n_best,) float32`` working memory.
        best: ``(n_best,) int64`` working memory.
    """
    n_best = rows.shape[1]
    for game in range(observations.shape[0]):
        n_kept = 0
        for action in range(observations.shape[1]):
            if observations[game, action, 0] < 0:
                continue
            score = forward(observations[game], action, network)
            if n_kept == n_best and score <= scores[n_best - 1]:
                continue
            place = min(n_kept, n_best - 1)
            while place > 0 and score > scores[place - 1]:
                scores[place] = scores[place - 1]
                best[place] = best[place - 1]
                place -= 1
            scores[place] = score
            best[place] = action
            n_kept = min(n_kept + 1, n_best)
        while scores[n_kept - 1] < scores[0] - margin:
            n_kept -= 1
        total = 0.0
        for place in range(n_kept):
            total += math.exp(scores[place] - scores[0])
            for number in range(observations.shape[2]):
                rows[game, place, number] = observations[game, best[place], number]
        drawn = _NONE
        limit, passed = uniforms[game] * total, 0.0
        while drawn < n_kept - 1 and (drawn == _NONE or passed <= limit):
            drawn += 1
            passed += math.exp(scores[drawn] - scores[0])
        counts[game] = n_kept
        places[game] = drawn
        actions[game] = best[drawn]
