"""Tells who waits that kernels are being compiled: at a first start that takes longer than what was asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["told_of_compiling"]


@contextmanager
def told_of_compiling(tell: Callable[[], None]) -> Iterator[None]:
    """Calls ``tell`` once, when the first kernel is compiled that does not lie ready on disk."""
    from numba.core import event

    class Listener(event.Listener):
        is_told = False

        def on_start(self, event: object) -> None:
            if not self.is_told:
                self.is_told = True
                tell()

        def on_end(self, event: object) -> None: ...

    with event.install_listener("numba:compile", Listener()):
        yield
