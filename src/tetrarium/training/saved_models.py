"""Saving, loading, importing and exporting models: the registry operations that need torch.

The registry stores bundles and knows only names and shapes. This module converts checkpoints to bundles and validates
bundles against their configs. Nothing that it reads can execute code, whatever its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.errors import BundleError, ModelError
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.bundles import BUNDLE_SUFFIX, Bundle, read_bundle
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.home import Home, check_name
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.run_tables import EVALUATIONS, read_table
from tetrarium.registry.versions import ModelVersion, champion_names
from tetrarium.training.algorithms.learner import CompiledPolicy
from tetrarium.training.checkpoints import checkpoint_store as checkpoints
from tetrarium.training.checkpoints.agent_checkpoint import read_policy, read_saved_policy
from tetrarium.training.checkpoints.model_bundles import make_bundle, policy_from_bundle, read_sb3_model
from tetrarium.training.config import TrainingConfig

_BEST: Final = "best"  # folder of a run's best weights
_MODEL_ZIP: Final = ".zip"
_MAX_POINTS: Final = 1_000
_CURVE: Final = {"step", "lines_until_limit"}  # columns of a model's learning curve
_COPIED_COUNTERS: Final = ("lines_until_limit", "harder_lines")  # from the best weights to the model


def find_model(spec: str, home: Home | None = None) -> Path:
    """Returns the path of the bundle of ``NAME`` or ``NAME@VERSION``, in a home or among the built-in models.

    Raises:
        ModelError: if there is no such model.
    """
    models = ModelStore(Home.locate() if home is None else home)
    return models.path(models.find(spec))


def load_model(spec: str, home: Home | None = None) -> tuple[CompiledPolicy, EnvConfig]:
    """Loads a model as a policy for ``evaluate``, with the game that it was trained for.

    Args:
        spec: ``NAME`` for its default or latest version, or ``NAME@VERSION``.
        home: The home that holds the models; by default the command line's.

    Raises:
        ModelError: if there is no such model.
        BundleError: if its file was altered.
    """
    models = ModelStore(Home.locate() if home is None else home)
    version = models.find(spec)
    return read_policy(models.path(version), version.name if version.is_builtin else version.spec)


def save_model(
    path: Path,
    home: Home,
    name: str,
    *,
    note: str = "",
    tags: tuple[str, ...] = (),
    once: bool = False,
    wait_s: float | None = None,
) -> ModelVersion:
    """Saves the weights of a checkpoint or a bundle as a new version of a model.

    Args:
        path: A checkpoint's folder or a bundle's file.
        home: The home that holds the models.
        name: The model's name.
        note: A description.
        tags: Search tags.
        once: Return an existing version with the same weights instead of saving a new one.
        wait_s: Longest wait for other writers; None for the registry's default.

    Raises:
        HomeError: if the name is invalid, or the home cannot be written to.
        ModelError: if the name is reserved.
        CheckpointError, BundleError: if the path cannot be read.
    """
    require_model_name(name)
    bundle = bundle_from(path, home, name)
    bundle = bundle.described(note=note or bundle.note, tags=tuple(sorted({*bundle.tags, *tags})))
    return ModelStore(home, wait_s=wait_s).save(name, bundle, once=once)


def save_best_model(home: Home, run: str, *, wait_s: float | None = None) -> None:
    """Saves a run's best weights as a version of the model named after the run, unless one has the same weights.

    Raises:
        RegistryBusyError: if another process writes to the registry for longer than ``wait_s``.
        HomeError: if the home cannot be written to.
        ModelError: if the name is reserved.
        CheckpointError: if the run has no best weights.
    """
    save_model(home.run_folder(run) / _BEST, home, run, once=True, wait_s=wait_s)


def save_best_model_file(home: Home, run: str) -> None:
    """Does ``save_best_model`` without the database, which lists the model at its next access.

    Raises:
        HomeError, OSError: if the home cannot be written to.
        ModelError: if the name is reserved.
        CheckpointError: if the run has no best weights.
    """
    bundle = bundle_from(home.run_folder(run) / _BEST, home, require_model_name(run))
    ModelStore(home, wait_s=0.0).save_file(run, bundle)


def require_model_name(name: str) -> str:
    """Returns the name if a model may have it.

    Raises:
        HomeError: if it is not a valid name.
        ModelError: if it is the name of a published controller or a built-in model.
    """
    if name in POLICY_NAMES or name in champion_names():
        raise ModelError(f"{name!r} is the name of a controller or built-in model. Choose another name.", field="name")
    return check_name(name)


def bundle_from(path: Path, home: Home, name: str) -> Bundle:
    """Makes a bundle of a checkpoint, with its run and learning curve, or reads a bundle's file.

    Raises:
        CheckpointError, BundleError: if the path cannot be read.
    """
    if path.suffix == BUNDLE_SUFFIX and not path.is_dir():
        bundle = read_bundle(path)
        policy_from_bundle(bundle, repr(str(path)))
        return bundle.described(name=name)
    saved = read_saved_policy(path)
    return make_bundle(saved, name, about=_about(path, home), curve=_curve(path, home))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """A version that was imported, or was there before with the same weights."""

    version: ModelVersion
    is_new: bool
    default: str  # reference of the model's default version

    @property
    def message(self) -> str:
        """The outcome as a sentence."""
        spec = self.version.spec
        if self.is_new:
            done = f"Imported {spec}: {self.version.algorithm} at step {self.version.step:,}."
        else:
            done = f"The same weights are already here as {spec}."
        return done if self.default == spec else f"{done} The default version is still {self.default}."


def import_model(
    path: Path,
    home: Home,
    name: str | None = None,
    *,
    env_config: EnvConfig | None = None,
    config: TrainingConfig | None = None,
    promote: bool = False,
) -> ImportedModel:
    """Imports the weights of a bundle, a checkpoint or a ``model.zip`` of Stable-Baselines3 from any source.

    Nothing is added if a version of the model has the same weights.

    Args:
        path: The file or folder to import.
        home: The home that holds the models.
        name: Name of the model; by default its own.
        env_config: The game that a ``model.zip`` was trained for, which the file does not contain.
        config: Training settings of a ``model.zip``; those that follow from its shapes are ignored.
        promote: Whether it becomes the default version of its model.

    Raises:
        BundleError: if the file is invalid.
        HomeError, ModelError: if it cannot be saved under that name.
    """
    if path.suffix == _MODEL_ZIP and not path.is_dir():
        saved = read_sb3_model(path, env_config or EnvConfig(), config or TrainingConfig())
        chosen = require_model_name(name or path.stem)
        return _add(home, chosen, make_bundle(saved, chosen, about={"imported": path.name[:100]}), promote=promote)
    if env_config is not None or config is not None:
        raise BundleError(f"{str(path)!r} contains its own settings, so none can be passed. Remove --set.")
    if path.suffix != BUNDLE_SUFFIX and not path.is_dir():
        raise BundleError(
            f"Only a bundle (NAME{BUNDLE_SUFFIX}), a model.zip of Stable-Baselines3 or a checkpoint's folder can be "
            f"imported; got {str(path)!r}. Pass one of these."
        )
    bundle = bundle_from(path, home, name or "imported")
    if name is None:
        name = read_bundle(path).name if path.suffix == BUNDLE_SUFFIX else path.name
    chosen = require_model_name(name)
    return _add(home, chosen, bundle.described(name=chosen), promote=promote)


def _add(home: Home, name: str, bundle: Bundle, *, promote: bool) -> ImportedModel:
    """Adds an imported model, unless a version of it has the same weights."""
    store = ModelStore(home)
    known = {version.number for version in store.versions(name)} if store.has(name) else set()
    version = store.save(name, bundle, once=True, keeps_default=True)
    if promote:
        version = store.promote(version.spec)
    return ImportedModel(version=version, is_new=version.number not in known, default=store.find(name).spec)


def export_model(spec: str, path: Path, home: Home, *, force: bool = False) -> Bundle:
    """Writes a model as a bundle, with its current note and tags.

    Raises:
        ModelError: if there is no such model.
        BundleError: if the file exists, or has another suffix.
    """
    if path.suffix != BUNDLE_SUFFIX:
        raise BundleError(f"A bundle's name ends in {BUNDLE_SUFFIX}; got {str(path)!r}. Add the suffix.")
    if not path.absolute().parent.is_dir():
        raise BundleError(f"The folder of {str(path)!r} does not exist. Create it first.")
    if path.exists() and not force:
        raise BundleError(f"{str(path)!r} already exists. Choose another name or pass --force.")
    bundle = ModelStore(home).load(spec)
    write_file(path, bundle.to_bytes())
    return bundle


def _about(path: Path, home: Home) -> dict[str, Any]:
    """Origin of a checkpoint: its run, its name and its evaluation."""
    about: dict[str, Any] = {}
    if (run := _run_of(path, home)) is not None:
        about = {"run": run, "checkpoint": path.name}
    counters = checkpoints.read_metadata(path).counters
    if (lines := counters.get("evaluation_lines")) is not None:  # its name in earlier versions
        counters = {"lines_until_limit": lines, **counters}
    return about | {name: counters[name] for name in _COPIED_COUNTERS if isinstance(counters.get(name), int | float)}


def _run_of(path: Path, home: Home) -> str | None:
    parents = path.resolve().parents
    runs = home.runs.resolve()
    return next((folder.name for folder in parents if folder.parent == runs), None)


def _curve(path: Path, home: Home) -> Mapping[str, list[float]] | None:
    """Lines until the limit by step, from the run's evaluations up to this checkpoint."""
    run = _run_of(path, home)
    if run is None:
        return None
    step = checkpoints.read_metadata(path).counters.get("timesteps_trained", 0)
    header, rows = read_table(home.runs / run, EVALUATIONS)
    if not set(header) >= _CURVE:
        return None  # a model without a curve is a model
    at, lines = header.index("step"), header.index("lines_until_limit")
    found = {row[at] or 0: row[lines] or 0.0 for row in rows if (row[at] or 0) <= step}
    points = sorted(found.items())[:: max(1, len(found) // _MAX_POINTS + 1)]
    return {"steps": [step for step, _ in points], "lines": [lines for _, lines in points]} if points else None
