"""Devices on which torch can train here."""

import subprocess
import sys
from functools import cache
from typing import Final

from tetrarium.errors import ConfigError

_ALWAYS_USABLE: Final = ("auto", "cpu")


def require_device(device: str) -> None:
    """Requires a device that torch can use; Stable-Baselines3 would silently train on another.

    A process that has not loaded torch, such as the dashboard, does not load it for this.

    Raises:
        ConfigError: if torch does not know the device or cannot use it.
    """
    if device in _ALWAYS_USABLE or (_is_usable(device) if "torch" in sys.modules else _is_usable_elsewhere(device)):
        return
    raise ConfigError(
        f"The device must be one that torch can use here; got {device!r}. Use 'cpu' or 'auto'.", field="device"
    )


def _is_usable(device: str) -> bool:
    import torch  # takes seconds to load

    try:
        torch_device = torch.device(device)
        module = torch.get_device_module(torch_device)
        return bool(module.is_available()) and (torch_device.index or 0) < module.device_count()
    except RuntimeError:
        return False


@cache
def _is_usable_elsewhere(device: str) -> bool:
    """Returns whether torch can use a device, as another process finds it."""
    code = f"import sys; from {__name__} import _is_usable; sys.exit(not _is_usable(sys.argv[1]))"
    command = [sys.executable, "-P", "-c", code, device]  # -P: no module of the working folder
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0  # noqa: S603 checked names
