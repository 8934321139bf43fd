"""Memory of this machine, so that settings which need more are refused before anything starts."""

import os
import resource
from pathlib import Path
from typing import Final

from tetrarium.errors import ConfigError

_LIMIT_FILES: Final = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)  # of the container, versions 2 and 1


def memory_bytes() -> int:
    """Returns how much memory this process can have: that of the machine, its container and its limits."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for name in _LIMIT_FILES:
        try:
            limits.append(int(Path(name).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return min(limits if soft == resource.RLIM_INFINITY else [*limits, soft])


def require_memory(field: str, what: str, n_bytes: int) -> None:
    """Checks that something fits into the memory of this machine.

    Args:
        field: The setting that determines the size.
        what: The thing, for the message.
        n_bytes: Its size.

    Raises:
        ConfigError: if it does not.
    """
    available = memory_bytes()
    if n_bytes > available:
        raise ConfigError(
            f"{field} must fit into memory: {what} needs {n_bytes / 1e9:,.1f} GB, and this machine has "
            f"{available / 1e9:,.1f} GB. Choose a smaller {field}.",
            field=field,
        )
