"""``metadata.json`` of a checkpoint: its content, its strict reading and writing, and its signature.

The JSON is strict: no NaN or infinity, no duplicate or unknown keys, at most 4 MiB. The signature is HMAC-SHA256, in
hexadecimal, over the canonical JSON (sorted keys, no spaces, ASCII) of everything else. That includes the SHA-256 of
every other file, so a valid signature covers the whole checkpoint.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from tetrarium.registry.files.safe_files import StrictJsonError, canonical_json, parse_object
from tetrarium.registry.home import NameRule

FORMAT_VERSION: Final = 1
METADATA_NAME: Final = "metadata.json"
MAX_BYTES_METADATA: Final = 4 << 20

_FILE_NAME_RULE: Final = NameRule(128)
_SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")


class MetadataError(ValueError):
    """Invalid metadata of a checkpoint; the message is a predicate without subject and full stop."""


class FutureFormatError(MetadataError):
    """Metadata of a newer format than this version supports."""


def is_file_name(name: str) -> bool:
    """Returns whether a checkpoint may contain a file of this name: visible, in the folder itself, not the metadata."""
    return _FILE_NAME_RULE.allows(name) and name != METADATA_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """Size in bytes and SHA-256 in hexadecimal of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Content of ``metadata.json``. Dictionaries are as parsed from JSON: lists for tuples, strings as keys."""

    format_version: int
    algorithm: str
    training_config: dict[str, Any]
    env_config: dict[str, Any]
    counters: dict[str, Any]
    seed: int | None
    library_versions: dict[str, str]
    files: dict[str, FileRecord]
    hmac: str

    @classmethod
    def signed(cls, unsigned: Mapping[str, Any], secret: bytes) -> "Metadata":
        """Returns metadata with the given fields and their signature.

        Args:
            unsigned: Every field but the signature, as ``unsigned()`` returns them.
            secret: The home's key.

        Raises:
            MetadataError: if ``from_bytes`` would not accept the result.
        """
        plain = _parse(_canonical(unsigned))
        metadata = cls.from_bytes(_canonical({**plain, "hmac": _signature(plain, secret)}))
        _check_size(metadata.to_bytes())
        return metadata

    @classmethod
    def from_bytes(cls, data: bytes) -> "Metadata":
        """Parses the content of a ``metadata.json`` without verifying its signature.

        Raises:
            FutureFormatError: if a newer version wrote it.
            MetadataError: if it is not metadata of this format.
        """
        _check_size(data)
        value = _parse(data)
        _check_format(value)
        names = [field.name for field in fields(cls)]
        for name in names:
            if name not in value:
                raise MetadataError(f"has no {name!r}")
            if not _CHECKS[name](value[name]):
                raise MetadataError(f"has an invalid {name!r}")
        if unknown := sorted(value.keys() - set(names)):
            raise MetadataError(f"has an unknown {unknown[0][:40]!r}")
        return cls(**{**value, "files": {name: FileRecord(**record) for name, record in value["files"].items()}})

    def to_bytes(self) -> bytes:
        """Returns the content of ``metadata.json``, indented."""
        return json.dumps({**self.unsigned(), "hmac": self.hmac}, indent=2, sort_keys=True).encode() + b"\n"

    def unsigned(self) -> dict[str, Any]:
        """Returns every field but the signature, as plain dictionaries."""
        value = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "hmac"}
        return {**value, "files": {name: asdict(record) for name, record in self.files.items()}}

    def is_signed_with(self, secret: bytes) -> bool:
        """Returns whether the signature was made with this key and nothing was altered since."""
        return hmac.compare_digest(self.hmac, _signature(self.unsigned(), secret))


def looks_like_metadata(data: bytes) -> bool:
    """Returns whether these bytes are metadata of this format or a later one."""
    try:
        value = _parse(data)
    except MetadataError:
        return False
    return {"format_version", "files", "hmac"} <= value.keys()


def _canonical(value: Mapping[str, Any]) -> bytes:
    try:
        return canonical_json(value)
    except StrictJsonError as error:
        raise MetadataError(str(error)) from error


def _signature(unsigned: Mapping[str, Any], secret: bytes) -> str:
    return hmac.new(secret, _canonical(unsigned), hashlib.sha256).hexdigest()


def _parse(data: bytes) -> dict[str, Any]:
    try:
        return parse_object(data)
    except StrictJsonError as error:
        raise MetadataError(str(error)) from error


def _check_size(data: bytes) -> None:
    if len(data) > MAX_BYTES_METADATA:
        raise MetadataError(f"is larger than {MAX_BYTES_METADATA >> 20} MiB")


def _check_format(value: Mapping[str, Any]) -> None:
    version = value.get("format_version")
    if type(version) is not int or version < 1:
        raise MetadataError("is not the metadata of a checkpoint, because it has no 'format_version'")
    if version > FORMAT_VERSION:
        raise FutureFormatError(f"format {version}; this version reads up to {FORMAT_VERSION}")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_record(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"size", "sha256"}
        and _is_count(value["size"])
        and _is_sha256(value["sha256"])
    )


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256_HEX.fullmatch(value) is not None


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


_CHECKS: Final[dict[str, Callable[[Any], bool]]] = {
    "format_version": _is_count,
    "algorithm": lambda value: isinstance(value, str) and value != "",
    "training_config": _is_object,
    "env_config": _is_object,
    "counters": _is_object,
    "seed": lambda value: value is None or _is_count(value),
    "library_versions": lambda value: _is_object(value) and all(isinstance(text, str) for text in value.values()),
    "files": lambda value: _is_object(value) and all(is_file_name(n) and _is_record(r) for n, r in value.items()),
    "hmac": _is_sha256,
}
