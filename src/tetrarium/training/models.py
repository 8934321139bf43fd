"""Saving what was trained as a model, and loading, importing and exporting models: what the registry needs torch for.

The registry keeps bundles and knows names and shapes; here a run's checkpoint becomes a bundle, and a bundle is held
against its config before it is let in. Nothing that is read here can run code, whoever made it.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.errors import BundleError, ModelError
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.atomic import write_file
from tetrarium.registry.box import champion_names
from tetrarium.registry.bundles import BUNDLE_SUFFIX, Bundle, read_bundle
from tetrarium.registry.home import Home, check_name
from tetrarium.registry.models import ModelStore
from tetrarium.registry.versions import ModelVersion
from tetrarium.training.algorithms.learner import PlayingPolicy
from tetrarium.training.checkpoints import store as checkpoints
from tetrarium.training.checkpoints.agents import read_policy, read_saved_policy
from tetrarium.training.checkpoints.sharing import bundle_of, read_sb3_model, saved_policy_of
from tetrarium.training.config import TrainingConfig

__all__ = [
    "bundle_from",
    "export_model",
    "find_model",
    "import_model",
    "keep_best",
    "load_model",
    "require_model_name",
    "save_model",
]

_BEST: Final = "best"  # folder of a run's best weights
_MODEL_ZIP: Final = ".zip"
_MAX_POINTS: Final = 1_000
_SAID: Final = ("evaluation_lines",)  # what a checkpoint of best weights counts, and a model of them is about


def find_model(spec: str, home: Home | None = None) -> Path:
    """Finds the bundle of ``NAME`` or ``NAME@VERSION`` in a home, or of a champion in the box.

    Raises:
        ModelError: if there is none.
    """
    models = ModelStore(home or Home.locate())
    return models.path(models.find(spec))


def load_model(spec: str, home: Home | None = None) -> tuple[PlayingPolicy, EnvConfig]:
    """Loads a model that ``evaluate`` plays, and the game that it was trained for.

    Args:
        spec: ``NAME``, whose promoted or latest version counts, or ``NAME@VERSION``.
        home: Where models are kept; by default the home that the command line would use.

    Raises:
        ModelError: if there is none of that name.
        BundleError: if its file was altered.
    """
    models = ModelStore(home or Home.locate())
    version = models.find(spec)
    return read_policy(models.path(version), version.name if version.is_in_box else version.spec)


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
    """Saves what a checkpoint or a bundle holds as a new version of a model.

    Args:
        path: A checkpoint's folder or a bundle's file.
        home: Where models are kept.
        name: The model's.
        note: What there is to say about it.
        tags: Short words to find it by.
        once: Whether a version with the same weights is returned instead of saving them again.
        wait_s: How long to wait for others that save; as long as is usual, if left out.

    Raises:
        HomeError: if the name may not be one, or the home cannot be written.
        ModelError: if the name is a known controller's.
        CheckpointError, BundleError: if nothing can be read there.
    """
    require_model_name(name)
    bundle = bundle_from(path, home, name)
    bundle = bundle.described(note=note or bundle.note, tags=tuple(sorted({*bundle.tags, *tags})))
    return ModelStore(home, wait_s=wait_s).save(name, bundle, once=once)


def keep_best(home: Home, run: str, *, wait_s: float | None = None) -> None:
    """Saves the weights that did best in a run as a version of the model of its name, unless that has them.

    Raises:
        RegistryBusyError: if another process writes to the registry for longer than ``wait_s``.
        HomeError: if the home cannot be written.
        ModelError: if the name is a known controller's.
        CheckpointError: if the run has no best weights.
    """
    save_model(home.run_folder(run) / _BEST, home, run, once=True, wait_s=wait_s)


def require_model_name(name: str) -> str:
    """Returns a name that a model may have.

    Raises:
        HomeError: if it could not be a folder's name.
        ModelError: if something else is called so.
    """
    if name in POLICY_NAMES or name in champion_names():
        raise ModelError(f"A model has a name of its own; {name!r} is a known one. Choose another name.")
    return check_name(name)


def bundle_from(path: Path, home: Home, name: str) -> Bundle:
    """Makes a bundle of a checkpoint, with what its run tells of it, or reads one.

    Raises:
        CheckpointError, BundleError: if nothing can be read there.
    """
    if path.suffix == BUNDLE_SUFFIX and not path.is_dir():
        bundle = read_bundle(path)
        saved_policy_of(bundle, repr(str(path)))
        return bundle.described(name=name)
    saved = read_saved_policy(path)
    return bundle_of(saved, name, about=_about(path, home), curve=_curve(path, home))


def import_model(
    path: Path,
    home: Home,
    name: str | None = None,
    *,
    env_config: EnvConfig | None = None,
    config: TrainingConfig | None = None,
) -> ModelVersion:
    """Takes in a bundle, a checkpoint or a ``model.zip`` of Stable-Baselines3 from anywhere; of each, weights alone.

    Args:
        path: What to take in.
        home: Where models are kept.
        name: What it is called here; its own name if left out.
        env_config: The game that a ``model.zip`` was trained for, which it does not say.
        config: How it was trained; only what shapes do not tell counts.

    Raises:
        BundleError: if it is not what it should be.
        HomeError, ModelError: if it cannot be saved under that name.
    """
    if path.suffix == _MODEL_ZIP and not path.is_dir():
        saved = read_sb3_model(path, env_config or EnvConfig(), config or TrainingConfig())
        chosen = require_model_name(name or path.stem)
        return ModelStore(home).save(chosen, bundle_of(saved, chosen, about={"imported": path.name[:100]}))
    if env_config is not None or config is not None:
        raise BundleError(f"{str(path)!r} says itself how it was trained, so no setting is given. Leave --set out.")
    if path.suffix != BUNDLE_SUFFIX and not path.is_dir():
        raise BundleError(
            f"What is imported is a bundle (NAME{BUNDLE_SUFFIX}), a model.zip of Stable-Baselines3 or a checkpoint's "
            f"folder; got {str(path)!r}. Name one of these."
        )
    bundle = bundle_from(path, home, name or "imported")
    if name is None:
        name = read_bundle(path).name if path.suffix == BUNDLE_SUFFIX else path.name
    chosen = require_model_name(name)
    return ModelStore(home).save(chosen, bundle.described(name=chosen))


def export_model(spec: str, path: Path, home: Home, *, force: bool = False) -> Bundle:
    """Writes a model as a bundle, with its notes and tags of today.

    Raises:
        ModelError: if there is no such model.
        BundleError: if the file is there already, or has another suffix.
    """
    if path.suffix != BUNDLE_SUFFIX:
        raise BundleError(f"A bundle's name ends in {BUNDLE_SUFFIX}; got {str(path)!r}. Name it so.")
    if not path.absolute().parent.is_dir():
        raise BundleError(f"A bundle is a file in a folder that is there; got {str(path)!r}. Make the folder first.")
    if path.exists() and not force:
        raise BundleError(f"A file that is there stays as it is; {str(path)!r} is. Name another, or add --force.")
    bundle = ModelStore(home).load(spec)
    write_file(path, bundle.to_bytes())
    return bundle


def _about(path: Path, home: Home) -> dict[str, Any]:
    """Where a checkpoint comes from: its run, and which of its checkpoints it is."""
    about: dict[str, Any] = {}
    if (run := _run_of(path, home)) is not None:
        about = {"run": run, "checkpoint": path.name}
    counters = checkpoints.read_metadata(path).counters
    return about | {name: counters[name] for name in _SAID if isinstance(counters.get(name), int | float)}


def _run_of(path: Path, home: Home) -> str | None:
    parents = path.resolve().parents
    runs = home.runs.resolve()
    return next((folder.name for folder in parents if folder.parent == runs), None)


def _curve(path: Path, home: Home) -> Mapping[str, list[float]] | None:
    """Lines a game by step, as the run's evaluations up to this checkpoint found them."""
    run = _run_of(path, home)
    if run is None:
        return None
    step = checkpoints.read_metadata(path).counters.get("timesteps_trained", 0)
    found: dict[int, float] = {}
    try:
        with (home.runs / run / "evaluations.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if int(row["step"]) <= step:
                    found[int(row["step"])] = float(row["lines"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a model without a curve is a model
    points = sorted(found.items())[:: max(1, len(found) // _MAX_POINTS + 1)]
    return {"steps": [step for step, _ in points], "lines": [lines for _, lines in points]} if points else None
