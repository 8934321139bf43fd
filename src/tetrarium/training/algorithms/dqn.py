"""Stable-Baselines3's DQN, taught what Tetris needs: legal actions, afterstate rows, double Q and averaged weights.

``save``, ``load``, callbacks and the logger are Stable-Baselines3's own. Overridden are the choice of actions (only
legal ones, each game flips its own coin), what is stored (games, not observations) and the gradient step.
"""

import torch
from stable_baselines3 import DQN
from torch.nn import functional

from tetrarium.training.algorithms.networks import AfterstateQNetwork
from tetrarium.training.algorithms.off_policy import AfterstateOffPolicy
from tetrarium.training.algorithms.replay import RowSamples

__all__ = ["TetrisDQN"]


class TetrisDQN(AfterstateOffPolicy, DQN):
    """DQN over afterstates; its arguments are those of ``AfterstateOffPolicy``."""

    @property
    def online_net(self) -> AfterstateQNetwork:
        """The network that learns."""
        assert isinstance(self.q_net, AfterstateQNetwork)
        return self.q_net

    @property
    def target_net(self) -> AfterstateQNetwork:
        """The network that targets come from."""
        assert isinstance(self.q_net_target, AfterstateQNetwork)
        return self.q_net_target

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Takes gradient steps on batches from replay.

        Raises:
            TetrariumError: if the loss is not a number.
        """
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        parameters = list(self.online_net.parameters())
        losses = []
        values = []
        for _ in range(gradient_steps):
            batch = self._sample_rows(batch_size)
            targets = self._targets(batch)
            scores = self.online_net.score(batch.rows_t)
            loss = functional.smooth_l1_loss(scores, targets)
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
            self.policy.optimizer.step()
            losses.append(loss.item())
            values.append(scores.detach().mean().item())
            self._average()
        self._record_steps(losses, values)

    @torch.no_grad()
    def _targets(self, batch: RowSamples) -> torch.Tensor:
        next_values = self.target_net.score(self._best_rows(batch.rows_tp1))
        zero = torch.zeros((), device=self.device)
        return batch.rewards + batch.discounts * torch.where(batch.terminal, zero, next_values)
