"""Kernels that describe or score every placement of a piece without playing it."""
