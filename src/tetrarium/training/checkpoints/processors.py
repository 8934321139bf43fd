"""Code that libraries select by the processor, and on which the weights of a training depend.

Torch selects vector instructions, and the OpenBLAS of NumPy the kernels of its linear algebra. A checkpoint records
both among the versions of libraries.
"""

import ctypes
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tetrarium import errors

CPU_CAPABILITY: Final = "cpu-capability"  # entries of checkpoints; older ones lack them
BLAS_KERNELS: Final = "blas-kernels"
_ALGEBRA: Final = "numpy.linalg._umath_linalg"  # linked to the library
_CORE_NAMES: Final = tuple(
    f"{prefix}openblas_get_corename{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "")
)


def cpu_capability() -> str:
    """Returns the vector instructions with which torch computes, such as ``"AVX2"``: others give other weights."""
    import torch

    return torch.backends.cpu.get_cpu_capability()


def blas_kernels() -> str:
    """Returns the processor for whose kind NumPy's OpenBLAS computes, such as ``"Haswell"``; ``"other"`` without it."""
    try:
        library = ctypes.CDLL(importlib.import_module(_ALGEBRA).__file__)
    except (ImportError, OSError):
        return "other"
    for name in _CORE_NAMES:
        if (core_name := getattr(library, name, None)) is not None:  # found in what the module is linked to, too
            core_name.restype = ctypes.c_char_p
            return str(core_name().decode())
    return "other"


def selected_code() -> dict[str, str]:
    """Returns what a checkpoint records."""
    return {CPU_CAPABILITY: cpu_capability(), BLAS_KERNELS: blas_kernels()}


def require_same_code(path: Path, recorded: Mapping[str, str], *, uses_blas: bool) -> None:
    """Checks that libraries compute the same numbers here as where a checkpoint was made, as far as it is recorded.

    Args:
        path: The checkpoint's folder, for the message.
        recorded: Its versions of libraries.
        uses_blas: Whether its algorithm computes with NumPy's linear algebra.

    Raises:
        OtherCpuError: if not.
    """
    made_with, here = recorded.get(CPU_CAPABILITY), cpu_capability()
    if made_with not in (None, here):
        raise errors.OtherCpuError(
            f"Training resumes exactly under the same vector instructions only: {str(path)!r} was made with "
            f"{made_with}, and torch uses {here} here. Resume on such a processor (ATEN_CPU_CAPABILITY selects older "
            "instructions), or pass --any-cpu (any_cpu=True) to get another, equally valid result."
        )
    made_with, here = recorded.get(BLAS_KERNELS), blas_kernels()
    if uses_blas and made_with not in (None, here):
        raise errors.OtherCpuError(
            f"Training resumes exactly with the same linear algebra only: {str(path)!r} was made with OpenBLAS's "
            f"kernels for {made_with}, and NumPy uses those for {here} here. Resume on such a processor "
            "(OPENBLAS_CORETYPE selects older kernels), or pass --any-cpu (any_cpu=True) to get another, equally valid "
            "result."
        )
