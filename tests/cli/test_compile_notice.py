"""The notice that kernels are being compiled is given once, and only if one is."""

import numba
import pytest

from tetrarium.cli.terminal.compile_notice import notify_compiling


@pytest.mark.compiled
def test_compile_notice_is_given_once() -> None:
    one, other = (numba.njit(lambda number: number + 1) for _ in range(2))
    notices: list[str] = []
    with notify_compiling(lambda: notices.append("compiling")):
        assert notices == []
        assert (one(1), other(2)) == (2, 3)
    assert notices == ["compiling"]

    with notify_compiling(lambda: notices.append("again")):
        assert one(2) == 3
    assert notices == ["compiling"]
    assert one(1.5) == 2.5, "compiled after the context has ended"
    assert notices == ["compiling"]
