"""sb3-contrib's QR-DQN over afterstates: each row's value is a distribution, told by its quantiles.

Quantile k of n is the value below which (k + 1/2) / n of the returns lie. What plays is their mean, so that playing
needs no more than a network of one output: the last layer is linear, and the mean of its outputs is the output of its
mean (Dabney, Rowland, Bellemare and Munos, "Distributional Reinforcement Learning with Quantile Regression", 2018).
"""

from typing import Any

import torch
from gymnasium import spaces
from sb3_contrib import QRDQN
from sb3_contrib.common.utils import quantile_huber_loss
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, create_mlp
from torch import nn

from tetrarium.training.algorithms.networks import RowPolicy
from tetrarium.training.algorithms.off_policy import AfterstateOffPolicy
from tetrarium.training.algorithms.replay import RowSamples

__all__ = ["AfterstateQuantileNetwork", "AfterstateQuantilePolicy", "TetrisQRDQN"]


class AfterstateQuantileNetwork(QuantileNetwork):
    """Tells the quantiles of each row of ``(batch, n_actions, row length)`` by the same small network.

    Args:
        input_scale: ``(row length,)``: what each number of a row is multiplied by before the first layer.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        features_extractor: BaseFeaturesExtractor,
        features_dim: int,
        n_quantiles: int,
        net_arch: list[int] | None = None,
        activation_fn: type[nn.Module] = nn.ReLU,
        normalize_images: bool = False,
        input_scale: list[float] | None = None,
    ) -> None:
        super().__init__(
            observation_space, action_space, features_extractor, features_dim, n_quantiles, net_arch, activation_fn,
            normalize_images,
        )  # fmt: skip
        assert observation_space.shape is not None
        row_length = observation_space.shape[1]
        self.quantile_net = nn.Sequential(*create_mlp(row_length, n_quantiles, self.net_arch, activation_fn))
        scale = torch.ones(row_length) if input_scale is None else torch.tensor(input_scale, dtype=torch.float32)
        self.register_buffer("input_scale", scale, persistent=True)

    input_scale: torch.Tensor

    def quantiles(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns ``(n, n_quantiles)`` for ``(n, row length)`` rows of legal actions."""
        found: torch.Tensor = self.quantile_net(rows * self.input_scale)
        return found

    def score(self, rows: torch.Tensor) -> torch.Tensor:
        """Values ``(n, row length)`` rows of legal actions by the mean of their quantiles; returns ``(n,)``."""
        return self.quantiles(rows).mean(dim=1)

    def forward(self, obs: torch.Tensor | dict[str, torch.Tensor]) -> torch.Tensor:
        """Returns ``(batch, n_quantiles, n_actions)``, -inf for actions that are not legal."""
        assert isinstance(obs, torch.Tensor)
        legal = obs[:, :, 0] >= 0
        found = torch.full((*legal.shape, self.n_quantiles), -torch.inf, device=obs.device)
        found[legal] = self.quantiles(obs[legal])
        return found.transpose(1, 2)


class AfterstateQuantilePolicy(RowPolicy, QRDQNPolicy):
    """A QR-DQN policy whose online and target networks tell the quantiles of rows."""

    def make_quantile_net(self) -> AfterstateQuantileNetwork:
        """Makes one network; sb3-contrib calls it for the online and for the target network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return AfterstateQuantileNetwork(**arguments, input_scale=self.input_scale).to(self.device)


class TetrisQRDQN(AfterstateOffPolicy, QRDQN):
    """QR-DQN over afterstates; its arguments are those of ``AfterstateOffPolicy``."""

    @property
    def online_net(self) -> AfterstateQuantileNetwork:
        """The network that learns."""
        assert isinstance(self.quantile_net, AfterstateQuantileNetwork)
        return self.quantile_net

    @property
    def target_net(self) -> AfterstateQuantileNetwork:
        """The network that targets come from."""
        assert isinstance(self.quantile_net_target, AfterstateQuantileNetwork)
        return self.quantile_net_target

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Takes gradient steps on batches from replay.

        Raises:
            TetrariumError: if the loss is not a number.
        """
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        values = []
        for _ in range(gradient_steps):
            batch = self._sample_rows(batch_size)
            targets = self._targets(batch)
            quantiles = self.online_net.quantiles(batch.rows_t)
            loss = quantile_huber_loss(quantiles, targets, sum_over_quantiles=True)
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            assert self.max_grad_norm is not None
            torch.nn.utils.clip_grad_norm_(self.online_net.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            losses.append(loss.item())
            values.append(quantiles.detach().mean().item())
            self._average()
        self._record_steps(losses, values)

    @torch.no_grad()
    def _targets(self, batch: RowSamples) -> torch.Tensor:
        """Returns ``(batch, n_quantiles)``: those of the best next row, discounted, and none after an end."""
        next_quantiles = self.target_net.quantiles(self._best_rows(batch.rows_tp1))
        zero = torch.zeros((), device=self.device)
        kept = torch.where(batch.terminal[:, None], zero, next_quantiles)
        return batch.rewards[:, None] + batch.discounts[:, None] * kept
