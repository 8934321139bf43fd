"""The policy that PPO learns here: a row's score is its action's logit, and a board is worth what its rows are worth.

Actor and critic are small networks that read one row at a time. The value of a board is the critic's mean over its
rows, weighted by how likely the actor is to choose each; the gradient of the value runs through the critic alone. So
both see the board after each placement, and neither depends on the order of the rows. Legal actions are read from the
observation: a row of -1 throughout is none.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.common.type_aliases import Schedule
from torch import nn

from tetrarium.training.algorithms.eager_adam import EagerAdam
from tetrarium.training.algorithms.networks import RowPolicy

__all__ = ["ActorCriticPolicy", "RowScorer"]


class RowScorer(nn.Module):
    """Scores ``(n, row length)`` rows by themselves; its parameters are named as those of ``AfterstateQNetwork``.

    Args:
        row_length: Numbers of a row.
        net_arch: Widths of the hidden layers.
        activation_fn: Between layers.
        input_scale: ``(row length,)``: what each number of a row is multiplied by before the first layer.
    """

    def __init__(
        self, row_length: int, net_arch: list[int], activation_fn: type[nn.Module], input_scale: list[float] | None
    ) -> None:
        super().__init__()
        self.q_net = nn.Sequential(*create_mlp(row_length, 1, net_arch, activation_fn))
        scale = torch.ones(row_length) if input_scale is None else torch.tensor(input_scale, dtype=torch.float32)
        self.register_buffer("input_scale", scale, persistent=True)

    input_scale: torch.Tensor

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns ``(n,)``."""
        score: torch.Tensor = self.q_net(rows * self.input_scale).squeeze(-1)
        return score


class ActorCriticPolicy(RowPolicy, MaskableActorCriticPolicy):
    """A policy of ``MaskablePPO`` over afterstates.

    It samples from the action space's generator, which is an agent's own, and not from torch's global one.
    """

    net_arch: list[int]

    def _build(self, lr_schedule: Schedule) -> None:
        shape = self.observation_space.shape
        assert shape is not None
        self.actor, self.critic = (
            RowScorer(shape[1], self.net_arch, self.activation_fn, self.input_scale) for _ in range(2)
        )
        self.optimizer = EagerAdam(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def _log_chances(self, obs: torch.Tensor, legal: torch.Tensor) -> torch.Tensor:
        logits = torch.full(legal.shape, -torch.inf, device=obs.device)
        logits[legal] = self.actor(obs[legal])
        return torch.log_softmax(logits, dim=1)

    def log_chances(self, observations: torch.Tensor) -> torch.Tensor:
        """Returns ``(batch, n_actions)`` logarithms of probabilities; -inf for what is not legal."""
        return self._log_chances(observations, observations[:, :, 0] >= 0)

    def _values(self, obs: torch.Tensor, legal: torch.Tensor, log_chances: torch.Tensor) -> torch.Tensor:
        """Returns ``(batch, 1)``; a board without a legal action is worth nothing."""
        scores = torch.zeros(legal.shape, device=obs.device)
        scores[legal] = self.critic(obs[legal])
        chances = torch.where(legal, log_chances.detach().exp(), 0.0)
        return (chances * scores).sum(dim=1, keepdim=True)

    def forward(
        self, obs: torch.Tensor, deterministic: bool = False, action_masks: npt.NDArray[Any] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns actions ``(batch,)``, values ``(batch, 1)`` and the actions' log-probabilities ``(batch,)``."""
        legal = obs[:, :, 0] >= 0
        log_chances = self._log_chances(obs, legal)
        actions = self._choose(log_chances, deterministic)
        chosen = log_chances.gather(1, actions[:, None])[:, 0]
        return actions, self._values(obs, legal, log_chances), chosen

    def _choose(self, log_chances: torch.Tensor, deterministic: bool) -> torch.Tensor:
        """Takes the likeliest action, or one by its probability: the largest after noise of Gumbel's distribution."""
        if not deterministic:
            noise = self.action_space.np_random.gumbel(size=tuple(log_chances.shape)).astype(np.float32)
            log_chances = log_chances + torch.as_tensor(noise, device=log_chances.device)
        return log_chances.argmax(dim=1)

    def _predict(
        self, observation: Any, deterministic: bool = False, action_masks: npt.NDArray[Any] | None = None
    ) -> torch.Tensor:
        return self._choose(self.log_chances(observation), deterministic)

    def evaluate_actions(
        self, obs: torch.Tensor, actions: torch.Tensor, action_masks: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns values ``(batch, 1)``, log-probabilities of the actions, and entropies, both ``(batch,)``."""
        legal = obs[:, :, 0] >= 0
        log_chances = self._log_chances(obs, legal)
        finite = torch.where(legal, log_chances, 0.0)
        entropies = -(torch.where(legal, finite.exp(), 0.0) * finite).sum(dim=1)
        return self._values(obs, legal, log_chances), log_chances.gather(1, actions[:, None])[:, 0], entropies

    def predict_values(self, obs: Any) -> torch.Tensor:
        """Returns ``(batch, 1)``."""
        legal = obs[:, :, 0] >= 0
        return self._values(obs, legal, self._log_chances(obs, legal))
