"""A process that does one piece of work on models: what ``python -m tetrarium.workers job ID`` does.

Whatever it changes, it changes in one step at its end, so that it may be ended at any time.
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
from tetrarium.environment.film import FILM_WRITERS, film_frames
from tetrarium.errors import TetrariumError, WorkerError
from tetrarium.evaluation import Protocol, Report, compare_reports, evaluate, find_protocol, play_moves
from tetrarium.evaluation.leaderboard import find_player, keep_score
from tetrarium.events import CheckpointSaved
from tetrarium.registry.atomic import write_file
from tetrarium.registry.home import Home
from tetrarium.training.finding import find_checkpoint, find_player_policy, find_policy
from tetrarium.training.runs.folder import only_trainer
from tetrarium.workers.client import WorkerClient
from tetrarium.workers.jobs import JOB_FILE, JobConfig, JobState, is_cancelled, note_process, uploaded
from tetrarium.workers.preparing import load_kernels, load_modules

__all__ = ["prepare", "work"]

_TELL_EVERY_S: Final = 0.25
_CHECKPOINT_S: Final = 60.0  # within which a run under way saves a checkpoint

Tell = Callable[..., None]


def prepare() -> None:
    """Loads what jobs need, in a process of which those that do them will be forks."""
    load_modules("training.models")
    load_kernels()


def work(home: Home, name: str, *, lock: int | None) -> int:
    """Does what the job's folder says; returns the process's exit code."""
    folder = home.job_folder(name)
    with only_trainer(folder, lock):
        teller = _Teller(folder)
        try:
            note_process(folder)
            config = JobConfig.read(folder)
            message, result = _DOES[config.kind](home, folder, config.values, teller.tell)
        except Exception as error:
            text = str(error) or type(error).__name__
            with contextlib.suppress(OSError):  # of a disk that is full, say; the log has the reason
                teller.end(state="failed", message=f"Failed: {text}", error=text)
            if not isinstance(error, TetrariumError | OSError):
                raise
            return 1
        has_file = (folder / JOB_FILE).is_file()
        teller.end(state="finished", message=message, result=result, share_done=1.0, has_file=has_file)
    return 0


class _Teller:
    """Writes how far it has come, some times a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = replace(JobState.read(folder), state="running")
        self._told_s = -float("inf")

    def tell(self, *, now: bool = False, **changes: Any) -> None:
        """Tells what may be lost: work goes on where it cannot be written.

        Raises:
            SystemExit: if the job was cancelled.
        """
        self._state = replace(self._state, **changes)
        if now or time.monotonic() >= self._told_s + _TELL_EVERY_S:
            self._told_s = time.monotonic()
            if is_cancelled(self._folder):
                sys.exit(f"The job {self._folder.name!r} was cancelled.")
            with contextlib.suppress(OSError):
                self._state.write(self._folder)

    def end(self, **changes: Any) -> None:
        """Tells what it came to.

        Raises:
            OSError: if that cannot be written.
        """
        replace(self._state, **changes).write(self._folder)


def _measure(home: Home, _folder: Path, values: Mapping[str, Any], tell: Tell) -> tuple[str, dict[str, Any]]:
    protocol = find_protocol(values["protocol"])
    player = find_player(values["what"], home)
    policy = find_player_policy(player, home)
    report = _played(policy, protocol, tell, f"{player.label} plays.")
    score = keep_score(home, player, protocol, report)
    return f"{player.label}: {report.summary()}.", {"player": player.label, "report": dict(score.report)}


def _compare(home: Home, _folder: Path, values: Mapping[str, Any], tell: Tell) -> tuple[str, dict[str, Any]]:
    protocol = find_protocol(values["protocol"])
    n_games = values.get("games") or protocol.n_games
    policies = [(what, find_policy(what, home)[0]) for what in (values["one"], values["other"])]
    reports = []
    for number, (what, policy) in enumerate(policies):
        report = _played(
            policy, protocol, tell, f"{what} plays.", n_games=n_games, max_pieces=values.get("max_pieces"),
            part=(number, 2),
        )  # fmt: skip
        reports.append(replace(report, policy=what))
    found = compare_reports(*reports)
    return found.sentence, found.to_dict()


