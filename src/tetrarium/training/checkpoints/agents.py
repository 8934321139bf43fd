"""What a checkpoint of an agent holds, and the order in which it is put back.

=====================  ==============================================================================================
model.zip              Stable-Baselines3's own file: policy, target network, optimizer, settings, last observation
replay_buffer.pkl      the filled part of the replay buffer, with its generator
averaged.safetensors   the averaged weights, where they are used
games.safetensors      the running games: boards, queues, random streams, rewards so far
random.json            the generators that training draws from
=====================  ==============================================================================================

Counters and both configs are in ``metadata.json``. The first two are pickles inside and are read only from a checkpoint
that was made in this home, or that the caller trusts. ``read_policy`` reads weights alone, and runs nothing.
"""

import contextlib
import io
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

from tetrarium.environment import EnvConfig
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.errors import CheckpointError, DamagedCheckpointError, TetrariumError
from tetrarium.evaluation import NetworkPolicy
from tetrarium.training.algorithms.dqn import TetrisDQN
from tetrarium.training.algorithms.random_states import random_states, restore_random_states
from tetrarium.training.algorithms.scales import input_scale
from tetrarium.training.checkpoints import store
from tetrarium.training.config import TrainingConfig

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

Agent = TypeVar("Agent", bound="TetrisAgent")

__all__ = ["load_agent", "read_policy", "save_agent", "take_weights"]

_ALGORITHM: Final = "dqn"
_MODEL: Final = "model.zip"
_REPLAY: Final = "replay_buffer.pkl"
_AVERAGED: Final = "averaged.safetensors"
_GAMES: Final = "games.safetensors"
_RANDOM: Final = "random.json"
_POLICY: Final = "policy.pth"  # inside model.zip
_MAX_BYTES_POLICY: Final = 1 << 28
_ANOTHER: Final = "Load another checkpoint, or copy this one again from a whole one."
_FREE_TO_CHANGE: Final = ("max_pieces", "illegal_action")  # of the game, when training goes on


def save_agent(agent: "TetrisAgent", path: Path, secret: bytes) -> None:
    """Writes an agent; see ``TetrisAgent.save_checkpoint``."""
    games, env_config = agent.games, agent.env_config
    if not isinstance(games, TetrisVecEnv) or env_config is None:
        raise CheckpointError(
            f"A checkpoint goes on exactly, and {type(games).__name__} cannot give its state. "
            "Train on make_env(config)() unwrapped, or save the model alone by agent.model.save."
        )
    model = agent.model

    def write_files(folder: Path) -> None:
        model.save(folder / _MODEL)
        with (folder / _REPLAY).open("wb") as file:
            pickle.dump(model.replay_buffer, file, protocol=pickle.HIGHEST_PROTOCOL)
        if model.q_net_averaged is not None:
            safetensors.torch.save_file(model.q_net_averaged.state_dict(), folder / _AVERAGED)
        safetensors.numpy.save_file(games.state(), folder / _GAMES)
        (folder / _RANDOM).write_text(random_states(model.action_space), encoding="utf-8")

    store.save(
        path,
        algorithm=_ALGORITHM,
        training_config=agent.config.to_dict(),
        env_config=env_config.to_dict(),
        counters={
            "timesteps_trained": agent.timesteps_trained,
            "steps_asked": min(agent.steps_asked, agent.timesteps_trained),
            "n_averaged": model.n_averaged,
            "statistics": agent.statistics.state(),
        },
        seed=agent.config.seed,
        write_files=write_files,
        secret=secret,
    )


def load_agent(cls: type[Agent], path: Path, env: Any, secret: bytes | None) -> Agent:
    """Reads an agent; see ``TetrisAgent.load_checkpoint``. Without a secret, whoever made it is trusted."""
    metadata = store.read_metadata(path)
    if secret is not None:
        store.require_trusted(path, metadata, secret)
    config, env_config = _configs(path, metadata)
    agent = cls(env, config)
    _require_same_game(path, env_config, agent)
    if agent.games.num_envs != config.n_envs:
        raise CheckpointError(
            f"The checkpoint {str(path)!r} is of {config.n_envs} games at once; got {agent.games.num_envs}. "
            "Pass make_env(config)(), or as many games."
        )
    with _damage_told(path):
        _put_back(agent, path, metadata)
    return agent


def _put_back(agent: "TetrisAgent", path: Path, metadata: store.Metadata) -> None:
    """Reads everything but the configs; `DQN.load` reseeds all generators, so these are put back last."""
    config = agent.config
    model = TetrisDQN.load(
        io.BytesIO(store.read_file(path, metadata, _MODEL)), env=agent.games, device=config.device, force_reset=False
    )
    assert isinstance(model, TetrisDQN)
    model.replay_buffer = pickle.loads(store.read_file(path, metadata, _REPLAY))  # noqa: S301 signed, or trusted
    model.replay_buffer.device = model.device
    if model.q_net_averaged is not None:
        weights = safetensors.torch.load(store.read_file(path, metadata, _AVERAGED))
        model.q_net_averaged.load_state_dict(weights)
    model.n_averaged = metadata.counters["n_averaged"]
    assert isinstance(agent.games, TetrisVecEnv)
    model._last_obs = agent.games.set_state(safetensors.numpy.load(store.read_file(path, metadata, _GAMES)))
    agent.games._reset_seeds()
    agent.model = model
    agent.steps_asked = metadata.counters["steps_asked"]
    agent.statistics.set_state(metadata.counters["statistics"])
    restore_random_states(store.read_file(path, metadata, _RANDOM).decode(), model.action_space)


