"""Conversion between saved policies and bundles, and import of ``model.zip`` files from other machines.

The registry validates a bundle's structure; this module validates its configs, and compares its arrays with those of
such a network, by name, shape and dtype, before a network is built.
"""

import io
import json
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from tetrarium.environment import EnvConfig
from tetrarium.errors import BundleError, ConfigError, TetrariumError
from tetrarium.registry.bundles import MAX_BYTES_BUNDLE, Bundle
from tetrarium.training.algorithms.learner import Learner, Weights, learner_class, to_numpy
from tetrarium.training.algorithms.networks import input_scale
from tetrarium.training.checkpoints.metadata import Metadata
from tetrarium.training.config import ALGORITHMS, TrainingConfig

_SCALE: Final = "input_scale"
_NETWORKS: Final = {"quantile_net": "qr-dqn", "actor": "maskable-ppo", "q_net": "dqn"}  # algorithm by parameter prefix
_ASK_FOR_A_BUNDLE: Final = "Ask for a bundle, made with `tetrarium models export`."
_ANOTHER: Final = "Ask its author for another copy."
_CONTENT_ERRORS: Final = (  # raised when a file of invalid content is read
    ValueError, KeyError, TypeError, AttributeError, RuntimeError, EOFError, OverflowError, IndexError,
    zipfile.BadZipFile, pickle.UnpicklingError,
)  # fmt: skip
_SPACE: Final = re.compile(r"<class '[\w.]*?(\w+)'>")
_MAX_CHARACTERS: Final = 80  # of an observation in a message
_WEIGHT: Final = re.compile(r"[a-z_]+\.([0-9]{1,3})\.weight")


class SavedPolicy(NamedTuple):
    """Weights and configs that were read from a checkpoint or a bundle without executing code from it."""

    weights: Weights
    config: TrainingConfig
    env_config: EnvConfig
    step: int
    learner: type[Learner]


def make_bundle(saved: SavedPolicy, name: str, **more: Any) -> Bundle:
    """Returns a bundle of a saved policy.

    Args:
        saved: The policy.
        name: The model's name.
        more: Further fields of the bundle.
    """
    return Bundle(
        name=name,
        algorithm=saved.config.algorithm,
        training_config=saved.config.to_dict(),
        env_config=saved.env_config.to_dict(),
        step=saved.step,
        seed=saved.config.seed,
        weights=saved.weights,
        **more,
    )


def policy_from_bundle(bundle: Bundle, label: str) -> SavedPolicy:
    """Returns the policy of a bundle from any source, validated.

    Raises:
        BundleError: if its configs are invalid, or its arrays do not fit such a network.
    """
    label = f"The bundle {label}"
    config, env_config = parse_configs(bundle, label, damaged=BundleError, unsupported=BundleError, remedy=_ANOTHER)
    if config.seed != bundle.seed:
        raise BundleError(f"{label} names two seeds, {bundle.seed} and {config.seed}. {_ANOTHER}")
    learner = learner_class(bundle.algorithm)
    _require_fitting(bundle.weights, learner, config, env_config, label)
    return SavedPolicy(bundle.weights, config, env_config, bundle.step, learner)


def parse_configs(
    saved: Metadata | Bundle,
    label: str,
    *,
    unsupported: type[TetrariumError],
    damaged: type[TetrariumError],
    remedy: str,
) -> tuple[TrainingConfig, EnvConfig]:
    """Returns the configs of a checkpoint or a bundle; raises errors of these classes, whose subject is ``label``."""
    if saved.algorithm not in ALGORITHMS:
        raise unsupported(
            f"{label} names the algorithm {saved.algorithm!r}; this version supports "
            f"{', '.join(map(repr, ALGORITHMS))}. Update tetrarium."
        )
    try:
        config = TrainingConfig.from_dict(saved.training_config)
        env_config = EnvConfig.from_dict(saved.env_config)
    except (TetrariumError, TypeError) as error:
        raise damaged(f"{label} holds an invalid config: {error} {remedy}") from error
    if config.algorithm != saved.algorithm:
        raise damaged(f"{label} names two algorithms, {saved.algorithm!r} and {config.algorithm!r}. {remedy}")
    return config, env_config


def read_sb3_model(path: Path, env_config: EnvConfig, config: TrainingConfig) -> SavedPolicy:
    """Reads the weights of a ``model.zip`` made by ``agent.model.save``, from any source; executes nothing from it.

    Algorithm, layers and quantiles follow from the shapes; the configs supply everything else.

    ``env_config``: the game that it was trained for.

    Raises:
        BundleError: if it is not such a file, or its network reads other features.
    """
    label = f"The model {str(path)!r}"
    tensors, network = read_network(path)
    prefix = f"{network}."
    parameters = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    try:
        config = config.with_changes(algorithm=_NETWORKS[network], **_settings_from_shapes(parameters, label))
    except ConfigError as error:
        raise BundleError(f"{label} contains an invalid network: {error}") from error
    learner = learner_class(config.algorithm)
    specs = {name: (tuple(value.shape), str(value.dtype).removeprefix("torch.")) for name, value in parameters.items()}
    _require_specs(specs, learner, config, env_config, label)  # before memory is allocated for untrusted shapes
    weights = to_numpy(parameters)
    _require_fitting(weights, learner, config, env_config, label)
    return SavedPolicy(weights, config, env_config, 0, learner)


