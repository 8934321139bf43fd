"""QR-DQN over afterstates: each row's value is a distribution, represented by quantiles.

Quantile k of n is the value below which (k + 1/2) / n of the returns lie. The policy maximizes their mean. Its compiled
form needs a single output: the last layer is linear, so the mean of its outputs equals the output of its mean weights
(Dabney, Rowland, Bellemare and Munos, "Distributional Reinforcement Learning with Quantile Regression", 2018).
"""

from typing import Any, ClassVar

import torch
from sb3_contrib import QRDQN
from sb3_contrib.common.utils import quantile_huber_loss
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import NetworkPolicy
from tetrarium.training.algorithms.dqn import DqnLearner
from tetrarium.training.algorithms.learner import Weights
from tetrarium.training.algorithms.networks import AfterstateNetwork, RowPolicy
from tetrarium.training.algorithms.off_policy import AfterstateOffPolicy
from tetrarium.training.algorithms.replay_buffer import CompactReplayBuffer
from tetrarium.training.config import TrainingConfig


class AfterstateQuantileNetwork(AfterstateNetwork, QuantileNetwork):
    """Predicts the quantiles of each row."""

    layers = "quantile_net"
    net_arch: list[int]
    quantile_net: nn.Sequential

    def quantiles(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns ``(n, n_quantiles)`` for ``(n, row_length)`` rows of legal actions."""
        quantiles: torch.Tensor = self.quantile_net(rows * self.input_scale)
        return quantiles

    def score(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns the mean quantiles ``(n,)`` of ``(n, row_length)`` rows of legal actions."""
        return self.quantiles(rows).mean(dim=1)

    def forward(self, obs: torch.Tensor | dict[str, torch.Tensor]) -> torch.Tensor:
        """Returns ``(batch, n_quantiles, n_actions)``, -inf for illegal actions."""
        assert isinstance(obs, torch.Tensor)
        legal = obs[:, :, 0] >= 0
        quantiles = torch.full((*legal.shape, self.n_quantiles), -torch.inf, device=obs.device)
        quantiles[legal] = self.quantiles(obs[legal])
        return quantiles.transpose(1, 2)


class AfterstateQuantilePolicy(RowPolicy, QRDQNPolicy):
    """A QR-DQN policy whose online and target networks predict the quantiles of rows."""

    network_class = AfterstateQuantileNetwork
    make_quantile_net = RowPolicy.make_network  # type: ignore[assignment]  # of ``network_class``


class TetrisQRDQN(AfterstateOffPolicy, QRDQN):
    """QR-DQN over afterstates; its arguments are those of ``AfterstateOffPolicy``."""

    network: ClassVar[str] = "quantile_net"

    def _outputs(self, network: AfterstateQuantileNetwork, rows: torch.Tensor) -> torch.Tensor:
        return network.quantiles(rows)

    def _loss(self, predicted: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return quantile_huber_loss(predicted, targets, sum_over_quantiles=True)


class QrDqnLearner(DqnLearner):
    """Distributional deep Q-learning over afterstates."""

    algorithm: ClassVar[str] = "qr-dqn"
    shape_settings: ClassVar[tuple[str, ...]] = ("net_arch", "activation", "n_quantiles")
    model_class: ClassVar[type[BaseAlgorithm]] = TetrisQRDQN
    custom_objects: ClassVar[dict[str, Any]] = {
        "policy_class": AfterstateQuantilePolicy,
        "replay_buffer_class": CompactReplayBuffer,
    }
    network: ClassVar[str] = "quantile_net"
    layers: ClassVar[str] = "quantile_net"
    model: TetrisQRDQN  # type: ignore[assignment]  # it has all that DqnLearner uses of its model

    def _make_model(self) -> BaseAlgorithm:
        return TetrisQRDQN(
            AfterstateQuantilePolicy,
            self.vec_env,
            policy_kwargs={**self._network_arguments(), "n_quantiles": self.config.n_quantiles},
            **self._off_policy_arguments(),
        )

    @classmethod
    def n_outputs(cls, config: TrainingConfig) -> int:
        """Returns the number of quantiles."""
        return config.n_quantiles

    @classmethod
    def make_policy(cls, weights: Weights, config: TrainingConfig, env_config: EnvConfig, name: str) -> NetworkPolicy:
        """Returns the compiled policy, with the last layer averaged over the quantiles."""
        as_q = {name.replace(f"{cls.network}.", "q_net."): value for name, value in weights.items()}
        last = max(int(name.split(".")[1]) for name in as_q if name.endswith(".weight"))
        for part in ("weight", "bias"):
            as_q[f"q_net.{last}.{part}"] = as_q[f"q_net.{last}.{part}"].mean(axis=0, keepdims=True)
        return super().make_policy(as_q, config, env_config, name)
