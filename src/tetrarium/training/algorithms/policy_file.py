"""The tensors in a ``model.zip`` of Stable-Baselines3, read so that nothing in it can run, whoever made it.

``policy.pth`` inside is a zip of a pickle and raw numbers. torch's reader for weights alone lets no pickle make more
than tensors; beyond that, nothing is unpacked that is compressed or larger than a policy, torch is given an archive
that was packed anew from what was looked at, and no tensor is larger than its numbers.
"""

import io
import warnings
import zipfile
from typing import Final

import torch

__all__ = ["read_policy_tensors"]

_POLICY: Final = "policy.pth"
_MAX_BYTES: Final = 1 << 28
_MAX_ENTRIES: Final = 4_096


def read_policy_tensors(model: bytes) -> dict[str, torch.Tensor]:
    """Returns the policy's parameters by name.

    Args:
        model: Content of a ``model.zip``.

    Raises:
        ValueError, KeyError, RuntimeError, zipfile.BadZipFile, pickle.UnpicklingError: if it is anything else.
    """
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        if archive.getinfo(_POLICY).file_size > _MAX_BYTES:
            raise ValueError(f"{_POLICY} claims to be larger than any policy of ours")
        with archive.open(_POLICY) as file:
            policy = file.read(_MAX_BYTES + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is about to be refused
        loaded = torch.load(_packed_anew(policy), map_location="cpu", weights_only=True)
    if not isinstance(loaded, dict) or not all(_is_plain(name, value) for name, value in loaded.items()):
        raise ValueError(f"{_POLICY} holds something else than tensors by name")
    return loaded


def _packed_anew(policy: bytes) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(policy)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as new:
        entries = old.infolist()
        names = {entry.filename for entry in entries}
        if len(names) < len(entries) or len(entries) > _MAX_ENTRIES:
            raise ValueError(f"{_POLICY} holds names twice, or too many")
        if any(entry.compress_type != zipfile.ZIP_STORED or entry.file_size > len(policy) for entry in entries):
            raise ValueError(f"{_POLICY} holds something compressed, or claims more than it has")
        if sum(entry.file_size for entry in entries) > len(policy):
            raise ValueError(f"{_POLICY} claims more than it has")
        for entry in entries:
            new.writestr(entry.filename, old.read(entry))
    packed.seek(0)
    return packed


def _is_plain(name: object, value: object) -> bool:
    return (
        isinstance(name, str)
        and isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )
