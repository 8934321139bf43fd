"""Bundles, the files in which models are shared: ``NAME.tetris``, a zip of ``bundle.json`` and ``q_net.safetensors``.

``preview.png`` and ``curve.json`` are optional. ``bundle.json`` describes the model, and lists size and hash of each
other file and name, shape and dtype of each array; the same model gives the same bytes. Reading a bundle of unknown
origin executes nothing. Everything is checked before it is used: the zip (``canonical_zip.py``), ``bundle.json``, sizes
and hashes, and the arrays (``tensors.py``). Code that builds a network from it checks the network's own requirements.
"""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt

from tetrarium.errors import BundleError, NewerBundleError
from tetrarium.registry.bundle_extras import Curve, ExtrasError, check_picture, pack_curve, unpack_curve
from tetrarium.registry.files.canonical_zip import ArchiveError, pack_archive, unpack_archive
from tetrarium.registry.files.safe_files import StrictJsonError, canonical_json, parse_object
from tetrarium.registry.files.tensors import MAX_BYTES_TENSORS, TensorsError, pack_tensors, tensor_kinds, unpack_tensors
from tetrarium.registry.home import NAME_RULE, TAG_RULE

BUNDLE_SUFFIX: Final = ".tetris"
_FORMAT_VERSION: Final = 1
MAX_BYTES_BUNDLE: Final = MAX_BYTES_TENSORS + (4 << 20)

_JSON: Final = "bundle.json"
_WEIGHTS: Final = "q_net.safetensors"
_PREVIEW: Final = "preview.png"
_CURVE: Final = "curve.json"
_MAX_BYTES_JSON: Final = 1 << 20
_MAX_BYTES_EXTRA: Final = 2 << 20
_MAX_STEPS: Final = 10**15
_MAX_SEED: Final = 2**32 - 1
_MAX_NOTE: Final = 10_000
_MAX_TEXT: Final = 1_000
_MAX_ENTRIES: Final = 200  # of an object, or of a list inside it
_MAX_TAGS: Final = 32
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")
_ANOTHER: Final = "Ask its author for another copy."


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One model as it is shared.

    >>> import numpy as np
    >>> layer = {"q_net.0.weight": np.ones((1, 2), np.float32), "q_net.0.bias": np.zeros(1, np.float32)}
    >>> bundle = Bundle(name="first", algorithm="dqn", training_config={}, env_config={}, step=8, seed=1, weights=layer)
    >>> Bundle.from_bytes(bundle.to_bytes()).step
    8
    """

    name: str
    algorithm: str
    training_config: Mapping[str, Any]
    env_config: Mapping[str, Any]
    step: int
    seed: int | None
    weights: Mapping[str, npt.NDArray[Any]]
    about: Mapping[str, str | int | float] = field(default_factory=dict)  # origin, such as the run's name
    note: str = ""
    tags: tuple[str, ...] = ()
    preview: bytes | None = None  # a PNG
    curve: Curve | None = None

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights."""
        return hashlib.sha256(pack_tensors(self.weights)).hexdigest()

    def described(self, **changes: Any) -> "Bundle":
        """Returns the model with another name, note, tags, curve or preview."""
        return replace(self, **changes)

    def to_bytes(self) -> bytes:
        """Returns the content of the file.

        Raises:
            BundleError: if ``from_bytes`` would reject it.
        """
        try:
            extras = {_WEIGHTS: pack_tensors(self.weights)}
            if self.preview is not None:
                extras[_PREVIEW] = self.preview
            if self.curve is not None:
                extras[_CURVE] = pack_curve(self.curve)
            description = canonical_json(
                {
                    **{name: getattr(self, name) for name in _CHECKS if hasattr(self, name)},
                    "format_version": _FORMAT_VERSION,
                    "files": {name: _record(content) for name, content in extras.items()},
                    "tensors": tensor_kinds(self.weights),
                }
            )
        except (TensorsError, ExtrasError, StrictJsonError) as error:
            raise BundleError(f"The model {self.name!r} cannot be written: it {error}. Correct that first.") from error
        data = pack_archive({_JSON: description, **extras})
        self.from_bytes(data, f"The model {self.name!r}")
        return data

    @classmethod
    def from_bytes(cls, data: bytes, shown: str = "The bundle") -> "Bundle":
        """Parses the content of a file.

        ``shown``: subject of error messages.

        Raises:
            BundleError: if it is malformed.
        """
        try:
            return _unpack(data)
        except _NewerFormatError as error:
            raise NewerBundleError(f"{shown} {error}. {_ANOTHER}") from error
        except (_FormatError, ArchiveError, TensorsError, ExtrasError, StrictJsonError) as error:
            raise BundleError(f"{shown} {error}. {_ANOTHER}") from error


def read_bundle(path: Path, shown: str | None = None) -> Bundle:
    """Reads a bundle's file once, up to the maximum size of a bundle.

    ``shown``: subject of error messages; by default the path.

    Raises:
        BundleError: if it is malformed or cannot be read.
    """
    shown = shown or f"The bundle {str(path)!r}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BundleError(f"{shown} is not a regular file. Name a bundle's file.")
            data = file.read(MAX_BYTES_BUNDLE + 1)
    except OSError as error:
        raise BundleError(f"{shown} cannot be read: {error.strerror}. Check its name.") from error
    if len(data) > MAX_BYTES_BUNDLE:
        raise BundleError(f"{shown} has more than the {MAX_BYTES_BUNDLE:,} bytes allowed for a bundle. {_ANOTHER}")
    return Bundle.from_bytes(data, shown)


def check_note(note: str) -> str:
    """Returns a note if it is valid.

    Raises:
        BundleError: if it is too long or contains control characters.
    """
    if not _is_note(note):
        raise BundleError(f"A note has up to {_MAX_NOTE:,} printable characters; got {note!r:.42}. Shorten it.")
    return note


