"""Fault injection: each system call that changes a home fails once, in real processes.

``python -m tests.torture.failing_calls SCENARIO …`` counts the calls of a scenario's commands in its home (writing,
flushing, renaming, locking, mapping, creating and removing files), then repeats them once for each call, which fails
before it has any effect. Commands are forked from this process, which has imported everything. A line of JSON is
printed for each fault: the call, the error, the exit codes, and what is wrong afterwards:

* a command that failed printed more than one line, or a traceback;
* a command that is repeated, or a run that is resumed, does not end with the result of an undisturbed one;
* a checkpoint or a model that was reported as saved is lost.
"""

import argparse
import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.command_preload import redirect, run_command
from tests.torture.processes import SMALL
from tetrarium.evaluation import evaluation_process
from tetrarium.registry.files.process_lock import is_locked

SOURCE: Final = Path(__file__).with_suffix(".c")
N_ERRORS: Final = 3  # of each kind of call, in failing_calls.c
_VARYING: Final = re.compile(r"\.tetrarium-[0-9a-f]{16}|secret-[0-9a-f]+|[0-9]+")
_LIMIT_S: Final = 120.0
_SETTINGS: Final = SMALL | {
    "total_timesteps": 240, "checkpoint_every": 120, "evaluate_every": 100, "torch_threads": 1,
    "max_pieces_game": 30,
}  # fmt: skip

Command = tuple[str, ...]


def _settings(**changes: object) -> list[str]:
    return [f"--set={key}={value}" for key, value in (_SETTINGS | changes).items()]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Commands whose calls fail; ``{home}`` stands for the home."""

    commands: tuple[Command, ...]
    before: tuple[Command, ...] = ()  # make the home, undisturbed
    run: str | None = None  # that is compared
    repair: Command | None = None  # resumes the run
    study: str | None = None  # whose trials are compared


TRAIN: Final[Command] = ("train", "--name", "one", *_settings())
SCENARIOS: Final = {
    "train": Scenario(commands=(TRAIN,), run="one", repair=("resume", "one")),
    "resume": Scenario(
        before=(("train", "--name", "one", *_settings(total_timesteps=120)),),
        commands=(("resume", "one", "--steps", "240"),),
        run="one",
        repair=("resume", "one", "--steps", "240"),
    ),
    "models": Scenario(
        before=(("train", "--name", "one", *_settings(total_timesteps=120)),),
        commands=(
            ("models", "save", "one", "--name", "mine"),
            ("models", "note", "mine", "good"),
            ("models", "tag", "mine", "first"),
            ("models", "export", "mine", "{home}/mine.tetris"),
            ("models", "import", "{home}/mine.tetris", "--name", "other"),
            ("models", "delete", "other"),
            ("models", "restore", "other"),
            ("models", "list"),
        ),
    ),
    "tune": Scenario(
        commands=(("tune", "one", "--vary", "n_steps=1,2", "--sampler", "grid", "--trials", "1", *_settings()),),
        run="one-0001",
        study="one",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """Command that has ended."""

    code: int
    output: str
    error: str


def build(folder: Path) -> Path:
    """Compiles the library that counts calls and makes them fail."""
    library = folder / "failing_calls.so"
    compiler = ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(compiler, check=True)
    return library


class Bench:
    """Home of one scenario, whose commands run in forked processes.

    Args:
        folder: Empty folder.
        scenario: The scenario.
    """

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        self.scenario = scenario
        self.home = folder / "home"
        self._start = folder / "start"
        self._folder = folder
        self._log = folder / "calls"
        self._start.mkdir()
        for command in scenario.before:
            ended = self._run(command, home=self._start)
            assert ended.code == 0, ended

    def count(self) -> list[str]:
        """Returns the calls of the undisturbed commands, in order, and records their result."""
        ended = self.commands(0, 0)
        assert all(one.code == 0 and not one.error for one in ended), ended
        self.expected = self.result()
        return self.calls()

    def calls(self) -> list[str]:
        return [line.partition(" ")[2] for line in self._log.read_text().splitlines()]

    def commands(self, number: int, error: int) -> list[Ended]:
        """Runs the commands in a copy of the first home, of whose calls one fails."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self._start, self.home)
        self._log.write_text("")
        counter = self._folder / "counter"
        counter.write_bytes(bytes(4))
        fault = "\n".join(map(str, (self.home, counter, self._log, number, error)))
        ended = [self._run(command, fault=fault) for command in self.scenario.commands]
        self._wait_for_workers()
        return ended

    def repair(self, command: Command) -> Ended:
        ended = self._run(command)
        self._wait_for_workers()
        return ended

    def _wait_for_workers(self) -> None:
        """Waits for workers that outlive the command, which may have ended early."""
        until_s = time.monotonic() + _LIMIT_S
        while any(is_locked(folder) for kind in ("runs", "tuning") for folder in (self.home / kind).glob("[!.]*")):
            assert time.monotonic() < until_s, f"a worker in {self.home} does not end"
            time.sleep(0.02)

    def result(self) -> Any:
        """Returns a digest of each part of the results in the home."""
        printed = self._forked(lambda: _print(_result(self.home, self.scenario)))
        assert printed.code == 0, printed
        return json.loads(printed.output)

    def _run(self, command: Command, home: Path | None = None, fault: str = "") -> Ended:
        arguments = [word.format(home=home or self.home) for word in (*command, "--home", "{home}")]

        def run() -> None:
            evaluation_process._start = _refuse  # type: ignore[assignment]  # evaluations are played in this process
            if fault:
                _count_calls(fault)
            redirect(dict(os.environ), *map(str, self._files()))
            run_command(arguments, {})

        return self._forked(run)

    def _files(self) -> tuple[Path, Path]:
        return self._folder / "output", self._folder / "error"

    def _forked(self, function: Callable[[], object]) -> Ended:
        for file in self._files():
            file.write_text("")
        child = os.fork()
        if child == 0:
            os.setsid()
            for number, file in enumerate(self._files(), 1):
                os.dup2(os.open(file, os.O_WRONLY), number)
            code = 70
            try:
                function()
                code = 0
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else 0
            except BaseException:  # noqa: BLE001 the edge of a process
                import traceback

                traceback.print_exc()
            finally:
                with contextlib.suppress(Exception):
                    sys.stdout.flush()
                    sys.stderr.flush()
                os._exit(code)
        until_s = time.monotonic() + _LIMIT_S
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
            if time.monotonic() > until_s:
                os.killpg(child, 9)
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, 9)
        output, error = (file.read_text() for file in self._files())
        return Ended(os.waitstatus_to_exitcode(ended[1]), output, error)


