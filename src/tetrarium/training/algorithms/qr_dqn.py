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
from stable_baselines3.common.torch_layers import create_mlp
from torch import nn

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import NetworkPolicy
from tetrarium.training.algorithms.dqn import DqnLearner
from tetrarium.training.algorithms.learner import Weights
from tetrarium.training.algorithms.networks import RowPolicy, scale_tensor
from tetrarium.training.algorithms.off_policy import AfterstateOffPolicy
from tetrarium.training.algorithms.replay_buffer import CompactReplayBuffer, RowSamples
from tetrarium.training.config import TrainingConfig


class AfterstateQuantileNetwork(QuantileNetwork):
    """Predicts the quantiles of each row of ``(batch, n_actions, row_length)`` with the same small network.

    Args:
        input_scale: ``(row_length,)``, factors of the inputs.
        **arguments: Arguments of sb3-contrib's network.
    """

    def __init__(self, *, input_scale: list[float] | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        assert self.observation_space.shape is not None
        row_length = self.observation_space.shape[1]
        layers = create_mlp(row_length, self.n_quantiles, self.net_arch, self.activation_fn)
        self.quantile_net = nn.Sequential(*layers)
        self.register_buffer("input_scale", scale_tensor(row_length, input_scale))

    input_scale: torch.Tensor

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

    def make_quantile_net(self) -> AfterstateQuantileNetwork:
        """Makes one network; sb3-contrib calls it for the online and the target network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return AfterstateQuantileNetwork(**arguments, input_scale=self.input_scale).to(self.device)


class TetrisQRDQN(AfterstateOffPolicy, QRDQN):
    """QR-DQN over afterstates; its arguments are those of ``AfterstateOffPolicy``."""

    network: ClassVar[str] = "quantile_net"

    def _loss(self, batch: RowSamples) -> tuple[torch.Tensor, torch.Tensor]:
        targets = self._targets(batch)
        quantiles = self.online_net.quantiles(batch.rows_t)
        return quantile_huber_loss(quantiles, targets, sum_over_quantiles=True), quantiles

    @torch.no_grad()
    def _targets(self, batch: RowSamples) -> torch.Tensor:
        """Returns ``(batch, n_quantiles)``: the n-step returns, bootstrapped unless the game ended."""
        next_quantiles = self.target_net.quantiles(self._best_rows(batch.rows_tp1))
        zero = torch.zeros((), device=self.device)
        kept = torch.where(batch.terminal[:, None], zero, next_quantiles)
        return batch.rewards[:, None] + batch.discounts[:, None] * kept


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
        config = self.config
        return TetrisQRDQN(
            AfterstateQuantilePolicy,
            self.vec_env,
            learning_rate=self._learning_rate(),
            double_q=config.double_q,
            averaging=config.averaging,
            policy_kwargs={**self._network_arguments(), "n_quantiles": config.n_quantiles},
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
