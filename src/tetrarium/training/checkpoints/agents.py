"""An agent written to a checkpoint and read back: which files there are, its learner says.

Counters and both configs are in ``metadata.json``. Some files are pickles inside and are read only from a checkpoint
that was made in this home, or that the caller trusts. ``read_policy`` reads weights alone, and runs nothing.

A *model* is a checkpoint of weights alone: ``policy.safetensors`` under the same ``metadata.json``. It plays and can be
begun from, but training does not go on from it.
"""

import contextlib
import pickle
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import safetensors
import safetensors.numpy

from tetrarium.environment import EnvConfig
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.errors import CheckpointError, ConfigError, DamagedCheckpointError, TetrariumError
from tetrarium.registry.bundles import BUNDLE_SUFFIX, read_bundle
from tetrarium.training.algorithms.learner import Learner, PlayingPolicy, ReadFile, Weights, find_learner
from tetrarium.training.checkpoints import store
from tetrarium.training.checkpoints.files import ANOTHER
from tetrarium.training.checkpoints.sharing import SavedPolicy, saved_policy_of
from tetrarium.training.config import ALGORITHMS, CHANGEABLE, TrainingConfig

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

Agent = TypeVar("Agent", bound="TetrisAgent")

__all__ = [
    "Beside",
    "SavedPolicy",
    "load_agent",
    "read_policy",
    "read_saved_policy",
    "save_agent",
    "save_model",
    "saved_files",
    "take_weights",
]

_POLICY: Final = "policy.safetensors"
_FREE_TO_CHANGE: Final = ("max_pieces", "illegal_action")  # of the game, when training goes on


class Beside(Protocol):
    """What goes into a checkpoint beside the agent."""

    def write(self, folder: Path) -> None:
        """Writes files into the checkpoint's folder."""


def save_agent(agent: "TetrisAgent", path: Path, secret: bytes, beside: Sequence[Beside] = ()) -> None:
    """Writes an agent; see ``TetrisAgent.save_checkpoint``."""
    games, env_config = agent.games, agent.env_config
    if not isinstance(games, TetrisVecEnv) or env_config is None:
        raise CheckpointError(
            f"A checkpoint goes on exactly, and {type(games).__name__} cannot give its state. "
            "Train on make_env(config)() unwrapped, or save the model alone by agent.model.save."
        )

    def write_files(folder: Path) -> None:
        for part in (agent.learner, *beside):
            part.write(folder)

    _save(
        path,
        agent.config,
        env_config,
        {
            "timesteps_trained": agent.timesteps_trained,
            "steps_asked": min(agent.steps_asked, agent.timesteps_trained),
            "statistics": agent.statistics.state(),
            **agent.learner.counters(),
        },
        write_files,
        secret,
    )


def save_model(path: Path, saved: SavedPolicy, about: Mapping[str, Any], secret: bytes) -> None:
    """Writes weights alone, with what is to be said about them, as a checkpoint that plays.

    Raises:
        CheckpointError: if it cannot be written.
    """

    def write_files(folder: Path) -> None:
        safetensors.numpy.save_file(dict(saved.weights), folder / _POLICY)

    counters = {**about, "timesteps_trained": saved.step}
    _save(path, saved.config, saved.env_config, counters, write_files, secret)


def _save(
    path: Path, config: TrainingConfig, env_config: EnvConfig, counters: dict[str, Any], write_files: Any, secret: bytes
) -> None:
    store.save(
        path,
        algorithm=config.algorithm,
        training_config=config.to_dict(),
        env_config=env_config.to_dict(),
        counters=counters,
        seed=config.seed,
        write_files=write_files,
        secret=secret,
    )


def load_agent(
    cls: type[Agent], path: Path, env: Any, secret: bytes | None, given: TrainingConfig | None = None
) -> Agent:
    """Reads an agent; see ``TetrisAgent.load_checkpoint``.

    Args:
        cls: The class to make.
        path: The checkpoint.
        env: Of the same game.
        secret: The home's key; without it, whoever made the checkpoint is trusted.
        given: How training goes on; as it was if left out.

    Raises:
        ConfigError: if what is given differs in more than may change.
    """
    metadata = store.read_metadata(path)
    if secret is not None:
        store.require_trusted(path, metadata, secret)
    config, env_config = _configs(path, metadata)
    if _POLICY in metadata.files:
        raise CheckpointError(
            f"{str(path)!r} holds the weights of a model alone, and training does not go on from that. "
            "Begin a new run from it by --from or start_from, or load a checkpoint of the run."
        )
    if given is not None:
        _require_changeable(path, config, given)
        config = given
    agent = cls(env, config)
    _require_same_game(path, env_config, agent)
    if agent.games.num_envs != config.n_envs:
        raise CheckpointError(
            f"The checkpoint {str(path)!r} is of {config.n_envs} games at once; got {agent.games.num_envs}. "
            "Pass make_env(config)(), or as many games."
        )
    with _damage_told(path):
        agent.learner.read(_reader(path, metadata), metadata.counters)
        agent.steps_asked = metadata.counters["steps_asked"]
        agent.statistics.set_state(metadata.counters["statistics"])
    return agent


