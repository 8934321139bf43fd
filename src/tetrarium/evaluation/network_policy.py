"""Trained networks as policies, with their weights in plain arrays, so that playing needs no learning library.

Weights are ``(n_out, n_in)`` and biases ``(n_out,)``, as in PyTorch.
"""

import hashlib
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from tetrarium.engine.features import FEATURES, feature_spec, feature_width
from tetrarium.engine.rules import is_integer, require_instance
from tetrarium.errors import ConfigError, suggestion
from tetrarium.evaluation.kernels.listed_games import CompiledRunner
from tetrarium.evaluation.kernels.network import ACTIVATIONS, CompiledNetwork, NetworkChoice, forward
from tetrarium.evaluation.policy_runner import GameBatch

Layer = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]  # (n_out, n_in) weights, (n_out,) biases


class NetworkPolicy:
    """Policy that plays the placement with the highest value of a small network; the lowest action among equals.

    >>> layer = (np.array([[-1.0, -0.5]], dtype=np.float32), np.zeros(1, dtype=np.float32))
    >>> NetworkPolicy(("holes", "bumpiness"), [layer]).n_inputs
    2

    Args:
        features: Inputs of the network, in the order of ``engine.features.FEATURES``.
        layers: ``(weights, biases)`` of each layer; the last has one output, the value.
        activation: Activation of hidden layers, ``"relu"`` or ``"tanh"``.
        scale: ``(n_inputs,)`` factors of the inputs, for a network that was trained on scaled ones.
        width: Width of the board that it was trained for; required with a feature per column or gap.
        preview: Preview that it was trained for; required with the feature ``next_pieces``.
        name: Name in reports.

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
        require_instance("features", features, Collection)
        require_instance("layers", layers, Sequence)
        if not isinstance(activation, str) or activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ConfigError(
                f"An activation is one of {known}; got {activation!r}.{suggestion(str(activation), ACTIVATIONS)}",
                field="activation",
            )
        self.name = name
        self.features = tuple(features)
        self.activation = activation
        settings = {feature_spec(feature).size_setting for feature in self.features}
        self.width = width if "width" in settings else None
        self.preview = preview if "preview" in settings else None
        self.n_inputs = _n_inputs(self.features, self.width, self.preview)
        checked = _checked_layers(layers, self.n_inputs)
        if scale is not None:
            checked[0] = (_scaled(checked[0][0], scale), checked[0][1])
        self.sizes = np.array([self.n_inputs, *(len(biases) for _, biases in checked)], dtype=np.int64)
        # weights of an input side by side, then the biases, layer after layer
        self.parameters = np.concatenate([part.ravel() for weights, biases in checked for part in (weights.T, biases)])

    @property
    def digest(self) -> str:
        """SHA-256 of the inputs, layers and weights."""
        inputs = (self.features, self.width, self.preview, self.activation, self.sizes.tolist())
        return hashlib.sha256(repr(("network", *inputs)).encode() + self.parameters.tobytes()).hexdigest()

    def __repr__(self) -> str:
        return f"<NetworkPolicy {self.name!r} {' → '.join(str(size) for size in self.sizes)}>"

    def make_runner(self, batch: GameBatch) -> "_NetworkRunner":
        """Returns a runner for one thread."""
        layout = batch.layout(self.features)
        choice = NetworkChoice(layout, self.compiled_network(), batch.rows(layout)[0], batch.masks()[0])
        return _NetworkRunner(batch.games, choice)

    make_value_runner = make_runner

    def compiled_network(self) -> CompiledNetwork:
        """Returns the network for kernels, with the working memory of one thread."""
        widest = int(self.sizes.max())
        return CompiledNetwork(
            sizes=self.sizes,
            parameters=self.parameters,
            activation=ACTIVATIONS[self.activation],
            active=np.zeros(widest + 1, dtype=np.int64),
            hidden=np.zeros((2, widest), dtype=np.float32),
        )


class _NetworkRunner(CompiledRunner):
    def values(self) -> npt.NDArray[np.float32]:
        """Returns ``(n_actions,) float32`` action values of the batch's only game; -inf for illegal actions."""
        _, network, rows, mask = self.choice
        self.observe()
        values = np.full(len(rows), -np.inf, dtype=np.float32)
        for action in np.flatnonzero(mask).tolist():
            values[action] = forward(rows, action, network)
        return values


def _n_inputs(features: tuple[str, ...], width: int | None, preview: int | None) -> int:
    if not features:
        raise ConfigError(
            "A network reads at least one feature; got none. Name one, such as 'holes'.", field="features"
        )
    given = {"width": width, "preview": preview}
    for size_setting, size in given.items():
        if size is not None and not is_integer(size):
            raise ConfigError(f"{size_setting} is a whole number; got {size!r:.80}. Pass one.", field=size_setting)
    for feature in features:
        setting = feature_spec(feature).size_setting
        if setting is not None and given[setting] is None:
            raise ConfigError(
                f"A network that reads {feature!r} names the {setting} it was made for; got none. Pass {setting}=.",
                field=setting,
            )
    counts = [feature_width(feature, width or 0, preview or 0) for feature in features]
    in_order = tuple(sorted(set(features), key=FEATURES.index))
    if features != in_order:
        raise ConfigError(
            f"A network's features stand once each in the engine's order; got {', '.join(features)}. "
            f"Name them as {', '.join(in_order)}.",
            field="features",
        )
    return sum(counts)


def _checked_layers(layers: Sequence[Layer], n_inputs: int) -> list[Layer]:
    checked: list[Layer] = []
    n_in = n_inputs
    for number, layer in enumerate(layers, start=1):
        if not isinstance(layer, tuple | list) or len(layer) != 2:
            raise ConfigError(f"A layer is (weights, biases); layer {number} is {layer!r:.80}. Pass both.")
        w, b = (_float_array(f"Layer {number}", part) for part in layer)
        n_out = 1 if number == len(layers) else b.size
        if w.shape != (n_out, n_in) or b.shape != (n_out,):
            raise ConfigError(
                f"Layer {number} here has weights {(n_out, n_in)} and biases {(n_out,)}; got {w.shape} and {b.shape}. "
                "Pass (weights, biases) as in PyTorch, the last layer with one output."
            )
        if not (np.isfinite(w).all() and np.isfinite(b).all()):
            raise ConfigError(f"A network's numbers are finite; layer {number} has one that is not. Correct it.")
        checked.append((w, b))
        n_in = n_out
    if not checked:
        raise ConfigError("A network has at least one layer; got none. Pass (weights, biases) of each.")
    return checked


def _float_array(name: str, given: npt.ArrayLike) -> npt.NDArray[np.float32]:
    try:
        return np.ascontiguousarray(given, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{name} of a network consists of numbers; got {given!r:.80}. Pass an array.") from error


def _scaled(weights: npt.NDArray[np.float32], scale: npt.ArrayLike) -> npt.NDArray[np.float32]:
    factors = _float_array("The scale", scale)
    if factors.shape != weights.shape[1:] or not np.isfinite(factors).all():
        raise ConfigError(f"A scale is {weights.shape[1]} finite factors; got {factors}. Pass one for each input.")
    return np.ascontiguousarray(weights * factors)
