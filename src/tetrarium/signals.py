"""Signals that end a program, as the shell set them: a signal that was ignored from the start stays ignored.

``nohup`` ignores SIGHUP, which the closing of a terminal sends; a shell ignores SIGINT for the background commands of a
script.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

EXIT_CODES: Final = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def stop_signals() -> list[signal.Signals]:
    """Returns the signals that end this process: those of ``EXIT_CODES`` that are not ignored."""
    return [number for number in EXIT_CODES if signal.getsignal(number) is not signal.SIG_IGN]


def call_on_stop_signals(stop: Callable[[], object]) -> None:
    """Calls a function, from now on, whenever a stop signal arrives."""
    for number in stop_signals():
        signal.signal(number, lambda _number, _frame: stop())


@contextmanager
def received_stop_signals(stop: Callable[[], object]) -> Iterator[list[signal.Signals]]:
    """Context manager that calls a function at each stop signal, and gives the list of those that arrived.

    If one arrived, further ones are ignored afterwards, while the process exits.
    """
    received: list[signal.Signals] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        stop()

    previous = {number: signal.signal(number, on_signal) for number in stop_signals()}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_IGN if received else handler)
