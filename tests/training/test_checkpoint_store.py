"""A checkpoint is intact, signed and unaltered, or an error names the file and the remedy."""

import contextlib
import errno
import json
import os
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.servers import wait_until
from tests.registry.faulty_disks import RecordingDisk, names, running, small_disk
from tetrarium import __version__
from tetrarium.errors import (
    CheckpointError,
    CheckpointNotFoundError,
    DamagedCheckpointError,
    NewerCheckpointError,
    UntrustedCheckpointError,
)
from tetrarium.registry.files.atomic import Disk
from tetrarium.training.checkpoints.checkpoint_store import read_file, read_metadata, require_trusted, save, verify
from tetrarium.training.checkpoints.metadata import Metadata, MetadataError

SECRET = bytes(range(32))
ANOTHER = "Load another checkpoint, or restore this one from an intact copy."

# Saves to one checkpoint forever; the files of every generation contain its number.
ENDLESS_WRITER = """
import sys
from itertools import count
from pathlib import Path
from tetrarium.training.checkpoints.checkpoint_store import save

def write_files(folder):
    for name in ("model.zip", "replay_buffer.pkl"):
        (folder / name).write_bytes(b"%d" % generation * 100_000)

for generation in count(int(sys.argv[2])):
    save(Path(sys.argv[1]), algorithm="dqn", training_config={}, env_config={}, counters={"generation": generation},
         seed=0, write_files=write_files, secret=bytes(range(32)))
    print(generation, flush=True)
    if len(sys.argv) > 3 and generation == int(sys.argv[3]):
        break
"""


def make(path: Path, content: dict[str, bytes] | None = None, **changes: Any) -> Metadata:
    content = {"model.zip": b"weights" * 100, "replay_buffer.pkl": b"games" * 1000} if content is None else content

    def write_files(folder: Path) -> None:
        for name, data in content.items():
            (folder / name).write_bytes(data)

    arguments: dict[str, Any] = {
        "algorithm": "dqn",
        "training_config": {"net_arch": (64, 64), "gamma": 0.97},
        "env_config": {"width": 10},
        "counters": {"timesteps_trained": 20_000},
        "seed": 0,
        "write_files": write_files,
        "secret": SECRET,
        **changes,
    }
    return save(path, **arguments)


def altered(path: Path, **changes: Any) -> None:
    """Changes values in ``metadata.json`` without a new signature; a value of ``...`` removes the key."""
    value = {**json.loads((path / "metadata.json").read_bytes()), **changes}
    (path / "metadata.json").write_text(json.dumps({key: value[key] for key in value if value[key] is not ...}))


