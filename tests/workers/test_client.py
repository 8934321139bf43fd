"""Connections to workers that are not there, or say nonsense about themselves."""

import os
from pathlib import Path

import pytest

from tetrarium.errors import WorkerError
from tetrarium.training.runs.folder import take_lock
from tetrarium.workers.client import WorkerClient
from tetrarium.workers.files import Address


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
