"""A trained network as a policy: its weights as plain arrays, so that playing needs no learning library.

Weights are ``(n_out, n_in)`` and biases ``(n_out,)``, as PyTorch keeps them.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tetrarium.engine.features import FEATURES, feature_width
from tetrarium.errors import ConfigError, suggestion
from tetrarium.evaluation.matches import Match
from tetrarium.evaluation.network_kernels import ACTIVATIONS, CompiledNetwork, choose_network, forward, play_network

__all__ = ["NetworkPolicy"]

Layer = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]  # (n_out, n_in) weights, (n_out,) biases


class NetworkPolicy:
    """Plays the placement whose features a small network values highest; the lowest action among equals.

    >>> layer = (np.array([[-1.0, -0.5]], dtype=np.float32), np.zeros(1, dtype=np.float32))
    >>> NetworkPolicy(("holes", "bumpiness"), [layer]).n_inputs
    2

    Args:
        features: What the network reads, in the order of ``engine.features.FEATURES``.
        layers: ``(weights, biases)`` of each layer; the last has one output, the value.
        activation: Between layers, ``"relu"`` or ``"tanh"``.
        scale: ``(n_inputs,)`` factors for the inputs, where the network was trained on scaled ones.
        width: The board's width that it was made for; needed where ``column_heights`` is among the features.
        preview: The preview that it was made for; needed where ``next_pieces`` is among the features.
        name: What reports call it.

    Raises:
        ConfigError: if shapes do not fit each other and the features, or a number is not finite.
    """

    compiled = True

    def __init__(
        self,
        features: Sequence[str],
        layers: Sequence[Layer],
        activation: str = "relu",
        *,
        scale: npt.ArrayLike | None = None,
        width: int | None = None,
        preview: int | None = None,
        name: str = "network",
    ) -> None:
        if activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ConfigError(
                f"An activation is one of {known}; got {activation!r}.{suggestion(str(activation), ACTIVATIONS)}"
            )
        self.name = name
        self.features = tuple(features)
        self.activation = activation
        self.width = width if "column_heights" in self.features else None
        self.preview = preview if "next_pieces" in self.features else None
        self.n_inputs = _n_inputs(self.features, self.width, self.preview)
        checked = _checked_layers(layers, self.n_inputs)
        if scale is not None:
            checked[0] = (_scaled(checked[0][0], scale), checked[0][1])
        self.sizes = np.array([self.n_inputs, *(len(biases) for _, biases in checked)], dtype=np.int64)
        # weights of an input side by side, then the biases, layer after layer
        self.parameters = np.concatenate([part.ravel() for weights, biases in checked for part in (weights.T, biases)])

    def __repr__(self) -> str:
        return f"<NetworkPolicy {self.name!r} {' → '.join(str(size) for size in self.sizes)}>"

    def seat(self, match: Match) -> "_NetworkSeat":
        """Makes a seat for one thread."""
        return _NetworkSeat(self, match)

    def valuing_seat(self, match: Match) -> "_NetworkSeat":
        """Makes a seat that also tells what every action is worth."""
        return _NetworkSeat(self, match)


class _NetworkSeat:
    def __init__(self, policy: NetworkPolicy, match: Match) -> None:
        rules = match.games.rules
        layout = match.layout(policy.features)
        widest = int(policy.sizes.max())
        self._all = match.games
        self._games = match.games.rows
        self._script = rules.script
        self._choice = (
            rules.compiled,
            layout,
            match.memory(),
            match.rows(layout)[0],
            match.masks()[0],
            CompiledNetwork(
                sizes=policy.sizes,
                parameters=policy.parameters,
                activation=ACTIVATIONS[policy.activation],
                active=np.zeros(widest + 1, dtype=np.int64),
                hidden=np.zeros((2, widest), dtype=np.float32),
            ),
        )

    def choose(self, index: int) -> int:
        return int(choose_network(self._games, index, *self._choice))

    def values(self) -> npt.NDArray[np.float32]:
        """``(n_actions,)`` values for the match's only game as it stands; -inf for what is not legal."""
        _, layout, _, rows, mask, network = self._choice
        self._all.observe(layout, rows[None], mask[None])
        values = np.full(len(rows), -np.inf, dtype=np.float32)
        for action in np.flatnonzero(mask).tolist():
            values[action] = forward(rows, action, network)
        return values

    def play(self, listed: npt.NDArray[np.int64], n_pieces: int, max_pieces: int) -> int:
        return int(play_network(self._games, listed, n_pieces, max_pieces, self._script, *self._choice))


def _n_inputs(features: tuple[str, ...], width: int | None, preview: int | None) -> int:
    if not features:
        raise ConfigError("A network reads at least one feature; got none. Name one, such as 'holes'.")
    for feature, setting, given in (("column_heights", "width", width), ("next_pieces", "preview", preview)):
        if feature in features and given is None:
            raise ConfigError(
                f"A network that reads {feature!r} names the {setting} it was made for; got none. Pass {setting}=."
            )
    counts = [feature_width(feature, width or 0, preview or 0) for feature in features]
    in_order = tuple(sorted(set(features), key=FEATURES.index))
    if features != in_order:
        raise ConfigError(
            f"A network's features stand once each in the engine's order; got {', '.join(features)}. "
            f"Name them as {', '.join(in_order)}."
        )
    return sum(counts)


def _checked_layers(layers: Sequence[Layer], n_inputs: int) -> list[Layer]:
    checked: list[Layer] = []
    n_in = n_inputs
    for number, (weights, biases) in enumerate(layers, start=1):
        w = np.ascontiguousarray(weights, dtype=np.float32)
        b = np.ascontiguousarray(biases, dtype=np.float32)
        n_out = 1 if number == len(layers) else len(b)
        if w.shape != (n_out, n_in) or b.shape != (n_out,):
            raise ConfigError(
                f"Layer {number} here has weights {(n_out, n_in)} and biases {(n_out,)}; got {w.shape} and {b.shape}. "
                "Pass (weights, biases) as PyTorch keeps them, the last layer with one output."
            )
        if not (np.isfinite(w).all() and np.isfinite(b).all()):
            raise ConfigError(f"A network's numbers are finite; layer {number} has one that is not. Correct it.")
        checked.append((w, b))
        n_in = n_out
    if not checked:
        raise ConfigError("A network has at least one layer; got none. Pass (weights, biases) of each.")
    return checked


def _scaled(weights: npt.NDArray[np.float32], scale: npt.ArrayLike) -> npt.NDArray[np.float32]:
    factors = np.asarray(scale, dtype=np.float32)
    if factors.shape != weights.shape[1:] or not np.isfinite(factors).all():
        raise ConfigError(f"A scale is {weights.shape[1]} finite factors; got {factors}. Pass one for each input.")
    return np.ascontiguousarray(weights * factors)