def refusal(error: type[CheckpointError], call: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(error) as caught:
        call(*arguments)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_saved_files_are_read_back(tmp_path: Path) -> None:
    saved = make(tmp_path / "first")
    metadata = read_metadata(tmp_path / "first")
    verify(tmp_path / "first", metadata)
    require_trusted(tmp_path / "first", metadata, SECRET)
    assert metadata == saved
    assert metadata.format_version == 1
    assert metadata.algorithm == "dqn"
    assert metadata.training_config == {"net_arch": [64, 64], "gamma": 0.97}
    assert metadata.env_config == {"width": 10}
    assert metadata.counters == {"timesteps_trained": 20_000}
    assert metadata.seed == 0
    assert metadata.library_versions["tetrarium"] == __version__
    assert set(metadata.library_versions) >= {"python", "numpy", "torch", "stable-baselines3"}
    assert {name: record.size for name, record in metadata.files.items()} == {
        "model.zip": 700,
        "replay_buffer.pkl": 5000,
    }
    assert read_file(tmp_path / "first", metadata, "model.zip") == b"weights" * 100
    assert names(tmp_path / "first") == ["metadata.json", "model.zip", "replay_buffer.pkl"]


def test_the_signature_is_a_plain_hmac_of_canonical_json(tmp_path: Path) -> None:
    """The signature as documented: checkpoints signed by these lines must remain trusted."""
    import hashlib
    import hmac

    make(tmp_path / "first")
    value = json.loads((tmp_path / "first" / "metadata.json").read_bytes())
    signature = value.pop("hmac")
    assert value["files"]["model.zip"]["sha256"] == hashlib.sha256(b"weights" * 100).hexdigest()
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    assert signature == hmac.new(SECRET, canonical, hashlib.sha256).hexdigest()


def test_metadata_and_files_are_flushed_before_the_exchange(tmp_path: Path) -> None:
    make(tmp_path / "first")
    disk = RecordingDisk(tmp_path)
    make(tmp_path / "first", disk=disk)
    assert set(disk.calls[:3]) == {("flush", f"*/{name}") for name in names(tmp_path / "first")}
    assert disk.calls[3:] == [("flush", "*"), ("exchange", "*", "*"), ("exchange", "*", "first"), ("flush", ".")]


@pytest.mark.parametrize("name", ["model.zip", "replay_buffer.pkl"])
@pytest.mark.parametrize("position", [0, 350, -1])
def test_a_flipped_bit_in_a_file_is_found(tmp_path: Path, name: str, position: int) -> None:
    path = tmp_path / "first"
    metadata = make(path)
    data = bytearray((path / name).read_bytes())
    data[position] ^= 1
    (path / name).write_bytes(data)
    for call in (lambda: verify(path, metadata), lambda: read_file(path, metadata, name)):
        message = refusal(DamagedCheckpointError, call)
        assert message.startswith(f"'{path / name}' is altered: its SHA-256 begins with ")
        assert message.endswith(f", not {metadata.files[name].sha256[:8]}. {ANOTHER}")


def test_a_flipped_bit_anywhere_in_the_metadata_is_found(tmp_path: Path) -> None:
    path = tmp_path / "first"
    make(path)
    data = (path / "metadata.json").read_bytes()
    n_refused_by_signature = 0
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1
        try:
            metadata = Metadata.from_bytes(bytes(flipped))
        except MetadataError:
            continue
        assert not metadata.is_signed_with(SECRET), data[max(0, position - 20) : position + 20]
        n_refused_by_signature += 1
    assert n_refused_by_signature > 300


def test_a_file_cut_short_grown_or_missing_is_found(tmp_path: Path) -> None:
    path = tmp_path / "first"
    metadata = make(path)
    (path / "model.zip").write_bytes(b"w")
    message = refusal(DamagedCheckpointError, verify, path, metadata)
    assert message == f"'{path / 'model.zip'}' is incomplete: 1 bytes of 700. {ANOTHER}"
    (path / "model.zip").write_bytes(b"w" * 701)
    message = refusal(DamagedCheckpointError, read_file, path, metadata, "model.zip")
    assert message == f"'{path / 'model.zip'}' is altered: 701 bytes of 700. {ANOTHER}"
    (path / "model.zip").unlink()
    assert refusal(DamagedCheckpointError, verify, path, metadata) == f"'{path / 'model.zip'}' is missing. {ANOTHER}"
    message = refusal(DamagedCheckpointError, read_file, path, metadata, "averaged.safetensors")
    assert message == f"The checkpoint '{path}' has no 'averaged.safetensors'. {ANOTHER}"


def test_an_unexpected_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "first"
    metadata = make(path)
    (path / "notes.txt").write_text("mine")
    message = refusal(DamagedCheckpointError, verify, path, metadata)
    assert message == f"'{path / 'notes.txt'}' is not part of the checkpoint. Move it elsewhere."


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "first"
    metadata = make(path)
    (path / "model.zip").rename(tmp_path / "elsewhere")
    (path / "model.zip").symlink_to(tmp_path / "elsewhere")
    for call in (lambda: verify(path, metadata), lambda: read_file(path, metadata, "model.zip")):
        assert (
            refusal(DamagedCheckpointError, call) == f"'{path / 'model.zip'}' is a symbolic link, not a file. {ANOTHER}"
        )
    (path / "model.zip").unlink()
    os.mkfifo(path / "model.zip")
    message = refusal(DamagedCheckpointError, verify, path, metadata)
    assert message == f"'{path / 'model.zip'}' is not a regular file. {ANOTHER}"
    (path / "metadata.json").rename(tmp_path / "metadata")
    (path / "metadata.json").symlink_to(tmp_path / "metadata")
    message = refusal(DamagedCheckpointError, read_metadata, path)
    assert message == f"'{path / 'metadata.json'}' is a symbolic link, not a file. {ANOTHER}"


@pytest.mark.parametrize(
    "name", ["../first", "/etc/passwd", "a/b", ".hidden", "", "metadata.json", "-f", "a\nb", "a\n"]
)
def test_names_outside_the_folder_are_not_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "first"
    make(path)
    altered(path, files={name: {"size": 0, "sha256": "0" * 64}})
    message = refusal(DamagedCheckpointError, read_metadata, path)
    assert message == f"'{path / 'metadata.json'}' has an invalid 'files'. {ANOTHER}"


def test_a_newer_format_is_distinguished_from_damage(tmp_path: Path) -> None:
    path = tmp_path / "first"
    make(path)
    altered(path, format_version=2, files="otherwise", what_is_this=1)
    assert refusal(NewerCheckpointError, read_metadata, path) == (
        f"The checkpoint '{path}' was made by a newer tetrarium (format 2; this version reads up to 1). "
        "Update tetrarium."
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"format_version": ...}, "is not the metadata of a checkpoint, because it has no 'format_version'"),
        ({"format_version": "1"}, "is not the metadata of a checkpoint, because it has no 'format_version'"),
        ({"format_version": True}, "is not the metadata of a checkpoint, because it has no 'format_version'"),
        ({"format_version": 0}, "is not the metadata of a checkpoint, because it has no 'format_version'"),
        ({"algorithm": ""}, "has an invalid 'algorithm'"),
        ({"counters": ...}, "has no 'counters'"),
        ({"env_config": []}, "has an invalid 'env_config'"),
        ({"seed": -1}, "has an invalid 'seed'"),
        ({"library_versions": {"torch": 2}}, "has an invalid 'library_versions'"),
        ({"files": {"a": {"size": -1, "sha256": "0" * 64}}}, "has an invalid 'files'"),
        ({"files": {"a": {"size": 1, "sha256": "x"}}}, "has an invalid 'files'"),
        ({"files": {"a": {"size": 1, "sha256": "0" * 64, "mode": 1}}}, "has an invalid 'files'"),
        ({"hmac": "F" * 64}, "has an invalid 'hmac'"),
        ({"novelty": 1}, "has an unknown 'novelty'"),
        ({"counters": {"x": float("nan")}}, "holds NaN, which is not valid JSON"),
        ({"counters": {"x": -float("inf")}}, "holds -Infinity, which is not valid JSON"),
    ],
)
def test_invalid_metadata_are_named(tmp_path: Path, changes: dict[str, Any], fault: str) -> None:
    path = tmp_path / "first"
    make(path)
    altered(path, **changes)
    message = refusal(DamagedCheckpointError, read_metadata, path)
    assert message == f"'{path / 'metadata.json'}' {fault}. {ANOTHER}"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "is not JSON, or is truncated (Expecting value: line 1 column 1 (char 0))"),
        (b'{"format_version": 1, "alg', "is not JSON, or is truncated (Unterminated string"),
        (b"\xff\xfe", "is not JSON, or is truncated (is in UTF-16; save it in UTF-8)"),
        (b"[1]", "is not a JSON object"),
        (b'{"a": 1, "a": 2}', "holds a duplicate key"),
        (b'{"a": 1e999}', "holds a number out of range, 1e999"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON, or is truncated (Exceeds the limit"),
        (b"[" * 100_000, "is not JSON, or is truncated (maximum recursion depth exceeded"),
        (b" " * (4 << 20) + b"{}", "is larger than 4 MiB"),
    ],
)
def test_invalid_json_is_named(tmp_path: Path, data: bytes, fault: str) -> None:
    path = tmp_path / "first"
    make(path)
    (path / "metadata.json").write_bytes(data)
    message = refusal(DamagedCheckpointError, read_metadata, path)
    assert message.startswith(f"'{path / 'metadata.json'}' {fault}")
    assert message.endswith(f". {ANOTHER}")


