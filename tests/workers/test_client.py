"""Connections to workers that are not there, or say nonsense about themselves."""

import os
import threading
import time
from pathlib import Path

import pytest

from tetrarium.errors import WorkerError
from tetrarium.training.runs.folder import take_lock
from tetrarium.workers.client import AsyncWorkerClient, WorkerClient
from tetrarium.workers.files import Address, read_address
from tetrarium.workers.launching import start_process


def test_nobody_is_connected_to_where_nobody_works(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="is not under way, so it takes no commands"):
        WorkerClient.connect(tmp_path)


@pytest.mark.parametrize("place", ["tcp://nowhere", "nonsense", ""])
def test_an_address_that_is_damaged_is_told(tmp_path: Path, place: str) -> None:
    lock = take_lock(tmp_path)
    try:
        Address(kind="training", pid=os.getpid(), commands=place, events=place, token="a").write(tmp_path)
        with pytest.raises(WorkerError, match=f"what '{tmp_path.name}' says is damaged"):
            WorkerClient.connect(tmp_path)
    finally:
        os.close(lock)


def test_a_worker_that_is_starting_is_waited_for(tmp_path: Path) -> None:
    lock = take_lock(tmp_path)
    with pytest.raises(WorkerError, match=r"is starting and does not listen yet\. Try again in a moment\.$"):
        WorkerClient.connect(tmp_path, wait_s=0.1)
    place = "tcp://127.0.0.1:9"
    address = Address(kind="training", pid=os.getpid(), commands=place, events=place, token="a")
    threading.Timer(0.2, address.write, [tmp_path]).start()
    WorkerClient.connect(tmp_path).close()
    os.close(lock)


def test_who_waits_by_await_waits_for_no_workers_start(tmp_path: Path) -> None:
    lock = take_lock(tmp_path)
    began_s = time.monotonic()
    with pytest.raises(WorkerError, match="is starting and does not listen yet"):
        AsyncWorkerClient.connect(tmp_path)
    assert time.monotonic() - began_s < 1
    os.close(lock)


def test_a_process_that_starts_forgets_where_a_killed_one_listened(tmp_path: Path) -> None:
    place = "tcp://127.0.0.1:9"
    Address(kind="training", pid=1, commands=place, events=place, token="a").write(tmp_path)
    start_process(tmp_path, take_lock(tmp_path), [], needs="json", module="this")
    assert read_address(tmp_path) is None
