"""Networks as policies: the compiled forward pass against NumPy, what is chosen, and what is refused."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.evaluation.sample_policies import LAYERS, NETWORK_FEATURES, SMALL, network, network_values
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.evaluation import NetworkPolicy, play_moves
from tetrarium.evaluation.kernels.network import forward
from tetrarium.evaluation.policy_runner import GameBatch

F32 = npt.NDArray[np.float32]


def values_of(policy: NetworkPolicy, rows: F32) -> list[float]:
    return [float(forward(rows, row, policy.compiled_network())) for row in range(len(rows))]


def random_rows(n_rows: int, n_inputs: int) -> F32:
    return np.random.default_rng(1).integers(0, 4, size=(n_rows, n_inputs)).astype(np.float32)


def test_the_forward_pass_is_that_of_numpy() -> None:
    rows = random_rows(20, 4)
    assert values_of(network(), rows) == network_values(rows).tolist()


def test_tanh_between_layers() -> None:
    rows = random_rows(20, 4) / 8
    assert values_of(network(activation="tanh"), rows) == pytest.approx(network_values(rows, np.tanh), rel=1e-5)


@pytest.mark.parametrize("hidden", [(), (1,), (7,), (16, 5), (9, 8, 7)])
def test_networks_of_other_shapes(hidden: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    sizes = (4, *hidden, 1)
    layers = [
        (rng.normal(size=(n_out, n_in)).astype(np.float32), rng.normal(size=n_out).astype(np.float32))
        for n_in, n_out in pairwise(sizes)
    ]
    rows = random_rows(9, 4)
    expected: npt.NDArray[Any] = rows.astype(np.float64)
    for number, (weights, biases) in enumerate(layers):
        expected = expected @ weights.T + biases
        expected = np.maximum(expected, 0) if number < len(hidden) else expected
    assert values_of(NetworkPolicy(NETWORK_FEATURES, layers), rows) == pytest.approx(expected[:, 0], rel=1e-4, abs=1e-4)


def test_a_scale_is_folded_into_the_first_layer() -> None:
    rows = random_rows(20, 4)
    scale = np.array([0.5, 2, 4, 0.25], dtype=np.float32)
    assert values_of(network(scale=scale), rows) == network_values(rows * scale).tolist()


def test_the_best_row_is_played_and_the_lowest_action_among_equals() -> None:
    batch = GameBatch.begin(SMALL, 5, (2,))
    runner = network().make_runner(batch)
    layout = batch.layout(NETWORK_FEATURES)
    rows = batch.rows(layout)
    masks = np.zeros(rows.shape[:2], dtype=np.bool_)
    n_ties = 0
    for _ in range(20):
        batch.games.observe(layout, rows, masks)
        values = np.where(masks[0], network_values(rows[0]), -np.inf)
        n_ties += (values == values.max()).sum() > 1
        assert runner.choose(0) == values.argmax()
        batch.games.place(0, runner.choose(0))
        if batch.games.terminated[0]:
            break
    assert n_ties > 0


def test_a_network_without_columns_plays_any_width() -> None:
    policy = network(width=10, preview=5)
    assert (policy.width, policy.preview) == (None, None)
    moves = list(play_moves(policy, EnvConfig(width=5), seed=0, max_pieces=3))
    assert len(moves[-1].state_tp1.columns) == 5


def test_a_network_that_reads_columns_and_next_pieces_carries_their_number() -> None:
    layer = (np.zeros((1, 6 + 14), dtype=np.float32), np.zeros(1, dtype=np.float32))
    policy = NetworkPolicy(("column_heights", "next_pieces"), [layer], width=6, preview=2)
    assert (policy.width, policy.preview, policy.n_inputs) == (6, 2, 20)


def layers_with(number: int, weights: Any, biases: Any) -> list[tuple[Any, Any]]:
    changed = list(LAYERS)
    changed[number] = (np.asarray(weights, dtype=np.float32), np.asarray(biases, dtype=np.float32))
    return changed


SHAPES = "Pass (weights, biases) as in PyTorch, the last layer with one output."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "rely"}, "An activation is one of relu, tanh; got 'rely'. Did you mean 'relu'?"),
        ({"features": ()}, "A network reads at least one feature; got none. Name one, such as 'holes'."),
        (
            {"features": ("column_heights",)},
            "A network that reads 'column_heights' names the width it was made for; got none. Pass width=.",
        ),
        (
            {"features": ("holes", "height_differences")},
            "A network that reads 'height_differences' names the width it was made for; got none. Pass width=.",
        ),
        (
            {"features": ("holes", "max_height")},
            "A network's features stand once each in the engine's order; got holes, max_height. "
            "Name them as max_height, holes.",
        ),
        ({"layers": []}, "A network has at least one layer; got none. Pass (weights, biases) of each."),
        (
            {"layers": layers_with(1, np.zeros((2, 4)), np.zeros(2))},
            f"Layer 2 here has weights (2, 3) and biases (2,); got (2, 4) and (2,). {SHAPES}",
        ),
        (
            {"layers": layers_with(2, np.zeros((2, 2)), np.zeros(2))},
            f"Layer 3 here has weights (1, 2) and biases (1,); got (2, 2) and (2,). {SHAPES}",
        ),
        (
            {"layers": layers_with(1, np.full((2, 3), np.nan), np.zeros(2))},
            "A network's numbers are finite; layer 2 has one that is not. Correct it.",
        ),
        ({"scale": [1, 2]}, "A scale is 4 finite factors; got [1. 2.]. Pass one for each input."),
    ],
)
def test_invalid_networks_are_rejected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        NetworkPolicy(**({"features": NETWORK_FEATURES, "layers": LAYERS} | arguments))
    assert str(refused.value) == message
