"""Fabricated folders of runs: config, state, records, checkpoints and replays without any training."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import REPLAY_SUFFIX, Replay, pack_actions
from tetrarium.evaluation import named_policy, play_moves
from tetrarium.registry.home import Home
from tetrarium.registry.run_tables import EPISODES, EVALUATIONS, PROGRESS
from tetrarium.training import TrainingConfig
from tetrarium.training.checkpoints.metadata import FORMAT_VERSION, METADATA_NAME, Metadata

BASE_TIME: Final = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
STEPS: Final = 400_000


def make_run(home: Home, name: str, *, seed: int = 1, state: str = "finished", **values: Any) -> Path:
    """Creates the folder of a run.

    Args:
        home: Home of the run.
        name: Name of the run.
        seed: Seed of the run, and its start time in hours after ``BASE_TIME``.
        state: Last state of the run.
        values: ``rows`` of progress, ``mean`` lines per game at the end, ``checkpoints`` (steps, 1 kB each),
            ``preset``, and further training settings.
    """
    rows, mean = values.pop("rows", 20), values.pop("mean", 100.0)
    checkpoints, preset = values.pop("checkpoints", (STEPS,)), values.pop("preset", "default")
    folder = home.run_folder(name)
    folder.mkdir(parents=True)
    training = TrainingConfig(seed=seed, total_timesteps=STEPS, **values)
    _write(
        folder / "config.json",
        {
            "format_version": 1, "name": name, "command": f"tetrarium train --name {name}",
            "started": (BASE_TIME + timedelta(hours=seed)).isoformat(), "seed": seed,
            "start_from": None, "preset": preset,
            "env_config": EnvConfig().to_dict(), "training_config": training.to_dict(),
            "versions": {"python": "3.11.7", "tetrarium": "0.1.0"}, "git_revision": "0123456789abcdef",
        },
    )  # fmt: skip
    step = max(checkpoints, default=0)
    body = {
        "state": state,
        "step": step,
        "total_steps": STEPS,
        "message": f"It has {state}.",
        "error": "",
        "seconds": 50,
    }
    _write(folder / "state.json", {"format_version": 1, "checkpoint": "", **body})
    _write_table(folder / "progress.csv", PROGRESS.column_names, (_progress(k, rows, mean) for k in range(1, rows + 1)))
    _write_table(folder / "episodes.csv", EPISODES.column_names, ((2_000, 0, 1.5, 3, 40, 0, 0.5),))
    evaluated = (
        (200_000, 100_000, 10, 500, 0, 40.5, 40.5, 22.2, 77.1, 50, 0, 8.25, 6.5, 10.5, 7, 1),
        (400_000, 300_000, 10, 500, 2, 80.25, 100.25, 55.5, 203.5, 50, 0, 30.4, 24.5, 38.25, 7, 1),
    )
    _write_table(folder / "evaluations.csv", EVALUATIONS.column_names, evaluated if rows else ())
    for saved in checkpoints:
        make_checkpoint(folder, saved)
    return folder


def make_checkpoint(run: Path, step: int) -> None:
    """Creates a checkpoint of 1,000 bytes without files beside its metadata."""
    unsigned = {
        "format_version": FORMAT_VERSION, "algorithm": "dqn", "training_config": {}, "env_config": {},
        "counters": {"timesteps_trained": step}, "seed": 1, "library_versions": {}, "files": {},
    }  # fmt: skip
    at = run / "checkpoints" / str(step)
    at.mkdir(parents=True)
    (at / METADATA_NAME).write_bytes(Metadata.signed(unsigned, bytes(32)).to_bytes().ljust(1_000))


def _progress(k: int, rows: int, mean: float) -> tuple[object, ...]:
    value = mean * k / rows
    return (
        k * STEPS // rows, k * 0.5, 0.0, 4_000 + k, 10 * k, 10 * k, k * STEPS // rows - 10, 1.5,
        round(value, 3), 60, 40, round(value / 3, 3), round(2 * value, 3),
        int(3 * value), 0.1, 1 / k, k / 9, max(0.02, 1 - k / 10),
    )  # fmt: skip


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")


def _write_table(path: Path, columns: tuple[str, ...], rows: Any) -> None:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def save_replay(
    run: Path, name: str, n_pieces: int, *, seed: int = 1, step: int = 5_000, config: EnvConfig | None = None
) -> Replay:
    """Plays a game with a published controller and saves its replay in a run's folder."""
    config = config or EnvConfig()
    moves = list(play_moves(named_policy("dellacherie"), config, seed, 0, max_pieces=n_pieces))
    last = moves[-1].state_tp1
    replay = Replay(
        env_config=config,
        seed=seed,
        game=0,
        actions=pack_actions(config, [move.action for move in moves]),
        lines=last.lines,
        pieces=last.pieces,
        terminated=last.terminated,
        about={"run": run.name, "step": step},
    )
    (run / "replays").mkdir(exist_ok=True)
    (run / "replays" / f"{name}{REPLAY_SUFFIX}").write_bytes(replay.to_bytes())
    os.utime(run / "replays")
    return replay
