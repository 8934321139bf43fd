"""TensorBoard events without duplicates after a resume.

Scalars are written unbuffered, so a killed process loses none of them. TensorBoard reads the files of a run in the
order of the timestamps in their names, and the first event of each file voids the events of earlier files from a step
on. So a new file gets a later timestamp than all existing ones, even if the clock was set back.
"""

import io
import os
import re
import socket
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from stable_baselines3.common.logger import KVWriter, Logger
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from tetrarium.errors import HomeError
from tetrarium.registry.files.atomic import DISK

_NAME: Final = "events.out.tfevents."
_STAMP: Final = re.compile(re.escape(_NAME) + r"([0-9]{1,15})\.")
_FORMAT: Final = "brain.Event:2"


class _WholeFile(io.FileIO):
    """An unbuffered file whose ``write`` writes all of the data."""

    def write(self, data: Any) -> int:
        written = 0
        while written < len(data):
            written += super().write(data[written:]) or 0
        return written


class ScalarWriter(KVWriter):
    """Writer of scalars to a new TensorBoard file.

    Args:
        folder: The run's folder.
        step: The step at which training resumes; later events in the folder become void.

    Raises:
        HomeError: if the file cannot be written to.
    """

    def __init__(self, folder: Path, step: int) -> None:
        stamp = max([int(time.time()), *(one + 1 for one in _stamps(folder))])
        self.path = folder / f"{_NAME}{stamp:010}.{socket.gethostname()}.{os.getpid()}"
        try:
            self._file = _WholeFile(self.path, "xb")
        except OSError as error:
            raise self._home_error(error) from error
        self._records = RecordWriter(self._file)
        self._write(Event(wall_time=time.time(), file_version=_FORMAT))
        self._write(Event(wall_time=time.time(), step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Writes the numbers that are not excluded from TensorBoard."""
        values = [
            Summary.Value(tag=name, simple_value=float(value))
            for name, value in sorted(key_values.items())
            if isinstance(value, int | float | np.number) and "tensorboard" not in (key_excluded.get(name) or ())
        ]
        if values:
            self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def sync(self) -> None:
        """Flushes the file to the disk, so that it survives a power failure."""
        if not self._file.closed:
            DISK.flush(self.path)
            DISK.flush(self.path.parent)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _write(self, event: Any) -> None:
        try:
            self._records.write(event.SerializeToString())
        except OSError as error:
            raise self._home_error(error) from error

    def _home_error(self, error: OSError) -> HomeError:
        return HomeError(
            f"The run's TensorBoard file {str(self.path)!r} cannot be written: {error.strerror}. Free some space, or "
            f"grant yourself write permission; then run `tetrarium resume {self.path.parent.name}`."
        )


def _stamps(folder: Path) -> list[int]:
    return [int(match[1]) for path in folder.iterdir() if (match := _STAMP.match(path.name))]


def write_scalar(logger: Logger, name: str, value: float, step: int) -> None:
    """Writes one scalar immediately, independently of those that the logger collects."""
    for output in logger.output_formats:
        output.write({name: value}, {name: ()}, step)
