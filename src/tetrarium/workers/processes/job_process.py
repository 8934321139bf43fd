"""Worker process of a job, a background task on models: ``python -m tetrarium.workers job ID``.

A job changes models and scores in one step at its end, so that it can be ended at any time.
"""

import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.environment.pictures.animation import ANIMATION_WRITERS, animation_frames
from tetrarium.errors import TetrariumError, WorkerError, error_to_dict
from tetrarium.evaluation import Protocol, Report, compare_reports, evaluate, find_protocol, play_moves
from tetrarium.evaluation.evaluator import share_done
from tetrarium.evaluation.leaderboard import find_ranked_agent, save_score
from tetrarium.events import CheckpointSaved
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.files.process_lock import run_lock
from tetrarium.registry.home import Home
from tetrarium.training.agent_reference import load_ranked_policy, resolve_checkpoint, resolve_policy
from tetrarium.workers.directories import jobs
from tetrarium.workers.processes.analysis_job import analyze_game, continue_game
from tetrarium.workers.processes.fork_server import load_kernels, load_modules
from tetrarium.workers.protocol.client import WorkerClient

_REPORT_EVERY_S: Final = 0.25
_TURN_POLL_S: Final = 0.5
_CHECKPOINT_TIMEOUT_S: Final = 60.0  # for a running run to save a checkpoint

ReportProgress = Callable[..., None]  # takes fields of ``JobState``, and ``now=True`` to write them at once
JobResult = tuple[str, dict[str, Any]]  # message for people, and values


def prepare() -> None:
    """Loads the imports and kernels of jobs in the fork server."""
    load_modules("training.saved_models")
    load_kernels()


def run_job(home: Home, name: str, *, lock: int | None) -> int:
    """Runs a job; returns the process's exit code."""
    folder = home.job_folder(name)
    with run_lock(folder, lock, expires=True):
        reporter = _ProgressReporter(folder)
        try:
            jobs.record_pid(folder)
            config = jobs.JOBS.read_config(home, name)
            _wait_for_turn(home, name, config.kind, reporter)
            message, result = _JOB_FUNCTIONS[config.kind](home, folder, config.values, reporter.report)
        except Exception as error:
            reason = error_to_dict(error)
            with contextlib.suppress(OSError):  # such as a full disk; the log has the reason
                reporter.finish(state="failed", message=f"Failed: {reason['error']}", **reason)
            if not isinstance(error, TetrariumError | OSError):
                raise
            return 1
        has_file = (folder / jobs.RECORDING_FILE).is_file()
        reporter.finish(state="finished", message=message, result=result, share_done=1.0, has_file=has_file)
    return 0


def _wait_for_turn(home: Home, name: str, kind: str, reporter: "_ProgressReporter") -> None:
    """Waits while as many earlier jobs run as may at once.

    Raises:
        SystemExit: if the job was canceled.
    """
    ahead = jobs.jobs_ahead(home, name)
    while n := jobs.n_to_wait_for(ahead, kind):
        reporter.report(now=True, state=jobs.QUEUED, message=f"Queued: {n:,} {'job' if n == 1 else 'jobs'} first.")
        time.sleep(_TURN_POLL_S)
    reporter.report(state="running")


class _ProgressReporter:
    """Writes a job's progress into its state file, at most every ``_REPORT_EVERY_S`` seconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = replace(jobs.JobState.read(folder), state="running")
        self._reported_s = -float("inf")

    def report(self, *, now: bool = False, **changes: Any) -> None:
        """Updates the progress; the job continues if it cannot be written.

        Raises:
            SystemExit: if the job was canceled.
        """
        self._state = replace(self._state, **changes)
        if now or time.monotonic() >= self._reported_s + _REPORT_EVERY_S:
            self._reported_s = time.monotonic()
            if jobs.is_canceled(self._folder):
                sys.exit(f"The job {self._folder.name!r} was canceled.")
            with contextlib.suppress(OSError):
                self._state.write(self._folder)

    def finish(self, **changes: Any) -> None:
        """Writes the final state.

        Raises:
            OSError: if it cannot be written.
        """
        replace(self._state, **changes).write(self._folder)


def _evaluate_agent(home: Home, _folder: Path, values: Mapping[str, Any], report_progress: ReportProgress) -> JobResult:
    """Evaluates a model or a controller and adds its score to the leaderboard."""
    protocol = find_protocol(values["protocol"])
    agent = find_ranked_agent(values["agent"], home)
    policy = load_ranked_policy(agent, home)
    report = _evaluate(home, policy, protocol, report_progress, f"Evaluating {agent.label}.")
    score = save_score(home, agent, protocol, report)
    return f"{agent.label}: {report.summary()}.", {"agent": agent.label, "report": dict(score.report)}


def _compare(home: Home, _folder: Path, values: Mapping[str, Any], report_progress: ReportProgress) -> JobResult:
    """Compares two agents on the same games."""
    protocol = find_protocol(values["protocol"])
    n_games = values.get("games") or protocol.n_games
    policies = [(agent, resolve_policy(agent, home)[0]) for agent in (values["agent"], values["other_agent"])]
    reports = []
    for number, (agent, policy) in enumerate(policies):
        report = _evaluate(
            home,
            policy,
            protocol,
            report_progress,
            f"Evaluating {agent}.",
            n_games=n_games,
            max_pieces=values.get("max_pieces"),
            part=(number, len(policies)),
        )
        reports.append(replace(report, policy=agent))
    comparison = compare_reports(*reports)
    return comparison.sentence, comparison.to_dict()


def _evaluate(
    home: Home,
    policy: Any,
    protocol: Protocol,
    report_progress: ReportProgress,
    message: str,
    *,
    n_games: int | None = None,
    max_pieces: int | None = None,
    part: tuple[int, int] = (0, 1),
) -> Report:
    """Plays a protocol's games and reports the progress; ``part`` is the number of this evaluation and of how many."""
    n_games, limit = n_games or protocol.n_games, max_pieces or protocol.max_pieces
    (number, n_parts) = part
    report_progress(
        now=True, message=message, games_done=0, n_games=n_games, pieces_total=0, share_done=number / n_parts
    )

    def on_progress(pieces_total: int, games_done: int) -> None:
        share = share_done(pieces_total, games_done, n_games, limit)
        report_progress(games_done=games_done, pieces_total=pieces_total, share_done=(number + share) / n_parts)

    return evaluate(
        policy,
        protocol.env_config,
        n_games,
        protocol.seed,
        max_pieces=limit,
        on_progress=on_progress,
        ledger=home.evaluations,
    )


