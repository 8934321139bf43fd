"""What is known about a saved model: ``ModelVersion``, and ``ModelSlot``, which is a name with its versions."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from tetrarium.errors import ModelError

__all__ = ["ModelSlot", "ModelVersion", "parse_spec"]

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One saved model."""

    name: str
    number: int
    saved_s: float  # since 1970
    algorithm: str
    step: int
    seed: int | None
    training_config: Mapping[str, Any]
    env_config: Mapping[str, Any]
    about: Mapping[str, str | int | float]  # where it comes from
    note: str
    tags: tuple[str, ...]
    n_bytes: int
    sha256: str  # of the weights
    is_promoted: bool
    is_there: bool  # false where somebody removed the file
    trashed_s: float | None  # since 1970; None outside of the trash
    row_id: int  # in this home's database
    is_in_box: bool = False  # whether it comes with the package, and so is not to be changed

    @property
    def spec(self) -> str:
        """What names it wherever a model can be named."""
        return f"{self.name}@{self.number}"

    @property
    def features(self) -> tuple[str, ...]:
        """What it reads of a board."""
        return tuple(self.env_config.get("features", ()))

    def to_dict(self) -> dict[str, Any]:
        """Returns what there is to say, as JSON can hold it."""
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
        """What the name alone stands for: the promoted version, or else the latest."""
        return next((version for version in self.versions if version.is_promoted), self.versions[-1])


def parse_spec(spec: str) -> tuple[str, int | None]:
    """Splits ``NAME@NUMBER``.

    >>> parse_spec("first@2"), parse_spec("first")
    (('first', 2), ('first', None))

    Raises:
        ModelError: if what stands after ``@`` is no number of a version.
    """
    name, at, number = spec.partition("@")
    if at and _NUMBER.fullmatch(number) is None:
        raise ModelError(f"After NAME@ stands the number of a version; got {spec[:80]!r}. Write {name[:64]}@1, say.")
    return name, int(number) if at else None
