"""Checkpoints of an agent, and checkpoints of weights alone.

Each learner decides which files it needs; counters and both configs are in ``metadata.json``. Some of the files are
pickles and are read only from a checkpoint that was made in this home, or that the caller trusts. ``read_policy`` reads
weights alone and executes nothing.

A *model* is a checkpoint of weights alone: ``policy.safetensors`` under the same ``metadata.json``. It can play and be
the starting point of a new run, but training cannot resume from it.
"""

import contextlib
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, Self

import safetensors
import safetensors.numpy

from tetrarium.environment import EnvConfig
from tetrarium.errors import CheckpointError, ConfigError, DamagedCheckpointError
from tetrarium.registry.bundles import BUNDLE_SUFFIX, read_bundle
from tetrarium.registry.files.tensors import write_tensors
from tetrarium.training.algorithms.learner import CompiledPolicy, Learner, ReadFile, Weights, learner_class
from tetrarium.training.algorithms.training_env import is_plain
from tetrarium.training.checkpoints import checkpoint_store
from tetrarium.training.checkpoints.metadata import METADATA_NAME, Metadata
from tetrarium.training.checkpoints.model_bundles import SavedPolicy, parse_configs, policy_from_bundle
from tetrarium.training.checkpoints.processors import require_same_code
from tetrarium.training.config import CHANGEABLE_SETTINGS, TrainingConfig

_POLICY: Final = "policy.safetensors"
_CHANGEABLE_ENV_FIELDS: Final = ("max_pieces", "illegal_action")  # may differ when training resumes


class CheckpointPart(Protocol):
    """An object that stores files of its own in the agent's checkpoint."""

    def write(self, folder: Path) -> None:
        """Writes files into the checkpoint's folder."""


def save_agent(
    learner: Learner, counters: Mapping[str, Any], path: Path, secret: bytes, extras: Sequence[CheckpointPart] = ()
) -> None:
    """Writes the checkpoint of an agent; see ``TetrisAgent.save_checkpoint``.

    Args:
        learner: The agent's learner.
        counters: The agent's own numbers, JSON-able.
        path: The checkpoint's folder.
        secret: The home's key.
        extras: Further writers of files.
    """
    vec_env, env_config = learner.vec_env, learner.env_config
    if not is_plain(vec_env) or env_config is None:
        raise CheckpointError(
            f"A checkpoint holds the exact state of the games, and {type(vec_env).__name__} cannot export it. "
            "Train on make_env(config)() unwrapped, or save the model alone by agent.model.save."
        )

    def write_files(folder: Path) -> None:
        for part in (learner, *extras):
            part.write(folder)

    _save(path, learner.config, env_config, {**counters, **learner.counters()}, write_files, secret)


def save_model(path: Path, saved: SavedPolicy, counters: Mapping[str, Any], secret: bytes) -> None:
    """Writes weights alone as a checkpoint that can play.

    Args:
        path: The checkpoint's folder.
        saved: The weights and their configs.
        counters: Further numbers for ``metadata.json``, JSON-able.
        secret: The home's key.

    Raises:
        CheckpointError: if it cannot be written.
    """

    def write_files(folder: Path) -> None:
        write_tensors(folder / _POLICY, saved.weights)

    counters = {**counters, "timesteps_trained": saved.step}
    _save(path, saved.config, saved.env_config, counters, write_files, secret)