def _record(home: Home, folder: Path, values: Mapping[str, Any], report_progress: ReportProgress) -> JobResult:
    """Records a game as an animated GIF in the job's folder."""
    policy, trained_for = resolve_policy(values["agent"], home)
    given = values.get("protocol")
    config = find_protocol(given).env_config if given else trained_for or EnvConfig()
    n_pieces = values["max_pieces"]
    moves = play_moves(policy, config, values["seed"], values["game"], max_pieces=n_pieces)
    counted = _CountedMoves(moves, n_pieces, report_progress)
    frames = animation_frames(
        counted,
        width=config.width,
        height=config.height,
        can_hold=config.hold,
        speed=values["speed"],
        cell_px=values["scale"],
    )
    animation = io.BytesIO()
    ANIMATION_WRITERS[".gif"](frames, animation)
    data = animation.getvalue()
    write_file(folder / jobs.RECORDING_FILE, data)
    lines = counted.last.state_tp1.lines if counted.last is not None else 0
    message = f"Recorded {counted.n_pieces:,} pieces and {lines:,} lines of {values['agent']}."
    return message, {"pieces": counted.n_pieces, "lines": lines, "n_bytes": len(data)}


class _CountedMoves:
    """Iterable of moves that counts them and reports the progress."""

    def __init__(self, moves: Iterable[Any], n_moves: int, report_progress: ReportProgress) -> None:
        self.n_pieces = 0
        self.last: Any = None
        self._moves = moves
        self._n_moves = n_moves
        self._report_progress = report_progress

    def __iter__(self) -> Iterator[Any]:
        self._report_progress(now=True, message="Drawing.", share_done=0.0, pieces_total=0)
        for move in self._moves:
            self.last = move
            self.n_pieces += 1
            self._report_progress(pieces_total=self.n_pieces, share_done=self.n_pieces / self._n_moves)
            yield move


def _save(home: Home, _folder: Path, values: Mapping[str, Any], report_progress: ReportProgress) -> JobResult:
    """Saves a checkpoint as a version of a model."""
    from tetrarium.training.saved_models import save_model

    agent = values["agent"]
    if values["save_checkpoint"]:
        report_progress(now=True, message=f"Waiting for a checkpoint of {agent}.")
        _save_checkpoint(home, agent)
    report_progress(now=True, message="Saving.")
    path = resolve_checkpoint(agent, home)
    version = save_model(path, home, values["name"], note=values["note"], tags=tuple(values["tags"]))
    return f"Saved {version.spec}: {version.algorithm} at step {version.step:,}.", version.to_dict()


def _save_checkpoint(home: Home, run: str) -> None:
    """Requests a checkpoint of a running run and waits for it."""
    with WorkerClient.connect(home.run_folder(run)) as worker:
        worker.execute("checkpoint")
        for event in worker.events(_CHECKPOINT_TIMEOUT_S):
            if isinstance(event, CheckpointSaved):
                return
    raise WorkerError(
        f"A running run must save a checkpoint within {_CHECKPOINT_TIMEOUT_S:.0f} s; {run!r} did not. "
        "Save its latest checkpoint instead, or try again."
    )


def _import(home: Home, folder: Path, values: Mapping[str, Any], report_progress: ReportProgress) -> JobResult:
    """Imports a bundle or a ``model.zip`` as a version of a model."""
    from tetrarium.training.saved_models import import_model

    report_progress(now=True, message="Checking the file.")
    upload = jobs.upload_path(folder, values)
    try:
        imported = import_model(upload, home, values["name"], promote=values.get("promote", False))
    finally:
        upload.unlink(missing_ok=True)
    return imported.message, imported.version.to_dict()


_JOB_FUNCTIONS: Final[Mapping[str, Callable[[Home, Path, Mapping[str, Any], ReportProgress], JobResult]]] = {
    "evaluate": _evaluate_agent,
    "compare": _compare,
    "record": _record,
    "save": _save,
    "import": _import,
    "analyze": analyze_game,
    "continue": continue_game,
}