def test_metadata_truncated_at_any_byte_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "first")
    data = (tmp_path / "first" / "metadata.json").read_bytes()
    for length in range(len(data) - 1):  # the last byte is the line's end
        with pytest.raises(MetadataError, match="not JSON, or is truncated"):
            Metadata.from_bytes(data[:length])


def test_paths_without_a_checkpoint_are_named(tmp_path: Path) -> None:
    assert refusal(CheckpointNotFoundError, read_metadata, tmp_path / "missing") == (
        f"There is no checkpoint at '{tmp_path / 'missing'}'. Check the name."
    )
    (tmp_path / "letter").write_text("dear")
    assert refusal(CheckpointError, read_metadata, tmp_path / "letter") == (
        f"A checkpoint is a folder, but '{tmp_path / 'letter'}' is not. Pass the folder."
    )
    assert refusal(CheckpointError, read_metadata, tmp_path) == (
        f"'{tmp_path}' is not a checkpoint: it has no metadata.json. "
        "Pass the checkpoint's own folder, or copy it again if the copy is incomplete."
    )
    assert refusal(CheckpointError, read_metadata, tmp_path / ("x" * 300)) == (
        f"'{tmp_path / ('x' * 300)}' cannot be read: File name too long. Grant yourself read permission."
    )


def test_metadata_of_another_checkpoint_do_not_fit(tmp_path: Path) -> None:
    make(tmp_path / "first")
    make(tmp_path / "second", {"model.zip": b"WEIGHTS" * 100, "replay_buffer.pkl": b"games" * 1000})
    (tmp_path / "second" / "metadata.json").replace(tmp_path / "first" / "metadata.json")
    metadata = read_metadata(tmp_path / "first")
    require_trusted(tmp_path / "first", metadata, SECRET)
    message = refusal(DamagedCheckpointError, verify, tmp_path / "first", metadata)
    assert message.startswith(f"'{tmp_path / 'first' / 'model.zip'}' is altered: ")


