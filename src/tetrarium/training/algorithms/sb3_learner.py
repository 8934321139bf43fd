"""What learners that stand on a Stable-Baselines3 algorithm share: starting, saving and reading back.

=====================  ==============================================================================================
model.zip              Stable-Baselines3's own file: networks, optimizer, settings, last observation
games.safetensors      the running games: boards, queues, random streams, rewards so far
random.json            the generators that training draws from
=====================  ==============================================================================================
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import gymnasium
import numpy.typing as npt
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from tetrarium.environment import EnvConfig
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.training.algorithms.games import read_games, training_games, write_games
from tetrarium.training.algorithms.learner import (
    Learner,
    ReadFile,
    WeightKinds,
    Weights,
    diverged,
    float_copies,
)
from tetrarium.training.algorithms.policy_file import read_policy_tensors
from tetrarium.training.algorithms.random_states import random_states, restore_random_states
from tetrarium.training.algorithms.scales import input_scale
from tetrarium.training.config import TrainingConfig

__all__ = ["MODEL", "Sb3Learner"]

MODEL: Final = "model.zip"
_RANDOM: Final = "random.json"
_ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Sb3Learner(Learner):
    """A learner whose model is an algorithm of Stable-Baselines3."""

    model_class: ClassVar[type[BaseAlgorithm]]
    our_classes: ClassVar[dict[str, Any]]  # what model.zip would otherwise name by the module where it lies
    network: ClassVar[str]  # name in the policy's parameters of the network that plays
    layers: ClassVar[str] = "q_net"  # name in the network's parameters of its layers

    def __init__(self, env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig) -> None:
        self.games, self.env_config = training_games(env, config)
        self.config = config.with_changes(n_envs=self.games.num_envs)
        self.model = self._make_model()

    def _make_model(self) -> BaseAlgorithm:
        raise NotImplementedError

    def _network_arguments(self) -> dict[str, Any]:
        """What every policy here takes."""
        return {
            "net_arch": list(self.config.net_arch),
            "activation_fn": _ACTIVATIONS[self.config.activation],
            "input_scale": input_scale(self.env_config) if self.env_config is not None else None,
        }

    def _learning_rate(self) -> LinearSchedule:
        return LinearSchedule(self.config.learning_rate, self.config.learning_rate_final, 1.0)

    def start(self, n_steps: int, callbacks: Sequence[BaseCallback]) -> BaseCallback:
        """Prepares for so many further placements; schedules run over ``total_timesteps`` whatever is asked for."""
        model = self.model
        _, together = model._setup_learn(n_steps, CallbackList(list(callbacks)), reset_num_timesteps=False)
        model._total_timesteps = self.config.total_timesteps
        model._update_current_progress_remaining(model.num_timesteps, model._total_timesteps)
        assert isinstance(together, BaseCallback)
        return together

    @property
    def latest_observations(self) -> Any:
        """As Stable-Baselines3 keeps them between rollouts; None before the first one."""
        return self.model._last_obs

    def predict(
        self,
        observation: npt.NDArray[Any],
        state: tuple[npt.NDArray[Any], ...] | None,
        episode_start: npt.NDArray[Any] | None,
        deterministic: bool,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Chooses actions as the model does."""
        chosen: tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None] = self.model.predict(
            observation, state, episode_start, deterministic
        )
        return chosen

    def weights(self) -> Weights:
        """Returns copies of the weights that play."""
        return float_copies(self._playing_network().state_dict())

    def _playing_network(self) -> nn.Module:
        found: nn.Module = self.model.policy.get_submodule(self.network)
        return found

    def take_weights(self, weights: Weights) -> None:
        """Begins from the weights that play elsewhere."""
        self._playing_network().load_state_dict({name: torch.tensor(value) for name, value in weights.items()})

    def write(self, folder: Path) -> None:
        """Writes the model, the games and the generators.

        Raises:
            TetrariumError: if a weight is not finite, as a gradient step leaves them before the next loss shows it.
        """
        assert isinstance(self.games, TetrisVecEnv)
        self._require_finite()
        model = io.BytesIO()
        self.model.save(model)  # a path it would leave open where the disk is full
        (folder / MODEL).write_bytes(model.getbuffer())
        write_games(self.games, folder)
        (folder / _RANDOM).write_text(random_states(self.model.action_space), encoding="utf-8")

    def _require_finite(self) -> None:
        if not all(torch.isfinite(value).all() for value in self.model.policy.parameters()):
            raise diverged("weights were", self.timesteps_trained)

    def read(self, read_file: ReadFile, counters: Mapping[str, Any]) -> None:
        """Reads everything back; ``load`` reseeds all generators, so these are put back last."""
        assert isinstance(self.games, TetrisVecEnv)
        self.model = self.model_class.load(
            io.BytesIO(read_file(MODEL)),
            env=self.games,
            device=self.config.device,
            custom_objects=self.our_classes,
            force_reset=False,
        )
        self._read_more(read_file, counters)
        self.model._last_obs = read_games(self.games, read_file)
        restore_random_states(read_file(_RANDOM).decode(), self.model.action_space)

    def _read_more(self, read_file: ReadFile, counters: Mapping[str, Any]) -> None:
        """Reads what an algorithm has beside its model."""

    def counters(self) -> dict[str, Any]:
        """Returns nothing: the model holds its own."""
        return {}

    @classmethod
    def read_weights(cls, files: Sequence[str], read_file: ReadFile) -> Weights:  # noqa: ARG003 for those with more
        """Reads the policy's tensors, as torch reads them without running anything."""
        policy = read_policy_tensors(read_file(MODEL))
        prefix = f"{cls.network}."
        return float_copies({name.removeprefix(prefix): policy[name] for name in policy if name.startswith(prefix)})

    @classmethod
    def weight_kinds(cls, config: TrainingConfig, env_config: EnvConfig) -> WeightKinds:
        """A scale for the inputs, then weights and biases of each layer, which every second module is."""
        n_inputs = len(input_scale(env_config))
        kinds: dict[str, tuple[tuple[int, ...], str]] = {"input_scale": ((n_inputs,), "float32")}
        for number, n_outputs in enumerate((*config.net_arch, cls.n_outputs(config))):
            kinds[f"{cls.layers}.{2 * number}.weight"] = ((n_outputs, n_inputs), "float32")
            kinds[f"{cls.layers}.{2 * number}.bias"] = ((n_outputs,), "float32")
            n_inputs = n_outputs
        return kinds

    @classmethod
    def n_outputs(cls, config: TrainingConfig) -> int:  # noqa: ARG003 for those with more
        """How many numbers the network gives for a row."""
        return 1