def _save(
    path: Path,
    config: TrainingConfig,
    env_config: EnvConfig,
    counters: Mapping[str, Any],
    write_files: Callable[[Path], None],
    secret: bytes,
) -> None:
    checkpoint_store.save(
        path,
        algorithm=config.algorithm,
        training_config=config.to_dict(),
        env_config=env_config.to_dict(),
        counters=counters,
        seed=config.seed,
        write_files=write_files,
        secret=secret,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCheckpoint:
    """A checkpoint from which training can resume.

    Args:
        path: The checkpoint's folder.
        metadata: The metadata, trusted by signature or by the caller.
        config: The settings that the agent was trained with.
        env_config: The game that it was trained on.
    """

    path: Path
    metadata: Metadata
    config: TrainingConfig
    env_config: EnvConfig

    @classmethod
    def open(cls, path: Path, secret: bytes | None, *, any_cpu: bool = False) -> Self:
        """Reads a checkpoint's metadata and configs.

        Args:
            path: The checkpoint's folder.
            secret: The home's key; None trusts the checkpoint without a signature.
            any_cpu: Accept a checkpoint of a processor on which training computes other numbers.

        Raises:
            UntrustedCheckpointError: if it was made in another home.
            OtherCpuError: if it was made with other vector instructions or, where they matter, kernels of BLAS.
            CheckpointError: if it is damaged, or holds weights alone.
        """
        metadata = checkpoint_store.read_metadata(path)
        if secret is not None:
            checkpoint_store.require_trusted(path, metadata, secret)
        config, env_config = _configs(path, metadata)
        if not any_cpu:
            uses_blas = learner_class(config.algorithm).uses_blas
            require_same_code(path, metadata.library_versions, uses_blas=uses_blas)
        if _POLICY in metadata.files:
            raise CheckpointError(
                f"{str(path)!r} holds the weights of a model alone, and training cannot resume from it. "
                "Start a new run from it with --from or start_from, or load a checkpoint of the run."
            )
        return cls(path=path, metadata=metadata, config=config, env_config=env_config)

    def require_changeable(self, config: TrainingConfig) -> None:
        """Requires that settings to resume with differ from the saved ones in changeable settings only.

        Raises:
            ConfigError: if another setting differs.
        """
        saved, requested = self.config.to_dict(), config.to_dict()
        for name in saved:
            if saved[name] != requested[name] and name not in CHANGEABLE_SETTINGS:
                raise ConfigError(
                    f"A resumed run keeps its settings: {str(self.path)!r} has {name}={saved[name]!r}; got "
                    f"{name}={requested[name]!r}. Only {', '.join(CHANGEABLE_SETTINGS)} may change. "
                    "Restore the setting, or start a new run with `tetrarium train --from`.",
                    field=name,
                )

    def restore(self, learner: Learner) -> dict[str, Any]:
        """Restores a learner's state; returns the agent's counters.

        Raises:
            CheckpointError: if the learner's environment differs.
            DamagedCheckpointError: if the content of a file is invalid.
        """
        _require_same_game(self.path, self.env_config, learner)
        if learner.vec_env.num_envs != self.config.n_envs:
            raise CheckpointError(
                f"The checkpoint {str(self.path)!r} has {self.config.n_envs} parallel games; got "
                f"{learner.vec_env.num_envs}. Pass make_env(config)(), or an environment with as many games."
            )
        with self.content_checked():
            learner.read(_reader(self.path, self.metadata), self.metadata.counters)
        return self.metadata.counters

    def content_checked(self) -> contextlib.AbstractContextManager[None]:
        """Returns a context manager that raises ``DamagedCheckpointError`` for errors due to invalid content."""
        return _content_checked(self.path)


def read_policy(path: str | Path, name: str | None = None) -> tuple[CompiledPolicy, EnvConfig]:
    """Reads a policy and the game that it was trained for; executes nothing from the checkpoint.

    Args:
        path: A checkpoint's folder or a bundle's file.
        name: Name of the policy in reports, before its step; by default the run's or the folder's.

    Raises:
        DamagedCheckpointError: if it is incomplete or altered.
        CheckpointError: if there is no checkpoint, or a newer version made it.
    """
    path = Path(path)
    saved = read_saved_policy(path)
    full_name = f"{name or _run_name(path)} at step {saved.step:,}"
    with _content_checked(path):
        return saved.learner.make_policy(saved.weights, saved.config, saved.env_config, full_name), saved.env_config


def read_saved_policy(path: Path) -> SavedPolicy:
    """Reads the weights of a checkpoint or a bundle with their configs; executes nothing from it.

    Raises:
        BundleError: if a bundle is invalid.
        DamagedCheckpointError: if it is incomplete or altered.
        CheckpointError: if there is no checkpoint, or a newer version made it.
    """
    if path.suffix == BUNDLE_SUFFIX and not path.is_dir():
        return policy_from_bundle(read_bundle(path), repr(str(path)))
    metadata = checkpoint_store.read_metadata(path)
    config, env_config = _configs(path, metadata)
    step = metadata.counters.get("timesteps_trained")
    if not isinstance(step, int):
        raise DamagedCheckpointError(
            f"{str(path / METADATA_NAME)!r} has no valid step count. {checkpoint_store.REMEDY}"
        )
    learner = learner_class(metadata.algorithm)
    read_file = _reader(path, metadata)
    with _content_checked(path):
        if _POLICY in metadata.files:
            weights: Weights = safetensors.numpy.load(read_file(_POLICY))
        else:
            weights = learner.read_weights(tuple(metadata.files), read_file)
    return SavedPolicy(weights=weights, config=config, env_config=env_config, step=step, learner=learner)


def load_weights(learner: Learner, path: Path) -> None:
    """Loads a checkpoint's weights into a learner; see ``TetrisAgent.start_from``."""
    saved = read_saved_policy(path)
    assert learner.env_config is not None
    saved_shape = _network_shape(saved.learner, saved.config, saved.env_config)
    for name, value in _network_shape(type(learner), learner.config, learner.env_config).items():
        if saved_shape.get(name) != value:
            raise CheckpointError(
                f"Weights require a network with the same inputs and layers; {str(path)!r} has "
                f"{name}={saved_shape.get(name)!r}, this agent {value!r}. Set {name} to the same."
            )
    with _content_checked(path):
        learner.load_weights(saved.weights)


def _network_shape(learner: type[Learner], config: TrainingConfig, env_config: EnvConfig) -> dict[str, Any]:
    """Settings that determine the inputs and layers of a network."""
    return {
        "algorithm": learner.algorithm,
        **{name: getattr(config, name) for name in learner.shape_settings},
        "features": env_config.features,
        "width": env_config.width,
        "preview": env_config.preview,
    }


def _reader(path: Path, metadata: Metadata) -> ReadFile:
    return partial(checkpoint_store.read_file, path, metadata)


@contextlib.contextmanager
def _content_checked(path: Path) -> Iterator[None]:
    """Raises ``DamagedCheckpointError`` for errors due to intact files with invalid content (ConfigError included)."""
    try:
        yield
    except (
        ValueError, KeyError, TypeError, AttributeError, RuntimeError, EOFError, zipfile.BadZipFile,
        safetensors.SafetensorError, pickle.UnpicklingError,
    ) as error:  # fmt: skip
        raise DamagedCheckpointError(
            f"The content of {str(path)!r} is invalid ({type(error).__name__}). {checkpoint_store.REMEDY}"
        ) from error


@contextlib.contextmanager
def saved_files(path: Path) -> Iterator[tuple[tuple[str, ...], ReadFile]]:
    """Context manager that gives the names of a checkpoint's files and a function that reads one.

    Raises:
        DamagedCheckpointError: if it is incomplete or altered, or its content is invalid.
    """
    metadata = checkpoint_store.read_metadata(path)
    with _content_checked(path):
        yield tuple(metadata.files), _reader(path, metadata)


def _run_name(path: Path) -> str:
    """Name of the run that a checkpoint belongs to, or else of its folder."""
    return path.parent.parent.name if path.parent.name == "checkpoints" else path.name.removesuffix(BUNDLE_SUFFIX)


def _configs(path: Path, metadata: Metadata) -> tuple[TrainingConfig, EnvConfig]:
    source = repr(str(path / METADATA_NAME))
    return parse_configs(
        metadata, source, damaged=DamagedCheckpointError, unsupported=CheckpointError, remedy=checkpoint_store.REMEDY
    )


def _require_same_game(path: Path, saved: EnvConfig, learner: Learner) -> None:
    if learner.env_config is None or not is_plain(learner.vec_env):
        raise CheckpointError(
            f"The checkpoint {str(path)!r} restores the exact state of the games, and {type(learner.vec_env).__name__} "
            "does not support that. Pass make_env(config)() unwrapped."
        )
    before, now = saved.to_dict(), learner.env_config.to_dict()
    for name in before:
        if before[name] != now[name] and name not in _CHANGEABLE_ENV_FIELDS:
            raise CheckpointError(
                f"The checkpoint {str(path)!r} was made for a game with {name}={before[name]!r}; this one has "
                f"{now[name]!r}. Pass an environment with the same config."
            )