def test_a_checkpoint_of_another_home_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "first"
    metadata = make(path)
    message = refusal(UntrustedCheckpointError, require_trusted, path, metadata, bytes(32))
    assert message == (
        f"The checkpoint '{path}' was not made in this home, or its metadata.json was altered, and loading it can "
        "execute code. If you know its author and would run their programs, pass trust=True, or --trust to "
        "`tetrarium resume`."
    )
    altered(path, counters={"timesteps_trained": 20_001})
    refusal(UntrustedCheckpointError, require_trusted, path, read_metadata(path), SECRET)


def test_reading_while_another_process_saves_asks_to_load_again(tmp_path: Path) -> None:
    path = tmp_path / "first"
    metadata = make(path, {"model.zip": b"old"})
    newer = make(path, {"model.zip": b"new"}, counters={"timesteps_trained": 30_000})
    expected = f"The checkpoint '{path}' was replaced by another while it was being read. Load it again."
    assert refusal(CheckpointError, verify, path, metadata) == expected
    assert refusal(CheckpointError, read_file, path, metadata, "model.zip") == expected
    assert read_file(path, newer, "model.zip") == b"new"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"counters": {"x": float("nan")}}, "cannot be written as strict JSON (Out of range float values"),
        ({"env_config": {"x": {1, 2}}}, "cannot be written as strict JSON (Object of type set is not JSON"),
        ({"counters": {1: "a", "1": "b"}}, "cannot be written as strict JSON ('<' not supported"),
        ({"counters": {"x": "y" * (4 << 20)}}, "is larger than 4 MiB"),
        ({"counters": {"x": [0] * 500_000}}, "is larger than 4 MiB"),
        ({"seed": -1}, "has an invalid 'seed'"),
    ],
)
def test_unreadable_metadata_are_not_written(tmp_path: Path, changes: dict[str, Any], fault: str) -> None:
    old = make(tmp_path / "first")
    message = refusal(CheckpointError, lambda: make(tmp_path / "first", **changes))
    assert message.startswith(f"The content for '{tmp_path / 'first' / 'metadata.json'}' {fault}")
    assert read_metadata(tmp_path / "first") == old