def read_network(path: Path) -> tuple[Mapping[str, Any], str]:
    """Reads the tensors of a ``model.zip`` from any source, and the name of the network among them.

    Raises:
        BundleError: if it is not a model of Stable-Baselines3, or one of another environment.
    """
    label = f"The model {str(path)!r}"
    content = _read_content(path, label)
    tensors = _read_tensors(content, label)
    network = next((name for name in _NETWORKS if f"{name}.{_SCALE}" in tensors), None)
    if network is None:
        raise BundleError(
            f"{label} is not a model of tetrarium: its observation is {_observation_text(content)}, and not the "
            "features of Tetris boards. Import one that was trained by tetrarium."
        )
    return tensors, network


def _observation_text(content: bytes) -> str:
    """Describes the observation space of a ``model.zip``, which is untrusted."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open("data") as file:
            space = json.loads(file.read(MAX_BYTES_BUNDLE))["observation_space"]
        kind, shape = _SPACE.fullmatch(space[":type:"]), space.get("_shape")
    except _CONTENT_ERRORS:
        return "unknown"
    is_shape = isinstance(shape, list) and shape and all(isinstance(length, int) for length in shape)
    return f"{kind[1] if kind else 'unknown'}{f' of shape {shape}' if is_shape else ''}"[:_MAX_CHARACTERS]


def _read_content(path: Path, label: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES_BUNDLE + 1)
    except OSError as error:
        raise BundleError(f"{label} cannot be read: {error.strerror}. Check the path.") from error
    if len(content) > MAX_BYTES_BUNDLE:
        raise BundleError(f"{label} has more than {MAX_BYTES_BUNDLE:,} bytes. {_ASK_FOR_A_BUNDLE}")
    return content


def _read_tensors(content: bytes, label: str) -> Mapping[str, Any]:
    from tetrarium.training.algorithms.policy_file import read_policy_tensors

    try:
        return read_policy_tensors(content)
    except _CONTENT_ERRORS as error:
        raise BundleError(
            f"{label} is not a model of Stable-Baselines3 whose weights can be read without executing code. "
            f"{_ASK_FOR_A_BUNDLE}"
        ) from error


def _settings_from_shapes(tensors: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Returns the settings that determine the shapes."""
    layers = {int(match[1]): value for name, value in tensors.items() if (match := _WEIGHT.fullmatch(name))}
    if not layers or any(len(value.shape) != 2 or 0 in value.shape for value in layers.values()):
        raise BundleError(f"{label} contains a network without layers. {_ASK_FOR_A_BUNDLE}")
    widths = [layers[number].shape[0] for number in sorted(layers)]
    settings: dict[str, Any] = {"net_arch": tuple(widths[:-1])}
    if any(name.startswith("quantile_net.") for name in tensors):
        settings["n_quantiles"] = widths[-1]
    return settings


def _require_fitting(
    weights: Weights, learner: type[Learner], config: TrainingConfig, env_config: EnvConfig, label: str
) -> None:
    """Requires arrays that fit the network of the configs.

    Raises:
        BundleError: if a name, shape, dtype or input scale differs, or a number is not finite.
    """
    specs = {name: (tuple(value.shape), str(value.dtype)) for name, value in weights.items()}
    _require_specs(specs, learner, config, env_config, label)
    for name, value in weights.items():
        if not np.isfinite(value).all():
            raise BundleError(f"{label} contains a number in {name!r} that is not finite. Ask for another copy.")
    if _SCALE in weights and not np.array_equal(weights[_SCALE], np.array(input_scale(env_config), np.float32)):
        raise BundleError(f"{label} scales its inputs differently from this version. Use the version that made it.")


def _require_specs(
    specs: Mapping[str, Any], learner: type[Learner], config: TrainingConfig, env_config: EnvConfig, label: str
) -> None:
    expected = learner.weight_specs(config, env_config)
    for name, spec in expected.items():
        if name not in specs:
            raise BundleError(f"{label} has no weights {name!r}, which its config requires. Ask for another copy.")
        if specs[name] != spec:
            raise BundleError(
                f"{label} has weights {name!r} of {_described(specs[name])}, but its config requires "
                f"{_described(spec)}. Pass the features and settings that it was trained with, or ask for another copy."
            )
    if extra := sorted(specs.keys() - expected.keys()):
        raise BundleError(f"{label} has weights {extra[0][:60]!r}, which its config excludes. Ask for another copy.")


def _described(spec: tuple[tuple[int, ...], str]) -> str:
    return f"{' x '.join(map(str, spec[0]))} {spec[1]}"
