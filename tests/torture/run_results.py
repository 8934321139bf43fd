"""Results of a run: its last checkpoint and its records, in comparable form."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tetrarium.environment import make_env
from tetrarium.registry.home import Home
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.algorithms.replay_buffer import STORED
from tetrarium.training.algorithms.sb3_learner import random_states
from tetrarium.training.checkpoints import checkpoint_store
from tetrarium.training.checkpoints.agent_checkpoint import read_policy, read_saved_policy
from tetrarium.training.runs.storage.folder import checkpoint_steps


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def episodes(run: Path) -> list[list[str]]:
    """Returns the rows of the episodes without wall time."""
    return [row[:-1] for row in rows(run / "episodes.csv")]


def progress(run: Path) -> list[list[str]]:
    """Returns the rows of the progress without wall time."""
    header, *others = rows(run / "progress.csv")
    timed = {header.index(name) for name in ("seconds", "evaluated_seconds", "steps_per_second")}
    return [[value for place, value in enumerate(row) if place not in timed] for row in (header, *others)]


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = EventAccumulator(str(run))
    accumulator.Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
        if not tag.startswith("time/")
    }


def replays(run: Path) -> dict[str, tuple[Any, ...]]:
    from tetrarium.environment.replays import Replay

    found = {path.name: Replay.from_bytes(path.read_bytes()) for path in (run / "replays").iterdir()}
    return {
        name: (replay.seed, replay.game, replay.lines, replay.pieces, bytes(replay.actions), replay.about.get("step"))
        for name, replay in found.items()
    }


def as_bytes(state: Any) -> Any:
    """Converts arrays and tensors to bytes, at any depth of nesting."""
    if isinstance(state, torch.Tensor):
        state = state.detach().numpy()
    if isinstance(state, np.ndarray):
        return (str(state.dtype), state.shape, state.tobytes())
    if isinstance(state, dict):
        return {name: as_bytes(value) for name, value in state.items()}
    return [as_bytes(value) for value in state] if isinstance(state, list | tuple) else state


def state_of(agent: TetrisAgent) -> dict[str, Any]:
    """Returns the state of an agent that determines its future; for algorithms other than dqn, their common part."""
    if agent.config.algorithm != "dqn":
        return as_bytes(
            {
                "weights": agent.learner.weights(),
                "counters": {"steps": agent.timesteps_trained, **agent.learner.counters()},
                "games": agent.vec_env.state(),
                "statistics": agent.statistics.state(),
            }
        )
    model = agent.model
    counters = ("num_timesteps", "_n_updates", "_episode_num", "_n_calls", "exploration_rate", "n_averaged")
    return as_bytes(
        {
            "policy": model.policy.state_dict(),
            "optimizer": model.policy.optimizer.state_dict(),
            "averaged": model.q_net_averaged.state_dict() if model.q_net_averaged is not None else None,
            "replay": {name: getattr(model.replay_buffer, name) for name in STORED},
            "replay position": (model.replay_buffer.pos, model.replay_buffer.full),
            "replay generator": model.replay_buffer.random.bit_generator.state,
            "games": agent.vec_env.state(),
            "observation": model._last_obs,
            "generators": random_states(model.action_space),
            "statistics": agent.statistics.state(),
            "counters": {name: getattr(model, name) for name in counters},
        }
    )


def load(home: Path, name: str, step: int) -> TetrisAgent:
    path = Home.locate(home).run_folder(name) / "checkpoints" / str(step)
    config = read_saved_policy(path).env_config
    return TetrisAgent.load_checkpoint(path, make_env(config)(), home=Home.locate(home))


def require_whole(run: Path) -> list[int]:
    """Verifies every checkpoint of a run completely; returns their steps."""
    steps = checkpoint_steps(run)
    for step in steps:
        path = run / "checkpoints" / str(step)
        checkpoint_store.verify(path, checkpoint_store.read_metadata(path))
    return steps


def result_of(home: Path, name: str) -> dict[str, Any]:
    """Returns the results of a finished run."""
    run = Home.locate(home).run_folder(name)
    steps = require_whole(run)
    best, _ = read_policy(run / "best", "best")
    return {
        "steps": steps,
        **state_of(load(home, name, steps[-1])),
        "episodes": episodes(run),
        "progress": progress(run),
        "evaluations": rows(run / "evaluations.csv"),
        "scalars": scalars(run),
        "replays": replays(run),
        "best": (best.name, as_bytes(read_saved_policy(run / "best").weights)),
    }


def assert_same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Compares two results part by part, so that a failure names the part."""
    for part, content in theirs.items():
        assert ours[part] == content, part
