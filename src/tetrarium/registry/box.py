"""Models that come with the package: ``champions/NAME.tetris``, which a home's own slot of that name goes before."""

from pathlib import Path
from typing import Final

from tetrarium.registry.bundles import BUNDLE_SUFFIX, read_bundle
from tetrarium.registry.versions import ModelVersion

__all__ = ["CHAMPIONS", "champion_names", "champion_path", "champion_version"]

CHAMPIONS: Final = Path(__file__).with_name("champions")


def champion_names() -> tuple[str, ...]:
    """Names of the models in the box."""
    return tuple(sorted(path.name.removesuffix(BUNDLE_SUFFIX) for path in CHAMPIONS.glob(f"*{BUNDLE_SUFFIX}")))


def champion_path(name: str) -> Path | None:
    """Where the bundle of a model in the box lies, if there is one of that name."""
    return CHAMPIONS / f"{name}{BUNDLE_SUFFIX}" if name in champion_names() else None


def champion_version(name: str) -> ModelVersion | None:
    """What is known about a model in the box: it has one version, which nothing changes."""
    path = champion_path(name)
    if path is None:
        return None
    bundle, status = read_bundle(path), path.stat()
    return ModelVersion(
        name=name,
        number=1,
        saved_s=status.st_mtime,
        algorithm=bundle.algorithm,
        step=bundle.step,
        seed=bundle.seed,
        training_config=bundle.training_config,
        env_config=bundle.env_config,
        about=bundle.about,
        note=bundle.note,
        tags=bundle.tags,
        n_bytes=status.st_size,
        sha256=bundle.weights_sha256,
        is_promoted=False,
        is_there=True,
        trashed_s=None,
        row_id=0,
        is_in_box=True,
    )
