"""The afterstate network: one small network scores every row of an observation, and Q(s, a) is the score of row *a*.

Rows that are -1 throughout are actions that the piece does not have; their value is -inf, so that neither the greedy
choice nor the maximum over next actions takes one. After the end every value is -inf: whoever builds a target takes
care with ``torch.where``, because -inf times 0 is not 0.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, create_mlp
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn

from tetrarium.training.algorithms.eager_adam import EagerAdam

__all__ = ["AfterstatePolicy", "AfterstateQNetwork", "RowNetwork", "RowPolicy", "layers_of", "legal_values"]

Layer = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class RowNetwork(Protocol):
    """A network that values rows one by one."""

    def score(self, rows: torch.Tensor) -> torch.Tensor:
        """Values ``(n, row length)`` rows of legal actions; returns ``(n,)``."""


def legal_values(network: RowNetwork, observations: torch.Tensor) -> torch.Tensor:
    """Values the actions of ``(batch, n_actions, row length)``; -inf for those that are not legal."""
    rows = observations.reshape(-1, observations.shape[2])
    legal = (rows[:, 0] >= 0).nonzero().squeeze(1)  # by number: quicker than by mask
    values = torch.full(rows.shape[:1], -torch.inf, device=observations.device)
    return values.index_copy(0, legal, network.score(rows.index_select(0, legal))).view(observations.shape[:2])


class AfterstateQNetwork(QNetwork):
    """Scores each row of ``(batch, n_actions, row length)`` by the same small network.

    Args:
        input_scale: ``(row length,)``: what each number of a row is multiplied by before the first layer.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        features_extractor: BaseFeaturesExtractor,
        features_dim: int,
        net_arch: list[int] | None = None,
        activation_fn: type[nn.Module] = nn.ReLU,
        normalize_images: bool = False,
        input_scale: list[float] | None = None,
    ) -> None:
        super().__init__(
            observation_space, action_space, features_extractor, features_dim, net_arch, activation_fn, normalize_images
        )
        assert observation_space.shape is not None
        row_length = observation_space.shape[1]
        self.q_net = nn.Sequential(*create_mlp(row_length, 1, self.net_arch, activation_fn))
        scale = torch.ones(row_length) if input_scale is None else torch.tensor(input_scale, dtype=torch.float32)
        self.register_buffer("input_scale", scale, persistent=True)

    input_scale: torch.Tensor

    def score(self, rows: torch.Tensor) -> torch.Tensor:
        """Scores ``(n, row length)`` rows of legal actions; returns ``(n,)``."""
        if torch.is_grad_enabled():
            value: torch.Tensor = self.q_net(rows * self.input_scale).squeeze(-1)
            return value
        return self._score_without_gradient(rows)

    def _score_without_gradient(self, rows: torch.Tensor) -> torch.Tensor:
        """Scores rows in a quarter less time: layers keep nothing, and weights are scaled instead of every row."""
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
        """Returns ``(batch, n_actions)`` values, -inf for actions that are not legal."""
        assert isinstance(obs, torch.Tensor)
        return legal_values(self, obs)


class RowPolicy(BasePolicy):
    """What policies over rows share: a mixin to stand before Stable-Baselines3's class.

    Args:
        input_scale: What each number of a row is multiplied by.
        arguments: those of Stable-Baselines3's policy.
    """

    def __init__(self, *arguments: Any, input_scale: list[float] | None = None, **more: Any) -> None:
        self.input_scale = input_scale
        super().__init__(*arguments, **more)

    def _build(self, lr_schedule: Schedule) -> None:
        if self.optimizer_class is torch.optim.Adam:
            self.optimizer_class = EagerAdam
        super()._build(lr_schedule)  # type: ignore[misc]

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "input_scale": self.input_scale}


class AfterstatePolicy(RowPolicy, DQNPolicy):
    """A DQN policy whose online and target networks are afterstate networks."""

    def make_q_net(self) -> AfterstateQNetwork:
        """Makes one network; Stable-Baselines3 calls it for the online and for the target network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return AfterstateQNetwork(**arguments, input_scale=self.input_scale).to(self.device)

    def set_training_mode(self, mode: bool) -> None:
        """Does nothing, quickly: it is called twice a step, and no layer here behaves otherwise in training."""


def layers_of(weights: Mapping[str, npt.NDArray[Any]]) -> list[Layer]:
    """Returns each layer's ``(outputs, inputs)`` weights and ``(outputs,)`` biases, first layer first.

    Args:
        weights: Parameters of an afterstate network, by their names in its ``state_dict``.
    """
    numbers = sorted(int(name.split(".")[1]) for name in weights if name.endswith(".weight"))
    return [(weights[f"q_net.{number}.weight"], weights[f"q_net.{number}.bias"]) for number in numbers]
