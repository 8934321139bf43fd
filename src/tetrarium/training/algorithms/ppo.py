"""PPO as a learner: ``TetrisMaskablePPO`` over afterstates; a round is a rollout of every game and its epochs."""

from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from tetrarium.environment import EnvConfig
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.evaluation import NetworkPolicy
from tetrarium.training.algorithms.actor_critic import ActorCriticPolicy
from tetrarium.training.algorithms.learner import Weights
from tetrarium.training.algorithms.maskable_ppo import OwnRolloutBuffer, TetrisMaskablePPO
from tetrarium.training.algorithms.networks import layers_of
from tetrarium.training.algorithms.sb3_learner import Sb3Learner
from tetrarium.training.algorithms.scales import input_scale
from tetrarium.training.config import TrainingConfig

__all__ = ["LEARNER", "PpoLearner"]


class PpoLearner(Sb3Learner):
    """Proximal policy optimisation over afterstates."""

    algorithm: ClassVar[str] = "maskable-ppo"
    shaped_by: ClassVar[tuple[str, ...]] = ("net_arch", "activation")
    model_class: ClassVar[type[BaseAlgorithm]] = TetrisMaskablePPO
    our_classes: ClassVar[dict[str, Any]] = {
        "policy_class": ActorCriticPolicy,
        "rollout_buffer_class": OwnRolloutBuffer,
    }
    network: ClassVar[str] = "actor"
    model: TetrisMaskablePPO

    def _make_model(self) -> BaseAlgorithm:
        config = self.config
        return TetrisMaskablePPO(
            ActorCriticPolicy,
            self.games,
            learning_rate=self._learning_rate(),
            n_steps=config.ppo_n_steps,
            batch_size=config.batch_size,
            n_epochs=config.ppo_n_epochs,
            gamma=config.gamma,
            gae_lambda=config.ppo_gae_lambda,
            clip_range=config.ppo_clip_range,
            ent_coef=config.ppo_ent_coef,
            vf_coef=config.ppo_vf_coef,
            max_grad_norm=config.max_grad_norm,
            rollout_buffer_class=OwnRolloutBuffer,
            policy_kwargs=self._network_arguments(),
            stats_window_size=config.stats_window_size,
            seed=config.seed,
            device=config.device,
            verbose=0,
        )

    @property
    def exploration_rate(self) -> None:
        """None: what is played is drawn by the policy's own probabilities."""
        return None

    @property
    def loss(self) -> float | None:
        """Of the latest gradient step."""
        return self.model.latest_loss

    @property
    def mean_q(self) -> float | None:
        """Mean value of the placements of the latest round, as they were valued before it was learnt from."""
        return self.model.latest_value

    def values(self, observation: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Logarithms of the chances with which the policy draws each action."""
        policy = self.model.policy
        assert isinstance(policy, ActorCriticPolicy)
        with torch.no_grad():
            rows = torch.as_tensor(observation, dtype=torch.float32, device=self.model.device)[None]
            found: npt.NDArray[np.float32] = policy.log_chances(rows)[0].cpu().numpy()
        return found

    def play_and_learn(self, callback: BaseCallback) -> bool:
        """Plays ``ppo_n_steps`` placements of every game, and learns from them ``ppo_n_epochs`` times."""
        model = self.model
        assert model.env is not None
        # without masks of its own: the policy reads them from what it sees
        if not model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps, use_masking=False):
            if isinstance(self.games, TetrisVecEnv):
                model._last_obs = self.games.core.observe()  # the placement under way was made, and is lost
            return False
        model._update_current_progress_remaining(model.num_timesteps, model._total_timesteps)
        model.train()
        return True

    @classmethod
    def make_policy(cls, weights: Weights, config: TrainingConfig, env_config: EnvConfig, name: str) -> NetworkPolicy:
        """Makes what evaluation plays: the likeliest action is that of the largest score."""
        return NetworkPolicy(
            env_config.features,
            layers_of(weights),
            config.activation,
            scale=input_scale(env_config),
            width=env_config.width,
            preview=env_config.preview,
            name=name,
        )


LEARNER: Final = PpoLearner
