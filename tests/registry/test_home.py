"""Home folder: its location, names inside it, and its key."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tetrarium.errors import HomeError
from tetrarium.registry import Home, check_name
from tetrarium.registry.model_store import ModelStore

NEW_KEY = "Delete it to get a new key; earlier checkpoints then need trust=True."
ELSEWHERE = "Choose another home with --home or TETRARIUM_HOME."


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.locate(tmp_path / "home")


@pytest.fixture
def locked_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process may not write: as root, by acting as nobody for the length of the test."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(user)


def refusal(home: Home, call: str, *arguments: object) -> str:
    with pytest.raises(HomeError) as caught:
        getattr(home, call)(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def run_together(home: Home, expression: str, n_processes: int = 6, imports: str = "") -> list[str]:
    """Returns what several processes that start at once print for an expression of ``home``."""
    program = (
        f"{imports}import sys; from tetrarium.registry import Home; home = Home.locate(sys.argv[1]); "
        f"print('ready', flush=True); input(); print({expression})"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(home.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(n_processes)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate()[0].strip() for process in processes]


def test_the_argument_comes_before_the_environment_and_that_before_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("TETRARIUM_HOME", str(tmp_path / "environment"))
    assert Home.locate(tmp_path / "argument").root == tmp_path / "argument"
    assert Home.locate(str(tmp_path / "argument")).root == tmp_path / "argument"
    assert Home.locate().root == tmp_path / "environment"
    monkeypatch.setenv("TETRARIUM_HOME", "")
    platform_root = Home.locate().root
    assert platform_root.name == "tetrarium"
    if sys.platform == "linux":
        assert platform_root == tmp_path / "data" / "tetrarium"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Home.locate("~/here").root == tmp_path / "here"
    monkeypatch.chdir(tmp_path)
    assert Home.locate("near").root == tmp_path / "near"


def test_nothing_is_created_until_something_is_written(home: Home) -> None:
    assert home.runs == home.root / "runs"
    assert home.models == home.root / "models"
    assert home.run_folder("first") == home.root / "runs" / "first"
    assert not home.root.exists()


@pytest.mark.parametrize("name", ["a", "run-1", "A.b_c-9", "_x", "7", "x" * 64])
def test_valid_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-f", "a/b", "../a", "/a", "a\\b", "a b", "a\n", "a\0", "ä", "x" * 65]
)
def test_invalid_names_are_refused(home: Home, name: str) -> None:
    message = (
        "A name has 1 to 64 letters from A to Z, digits, '.', '_' and '-', and begins with a letter, a digit or '_'; "
        f"got {name!r}. Choose another name."
    )
    with pytest.raises(HomeError) as caught:
        check_name(name)
    assert str(caught.value) == message
    assert refusal(home, "run_folder", name) == message
    assert refusal(home, "create_run_folder", name) == message
    assert not home.root.exists()


@pytest.mark.parametrize("name", ["CON", "nul", "Aux.txt", "com1", "lpt9.x.y", "run.", "a.."])
def test_names_that_another_system_cannot_store_are_refused_where_they_are_new(home: Home, name: str) -> None:
    for call in ("create_run_folder", "require_free"):
        assert refusal(home, call, name).startswith(
            f"A new name can be stored on every system; Windows reserves {name!r}"
        )
    assert not home.root.exists()
    home.run_folder(name).mkdir(parents=True)
    assert home.run_names() == [name]


@pytest.mark.parametrize("name", ["console", "nul1", "com", "com12", "a.con", "_con"])
def test_names_like_reserved_ones_are_free(home: Home, name: str) -> None:
    assert home.create_run_folder(name).is_dir()


def test_a_new_run_gets_the_number_after_the_highest(home: Home) -> None:
    assert [home.create_numbered_run_folder() for _ in range(3)] == ["run-1", "run-2", "run-3"]
    home.run_folder("run-2").rmdir()
    home.create_run_folder("run-10")
    home.create_run_folder("run-x")
    home.create_run_folder("run-007")
    home.create_run_folder("run-9999999999")
    assert home.create_numbered_run_folder() == "run-11"
    assert home.run_folder("run-11").is_dir()


def test_concurrent_processes_get_different_run_numbers(home: Home) -> None:
    taken = run_together(home, "home.create_numbered_run_folder(), home.create_numbered_run_folder()")
    names = [name for pair in taken for name in pair.split()]
    assert sorted(names) == sorted(f"run-{number}" for number in range(1, 13))


def test_a_taken_name_is_refused_and_suggests_resume(home: Home) -> None:
    assert home.create_run_folder("first") == home.root / "runs" / "first"
    assert refusal(home, "create_run_folder", "first") == (
        "The name 'first' is taken. Resume that run by `tetrarium resume first`, or choose another name."
    )


def test_the_key_is_created_once_and_readable_by_its_owner_only(home: Home) -> None:
    secret = home.secret()
    assert len(secret) == 32
    assert home.secret() == Home.locate(home.root).secret() == secret
    assert stat.S_IMODE((home.root / "secret.key").stat().st_mode) == 0o600
    assert [entry.name for entry in home.root.iterdir()] == ["secret.key"]
    assert Home.locate(home.root / "other").secret() != secret


def test_concurrent_processes_get_the_same_key(home: Home) -> None:
    secrets = run_together(home, "home.secret().hex()")
    assert secrets == [home.secret().hex()] * 6
    assert [entry.name for entry in home.root.iterdir()] == ["secret.key"]


def test_concurrent_processes_save_the_first_models_of_a_new_home(home: Home) -> None:
    imports = (
        "from tetrarium.registry.model_store import ModelStore; "
        "from tests.registry.model_store_contract import numbered; "
    )
    save = "*[ModelStore(home).save('mine', numbered(1)).number for _ in range(10)]"
    numbers = " ".join(run_together(home, save, 4, imports)).split()
    assert sorted(map(int, numbers)) == [*range(1, 41)]
    assert [version.number for version in ModelStore(home).versions("mine")] == [*range(1, 41)]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_that_others_can_read_is_refused(home: Home, mode: int) -> None:
    home.secret()
    path = home.root / "secret.key"
    path.chmod(mode)
    assert refusal(home, "secret") == (
        f"The key '{path}' must be yours alone, but has mode {mode:04o}. "
        f"Run `chmod 600 {path}` if nobody else can have copied it, or delete it to get a new key."
    )


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_refused(home: Home, size: int) -> None:
    home.secret()
    path = home.root / "secret.key"
    path.write_bytes(bytes(size))
    assert refusal(home, "secret") == (
        f"The key '{path}' is a file of 32 bytes, but is damaged ({size} bytes). {NEW_KEY}"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another user")
def test_a_key_of_another_user_is_refused(home: Home) -> None:
    home.secret()
    path = home.root / "secret.key"
    os.chown(path, 65534, -1)
    assert refusal(home, "secret") == f"The key '{path}' must be yours, but its owner is user 65534. {NEW_KEY}"


def test_new_folders_and_the_key_are_flushed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this, a power failure could remove a home with everything that was flushed inside it."""
    flushed = []
    flush = os.fsync

    def record(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_ino)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    home.create_run_folder("first")
    assert flushed == [folder.stat().st_ino for folder in (home.root.parent, home.root, home.runs)]
    flushed.clear()
    home.secret()
    assert flushed == [path.stat().st_ino for path in (home.root / "secret.key", home.root)]