def test_metadata_are_checked_before_the_files_are_written(tmp_path: Path) -> None:
    calls: list[Path] = []
    refusal(CheckpointError, lambda: make(tmp_path / "first", seed=-1, write_files=calls.append))
    assert calls == []
    assert names(tmp_path) == []


def test_only_regular_files_are_written(tmp_path: Path) -> None:
    def write_link(folder: Path) -> None:
        (folder / "model.zip").symlink_to("/etc/passwd")

    def write_folder(folder: Path) -> None:
        (folder / "model").mkdir()

    for write_files, name in ((write_link, "model.zip"), (write_folder, "model")):
        message = refusal(
            CheckpointError, lambda write_files=write_files: make(tmp_path / "x", write_files=write_files)
        )
        assert message.startswith(f"A checkpoint contains only regular files, but {name!r} was written into ")
    message = refusal(CheckpointError, lambda: make(tmp_path / "x", {"metadata.json": b"{}"}))
    assert message.startswith("A checkpoint contains only regular files, but 'metadata.json' was written into ")
    assert names(tmp_path) == []


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    make(thesis)
    remedy = "Choose another name, or delete the folder."
    foreign = f"'{thesis}' is a folder that is not a checkpoint, and saving would replace it. {remedy}"
    (thesis / "metadata.json").write_text('{"title": "On wells"}')
    assert refusal(CheckpointError, make, thesis) == foreign
    (thesis / "metadata.json").unlink()
    assert refusal(CheckpointError, make, thesis) == foreign
    assert names(thesis) == ["model.zip", "replay_buffer.pkl"]
    (tmp_path / "letter").write_text("dear")
    message = refusal(CheckpointError, make, tmp_path / "letter")
    assert message == f"'{tmp_path / 'letter'}' is a file, and a checkpoint is a folder. Choose another name."
    message = refusal(CheckpointError, make, tmp_path / "letter" / "first")
    assert message.startswith(f"The checkpoint '{tmp_path / 'letter' / 'first'}' cannot be written: ")
    assert message.endswith(". Save to a folder that you can write to.")
    assert (tmp_path / "letter").read_text() == "dear"


def test_exceptions_of_the_writer_propagate(tmp_path: Path) -> None:
    def write_files(_folder: Path) -> None:
        raise ZeroDivisionError("gamma")

    old = make(tmp_path / "first")
    with pytest.raises(ZeroDivisionError, match="gamma"):
        make(tmp_path / "first", write_files=write_files)
    verify(tmp_path / "first", old)


