"""Choices of small networks that score afterstates.

The network is stored in one flat ``float32`` array: for each layer its weights ``(n_in, n_out)``, row by row, then its
``n_out`` biases; ``sizes`` holds the layers' widths, ``(n_features, hidden, …, 1)``. With an input's weights side by
side, the inner loop runs over the units of a layer and becomes vector instructions; four inputs at a time, because
loading and storing the sums costs as much as adding to them; and an input of 0, which is half of them behind a ReLU,
costs nothing. Sums are taken in one fixed order, so that a network plays the same games on any number of threads.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tetrarium.engine import Layout
from tetrarium.engine.compiling import kernel, small_kernel
from tetrarium.engine.placement.game_kernels import observe_game

_RELU: Final = 0
_TANH: Final = 1
ACTIVATIONS: Final = {"relu": _RELU, "tanh": _TANH}
_ZERO: Final = np.float32(0.0)
_at: Final = np.uint64  # an index that cannot be negative: the JIT omits the wrap-around and vectorizes


class CompiledNetwork(NamedTuple):
    """Network as kernels read it, with one thread's working memory."""

    sizes: npt.NDArray[np.int64]  # (1 + n_layers,) widths: n_features, hidden, …, 1
    parameters: npt.NDArray[np.float32]  # flat: see the module
    activation: int  # a value of ACTIVATIONS
    active: npt.NDArray[np.int64]  # (widest + 1,) working memory
    hidden: npt.NDArray[np.float32]  # (2, widest) working memory: the layer that is read and the one that is written


class NetworkChoice(NamedTuple):
    """Policy that plays the placement of the largest value, with one thread's working memory."""

    layout: Layout
    network: CompiledNetwork
    rows: npt.NDArray[np.float32]  # (n_actions, row length) working memory
    mask: npt.NDArray[np.bool_]  # (n_actions,) working memory


@small_kernel
def _add_inputs(hidden, source, target, n_in, n_out, parameters, start, active):
    """Adds every input times its weights to the units of a layer."""
    n_active = 0
    for i in range(n_in):
        active[n_active] = i
        n_active += hidden[source, _at(i)] != _ZERO
    k = 0
    while k + 4 <= n_active:
        i0, i1, i2, i3 = active[k], active[k + 1], active[k + 2], active[k + 3]
        x0, x1, x2, x3 = (
            hidden[source, _at(i0)],
            hidden[source, _at(i1)],
            hidden[source, _at(i2)],
            hidden[source, _at(i3)],
        )
        w0, w1, w2, w3 = start + i0 * n_out, start + i1 * n_out, start + i2 * n_out, start + i3 * n_out
        for j in range(n_out):
            unit = hidden[target, _at(j)] + x0 * parameters[_at(w0 + j)]
            unit = (unit + x1 * parameters[_at(w1 + j)]) + x2 * parameters[_at(w2 + j)]
            hidden[target, _at(j)] = unit + x3 * parameters[_at(w3 + j)]
        k += 4
    while k < n_active:
        x0, w0 = hidden[source, _at(active[k])], start + active[k] * n_out
        for j in range(n_out):
            hidden[target, _at(j)] += x0 * parameters[_at(w0 + j)]
        k += 1


@small_kernel
def _single_output(hidden, source, n_in, parameters, start):
    """Returns the output of the last layer; four sums at a time, because an addition waits for the one before."""
    s0, s1, s2, s3 = parameters[start + n_in], _ZERO, _ZERO, _ZERO
    i = 0
    while i + 4 <= n_in:
        s0 += hidden[source, _at(i)] * parameters[_at(start + i)]
        s1 += hidden[source, _at(i + 1)] * parameters[_at(start + i + 1)]
        s2 += hidden[source, _at(i + 2)] * parameters[_at(start + i + 2)]
        s3 += hidden[source, _at(i + 3)] * parameters[_at(start + i + 3)]
        i += 4
    while i < n_in:
        s0 += hidden[source, _at(i)] * parameters[_at(start + i)]
        i += 1
    return (s0 + s1) + (s2 + s3)


@kernel
def forward(rows, row, network):
    """Returns the network's value of one of ``rows``."""
    sizes, parameters, hidden = network.sizes, network.parameters, network.hidden
    for k in range(sizes[0]):
        hidden[0, k] = rows[row, k]
    start = 0
    source, target = _at(0), _at(1)
    n_hidden = sizes.shape[0] - 2
    for layer in range(n_hidden):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        for j in range(n_out):
            hidden[target, _at(j)] = parameters[_at(start + n_in * n_out + j)]
        _add_inputs(hidden, source, target, n_in, n_out, parameters, start, network.active)
        if network.activation == _RELU:
            for j in range(n_out):
                hidden[target, _at(j)] = max(hidden[target, _at(j)], _ZERO)
        else:
            for j in range(n_out):
                hidden[target, _at(j)] = math.tanh(hidden[target, _at(j)])
        start += (n_in + 1) * n_out
        source, target = target, source
    return _single_output(hidden, source, sizes[n_hidden], parameters, start)


@kernel
def choose_network(games, index, rules, scratch, choice):
    """Returns the legal action of the largest value; the lowest action among equals."""
    rows, mask = choice.rows, choice.mask
    observe_game(games, index, rules, choice.layout, scratch, rows, mask)
    best_action = -1
    best_value = _ZERO
    for action in range(mask.shape[0]):
        if mask[action]:
            value = forward(rows, action, choice.network)
            if best_action < 0 or value > best_value:
                best_value = value
                best_action = action
    return best_action