def check_tag(tag: str) -> str:
    """Returns a tag if it is valid.

    Raises:
        BundleError: if not.
    """
    if not TAG_RULE.allows(tag):
        raise BundleError(f"A tag {TAG_RULE.text}; got {tag!r:.42}. Choose another tag.", field="tags")
    return tag


class _FormatError(ValueError):
    """Predicate of an error message about a bundle."""


class _NewerFormatError(_FormatError):
    """Predicate about a bundle of a later version."""


def _unpack(data: bytes) -> Bundle:
    files = unpack_archive(data, (_JSON, _WEIGHTS), (_PREVIEW, _CURVE), MAX_BYTES_TENSORS)
    for name, limit in ((_JSON, _MAX_BYTES_JSON), (_PREVIEW, _MAX_BYTES_EXTRA), (_CURVE, _MAX_BYTES_EXTRA)):
        if len(files.get(name, b"")) > limit:
            raise _FormatError(f"holds {len(files[name]):,} bytes of {name}, but {limit:,} are allowed")
    values = _parse_json(files.pop(_JSON))
    _check_files(values.pop("files"), files)
    weights = _read_part(_WEIGHTS, TensorsError, unpack_tensors, files[_WEIGHTS])
    if tensor_kinds(weights) != values.pop("tensors"):
        raise _FormatError(f"has other arrays in {_WEIGHTS} than {_JSON} lists")
    if _PREVIEW in files:
        _read_part(_PREVIEW, ExtrasError, check_picture, files[_PREVIEW])
    curve = _read_part(_CURVE, ExtrasError, unpack_curve, files[_CURVE]) if _CURVE in files else None
    del values["format_version"]
    tags = tuple(values.pop("tags"))
    return Bundle(**values, tags=tags, weights=weights, preview=files.get(_PREVIEW), curve=curve)


def _read_part(name: str, fault: type[ValueError], read: Callable[[bytes], Any], content: bytes) -> Any:
    try:
        return read(content)
    except fault as error:
        raise _FormatError(f"has a {name} that {error}") from error


def _parse_json(data: bytes) -> dict[str, Any]:
    try:
        value = parse_object(data)
    except StrictJsonError as error:
        raise _FormatError(f"has a {_JSON} that {error}") from error
    version = value.get("format_version")
    if type(version) is int and version > _FORMAT_VERSION:
        raise _NewerFormatError(
            f"was made by a newer tetrarium (format {version}, this one reads up to {_FORMAT_VERSION})"
        )
    for name, is_valid in _CHECKS.items():
        if name not in value:
            raise _FormatError(f"has no {name!r} in its {_JSON}")
        if not is_valid(value[name]):
            raise _FormatError(f"has a wrong {name!r} in its {_JSON}")
    if unknown := sorted(value.keys() - _CHECKS.keys()):
        raise _FormatError(f"has an unknown {unknown[0][:40]!a} in its {_JSON}")
    return value


def _check_files(records: Mapping[str, Mapping[str, Any]], files: Mapping[str, bytes]) -> None:
    if records.keys() != files.keys():
        raise _FormatError(f"has other files than its {_JSON} lists")
    for name, content in files.items():
        size, sha256 = records[name]["size"], records[name]["sha256"]
        if size != len(content):
            raise _FormatError(f"has {len(content):,} bytes of {name}, but its {_JSON} lists {size:,}")
        if _record(content)["sha256"] != sha256:
            raise _FormatError(f"has an altered {name}: its SHA-256 differs from the one in {_JSON}")


def _record(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _is_count(value: Any, high: int) -> bool:
    return type(value) is int and 0 <= value <= high


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT and value.isprintable()


def _is_note(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_NOTE and value.replace("\n", "").isprintable()


def _is_scalar(value: Any) -> bool:
    return value is None or type(value) in (bool, int, float) or _is_line(value)


def _is_config(value: Any) -> bool:
    return _is_object_of(value, lambda inner: _is_scalar(inner) or _is_list_of(inner, _is_scalar))


def _is_list_of(value: Any, is_valid: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and len(value) <= _MAX_ENTRIES and all(map(is_valid, value))


def _is_object_of(value: Any, is_valid: Callable[[Any], bool]) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= _MAX_ENTRIES
        and all(_KEY.fullmatch(key) is not None for key in value)
        and all(map(is_valid, value.values()))
    )


def _is_record(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"size", "sha256"}
        and _is_count(value["size"], MAX_BYTES_TENSORS)
        and isinstance(value["sha256"], str)
        and _SHA256_HEX.fullmatch(value["sha256"]) is not None
    )


def _is_tags(value: Any) -> bool:
    return (
        _is_list_of(value, lambda tag: isinstance(tag, str) and TAG_RULE.allows(tag))
        and len(value) <= _MAX_TAGS
        and value == sorted(set(value))
    )


_CHECKS: Final[dict[str, Callable[[Any], bool]]] = {
    "format_version": lambda value: type(value) is int and value == _FORMAT_VERSION,
    "name": lambda value: isinstance(value, str) and NAME_RULE.allows(value),
    "algorithm": lambda value: isinstance(value, str) and _KEY.fullmatch(value) is not None,
    "training_config": _is_config,
    "env_config": _is_config,
    "step": lambda value: _is_count(value, _MAX_STEPS),
    "seed": lambda value: value is None or _is_count(value, _MAX_SEED),
    "about": lambda value: _is_object_of(value, lambda inner: type(inner) in (int, float) or _is_line(inner)),
    "note": _is_note,
    "tags": _is_tags,
    "files": lambda value: isinstance(value, dict) and all(map(_is_record, value.values())),
    "tensors": lambda value: isinstance(value, dict),
}
