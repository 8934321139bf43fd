"""Runs that look as if they had been trained: folders with a config, a state, records, checkpoints and replays."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import REPLAY_SUFFIX, Replay, pack_actions
from tetrarium.evaluation import named_policy, play_moves
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.records import EPISODE_COLUMNS, EVALUATION_COLUMNS, PROGRESS_COLUMNS

BEGUN: Final = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
STEPS: Final = 400_000


def make_run(home: Home, name: str, *, seed: int = 1, state: str = "finished", **values: Any) -> Path:
    """Makes a run.

    Args:
        home: Where.
        name: Its name.
        seed: Its seed, which also says when it was started.
        state: What it did last.
        values: ``rows`` of progress, ``mean`` lines a game at the end, ``checkpoints`` (steps, 1 kB each), ``preset``,
            and further settings of training.
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
            "started": (BEGUN + timedelta(hours=seed)).isoformat(), "seed": seed, "start_from": None, "preset": preset,
            "env_config": EnvConfig().to_dict(), "training_config": training.to_dict(),
            "versions": {"python": "3.11.7", "tetrarium": "0.1.0"}, "git_revision": "0123456789abcdef",
        },
    )  # fmt: skip
    step = max(checkpoints, default=0)
    told = {
        "state": state,
        "step": step,
        "total_steps": STEPS,
        "message": f"It has {state}.",
        "error": "",
        "seconds": 50,
    }
    _write(folder / "state.json", {"format_version": 1, "checkpoint": "", **told})
    _write_table(folder / "progress.csv", PROGRESS_COLUMNS, (_progress(k, rows, mean) for k in range(1, rows + 1)))
    _write_table(folder / "episodes.csv", EPISODE_COLUMNS, ((2_000, 0, 1.5, 3, 40, 0, 0.5),))
    evaluated = ((200_000, 100_000, 40.5, 10, 0, 500, 7, 1), (400_000, 300_000, 80.25, 10, 2, 500, 7, 1))
    _write_table(folder / "evaluations.csv", EVALUATION_COLUMNS, evaluated if rows else ())
    for saved in checkpoints:
        at = folder / "checkpoints" / str(saved)
        at.mkdir(parents=True)
        (at / "metadata.json").write_bytes(b" " * 1_000)
    return folder


def _progress(k: int, rows: int, mean: float) -> tuple[object, ...]:
    value = mean * k / rows
    return (
        k * STEPS // rows, k * 0.5, 4_000 + k, 10 * k, round(value, 3), round(value / 3, 3), round(2 * value, 3),
        int(3 * value), 0.1, 1 / k, k / 9, max(0.02, 1 - k / 10),
    )  # fmt: skip


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")


def _write_table(path: Path, columns: tuple[str, ...], rows: Any) -> None:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def keep_replay(run: Path, name: str, n_pieces: int, *, seed: int = 1, step: int = 5_000) -> Replay:
    """Lets a published controller play a game, and keeps it as a run keeps its own."""
    config = EnvConfig()
    moves = list(play_moves(named_policy("dellacherie"), config, seed, 0, max_pieces=n_pieces))
    last = moves[-1].state_tp1
    replay = Replay(
        env_config=config,
        seed=seed,
        game=0,
        actions=pack_actions(config, [move.action for move in moves]),
        lines=last.lines,
        pieces=last.pieces,
        over=last.over,
        about={"run": run.name, "step": step},
    )
    (run / "replays").mkdir(exist_ok=True)
    (run / "replays" / f"{name}{REPLAY_SUFFIX}").write_bytes(replay.to_bytes())
    os.utime(run / "replays")
    return replay
