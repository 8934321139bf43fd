"""File of the latest boards: complete, in order, each read once, without waiting."""

import os
import stat
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.servers import board, listening, wait_for
from tetrarium.events import BoardShown
from tetrarium.training.runs.storage.checkpoint_cleanup import folder_bytes
from tetrarium.training.runs.storage.folder import BOARDS
from tetrarium.workers.protocol.client import WorkerClient
from tetrarium.workers.protocol.latest_boards import N_SLOTS, SLOT_BYTES, BoardReader, BoardWriter


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[BoardWriter]:
    opened = BoardWriter(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[BoardReader]:
    opened = BoardReader(tmp_path)
    yield opened
    opened.close()


def put(writer: BoardWriter, *numbers: int) -> None:
    for number in numbers:
        assert writer.put(b"%d" % number)


def test_each_board_is_read_once_and_in_order(writer: BoardWriter, reader: BoardReader) -> None:
    assert reader.take() == []
    put(writer, 1, 2, 3)
    assert reader.take() == [b"1", b"2", b"3"]
    assert reader.take() == []
    put(writer, *range(4, 4 + N_SLOTS))
    assert reader.take() == [b"%d" % number for number in range(4, 4 + N_SLOTS)]


def test_a_late_reader_begins_with_the_latest_board(writer: BoardWriter, reader: BoardReader, tmp_path: Path) -> None:
    put(writer, *range(1, 41))
    assert reader.take() == [b"40"]
    put(writer, 41)
    other = BoardReader(tmp_path)
    assert (reader.take(), other.take()) == ([b"41"], [b"41"])
    other.close()


def test_a_slow_reader_gets_only_the_latest_board(writer: BoardWriter, reader: BoardReader) -> None:
    put(writer, 1)
    assert reader.take() == [b"1"]
    put(writer, *range(2, 3 + N_SLOTS))
    assert reader.take() == [b"%d" % (2 + N_SLOTS)]


def test_a_half_written_message_is_not_read(writer: BoardWriter, reader: BoardReader, tmp_path: Path) -> None:
    put(writer, 1)
    assert reader.take() == [b"1"]
    writer.put(b"whole")
    at = 2 * SLOT_BYTES + 16
    with (tmp_path / BOARDS).open("r+b") as file:
        file.seek(at + 3)
        file.write(b"??")
    assert reader.take() == []
    with (tmp_path / BOARDS).open("r+b") as file:
        file.seek(at)
        file.write(b"whole")
    assert reader.take() == [b"whole"]


def test_an_invalid_file_has_no_boards(tmp_path: Path, reader: BoardReader) -> None:
    (tmp_path / BOARDS).write_bytes(b"\xff" * (3 * SLOT_BYTES))
    assert reader.take() == []
    assert reader.take() == []


def test_without_a_file_there_are_no_boards(tmp_path: Path, reader: BoardReader) -> None:
    assert reader.take() == []
    writer = BoardWriter(tmp_path)
    put(writer, 1)
    assert reader.take() == [b"1"]
    writer.close()


def test_the_file_is_private_and_deleted_with_the_worker(tmp_path: Path) -> None:
    (tmp_path / BOARDS).write_bytes(b"of a worker that was killed")
    writer = BoardWriter(tmp_path)
    assert stat.S_IMODE((tmp_path / BOARDS).stat().st_mode) == 0o600
    assert (tmp_path / BOARDS).stat().st_size == 0
    put(writer, *range(N_SLOTS))
    assert folder_bytes(tmp_path) == 0
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_board_that_is_too_large_is_refused(writer: BoardWriter, reader: BoardReader) -> None:
    put(writer, 1)
    assert reader.take() == [b"1"]
    assert not writer.put(b"x" * SLOT_BYTES)
    largest = b"x" * (SLOT_BYTES - 16)
    assert writer.put(largest)
    assert reader.take() == [largest]


def test_a_full_disk_raises_no_error(writer: BoardWriter, reader: BoardReader) -> None:
    put(writer, 1)
    kept, full = os.dup(writer._file), os.open("/dev/full", os.O_RDWR)
    os.dup2(full, writer._file)
    assert not writer.put(b"2")
    os.dup2(kept, writer._file)
    put(writer, 3)
    assert reader.take() == [b"3"]
    os.close(kept)
    os.close(full)


def test_a_closed_writer_writes_into_no_other_file(tmp_path: Path) -> None:
    writer = BoardWriter(tmp_path)
    number = writer._file
    writer.close()
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    assert other == number, "otherwise the test is void"
    assert not writer.put(b"1")
    writer.close()
    assert os.fstat(other).st_size == 0
    os.close(other)


def test_a_partial_write_is_refused(writer: BoardWriter, reader: BoardReader, monkeypatch: pytest.MonkeyPatch) -> None:
    put(writer, 1)
    assert reader.take() == [b"1"]
    write = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda file, data, offset: write(file, data[:10], offset))
        assert not writer.put(b"2")
    put(writer, 3)
    assert reader.take() == [b"3"]


