"""PPO over afterstates: sb3-contrib's MaskablePPO with a policy whose score of a row is the logit of its action.

Actor and critic are small networks that read one row at a time. The value of a state is the critic's mean over its
rows, weighted by the actor's probabilities; the gradient of the value flows through the critic alone. So both see the
board after each placement, and neither depends on the order of the rows. Legal actions are read from the observation: a
row of -1 marks an illegal action. Random numbers come from the action space's generator, never from a global one.

A round is a rollout of every game and its epochs.
"""

from collections.abc import Generator
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.buffers import MaskableRolloutBuffer, MaskableRolloutBufferSamples
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import Schedule

from tetrarium.training.algorithms.learner import divergence_error
from tetrarium.training.algorithms.networks import EagerAdam, RowPolicy, RowScorer
from tetrarium.training.algorithms.sb3_learner import Sb3Learner


class ActorCriticPolicy(RowPolicy, MaskableActorCriticPolicy):
    """A policy of ``MaskablePPO`` over afterstates.

    It samples from the action space's generator, which belongs to the agent, instead of torch's global one.
    """

    net_arch: list[int]

    def _build(self, lr_schedule: Schedule) -> None:
        shape = self.observation_space.shape
        assert shape is not None
        self.actor, self.critic = (
            RowScorer(shape[1], self.net_arch, self.activation_fn, self.input_scale) for _ in range(2)
        )
        self.optimizer = EagerAdam(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def _log_probs(self, obs: torch.Tensor, legal: torch.Tensor) -> torch.Tensor:
        logits = torch.full(legal.shape, -torch.inf, device=obs.device)
        logits[legal] = self.actor(obs[legal])
        return torch.log_softmax(logits, dim=1)

    def log_probs(self, observations: torch.Tensor) -> torch.Tensor:
        """Returns the log-probabilities of the actions, ``(batch, n_actions)``; -inf for illegal actions."""
        return self._log_probs(observations, observations[:, :, 0] >= 0)

    def _values(self, obs: torch.Tensor, legal: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """Returns the values of the states, ``(batch, 1)``; 0 without legal actions."""
        scores = torch.zeros(legal.shape, device=obs.device)
        scores[legal] = self.critic(obs[legal])
        probs = torch.where(legal, log_probs.detach().exp(), 0.0)
        return (probs * scores).sum(dim=1, keepdim=True)

    def forward(
        self, obs: torch.Tensor, deterministic: bool = False, action_masks: npt.NDArray[Any] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns actions ``(batch,)``, values ``(batch, 1)`` and the actions' log-probabilities ``(batch,)``."""
        legal = obs[:, :, 0] >= 0
        log_probs = self._log_probs(obs, legal)
        actions = self._choose(log_probs, deterministic)
        chosen = log_probs.gather(1, actions[:, None])[:, 0]
        return actions, self._values(obs, legal, log_probs), chosen

    def _choose(self, log_probs: torch.Tensor, deterministic: bool) -> torch.Tensor:
        """Returns the most probable actions, or samples by the Gumbel-max trick."""
        if not deterministic:
            noise = self.action_space.np_random.gumbel(size=tuple(log_probs.shape)).astype(np.float32)
            log_probs = log_probs + torch.as_tensor(noise, device=log_probs.device)
        return log_probs.argmax(dim=1)

    def _predict(
        self, observation: Any, deterministic: bool = False, action_masks: npt.NDArray[Any] | None = None
    ) -> torch.Tensor:
        return self._choose(self.log_probs(observation), deterministic)

    def evaluate_actions(
        self, obs: torch.Tensor, actions: torch.Tensor, action_masks: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns values ``(batch, 1)``, and log-probabilities of the actions and entropies, both ``(batch,)``."""
        legal = obs[:, :, 0] >= 0
        log_probs = self._log_probs(obs, legal)
        finite = torch.where(legal, log_probs, 0.0)
        entropies = -(torch.where(legal, finite.exp(), 0.0) * finite).sum(dim=1)
        return self._values(obs, legal, log_probs), log_probs.gather(1, actions[:, None])[:, 0], entropies

    def predict_values(self, obs: Any) -> torch.Tensor:
        """Returns the values of the states, ``(batch, 1)``."""
        legal = obs[:, :, 0] >= 0
        return self._values(obs, legal, self._log_probs(obs, legal))


_PPO_SETTINGS: Final = ("n_steps", "n_epochs", "gae_lambda", "clip_range", "ent_coef", "vf_coef")  # without "ppo_"
_FLATTENED: Final = ("observations", "actions", "values", "log_probs", "advantages", "returns", "action_masks")


class EvenRolloutBuffer(MaskableRolloutBuffer):
    """A rollout buffer that shuffles with the action space's generator, into batches of nearly equal size.

    So no batch consists of a single transition, whose advantage could not be normalized.
    """

    def get(  # type: ignore[override]  # as sb3-contrib's own
        self, batch_size: int | None = None
    ) -> Generator[MaskableRolloutBufferSamples, None, None]:
        """Yields every transition once, in batches of at most ``batch_size`` and of at least two transitions."""
        assert self.full
        if not self.generator_ready:
            for name in _FLATTENED:
                setattr(self, name, self.swap_and_flatten(getattr(self, name)))
            self.generator_ready = True
        n_transitions = self.buffer_size * self.n_envs
        n_batches = max(min(-(-n_transitions // (batch_size or n_transitions)), n_transitions // 2), 1)
        for indices in np.array_split(self.action_space.np_random.permutation(n_transitions), n_batches):
            yield self._get_samples(indices)


class TetrisMaskablePPO(MaskablePPO):
    """MaskablePPO that raises an error if its loss is not finite."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.latest_loss: float | None = None
        self.latest_value: float | None = None  # mean over the latest rollout, before its gradient steps
        super().__init__(*args, **kwargs)

    def train(self) -> None:
        """Takes the gradient steps on a rollout.

        Raises:
            TetrariumError: if the loss is not finite.
        """
        self.latest_value = float(self.rollout_buffer.values.mean())
        super().train()
        self.latest_loss = float(self.logger.name_to_value["train/loss"])
        if not np.isfinite(self.latest_loss):
            raise divergence_error("loss was", self.num_timesteps)


class MaskablePpoLearner(Sb3Learner):
    """Proximal policy optimization over afterstates."""

    algorithm: ClassVar[str] = "maskable-ppo"
    shape_settings: ClassVar[tuple[str, ...]] = ("net_arch", "activation")
    model_class: ClassVar[type[BaseAlgorithm]] = TetrisMaskablePPO
    custom_objects: ClassVar[dict[str, Any]] = {
        "policy_class": ActorCriticPolicy,
        "rollout_buffer_class": EvenRolloutBuffer,
    }
    network: ClassVar[str] = "actor"
    model: TetrisMaskablePPO

    def _make_model(self) -> BaseAlgorithm:
        return TetrisMaskablePPO(
            ActorCriticPolicy,
            self.vec_env,
            **{name: getattr(self.config, f"ppo_{name}") for name in _PPO_SETTINGS},
            **self._settings("batch_size", "gamma", "max_grad_norm"),
            rollout_buffer_class=EvenRolloutBuffer,
            policy_kwargs=self._network_arguments(),
        )

    @property
    def exploration_rate(self) -> None:
        """None: the policy samples actions by its own probabilities."""
        return None

    def action_values(self, observation: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Returns the log-probabilities of the actions."""
        policy = self.model.policy
        assert isinstance(policy, ActorCriticPolicy)
        with torch.no_grad():
            rows = torch.as_tensor(observation, dtype=torch.float32, device=self.model.device)[None]
            log_probs: npt.NDArray[np.float32] = policy.log_probs(rows)[0].cpu().numpy()
        return log_probs

    def run_round(self, callback: BaseCallback) -> bool:
        """Collects ``ppo_n_steps`` placements of every game, and trains on them for ``ppo_n_epochs`` epochs."""
        model = self.model
        assert model.env is not None
        # no separate masks: the policy reads them from the observations
        if not model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps, use_masking=False):
            return False
        model._update_current_progress_remaining(model.num_timesteps, model._total_timesteps)
        model.train()
        return True
