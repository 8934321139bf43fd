"""Standard streams that are closed, full or limited to ASCII; homes that are new; hints that name the given home."""

import errno
import io
import os
import sys
from pathlib import Path

import pytest

from tests.cli.commands import run_command
from tetrarium.errors import describe_os_error, naming_file
from tetrarium.registry.files.atomic import write_file

EVALUATE = ("evaluate", "random", "--games", "2", "--max-pieces", "20")


def test_lost_report_fails_and_a_file_of_results_is_written_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    games = str(tmp_path / "games.csv")
    for command in (EVALUATE, (*EVALUATE, "--json"), (*EVALUATE, "--csv", games), ("run", "--steps", "x")):
        with Path("/dev/full").open("w") as full:
            monkeypatch.setattr(sys, "stdout", full)
            assert run_command(*command) == 1
        assert (
            capsys.readouterr().err.splitlines()[-1]
            == "tetrarium: Standard output cannot be written: No space left on device. Redirect it elsewhere."
        )
    assert len((tmp_path / "games.csv").read_text().splitlines()) == 3


def test_closed_streams_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert run_command("runs", "list") == 0
    assert run_command("runs", "show", "nobody") == 1
    assert sys.stdout.name == os.devnull
    for name in ("stdin", "stdout", "stderr"):
        getattr(sys, name).close()


def test_reader_that_has_gone_ends_the_command_without_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run_command(*EVALUATE, "--json") == 1
    assert "tetrarium:" not in capsys.readouterr().err


def test_any_character_can_be_printed_in_any_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.BytesIO()
    stream = io.TextIOWrapper(printed, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    home = tmp_path / os.fsdecode(b"stra\xdfe-\xc3\xa4")
    home.mkdir()
    assert run_command("runs", "list", "--home", str(home)) == 0
    assert b"There are no runs yet in '" in printed.getvalue()


def test_new_home_and_the_commands_that_are_suggested_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "my hom"
    assert run_command("runs", "list", "--home", str(home)) == 0
    printed = capsys.readouterr()
    assert printed.err == f"tetrarium: The home {str(home)!r} does not exist yet. Check --home if it should.\n"
    assert printed.out == f"There are no runs yet in {str(home)!r}. Start one: tetrarium train --home '{home}'\n"

    home.mkdir()
    assert run_command("runs", "show", "one", f"--home={home}") == 1
    message = f"There is no run 'one' in {str(home)!r}. Start one by `tetrarium train --home '{home}'`."
    assert capsys.readouterr().err == f"tetrarium: {message}\n"
    assert run_command("models", "list", "--home", str(home)) == 0
    hint = f"tetrarium models save RUN@best --home '{home}'"
    assert capsys.readouterr().out.startswith(f"There are no models yet in {str(home)!r}. Save one: {hint}\n")

    monkeypatch.setenv("TETRARIUM_HOME", str(tmp_path / "typo"))
    assert run_command("tune", "list") == 0
    printed = capsys.readouterr()
    assert (
        printed.err
        == f"tetrarium: The home {str(tmp_path / 'typo')!r} does not exist yet. Check --home if it should.\n"
    )
    assert "--home" not in printed.out


def test_error_of_the_operating_system_names_path_reason_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught, naming_file(tmp_path / "out.csv"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert describe_os_error(caught.value) == (
        f"The operating system refused {str(tmp_path / 'out.csv')!r}: No space left on device. "
        "Free disk space or choose another location."
    )
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError) as refused:
        write_file(tmp_path / "file" / "inside", b"")
    assert str(tmp_path / "file") in describe_os_error(refused.value)
    moved = OSError(errno.EXDEV, os.strerror(errno.EXDEV), "a", None, "b")
    assert describe_os_error(moved) == (
        "The operating system refused 'a' and 'b': Invalid cross-device link. Choose another location."
    )
    assert describe_os_error(OSError("full")) == "full"
