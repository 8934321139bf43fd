"""The latest boards of a worker, in a file that it writes and watchers of this machine look into.

A message through a socket wakes a thread here and a process there, which costs a worker twice what making the board
does; a write into the system's memory of a file wakes nobody. Nothing is ever waited for or flushed. Who looks too late
misses boards, and nobody gets old ones.

The file has ``N_SLOTS`` slots of ``SLOT_BYTES``, which are filled in turn: the board's number from 1 on, the length and
the CRC-32 of its message, and the message. A number that is read beside half a message does not fit its sum.
"""

import contextlib
import os
import struct
import zlib
from pathlib import Path
from typing import Final

from tetrarium.training.runs.folder import BOARDS

__all__ = ["N_SLOTS", "SLOT_BYTES", "BoardReader", "BoardWriter"]

N_SLOTS: Final = 16
SLOT_BYTES: Final = 1 << 16
_HEAD: Final = struct.Struct("<QII")  # number, length, sum
_OWNER_ONLY: Final = 0o600
_NO_FILE: Final = -1


class BoardWriter:
    """The worker's side; where the file cannot be made, it shows none.

    Args:
        folder: The worker's, whose lock this process holds.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / BOARDS
        self._n_written = 0
        self._file = _NO_FILE
        with contextlib.suppress(OSError):  # something else lies there, or there is no room
            self._path.unlink(missing_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)

    def put(self, message: bytes) -> bool:
        """Shows a board to whoever looks; returns False if it has no room, or cannot be shown so."""
        file = self._file
        if file == _NO_FILE or len(message) > SLOT_BYTES - _HEAD.size:
            return False
        number = self._n_written + 1
        slot = _HEAD.pack(number, len(message), zlib.crc32(message)) + message
        try:
            n_written = os.pwrite(file, slot, number % N_SLOTS * SLOT_BYTES)
        except OSError:  # of a disk that is full, say
            return False
        if n_written != len(slot):  # it became full in the middle
            return False
        self._n_written = number
        return True

    def close(self) -> None:
        """Takes the file away; who looks into it still may, and what is put later is shown to nobody."""
        file, self._file = self._file, _NO_FILE
        if file == _NO_FILE:
            return
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(file), self._path.stat()):  # else the folder was moved
                self._path.unlink()
        os.close(file)


class BoardReader:
    """A watcher's side.

    Args:
        folder: The worker's.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / BOARDS
        self._file: int | None = None
        self._n_seen = 0

    def take(self) -> list[bytes]:
        """Returns the boards that are new since the last call, the oldest first; at first the latest alone."""
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
                self._n_seen = max(self._latest() - 1, 0)
            except OSError:  # of an older version, gone, or no file
                self.close()
                return []
        taken = []
        while (message := self._next()) is not None:
            taken.append(message)
        return taken

    def close(self) -> None:
        """Stops looking."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _next(self) -> bytes | None:
        number, n_bytes, crc = self._head(self._n_seen + 1)
        if number > self._n_seen + 1:  # this slot was filled anew: only the latest is worth showing
            self._n_seen = self._latest() - 1
            number, n_bytes, crc = self._head(self._n_seen + 1)
        if number != self._n_seen + 1:
            return None
        assert self._file is not None
        message = os.pread(self._file, n_bytes, number % N_SLOTS * SLOT_BYTES + _HEAD.size)
        if zlib.crc32(message) != crc:
            return None  # it is being written: the next call looks again
        self._n_seen = number
        return message

    def _latest(self) -> int:
        return max(self._head(slot)[0] for slot in range(N_SLOTS))

    def _head(self, number: int) -> tuple[int, int, int]:
        """What stands at the head of the slot of a board's number; zeros where nothing was written yet."""
        assert self._file is not None
        head = os.pread(self._file, _HEAD.size, number % N_SLOTS * SLOT_BYTES)
        n_written, n_bytes, crc = _HEAD.unpack(head.ljust(_HEAD.size, b"\0"))
        return n_written, min(n_bytes, SLOT_BYTES), crc
