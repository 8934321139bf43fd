"""The afterstate network: one small network scores every row of an observation, and Q(s, a) is the score of row *a*.

Rows of -1 mark illegal actions; their value is -inf, so that neither the greedy choice nor the maximum over next
actions selects one. After the end of a game every value is -inf: targets must be masked with ``torch.where``, because
-inf times 0 is not 0.
"""

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Protocol

import numpy.typing as npt
import torch
from stable_baselines3.common.policies import BaseModel, BasePolicy
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn
from torch.optim import Adam

from tetrarium.engine.features import feature_scales
from tetrarium.environment import EnvConfig
from tetrarium.evaluation import NetworkPolicy
from tetrarium.training.algorithms.learner import WeightSpecs
from tetrarium.training.config import TrainingConfig

ACTIVATION_CLASSES: Final[Mapping[str, type[nn.Module]]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
Layer = tuple[npt.NDArray[Any], npt.NDArray[Any]]  # weights and biases


class RowNetwork(Protocol):
    """A network that scores rows independently of each other."""

    def score(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns the scores ``(n,)`` of ``(n, row_length)`` rows of legal actions."""


def scale_tensor(row_length: int, input_scale: list[float] | None) -> torch.Tensor:
    """Returns the factors of the inputs, ``(row_length,)``; ones by default."""
    return torch.ones(row_length) if input_scale is None else torch.tensor(input_scale, dtype=torch.float32)


def legal_values(network: RowNetwork, observations: torch.Tensor) -> torch.Tensor:
    """Returns ``(batch, n_actions)`` action values of ``(batch, n_actions, row_length)``; -inf for illegal actions."""
    rows = observations.reshape(-1, observations.shape[2])
    legal = (rows[:, 0] >= 0).nonzero().squeeze(1)  # indices are faster than a mask
    values = torch.full(rows.shape[:1], -torch.inf, device=observations.device)
    return values.index_copy(0, legal, network.score(rows.index_select(0, legal))).view(observations.shape[:2])


class AfterstateNetwork(BaseModel):
    """Mixin of networks that read each row of ``(batch, n_actions, row_length)`` with the same layers.

    Args:
        input_scale: ``(row_length,)``, factors of the inputs.
        **arguments: Arguments of Stable-Baselines3's network, before which this is placed.
    """

    layers: ClassVar[str]  # attribute of the layers
    n_quantiles = 1  # outputs of the layers
    net_arch: list[int]
    activation_fn: type[nn.Module]
    input_scale: torch.Tensor

    def __init__(self, *, input_scale: list[float] | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        assert self.observation_space.shape is not None
        row_length = self.observation_space.shape[1]
        layers = create_mlp(row_length, self.n_quantiles, self.net_arch, self.activation_fn)
        setattr(self, self.layers, nn.Sequential(*layers))
        self.register_buffer("input_scale", scale_tensor(row_length, input_scale))


class AfterstateQNetwork(AfterstateNetwork, QNetwork):
    """Predicts the action value of each row."""

    layers = "q_net"
    net_arch: list[int]
    q_net: nn.Sequential

    def score(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns the scores ``(n,)`` of ``(n, row_length)`` rows of legal actions."""
        if torch.is_grad_enabled():
            value: torch.Tensor = self.q_net(rows * self.input_scale).squeeze(-1)
            return value
        return self._score_without_gradient(rows)

    def _score_without_gradient(self, rows: torch.Tensor) -> torch.Tensor:
        """Scores rows in 25 % less time: no autograd buffers, and scaled weights instead of scaled rows."""
        scale: torch.Tensor | None = self.input_scale
        for module in self.q_net:
            if isinstance(module, nn.Linear):
                weight = module.weight if scale is None else module.weight * scale
                rows = torch.addmm(module.bias, rows, weight.t())
                scale = None
            else:
                rows = torch.relu_(rows) if isinstance(module, nn.ReLU) else module(rows)
        return rows.squeeze(-1)

    def forward(self, obs: torch.Tensor | dict[str, torch.Tensor]) -> torch.Tensor:
        """Returns ``(batch, n_actions)`` action values, -inf for illegal actions."""
        assert isinstance(obs, torch.Tensor)
        return legal_values(self, obs)


class RowScorer(nn.Module):
    """Network that scores ``(n, row_length)`` rows; its parameters are named like those of ``AfterstateQNetwork``.

    Args:
        row_length: Numbers in a row.
        net_arch: Widths of the hidden layers.
        activation_fn: Activation between the layers.
        input_scale: ``(row_length,)``, factors of the inputs.
    """

    def __init__(
        self, row_length: int, net_arch: list[int], activation_fn: type[nn.Module], input_scale: list[float] | None
    ) -> None:
        super().__init__()
        self.q_net = nn.Sequential(*create_mlp(row_length, 1, net_arch, activation_fn))
        self.register_buffer("input_scale", scale_tensor(row_length, input_scale))

    input_scale: torch.Tensor

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns the scores ``(n,)``."""
        score: torch.Tensor = self.q_net(rows * self.input_scale).squeeze(-1)
        return score


class RowPolicy(BasePolicy):
    """Mixin of policies over rows, placed before Stable-Baselines3's class.

    Args:
        input_scale: ``(row_length,)``, factors of the inputs.
        *args: Arguments of Stable-Baselines3's policy.
        **kwargs: Keyword arguments of Stable-Baselines3's policy.
    """

    network_class: ClassVar[type[AfterstateNetwork]]
    net_args: dict[str, Any]

    def __init__(self, *args: Any, input_scale: list[float] | None = None, **kwargs: Any) -> None:
        self.input_scale = input_scale
        super().__init__(*args, **kwargs)

    def _build(self, lr_schedule: Schedule) -> None:
        if self.optimizer_class is torch.optim.Adam:
            self.optimizer_class = EagerAdam
        super()._build(lr_schedule)  # type: ignore[misc]

    def make_network(self) -> AfterstateNetwork:
        """Makes one network; Stable-Baselines3 calls it for the online and the target network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return self.network_class(**arguments, input_scale=self.input_scale).to(self.device)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "input_scale": self.input_scale}


class AfterstatePolicy(RowPolicy, DQNPolicy):
    """A DQN policy whose online and target networks are afterstate networks."""

    network_class = AfterstateQNetwork
    make_q_net = RowPolicy.make_network  # type: ignore[assignment]  # of ``network_class``

    def set_training_mode(self, mode: bool) -> None:
        """Does nothing: it is called twice a step, and no layer here has a training mode."""


def network_layers(weights: Mapping[str, npt.NDArray[Any]]) -> list[Layer]:
    """Returns each layer's ``(outputs, inputs)`` weights and ``(outputs,)`` biases, first layer first.

    Args:
        weights: The ``state_dict`` of an afterstate network.
    """
    numbers = sorted(int(name.split(".")[1]) for name in weights if name.endswith(".weight"))
    return [(weights[f"q_net.{number}.weight"], weights[f"q_net.{number}.bias"]) for number in numbers]


def update_average(averaged: nn.Module, latest: nn.Module, n_steps: int, decay: float) -> None:
    """Updates averaged weights, with a faster decay at first so that the initial weights are soon forgotten.

    >>> averaged, latest = (nn.Linear(1, 1, bias=False) for _ in range(2))
    >>> for network, weight in ((averaged, 0.0), (latest, 11.0)):
    ...     _ = nn.init.constant_(network.weight, weight)
    >>> update_average(averaged, latest, n_steps=1, decay=0.999)  # 2/11 of the average remain
    >>> averaged.weight.item()
    9.0
    >>> update_average(averaged, latest, n_steps=1_000_000, decay=0.5)
    >>> averaged.weight.item()
    10.0

    Args:
        averaged: Network whose weights are the average.
        latest: Network whose weights it averages.
        n_steps: Gradient steps so far, with the latest.
        decay: Decay in the long run; 0 copies the weights.
    """
    decay = min(decay, (1.0 + n_steps) / (10.0 + n_steps))
    averages: list[torch.Tensor] = list(averaged.parameters())
    weights: list[torch.Tensor] = list(latest.parameters())
    with torch.no_grad():
        torch._foreach_lerp_(averages, weights, 1.0 - decay)


def network_specs(
    config: TrainingConfig, env_config: EnvConfig, layers: str = "q_net", n_outputs: int = 1
) -> WeightSpecs:
    """Returns shape and dtype of the input scale and of each layer's weights and biases; activations lie in between.

    Args:
        config: Its ``net_arch`` holds the widths of the hidden layers.
        env_config: The game, whose rows are the inputs.
        layers: Attribute of the layers.
        n_outputs: Outputs for each row.
    """
    n_inputs = len(input_scale(env_config))
    specs: dict[str, tuple[tuple[int, ...], str]] = {"input_scale": ((n_inputs,), "float32")}
    for number, width in enumerate((*config.net_arch, n_outputs)):
        specs[f"{layers}.{2 * number}.weight"] = ((width, n_inputs), "float32")
        specs[f"{layers}.{2 * number}.bias"] = ((width,), "float32")
        n_inputs = width
    return specs


def network_policy(
    weights: Mapping[str, npt.NDArray[Any]], config: TrainingConfig, env_config: EnvConfig, name: str
) -> NetworkPolicy:
    """Returns the compiled policy that chooses the row of the highest score."""
    return NetworkPolicy(
        env_config.features,
        network_layers(weights),
        config.activation,
        scale=input_scale(env_config),
        width=env_config.width,
        preview=env_config.preview,
        name=name,
    )


class EagerAdam(Adam):
    """``torch.optim.Adam`` with its methods unwrapped, without step hooks and profiling.

    Torch's optimizers import its compiler when constructed, which takes a second at each start of training, and query
    it in every step. Nothing here is compiled by it, so both are skipped; the arithmetic is torch's own.

    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = EagerAdam([weight], lr=0.25)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item()
    0.75
    """

    add_param_group = inspect.unwrap(Adam.add_param_group)
    zero_grad = inspect.unwrap(Adam.zero_grad)
    state_dict = inspect.unwrap(Adam.state_dict)
    load_state_dict = inspect.unwrap(Adam.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(Adam.step))


EagerAdam.step.hooked = True  # otherwise torch wraps it again at construction


def input_scale(config: EnvConfig) -> list[float]:
    """Returns the scale factor of each number in an observation row, ``(row_length,)``.

    Unlike running means they need no state, so that a loaded network receives exactly the inputs of its training.
    """
    return feature_scales(config.features, config.width, config.preview)
