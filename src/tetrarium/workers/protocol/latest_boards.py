"""Latest boards of a worker, in a file that the worker writes and clients on this machine poll.

A message through a socket wakes a thread of the worker and the client's process, which costs the worker twice as much
as making the board; a write into the page cache wakes nobody. Nothing is waited for or flushed to disk. A client that
polls too slowly misses boards; none receives outdated ones.

The file has ``N_SLOTS`` slots of ``SLOT_BYTES``, used in turn. A slot holds the board's number, counted from 1, the
length and the CRC-32 of its message, and the message. The checksum reveals a message that was read while half written.
"""

import contextlib
import os
import struct
import zlib
from pathlib import Path
from typing import Final

from tetrarium.training.runs.storage.folder import BOARDS

N_SLOTS: Final = 16
SLOT_BYTES: Final = 1 << 16
_HEAD: Final = struct.Struct("<QII")  # number, length, CRC-32
_OWNER_ONLY: Final = 0o600
_NO_FILE: Final = -1


class BoardWriter:
    """Writer of the file, for the worker; without a file, if none can be made, it accepts no boards.

    Args:
        folder: The worker's folder, whose lock this process holds.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / BOARDS
        self._n_written = 0
        self._file = _NO_FILE
        with contextlib.suppress(OSError):  # the path is taken by a folder, or the disk is full
            self._path.unlink(missing_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)

    def put(self, message: bytes) -> bool:
        """Writes a board; returns False if it is too large, or the file cannot be written."""
        file = self._file
        if file == _NO_FILE or len(message) > SLOT_BYTES - _HEAD.size:
            return False
        number = self._n_written + 1
        slot = _HEAD.pack(number, len(message), zlib.crc32(message)) + message
        try:
            n_written = os.pwrite(file, slot, number % N_SLOTS * SLOT_BYTES)
        except OSError:  # such as a full disk
            return False
        if n_written != len(slot):  # the disk became full
            return False
        self._n_written = number
        return True

    def close(self) -> None:
        """Deletes the file; clients that opened it can still read it, and later boards are not accepted."""
        file, self._file = self._file, _NO_FILE
        if file == _NO_FILE:
            return
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(file), self._path.stat()):  # else the folder was moved
                self._path.unlink()
        os.close(file)


class BoardReader:
    """Reader of the file, for a client.

    Args:
        folder: The worker's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / BOARDS
        self._file: int | None = None
        self._last_number = 0

    def take(self) -> list[bytes]:
        """Returns the boards since the last call, oldest first; at the first call only the latest one."""
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
                self._last_number = max(self._latest() - 1, 0)
            except OSError:  # the worker has ended, is of an earlier version, or has no file
                self.close()
                return []
        boards = []
        while (message := self._next()) is not None:
            boards.append(message)
        return boards

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _next(self) -> bytes | None:
        number, n_bytes, crc = self._head(self._last_number + 1)
        if number > self._last_number + 1:  # the slot was overwritten: skips to the latest board
            self._last_number = self._latest() - 1
            number, n_bytes, crc = self._head(self._last_number + 1)
        if number != self._last_number + 1:
            return None
        assert self._file is not None
        message = os.pread(self._file, n_bytes, number % N_SLOTS * SLOT_BYTES + _HEAD.size)
        if zlib.crc32(message) != crc:
            return None  # the message is being written: the next call reads it
        self._last_number = number
        return message

    def _latest(self) -> int:
        return max(self._head(slot)[0] for slot in range(N_SLOTS))

    def _head(self, number: int) -> tuple[int, int, int]:
        """Returns number, length and CRC-32 in the slot of a board's number; zeros before the first write."""
        assert self._file is not None
        head = os.pread(self._file, _HEAD.size, number % N_SLOTS * SLOT_BYTES)
        n_written, n_bytes, crc = _HEAD.unpack(head.ljust(_HEAD.size, b"\0"))
        return n_written, min(n_bytes, SLOT_BYTES), crc
