"""A disk that can lose its power: what a program does to a folder is recorded, and what might be left of it is made.

A *moment* is taken before each system call that flushes, or changes a folder. Of a file the disk is sure to hold what
was in it at its last flush, of a folder the names that it had at its last flush. Whatever happened to it later may be
there or not, each on its own: a folder is as at any later moment, and a file is as at any later moment, or torn.
"""

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tetrarium.registry.disk import Disk

Content = bytes | dict[str, int]  # a file's bytes, or a folder's names with the inodes they stand for
CHANGING = ("rename", "replace", "unlink", "remove", "rmdir", "mkdir", "link", "symlink")


@dataclass(kw_only=True)
class Moment:
    """What there was, and when each of it was flushed last."""

    call: str
    seen: dict[int, Content]
    flushed: dict[int, int]  # number of the moment by inode


@dataclass
class Recorder:
    """Records what happens inside a folder."""

    root: Path
    moments: list[Moment] = field(default_factory=list)
    _open: dict[int, int] = field(default_factory=dict)  # descriptors: no inode that was seen is given away again

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Records system calls of this process for the length of the block."""
        with pytest.MonkeyPatch.context() as patch:
            for name in CHANGING:
                patch.setattr(os, name, self._noting(name, getattr(os, name)))
            patch.setattr(Disk, "exchange", self._noting("exchange", Disk.exchange))
            patch.setattr(os, "fsync", self._fsync_noting(os.fsync))
            self.note("start")
            root = self.root.stat().st_ino
            self.moments[0].flushed[root] = 0
            try:
                yield
            finally:
                self.note("end")
                for descriptor in self._open.values():
                    os.close(descriptor)

    def note(self, call: str) -> int:
        """Takes a moment; returns its number."""
        flushed = dict(self.moments[-1].flushed) if self.moments else {}
        seen: dict[int, Content] = {}
        self._see(self.root, seen)
        self.moments.append(Moment(call=call, seen=seen, flushed=flushed))
        return len(self.moments) - 1

    def _noting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            self.note(name)
            return function(*arguments, **options)

        return noted

    def _fsync_noting(self, fsync: Callable[[int], None]) -> Callable[[int], None]:
        def noted(descriptor: int) -> None:
            number = self.note("fsync")
            fsync(descriptor)
            self.moments[number].flushed[os.fstat(descriptor).st_ino] = number

        return noted

    def _see(self, folder: Path, seen: dict[int, Content]) -> int:
        number = self._keep(folder)
        names: dict[str, int] = {}
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith("registry.db"):
                continue  # another thread writes it, beside training; all that is in it can be read again
            if entry.is_dir():
                names[entry.name] = self._see(entry, seen)
            else:
                names[entry.name] = self._keep(entry)
                seen[names[entry.name]] = entry.read_bytes()
        seen[number] = names
        return number

    def _keep(self, path: Path) -> int:
        number = path.stat().st_ino
        if number not in self._open:
            self._open[number] = os.open(path, os.O_RDONLY)
        return number

    def left_at(self, number: int, choose: "Choose") -> dict[str, Content]:
        """What the disk may hold if the power fails after the call of a moment; folders end in a slash."""
        root = next(iter(self.moments[0].flushed))
        left: dict[str, Content] = {}
        self._leave(number, root, "", choose, left)
        return left

    def _leave(self, number: int, inode: int, path: str, choose: "Choose", left: dict[str, Content]) -> None:
        flushed = self.moments[number].flushed.get(inode)
        versions = self._versions(inode, flushed, number)
        if isinstance(versions[-1], bytes):
            left[path] = choose(versions, flushed is not None)
            return
        left[f"{path}/"] = {}
        names = choose(versions, flushed is not None)
        assert isinstance(names, dict)
        for name, inside in names.items():
            self._leave(number, inside, f"{path}/{name}", choose, left)

    def _versions(self, inode: int, flushed: int | None, number: int) -> list[Content]:
        """What something was at the moment of its last flush and after, without repetitions, oldest first."""
        first = 0 if flushed is None else flushed
        versions: list[Content] = []
        for moment in self.moments[first : number + 1]:
            content = moment.seen.get(inode)
            if content is not None and (not versions or versions[-1] != content):
                versions.append(content)
        return versions


Choose = Callable[[list[Content], bool], Content]


def all_lost(versions: list[Content], is_flushed: bool) -> Content:
    """Nothing reached the disk that was not flushed."""
    if is_flushed:
        return versions[0]
    return b"" if isinstance(versions[0], bytes) else {}


def names_kept(versions: list[Content], is_flushed: bool) -> Content:
    """All names reached the disk, and of the files what was flushed; the rest of each is zeros."""
    newest, oldest = versions[-1], versions[0]
    if not isinstance(newest, bytes):
        return newest
    assert isinstance(oldest, bytes)
    kept = oldest if is_flushed else b""
    return kept if len(versions) == 1 and is_flushed else kept + bytes(max(len(newest) - len(kept), 0))


def by_chance(seed: int) -> Choose:
    """Each file and each folder is as it was at one moment or another, and files may be torn."""
    rng = random.Random(seed)

    def choose(versions: list[Content], is_flushed: bool) -> Content:
        chosen = rng.choice(versions)
        if isinstance(chosen, bytes) and (len(versions) > 1 or not is_flushed):
            assert isinstance(versions[0], bytes)
            sure = len(versions[0]) if is_flushed and chosen.startswith(versions[0]) else 0
            torn = rng.randint(sure, max(len(chosen), sure))
            return rng.choice([chosen, chosen[:torn], chosen[:torn] + rng.randbytes(len(chosen) - torn)])
        return chosen if is_flushed or rng.random() < 0.5 else ({} if isinstance(chosen, dict) else b"")

    return choose


def put(left: dict[str, Content], folder: Path) -> None:
    """Makes what is left on a disk; as on the real one, only its owner may read the key."""
    for path, content in left.items():
        if isinstance(content, bytes):
            (folder / path[1:]).write_bytes(content)
            (folder / path[1:]).chmod(0o600)
        else:
            (folder / path[1:]).mkdir(exist_ok=True)
