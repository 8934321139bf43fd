"""Who watches a worker, and for how long yet.

A watcher says what it wants to see and says it again each second; who says nothing for ``LEASE_S`` is gone, however it
went. What all of them want together is what the worker makes.
"""

from typing import Final

from tetrarium.training.runs.control import Watching

__all__ = ["LEASE_S", "MAX_BOARDS_PER_SECOND", "Leases"]

LEASE_S: Final = 3.0
MAX_BOARDS_PER_SECOND: Final = 60
_MOST: Final = 1_000  # further watchers are watchers of what the others see


class Leases:
    """What watchers want, each by its own name.

    >>> leases = Leases()
    >>> leases.renew(b"one", Watching(boards_per_second=30.0), now_s=0.0)
    >>> leases.renew(b"other", Watching(boards_per_second=60.0, thoughts=True), now_s=1.0)
    >>> leases.together(2.9), leases.together(3.5), leases.together(9.0).boards_per_second
    (Watching(boards_per_second=60.0, thoughts=True), Watching(boards_per_second=60.0, thoughts=True), 0.0)
    """

    def __init__(self) -> None:
        self._leases: dict[bytes, tuple[float, Watching]] = {}  # until when

    def renew(self, watcher: bytes, wanted: Watching, now_s: float) -> None:
        """Notes what a watcher wants; no boards end its lease."""
        self._leases.pop(watcher, None)
        if wanted.boards_per_second > 0 and len(self._leases) < _MOST:
            self._leases[watcher] = (now_s + LEASE_S, wanted)

    def together(self, now_s: float) -> Watching:
        """What all watchers that are left want."""
        self._leases = {name: lease for name, lease in self._leases.items() if lease[0] > now_s}
        wanted = [lease[1] for lease in self._leases.values()]
        return Watching(
            boards_per_second=max((one.boards_per_second for one in wanted), default=0.0),
            thoughts=any(one.thoughts for one in wanted),
        )

    def next_end_s(self) -> float | None:
        """When the next lease ends, if nothing renews it."""
        return min((until_s for until_s, _ in self._leases.values()), default=None)