def test_a_full_disk_is_reported_and_the_previous_checkpoint_is_kept(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        message = refusal(CheckpointError, make, disk / "first", {"model.zip": bytes(2_000_000)})
        assert message == (
            f"The disk is full: the checkpoint '{disk / 'first'}' needs more than 1.0 MB, and 1.0 MB are free. "
            "Nothing was saved. Free some space, or save to another disk."
        )
        assert names(disk) == []
        old = make(disk / "first", {"model.zip": bytes(600_000)})
        expected = (
            f"The disk is full: the checkpoint '{disk / 'first'}' needs more than 0.4 MB, and 0.4 MB are free. "
            "The previous checkpoint is untouched. Free some space, or save to another disk."
        )
        assert refusal(CheckpointError, make, disk / "first", {"model.zip": bytes(700_000)}) == expected
        assert names(disk) == ["first"]
        assert read_metadata(disk / "first") == old
        verify(disk / "first", old)


def test_an_exceeded_quota_is_reported(tmp_path: Path) -> None:
    def write_files(folder: Path) -> None:
        (folder / "model.zip").write_bytes(bytes(100_000))
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    message = refusal(CheckpointError, lambda: make(tmp_path / "first", write_files=write_files))
    expected = f"The disk is full: the checkpoint '{tmp_path / 'first'}' needs more than 0.1 MB, and "
    assert message.startswith(expected)


def test_a_disk_that_is_full_only_at_the_flush_is_reported(tmp_path: Path) -> None:
    """A file system may accept more bytes than fit, and report it only at the flush."""

    class LateDisk(Disk):
        def flush(self, path: Path) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    old = make(tmp_path / "first")
    message = refusal(CheckpointError, lambda: make(tmp_path / "first", {"model.zip": bytes(300_000)}, disk=LateDisk()))
    assert "needs more than 0.3 MB, and " in message
    assert " The previous checkpoint is untouched. " in message
    assert read_metadata(tmp_path / "first") == old


def test_a_checkpoint_is_found_again_after_a_kill_between_folder_and_link(tmp_path: Path) -> None:
    old = make(tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / ".tetrarium-old-first")
    assert read_metadata(tmp_path / "first") == old
    assert names(tmp_path) == ["first"]


def test_after_a_kill_at_any_instant_there_is_one_intact_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "first"
    instants = random.Random(0)
    generation = 0
    for _ in range(12):
        with running(ENDLESS_WRITER, path, generation) as process:
            wait_until(lambda process=process: "\n" in process.output)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=instants.uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)
            printed, fault = process.communicate()
        assert process.returncode == -signal.SIGKILL, fault
        metadata = read_metadata(path)
        verify(path, metadata)
        require_trusted(path, metadata, SECRET)
        # The kill came while the generation after the last printed one was saved, or just before it was printed.
        assert printed.splitlines()[0] == str(generation)
        complete = [line for line in printed.splitlines(keepends=True) if line.endswith("\n")]
        last_printed = int(complete[-1])
        generation = metadata.counters["generation"]
        assert generation in (last_printed, last_printed + 1)
        assert read_file(path, metadata, "model.zip") == b"%d" % generation * 100_000
        generation += 1
    make(path)
    assert names(tmp_path) == ["first"]


def test_two_processes_save_to_one_path_while_a_third_reads(tmp_path: Path) -> None:
    path = tmp_path / "first"
    make(path)
    n_read = 0
    errors = set()
    with running(ENDLESS_WRITER, path, 0, 12) as one, running(ENDLESS_WRITER, path, 100, 112) as other:
        while one.poll() is None or other.poll() is None:
            metadata = read_metadata(path)
            try:
                data = read_file(path, metadata, "model.zip")
            except CheckpointError as error:
                errors.add(str(error))
                continue
            n_read += 1
            generation = metadata.counters.get("generation")
            assert data == (b"weights" * 100 if generation is None else b"%d" % generation * 100_000)
        assert one.communicate()[1] == other.communicate()[1] == ""
    assert one.returncode == other.returncode == 0
    assert errors <= {f"The checkpoint '{path}' was replaced by another while it was being read. Load it again."}
    metadata = read_metadata(path)
    verify(path, metadata)
    assert metadata.counters["generation"] in (12, 112)
    assert n_read > 0
    assert names(tmp_path) == ["first"]
