"""Clients of workers that do not run, are starting, or have a damaged address."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from tetrarium.errors import WorkerError, WorkerNotRunningError
from tetrarium.registry.files.process_lock import OWNER, acquire_lock, run_lock
from tetrarium.workers.processes.launcher import start_process
from tetrarium.workers.protocol.client import AsyncWorkerClient, WorkerClient
from tetrarium.workers.protocol.status_files import Address, read_address


def test_connecting_without_a_worker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="is not running, so it accepts no commands"):
        WorkerClient.connect(tmp_path)


def test_a_worker_on_another_machine_is_refused_with_its_record(tmp_path: Path) -> None:
    with run_lock(tmp_path):
        owner = json.loads((tmp_path / OWNER).read_text())
    (tmp_path / OWNER).write_text(json.dumps({**owner, "host": "gpu-1", "boot": "other"}))
    with pytest.raises(WorkerNotRunningError) as refused:
        WorkerClient.connect(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path.name!r} runs on the machine 'gpu-1', so it accepts commands only there. Send them there, or, if it "
        f"is certain to have ended, delete {str(tmp_path / OWNER)!r}."
    )


@pytest.mark.parametrize("place", ["tcp://nowhere", "nonsense", ""])
def test_a_damaged_address_is_refused(tmp_path: Path, place: str) -> None:
    lock = acquire_lock(tmp_path)
    try:
        Address(kind="training", pid=os.getpid(), commands=place, events=place, token="a").write(tmp_path)
        with pytest.raises(WorkerError, match=f"The address of the worker {tmp_path.name!r} is damaged"):
            WorkerClient.connect(tmp_path)
    finally:
        os.close(lock)


def test_the_client_waits_for_a_starting_worker(tmp_path: Path) -> None:
    lock = acquire_lock(tmp_path)
    with pytest.raises(WorkerError, match=r"is starting and does not accept commands yet\. Try again in a moment\.$"):
        WorkerClient.connect(tmp_path, wait_s=0.1)
    place = "tcp://127.0.0.1:9"
    address = Address(kind="training", pid=os.getpid(), commands=place, events=place, token="a")
    threading.Timer(0.2, address.write, [tmp_path]).start()
    WorkerClient.connect(tmp_path).close()
    os.close(lock)


def test_the_async_client_does_not_wait_for_a_starting_worker(tmp_path: Path) -> None:
    lock = acquire_lock(tmp_path)
    began_s = time.monotonic()
    with pytest.raises(WorkerError, match="is starting and does not accept commands yet"):
        AsyncWorkerClient.connect(tmp_path)
    assert time.monotonic() - began_s < 1
    os.close(lock)


def test_a_starting_process_deletes_the_address_of_a_killed_one(tmp_path: Path) -> None:
    place = "tcp://127.0.0.1:9"
    Address(kind="training", pid=1, commands=place, events=place, token="a").write(tmp_path)
    start_process(tmp_path, acquire_lock(tmp_path), [], prepared_by="json", module="this")
    assert read_address(tmp_path) is None
