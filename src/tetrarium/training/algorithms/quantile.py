"""QR-DQN as a learner: ``TetrisQRDQN`` with everything that DQN has beside its model."""

from typing import Any, ClassVar, Final

from stable_baselines3.common.base_class import BaseAlgorithm

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import NetworkPolicy
from tetrarium.training.algorithms.dqn_learner import DqnLearner
from tetrarium.training.algorithms.learner import Weights
from tetrarium.training.algorithms.quantile_dqn import AfterstateQuantilePolicy, TetrisQRDQN
from tetrarium.training.algorithms.replay import CompactReplayBuffer
from tetrarium.training.config import TrainingConfig

__all__ = ["LEARNER", "QuantileLearner"]


class QuantileLearner(DqnLearner):
    """Deep Q-learning over afterstates, of distributions."""

    algorithm: ClassVar[str] = "qr-dqn"
    shaped_by: ClassVar[tuple[str, ...]] = ("net_arch", "activation", "n_quantiles")
    model_class: ClassVar[type[BaseAlgorithm]] = TetrisQRDQN
    our_classes: ClassVar[dict[str, Any]] = {
        "policy_class": AfterstateQuantilePolicy,
        "replay_buffer_class": CompactReplayBuffer,
    }
    network: ClassVar[str] = "quantile_net"
    layers: ClassVar[str] = "quantile_net"
    model: TetrisQRDQN  # type: ignore[assignment]  # it has all that DqnLearner asks of its model

    def _make_model(self) -> BaseAlgorithm:
        config = self.config
        return TetrisQRDQN(
            AfterstateQuantilePolicy,
            self.games,
            learning_rate=self._learning_rate(),
            double_q=config.double_q,
            averaging=config.averaging,
            policy_kwargs={**self._network_arguments(), "n_quantiles": config.n_quantiles},
            **self._off_policy_arguments(),
        )

    @classmethod
    def n_outputs(cls, config: TrainingConfig) -> int:
        """How many numbers tell a distribution."""
        return config.n_quantiles

    @classmethod
    def make_policy(cls, weights: Weights, config: TrainingConfig, env_config: EnvConfig, name: str) -> NetworkPolicy:
        """Makes what evaluation plays: the same layers, the last one averaged over the quantiles."""
        as_q = {name.replace(f"{cls.network}.", "q_net."): value for name, value in weights.items()}
        last = max(int(name.split(".")[1]) for name in as_q if name.endswith(".weight"))
        for part in ("weight", "bias"):
            as_q[f"q_net.{last}.{part}"] = as_q[f"q_net.{last}.{part}"].mean(axis=0, keepdims=True)
        return super().make_policy(as_q, config, env_config, name)


LEARNER: Final = QuantileLearner
