"""A run's folder as bytes: what another machine needs to resume the run, and what it returns after a piece of training.

The run's home remains the only place of its truth. A piece starts from a checkpoint that was signed here, and what it
returns becomes part of the folder once its last checkpoint does: if this process ends before, the run resumes from the
earlier checkpoint, and the rows that were appended for the piece are removed again. So a piece can be lost or repeated.

The machines on which pieces are trained are trusted, as they run the code of this process. They do not get the home's
key: a checkpoint that returns is verified against its own metadata, and signed here.
"""

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import HomeError, TetrariumError
from tetrarium.events import Event
from tetrarium.registry.bundles import Bundle
from tetrarium.registry.files.atomic import remove_directory, write_directory, write_file
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.run_store import RunStore
from tetrarium.registry.run_tables import MARKS_FILE, RUN_TABLES
from tetrarium.training.checkpoints import checkpoint_store
from tetrarium.training.checkpoints.metadata import METADATA_NAME
from tetrarium.training.config import TrainingConfig
from tetrarium.training.runs.storage import folder as storage
from tetrarium.training.runs.storage.run_config import read_run_config, write_run_config

Files = Mapping[str, bytes]  # contents by name

_REPLAYS: Final = "replays"
_START: Final = "start"  # in a worker's home: the checkpoint or bundle whose weights initialize the agent
_SCALARS: Final = "events.out.tfevents."
_SCALARS_RULE: Final = re.compile(re.escape(_SCALARS) + r"([0-9]{1,15})(\.[A-Za-z0-9._-]{1,200})")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRun:
    """A run at its latest checkpoint."""

    name: str
    step: int  # of the checkpoint; 0 without one
    config: bytes  # content of config.json
    checkpoint: Files | None
    tables: Files  # as far as the checkpoint knows them
    scalars: tuple[str, ...]  # names of TensorBoard's files, after which a new one sorts
    start: Files  # with a single unnamed file if the run starts from a bundle; empty if it does not start from weights

    @property
    def n_bytes(self) -> int:
        """Size of all files."""
        files = (self.checkpoint or {}, self.tables, self.start)
        return len(self.config) + sum(len(data) for each in files for data in each.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPiece:
    """Result of a piece: the run at a later checkpoint."""

    state: str  # of the run's end, as in ``RunEnded``; "stopped" if it continues with another piece
    step: int
    seconds: float  # of training in all sessions
    evaluated_seconds: float
    training_config: dict[str, Any]  # whose targets may have been removed
    checkpoints: Mapping[int, Files]
    best: Files | None
    tables: Mapping[str, tuple[int, bytes]]  # number of bytes that are unchanged, and those after them
    scalars: Files
    times: bytes  # content of times.json, for people
    replays: Files
    models: tuple[bytes, ...]  # bundles of weights that became the best, in order
    events: tuple[Event, ...]  # for people


def pack_run(home: Home, name: str, *, trust: bool = False) -> PackedRun:
    """Reads a run's folder, whose lock the caller holds.

    Raises:
        UntrustedCheckpointError: if its latest checkpoint was made in another home, unless ``trust``.
        DamagedCheckpointError: if the checkpoint is incomplete or altered.
        HomeError: if there is no such run, or a file cannot be read.
    """
    config, folder = read_run_config(home, name), home.run_folder(name)
    path = storage.latest_checkpoint(folder)
    checkpoint = None if path is None else _read_checkpoint(path, None if trust else home.secret())
    marks = json.loads((checkpoint or {}).get(MARKS_FILE, b"{}"))
    try:
        return PackedRun(
            name=name,
            step=0 if path is None else int(path.name),
            config=(folder / storage.RUN_CONFIG).read_bytes(),
            checkpoint=checkpoint,
            tables={
                file: (folder / file).read_bytes()[: marks.get(file, {}).get("n_bytes")]
                for file in _table_files()
                if path is not None and (folder / file).exists()
            },
            scalars=tuple(sorted(found.name for found in folder.glob(f"{_SCALARS}*"))),
            start=_read_start(config.start_from) if path is None and config.start_from is not None else {},
        )
    except OSError as error:
        raise HomeError(
            f"A run's files must be readable; {error.filename!r} is not: {error.strerror}. Restore it, or grant "
            "yourself read permission."
        ) from error


def _read_checkpoint(path: Path, secret: bytes | None) -> Files:
    metadata = checkpoint_store.read_metadata(path)
    if secret is not None:
        checkpoint_store.require_trusted(path, metadata, secret)
    files = {name: checkpoint_store.read_file(path, metadata, name) for name in metadata.files}
    return {**files, METADATA_NAME: metadata.to_bytes()}


def _read_start(start_from: str) -> Files:
    path = Path(start_from)
    return _read_folder(path) if path.is_dir() else {f"{_START}{path.suffix}": path.read_bytes()}


def _read_folder(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _table_files() -> list[str]:
    return [table.file_name for table in RUN_TABLES.values()]


def unpack_run(run: PackedRun, home: Home) -> None:
    """Writes a run into a home of its own, where ``TrainingRun.open`` finds it and trusts its checkpoint."""
    folder = home.run_folder(run.name)
    folder.mkdir(parents=True)
    config = json.loads(run.config)
    if run.start:
        start = home.root / _START
        start.mkdir()
        _write(start, run.start)
        names = list(run.start)
        config["start_from"] = str(start / names[0] if METADATA_NAME not in names else start)
    (folder / storage.RUN_CONFIG).write_text(json.dumps(config), encoding="utf-8")
    _write(folder, {**run.tables, **dict.fromkeys(run.scalars, b"")})
    if run.checkpoint is not None:
        checkpoint = folder / "checkpoints" / str(run.step)
        checkpoint.mkdir(parents=True)
        _write(checkpoint, run.checkpoint)


def _write(folder: Path, files: Files) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


def collect_piece(
    run: PackedRun, home: Home, state: str, seconds: tuple[float, float], events: tuple[Event, ...]
) -> TrainedPiece:
    """Reads what a piece has changed in the home in which it was trained.

    Args:
        run: The run before.
        home: The home that ``unpack_run`` wrote it into.
        state: State of the run's end.
        seconds: Training time, and time of waiting for evaluations.
        events: Events for people.
    """
    folder, models = home.run_folder(run.name), ModelStore(home)
    steps = storage.checkpoint_steps(folder)
    new = [step for step in steps if step > run.step or run.checkpoint is None or step == steps[-1]]
    tables = {file: (folder / file).read_bytes() for file in _table_files()}
    versions = models.versions(run.name) if models.has(run.name) else []
    return TrainedPiece(
        state=state,
        step=steps[-1],
        seconds=seconds[0],
        evaluated_seconds=seconds[1],
        training_config=read_run_config(home, run.name).training_config.to_dict(),
        checkpoints={step: _read_checkpoint(folder / "checkpoints" / str(step), None) for step in new},
        best=_read_checkpoint(folder / storage.BEST, None) if (folder / storage.BEST).exists() else None,
        tables={file: _difference(run.tables.get(file, b""), data) for file, data in tables.items()},
        scalars={path.name: path.read_bytes() for path in folder.glob(f"{_SCALARS}*") if path.name not in run.scalars},
        times=(folder / storage.TIMES).read_bytes() if (folder / storage.TIMES).exists() else b"{}",
        replays=_read_folder(folder / _REPLAYS),
        models=tuple(models.path(version).read_bytes() for version in sorted(versions, key=lambda one: one.number)),
        events=events,
    )


def _difference(before: bytes, after: bytes) -> tuple[int, bytes]:
    return (len(before), after[len(before) :]) if after.startswith(before) else (0, after)


def add_piece(home: Home, name: str, piece: TrainedPiece, *, superseded: int | None = None) -> None:
    """Adds the result of a piece to the run's folder, whose lock the caller holds.

    Args:
        home: The run's home, whose key signs the checkpoints.
        name: The run's name.
        piece: The result.
        superseded: Step of a checkpoint that only passed the run on to this piece; it is deleted.

    Raises:
        CheckpointError: if a checkpoint was altered on its way, or cannot be written.
        HomeError: if something else cannot be written.
    """
    folder = home.run_folder(name)
    config = read_run_config(home, name)
    try:
        if config.training_config.to_dict() != piece.training_config:
            config = replace(config, training_config=TrainingConfig.from_dict(piece.training_config))
            write_run_config(folder, config)
        for file, (n_kept, rows) in piece.tables.items():
            _append(folder / _known(file, _table_files()), n_kept, rows)
        _add_scalars(folder, piece.scalars)
        write_file(folder / storage.TIMES, piece.times)
        write_directory(folder / _REPLAYS, lambda hidden: _write(hidden, _plain(piece.replays)))
        _add_best(home, folder, piece.best)
        _add_models(home, name, piece.models)
        for step, files in sorted(piece.checkpoints.items()):
            path = folder / "checkpoints" / str(int(step))
            storage.set_aside(path)
            checkpoint_store.install(path, files, home.secret())
        if superseded is not None and superseded != piece.step:
            with contextlib.suppress(OSError):
                storage.delete_checkpoint(folder, superseded)
        keep = _steps_in_use(piece.checkpoints[piece.step])
        settings = config.training_config
        for step in storage.obsolete_checkpoints(folder, settings.keep_checkpoints, settings.keep_every, keep):
            storage.delete_checkpoint(folder, step)
    except OSError as error:
        raise HomeError(
            f"A run's results must be written into {str(folder)!r}: {error.strerror}. Free some space, or grant "
            f"yourself write permission; then `tetrarium resume {name}` continues from the last checkpoint."
        ) from error
    with contextlib.suppress(TetrariumError, OSError):  # readers of the registry ingest what is missing
        RunStore(home).ingest(name)


def _known(name: str, names: list[str]) -> str:
    if name not in names:
        raise HomeError(f"A piece returns the run's own tables; got {name!r:.80}. Start workers of this tetrarium.")
    return name


def _plain(files: Files) -> Files:
    return {Path(name).name: data for name, data in files.items()}


def _append(path: Path, n_kept: int, rows: bytes) -> None:
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(n_kept)
        file.seek(0, os.SEEK_END)
        file.write(rows)
        file.flush()
        os.fsync(file.fileno())


def _add_scalars(folder: Path, files: Files) -> None:
    """Writes TensorBoard's files, under names that sort after all others: the first event of each voids later ones."""
    for name, data in sorted(files.items()):
        match = _SCALARS_RULE.fullmatch(name)
        if match is None:
            raise HomeError(f"A piece returns TensorBoard's files; got {name!r:.80}. Start workers of this tetrarium.")
        stamps = [int(found[1]) for path in folder.iterdir() if (found := _SCALARS_RULE.fullmatch(path.name))]
        stamp = max(int(match[1]), *(one + 1 for one in stamps), 0)
        (folder / f"{_SCALARS}{stamp:010}{match[2]}").write_bytes(data)


def _add_best(home: Home, folder: Path, files: Files | None) -> None:
    if files is not None:
        checkpoint_store.install(folder / storage.BEST, files, home.secret())
    elif (folder / storage.BEST).exists():
        remove_directory(folder / storage.BEST)


def _add_models(home: Home, name: str, bundles: tuple[bytes, ...]) -> None:
    """Saves weights that became the best as versions of the run's model, as far as the registry can be used."""
    store = ModelStore(home)
    for data in bundles:
        bundle = Bundle.from_bytes(data)
        try:
            store.save(name, bundle, once=True)
        except (TetrariumError, OSError):
            store.save_file(name, bundle)


def _steps_in_use(checkpoint: Files) -> frozenset[int]:
    """Returns the steps of the best weights and of a pending evaluation, whose checkpoints are kept."""
    state = json.loads(checkpoint.get(storage.EVALUATION_STATE, b"{}"))
    return frozenset(state[name] for name in ("best_step", "pending_step") if state.get(name) is not None)
