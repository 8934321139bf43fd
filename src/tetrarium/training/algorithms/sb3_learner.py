"""Base class of learners whose model is an algorithm of Stable-Baselines3: setup, saving and restoring.

Files in a checkpoint:

=====================  ==============================================================================================
model.zip              Stable-Baselines3's own file: networks, optimizer, settings, last observation
games.safetensors      the running games: boards, queues, random streams, episode rewards so far
random.json            the states of the random generators
=====================  ==============================================================================================
"""

import io
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from tetrarium.environment import EnvConfig
from tetrarium.environment.interfaces.vec_env import TetrisVecEnv
from tetrarium.evaluation import NetworkPolicy
from tetrarium.training.algorithms import learner
from tetrarium.training.algorithms.networks import ACTIVATION_CLASSES, input_scale, network_policy, network_specs
from tetrarium.training.algorithms.policy_file import any_clock, read_policy_tensors
from tetrarium.training.algorithms.training_env import is_plain, make_training_env, read_game_states, write_game_states
from tetrarium.training.config import TrainingConfig
from tetrarium.training.requirements import require_network_memory, require_trainable

MODEL: Final = "model.zip"
_RANDOM: Final = "random.json"


class Sb3Learner(learner.Learner):
    """A learner whose model is an algorithm of Stable-Baselines3."""

    model_class: ClassVar[type[BaseAlgorithm]]
    custom_objects: ClassVar[dict[str, Any]]  # classes that model.zip would otherwise refer to by module
    network: ClassVar[str]  # prefix of the playing network in the policy's parameters
    layers: ClassVar[str] = "q_net"  # prefix of the layers in the network's parameters

    def __init__(self, env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig) -> None:
        self.vec_env, self.env_config = make_training_env(env, config)
        self.config = config.with_changes(n_envs=self.vec_env.num_envs)
        if is_plain(self.vec_env) and self.env_config is not None:
            require_trainable(self.env_config, self.config)
        else:
            require_network_memory(self.config)
        self.model = self._make_model()

    def _make_model(self) -> BaseAlgorithm:
        raise NotImplementedError

    def _network_arguments(self) -> dict[str, Any]:
        """Returns the arguments that all policies share."""
        return {
            "net_arch": list(self.config.net_arch),
            "activation_fn": ACTIVATION_CLASSES[self.config.activation],
            "input_scale": input_scale(self.env_config) if self.env_config is not None else None,
        }

    def _settings(self, *names: str) -> dict[str, Any]:
        """Returns the arguments that all models share, and training settings that are arguments of the same name."""
        config = self.config
        schedule = LinearSchedule(config.learning_rate, config.learning_rate_final, 1.0)
        values = {name: getattr(config, name) for name in (*names, "stats_window_size", "seed", "device")}
        return {"learning_rate": schedule, "verbose": 0, **values}

    def setup_learn(self, n_steps: int, callbacks: Sequence[BaseCallback]) -> BaseCallback:
        """Prepares for a number of further placements; schedules always span ``schedule_steps``."""
        model = self.model
        if is_plain(self.vec_env) and model._last_obs is not None:
            model._last_obs = self.vec_env.core.observe()  # the games may have been played since
        _, combined = model._setup_learn(n_steps, CallbackList(list(callbacks)), reset_num_timesteps=False)
        model._total_timesteps = self.config.schedule_steps or self.config.total_timesteps
        model._update_current_progress_remaining(model.num_timesteps, model._total_timesteps)
        assert isinstance(combined, BaseCallback)
        return combined

    def abandon_round(self, latest: Mapping[str, Any]) -> None:
        """Continues from the observations of the last step, which Stable-Baselines3 has not noted."""
        if "new_obs" in latest:
            self.model._last_obs = latest["new_obs"]
            self.model._last_episode_starts = latest["dones"]
        if self.model._vec_normalize_env is not None:
            self.model._last_original_obs = self.model._vec_normalize_env.get_original_obs()

    @property
    def loss(self) -> float | None:
        """Loss of the latest gradient steps."""
        loss: float | None = self.model.latest_loss
        return loss

    @property
    def mean_q(self) -> float | None:
        """Mean predicted value: of the latest update, or of the latest rollout before its gradient steps."""
        value: float | None = self.model.latest_value
        return value

    @property
    def latest_observations(self) -> Any:
        """Observations that Stable-Baselines3 keeps between rollouts; None before the first one."""
        return self.model._last_obs

    def predict(self, observation: npt.NDArray[Any], *, deterministic: bool) -> npt.NDArray[Any]:
        """Chooses actions with the model's ``predict``."""
        observation = learner.checked_observation(observation, self.model.observation_space.shape)
        actions: npt.NDArray[Any] = self.model.predict(observation, deterministic=deterministic)[0]
        return actions

    def weights(self) -> learner.Weights:
        """Returns copies of the policy's weights."""
        return learner.to_numpy(self._policy_network().state_dict())

    def _policy_network(self) -> nn.Module:
        network: nn.Module = self.model.policy.get_submodule(self.network)
        return network

    def load_weights(self, weights: learner.Weights) -> None:
        """Initializes the playing network with the weights of another policy."""
        self._policy_network().load_state_dict({name: torch.tensor(value) for name, value in weights.items()})

    def write(self, folder: Path) -> None:
        """Writes the model, the games and the random states.

        Raises:
            TetrariumError: if a weight is not finite, which the latest gradient step may have caused.
        """
        assert isinstance(self.vec_env, TetrisVecEnv)
        self._require_finite()
        model = io.BytesIO()
        with any_clock():
            self.model.save(model)  # a path would be left open on a full disk
        (folder / MODEL).write_bytes(model.getbuffer())
        write_game_states(self.vec_env, folder)
        (folder / _RANDOM).write_text(random_states(self.model.action_space), encoding="utf-8")

    def _require_finite(self) -> None:
        if not all(torch.isfinite(value).all() for value in self.model.policy.parameters()):
            raise learner.divergence_error("weights were", self.timesteps_trained)

    def read(self, read_file: learner.ReadFile, counters: Mapping[str, Any]) -> None:
        """Restores the complete state; random states come last, because ``load`` reseeds all generators."""
        assert isinstance(self.vec_env, TetrisVecEnv)
        self.model = self.model_class.load(
            io.BytesIO(read_file(MODEL)),
            env=self.vec_env,
            device=self.config.device,
            custom_objects=self.custom_objects,
            force_reset=False,
        )
        self._read_extras(read_file, counters)
        self.model._last_obs = read_game_states(self.vec_env, read_file)
        restore_random_states(read_file(_RANDOM).decode(), self.model.action_space)

    def _read_extras(self, read_file: learner.ReadFile, counters: Mapping[str, Any]) -> None:
        """Restores what an algorithm saves besides its model."""

    def counters(self) -> dict[str, Any]:
        """Returns no numbers: the model contains its own."""
        return {}

    @classmethod
    def read_weights(cls, files: Sequence[str], read_file: learner.ReadFile) -> learner.Weights:  # noqa: ARG003 used by subclasses
        """Reads the policy's tensors without executing code."""
        policy = read_policy_tensors(read_file(MODEL))
        prefix = f"{cls.network}."
        return learner.to_numpy({name.removeprefix(prefix): policy[name] for name in policy if name.startswith(prefix)})

    @classmethod
    def weight_specs(cls, config: TrainingConfig, env_config: EnvConfig) -> learner.WeightSpecs:
        """Returns those of the network's layers."""
        return network_specs(config, env_config, cls.layers, cls.n_outputs(config))

    @classmethod
    def n_outputs(cls, config: TrainingConfig) -> int:  # noqa: ARG003 used by subclasses
        """Returns the number of outputs of the network per row."""
        return 1

    @classmethod
    def make_policy(
        cls, weights: learner.Weights, config: TrainingConfig, env_config: EnvConfig, name: str
    ) -> NetworkPolicy:
        """Returns the compiled policy that chooses the row of the highest score."""
        return network_policy(weights, config, env_config, name)


def random_states(action_space: spaces.Space[Any]) -> str:
    """Returns the states of the random generators that training draws from, as JSON without pickles.

    Stable-Baselines3 draws from the global generators of Python, NumPy and torch, and from the action space's.
    """
    name, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002 Stable-Baselines3 draws from it
    version, internal, gauss_next = random.getstate()
    return json.dumps(
        {
            "action_space": action_space.np_random.bit_generator.state,
            "numpy": [name, np.asarray(keys).tolist(), position, has_gauss, gauss],
            "python": [version, list(internal), gauss_next],
            "torch": torch.get_rng_state().tolist(),
        }
    )


def restore_random_states(text: str, action_space: spaces.Space[Any]) -> None:
    """Restores the states that ``random_states`` returned."""
    states = json.loads(text)
    action_space.np_random.bit_generator.state = states["action_space"]
    name, keys, position, has_gauss, gauss = states["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, gauss))  # noqa: NPY002
    version, internal, gauss_next = states["python"]
    random.setstate((version, tuple(internal), gauss_next))
    torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))
