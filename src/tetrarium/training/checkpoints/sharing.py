"""A model on its way out and in: a bundle of what plays, and what plays of a bundle or a stranger's ``model.zip``.

The registry checks what a bundle is made of; here its configs are made, and its arrays are compared with those that
such a network has, by name, shape and dtype, before anything is built of them.
"""

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
from tetrarium.training.algorithms.learner import Learner, Weights, find_learner, float_copies
from tetrarium.training.algorithms.scales import input_scale
from tetrarium.training.config import ALGORITHMS, TrainingConfig

__all__ = ["SavedPolicy", "bundle_of", "read_sb3_model", "saved_policy_of"]

_SCALE: Final = "input_scale"
_NETWORKS: Final = {"quantile_net": "qr-dqn", "actor": "maskable-ppo", "q_net": "dqn"}  # in a policy's parameters
_ASK_FOR_A_BUNDLE: Final = "Ask for a bundle, made by `tetrarium models export`."
_STRANGE: Final = (  # what reading a file of strange content leads to
    ValueError, KeyError, TypeError, AttributeError, RuntimeError, EOFError, OverflowError, IndexError,
    zipfile.BadZipFile, pickle.UnpicklingError,
)  # fmt: skip
_WEIGHT: Final = re.compile(r"[a-z_]+\.([0-9]{1,3})\.weight")


class SavedPolicy(NamedTuple):
    """What can be read from a checkpoint or a bundle without running anything of it."""

    weights: Weights
    config: TrainingConfig
    env_config: EnvConfig
    step: int
    learner: type[Learner]


