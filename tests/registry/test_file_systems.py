"""Homes on file systems without links, permissions or coherent memory maps: faults injected by strace, real mounts."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import run_command
from tests.registry.model_store_contract import numbered
from tetrarium.errors import NameTakenError
from tetrarium.registry.database import Database
from tetrarium.registry.files.file_system import file_system_type, flush, is_shared
from tetrarium.registry.home import Home, HomeWarning
from tetrarium.registry.model_store import ModelStore
from tetrarium.tuning.trial_storage import Storage

WRITE = """
import sys
from pathlib import Path
from tetrarium.registry.files.atomic import write_directory
from tetrarium.registry.home import Home

home = Home.locate(sys.argv[1])
print(home.secret() == home.secret() == Home.locate(sys.argv[1]).secret())
for text in ("old", "new"):
    write_directory(home.runs / "one", lambda hidden: (hidden / "text").write_text(text))
print((home.runs / "one" / "text").read_text(), *home.root.glob(".*"))
"""


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Invalid argument"):
        flush(tmp_path / "pipe")


def requires(*programs: str) -> None:
    """Skips a test if a program is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def mount(place: Path, *command: str) -> None:
    """Mounts a file system, or skips the test if that is not permitted."""
    place.mkdir()
    mounted = subprocess.run([*command, str(place)], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"it cannot be mounted here: {mounted.stderr.strip()}")


@pytest.fixture
def exfat(tmp_path: Path) -> Iterator[Path]:
    """Returns an exFAT disk, which has no permissions and no links."""
    requires("mkfs.exfat", "mount.exfat-fuse", "losetup")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.exfat", str(image)], capture_output=True, check=True)
    looped = subprocess.run(["losetup", "-f", "--show", str(image)], capture_output=True, text=True, check=False)
    if looped.returncode != 0:
        pytest.skip(f"it cannot be mounted here: {looped.stderr.strip()}")
    try:
        mount(tmp_path / "exfat", "mount.exfat-fuse", "-o", "umask=022", looped.stdout.strip())
        yield tmp_path / "exfat"
        subprocess.run(["umount", str(tmp_path / "exfat")], check=True)
    finally:
        subprocess.run(["losetup", "-d", looped.stdout.strip()], check=True)


@pytest.mark.parametrize("without", [("link", "symlink", "renameat2"), ("link",), ("symlink", "renameat2")])
def test_key_and_folders_are_written_without_links(without: tuple[str, ...], tmp_path: Path) -> None:
    requires("strace")
    command = ["strace", "-f", "-qq", "-o", str(tmp_path / "calls")]
    for call in without:
        command += ["-e", f"inject={call}:error={'EINVAL' if call == 'renameat2' else 'EPERM'}"]
    command += [sys.executable, "-c", WRITE, str(tmp_path / "home")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "True\nnew\n"
    injected = [line for line in (tmp_path / "calls").read_text().splitlines() if "INJECTED" in line]
    assert all(any(f" {call}(" in line for line in injected) for call in without)


def test_folder_that_cannot_be_flushed_and_a_file_that_cannot(tmp_path: Path) -> None:
    requires("strace")
    flushed = "import sys; from tetrarium.registry.files.file_system import flush, Path; flush(Path(sys.argv[1]))"
    (tmp_path / "file").touch()
    for path, error, code in ((tmp_path, "EINVAL", 0), (tmp_path, "EIO", 1), (tmp_path / "file", "EINVAL", 1)):
        command = ["strace", "-qq", "-o", str(tmp_path / "calls"), "-P", str(path), "-e", f"inject=fsync:error={error}"]
        done = subprocess.run([*command, sys.executable, "-c", flushed, str(path)], capture_output=True, check=False)
        assert done.returncode == code
        assert "INJECTED" in (tmp_path / "calls").read_text()
    flush(tmp_path)


def test_home_without_permissions_warns_once_and_works(exfat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home.locate(exfat / "home")
    with pytest.warns(HomeWarning, match=r"has no permissions: other users of this machine may read the home's key"):
        key = home.secret()
    assert home.secret() == key
    assert len(key) == 32
    done = subprocess.run([sys.executable, "-c", WRITE, str(home.root)], capture_output=True, text=True, check=True)
    assert done.stdout == "True\nnew\n"
    store = ModelStore(home)
    store.save("first", numbered(1))
    store.save("first", numbered(2))
    assert store.load("first").weights_sha256 == numbered(2).weights_sha256
    store.delete("first")
    store.restore("first")
    Storage(home).check()
    assert run_command("doctor", "--json", "--home", str(home.root)) == 1
    checks = {check["check"]: check for check in json.loads(capsys.readouterr().out)}
    assert not checks["file system"]["is_ok"]
    assert checks["home"]["is_ok"] and checks["databases"]["is_ok"]
    assert "mount this one for you alone" in checks["file system"]["message"]


def test_names_that_differ_in_case_only(exfat: Path) -> None:
    home = Home.locate(exfat / "home")
    home.create_run_folder("One")
    ModelStore(home).save("Mine", numbered(1))
    for call in (home.run_folder, home.create_run_folder, home.require_free):
        with pytest.raises(NameTakenError, match=r"not distinguish 'one' from 'One', which exists\. Write 'One', or"):
            call("one")
    for save in (ModelStore(home).save, ModelStore(home).save_file):
        with pytest.raises(NameTakenError, match="does not distinguish 'mine' from 'Mine'"):
            save("mine", numbered(2))
    ModelStore(home).save("Mine", numbered(2))
    assert [version.number for version in ModelStore(home).versions("Mine")] == [1, 2]
    assert home.run_folder("One").is_dir() and not home.run_folder("two").exists()


def test_case_counts_where_the_file_system_distinguishes_it(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    for number, name in enumerate(("one", "ONE", "One"), 1):
        home.create_run_folder(name)
        ModelStore(home).save(name, numbered(number))
        assert home.run_folder(name).is_dir()
    assert [slot.name for slot in ModelStore(home).slots()] == ["ONE", "One", "one"]


def test_type_of_a_file_system(tmp_path: Path) -> None:
    assert file_system_type(Path("/proc/self")) == "proc"
    assert file_system_type(tmp_path / "missing" / "too") == file_system_type(tmp_path)
    assert not is_shared(tmp_path)


def test_databases_of_a_file_system_that_other_machines_use_have_no_shared_memory(tmp_path: Path) -> None:
    requires("bindfs")
    (tmp_path / "server").mkdir()
    local = Home.locate(tmp_path / "server")
    Database(local).check()
    Storage(local).check()
    mount(tmp_path / "client", "bindfs", str(tmp_path / "server"))
    try:
        home = Home.locate(tmp_path / "client")
        assert is_shared(home.root)
        for database in (Database(home), Storage(home)):
            database.check()
            header = database.path.read_bytes()[18:20]
            assert header == b"\1\1"  # the journal's versions: 2 with a write-ahead log
        new = Home.locate(tmp_path / "client" / "new")
        Database(new).check()
        assert Database(new).path.read_bytes()[18:20] == b"\1\1"
    finally:
        subprocess.run(["umount", str(tmp_path / "client")], check=True)