def read_policy(path: str | Path, name: str | None = None) -> tuple[PlayingPolicy, EnvConfig]:
    """Reads the weights that play, and the game that they were trained for; runs nothing from the checkpoint.

    Args:
        path: The checkpoint's folder, or a bundle's file.
        name: What reports call the policy, before its step; the folder's name if left out.

    Raises:
        DamagedCheckpointError: if it is not whole.
        CheckpointError: if it is none, or a newer version's.
    """
    path = Path(path)
    saved = read_saved_policy(path)
    shown = f"{name or _run_name(path)} at step {saved.step:,}"
    with _damage_told(path):
        return saved.learner.make_policy(saved.weights, saved.config, saved.env_config, shown), saved.env_config


def read_saved_policy(path: Path) -> SavedPolicy:
    """Reads the weights that play, and what they came from, of a checkpoint or a bundle; runs nothing of either.

    Raises:
        BundleError: if a bundle is not what it should be.
        DamagedCheckpointError: if it is not whole.
        CheckpointError: if it is none, or a newer version's.
    """
    if path.suffix == BUNDLE_SUFFIX and not path.is_dir():
        return saved_policy_of(read_bundle(path), repr(str(path)))
    metadata = store.read_metadata(path)
    config, env_config = _configs(path, metadata)
    step = metadata.counters.get("timesteps_trained")
    if not isinstance(step, int):
        raise DamagedCheckpointError(f"{str(path / 'metadata.json')!r} lacks a count of steps. {ANOTHER}")
    learner = find_learner(metadata.algorithm)
    read_file = _reader(path, metadata)
    with _damage_told(path):
        if _POLICY in metadata.files:
            weights: Weights = safetensors.numpy.load(read_file(_POLICY))
        else:
            weights = learner.read_weights(tuple(metadata.files), read_file)
    return SavedPolicy(weights=weights, config=config, env_config=env_config, step=step, learner=learner)


def take_weights(agent: "TetrisAgent", path: Path) -> None:
    """Gives an agent the weights that play in a checkpoint; see ``TetrisAgent.start_from``."""
    saved = read_saved_policy(path)
    assert agent.env_config is not None
    theirs = _shape(saved.learner, saved.config, saved.env_config)
    for name, ours in _shape(type(agent.learner), agent.config, agent.env_config).items():
        if theirs.get(name) != ours:
            raise CheckpointError(
                f"Weights fit a network of the same inputs and layers; {str(path)!r} has {name}={theirs.get(name)!r}, "
                f"this agent {ours!r}. Set {name} to the same."
            )
    with _damage_told(path):
        agent.learner.take_weights(saved.weights)


def _shape(learner: type[Learner], config: TrainingConfig, env_config: EnvConfig) -> dict[str, Any]:
    """What decides the inputs and the layers of a network."""
    return {
        "algorithm": learner.algorithm,
        **{name: getattr(config, name) for name in learner.shaped_by},
        "features": env_config.features,
        "width": env_config.width,
        "preview": env_config.preview,
    }


def _reader(path: Path, metadata: store.Metadata) -> ReadFile:
    return partial(store.read_file, path, metadata)


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
            f"What lies in {str(path)!r} is not what an agent writes ({type(error).__name__}). {ANOTHER}"
        ) from error


@contextlib.contextmanager
def saved_files(path: Path) -> Iterator[tuple[tuple[str, ...], ReadFile]]:
    """Gives the names of a checkpoint's files and what reads them, and tells of damage.

    Raises:
        DamagedCheckpointError: if it is not whole, or what it holds is not what was written.
    """
    metadata = store.read_metadata(path)
    with _damage_told(path):
        yield tuple(metadata.files), _reader(path, metadata)


def _require_changeable(path: Path, saved: TrainingConfig, given: TrainingConfig) -> None:
    was, now = saved.to_dict(), given.to_dict()
    for name in was:
        if was[name] != now[name] and name not in CHANGEABLE:
            raise ConfigError(
                f"Training goes on with the settings that it began with: {str(path)!r} has {name}={was[name]!r}, and "
                f"{name}={now[name]!r} is asked for. What may change is {', '.join(CHANGEABLE)}. "
                "Put it back, or begin a new run by `tetrarium train --from`."
            )


def _run_name(path: Path) -> str:
    """The run that a checkpoint is of, or the folder's own name."""
    return path.parent.parent.name if path.parent.name == "checkpoints" else path.name.removesuffix(BUNDLE_SUFFIX)


def _configs(path: Path, metadata: store.Metadata) -> tuple[TrainingConfig, EnvConfig]:
    if metadata.algorithm not in ALGORITHMS:
        raise CheckpointError(
            f"{str(path / 'metadata.json')!r} is of the algorithm {metadata.algorithm!r}; this version knows "
            f"{', '.join(map(repr, ALGORITHMS))}. Update tetrarium."
        )
    try:
        config = TrainingConfig.from_dict(metadata.training_config)
        env_config = EnvConfig.from_dict(metadata.env_config)
    except TetrariumError as error:
        raise DamagedCheckpointError(
            f"{str(path / 'metadata.json')!r} holds a config that cannot be: {error} {ANOTHER}"
        ) from error
    if config.algorithm != metadata.algorithm:
        raise DamagedCheckpointError(
            f"{str(path / 'metadata.json')!r} names two algorithms, {metadata.algorithm!r} and {config.algorithm!r}. "
            f"{ANOTHER}"
        )
    return config, env_config


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
