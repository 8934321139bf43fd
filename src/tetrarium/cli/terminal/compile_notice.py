"""Notice that kernels are being compiled, for a first start that takes longer than the command itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def notify_compiling(notify: Callable[[], None]) -> Iterator[None]:
    """Calls ``notify`` once, when the first kernel that is not cached on disk is compiled."""
    from numba.core import event

    class Listener(event.Listener):
        is_notified = False

        def on_start(self, event: object) -> None:
            if not self.is_notified:
                self.is_notified = True
                notify()

        def on_end(self, event: object) -> None: ...

    with event.install_listener("numba:compile", Listener()):
        yield
