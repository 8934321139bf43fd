"""Commands of the command line in processes of their own: started, or forked from a process with all imports."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

# A process has one fork server, whose imports are those that were named last.
FORK_SERVER: Final = multiprocessing.get_context("forkserver")
FORK_SERVER.set_forkserver_preload(["tests.command_preload"])


class Command:
    """Command in a process that a shell could have started, with the interface of ``Popen``.

    Its output goes to files, which can be read at any time.

    Args:
        arguments: The command and its arguments.
        is_merged: Whether standard error is written to standard output.
    """

    def __init__(self, *arguments: object, is_merged: bool = False) -> None:
        folder = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._out, self._err = folder / "stdout", folder / ("stdout" if is_merged else "stderr")
        with self._out.open("a") as out, self._err.open("a") as err:
            self._process = self._start([*map(str, arguments)], out, err)
        self.pid: int = self._process.pid

    def _start(self, arguments: list[str], out: Any, err: Any) -> Any:
        return subprocess.Popen([sys.executable, "-m", "tetrarium", *arguments], stdout=out, stderr=err)

    @property
    def output(self) -> str:
        """Standard output so far."""
        return self._out.read_text(errors="replace")

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end; returns the exit code.

        Raises:
            TimeoutExpired: if the process has not ended in time.
        """
        return self._process.wait(timeout)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Waits for the end; returns standard output and standard error."""
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return self.output, self._err.read_text(errors="replace")


class ForkedCommand(Command):
    """Command in a process forked from one that has imported everything, which saves the seconds of its imports.

    Args:
        arguments: The command and its arguments.
        is_merged: Whether standard error is written to standard output.
        constants: Values that constants of modules have in the process and its workers, by their dotted names.
    """

    def __init__(
        self, *arguments: object, is_merged: bool = False, constants: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self._constants = dict(constants)
        super().__init__(*arguments, is_merged=is_merged)

    def _start(self, arguments: list[str], out: Any, err: Any) -> Any:
        about = (arguments, dict(os.environ), out.name, err.name, self._constants)
        process = FORK_SERVER.Process(target=self._target(), args=about)
        process.start()
        return process

    @staticmethod
    def _target() -> Callable[..., None]:
        return _run_command

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0.0)
        return self._process.exitcode


class ForkedProgram(ForkedCommand):
    """Python program in such a process; its text is the first argument, as after ``python -c``."""

    @staticmethod
    def _target() -> Callable[..., None]:
        return _run_program


def _run_command(
    arguments: list[str], environment: Mapping[str, str], out: str, err: str, constants: Mapping[str, Any]
) -> None:
    from tests.command_preload import redirect, run_command

    redirect(environment, out, err)
    run_command(arguments, constants)


def _run_program(
    arguments: list[str], environment: Mapping[str, str], out: str, err: str, _constants: Mapping[str, Any]
) -> None:
    from tests.command_preload import redirect

    redirect(environment, out, err)
    program, *sys.argv[1:] = arguments
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
