"""Stop signals: called, listed and, if the process was started to ignore them, left alone."""

import signal
from collections.abc import Iterator

import pytest

from tetrarium.cli.terminal.agent_player import signals_as_exceptions
from tetrarium.signals import EXIT_CODES, call_on_stop_signals, received_stop_signals, stop_signals


@pytest.fixture(autouse=True)
def _restored_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in EXIT_CODES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_signals_are_listed_and_ignored_afterwards() -> None:
    calls: list[int] = []
    with received_stop_signals(lambda: calls.append(1)) as received:
        assert stop_signals() == [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
    assert (received, calls) == ([signal.SIGHUP, signal.SIGTERM], [1, 1])
    signal.raise_signal(signal.SIGINT)


def test_ignored_signals_stay_ignored() -> None:
    for number in (signal.SIGHUP, signal.SIGINT):  # as by nohup, and in the background of a script
        signal.signal(number, signal.SIG_IGN)
    calls: list[int] = []
    with received_stop_signals(lambda: calls.append(1)) as received, signals_as_exceptions():
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGINT)
    call_on_stop_signals(lambda: calls.append(2))
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)

    assert (received, calls) == ([], [2])
