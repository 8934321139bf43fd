"""Simulated power failures: records the writes to a folder, and constructs what may remain of it on the disk.

A *moment* is recorded before each system call that flushes, or changes a folder. The disk is guaranteed to contain a
file's content, and a folder's names, as of their last flush. Each later change may be present or not, independently: a
folder is as at any later moment, and a file is as at any later moment, or torn.
"""

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tetrarium.registry.files.atomic import Disk

Content = bytes | dict[str, int]  # a file's bytes, or a folder's names with their inodes
CHANGING = ("rename", "replace", "unlink", "remove", "rmdir", "mkdir", "link", "symlink")


@dataclass(kw_only=True)
class Moment:
    """The content of the disk, and the last flush of each file and folder."""

    call: str
    seen: dict[int, Content]
    flushed: dict[int, int]  # number of the moment by inode


@dataclass
class Recorder:
    """Recorder of the changes inside a folder."""

    root: Path
    moments: list[Moment] = field(default_factory=list)
    _open: dict[int, int] = field(default_factory=dict)  # open descriptors: no recorded inode is reused

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Records system calls of this process for the length of the block."""
        with pytest.MonkeyPatch.context() as patch:
            for name in CHANGING:
                patch.setattr(os, name, self._recorded(name, getattr(os, name)))
            patch.setattr(Disk, "exchange", self._recorded("exchange", Disk.exchange))
            patch.setattr(os, "fsync", self._recorded_fsync(os.fsync))
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
        """Records a moment; returns its number."""
        flushed = dict(self.moments[-1].flushed) if self.moments else {}
        seen: dict[int, Content] = {}
        self._see(self.root, seen)
        self.moments.append(Moment(call=call, seen=seen, flushed=flushed))
        return len(self.moments) - 1

    def _recorded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(*arguments: Any, **options: Any) -> Any:
            self.note(name)
            return function(*arguments, **options)

        return recorded

    def _recorded_fsync(self, fsync: Callable[[int], None]) -> Callable[[int], None]:
        def recorded(descriptor: int) -> None:
            number = self.note("fsync")
            fsync(descriptor)
            for moment in self.moments[number:]:  # other threads may have recorded some meanwhile
                moment.flushed[os.fstat(descriptor).st_ino] = number

        return recorded

    def _see(self, folder: Path, seen: dict[int, Content]) -> int:
        number = self._keep(folder)
        names: dict[str, int] = {}
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith("registry.db"):
                continue  # written by another thread; its content can be rebuilt
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
        """Returns the files that may remain if the power fails after a moment; names of folders end in a slash."""
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
        """Returns the distinct states of a file or folder since its last flush, oldest first."""
        first = 0 if flushed is None else flushed
        versions: list[Content] = []
        for moment in self.moments[first : number + 1]:
            content = moment.seen.get(inode)
            if content is not None and (not versions or versions[-1] != content):
                versions.append(content)
        return versions


Choose = Callable[[list[Content], bool], Content]


def all_lost(versions: list[Content], is_flushed: bool) -> Content:
    """Chooses the last flushed content: all later changes are lost."""
    if is_flushed:
        return versions[0]
    return b"" if isinstance(versions[0], bytes) else {}


def names_kept(versions: list[Content], is_flushed: bool) -> Content:
    """Chooses the newest names and the flushed content of files, padded with zeros."""
    newest, oldest = versions[-1], versions[0]
    if not isinstance(newest, bytes):
        return newest
    assert isinstance(oldest, bytes)
    kept = oldest if is_flushed else b""
    return kept if len(versions) == 1 and is_flushed else kept + bytes(max(len(newest) - len(kept), 0))


def by_chance(seed: int) -> Choose:
    """Returns a chooser of random moments for each file and folder; files may be torn."""
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
    """Writes the remaining files to a folder; only their owner can read them, as the key requires."""
    for path, content in left.items():
        if isinstance(content, bytes):
            (folder / path[1:]).write_bytes(content)
            (folder / path[1:]).chmod(0o600)
        else:
            (folder / path[1:]).mkdir(exist_ok=True)
