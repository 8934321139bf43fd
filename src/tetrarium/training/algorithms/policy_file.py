"""Safe reader of the tensors in a ``model.zip`` of Stable-Baselines3 from any source, without code execution.

``policy.pth`` inside is a zip of a pickle and raw numbers. torch's weights-only reader restricts the pickle to tensors.
In addition, entries that are compressed or larger than a policy are rejected, torch reads an archive that was rebuilt
from the checked entries, and no tensor may be larger than its storage.
"""

import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Final

import torch

_POLICY: Final = "policy.pth"
_MAX_BYTES: Final = 1 << 28
_MAX_ENTRIES: Final = 4_096
_YEAR_1980_S: Final = 315_532_800


def read_policy_tensors(model: bytes) -> dict[str, torch.Tensor]:
    """Returns the policy's parameters by name.

    Args:
        model: Content of a ``model.zip``.

    Raises:
        ValueError, KeyError, RuntimeError, zipfile.BadZipFile, pickle.UnpicklingError: if the content is invalid.
    """
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        if archive.getinfo(_POLICY).file_size > _MAX_BYTES:
            raise ValueError(f"{_POLICY} claims to be larger than any policy of tetrarium's")
        with archive.open(_POLICY) as file:
            policy = file.read(_MAX_BYTES + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about content that is rejected below
        loaded = torch.load(_rebuilt_archive(policy), map_location="cpu", weights_only=True)
    if not isinstance(loaded, dict) or not all(_is_named_tensor(name, value) for name, value in loaded.items()):
        raise ValueError(f"{_POLICY} contains something other than named tensors")
    return loaded


@contextmanager
def any_clock() -> Iterator[None]:
    """Lets zip archives be written while the clock of the machine is outside of their years, 1980 to 2107."""
    clock = zipfile.time  # type: ignore[attr-defined] # the module, by which zipfile dates its entries
    if 1980 <= clock.localtime().tm_year <= 2107:
        yield
        return
    zipfile.time = SimpleNamespace(**vars(clock) | {"localtime": lambda _: clock.gmtime(_YEAR_1980_S)})  # type: ignore[attr-defined]
    try:
        yield
    finally:
        zipfile.time = clock  # type: ignore[attr-defined]


def _rebuilt_archive(policy: bytes) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(policy)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as new:
        entries = old.infolist()
        names = {entry.filename for entry in entries}
        if len(names) < len(entries) or len(entries) > _MAX_ENTRIES:
            raise ValueError(f"{_POLICY} contains duplicate names, or too many")
        if any(entry.compress_type != zipfile.ZIP_STORED or entry.file_size > len(policy) for entry in entries):
            raise ValueError(f"{_POLICY} contains compressed entries, or claims more bytes than it has")
        if sum(entry.file_size for entry in entries) > len(policy):
            raise ValueError(f"{_POLICY} claims more bytes than it has")
        for entry in entries:
            new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry))
    packed.seek(0)
    return packed


def _is_named_tensor(name: object, value: object) -> bool:
    return (
        isinstance(name, str)
        and isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )
