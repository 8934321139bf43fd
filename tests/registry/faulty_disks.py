"""Disks that are small, record calls or fail, and programs that are killed while writing."""

import contextlib
import errno
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_processes import ForkedProgram
from tetrarium.registry.files.atomic import Disk

HIDDEN = re.compile(r"\.tetrarium-[0-9a-f]{16}")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[Path]:
    """Mounts a file system of that size, or skips the test if that is not permitted."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def running(program: str, *arguments: object) -> Iterator[ForkedProgram]:
    """Runs a Python program in a process of its own, which is killed at the end."""
    process = ForkedProgram(program, *arguments)
    try:
        yield process
    finally:
        process.kill()


class RecordingDisk(Disk):
    """Records every call as ``(name, file, ...)``, with hidden names as ``*`` and paths relative to ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[tuple[str, ...]] = []

    def _record(self, call: str, *paths: Path) -> None:
        self.calls.append((call, *(HIDDEN.sub("*", path.relative_to(self.root).as_posix()) for path in paths)))

    def flush(self, path: Path) -> None:
        self._record("flush", path)
        super().flush(path)

    def rename(self, source: Path, target: Path) -> None:
        self._record("rename", source, target)
        super().rename(source, target)

    def exchange(self, one: Path, other: Path) -> None:
        self._record("exchange", one, other)
        super().exchange(one, other)


class DiskWithoutExchange(RecordingDisk):
    def __init__(self, root: Path, number: int = errno.ENOSYS) -> None:
        super().__init__(root)
        self.number = number

    def exchange(self, one: Path, other: Path) -> None:
        raise OSError(self.number, os.strerror(self.number))


class FailingDisk(Disk):
    """Fails at one call, counted from 0, before it has any effect."""

    def __init__(self, fatal_call: int, *, has_exchange: bool, has_links: bool = True) -> None:
        self.fatal_call = fatal_call
        self.has_exchange = has_exchange
        self.has_links = has_links
        self.n_calls = 0

    def _count(self) -> None:
        self.n_calls += 1
        if self.n_calls == self.fatal_call + 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def flush(self, path: Path) -> None:
        self._count()
        super().flush(path)

    def rename(self, source: Path, target: Path) -> None:
        self._count()
        super().rename(source, target)

    def exchange(self, one: Path, other: Path) -> None:
        if not self.has_exchange:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._count()
        super().exchange(one, other)

    def symlink(self, link: Path, target: str) -> None:
        if not self.has_links:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        super().symlink(link, target)