def test_a_key_behind_a_link_is_refused(home: Home, tmp_path: Path) -> None:
    home.secret()
    path = home.root / "secret.key"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert refusal(home, "secret") == f"The key '{path}' is a link, and must be a file. {NEW_KEY}"


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(HomeError) as caught:
        Home.locate(tmp_path / "letter")
    assert str(caught.value) == f"The home is a folder, but '{tmp_path / 'letter'}' is a file. {ELSEWHERE}"
    inside = Home.locate(tmp_path / "letter" / "home")
    message = f"The home '{inside.root}' cannot be used: Not a directory. {ELSEWHERE}"
    assert refusal(inside, "secret") == message
    assert refusal(inside, "create_numbered_run_folder") == message
    assert refusal(inside, "create_run_folder", "first") == message


def test_a_home_that_cannot_be_written_is_refused(locked_folder: Path) -> None:
    home = Home(locked_folder / "home")
    message = f"The home '{home.root}' cannot be used: Permission denied. {ELSEWHERE}"
    assert refusal(home, "secret") == message
    assert refusal(home, "create_numbered_run_folder") == message
    assert refusal(home, "create_run_folder", "first") == message


def test_a_home_without_space_is_refused(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        (tmp_path / "filler").write_bytes(bytes(64 << 10))
        home = Home.locate(tmp_path)
        assert refusal(home, "secret") == f"The home '{tmp_path}' cannot be used: No space left on device. {ELSEWHERE}"
        assert [entry.name for entry in tmp_path.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_run_folder_appears_with_its_content_or_not_at_all(home: Home) -> None:
    def fill(name: str, folder: Path) -> None:
        (folder / "config").write_text(name)

    def fail(name: str, folder: Path) -> None:
        fill(name, folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.create_run_folder("first", fail)
    assert list(home.runs.iterdir()) == []
    home.create_run_folder("first", fill)
    assert refusal(home, "create_run_folder", "first", fill).startswith("The name 'first' is taken. ")
    assert home.create_numbered_run_folder(fill) == "run-1"
    assert [(home.runs / name / "config").read_text() for name in ("first", "run-1")] == ["first", "run-1"]