def bundle_of(saved: SavedPolicy, name: str, **more: Any) -> Bundle:
    """Makes a bundle of what plays.

    Args:
        saved: What plays.
        name: What the model is called.
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


def saved_policy_of(bundle: Bundle, shown: str) -> SavedPolicy:
    """Makes what plays of a bundle.

    Args:
        bundle: Whoever made it.
        shown: What messages call it.

    Raises:
        BundleError: if its configs cannot be, or its arrays are not those of such a network.
    """
    if bundle.algorithm not in ALGORITHMS:
        raise BundleError(
            f"The bundle {shown} is of the algorithm {bundle.algorithm!r}; this version knows "
            f"{', '.join(map(repr, ALGORITHMS))}. Update tetrarium."
        )
    try:
        config = TrainingConfig.from_dict(bundle.training_config)
        env_config = EnvConfig.from_dict(bundle.env_config)
    except (TetrariumError, TypeError) as error:
        raise BundleError(f"The bundle {shown} holds a config that cannot be: {error}") from error
    if config.algorithm != bundle.algorithm or config.seed != bundle.seed:
        raise BundleError(f"The bundle {shown} names two algorithms or seeds. Ask whoever made it for another copy.")
    learner = find_learner(bundle.algorithm)
    _require_fitting(bundle.weights, learner, config, env_config, f"The bundle {shown}")
    return SavedPolicy(bundle.weights, config, env_config, bundle.step, learner)


def read_sb3_model(path: Path, env_config: EnvConfig, config: TrainingConfig) -> SavedPolicy:
    """Reads the weights of a ``model.zip`` that ``agent.model.save`` made, wherever it comes from; nothing in it runs.

    Algorithm, layers and quantiles are read off the shapes; what shapes do not tell, the configs say.

    Args:
        path: The file.
        env_config: The game that it was trained for.
        config: How it was trained.

    Raises:
        BundleError: if it is no such file, or its network reads other features.
    """
    shown = f"The model {str(path)!r}"
    tensors = _read_tensors(path, shown)
    network = next((name for name in _NETWORKS if any(key.startswith(f"{name}.") for key in tensors)), None)
    if network is None:
        raise BundleError(f"{shown} holds no network of tetrarium's. {_ASK_FOR_A_BUNDLE}")
    mine = {key.removeprefix(f"{network}."): value for key, value in tensors.items() if key.startswith(f"{network}.")}
    try:
        config = config.with_changes(algorithm=_NETWORKS[network], **_read_off(mine, shown))
    except ConfigError as error:
        raise BundleError(f"{shown} holds a network that cannot be: {error}") from error
    learner = find_learner(config.algorithm)
    kinds = {name: (tuple(value.shape), str(value.dtype).removeprefix("torch.")) for name, value in mine.items()}
    _require_kinds(kinds, learner, config, env_config, shown)  # before a stranger's shape is given memory
    weights = float_copies(mine)
    _require_fitting(weights, learner, config, env_config, shown)
    return SavedPolicy(weights, config, env_config, 0, learner)


def _read_tensors(path: Path, shown: str) -> Mapping[str, Any]:
    from tetrarium.training.algorithms.policy_file import read_policy_tensors

    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES_BUNDLE + 1)
    except OSError as error:
        raise BundleError(f"{shown} cannot be read: {error.strerror}. Check its name.") from error
    if len(content) > MAX_BYTES_BUNDLE:
        raise BundleError(f"{shown} has more than {MAX_BYTES_BUNDLE:,} bytes. {_ASK_FOR_A_BUNDLE}")
    try:
        return read_policy_tensors(content)
    except _STRANGE as error:
        raise BundleError(
            f"{shown} is not a model of Stable-Baselines3 whose weights can be read without running anything "
            f"({type(error).__name__}). {_ASK_FOR_A_BUNDLE}"
        ) from error


def _read_off(tensors: Mapping[str, Any], shown: str) -> dict[str, Any]:
    """Settings that shapes tell."""
    layers = {int(match[1]): value for name, value in tensors.items() if (match := _WEIGHT.fullmatch(name))}
    if not layers or any(len(value.shape) != 2 or 0 in value.shape for value in layers.values()):
        raise BundleError(f"{shown} holds a network without layers. {_ASK_FOR_A_BUNDLE}")
    widths = [layers[number].shape[0] for number in sorted(layers)]
    settings: dict[str, Any] = {"net_arch": tuple(widths[:-1])}
    if any(name.startswith("quantile_net.") for name in tensors):
        settings["n_quantiles"] = widths[-1]
    return settings


def _require_fitting(
    weights: Weights, learner: type[Learner], config: TrainingConfig, env_config: EnvConfig, shown: str
) -> None:
    """Refuses arrays that such a network has not.

    Raises:
        BundleError: if a name, a shape, a dtype, a number or the scale of the inputs is another.
    """
    kinds = {name: (tuple(value.shape), str(value.dtype)) for name, value in weights.items()}
    _require_kinds(kinds, learner, config, env_config, shown)
    for name, value in weights.items():
        if not np.isfinite(value).all():
            raise BundleError(f"{shown} holds a number in {name!r} that is not finite. Ask for another copy.")
    if _SCALE in weights and not np.array_equal(weights[_SCALE], np.array(input_scale(env_config), np.float32)):
        raise BundleError(f"{shown} scales its inputs otherwise than this version does. Use the version that made it.")


def _require_kinds(
    kinds: Mapping[str, Any], learner: type[Learner], config: TrainingConfig, env_config: EnvConfig, shown: str
) -> None:
    expected = learner.weight_kinds(config, env_config)
    for name, kind in expected.items():
        if name not in kinds:
            raise BundleError(f"{shown} has no weights {name!r}, which its config asks for. Ask for another copy.")
        if kinds[name] != kind:
            raise BundleError(
                f"{shown} has weights {name!r} of {_said(kinds[name])}, and its config asks for {_said(kind)}. "
                "Name the features and settings that it was trained with, or ask for another copy."
            )
    if extra := sorted(kinds.keys() - expected.keys()):
        raise BundleError(f"{shown} has weights {extra[0][:60]!r}, which its config has not. Ask for another copy.")


def _said(kind: tuple[tuple[int, ...], str]) -> str:
    return f"{' x '.join(map(str, kind[0]))} {kind[1]}"