def read_policy(path: Path, name: str | None = None) -> tuple[NetworkPolicy, EnvConfig]:
    """Reads the weights that play, and the game that they were trained for; runs nothing from the checkpoint.

    Args:
        path: The checkpoint.
        name: What reports call the policy, before its step; the folder's name if left out.

    Raises:
        DamagedCheckpointError: if it is not whole.
        CheckpointError: if it is none, or a newer version's.
    """
    metadata = store.read_metadata(path)
    config, env_config = _configs(path, metadata)
    step = metadata.counters.get("timesteps_trained")
    if not isinstance(step, int):
        raise DamagedCheckpointError(f"{str(path / 'metadata.json')!r} lacks a count of steps. {_ANOTHER}")
    with _damage_told(path):
        policy = NetworkPolicy(
            env_config.features,
            _layers(_read_weights(path, metadata)),
            config.activation,
            scale=input_scale(env_config),
            width=env_config.width,
            preview=env_config.preview,
            name=f"{name or _run_name(path)} at step {step:,}",
        )
    return policy, env_config


def take_weights(agent: "TetrisAgent", path: Path) -> None:
    """Gives an agent the weights that play in a checkpoint; see ``TetrisAgent.start_from``."""
    metadata = store.read_metadata(path)
    config, env_config = _configs(path, metadata)
    assert agent.env_config is not None
    saved = {"net_arch": config.net_arch, "activation": config.activation, **_inputs(env_config)}
    given = {"net_arch": agent.config.net_arch, "activation": agent.config.activation, **_inputs(agent.env_config)}
    for name, value in saved.items():
        if value != given[name]:
            raise CheckpointError(
                f"Weights fit a network of the same inputs and layers; {str(path)!r} has {name}={value!r}, "
                f"this agent {given[name]!r}. Set {name} to the same."
            )
    with _damage_told(path):
        weights = _read_weights(path, metadata)
        for network in (agent.model.q_net, agent.model.q_net_target, agent.model.q_net_averaged):
            if network is not None:
                network.load_state_dict(weights)


@contextlib.contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Tells of whatever a file of whole bytes and strange content leads to; a ConfigError is a ValueError too."""
    try:
        yield
    except (
        ValueError, KeyError, TypeError, AttributeError, RuntimeError, EOFError, zipfile.BadZipFile,
        safetensors.SafetensorError, pickle.UnpicklingError,
    ) as error:  # fmt: skip
        raise DamagedCheckpointError(
            f"What lies in {str(path)!r} is not what an agent writes ({type(error).__name__}). {_ANOTHER}"
        ) from error


def _run_name(path: Path) -> str:
    """The run that a checkpoint is of, or the folder's own name."""
    return path.parent.parent.name if path.parent.name == "checkpoints" else path.name


def _inputs(config: EnvConfig) -> dict[str, Any]:
    """What decides the inputs of a network."""
    return {"features": config.features, "width": config.width, "preview": config.preview}


def _read_weights(path: Path, metadata: store.Metadata) -> dict[str, torch.Tensor]:
    """Reads the weights that play, and nothing that could run."""
    if _AVERAGED in metadata.files:
        return dict(safetensors.torch.load(store.read_file(path, metadata, _AVERAGED)))
    with zipfile.ZipFile(io.BytesIO(store.read_file(path, metadata, _MODEL))) as archive:
        if archive.getinfo(_POLICY).file_size > _MAX_BYTES_POLICY:
            raise ValueError(f"{_POLICY} claims to be larger than any policy of ours")
        policy = torch.load(io.BytesIO(archive.read(_POLICY)), map_location="cpu", weights_only=True)
    return {name.removeprefix("q_net."): value for name, value in policy.items() if name.startswith("q_net.")}


def _layers(weights: dict[str, torch.Tensor]) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    numbers = sorted(int(name.split(".")[1]) for name in weights if name.endswith(".weight"))
    return [(weights[f"q_net.{number}.weight"].numpy(), weights[f"q_net.{number}.bias"].numpy()) for number in numbers]


def _configs(path: Path, metadata: store.Metadata) -> tuple[TrainingConfig, EnvConfig]:
    if metadata.algorithm != _ALGORITHM:
        raise CheckpointError(
            f"The checkpoint {str(path)!r} is of the algorithm {metadata.algorithm!r}; this version knows "
            f"{_ALGORITHM!r}. Update tetrarium."
        )
    try:
        return TrainingConfig.from_dict(metadata.training_config), EnvConfig.from_dict(metadata.env_config)
    except TetrariumError as error:
        raise DamagedCheckpointError(f"The checkpoint {str(path)!r} holds a config that cannot be: {error}") from error


def _require_same_game(path: Path, saved: EnvConfig, agent: "TetrisAgent") -> None:
    if agent.env_config is None or not isinstance(agent.games, TetrisVecEnv):
        raise CheckpointError(
            f"The checkpoint {str(path)!r} goes on exactly, and {type(agent.games).__name__} cannot take its state. "
            "Pass make_env(config)() unwrapped."
        )
    was, now = saved.to_dict(), agent.env_config.to_dict()
    different = [name for name in was if was[name] != now[name] and name not in _FREE_TO_CHANGE]
    if different:
        name = different[0]
        raise CheckpointError(
            f"The checkpoint {str(path)!r} was made for a game with {name}={was[name]!r}; this one has {now[name]!r}. "
            "Pass an environment of the same config."
        )