def _print(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _refuse() -> Any:
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _count_calls(fault: str) -> None:
    import ctypes

    os.environ["FAILING_CALL"] = fault
    ctypes.CDLL(None).start_counting()


def _result(home: Path, scenario: Scenario) -> dict[str, str]:
    from tests.torture.run_results import result_of
    from tetrarium.registry.home import Home
    from tetrarium.registry.model_store import ModelStore
    from tetrarium.tuning import read_study

    models = {
        slot.name: sorted({version.sha256 for version in slot.versions})
        for slot in ModelStore(Home.locate(home)).slots()
    }
    parts: dict[str, Any] = {"models": models} | (result_of(home, scenario.run) if scenario.run else {})
    if scenario.study:
        trials = read_study(Home.locate(home), scenario.study).trials
        parts["trials"] = [(trial.run, trial.state, trial.params, trial.value) for trial in trials]
    return {name: hashlib.sha256(repr(part).encode()).hexdigest() for name, part in parts.items()}


def _require_whole(home: Path, run: str) -> list[int]:
    from tests.torture.run_results import require_whole

    return require_whole(home / "runs" / run)


def complaints(bench: Bench, number: int, error: int) -> tuple[list[Ended], list[str]]:
    """Runs the commands with one failing call, then repairs; returns how they ended and what is wrong."""
    scenario, wrong = bench.scenario, []
    ended = bench.commands(number, error)
    for command, one in zip(scenario.commands, ended, strict=True):
        wrong += _style(command, one)
    if scenario.run:
        saved = [
            int(step.replace(",", "")) for step in re.findall(r"^Saved step ([0-9,]+)", ended[0].output, re.MULTILINE)
        ]
        there = bench._forked(lambda: _print(_require_whole(bench.home, scenario.run or "")))
        if there.code != 0:
            wrong.append(f"damaged: {there.error[-300:]}")
        elif saved and (not json.loads(there.output) or max(json.loads(there.output)) < max(saved)):
            wrong.append(f"lost: saved {saved}, there is {there.output}")
        exists = (bench.home / "runs" / scenario.run).exists()
        again = bench.repair(scenario.repair if exists and scenario.repair else scenario.commands[0])
        is_done = again.code != 0 and ("already" in again.error or "finished" in again.error)
        if again.code != 0 and not is_done:
            wrong.append(f"repair: {again.code} {again.error[-300:]}")
        ended.append(again)
    else:
        for command, one in zip(scenario.commands, tuple(ended), strict=True):
            if one.code != 0:
                again = bench.repair(command)
                ended.append(again)
                if again.code != 0 and "already exists" not in again.error:  # the file is complete
                    wrong.append(f"repeated {' '.join(command)}: {again.error[-300:]}")
    bench.repair(("models", "list"))  # models that were not registered are found
    result = bench.result()
    wrong += [f"differs: {part}" for part, digest in bench.expected.items() if result.get(part) != digest]
    return ended, wrong


def _style(command: Command, one: Ended) -> list[str]:
    if "Traceback" in one.output + one.error:
        return [f"traceback of {command[:2]}: {one.error[-600:]}"]
    if one.code == 0:
        return []
    if one.code not in (1, 2) or one.error.count("\n") != 1 or not one.error.startswith("tetrarium: "):
        return [f"{command[:2]} ended with {one.code}: {one.error[-600:]}"]
    return []


def places(calls: Sequence[str], n_alike: int) -> list[int]:
    """Returns the numbers of calls to fail: of those alike, which differ in numbers in their path, at most so many."""
    alike: dict[str, list[int]] = {}
    for number, call in enumerate(calls, 1):
        alike.setdefault(_VARYING.sub("*", call), []).append(number)
    chosen = [found[i * (len(found) - 1) // max(n - 1, 1)] for found in alike.values()
              for n in [min(n_alike, len(found))] for i in range(n)]  # fmt: skip
    return sorted(chosen)


def inject(folder: Path, name: str, part: str, options: argparse.Namespace) -> bool:
    """Injects a part of the faults of one scenario; returns whether nothing is wrong."""
    bench = Bench(folder, SCENARIOS[name])
    calls = bench.count()
    tried = n_failed = n_bad = 0
    first, n_parts = map(int, part.split("/"))
    numbers = places(calls, options.alike)
    errors = range(N_ERRORS if options.all_errors else 1)
    faults = [(number, place + error) for place, number in enumerate(numbers) for error in errors]
    for number, error in faults[first - 1 :: n_parts]:
        ended, wrong = complaints(bench, number, error)
        failed = [line for line in bench.calls() if " FAILED with " in line]
        tried += 1
        n_failed += any(one.code != 0 for one in ended[: len(bench.scenario.commands)])
        n_bad += bool(wrong)
        if wrong or options.verbose:
            said = [one.error.strip()[-300:] for one in ended if one.error]
            codes = [one.code for one in ended]
            _print([number, failed or calls[number - 1], codes, said, wrong])
    kinds = len(places(calls, 1))
    counted = {"calls": len(calls), "kinds": kinds, "faults": tried, "commands failed": n_failed, "wrong": n_bad}
    _print({"scenario": name, **counted})
    return n_bad == 0


def main() -> int:
    """Injects the faults of scenarios; exits with 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description="Make each system call that changes a home fail once.")
    parser.add_argument("scenarios", nargs="+", metavar="SCENARIO[:PART]", help=f"of {', '.join(SCENARIOS)}; a part "
                        "such as 2/5 is every fifth fault, from the second on")  # fmt: skip
    parser.add_argument("--alike", type=int, default=2, help="calls of one kind on one file, at most")
    parser.add_argument("--all-errors", action="store_true", help="each error that a call can have")
    parser.add_argument("--verbose", action="store_true", help="print faults without consequences too")
    options = parser.parse_args()
    if "failing_calls.so" not in os.environ.get("LD_PRELOAD", ""):
        with tempfile.TemporaryDirectory() as folder:
            return run_preloaded(Path(folder), sys.argv[1:]).returncode
    is_right = True
    for scenario in options.scenarios:
        name, _, part = scenario.partition(":")
        with tempfile.TemporaryDirectory() as folder:
            is_right &= inject(Path(folder), name, part or "1/1", options)
    return 0 if is_right else 1


def run_preloaded(folder: Path, arguments: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs this program with the library, which it compiles into an empty folder."""
    environment = os.environ | {"LD_PRELOAD": str(build(folder))}
    command = [sys.executable, "-m", "tests.torture.failing_calls", *arguments]
    return subprocess.run(command, env=environment, check=False, text=True, **options)


if __name__ == "__main__":
    sys.exit(main())