def _played(
    policy: Any,
    protocol: Protocol,
    tell: Tell,
    message: str,
    *,
    n_games: int | None = None,
    max_pieces: int | None = None,
    part: tuple[int, int] = (0, 1),
) -> Report:
    """Plays a protocol's games, and tells how far that has come; ``part`` is which of how many such plays this is."""
    n_games, limit = n_games or protocol.n_games, max_pieces or protocol.max_pieces
    (number, n_parts) = part
    tell(now=True, message=message, games_done=0, n_games=n_games, pieces_total=0, share_done=number / n_parts)

    def on_progress(pieces_total: int, games_done: int) -> None:
        share = max(games_done / n_games, pieces_total / (n_games * limit))  # games end late where all are long
        tell(games_done=games_done, pieces_total=pieces_total, share_done=(number + share) / n_parts)

    return evaluate(policy, protocol.env_config, n_games, protocol.seed, max_pieces=limit, on_progress=on_progress)


def _record(home: Home, folder: Path, values: Mapping[str, Any], tell: Tell) -> tuple[str, dict[str, Any]]:
    policy, trained_for = find_policy(values["what"], home)
    given = values.get("protocol")
    config = find_protocol(given).env_config if given else trained_for or EnvConfig()
    n_pieces = values["max_pieces"]
    moves = play_moves(policy, config, values["seed"], values["game"], max_pieces=n_pieces)
    counted = _Counted(moves, n_pieces, tell)
    frames = film_frames(
        counted, width=config.width, height=config.height, can_hold=config.hold, speed=values["speed"],
        cell_px=values["scale"],
    )  # fmt: skip
    film = io.BytesIO()
    FILM_WRITERS[".gif"](frames, film)
    write_file(folder / JOB_FILE, film.getvalue())
    lines = counted.last.state_tp1.lines if counted.last is not None else 0
    message = f"Recorded {counted.n_pieces:,} pieces and {lines:,} lines of {values['what']}."
    return message, {"pieces": counted.n_pieces, "lines": lines, "n_bytes": film.tell()}


class _Counted:
    """Tells of moves as they pass."""

    def __init__(self, moves: Iterable[Any], n_moves: int, tell: Tell) -> None:
        self.n_pieces = 0
        self.last: Any = None
        self._moves = moves
        self._n_moves = n_moves
        self._tell = tell

    def __iter__(self) -> Iterator[Any]:
        self._tell(now=True, message="Drawing.", share_done=0.0, pieces_total=0)
        for move in self._moves:
            self.last = move
            self.n_pieces += 1
            self._tell(pieces_total=self.n_pieces, share_done=self.n_pieces / self._n_moves)
            yield move


def _save(home: Home, _folder: Path, values: Mapping[str, Any], tell: Tell) -> tuple[str, dict[str, Any]]:
    from tetrarium.training.models import save_model

    what = values["what"]
    if values["fresh"]:
        tell(now=True, message=f"{what} saves a checkpoint.")
        _save_checkpoint(home, what)
    tell(now=True, message="Saving.")
    path = find_checkpoint(what, home)
    version = save_model(path, home, values["name"], note=values["note"], tags=tuple(values["tags"]))
    return f"Saved {version.spec}: {version.algorithm} at step {version.step:,}.", version.to_dict()


def _save_checkpoint(home: Home, run: str) -> None:
    """Has a run under way save what it has learnt by now."""
    with WorkerClient.connect(home.run_folder(run)) as worker:
        worker.order("checkpoint")
        for event in worker.events(_CHECKPOINT_S):
            if isinstance(event, CheckpointSaved):
                return
    raise WorkerError(
        f"A run under way saves a checkpoint within {_CHECKPOINT_S:.0f} s; {run!r} did not. "
        "Save its latest checkpoint instead, or try again."
    )


def _import(home: Home, folder: Path, values: Mapping[str, Any], tell: Tell) -> tuple[str, dict[str, Any]]:
    from tetrarium.training.models import import_model

    tell(now=True, message="Checking what it is made of.")
    upload = uploaded(folder, values)
    try:
        version = import_model(upload, home, values["name"])
    finally:
        upload.unlink(missing_ok=True)
    return f"Imported {version.spec}: {version.algorithm} at step {version.step:,}.", version.to_dict()


_DOES: Final[Mapping[str, Callable[[Home, Path, Mapping[str, Any], Tell], tuple[str, dict[str, Any]]]]] = {
    "measure": _measure,
    "compare": _compare,
    "record": _record,
    "save": _save,
    "import": _import,
}