def test_boards_use_the_socket_where_no_file_can_be_made(tmp_path: Path) -> None:
    (tmp_path / BOARDS).mkdir()
    with listening(tmp_path) as (server, _), WorkerClient.connect(tmp_path) as worker:
        worker.command("watch", boards_per_second=60)
        shown = BoardShown(**board(step=5))

        def look() -> bool:
            server.publish(shown)
            return shown in list(worker.events(0.05))

        wait_for(look)
    assert (tmp_path / BOARDS).is_dir()


def test_the_file_of_a_replaced_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    writer = BoardWriter(folder)
    folder.rename(tmp_path / "moved")
    folder.mkdir()
    other = BoardWriter(folder)
    writer.close()
    assert (folder / BOARDS).exists()
    other.close()


def test_concurrent_reads_return_complete_boards(writer: BoardWriter, reader: BoardReader) -> None:
    n_boards = 30_000
    taken: list[bytes] = []

    def write() -> None:
        for number in range(1, n_boards + 1):
            writer.put(b"%d:" % number + zlib.crc32(b"%d" % number).to_bytes(4, "little") * (number % 500))

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        taken.extend(reader.take())
    thread.join()
    taken.extend(reader.take())
    numbers = [int(message.split(b":", 1)[0]) for message in taken]
    assert numbers == sorted(set(numbers)) and numbers[-1] == n_boards
    for number, message in zip(numbers, taken, strict=True):
        assert message == b"%d:" % number + zlib.crc32(b"%d" % number).to_bytes(4, "little") * (number % 500)


def test_boards_reach_only_subscribed_clients(tmp_path: Path) -> None:
    with (
        listening(tmp_path) as (server, _),
        WorkerClient.connect(tmp_path) as watching,
        WorkerClient.connect(tmp_path) as other,
    ):
        watching.command("watch", boards_per_second=60)
        for step in (1, 2, 3):
            server.publish(BoardShown(**board(step=step)))

        def steps(worker: WorkerClient) -> list[int]:
            return [event.step for event in worker.events(0.1) if isinstance(event, BoardShown)]

        assert wait_for(lambda: steps(watching))[-1] == 3
        assert steps(other) == []
        watching.command("watch", boards=False)
        server.publish(BoardShown(**board(step=4)))
        assert steps(watching) == []


def test_a_board_too_large_for_a_slot_is_delivered(tmp_path: Path) -> None:
    with listening(tmp_path) as (server, _), WorkerClient.connect(tmp_path) as worker:
        worker.command("watch", boards_per_second=60)
        large = BoardShown(**board(step=5, cells="." * (SLOT_BYTES + 1)))

        def look() -> bool:
            server.publish(large)
            return large in list(worker.events(0.05))

        wait_for(look)
