"""Who waits for kernels to be compiled is told so, once, and nobody else is."""

import numba
import pytest

from tetrarium.cli.compiling import told_of_compiling


@pytest.mark.compiled
def test_compiling_is_told_once() -> None:
    one, other = (numba.njit(lambda number: number + 1) for _ in range(2))
    told: list[str] = []
    with told_of_compiling(lambda: told.append("compiling")):
        assert told == []
        assert (one(1), other(2)) == (2, 3)
    assert told == ["compiling"]

    with told_of_compiling(lambda: told.append("again")):
        assert one(2) == 3
    assert told == ["compiling"]
    assert one(1.5) == 2.5, "what is compiled later tells nobody"
    assert told == ["compiling"]
