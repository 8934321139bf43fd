"""Overheads of evaluations and runs on a cluster: run ``python bench/clusters.py``.

A scheduler of Dask and one worker are processes of this machine. Figures are CPU time, so that other
programs of the machine matter little; what is compared is measured in pairs, in turn, and the median of their ratios is
printed. ``docs/explanation/scale.md`` computes from them what many machines do.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import evaluate, evaluator
from tetrarium.evaluation.dask_executor import DaskExecutor
from tetrarium.evaluation.executors import local_processes
from tetrarium.registry import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.agent_reference import resolve_policy
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.runs.storage.packed_runs import TrainedPiece, add_piece, pack_run
from tetrarium.workers.processes.piece_process import Piece, train_piece

AGENT = "champion-10x20"
N_GAMES = 64
N_NO_OPS = 2_000
SHORT_S = (0.1, 0.03)
QUIET = {  # by default the stack is sampled 100 times per second, and the event loop is watched 50 times
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
}
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(process: int) -> float:
    """Returns the CPU time of a process and its ended children, proc(5)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) * TICK_S


@contextlib.contextmanager
def cluster() -> Iterator[tuple[str, int, int]]:
    """Gives the address of a scheduler with one worker, and the ids of both processes."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        file = Path(folder) / "scheduler.json"

        def start(module: str, *arguments: str) -> int:
            command = [sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", str(file)]
            process = subprocess.Popen(  # noqa: S603 fixed
                [*command, "--no-dashboard", *arguments],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | QUIET,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process.pid

        scheduler = start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show")
        worker = start(
            "dask_worker", "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--local-directory", folder
        )
        while not file.exists():
            time.sleep(0.1)
        yield str(file), scheduler, worker


def spent_by(processes: tuple[int, ...], function: Callable[[], object]) -> tuple[float, ...]:
    """Calls a function; returns the CPU seconds that each process spent meanwhile."""
    before = [cpu_s(process) for process in processes]
    function()
    return tuple(cpu_s(process) - spent for process, spent in zip(processes, before, strict=True))


def measure_tasks(address: str, scheduler: int, worker: int) -> None:
    """Prints the cost of a task that does nothing."""
    with DaskExecutor(address) as executor:

        def call() -> None:
            for future in [executor.submit(os.getpid) for _ in range(N_NO_OPS)]:
                future.result()

        call()
        spent = spent_by((scheduler, worker, os.getpid()), call)
    parts = ", ".join(
        f"{name} {1e3 * each / N_NO_OPS:.2f}"
        for name, each in zip(("scheduler", "worker", "client"), spent, strict=True)
    )
    print(f"a task that does nothing: {1e3 * sum(spent) / N_NO_OPS:.2f} ms ({parts})")


def measure_evaluations(address: str, worker: int, max_pieces: int, pairs: int) -> None:
    """Prints pieces per CPU second in a worker of Dask against a process of this machine, and the ledger's cost."""
    policy, config = resolve_policy(AGENT, Home.locate())
    n_pieces = N_GAMES * max_pieces

    def play(executor: object = None, ledger: str | None = None) -> None:
        evaluate(policy, config, N_GAMES, 0, max_pieces=max_pieces, n_threads=1, executor=executor, ledger=ledger)

    with DaskExecutor(address) as executor, local_processes(1)() as local:
        worker_of = local.submit(os.getpid).result()
        for each in (executor, local):
            play(each)
        ratios, speeds = [], []
        for _ in range(pairs):
            (dask_s,) = spent_by((worker,), lambda: play(executor))
            (local_s,) = spent_by((worker_of,), lambda: play(local))
            ratios.append(local_s / dask_s)
            speeds.append(n_pieces / dask_s)
    print(
        f"evaluation in a worker of Dask: {statistics.median(speeds):,.0f} pieces per CPU second, "
        f"{statistics.median(ratios):.3f} of a local process ({min(ratios):.3f} to {max(ratios):.3f}, {pairs} pairs)"
    )
    ratios = []
    for _ in range(pairs):
        (without_s,) = spent_by((os.getpid(),), play)
        with tempfile.TemporaryDirectory() as folder:
            (with_s,) = spent_by((os.getpid(),), lambda folder=folder: play(ledger=folder))
        ratios.append(without_s / with_s)
    print(
        f"evaluation with a ledger: {statistics.median(ratios):.3f} of the pieces per CPU second without one "
        f"({min(ratios):.3f} to {max(ratios):.3f}, {pairs} pairs)"
    )


