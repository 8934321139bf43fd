"""Strict encoding and decoding of named arrays in the safetensors format; the header is checked before it is used.

The format is eight bytes of length (little-endian), a JSON header of that length, then the numbers of the arrays.
Allowed are ``float32`` and ``float64``, at most two axes, finite numbers, and arrays without gaps or overlaps.
Messages are predicates without a subject or a full stop.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from tetrarium.registry.files.safe_files import StrictJsonError, parse_object

MAX_BYTES_TENSORS: Final = 64 << 20
_MAX_BYTES_HEADER: Final = 1 << 20
_MAX_TENSORS: Final = 256
_MAX_AXIS: Final = 1 << 20
_MAX_NAME: Final = 128
_N_BYTES_LENGTH: Final = 8
_DTYPES: Final[dict[str, np.dtype[Any]]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_NAMES: Final = {dtype: name for name, dtype in _DTYPES.items()}

Tensors = Mapping[str, npt.NDArray[Any]]


class TensorsError(ValueError):
    """Arrays that are not allowed, or malformed data."""


def tensor_kinds(tensors: Tensors) -> dict[str, dict[str, Any]]:
    """Returns shape and dtype of each array by name, as JSON can hold them.

    Raises:
        TensorsError: if a dtype is not allowed.
    """
    kinds = {}
    for name, value in sorted(tensors.items()):
        if value.dtype.newbyteorder("<") not in _NAMES:
            raise TensorsError(
                f"holds {name[:_MAX_NAME]!r} of dtype {value.dtype}, but only float32 and float64 are allowed"
            )
        kinds[name] = {"dtype": _NAMES[value.dtype.newbyteorder("<")], "shape": list(value.shape)}
    return kinds


def write_tensors(path: Path, tensors: Tensors) -> None:
    """Writes arrays of any dtype to a file; a full or failing disk raises `OSError`, unlike in ``save_file``."""
    ordered = {name: np.asarray(value, order="C") for name, value in tensors.items()}  # it writes memory as it lies
    path.write_bytes(safetensors.numpy.save(ordered))


def pack_tensors(tensors: Tensors) -> bytes:
    """Encodes arrays; the same arrays give the same bytes.

    Raises:
        TensorsError: if ``unpack_tensors`` would reject them.
    """
    tensor_kinds(tensors)
    data = safetensors.numpy.save({name: np.ascontiguousarray(value) for name, value in tensors.items()})
    unpack_tensors(data)
    return data


def unpack_tensors(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Decodes arrays, which own their memory.

    Raises:
        TensorsError: if the data is malformed.
    """
    if len(data) > MAX_BYTES_TENSORS:
        raise TensorsError(f"is larger than {MAX_BYTES_TENSORS >> 20} MiB")
    header, numbers = _split(data)
    if not 1 <= len(header) <= _MAX_TENSORS:
        raise TensorsError(f"holds {len(header)} arrays, but 1 to {_MAX_TENSORS} are allowed")
    placed = sorted(((_place(name, value), name) for name, value in header.items()), key=lambda one: one[0][0])
    tensors, end = {}, 0
    for (begin, stop, dtype, shape), name in placed:
        if begin != end:
            raise TensorsError(f"has a gap or an overlap before {name!r}")
        end = stop
        if end > len(numbers):
            raise TensorsError(f"is truncated: {name!r} ends at byte {end:,} of {len(numbers):,}")
        value = np.frombuffer(numbers[begin:end], dtype=dtype).reshape(shape)
        if not np.isfinite(value).all():
            raise TensorsError(f"holds a number in {name!r} that is not finite")
        tensors[name] = value.astype(dtype.newbyteorder("="))
    if end != len(numbers):
        raise TensorsError(f"has {len(numbers) - end:,} bytes after its last array")
    return tensors


def _split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    length = int.from_bytes(data[:_N_BYTES_LENGTH], "little")
    start = _N_BYTES_LENGTH + length
    if len(data) < _N_BYTES_LENGTH or start > len(data):
        raise TensorsError("is truncated in its header")
    if length > _MAX_BYTES_HEADER:
        raise TensorsError(f"has a header of {length:,} bytes, but {_MAX_BYTES_HEADER:,} are allowed")
    try:
        header = parse_object(data[_N_BYTES_LENGTH:start])
    except StrictJsonError as error:
        raise TensorsError(f"has a header that {error}") from error
    return header, memoryview(data)[start:]


def _place(name: str, value: Any) -> tuple[int, int, np.dtype[Any], tuple[int, ...]]:
    """Returns begin, end, dtype and shape of an array after checking its header entry."""
    if not (0 < len(name) <= _MAX_NAME and name.isascii() and name.isprintable()):
        raise TensorsError(f"holds an array with an invalid name, {name[:40]!a}")
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise TensorsError(f"describes {name!r} by other keys than dtype, shape and data_offsets")
    if not isinstance(value["dtype"], str) or value["dtype"] not in _DTYPES:
        raise TensorsError(f"holds {name!r} of dtype {ascii(value['dtype'])[:40]}, but only F32 and F64 are allowed")
    dtype, shape, offsets = _DTYPES[value["dtype"]], value["shape"], value["data_offsets"]
    if not _are_whole(shape, 1, _MAX_AXIS) or not 1 <= len(shape) <= 2:
        raise TensorsError(f"holds {name!r} of the shape {ascii(shape)[:60]}, but one or two axes are allowed")
    if not _are_whole(offsets, 0, MAX_BYTES_TENSORS) or len(offsets) != 2:
        raise TensorsError(f"has invalid data_offsets for {name!r}, {ascii(offsets)[:60]}")
    begin, end = offsets
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise TensorsError(
            f"gives {name!r} {end - begin:,} bytes, but its shape needs {math.prod(shape) * dtype.itemsize:,}"
        )
    return begin, end, dtype, tuple(shape)


def _are_whole(values: Any, low: int, high: int) -> bool:
    return isinstance(values, list) and all(type(value) is int and low <= value <= high for value in values)
