"""Versions of models: their facts, and their files.

A saved version is ``models/NAME/NUMBER.tetris`` in the home. Built-in models are ``champions/NAME.tetris`` in the
package; a saved model of the same name takes precedence.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import ModelError
from tetrarium.registry.bundles import BUNDLE_SUFFIX, read_bundle
from tetrarium.registry.home import NAME_RULE, Home

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_RENAMED_FACTS: Final = {"evaluation_lines": "lines_until_limit"}  # of `about`, by their names in earlier versions


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One version of a saved model."""

    name: str
    number: int
    saved_s: float  # seconds since 1970
    algorithm: str
    step: int
    seed: int | None
    training_config: Mapping[str, Any]
    env_config: Mapping[str, Any]
    about: Mapping[str, str | int | float]  # origin, such as the run's name
    note: str
    tags: tuple[str, ...]
    n_bytes: int
    sha256: str  # of the weights
    is_promoted: bool
    has_file: bool  # whether its file exists
    trashed_s: float | None  # seconds since 1970; None outside of the trash
    row_id: int  # in this home's database
    is_builtin: bool = False  # whether it is built in and cannot be changed

    @property
    def spec(self) -> str:
        """Reference ``NAME@NUMBER``."""
        return f"{self.name}@{self.number}"

    @property
    def features(self) -> tuple[str, ...]:
        """Features that the model reads."""
        return tuple(self.env_config.get("features", ()))

    def to_dict(self) -> dict[str, Any]:
        """Returns the facts as JSON can hold them."""
        values = {**asdict(self), "spec": self.spec, "tags": list(self.tags)}
        del values["row_id"]
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSlot:
    """A name with its versions outside of the trash, oldest first; there is at least one."""

    name: str
    versions: tuple[ModelVersion, ...]

    @property
    def current(self) -> ModelVersion:
        """Default version: the promoted one, or else the latest."""
        return next((version for version in self.versions if version.is_promoted), self.versions[-1])


def current_facts(about: Mapping[str, str | int | float]) -> dict[str, str | int | float]:
    """Returns the facts about a model's origin under their present names."""
    return {_RENAMED_FACTS.get(name, name): value for name, value in about.items()}


def parse_spec(spec: str) -> tuple[str, int | None]:
    """Splits ``NAME@NUMBER``.

    >>> parse_spec("first@2"), parse_spec("first")
    (('first', 2), ('first', None))

    Raises:
        ModelError: if ``@`` is not followed by the number of a version.
    """
    name, at, number = str(spec).partition("@")
    if at and _NUMBER.fullmatch(number) is None:
        raise ModelError(f"A model is NAME or NAME@NUMBER; got {spec!r:.82}. Write, for example, {name[:64]}@1.")
    return name, int(number) if at else None


Key = tuple[str, int]  # name of a model, number of a version

_NUMBERED: Final = re.compile(r"([1-9][0-9]{0,8})" + re.escape(BUNDLE_SUFFIX))


def model_path(home: Home, name: str, number: int) -> Path:
    """Returns the path of a version's bundle.

    Raises:
        InvalidNameError: if the name is invalid.
    """
    return home.model_folder(name) / f"{number}{BUNDLE_SUFFIX}"


def model_files(home: Home) -> dict[Key, Path]:
    """Returns the files of all versions on disk, including those that were copied there by hand."""
    found = {}
    for folder in home.models.iterdir() if home.models.is_dir() else ():
        if NAME_RULE.allows(folder.name) and folder.is_dir():
            for path in folder.iterdir():
                if match := _NUMBERED.fullmatch(path.name):
                    found[folder.name, int(match[1])] = path
    return found


CHAMPIONS: Final = Path(__file__).with_name("champions")


def champion_names() -> tuple[str, ...]:
    """Returns the names of the built-in models."""
    return tuple(sorted(path.name.removesuffix(BUNDLE_SUFFIX) for path in CHAMPIONS.glob(f"*{BUNDLE_SUFFIX}")))


def champion_path(name: str) -> Path | None:
    """Returns the path of a built-in model's bundle, or None if there is none of that name."""
    return CHAMPIONS / f"{name}{BUNDLE_SUFFIX}" if name in champion_names() else None


def champion_version(name: str) -> ModelVersion | None:
    """Returns the only version of a built-in model, or None if there is none of that name."""
    path = champion_path(name)
    if path is None:
        return None
    bundle, status = read_bundle(path), path.stat()
    shared = ("algorithm", "step", "seed", "training_config", "env_config", "note", "tags")
    return ModelVersion(
        **{fact: getattr(bundle, fact) for fact in shared},
        about=current_facts(bundle.about),
        name=name,
        number=1,
        saved_s=status.st_mtime,
        n_bytes=status.st_size,
        sha256=bundle.weights_sha256,
        is_promoted=False,
        has_file=True,
        trashed_s=None,
        row_id=0,
        is_builtin=True,
    )