def check_model(address: str, worker: int, max_pieces: int) -> None:
    """Prints what short slices cost a worker, beside the cost that follows from a task that does nothing."""
    policy, config = resolve_policy(AGENT, Home.locate())
    spent = {}
    for slice_s in (1.0, *SHORT_S):
        evaluator.SLICE_S = slice_s
        with DaskExecutor(address) as executor:
            arguments = {"max_pieces": max_pieces, "n_threads": 1, "executor": executor}
            evaluate(policy, config, N_GAMES, 0, **arguments)
            (spent[slice_s],) = spent_by(
                (worker,), lambda given=arguments: evaluate(policy, config, N_GAMES, 0, **given)
            )
    for slice_s in SHORT_S:
        print(
            f"slices of {slice_s} s: {spent[1.0] / spent[slice_s]:.3f} of the pieces per CPU second with those of 1 s"
        )


def measure_pieces(steps: int) -> None:
    """Prints size and costs of a piece of the default training, with a full replay buffer as it is after ``steps``."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        config = TrainingConfig(total_timesteps=steps + 20_000, checkpoint_every=steps, evaluate_every=0)
        run = TrainingRun.create(home, "one", EnvConfig(), config.with_changes(total_timesteps=steps), lambda _: None)
        run.execute()
        started_s = time.process_time()
        packed = pack_run(home, "one")
        packed_s = time.process_time() - started_s
        piece = Piece(
            run=packed, root="", least_s=0.0, most_s=0.0, changes={"total_timesteps": steps + 10}, any_cpu=False,
            cpu_capability=None,
        )  # fmt: skip
        train_piece(piece)  # starts the fork server
        started_s = time.perf_counter()
        with watched_pieces() as spent:
            trained = train_piece(piece)
        piece_s = time.perf_counter() - started_s
        assert isinstance(trained, TrainedPiece)
        started_s = time.process_time()
        add_piece(home, "one", trained)
        added_s = time.process_time() - started_s
    print(
        f"a piece: {packed.n_bytes / 1e6:.1f} MB each way, {1e3 * (packed_s + added_s):.0f} ms at home; one of "
        f"{trained.step - packed.step} steps takes {max(spent):.2f} s in its process ({piece_s:.2f} s of wall time)"
    )


@contextlib.contextmanager
def watched_pieces() -> Iterator[list[float]]:
    """Gives a list to which the CPU time of a piece's process is appended while it runs."""
    spent, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/comm"):
                with contextlib.suppress(OSError):
                    if path.read_text(encoding="utf-8", errors="replace").startswith("piece "):
                        spent.append(cpu_s(int(path.parent.name)))

    thread = threading.Thread(target=watch)
    thread.start()
    yield spent
    ended.set()
    thread.join()


def measure_compiling() -> None:
    """Prints the CPU time of commands whose kernels are not compiled, and again once they are."""
    for arguments in (["evaluate", AGENT, "--games", "1", "--max-pieces", "1"], ["train", "--steps", "1000"]):
        with tempfile.TemporaryDirectory() as folder:
            spent = []
            for _ in range(2):
                before = os.times()
                subprocess.run(  # noqa: S603 fixed
                    [sys.executable, "-m", "tetrarium", *arguments],
                    env={**os.environ, "NUMBA_CACHE_DIR": folder, "TETRARIUM_HOME": folder},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=True,
                )
                after = os.times()
                spent.append(
                    after.children_user + after.children_system - before.children_user - before.children_system
                )
        print(f"{' '.join(arguments)}: {spent[0]:.1f} CPU seconds without kernels, {spent[1]:.1f} with them")


def main() -> None:
    """Measures and prints the overheads."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pairs", type=int, default=5)
    arguments.add_argument("--max-pieces", type=int, default=50_000)
    arguments.add_argument("--steps", type=int, default=100_000)
    given = arguments.parse_args()
    with cluster() as (address, scheduler, worker):
        measure_tasks(address, scheduler, worker)
        measure_evaluations(address, worker, given.max_pieces, given.pairs)
        check_model(address, worker, given.max_pieces)
    measure_pieces(given.steps)
    measure_compiling()


if __name__ == "__main__":
    main()
